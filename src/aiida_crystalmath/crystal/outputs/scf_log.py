"""SCFOUT.LOG (``.SCFLOG`` of run scripts): the SCF of every optimisation point but the first, one after the other.

The main output of an optimisation has its first SCF only; the others, with their levels, charges and forces, are in
this log. It has no banner and no end of its own. Each SCF is followed by its forces and, unless the step was rejected,
by the name of the file its geometry went to (``optc002``), which tells its point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aiida_crystalmath.crystal.outputs.models import Array, CrystalOutput, ElectronicState, ScfRun
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

_AGREES = 1e-9


@dataclass(slots=True)
class ScfLog:
    """What a log of SCF runs tells.

    :param runs: in order; ``point`` is the number of the geometry file named after the run, None where none is.
    :param n_dropped: runs between the first and the last ones that were not kept.
    :param forces: of the last run that printed them, shape (n_atoms, 3), hartree/bohr.
    """

    runs: list[ScfRun] = field(default_factory=list)
    n_dropped: int = 0
    forces: Array | None = None
    level_shifted: bool = False

    @property
    def complete(self) -> bool:
        """Whether the end of the last SCF was printed."""
        return bool(self.runs) and self.runs[-1].complete

    @property
    def last(self) -> ScfRun | None:
        """The last SCF that converged."""
        return next((run for run in reversed(self.runs) if run.converged), None)

    @property
    def state(self) -> ElectronicState | None:
        """Gap, band edges and Fermi energy of the last SCF that converged."""
        return None if self.last is None else self.last.state


def read_scf_log(source: str | Path | Iterable[str]) -> ScfLog:
    """Read a log, in one pass and bounded memory; of a foreign text an empty :class:`ScfLog`.

    :param source: the text itself (str), a file (Path), or lines.
    """
    output = parse_stdout(source)
    return ScfLog(output.scf, output.n_dropped_scf, output.forces, output.level_shifted)


def final_scf(output: CrystalOutput, log: ScfLog) -> ScfRun | None:
    """Return the SCF of the final geometry of an optimisation: the one whose energy ``OPT END`` tells.

    Older versions print no gap after an optimisation; its ``state`` tells it. Whether log and output are of one run is
    certain through the energy, to its last digits.

    :returns: None if the optimisation did not converge or no run fits.
    """
    optimisation = output.optimisation
    if optimisation is None or optimisation.status != 'converged' or optimisation.energy_hartree is None:
        return None
    energy = optimisation.energy_hartree
    for run in (*reversed(log.runs), *reversed(output.scf)):
        found = run.final_energy_hartree
        if found is not None and abs(found - energy) <= _AGREES * max(abs(energy), 1.0):
            return run
    return None
