"""The self-consistent field and its charges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ScfStatus = Literal['converged_energy', 'converged_tester', 'too_many_cycles']
GapKind = Literal['direct', 'indirect']


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
