"""The self-consistent field: table of cycles, how it ended, energies, corrections, Mulliken charges of the density."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aiida_crystalmath.crystal.outputs.models import ScfCycle, ScfRun, ScfStatus
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.electronic import Electronic, gap_of

_CYCLE = re.compile(
    r' CYC\s*(\d+)\s+ETOT\(AU\)\s*(\S+)(?:\s+DETOT\s*(\S+))?(?:\s+tst\s*(\S+))?(?:\s+PX\s*(\S+))?', re.IGNORECASE
)
_ENDED = re.compile(r' == SCF ENDED - (.*?)\s+E\(AU\)\s*(\S+)\s+CYCLES\s*(\d+)')
_TOTAL = re.compile(r' TOTAL ENERGY\((?:DFT|HF)\)\(AU\)\(\s*\d+\)\s*(\S+)\s')
_CORRECTED = re.compile(r' TOTAL ENERGY \+ DISP(?: \+ GCP)? \(AU\)\s*(\S+)')
_DISPERSION = re.compile(r'DISPERSION ENERGY \(AU\)\s*(\S+)')
_STATUSES: dict[str, ScfStatus] = {
    'CONVERGENCE ON ENERGY': 'converged_energy',
    'CONVERGENCE ON TESTER': 'converged_tester',
    'TOO MANY CYCLES': 'too_many_cycles',
}


class Scf(Section):
    """Reads every SCF of the main output (those of later optimisation points go to SCFOUT.LOG)."""

    def __init__(self, context: Context, electronic: Electronic) -> None:
        """Start without any SCF."""
        super().__init__(context)
        self.electronic = electronic
        self.charge_rows: list[str] = []
        self.spin_rows: list[str] = []
        self.spin_total: float | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Cycles, ends and energies."""
        return {
            ' CYC ': self.read_cycle,
            ' == S': self.read_end,
            ' TOTA': self.read_total,
            ' SUMM': self.read_summed_spin,
            ' D3 D': self.read_dispersion,
            ' D2 D': self.read_dispersion,
            ' CRYS': self.read_title,
        }

    def read_title(self, line: str) -> None:
        """Start an SCF at its title."""
        if line.startswith(' CRYSTAL - SCF') and (not self.output.scf or self.output.scf[-1].cycles):
            self._start()

    def _start(self) -> ScfRun:
        """Append a new run."""
        self.charge_rows, self.spin_rows, self.spin_total = [], [], None
        self.output.scf.append(ScfRun(line=self.context.line))
        return self.output.scf[-1]

    def _run(self) -> ScfRun:
        """Return the current run."""
        return self.output.scf[-1] if self.output.scf else self._start()

    def read_cycle(self, line: str) -> None:
        """Read one row of the table."""
        found = _CYCLE.match(line)
        energy = number(found[2]) if found else None
        if found is None or energy is None:
            return
        run = self._run()
        n = int(found[1])
        if run.status or (run.cycles and n <= run.cycles[-1].n):
            run = self._start()
        values = [number(text) if text else None for text in found.groups()[2:]]
        gap = gap_of(self.electronic.state)[0] if n else None
        run.cycles.append(ScfCycle(n, energy, values[0], values[1], values[2], gap))
        self.electronic.end_cycle()

    def read_end(self, line: str) -> None:
        """Read how the SCF ended."""
        found = _ENDED.match(line)
        if found is None or found[1] not in _STATUSES:
            return
        run = self._run()
        if run.status:
            run = self._start()
        run.status = _STATUSES[found[1]]
        run.energy_hartree = number(found[2])
        run.n_cycles = int(found[3])
        run.line = self.context.line
        self._keep_charges(run)

    def _keep_charges(self, run: ScfRun) -> None:
        """Convert the rows of the last density."""
        run.charges = tuple(value for row in self.charge_rows for value in numbers(row))
        run.spins = tuple(value for row in self.spin_rows for value in numbers(row))
        run.spin_total = self.spin_total

    def read_total(self, line: str) -> None:
        """Read total energies and total atomic charges."""
        if line.startswith(' TOTAL ATOMIC CHARGES'):
            self.charge_rows = []
            self.context.capture(_collector(self.charge_rows))
        elif line.startswith(' TOTAL ATOMIC SPINS'):
            self.spin_rows = []
            self.context.capture(_collector(self.spin_rows))
        elif not self.output.scf:
            return
        elif found := _CORRECTED.match(line):
            self._run().total_with_dispersion_hartree = number(found[1])
        elif (found := _TOTAL.match(line)) and self._run().total_energy_hartree is None:
            self._run().total_energy_hartree = number(found[1])

    def read_summed_spin(self, line: str) -> None:
        """Read the sum of spins."""
        if line.startswith(' SUMMED SPIN DENSITY'):
            self.spin_total = number(line[21:].strip())
            self.output.is_spin_polarized = True

    def read_dispersion(self, line: str) -> None:
        """Read the dispersion energy."""
        if (found := _DISPERSION.search(line)) and self.output.scf:
            self._run().dispersion_hartree = number(found[1])

    def finish(self) -> None:
        """Keep the charges of an unfinished SCF too."""
        if self.output.scf and self.output.scf[-1].status is None:
            self._keep_charges(self.output.scf[-1])
        # A title without any cycle is no SCF.
        self.output.scf[:] = [run for run in self.output.scf if run.cycles or run.status]


def _collector(rows: list[str]) -> Callable[[str], bool]:
    """Return a reader that keeps rows of numbers and stops at anything else."""

    def row(line: str) -> bool:
        if line.startswith('  ') and line.lstrip()[:1] in tuple('-0123456789'):
            rows.append(line)
            return True
        return False

    return row
