"""One geometry optimisation of the stand-in's main program: its points, its log and its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import optimise
from .coordinates import free_displacements
from .failures import FatalError
from .geometry_file import write_geometry_file
from .model import OptPoint, OptResult, OptSettings, ScfCycle
from .run_end import closing
from .writers import geometry, optimisation, scf
from .writers.controls import System
from .writers.frame import Output
from .writers.geometry import Setting


def run_optimisation(system: System, setting: Setting, folder: Path, out: Output) -> int:
    """Optimise, write the files of every point and return the exit status."""
    job = system.job
    settings = job.optimisation
    assert settings is not None
    # CRYSTAL holds an empty fort.9 while it optimises: a killed run must not look as if it had left a wavefunction.
    (folder / 'fort.9').write_bytes(b'')
    out.lines(optimisation.control_section(settings))
    with (folder / 'SCFOUT.LOG').open('w') as log:
        recorder = Recorder(system, setting, folder, out, Output(log, out.clock))
        recorder.start()
        result = optimise.optimise(
            job, settings, recorder.on_point, recorder.on_cycle, restart_path=folder / 'OPTINFO.DAT'
        )
        recorder.close_scf()
    return _finish(system, setting, folder, out, result)


class Recorder:
    """Writes what the optimiser reports, as it comes.

    The SCF of the first point goes to the output, every later one (also those of numerical derivatives) to the log.
    """

    def __init__(self, system: System, setting: Setting, folder: Path, out: Output, log: Output) -> None:
        job = system.job
        settings = job.optimisation
        assert settings is not None
        self._system, self._setting, self._folder, self._out, self._log = system, setting, folder, out, log
        self._settings: OptSettings = settings
        self._cell = job.periodic and settings.type != 'ATOMONLY'
        atoms = settings.type in ('FULLOPTG', 'CVOLOPT') and len(free_displacements(job)) > 0
        self._title = optimisation.point_title(job, atoms, self._cell)
        self._last_cycle: ScfCycle | None = None
        self._scf_count = 0
        self._points = 0

    def start(self) -> None:
        """Write the start of the optimisation."""
        self._out.lines(optimisation.starting(self._title, self._settings.restart))

    def on_cycle(self, step: ScfCycle) -> None:
        """Write a cycle; a cycle numbered 1 starts a new SCF."""
        if step.n == 1:
            self.close_scf()
            self._scf_count += 1
            scf.heading(self._stream, self._system)
        scf.cycle(self._stream, step, self._system.job)
        self._last_cycle = step

    def on_point(self, point: OptPoint) -> None:
        """Write a finished point and its geometry file."""
        self.close_scf()
        first = self._points == 0
        if not first:
            self._out.timing('OPTI')
            if self._points == 1:
                self._out.lines(optimisation.moved_to_log())
        self._points += 1
        job = self._system.job
        if not first or point.n > 1:
            operators = self._system.operators
            self._out.lines(
                optimisation.geometry_of_point(self._title, point.n, self._setting, point.geometry, operators)
            )
            self._out.lines(['', optimisation.energy_of_point(job, point)])
        if point.gradients is not None:
            analytical = job.geometry.dimensionality == 0
            self._out.lines(optimisation.forces(point.geometry, point.gradients, analytical=analytical))
            self._out.timing('TOTGRA')
        name = optimisation.file_name(point.n, self._settings, cell=self._cell)
        write_geometry_file(self._folder / name, point.geometry, self._system.operators)
        (self._out if first else self._log).line(f' INFORMATION **** {name} **** GEOMETRY OUTPUT FILE')
        if point.extra_energies:
            self._out.line(
                f' INFORMATION **** STANDIN **** DERIVATIVES BY {point.extra_energies} FURTHER ENERGIES (SCFOUT.LOG)'
            )
        self._out.lines(optimisation.convergence_tests(point, self._settings, first=first))

    def close_scf(self) -> None:
        """Write the end of the SCF that was running, if any."""
        last, self._last_cycle = self._last_cycle, None
        if last is not None:
            converged = last.n > 1 and abs(last.delta) < 10.0**-self._system.job.scf.toldee
            scf.end(self._stream, self._system.job, last, converged=converged)
            self._stream.timing('EDFT')

    @property
    def _stream(self) -> Output:
        return self._out if self._scf_count <= 1 else self._log


def _finish(system: System, setting: Setting, folder: Path, out: Output, result: OptResult) -> int:
    job = replace(system.job, geometry=result.geometry)
    if result.status == 'scf_failed':
        raise FatalError('OPTGEOM', 'SCF FAILED - OPTGEOM STOP')
    out.lines(optimisation.optimisation_end(result))
    out.lines(f' WARNING **** STANDIN **** {note}' for note in (*result.notes, *result.scf.notes))
    out.lines(geometry.neighbours(result.geometry))
    out.lines(geometry.final_section(setting, result.geometry, system.operators))
    write_geometry_file(folder / 'fort.34', result.geometry, system.operators)
    if not result.converged:
        raise FatalError('f90main', 'GEOMETRY OPTIMIZATION FAILED')
    closing(out, job, result.scf, folder)
    out.terminate()
    return 0
