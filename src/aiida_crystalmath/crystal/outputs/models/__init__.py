"""Result types of the output readers: plain dataclasses, no behaviour beyond simple derived properties.

Every physical field names its unit. ``None`` always means "not printed, or not certain": a reader never fills a field
with a guess, and no field claims a finished calculation when the file stops before its end. Results of a section that
may be cut say so in ``complete``.
"""

from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.basis_printed import (
    PrintedAtomBasis,
    PrintedBasis,
    PrintedPotential,
    PrintedShell,
)
from aiida_crystalmath.crystal.outputs.models.cell import CellParameters, CellReport, GroupKind, SymmetryGroup
from aiida_crystalmath.crystal.outputs.models.forces import Gradients
from aiida_crystalmath.crystal.outputs.models.messages import Engine, Message, Program, Stage, Timings
from aiida_crystalmath.crystal.outputs.models.optimisation import Optimisation, OptPoint, OptStatus
from aiida_crystalmath.crystal.outputs.models.output import CrystalOutput
from aiida_crystalmath.crystal.outputs.models.population import (
    Mulliken,
    OverlapPopulation,
    Population,
    PopulationAnalysis,
)
from aiida_crystalmath.crystal.outputs.models.properties import BandPathSegment, Bands, Dos, Properties
from aiida_crystalmath.crystal.outputs.models.resources import Resources
from aiida_crystalmath.crystal.outputs.models.scf import GapKind, ScfCycle, ScfRun, ScfStatus
from aiida_crystalmath.crystal.outputs.models.symmetry_operators import SymmetryOperators

__all__ = (
    'Array',
    'BandPathSegment',
    'Bands',
    'CellParameters',
    'CellReport',
    'CrystalOutput',
    'Dos',
    'Engine',
    'GapKind',
    'Gradients',
    'GroupKind',
    'Message',
    'Mulliken',
    'OptPoint',
    'OptStatus',
    'Optimisation',
    'OverlapPopulation',
    'Population',
    'PopulationAnalysis',
    'PrintedAtomBasis',
    'PrintedBasis',
    'PrintedPotential',
    'PrintedShell',
    'Program',
    'Properties',
    'Resources',
    'ScfCycle',
    'ScfRun',
    'ScfStatus',
    'Stage',
    'SymmetryGroup',
    'SymmetryOperators',
    'Timings',
)
