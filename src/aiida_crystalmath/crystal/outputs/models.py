"""Result types of the output readers: plain dataclasses, no behaviour beyond simple derived properties.

Every physical field names its unit. ``None`` always means "not printed, or not certain": a reader never fills a field
with a guess, and no field claims a finished calculation when the file stops before its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry

Array = NDArray[np.float64]
ScfStatus = Literal['converged_energy', 'converged_tester', 'too_many_cycles']
OptStatus = Literal['converged', 'failed']
GapKind = Literal['direct', 'indirect']
Program = Literal['crystal', 'properties']
Engine = Literal['CRYSTAL', 'STAND-IN']


@dataclass(frozen=True)
class Message:
    """One message of the program (or of the machine around it).

    :param routine: routine named between the asterisks (``READM2``), empty for messages of another form.
    :param text: the words after it.
    :param line: line number in the file, 1 is the first.
    :param raw: the whole line, stripped.
    :param stage: index into :attr:`CrystalOutput.stages`; -1 before the first banner.
    """

    routine: str
    text: str
    line: int
    raw: str
    stage: int = -1


@dataclass
class ScfCycle:
    """One line of the SCF table (energies in hartree, charges in electrons)."""

    n: int
    energy_hartree: float
    delta_hartree: float | None = None
    tester: float | None = None
    px: float | None = None
    gap_ev: float | None = None
    """Gap printed before this cycle; of two spin channels the smaller one, 0 for a conducting state."""


@dataclass
class ScfRun:
    """One self-consistent field as told in the main output.

    :param status: None while its ``SCF ENDED`` line was not seen: unfinished, killed or failed.
    :param energy_hartree: of the ``SCF ENDED`` line, without the corrections added after it; None if unfinished.
    """

    cycles: list[ScfCycle] = field(default_factory=list)
    status: ScfStatus | None = None
    energy_hartree: float | None = None
    n_cycles: int | None = None
    total_energy_hartree: float | None = None
    """``TOTAL ENERGY(DFT|HF)(AU)``: as the SCF energy, but extrapolated to zero temperature when smearing acts."""
    dispersion_hartree: float | None = None
    """``DISPERSION ENERGY`` (D2/D3) of this SCF, where printed."""
    total_with_dispersion_hartree: float | None = None
    """``TOTAL ENERGY + DISP [+ GCP]`` after this SCF, where printed."""
    charges: tuple[float, ...] = ()
    """Mulliken electrons per atom, of the last density printed."""
    spins: tuple[float, ...] = ()
    """Mulliken spins per atom, of the last density printed; empty in a closed shell."""
    spin_total: float | None = None
    """``SUMMED SPIN DENSITY`` of the last density printed."""
    line: int = 0
    """Line of the ``SCF ENDED`` (or of the first cycle when it never ended)."""

    @property
    def converged(self) -> bool:
        """Whether the program said so, by energy or by tester."""
        return self.status in ('converged_energy', 'converged_tester')


@dataclass
class OptPoint:
    """One point of a geometry optimisation; gradients hartree/bohr, displacements bohr.

    :param n: the number CRYSTAL gives it, from 1.
    :param geometry: primitive cell of the point; None when not printed in full. Points whose lines were not complete
        (a killed job) keep ``energy_hartree`` None.
    """

    n: int
    energy_hartree: float | None = None
    delta_hartree: float | None = None
    geometry: Geometry | None = None
    max_gradient: float | None = None
    rms_gradient: float | None = None
    max_displacement: float | None = None
    rms_displacement: float | None = None
    gradient_norm: float | None = None
    flags: dict[str, bool] = field(default_factory=dict)
    """``CONVERGED YES|NO`` per criterion: max_gradient, rms_gradient, max_displacement, rms_displacement."""
    rejected: bool = False
    """The step to this point was rejected by the optimiser."""


@dataclass
class Optimisation:
    """A geometry optimisation.

    :param kind: what was optimised, as in the titles: 'COORDINATE', 'CELL' or 'COORDINATE AND CELL'.
    :param status: from ``OPT END``; None without it.
    :param energy_hartree: of the ``OPT END`` line (includes dispersion); None without it.
    :param n_points: of the ``OPT END`` line; None without it. ``len(points)`` counts what was printed.
    """

    kind: str = ''
    points: list[OptPoint] = field(default_factory=list)
    status: OptStatus | None = None
    energy_hartree: float | None = None
    n_points: int | None = None
    line: int = 0


@dataclass
class Mulliken:
    """Last Mulliken analysis of the output, in the order of CRYSTAL's primitive cell.

    :param electrons: electrons per atom.
    :param numbers: conventional atomic numbers as printed.
    :param net_charges: nuclear charge minus electrons (e); None where the nuclear charge is not known (an ECP).
    :param spins: alpha - beta electrons per atom; None in a closed shell.
    """

    electrons: list[float]
    numbers: list[int] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    net_charges: list[float | None] = field(default_factory=list)
    spins: list[float] | None = None


@dataclass
class CellParameters:
    """a, b, c in Å; alpha, beta, gamma in degrees; volume in Å^3 (None where the program prints asterisks)."""

    a: float
    b: float
    c: float
    alpha: float
    beta: float
    gamma: float
    volume_angstrom3: float | None = None

    @property
    def lengths_and_angles(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers in CRYSTAL's order."""
        return (self.a, self.b, self.c, self.alpha, self.beta, self.gamma)


