"""What the stand-in computes and what it returns: the seam between physics (engine) and files (writers).

Energies are in hartree, lengths in Å where a name says so and in bohr inside the engine's arrays. ``nspin`` is 1 for
restricted and 2 for unrestricted runs (alpha first); ``nk`` counts the whole Monkhorst net (1 for a molecule), ``nao``
the atomic orbitals of a cell, in CRYSTAL's order: atom by atom, shell by shell, an SP shell as s then x, y, z.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.basis import BasisSet

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]

ScfStatus = Literal['converged_energy', 'too_many_cycles']
GapKind = Literal['direct', 'indirect']
OptimisationType = Literal['FULLOPTG', 'ATOMONLY', 'CELLONLY', 'CVOLOPT']


class NotSupported(ValueError):  # noqa: N818 (named by what it says)
    """The input asks for something the stand-in does not do (never approximated silently).

    :param keyword: CRYSTAL's keyword at fault, printed as ``ERROR **** STANDIN **** <keyword> NOT SUPPORTED``.
    :param reason: why, and what to do instead.
    """

    def __init__(self, keyword: str, reason: str = '') -> None:
        self.keyword = keyword
        self.reason = reason
        super().__init__(f'{keyword} NOT SUPPORTED' + (f': {reason}' if reason else ''))


class StandinError(ValueError):
    """The run cannot go on: bad restart file, failing SCF inside an optimisation, ...

    :param routine: name printed in CRYSTAL's manner (``ERROR **** <routine> **** <message>``), e.g. ``READFG``.
    """

    def __init__(self, routine: str, message: str) -> None:
        self.routine = routine
        self.message = message
        super().__init__(f'{routine}: {message}')


@dataclass(frozen=True)
class Method:
    """The Hamiltonian.

    :param xc: functional in libxc's language as PySCF reads it, or ``HF``.
    :param unrestricted: two spin channels (UHF or DFT with SPIN).
    :param title: CRYSTAL's line, e.g. ``HARTREE-FOCK HAMILTONIAN`` or ``KOHN-SHAM HAMILTONIAN``.
    :param exchange: exchange functional as CRYSTAL prints it (``BECKE 88``), empty for HF.
    :param correlation: correlation functional as CRYSTAL prints it (``LEE-YANG-PARR``), empty for HF.
    :param hybrid_percent: weight of exact exchange (100 for HF, 0 for a pure functional), at full range or short range.
    :param omega: screening in 1/bohr, 0 when the exchange is not screened.
    :param grid: CRYSTAL's name of the integration grid (``XLGRID``).
    """

    xc: str = 'HF'
    unrestricted: bool = False
    title: str = 'HARTREE-FOCK HAMILTONIAN'
    exchange: str = ''
    correlation: str = ''
    hybrid_percent: float = 100.0
    omega: float = 0.0
    grid: str = 'XLGRID'

    @property
    def is_hf(self) -> bool:
        """Hartree-Fock: no density functional at all."""
        return self.xc == 'HF'

    @property
    def type_of_calculation(self) -> str:
        """CRYSTAL's words after ``TYPE OF CALCULATION :``."""
        return 'UNRESTRICTED OPEN SHELL' if self.unrestricted else 'RESTRICTED CLOSED SHELL'


@dataclass(frozen=True)
class ScfSettings:
    """CRYSTAL's SCF controls (CRYSTAL23 manual, chapter 5), with its defaults.

    :param toldee: the SCF has converged when two energies differ by less than 10**-toldee hartree.
    :param maxcycle: most cycles.
    :param fmixing: per cent of the previous Fock matrix in the next one.
    :param diis: Pulay's accelerator.
    :param levshift: upward shift of the virtual levels in hartree (LEVSHIFT's first number over 10); 0 is off.
    :param levshift_lock: LEVSHIFT's second number: once a gap opened, fill the same number of bands at every k-point.
        The shift itself acts in every cycle, with the lock and without.
    :param smear: width of the Fermi-Dirac occupation in hartree; 0 is off.
    :param spinlock: (n_alpha - n_beta, cycles it is held for), or None.
    :param atomspin: {atom index from 0: 1, -1 or 0} for the starting density.
    :param guess_path: file with the density to start from (GUESSP: fort.20), or None for atomic densities.
    """

    toldee: int = 6
    maxcycle: int = 50
    fmixing: int = 30
    diis: bool = True
    levshift: float = 0.0
    levshift_lock: bool = False
    smear: float = 0.0
    spinlock: tuple[int, int] | None = None
    atomspin: Mapping[int, int] = field(default_factory=dict)
    guess_path: Path | None = None


