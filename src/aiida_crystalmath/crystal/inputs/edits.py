"""Edits of the geometry: keywords behind a geometry block that make another structure of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ('STRUCTURE_EDITS', 'edits_structure')

STRUCTURE_EDITS = frozenset(
    """
    ATOMBSSE ATOMDISP ATOMINSE ATOMREMO ATOMROT ATOMSUBS CLUSTER CLUSTSIZE CRYSTAL2 ELASTIC FULLERCON HYDROSUB MOLEBSSE
    MOLECULE MOLEXP MOLSPLIT NANOCRYSTAL NANOROD NANOTUBE REDEFINE ROTCRY SCELCONF SCELPHONO SLAB SLABCUT
    SUPERCEL SUPERCELL SUPERCON SWCNT SWCNTRE WULFF
    """.split()
)
"""Edits behind a geometry block after which the cell or the atoms are others."""


def edits_structure(geometry: Mapping[str, Any]) -> bool:
    """Whether an input makes another structure of the one it is given: other cell, or other atoms.

    :param geometry: ``parameters['geometry']`` of the input, which has ``edits`` and ``scelphono``.
    """
    words = (line.split()[0].upper() for line in geometry.get('edits') or () if line.split())
    return geometry.get('scelphono') is not None or any(word in STRUCTURE_EDITS for word in words)
