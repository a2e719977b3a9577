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
from aiida_crystalmath.crystal.outputs.models.elastic import (
    Elastic,
    ElasticFit,
    ElasticModuli,
    ElasticStrain,
    Photoelastic,
    Piezoelectric,
    PrintedTensor,
    SeismicVelocity,
)
from aiida_crystalmath.crystal.outputs.models.equation_of_state import (
    EosCurve,
    EosFit,
    EosPoint,
    EquationOfState,
)
from aiida_crystalmath.crystal.outputs.models.forces import Gradients
from aiida_crystalmath.crystal.outputs.models.frequencies import (
    Dielectric,
    Displacement,
    Frequencies,
    Irrep,
    LoMode,
    LoToSplitting,
    Mode,
    PhononDos,
    PhononPath,
    PhononQPoint,
)
from aiida_crystalmath.crystal.outputs.models.functional import Functional
from aiida_crystalmath.crystal.outputs.models.grids import BandGrid, Grid3D, GridAtoms, PlaneMap, Profile, Trajectory
from aiida_crystalmath.crystal.outputs.models.messages import Engine, Message, Program, Stage, Timings
from aiida_crystalmath.crystal.outputs.models.optimisation import (
    Optimisation,
    OptPoint,
    OptSettings,
    OptStatus,
    OptTarget,
    PointGeometry,
)
from aiida_crystalmath.crystal.outputs.models.output import CrystalOutput, Status
from aiida_crystalmath.crystal.outputs.models.polarisability import (
    CoupledPerturbedCycles,
    HyperComponent,
    LinearResponse,
    OpticalResponse,
    Polarisability,
)
from aiida_crystalmath.crystal.outputs.models.population import (
    DensityPopulation,
    Mulliken,
    OverlapPopulation,
    PopulationAnalysis,
)
from aiida_crystalmath.crystal.outputs.models.properties import BandPathSegment, Bands, Dos, Properties
from aiida_crystalmath.crystal.outputs.models.property_results import (
    AtomicWavefunction,
    BandEdges,
    BandRun,
    CriticalPoint,
    DensityGrid,
    DensityMap,
    DosRun,
    Newk,
    PropertyResult,
    StructureFactor,
    Topond,
    XraySpectrum,
)
from aiida_crystalmath.crystal.outputs.models.resources import Resources
from aiida_crystalmath.crystal.outputs.models.scf import (
    Accelerator,
    Eigenvalues,
    ElectronicState,
    GapKind,
    ScfCycle,
    ScfRun,
    ScfSettings,
    ScfStatus,
)
from aiida_crystalmath.crystal.outputs.models.symmetry_operators import SymmetryOperators
from aiida_crystalmath.crystal.outputs.models.thermodynamics import (
    PvtTable,
    QuasiHarmonic,
    ThermalTable,
    Thermodynamics,
)
from aiida_crystalmath.crystal.outputs.models.transport import (
    TransportDistribution,
    TransportQuantity,
    TransportSettings,
    TransportTensor,
)
from aiida_crystalmath.crystal.outputs.models.wave_function import WaveFunction

__all__ = (
    'Accelerator',
    'Array',
    'AtomicWavefunction',
    'BandEdges',
    'BandGrid',
    'BandPathSegment',
    'BandRun',
    'Bands',
    'CellParameters',
    'CellReport',
    'CoupledPerturbedCycles',
    'CriticalPoint',
    'CrystalOutput',
    'DensityGrid',
    'DensityMap',
    'DensityPopulation',
    'Dielectric',
    'Displacement',
    'Dos',
    'DosRun',
    'Eigenvalues',
    'Elastic',
    'ElasticFit',
    'ElasticModuli',
    'ElasticStrain',
    'ElectronicState',
    'Engine',
    'EosCurve',
    'EosFit',
    'EosPoint',
    'EquationOfState',
    'Frequencies',
    'Functional',
    'GapKind',
    'Gradients',
    'Grid3D',
    'GridAtoms',
    'GroupKind',
    'HyperComponent',
    'Irrep',
    'LinearResponse',
    'LoMode',
    'LoToSplitting',
    'Message',
    'Mode',
    'Mulliken',
    'Newk',
    'OptPoint',
    'OptSettings',
    'OptStatus',
    'OptTarget',
    'OpticalResponse',
    'Optimisation',
    'OverlapPopulation',
    'PhononDos',
    'PhononPath',
    'PhononQPoint',
    'Photoelastic',
    'Piezoelectric',
    'PlaneMap',
    'PointGeometry',
    'Polarisability',
    'PopulationAnalysis',
    'PrintedAtomBasis',
    'PrintedBasis',
    'PrintedPotential',
    'PrintedShell',
    'PrintedTensor',
    'Profile',
    'Program',
    'Properties',
    'PropertyResult',
    'PvtTable',
    'QuasiHarmonic',
    'Resources',
    'ScfCycle',
    'ScfRun',
    'ScfSettings',
    'ScfStatus',
    'SeismicVelocity',
    'Stage',
    'Status',
    'StructureFactor',
    'SymmetryGroup',
    'SymmetryOperators',
    'ThermalTable',
    'Thermodynamics',
    'Timings',
    'Topond',
    'Trajectory',
    'TransportDistribution',
    'TransportQuantity',
    'TransportSettings',
    'TransportTensor',
    'WaveFunction',
    'XraySpectrum',
)