@dataclass(frozen=True)
class OptSettings:
    """CRYSTAL's OPTGEOM controls, with its defaults (manual, chapter 6).

    :param toldeg: tolerance on the rms gradient, hartree/bohr (max: 1.5 times).
    :param toldex: tolerance on the rms displacement, bohr (max: 1.5 times).
    :param toldee: 10**-toldee hartree, printed only: the change of energy between points is not tested.
    :param restart: continue from OPTINFO.DAT.
    """

    type: OptimisationType = 'FULLOPTG'
    maxcycle: int = 100
    toldeg: float = 0.0003
    toldex: float = 0.0012
    toldee: int = 7
    restart: bool = False


@dataclass(frozen=True)
class FreqSettings:
    """FREQCALC of a molecule (CRYSTAL23 manual, vibrational calculations), with its defaults.

    :param numderiv: 1: each coordinate is displaced once, 2: both ways.
    :param step_bohr: displacement; CRYSTAL's 0.003 Å.
    :param intensities: dipole moments are differentiated as well (INTENS).
    :param restart: go on from FREQINFO.DAT and fort.13.
    :param isotopes: masses (amu) by index of the atom from 0.
    :param temperatures: of the thermodynamic functions, K, at ``pressure_mpa``.
    """

    numderiv: int = 1
    step_bohr: float = 0.003 / BOHR_ANGSTROM
    intensities: bool = False
    restart: bool = False
    isotopes: dict[int, float] = field(default_factory=dict)
    temperatures: tuple[float, ...] = (298.15,)
    pressure_mpa: float = 0.101325


@dataclass(frozen=True, eq=False)
class Job:
    """One calculation, ready for the engine.

    :param geometry: every atom of the primitive cell.
    :param basis: the resolved basis set of each atom (same order as the atoms).
    :param kmesh: divisions used along the reciprocal vectors; (1, 1, 1) for molecules.
    :param shrink: divisions that the input asked for, None for molecules.
    :param isp: Gilat net of the input.
    :param optimisation: settings of OPTGEOM, None for a single point.
    :param frequencies: settings of FREQCALC, None without it.
    :param gradient: forces are printed after a single point (GRADCAL).
    :param rotations: symmetry operators, rotations in fractional coordinates, shape (nop, 3, 3).
    :param translations: their translations, fractional, shape (nop, 3).
    :param notes: what the input asked for and the stand-in ignored or changed, one sentence each, to be printed.
    :param guessp: the input has GUESSP (the density is read from ``scf.guess_path``).
    :param testgeom: stop after the geometry.
    :param testpdim: stop after all of the input was read and its sizes printed.
    """

    title: str
    geometry: Geometry
    basis: tuple[BasisSet, ...]
    method: Method = field(default_factory=Method)
    kmesh: tuple[int, int, int] = (1, 1, 1)
    shrink: tuple[int, int, int] | None = None
    isp: int | None = None
    scf: ScfSettings = field(default_factory=ScfSettings)
    optimisation: OptSettings | None = None
    frequencies: FreqSettings | None = None
    gradient: bool = False
    rotations: Integer | None = None
    translations: Real | None = None
    notes: tuple[str, ...] = ()
    guessp: bool = False
    testgeom: bool = False
    testpdim: bool = False
    ppan: bool = False

    @property
    def periodic(self) -> bool:
        """A crystal or a slab."""
        return self.geometry.dimensionality > 0

    @property
    def nspin(self) -> int:
        """Number of spin channels."""
        return 2 if self.method.unrestricted else 1


