"""Results of the properties program."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.models.arrays import Array


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
    """Sections the program reported (NEWK, BAND, DOSS, ...), in order."""


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
