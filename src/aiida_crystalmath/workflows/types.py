"""Words that the builders of all work chains understand.

The values are those of aiida-quantumespresso and aiida-common-workflows, so that a script that speaks to one of them
can speak to this package.
"""

from __future__ import annotations

from enum import Enum

__all__ = ('ElectronicType', 'RelaxType', 'SpinType')


class ElectronicType(Enum):
    """What kind of electronic structure is expected."""

    METAL = 'metal'
    """Bands cross the Fermi energy: the occupations are smeared."""

    INSULATOR = 'insulator'
    """Fixed occupations."""

    AUTOMATIC = 'automatic'
    """Not known beforehand: CRYSTAL's own default, which is fixed occupations until a band crosses."""


class SpinType(Enum):
    """How spin is treated."""

    NONE = 'none'
    COLLINEAR = 'collinear'
    NON_COLLINEAR = 'non_collinear'
    SPIN_ORBIT = 'spin_orbit'


class RelaxType(Enum):
    """Which degrees of freedom an optimisation moves."""

    NONE = 'none'
    POSITIONS = 'positions'
    VOLUME = 'volume'
    SHAPE = 'shape'
    CELL = 'cell'
    POSITIONS_VOLUME = 'positions_volume'
    POSITIONS_SHAPE = 'positions_shape'
    POSITIONS_CELL = 'positions_cell'
