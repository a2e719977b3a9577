"""Vibrations: modes at Gamma, intensities, charges and tensors, phonon dispersion and density of states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.thermodynamics import Thermodynamics

ComplexArray = NDArray[np.complex64]
"""Eigenvectors of a q point: printed with four decimals, so that single precision loses nothing."""

IntensityMethod = Literal['berry_phase', 'wannier', 'cphf']
RamanComponent = Literal['xx', 'xy', 'xz', 'yy', 'yz', 'zz']


@dataclass(slots=True)
class Mode:
    """One normal mode at Gamma. CRYSTAL prints a degenerate set on one line; here each mode has its own entry.

    :param n: number of the mode, from 1.
    :param frequency_cm1: negative for an imaginary frequency, as printed.
    :param degeneracy: modes of the printed line this one is from.
    :param ir_intensity_km_per_mol: integrated intensity of the *whole* degenerate set, as printed (it has the factor
        d_n); one mode's share is :attr:`ir_intensity_share_km_per_mol`. None when no intensities were computed, where
        CRYSTAL prints 0.00 everywhere.
    """

    n: int
    frequency_cm1: float | None
    frequency_thz: float | None = None
    eigenvalue_hartree2: float | None = None
    irrep: str | None = None
    degeneracy: int = 1
    ir_active: bool | None = None
    ir_intensity_km_per_mol: float | None = None
    raman_active: bool | None = None
    raman_total: float | None = None
    """Polycrystalline, total, of the whole degenerate set; arbitrary units, the most intense peak is 1000."""
    raman_parallel: float | None = None
    raman_perpendicular: float | None = None
    raman_single_crystal: dict[RamanComponent, float] | None = None
    """Directional intensities of a single crystal, arbitrary units (most intense 1000)."""

    @property
    def is_imaginary(self) -> bool:
        """Whether the frequency is printed negative (translations often are, by a fraction of 1 cm^-1)."""
        return self.frequency_cm1 is not None and self.frequency_cm1 < 0.0

    @property
    def ir_intensity_share_km_per_mol(self) -> float | None:
        """The intensity divided by the degeneracy, which can be summed over modes."""
        return None if self.ir_intensity_km_per_mol is None else self.ir_intensity_km_per_mol / self.degeneracy


@dataclass
class Irrep:
    """An irreducible representation of the vibrations, as in ``Fu -(3,   2);``.

    :param n_sets: how many times it occurs (translations and rotations included).
    """

    name: str
    dimension: int
    n_sets: int


@dataclass(slots=True)
class LoMode:
    """A longitudinal optical mode (or degenerate set) that differs from its transverse one.

    :param first: number of the first mode of the set, from 1; ``last`` the last one, inclusive.
    :param shift_cm1: LO minus TO frequency.
    :param direction: of the electric field, Cartesian, from ``SYMMETRY ADAPTED DIRECTIONS``; None if not printed,
        or if several are printed for the irrep.
    """

    first: int
    last: int
    frequency_cm1: float
    frequency_thz: float | None = None
    eigenvalue_hartree2: float | None = None
    irrep: str | None = None
    ir_intensity_km_per_mol: float | None = None
    shift_cm1: float | None = None
    shift_thz: float | None = None
    direction: tuple[float, float, float] | None = None


@dataclass
class LoToSplitting:
    """The longitudinal optical modes, of a run with a dielectric tensor and Born charges.

    :param overlaps: per irrep the LO frequencies (cm^-1, shape (n_lo,)), the TO frequencies (shape (n_to,)) and the
        overlap of their eigenvectors (shape (n_lo, n_to)).
    :param eigenvectors: per irrep the frequencies of the longitudinal modes (cm^-1, shape (n,), in the order of this
        table) and their displacements, shape (n, n_atoms, 3), as :attr:`Frequencies.eigenvectors`.
    """

    modes: list[LoMode] = field(default_factory=list)
    overlaps: dict[str, tuple[Array, Array, Array]] = field(default_factory=dict)
    eigenvectors: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    complete: bool = False


@dataclass
class Dielectric:
    """Dielectric tensors of a frequency run; pure numbers, shape (3, 3), Cartesian axes.

    :param electronic: high-frequency tensor used (from input, CPHF or the like); None when not printed here.
    :param electronic_source: as printed, for example 'INPUT'.
    :param vibrational: sum of the contributions of the modes.
    :param static: electronic plus vibrational.
    :param oscillator_strengths: contribution of each mode that has one, by its number (from 1).
    """

    electronic: Array | None = None
    electronic_source: str | None = None
    vibrational: Array | None = None
    static: Array | None = None
    oscillator_strengths: dict[int, Array] = field(default_factory=dict)
    complete: bool = False


@dataclass(slots=True)
class Displacement:
    """One line of ``FORCE CONSTANT MATRIX - NUMERICAL ESTIMATE``; energies in hartree, gradients in hartree/bohr.

    :param atom: number of the displaced atom, from 1; 0 for the central point.
    :param direction: 'X', 'Y' or 'Z'; '' for the central point.
    :param source: 'computed', 'generated' (by symmetry) or 'restored' (from FREQINFO.DAT).
    :param energy_difference_hartree: with respect to the central point; negative means it is no minimum.
    """

    atom: int
    direction: str
    source: Literal['computed', 'generated', 'restored']
    max_gradient: float | None = None
    energy_hartree: float | None = None
    n_cycles: int | None = None
    energy_difference_hartree: float | None = None


@dataclass(slots=True)
class PhononQPoint:
    """One point of a phonon dispersion.

    :param n: number of the point in its run, from 1.
    :param integers: coordinates as printed, in units of the shrinking factors.
    :param coordinates: fractional, of the primitive reciprocal vectors; None when the shrinking factors are unknown.
    :param is_real: printed with R (a real point, modes are real) and not with C.
    :param frequencies_cm1: shape (n_modes,), ascending, degenerate sets expanded.
    :param irreps: label per mode.
    :param eigenvectors: shape (n_modes, n_atoms, 3), complex, of the reference cell; the imaginary part is what
        CRYSTAL prints as ``MODES IN ANTI-PHASE``. None if not printed, or beyond :data:`QPOINT_EIGENVECTOR_LIMIT`.
    :param segment: index (from 0) of the ``PHONONS ALONG PATH`` this point belongs to; None off a path.
    """

    n: int
    integers: tuple[int, int, int]
    coordinates: tuple[float, float, float] | None
    is_real: bool
    weight: float
    frequencies_cm1: Array
    irreps: tuple[str, ...] = ()
    eigenvectors: ComplexArray | None = None
    segment: int | None = None
    complete: bool = True

    @property
    def is_gamma(self) -> bool:
        """Whether the point is Gamma."""
        return self.integers == (0, 0, 0)


@dataclass
class PhononPath:
    """One segment of a phonon band path: its ends as integers in units of ``denominator``, and its points."""

    start: tuple[int, int, int]
    end: tuple[int, int, int]
    denominator: int
    n_points: int


@dataclass
class PhononDos:
    """Phonon density of states; states per cm^-1 and reference cell, the total integrates to 3N.

    :param frequencies_cm1: shape (n,).
    :param total: shape (n,); None if only projections are printed.
    :param atoms: projection per atom, by its number from 1 (``ATOMIC PDOS``).
    :param species: projection per atomic number (``VALUES PER ATOMIC SPECIES``).
    :param integral: ``INTEGRAL OF THE TOTAL PDOS`` as printed.
    """

    frequencies_cm1: Array
    total: Array | None = None
    atoms: dict[int, Array] = field(default_factory=dict)
    species: dict[int, Array] = field(default_factory=dict)
    integral: float | None = None
    complete: bool = False


@dataclass
class Frequencies:
    """Vibrational frequencies of one FREQCALC.

    A run at Gamma has its modes in :attr:`modes`. A dispersion has all points in :attr:`qpoints`, and in ``modes``
    those of its first Gamma point (none if Gamma is not among its points).

    :param complete: the table of :attr:`modes` (of a dispersion: of every announced point) was printed to its end.
        While False the frequencies are no final result.
    """

    modes: list[Mode] = field(default_factory=list)
    complete: bool = False
    line: int = 0
    """Line of the table of :attr:`modes` (of its header, or of its point in a dispersion)."""
    symbols: tuple[str, ...] = ()
    masses_amu: tuple[float, ...] = ()
    """Isotopic mass per atom (of the supercell in a dispersion); empty if the table was cut."""
    step_angstrom: float | None = None
    """Displacement of the numerical second derivatives."""
    displacements_per_coordinate: int | None = None
    """1 (+dx) or 2 (+-dx)."""
    n_calculations: int | None = None
    """``NUMBER OF SCF+GRADIENT CALCULATIONS``."""
    n_irreducible_atoms: int | None = None
    displacements: list[Displacement] = field(default_factory=list)
    displacements_complete: bool = False
    is_restart: bool = False
    """Started from FREQINFO.DAT: the output may hold no SCF at all."""
    intensity_method: IntensityMethod | None = None
    """How infrared intensities were computed; None if they were not (or the output does not say how)."""
    intensities_computed: bool = False
    """Infrared intensities were computed: ``INTEGRATED IR INTENSITIES`` is explained, or one is not zero."""
    irreps: list[Irrep] = field(default_factory=list)
    """Symmetry species of the vibrations; of a dispersion those of its first point."""
    eigenvectors: Array | None = None
    """Shape (n_modes, n_atoms, 3), Cartesian displacements in bohr, normalised to classical amplitudes (of the
    zero-point vibration); real also for a dispersion (Gamma). None unless printed for every mode."""
    born_charges_e: Array | None = None
    """Atomic Born (dynamic) charge tensors, shape (n_atoms, 3, 3), in e; rows and columns as printed."""
    mode_born_charges: Array | None = None
    """Born charge vector of each mode, shape (n_modes, 3), e*m_e**(-1/2)."""
    dielectric: Dielectric | None = None
    lo_to: LoToSplitting | None = None
    raman_complete: bool | None = None
    """Whether the Raman tables were printed to their end; None without them."""
    is_dispersion: bool = False
    supercell: tuple[tuple[float, float, float], ...] | None = None
    """Expansion of the reference cell (rows), of a dispersion."""
    n_qpoints: int | None = None
    """Points announced in ``LIST OF THE K POINTS``."""
    shrink: tuple[int, int, int] | None = None
    """Shrinking factors the coordinates of the q points are in units of."""
    reciprocal_vectors: Array | None = None
    """Of the reference cell, rows, Å^-1 with the factor 2 pi: 2.9588 where the hexagonal cell of graphene is 2.1235 Å
    high (``graphene_phonon_band``), 0.0126 along a non-periodic axis of 500 Å."""
    qpoints: list[PhononQPoint] = field(default_factory=list)
    paths: list[PhononPath] = field(default_factory=list)
    eigenvectors_dropped: bool = False
    """Eigenvectors of later q points were left out to bound the memory."""
    phonon_dos: PhononDos | None = None
    path_dos: list[PhononDos] = field(default_factory=list)
    """Densities of states of the points of each segment of a band path, which BANDS with PDOS prints: none of the
    Brillouin zone."""
    thermodynamics: list[Thermodynamics] = field(default_factory=list)
    n_thermodynamic_modes: int | None = None
    """``THERMODYNAMICAL PROPERTIES ARE CALCULATED AS A SUM OVER n MODES`` of a dispersion."""

    @property
    def frequencies_cm1(self) -> list[float | None]:
        """Frequencies of :attr:`modes`, imaginary ones negative."""
        return [mode.frequency_cm1 for mode in self.modes]

    @property
    def n_imaginary(self) -> int:
        """How many modes of :attr:`modes` are printed with a negative frequency, translations included."""
        return sum(mode.is_imaginary for mode in self.modes)


QPOINT_EIGENVECTOR_LIMIT = 32 * 1024 * 1024
"""Bytes that the eigenvectors of all q points but Gamma may take; later points keep their frequencies only."""