@dataclass(frozen=True)
class ScfCycle:
    """One SCF cycle, given to ``on_cycle`` as soon as it is known.

    :param n: cycle number from 1 (CRYSTAL counts from 0: it prints its first energy as cycle 0 with DETOT = E).
    :param energy: total energy, hartree.
    :param delta: difference from the previous cycle (the energy itself at the first).
    :param tester: mean square change of the density matrix (CRYSTAL's ``tst``).
    :param px: largest element of the commutator FPS - SPF, hartree (stands in CRYSTAL's ``PX`` column).
    :param electrons: Mulliken electrons of each atom.
    :param spins: Mulliken spins of each atom, None when restricted.
    :param gap: gap between the bands in hartree at this cycle; None when there is none (conducting).
    :param fermi: Fermi energy or top of the valence bands, hartree.
    :param seconds: wall time since the start of the run.
    """

    n: int
    energy: float
    delta: float
    tester: float
    px: float
    electrons: tuple[float, ...]
    spins: tuple[float, ...] | None
    gap: float | None
    fermi: float
    seconds: float
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class EnergyTerms:
    """Parts of the total energy in hartree (None: not separated)."""

    kinetic: float | None = None
    nuclear_repulsion: float | None = None
    one_electron: float | None = None
    coulomb: float | None = None
    exchange_correlation: float | None = None
    smearing_entropy: float = 0.0


@dataclass(frozen=True)
class BandEdge:
    """Top of the valence or bottom of the conduction bands of one spin channel.

    :param energy: hartree.
    :param k: index of the k-point (from 0) in ``ScfResult.kpoints``.
    :param band: index of the band (from 0).
    """

    energy: float
    k: int
    band: int


@dataclass(frozen=True)
class SpinGap:
    """Gap of one spin channel; ``gap`` None and ``conducting`` True when bands cross the Fermi energy."""

    conducting: bool
    valence: BandEdge | None = None
    conduction: BandEdge | None = None
    gap: float | None = None
    kind: GapKind | None = None


@dataclass(frozen=True)
class Mulliken:
    """Mulliken populations of a cell.

    :param electrons: of each atom.
    :param spins: alpha minus beta of each atom, None when restricted.
    :param ao_electrons: of each AO, shape (nao,).
    :param ao_spins: of each AO, None when restricted.
    :param ao_atoms: atom index of each AO.
    :param shell_atoms: atom index of each shell.
    :param shell_types: 'S', 'SP', 'P', 'D' ... of each shell.
    :param shell_electrons: electrons of each shell.
    :param overlap: overlap population between atoms of the cell and all images, shape (natom, natom).
    """

    electrons: Real
    ao_electrons: Real
    ao_atoms: Integer
    shell_atoms: Integer
    shell_types: tuple[str, ...]
    shell_electrons: Real
    overlap: Real
    spins: Real | None = None
    ao_spins: Real | None = None
    shell_spins: Real | None = None


@dataclass(frozen=True, eq=False)
class ScfResult:
    """What an SCF ended with, converged or not.

    :param energy: total energy of the last cycle, hartree (with smearing: the internal energy, without the entropy).
    :param kpoints: fractional coordinates, shape (nk, 3).
    :param kpoints_integer: the same in units of 1/kmesh, shape (nk, 3).
    :param weights: of the k-points, sum 1, shape (nk,).
    :param eigenvalues: (nspin, nk, nao), hartree, on CRYSTAL's zero of the potential, without the level shift.
    :param occupations: 0..1 per spin-orbital when unrestricted, 0..2 when restricted; (nspin, nk, nao).
    :param fermi: Fermi energy; the top of the valence bands in an insulator.
    :param gaps: one for each spin channel.
    :param level_shifted: a level shift was still active when the SCF ended.
    :param fock, overlap, kinetic: (nspin, nk, nao, nao), (nk, nao, nao), (nk, nao, nao).
    :param density: (nspin, nk, nao, nao); sums alpha + beta when restricted.
    :param spherical_shift: what was added to the eigenvalues and to ``fock`` (as shift * S) to get CRYSTAL's zero.
    """

    status: ScfStatus
    energy: float
    cycles: tuple[ScfCycle, ...]
    terms: EnergyTerms
    kpoints: Real
    kpoints_integer: Integer
    weights: Real
    eigenvalues: Real
    occupations: Real
    fermi: float
    gaps: tuple[SpinGap, ...]
    mulliken: Mulliken
    fock: Complex
    overlap: Complex
    kinetic: Complex
    density: Complex
    n_electrons: float
    level_shifted: bool = False
    spherical_shift: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """The energy criterion was met within MAXCYCLE cycles."""
        return self.status == 'converged_energy'

    @property
    def conducting(self) -> bool:
        """Bands of some spin channel cross the Fermi energy."""
        return any(gap.conducting for gap in self.gaps)

    @property
    def gap(self) -> SpinGap:
        """The smallest of the spin channels' gaps (the channel itself when conducting)."""
        return min(self.gaps, key=lambda item: -1.0 if item.gap is None else item.gap)


