"""Symmetry: from a user's structure to CRYSTAL's geometry input and back.

:func:`reduce` turns any structure into a geometry block (asymmetric unit of a space group, or EXTERNAL and fort.34),
:class:`ReducedGeometry` undoes it on results, and :func:`expand` builds the primitive cell that CRYSTAL makes of one.
"""

from __future__ import annotations

from .build import SymmetryError, expand
from .lattice import minimal_cell
from .layers import layer_setting
from .mapping import align
from .reduction import Mode, ReducedGeometry, reduce
from .settings import Setting, setting, setting_of_symbol

__all__ = (
    'Mode',
    'ReducedGeometry',
    'Setting',
    'SymmetryError',
    'align',
    'expand',
    'layer_setting',
    'minimal_cell',
    'reduce',
    'setting',
    'setting_of_symbol',
)
