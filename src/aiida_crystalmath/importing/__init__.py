"""Bringing finished runs into AiiDA: many, fast, each wholly or not at all, and none twice."""

from __future__ import annotations

from .session import ImportSession, Outcome, Result

__all__ = ('ImportSession', 'Outcome', 'Result')