@dataclass(frozen=True, eq=False)
class OptPoint:
    """One point of an optimisation, given to ``on_point`` when its energy and gradient are known.

    Gradients are in hartree/bohr over the symmetry-allowed directions, displacements in bohr (None at the first point).

    :param n: number of the point from 1.
    :param delta: energy difference from the previous point, None at the first.
    :param extra_energies: single energies that were needed for the numerical derivatives at this point.
    :param gradients: on the atoms (n_atoms, 3), when known; None for a pure cell optimisation.
    :param converged: which of (max gradient, rms gradient, max displacement, rms displacement) are met.
    """

    n: int
    energy: float
    delta: float | None
    geometry: Geometry
    max_gradient: float
    rms_gradient: float
    max_displacement: float | None
    rms_displacement: float | None
    converged: tuple[bool, bool, bool, bool]
    extra_energies: int = 0
    scf_cycles: int = 0
    gradients: Real | None = None
    wall_s: float = 0.0


@dataclass(frozen=True, eq=False)
class OptResult:
    """How an optimisation ended.

    :param status: 'converged', 'failed' (MAXCYCLE points used up) or 'scf_failed' (an SCF did not converge).
    :param scf: the SCF at the last geometry.
    """

    status: Literal['converged', 'failed', 'scf_failed']
    points: tuple[OptPoint, ...]
    geometry: Geometry
    energy: float
    scf: ScfResult
    notes: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """All tolerances were met."""
        return self.status == 'converged'


@dataclass(frozen=True, eq=False)
class WavefunctionFile:
    """What a fort.9 of the stand-in holds (see :mod:`aiida_crystalmath.standin.wavefunction`); arrays as in ScfResult.

    :param basis: the resolved basis set of each atom.
    """

    title: str
    geometry: Geometry
    basis: tuple[BasisSet, ...]
    method: Method
    kmesh: tuple[int, int, int]
    shrink: tuple[int, int, int] | None
    converged: bool
    energy: float
    fermi: float
    conducting: bool
    n_electrons: float
    spherical_shift: float
    kpoints: Real
    weights: Real
    eigenvalues: Real
    occupations: Real
    fock: Complex
    overlap: Complex
    kinetic: Complex
    density: Complex
    ao_atoms: Integer
    mulliken_electrons: Real
    mulliken_spins: Real | None = None
    smear: float = 0.0
    rotations: Integer | None = None
    translations: Real | None = None

    @property
    def nspin(self) -> int:
        """Number of spin channels."""
        return int(self.eigenvalues.shape[0])


@dataclass(frozen=True, eq=False)
class BandsResult:
    """Interpolated bands.

    :param kpoints: fractional, shape (n, 3).
    :param energies: hartree, shape (nspin, n, nao), ascending.
    :param notes: measured or known error of the interpolation, to be printed.
    """

    kpoints: Real
    energies: Real
    fermi: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DosResult:
    """Densities of states.

    :param energies: hartree, shape (ne,).
    :param projected: states/hartree/cell, shape (nspin, nproj, ne).
    :param total: states/hartree/cell, shape (nspin, ne).
    """

    energies: Real
    projected: Real
    total: Real
    fermi: float
    notes: tuple[str, ...] = ()
