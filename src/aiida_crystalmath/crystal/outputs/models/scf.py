"""The self-consistent field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ScfStatus = Literal['converged_energy', 'converged_tester', 'converged_other', 'too_many_cycles']
GapKind = Literal['direct', 'indirect']
Accelerator = Literal['DIIS', 'ANDERSON', 'BROYDEN']
CONVERGED = ('converged_energy', 'converged_tester', 'converged_other')
"""Statuses of an SCF that converged."""


@dataclass(slots=True)
class ScfCycle:
    """One line of the SCF table (energies in hartree, charges in electrons)."""

    n: int
    energy_hartree: float
    delta_hartree: float | None = None
    tester: float | None = None
    px: float | None = None
    gap_ev: float | None = None
    """Gap printed before this cycle; of two spin channels the smaller one, 0 for a conducting state."""


@dataclass(slots=True)
class ElectronicState:
    """The electronic state printed last in one SCF; None where it was not printed.

    Under a locked level shifter (``level_shifted``) gaps and levels are those of shifted eigenvalues, and not given.
    """

    is_conducting: bool | None = None
    gap_ev: float | None = None
    gap_kind: GapKind | None = None
    gap_alpha_ev: float | None = None
    gap_beta_ev: float | None = None
    fermi_hartree: float | None = None
    """Of an insulator the top of its valence bands, as CRYSTAL puts it."""
    vbm_hartree: float | None = None
    cbm_hartree: float | None = None
    level_shifted: bool = False


@dataclass(slots=True)
class Eigenvalues:
    """Eigenvalues at one k-point as printed.

    :param k: number of the point.
    :param coordinates: the point in units of the shrinking factors, as printed.
    :param spin: 'alpha', 'beta', or '' in a closed shell.
    :param values_hartree: in order; printed to five digits.
    """

    k: int
    coordinates: tuple[int, int, int]
    spin: str
    values_hartree: tuple[float, ...]
    symmetries: tuple[int, ...] = ()
    """Numbers of the irreducible representations, where printed behind the values."""


@dataclass(slots=True)
class ScfSettings:
    """How the SCF is done, as echoed before it; None where not printed."""

    max_cycles: int | None = None
    toldee: int | None = None
    """Convergence on the energy is 10**-toldee hartree."""
    tolinteg: tuple[int, ...] | None = None
    """The five tolerances of the integrals, as in the input: (7, 7, 7, 7, 14); -20 where none of a kind are needed."""
    fmixing_percent: float | None = None
    accelerator: Accelerator | None = None
    level_shift_hartree: float | None = None
    level_shift_locked: bool | None = None
    smearing_hartree: float | None = None
    """Temperature of the Fermi smearing (SMEAR)."""
    spin_lock: int | None = None
    """``ALPHA-BETA ELECTRONS LOCKED TO``: electrons of one channel more than of the other while locked."""
    spin_lock_cycles: int | None = None
    spin_lock_tolerance: int | None = None
    """Of the other form, ``WHILE ENE DIFF BETWEEN CYCS GT 10** -n``: n, positive."""
    restarts_from_density: bool = False
    """The SCF starts from a density matrix of a run before (GUESSP, ``RESTART FROM A PREVIOUS DENSITY MATRIX``)."""
    saves: tuple[str, ...] = ()
    """Keywords that make the run write more than its final wavefunction: 'SAVEWF' (fort.79 in the course of the SCF, as
    the manual of CRYSTAL17 says; no real file was seen), 'SAVEPRED' (density matrix, fort.13)."""
    dispersion: str | None = None
    """'D2' or 'D3' where a dispersion correction is computed."""
    gcp: bool = False
    """A geometrical counterpoise correction is computed."""


@dataclass(slots=True)
class ScfRun:
    """One self-consistent field.

    :param status: None while its ``SCF ENDED`` line was not seen: unfinished, killed or failed.
    :param energy_hartree: of the ``SCF ENDED`` line, without the corrections added after it; None if unfinished.
    """

    cycles: list[ScfCycle] = field(default_factory=list)
    status: ScfStatus | None = None
    energy_hartree: float | None = None
    n_cycles: int | None = None
    criterion: str | None = None
    """Words of ``SCF ENDED``: 'CONVERGENCE ON ENERGY', 'TOO MANY CYCLES', ..."""
    total_energy_hartree: float | None = None
    """``TOTAL ENERGY(DFT|HF)(AU)``: as the SCF energy, but extrapolated to zero temperature when smearing acts."""
    dispersion_hartree: float | None = None
    """``DISPERSION ENERGY`` (D2/D3) of this SCF, where printed."""
    gcp_hartree: float | None = None
    """``GCP ENERGY`` (geometrical counterpoise) of this SCF, where printed."""
    total_with_dispersion_hartree: float | None = None
    """``TOTAL ENERGY + DISP [+ GCP]`` after this SCF, where printed."""
    components_hartree: dict[str, float] = field(default_factory=dict)
    """``+++ ENERGIES IN A.U. +++`` of the last cycle by its words ('KINETIC ENERGY', 'TOTAL N-N', ...), and, where
    printed, 'EXCHANGE ENERGY' and 'CORRELATION ENERGY' of the functional. 'VIRIAL COEFFICIENT' is a ratio."""
    state: ElectronicState | None = None
    """The state of the last cycle; None without any statement, as after a locked spin."""
    spin_locked_cycles: int = 0
    """Cycles in which the spin was locked and no gap was computed."""
    charges: tuple[float, ...] = ()
    """Mulliken electrons per atom, of the last density printed."""
    spins: tuple[float, ...] = ()
    """Mulliken spins per atom, of the last density printed; empty in a closed shell."""
    spin_total: float | None = None
    """``SUMMED SPIN DENSITY`` of the last density printed."""
    magnetisation: tuple[float, float, float] | None = None
    """Two-component SCF: total magnetisation (x, y, z) of the last density, in electrons; else None."""
    atomic_magnetisation: tuple[tuple[float, float, float], ...] = ()
    """Two-component SCF: the same per atom."""
    n_spinors: int | None = None
    """Two-component SCF: spinors in all; of these :attr:`n_occupied_spinors` are full."""
    n_occupied_spinors: int | None = None
    eigenvalues: list[Eigenvalues] = field(default_factory=list)
    """Where printed (keyword SETPRINT), of the last SCF of a file only."""
    integrated_electrons: float | None = None
    """``NUMERICALLY INTEGRATED DENSITY`` of the last cycle: electrons per cell on the DFT grid."""
    point: int | None = None
    """Number of the optimisation point in whose course this SCF was printed; None outside of optimisations."""
    geometry_file: str | None = None
    """``optc002``: the file to which the geometry of this SCF was written, where the text says so."""
    n_dropped_cycles: int = 0
    """Cycles between the first and the last ones that were not kept, to bound the memory a huge file takes."""
    line: int = 0
    """Line of the ``SCF ENDED`` (or of the first cycle when it never ended)."""

    @property
    def converged(self) -> bool:
        """Whether the program said so, by energy or by tester."""
        return self.status in CONVERGED

    @property
    def complete(self) -> bool:
        """Whether the end of this SCF was printed (converged or not)."""
        return self.status is not None

    @property
    def final_energy_hartree(self) -> float | None:
        """Energy with the corrections that were printed (dispersion, counterpoise); None unless converged."""
        if not self.converged:
            return None
        corrected = self.total_with_dispersion_hartree
        return self.energy_hartree if corrected is None else corrected
