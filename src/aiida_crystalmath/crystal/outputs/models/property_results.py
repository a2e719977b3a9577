"""What single keywords of the properties program tell on stdout."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.scf import GapKind

Vector = tuple[float, float, float]


@dataclass
class PropertyResult:
    """One keyword the properties program worked on.

    :param keyword: in upper case, 'NEWK', 'BAND', 'ECHG', ...
    :param complete: its end was printed (its time line, or the data it announced) and no error came before it.
    :param line: line of its first words.
    :param error: the ERROR line that stopped it.
    :param wall_s: elapsed time of the program when the keyword ended, where a time line tells it.
    """

    keyword: str
    complete: bool = False
    line: int = 0
    error: str | None = None
    wall_s: float | None = None
    cpu_s: float | None = None


@dataclass
class BandEdges:
    """State of one spin channel after NEWK, or of a closed shell.

    :param spin: '' for a closed shell or one statement for both spins, else 'alpha' or 'beta'.
    """

    spin: Literal['', 'alpha', 'beta'] = ''
    conducting: bool | None = None
    fermi_energy_hartree: float | None = None
    vbm_hartree: float | None = None
    cbm_hartree: float | None = None
    gap_ev: float | None = None
    gap_kind: GapKind | None = None


@dataclass
class Newk:
    """One NEWK: eigenvectors on a new mesh.

    :param shrink: IS1, IS2, IS3 of the Monkhorst-Pack mesh.
    :param gilat: ISP.
    :param n_kpoints: in the irreducible zone.
    :param channels: one or two; empty when the Fermi energy was not asked for.
    """

    shrink: tuple[int, int, int] | None = None
    gilat: int | None = None
    n_kpoints: int | None = None
    n_kpoints_gilat: int | None = None
    kpoints: Array | None = None
    """Integer coordinates in units 1/IS where the table was printed, shape (n_kpoints, 3)."""
    channels: list[BandEdges] = field(default_factory=list)
    complete: bool = False


@dataclass
class BandRun:
    """One BAND as echoed.

    :param energy_range_hartree: lowest and highest energy of the bands, absolute.
    """

    title: str = ''
    first_band: int | None = None
    last_band: int | None = None
    n_kpoints: int | None = None
    n_segments: int = 0
    energy_range_hartree: tuple[float, float] | None = None
    fermi_energy_hartree: float | None = None
    complete: bool = False


@dataclass
class DosRun:
    """One DOSS, COOP or COHP as echoed.

    :param keyword: which of them.
    :param bands: first and last band.
    :param energy_range_hartree: absolute.
    :param projections: numbers of the atomic orbitals of each projection, from 1.
    :param band_integrals: band number to its integrated density in each projection and in total (last), electrons;
        of the last spin printed.
    :param integrals: integrated densities in the interval, each projection and the total (last); one list a spin.
    """

    keyword: str = 'DOSS'
    bands: tuple[int, int] | None = None
    energy_range_hartree: tuple[float, float] | None = None
    n_polynomials: int | None = None
    n_projections: int | None = None
    n_energies: int | None = None
    projections: list[list[int]] = field(default_factory=list)
    band_integrals: dict[int, list[float]] = field(default_factory=dict)
    integrals: list[list[float]] = field(default_factory=list)
    complete: bool = False


@dataclass
class DensityMap:
    """One field on a plane (ECHG, POTM, ...), in the order of the maps of fort.25.

    :param quantity: 'charge', 'spin', 'potential', or the words the program prints ('Z-COMP MAGNETIZATION m_z').
    :param corners_bohr: points A, B, C; A is point (1, 1), B is (n_x, 1), C is (n_x, n_y).
    :param shape: n_x along A-B (CRYSTAL's NPY), n_y along B-C (NPX).
    :param derivative: order of the derivatives that were asked for.
    :param minimum: in e/bohr^3 (charge and spin) or hartree/e (potential).
    """

    quantity: str = 'unknown'
    corners_bohr: tuple[Vector, Vector, Vector] | None = None
    shape: tuple[int, int] | None = None
    derivative: int = 0
    minimum: float | None = None
    maximum: float | None = None
    atomic: bool = False
    """The density matrix was the superposition of atomic ones (PATO) at that point of the deck."""
    complete: bool = False


@dataclass
class DensityGrid:
    """One 3D grid (ECH3, POT3); the values are in DENS_CUBE.DAT, SPIN_CUBE.DAT or POT_CUBE.DAT.

    :param shape: points in each direction.
    :param keyword: ECH3 or POT3.
    """

    keyword: str = 'ECH3'
    shape: tuple[int, int, int] | None = None
    complete: bool = False


@dataclass(frozen=True)
class AtomicWavefunction:
    """One atom of PATO (or of the initial guess).

    :param nuclear_charge: as printed; valence charge with an effective core.
    """

    nuclear_charge: float
    n_electrons: float | None
    energy_hartree: float
    kinetic_energy_hartree: float
    virial: float


@dataclass(frozen=True)
class StructureFactor:
    """One X-ray structure factor.

    :param hkl: indices in the conventional cell.
    :param vector: PX, PY, PZ as printed (bohr^-1).
    :param value: real and imaginary part, electrons.
    :param multiplicity: None where it is not printed (XFAC of older versions).
    """

    hkl: tuple[int, int, int]
    vector: Vector
    value: complex
    multiplicity: int | None = None


@dataclass
class XraySpectrum:
    """Powder spectrum of XRDSPEC.

    :param peaks: rows h, k, l, 2 theta (degrees), distance (ångström), intensity, with Lorentz-polarisation, with
        Lorentz-polarisation and Debye-Waller factor; shape (n, 8).
    :param spectrum: rows 2 theta (degrees) and the three intensities (arbitrary units); shape (n, 4).
    """

    wavelength_angstrom: float | None = None
    debye_waller_angstrom2: float | None = None
    peaks: Array | None = None
    spectrum: Array | None = None
    complete: bool = False


@dataclass
class CriticalPoint:
    """One critical point of the density found by TOPOND.

    :param number: as printed.
    :param kind: (rank, signature): (3, -3) attractor, (3, -1) bond, (3, 1) ring, (3, 3) cage.
    :param position_bohr: Cartesian.
    :param fractional: coordinates in the conventional cell.
    :param density: e/bohr^3.
    :param gradient: its magnitude, e/bohr^4.
    :param laplacian: e/bohr^5.
    :param kinetic_energy: densities G and K, hartree/bohr^3.
    :param virial: density, hartree/bohr^3.
    :param words: what the line of the number tells of the atoms.
    """

    number: int
    kind: tuple[int, int] | None = None
    position_bohr: Vector | None = None
    fractional: Vector | None = None
    density: float | None = None
    gradient: float | None = None
    laplacian: float | None = None
    kinetic_energy: tuple[float, float] | None = None
    virial: float | None = None
    elf: float | None = None
    words: str = ''


@dataclass
class Topond:
    """What TOPOND did.

    :param version: '2021'.
    :param tasks: its sections in order, as printed: 'PLOT2D', 'PLOT3D', ...
    :param files: name of each data file, with the words for the function in it (cut to 20 letters for cube files).
    :param critical_points: layout known from other readers of TOPOND's output, not from a file of the test corpus.
    """

    version: str = ''
    tasks: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    plot_ranges_angstrom: list[Vector] = field(default_factory=list)
    """First, last and increment of each axis of a plot."""
    critical_points: list[CriticalPoint] = field(default_factory=list)
    complete: bool = False
