"""One frequency calculation of the stand-in's main program: displacements, modes, and the files to restart from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import frequencies, frequency_file
from .frequencies import Evaluated, Step
from .model import Complex, FreqSettings, ScfCycle
from .run_end import closing, finish_scf
from .writers import frequencies as text
from .writers import optimisation, scf
from .writers.controls import System
from .writers.frame import Output


def run_frequencies(system: System, folder: Path, out: Output) -> int:
    """Compute the vibrations of a molecule, write output and files, and return the exit status."""
    run = _Run(system, folder, out)
    out.lines(text.loose_scf(system.job.scf.toldee))
    out.lines(text.preparation(run.labels, run.masses, run.settings, len(run.steps)))
    run.start()
    run.displace()
    run.report()
    out.terminate()
    return 0


class _Run:
    """The state of one frequency calculation: what was computed, and where it is written."""

    def __init__(self, system: System, folder: Path, out: Output) -> None:
        assert system.job.frequencies is not None
        self.settings: FreqSettings = system.job.frequencies
        self.job = frequencies.central_job(system.job)
        self.labels = frequencies.labels_of(self.job.geometry)
        self.masses = frequencies.masses_of(self.job.geometry, self.settings.isotopes)
        self.steps = list(frequencies.steps_of(len(self.labels), self.settings))
        self.points: dict[Step, Evaluated] = {}
        self._system, self._folder, self._out = system, folder, out

    def start(self) -> None:
        """Compute the undisplaced molecule, or take it from the files of a run before."""
        if self.settings.restart:
            self.central, self.points = frequency_file.read_info(self._folder, len(self.labels), self.settings)
            self._density = frequency_file.read_density(self._folder)
            self._out.lines(text.restored())
        else:
            self.central, self._density = self._central_point()
            frequency_file.write_density(self._folder, self._density)
            self._write()

    def _central_point(self) -> tuple[Evaluated, Complex]:
        """Run the undisplaced molecule: its SCF and forces stand in the output, its wavefunction in fort.9."""
        out, job = self._out, self.job
        out.timing('INT_CALC')
        scf.heading(out, self._system)

        def on_cycle(step: ScfCycle) -> None:
            scf.cycle(out, step, job)

        central, result = frequencies.evaluate(job, on_cycle, None, dipole=self.settings.intensities)
        finish_scf(out, self._system, result)
        out.lines(optimisation.forces(job.geometry, central.gradient.reshape(-1, 3), analytical=True))
        out.timing('TOTGRA')
        closing(out, job, result, self._folder)
        return central, result.density

    def displace(self) -> None:
        """Compute every displaced geometry that is not known yet, and put each on disk at once."""
        self._out.lines(text.table_head(self.central))
        with (self._folder / 'SCFOUT.LOG').open('a') as handle:
            log = Output(handle, self._out.clock)
            for step in self.steps:
                if step in self.points:
                    self._out.line(text.restored_row(step, self.labels[step.atom]))
                    continue
                self.points[step] = self._evaluate(step, log)
                self._write()
                self._out.line(text.table_row(step, self.labels[step.atom], self.central, self.points[step]))
        self._out.line()

    def _evaluate(self, step: Step, log: Output) -> Evaluated:
        """Compute one displaced geometry, from the density of the undisplaced one; its SCF goes to the log."""
        scf.heading(log, self._system)

        def on_cycle(cycle: ScfCycle) -> None:
            scf.cycle(log, cycle, self.job)

        moved = replace(self.job, geometry=frequencies.displaced(self.job.geometry, step, self.settings.step_bohr))
        point, _ = frequencies.evaluate(moved, on_cycle, self._density, dipole=self.settings.intensities)
        return point

    def _write(self) -> None:
        frequency_file.write_info(self._folder, len(self.labels), self.settings, self.central, self.points)

    def report(self) -> None:
        """Write the Hessian, charges, modes and thermodynamics."""
        out, natom = self._out, len(self.labels)
        hessian, dipoles = frequencies.derivatives(self.central, self.points, natom, self.settings)
        frequency_file.write_hessian(self._folder, hessian)
        given = dipoles if self.settings.intensities else None
        modes = frequencies.normal_modes(hessian, self.masses, self.job.geometry, given)
        if modes.charges is not None:
            out.lines(text.born_charges(self.labels, dipoles))
            out.lines(text.mode_charges(modes.charges))
        out.lines(text.modes_table(modes))
        out.lines(text.eigenvectors(modes, self.masses, self.labels))
        out.lines(text.thermodynamics(self.central.energy, modes.frequencies, self.settings))
