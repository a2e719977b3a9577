"""Results of the properties program."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.property_results import (
    AtomicWavefunction,
    BandRun,
    DensityGrid,
    DensityMap,
    DosRun,
    Newk,
    PropertyResult,
    StructureFactor,
    Topond,
    XraySpectrum,
)
from aiida_crystalmath.crystal.outputs.models.transport import TransportSettings


@dataclass
class BandPathSegment:
    """One straight line of a BAND calculation, as echoed by properties.

    :param start: fractional coordinates in CRYSTAL's primitive reciprocal cell.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    n_points: int | None = None
    step: float | None = None


@dataclass
class Properties:
    """What the properties program tells on stdout (energies hartree)."""

    title: str = ''
    fermi_energy_hartree: float | None = None
    """Of NEWK or the bands where they tell it, otherwise that of the wavefunction."""
    fermi_wavefunction_hartree: float | None = None
    """Stored with the wavefunction, three decimals: the zero of energy of BAND.DAT and DOSS.DAT."""
    n_electrons: float | None = None
    n_ao: int | None = None
    shrink: tuple[int, int, int, int] | None = None
    """IS1, IS2, IS3 and ISP of NEWK, or of the wavefunction."""
    n_kpoints: int | None = None
    newk: bool = False
    band_title: str | None = None
    first_band: int | None = None
    last_band: int | None = None
    segments: list[BandPathSegment] = field(default_factory=list)
    dos_projections: int | None = None
    dos_range_hartree: tuple[float, float] | None = None
    keywords: list[str] = field(default_factory=list)
    """Keywords the program worked on (NEWK, BAND, DOSS, ...), in order; those that were cut included."""
    results: list[PropertyResult] = field(default_factory=list)
    """The same keywords, each with what is known of its end."""
    deck_keywords: list[str] = field(default_factory=list)
    """Keywords of the input deck where the text before the banner echoes it; empty where nothing is echoed."""
    newk_result: Newk | None = None
    """The last NEWK."""
    band_runs: list[BandRun] = field(default_factory=list)
    """One a BAND; the fields ``segments``, ``first_band`` ... above speak of the last one."""
    dos_runs: list[DosRun] = field(default_factory=list)
    """One a DOSS, COOP or COHP."""
    maps: list[DensityMap] = field(default_factory=list)
    """One a field that ECHG and POTM put on a plane; the values are in fort.25."""
    grids: list[DensityGrid] = field(default_factory=list)
    """One a 3D grid of ECH3 and POT3; the values are in cube files."""
    atomic_wavefunctions: list[AtomicWavefunction] = field(default_factory=list)
    """Of PATO, the last one."""
    structure_factors: list[StructureFactor] = field(default_factory=list)
    """Of XFAC or XRDSPEC, the last one."""
    xray_spectrum: XraySpectrum | None = None
    topond: Topond | None = None
    transport: TransportSettings | None = None
    """Of BOLTZTRA."""
    two_component: bool = False
    """The density matrix comes from a two-component (spin-orbit) SCF."""
    finished: bool = False
    """ENDPROP or the closing time line was printed: the program worked through its whole deck."""

    @property
    def complete(self) -> bool:
        """Whether the program came to its end and every keyword with it."""
        return self.finished and all(result.complete for result in self.results)

    @property
    def missing_keywords(self) -> list[str]:
        """Keywords of the echoed deck that the output does not tell of, in order; some print nothing of themselves."""
        left = list(self.keywords)
        missing = []
        for keyword in self.deck_keywords:
            if keyword in left:
                left.remove(keyword)
            else:
                missing.append(keyword)
        return missing


@dataclass
class Bands:
    """Band structure along a path.

    :param kpoints: fractional coordinates in CRYSTAL's primitive reciprocal cell, shape (n_k, 3); None if the file has
        no coordinates.
    :param distances: length along the path in bohr^-1, shape (n_k,).
    :param energies_hartree: shape (n_spin, n_k, n_bands); absolute (CRYSTAL's zero) if ``absolute``, otherwise relative
        to the Fermi energy.
    :param fermi_energy_hartree: None if the file does not tell it.
    :param segments: (first, last) k-point index of every segment, both included. Neighbouring segments may share a
        point (``last == next first``) or not.
    :param labels: (k-point index, text) as far as the file has labels.
    """

    kpoints: Array | None
    distances: Array
    energies_hartree: Array
    fermi_energy_hartree: float | None
    segments: list[tuple[int, int]] = field(default_factory=list)
    labels: list[tuple[int, str]] = field(default_factory=list)
    absolute: bool = True

    @property
    def n_spin(self) -> int:
        """1 or 2."""
        return int(self.energies_hartree.shape[0])

    @property
    def n_kpoints(self) -> int:
        """Number of k-points."""
        return int(self.energies_hartree.shape[1])

    @property
    def n_bands(self) -> int:
        """Number of bands of one spin."""
        return int(self.energies_hartree.shape[2])


@dataclass
class Dos:
    """Density of states.

    :param energies_hartree: shape (n_e,); absolute if ``absolute``, otherwise relative to the Fermi energy.
    :param densities: shape (n_spin, n_projections, n_e), states/hartree/cell; the last projection is the total one.
        Beta densities are given positive here, whatever sign the file uses.
    :param labels: one per projection.
    """

    energies_hartree: Array
    densities: Array
    fermi_energy_hartree: float | None
    labels: list[str] = field(default_factory=list)
    absolute: bool = True

    @property
    def n_spin(self) -> int:
        """1 or 2."""
        return int(self.densities.shape[0])

    @property
    def n_projections(self) -> int:
        """Number of projections, the total one included."""
        return int(self.densities.shape[1])
