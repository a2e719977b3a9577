"""Property tests: the same examples at every run, so that a failure is always there again; no deadlines."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile('crystalmath', deadline=None, derandomize=True)
settings.load_profile('crystalmath')