@dataclass
class Timings:
    """Seconds; None where the line was not printed. ``wall_s`` and ``cpu_s`` belong to the END line of the run."""

    wall_s: float | None = None
    cpu_s: float | None = None
    started: str | None = None
    """``DATE dd mm yyyy TIME hh:mm:ss`` of the start, as printed."""
    ended: str | None = None
    sections: list[tuple[str, float, float]] = field(default_factory=list)
    """(routine, elapsed wall s, elapsed cpu s) of the last lines ``TTTT``; at most 50 are kept."""


@dataclass
class Stage:
    """One program in the file: a job script may print ``crystal`` and ``properties`` one after the other."""

    program: Program
    engine: Engine = 'CRYSTAL'
    version: str | None = None
    release: str | None = None
    line: int = 0
    terminated: bool = False
    timings: Timings = field(default_factory=Timings)
    errors: list[Message] = field(default_factory=list)
    """Errors printed by this program."""


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
class CrystalOutput:
    """One output file of CRYSTAL (or of its stand-in), crystal or properties.

    The fields speak of the *last* ``crystal`` program of the file (of the last ``properties`` program if there is no
    other); :attr:`stages` tells of all programs. A file without any banner (SCFOUT.LOG, a broken file) is read as well
    and has ``program`` None.
    """

    program: Program | None = None
    engine: Engine = 'CRYSTAL'
    version: str | None = None
    """'CRYSTAL06' ... 'CRYSTAL23', the word of the banner."""
    release: str | None = None
    """The line under it, for example 'public : 1.0.1 - October 2022'."""
    title: str | None = None
    calculation_type: str | None = None
    hamiltonian: str | None = None
    dimensionality: int | None = None
    n_atoms: int | None = None
    n_electrons: float | None = None
    n_core_electrons: float | None = None
    n_ao: int | None = None
    n_symmops: int | None = None
    n_kpoints: int | None = None
    shrink: tuple[int, ...] | None = None
    space_group: str | None = None
    is_spin_polarized: bool = False
    is_optimisation: bool = False
    initial_geometry: Geometry | None = None
    """Primitive cell of ``GEOMETRY FOR WAVE FUNCTION``, as printed first."""
    final_geometry: Geometry | None = None
    """Primitive cell of ``FINAL OPTIMIZED GEOMETRY``; without optimisation the initial one. None unless certain."""
    primitive_cell: CellParameters | None = None
    """Last primitive cell printed."""
    crystallographic_cell: CellParameters | None = None
    """Last conventional cell printed; None when it does not differ from the primitive one."""
    scf: list[ScfRun] = field(default_factory=list)
    energy_hartree: float | None = None
    """THE energy: OPT END, else the total with dispersion and gCP, else SCF ENDED; None unless the run finished."""
    energy_source: str | None = None
    energy_scf_hartree: float | None = None
    """SCF energy of the last finished SCF of the main output, without corrections."""
    energy_dispersion_hartree: float | None = None
    """Total with corrections minus SCF energy of that SCF; None without correction."""
    optimisation: Optimisation | None = None
    """The last one of the file."""
    n_optimisations: int = 0
    gap_ev: float | None = None
    """Gap of the final geometry, 0 for a conducting state. In an open shell with band edges of both channels the gap
    between the highest occupied and the lowest empty level of either, otherwise the smaller of the two."""
    gap_kind: GapKind | None = None
    """None where the program prints a gap without its kind, as it does after an optimisation."""
    gap_alpha_ev: float | None = None
    gap_beta_ev: float | None = None
    gap_initial_ev: float | None = None
    """Gap of the last SCF cycle of the main output: in an optimisation the *initial* geometry's."""
    is_conducting: bool | None = None
    """Of the final geometry, as the gap: True for POSSIBLY CONDUCTING, False for INSULATING or a gap; else None."""
    fermi_energy_hartree: float | None = None
    """Of the same state as the gap. CRYSTAL puts the Fermi energy of an insulator at the top of its valence bands."""
    vbm_hartree: float | None = None
    cbm_hartree: float | None = None
    level_shifted: bool = False
    """A locked level shifter acts on the printed eigenvalues (``FERMI ENERGY ALTERED BY LEVEL SHIFTER``): gap, band
    edges and Fermi energy stay None."""
    mulliken: Mulliken | None = None
    forces: Array | None = None
    """Last CARTESIAN FORCES, shape (n_atoms, 3), hartree/bohr."""
    timings: Timings = field(default_factory=Timings)
    terminated: bool = False
    """The TERMINATION line was seen. It does not mean success."""
    stages: list[Stage] = field(default_factory=list)
    properties: Properties | None = None
    errors: list[Message] = field(default_factory=list)
    """Errors of the program the fields speak of; those of another program of the file stand in its stage."""
    warnings: list[Message] = field(default_factory=list)
    information: list[Message] = field(default_factory=list)
    noise: list[Message] = field(default_factory=list)
    """Lines of the machine around the program that tell of trouble (MPI aborts, signals, the batch system); the first
    100."""
    unreadable: list[Message] = field(default_factory=list)
    """Lines that start like a known one and cannot be read; the first 100."""
    n_lines: int = 0
    last_line: str = ''
    """Last line with text in it, for reports."""
    sections: dict[str, object] = field(default_factory=dict)
    """Results of further section readers (frequencies, elastic constants, ...), by their name."""

    @property
    def scf_status(self) -> ScfStatus | None:
        """Status of the last SCF of the main output, None if unfinished or absent."""
        return self.scf[-1].status if self.scf else None

    @property
    def scf_converged(self) -> bool:
        """Whether the last SCF of the main output converged."""
        return bool(self.scf) and self.scf[-1].converged

    @property
    def is_standin(self) -> bool:
        """Whether the free stand-in wrote this file."""
        return self.engine == 'STAND-IN'

    @property
    def succeeded(self) -> bool:
        """Whether the program ended normally, without error, with what it set out to do converged."""
        if not self.terminated or self.errors or self.program is None:
            return False
        if self.program == 'properties':
            return True
        if self.is_optimisation and (self.optimisation is None or self.optimisation.status != 'converged'):
            return False
        return all(run.converged for run in self.scf)


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
