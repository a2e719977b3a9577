"""The self-consistent field: table of cycles, how it ended, energies, corrections, Mulliken charges of the density.

The main output of an optimisation has its first SCF only; with ONELOG, and in SCFOUT.LOG, all of them stand one after
the other. How many cycles, charges and runs are kept of such a file is bounded (:class:`Scf`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Eigenvalues, ScfCycle, ScfRun, ScfStatus
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.electronic import Electronic, gap_of, summarise
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometrySection

_CYCLE = re.compile(
    r' CYC\s*(\d+)\s+ETOT\(AU\)\s*(\S+)(?:\s+DETOT\s*(\S+))?(?:\s+tst\s*(\S+))?(?:\s+PX\s*(\S+))?', re.IGNORECASE
)
_ENDED = re.compile(r' == SCF ENDED - (\S.*?)\s+E\(AU\)\s*(\S+)\s+CYCLES\s*(\d+)')
_TOTAL = re.compile(r' TOTAL ENERGY\((?:DFT|HF)\)\(AU\)\([\s\d*]+\)\s*(\S+)\s')
_CORRECTED = re.compile(r' TOTAL ENERGY \+ (?:DISP|GCP)\S*(?: \+ \w+)* \(AU\)\s*(\S+)')
_CORRECTION = re.compile(r' .*?(DISPERSION|GCP) ENERGY \(AU\)\s*(\S+)')
_COMPONENT = re.compile(r' ::: (\S.*?)\s*(-?\d\.\d+E[-+]\d+)\s*$')
_EXCHANGE = re.compile(r' (EXCHANGE ENERGY):\s*(\S+)\s+(CORRELATION ENERGY):\s*(\S+)')
_GEOMETRY_FILE = re.compile(r' INFORMATION \*{4} (opt[ac](\d+)) \*{4} GEOMETRY OUTPUT FILE')
_KPOINT = re.compile(r'\s*(\d+)\s*\(\s*(-?\d+)\s+(-?\d+)\s+(-?\d+)\)\s*$')
_EIGENVALUE = re.compile(r'(-?\d*\.\d+(?:E[-+]\d+)?)(?:\(\s*(\d+)\))?')
_EIGENVALUE_ROW = re.compile(r'[\s\d.()+E-]*$|\s*\(LABELS|\s*(?:ALPHA|BETA)\b')
_NUMBERS = re.compile(r'  \s*[-\d]')
_STATUSES: dict[str, ScfStatus] = {
    'CONVERGENCE ON ENERGY': 'converged_energy',
    'CONVERGENCE ON TESTER': 'converged_tester',
    'TOO MANY CYCLES': 'too_many_cycles',
}
_MAX_RUNS = 1000
_MAX_CYCLES = 20_000
_MAX_CHARGES = 100_000
_MAX_ROWS = 50_000


class Scf(Section):
    """Reads every SCF of the text.

    Kept are at most 1000 runs (the first and the last ones), and of all runs but the first and the last ones not more
    than 20,000 cycles and 100,000 atomic charges; ``n_dropped_cycles`` and ``n_dropped_scf`` tell of the rest.
    """

    def __init__(self, context: Context, electronic: Electronic, geometry: GeometrySection) -> None:
        """Start without any SCF.

        :param electronic: follows the levels.
        :param geometry: tells how many atoms there are.
        """
        super().__init__(context)
        self.electronic = electronic
        self.geometry = geometry
        self.charge_rows: list[str] = []
        self.spin_rows: list[str] = []
        self.spin_total: float | None = None
        self.integrated = ''
        self.eigenvalue_rows: list[str] = []
        self.kept = {'cycles': 0, 'charges': 0}

    def anchors(self) -> Mapping[str, Handler]:
        """Cycles, ends and energies."""
        return {
            ' CYC ': self.read_cycle,
            **{f' CYC{digit}': self.read_cycle for digit in range(1, 10)},
            ' == S': self.read_end,
            ' TOTA': self.read_total,
            ' ATOMIC PARTICLE-No DENSITY': self.read_particles,
            ' SUMM': self.read_summed_spin,
            ' D3 D': self.read_correction,
            ' D2 D': self.read_correction,
            ' D4 D': self.read_correction,
            ' DISP': self.read_correction,
            ' GRIM': self.read_correction,
            ' GCP ': self.read_correction,
            ' CRYSTAL - SCF': self.read_title,
            ' +++ ': self.read_components,
            ' EXCH': self.read_exchange,
            ' NUME': self.read_integrated,
            ' INFORMATION **** opt': self.read_geometry_file,
            '  FIN': self.read_eigenvalues,
            ' FINA': self.read_eigenvalues,
        }

    def read_title(self, line: str) -> None:
        """Start an SCF at its title."""
        if not self.output.scf or self.output.scf[-1].cycles:
            self._start()

    # ------------------------------------------------------------------------------------------------ runs

    def _start(self) -> ScfRun:
        """Append a new run, and bound what the ones before keep."""
        runs = self.output.scf
        if runs:
            self._close(runs[-1])
            self._thin()
        self.charge_rows, self.spin_rows, self.spin_total, self.integrated = [], [], None, ''
        self.eigenvalue_rows = []
        self.electronic.restart()
        optimisation = self.output.optimisation
        of_point = optimisation is not None and optimisation.status is None and optimisation.points
        runs.append(
            ScfRun(
                line=self.context.line,
                point=optimisation.points[-1].n if optimisation is not None and of_point else None,
            )
        )
        return runs[-1]

    def _run(self) -> ScfRun:
        """Return the current run."""
        return self.output.scf[-1] if self.output.scf else self._start()

    def _close(self, run: ScfRun) -> None:
        """Note what is known at the end of a run."""
        run.state = summarise(self.electronic.state, shifted=self.output.level_shifted)
        run.spin_locked_cycles = self.electronic.locked_cycles
        if run.status is None:
            self._keep_charges(run)
        # Of both spins in an open shell.
        electrons = [number(word) for word in self.integrated.split()[3:]]
        if electrons and self.integrated.startswith(' NUMERICALLY INTEGRATED DENSITY') and None not in electrons:
            run.integrated_electrons = sum(value for value in electrons if value is not None)

    def _thin(self) -> None:
        """Drop cycles, charges and runs of the middle when there are too many."""
        runs = self.output.scf
        self.kept['cycles'] += len(runs[-1].cycles)
        self.kept['charges'] += len(runs[-1].charges) + len(runs[-1].spins)
        if self.kept['cycles'] > _MAX_CYCLES:
            for run in runs[1:]:
                run.n_dropped_cycles += max(len(run.cycles) - 2, 0)
                run.cycles[1:-1] = []
            self.kept['cycles'] = sum(len(run.cycles) for run in runs)
        if self.kept['charges'] > _MAX_CHARGES:
            for run in runs[1:]:
                run.charges, run.spins = (), ()
            self.kept['charges'] = len(runs[0].charges)
        if len(runs) >= _MAX_RUNS:
            half = _MAX_RUNS // 2
            self.output.n_dropped_scf += half
            del runs[1 : half + 1]

    # ------------------------------------------------------------------------------------------------ cycles

    def read_cycle(self, line: str) -> None:
        """Read one row of the table."""
        found = _CYCLE.match(line)
        energy = number(found[2]) if found else None
        if found is None or energy is None:
            return
        run = self._run()
        n = int(found[1])
        if run.cycles and (run.cycles[-1].n, run.cycles[-1].energy_hartree) == (n, energy):
            # Printed twice.
            return
        if run.status or (run.cycles and n <= run.cycles[-1].n):
            run = self._start()
        if run.cycles and n > run.cycles[-1].n + 1:
            self._forget()
        _, _, delta, tester, px = found.groups()
        gap = gap_of(self.electronic.state)[0] if n and not self.output.level_shifted else None
        run.cycles.append(
            ScfCycle(
                n,
                energy,
                number(delta) if delta else None,
                number(tester) if tester else None,
                number(px) if px else None,
                gap,
            )
        )
        if len(run.cycles) > _MAX_CYCLES:
            run.n_dropped_cycles += _MAX_CYCLES // 2
            del run.cycles[1 : _MAX_CYCLES // 2 + 1]
        self.electronic.end_cycle()

    def _forget(self) -> None:
        """Forget state and charges: lines are missing, and of which cycle the last ones were is not certain."""
        self.electronic.forget()
        self.charge_rows, self.spin_rows, self.spin_total = [], [], None

    def read_end(self, line: str) -> None:
        """Read how the SCF ended."""
        found = _ENDED.match(line)
        if found is None:
            return
        words = found[1]
        status = _STATUSES.get(words) or ('converged_other' if words.startswith('CONVERGENCE ON') else None)
        run = self._run()
        if run.status and (run.energy_hartree, run.n_cycles) == (number(found[2]), int(found[3])):
            # Printed twice: two runs do not agree to the last digit without a cycle in between.
            return
        if run.status:
            run = self._start()
        run.status, run.criterion = status, words
        if run.cycles and int(found[3]) > run.cycles[-1].n + 1:
            self._forget()
        run.energy_hartree = number(found[2])
        run.n_cycles = int(found[3])
        run.line = self.context.line
        self._keep_charges(run)

    def read_geometry_file(self, line: str) -> None:
        """Read to which file the geometry of this SCF went; its number is that of the optimisation point."""
        if (found := _GEOMETRY_FILE.match(line)) and self.output.scf:
            self.output.scf[-1].geometry_file, self.output.scf[-1].point = found[1], int(found[2])

    def _keep_charges(self, run: ScfRun) -> None:
        """Convert the rows of the last density; half a table, which the text or another line cut, is none."""
        charges = tuple(value for row in self.charge_rows for value in numbers(row))
        spins = tuple(value for row in self.spin_rows for value in numbers(row))
        # A supercell that the run makes of the first geometry has another number of atoms.
        block = self.geometry.current
        n_atoms = block.n_atoms if block is not None and block.n_atoms is not None else self.output.n_atoms
        run.charges = charges if n_atoms in (None, len(charges)) else ()
        run.spins = spins if n_atoms in (None, len(spins)) else ()
        run.spin_total = self.spin_total

    # ------------------------------------------------------------------------------------------------ energies

    def read_total(self, line: str) -> None:
        """Read total energies and total atomic charges."""
        if line.startswith(' TOTAL ATOMIC CHARGES'):
            self.charge_rows = []
            self._collect(self.charge_rows)
        elif line.startswith(' TOTAL ATOMIC SPINS'):
            self.spin_rows = []
            self._collect(self.spin_rows)
        elif not self.output.scf:
            return
        elif found := _CORRECTED.match(line):
            self._run().total_with_dispersion_hartree = number(found[1])
        elif (found := _TOTAL.match(line)) and self._run().total_energy_hartree is None:
            self._run().total_energy_hartree = number(found[1])

    def _collect(self, rows: list[str]) -> None:
        """Collect the rows of numbers that follow."""
        self.context.capture_rows(rows, _NUMBERS.match, lambda line: False)

    def read_particles(self, line: str) -> None:
        """Read the electrons of each atom in a two-component SCF."""
        self.charge_rows = []
        self._collect(self.charge_rows)

    def read_summed_spin(self, line: str) -> None:
        """Read the sum of spins."""
        if line.startswith(' SUMMED SPIN DENSITY'):
            self.spin_total = number(line[21:].strip())
            self.output.is_spin_polarized = True

    def read_correction(self, line: str) -> None:
        """Read the dispersion energy or the counterpoise correction."""
        found = _CORRECTION.match(line)
        if found is None or not self.output.scf:
            return
        run, settings = self._run(), self.output.scf_settings
        if found[1] == 'GCP':
            run.gcp_hartree, settings.gcp = number(found[2]), True
        else:
            run.dispersion_hartree = number(found[2])
            settings.dispersion = line[1:3] if line[2].isdigit() else settings.dispersion or 'D2'

    def read_components(self, line: str) -> None:
        """Read the parts of the energy, printed at the last cycle."""
        if not line.startswith(' +++ ENERGIES IN A.U.') or not self.output.scf:
            return
        components = self._run().components_hartree

        def row(text: str) -> bool:
            if not text.startswith(' :::'):
                return False
            found = _COMPONENT.match(text)
            # The dipole moment of slabs and molecules stands in the same list.
            if found and not found[1].startswith(('DEBYE', 'A.U.')) and len(components) < _MAX_RUNS:
                components[' '.join(found[1].split())] = float(found[2])
            return True

        self.context.capture(row)

    def read_exchange(self, line: str) -> None:
        """Read the exchange and correlation energies of the functional."""
        if (found := _EXCHANGE.match(line)) and self.output.scf:
            for name, text in ((found[1], found[2]), (found[3], found[4])):
                if (value := number(text)) is not None:
                    self._run().components_hartree[name] = value

    def read_integrated(self, line: str) -> None:
        """Keep the number of electrons on the DFT grid; it is printed in each cycle, the last one counts."""
        self.integrated = line

    # ------------------------------------------------------------------------------------------------ eigenvalues

    def read_eigenvalues(self, line: str) -> None:
        """Read the table of eigenvalues at all k-points."""
        if line.lstrip().startswith('FINAL EIGENVALUES'):
            rows: list[str] = []
            self.eigenvalue_rows = rows

            def row(text: str) -> bool:
                if _EIGENVALUE_ROW.match(text) and len(rows) < _MAX_ROWS:
                    rows.append(text)
                    return True
                return False

            self.context.capture(row)

    def finish(self) -> None:
        """Close the last run."""
        runs = self.output.scf
        if runs:
            self._close(runs[-1])
            runs[-1].eigenvalues = _eigenvalues(self.eigenvalue_rows)
        # A title without any cycle is no SCF.
        runs[:] = [run for run in runs if run.cycles or run.status]


def _eigenvalues(rows: list[str]) -> list[Eigenvalues]:
    """Convert the rows of the table; a last block that is shorter than the first one was cut, and is left out."""
    found: list[Eigenvalues] = []
    spin = ''
    for row in rows:
        words = row.split()
        if words and words[0] in ('ALPHA', 'BETA'):
            spin = words[0].lower()
        elif match := _KPOINT.match(row):
            k, x, y, z = (int(group) for group in match.groups())
            found.append(Eigenvalues(k, (x, y, z), spin, ()))
        elif found and '.' in row:
            pairs = _EIGENVALUE.findall(row)
            found[-1].values_hartree += tuple(float(value) for value, _ in pairs)
            found[-1].symmetries += tuple(int(label) for _, label in pairs if label)
    while found and len(found[-1].values_hartree) != len(found[0].values_hartree):
        found.pop()
    return found if found and found[0].values_hartree else []
