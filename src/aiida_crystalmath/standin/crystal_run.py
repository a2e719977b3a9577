"""One run of the stand-in's main program: deck in, CRYSTAL's files out."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from aiida_crystalmath import __version__
from aiida_crystalmath.crystal.inputs.d12 import D12, read_d12

from . import ghosts, translate
from .failures import KNOWN_FAILURES, FatalError, report
from .forces import single_point
from .frequency_run import run_frequencies
from .geometry_file import write_geometry_file
from .model import Job, ScfCycle
from .optimisation_run import run_optimisation
from .run_end import closing, finish_scf
from .writers import basis, controls, geometry, optimisation, scf
from .writers.frame import Output, title_line
from .writers.frequencies import request
from .writers.setting import setting_of
from .writers.symmetry import SymmetryOperators, irreducible_points


def run(deck: str, folder: Path, stream: TextIO) -> int:
    """Run a deck in a folder and return the exit status.

    :param deck: text of the d12.
    :param folder: where files are read (fort.34, fort.20, OPTINFO.DAT) and written.
    :param stream: the output.
    """
    out = Output(stream)
    (folder / 'fort.87').unlink(missing_ok=True)
    out.start(__version__)
    try:
        if not deck.strip():
            raise FatalError('INPUT', 'END OF DATA IN INPUT DECK')
        out.line(title_line(deck.splitlines()[0]))
        d12 = read_d12(deck)
        job = translate.job_from_d12(d12, external_geometry(d12, folder), folder)
        check(d12, job, folder)
        return _run_job(d12, job, folder, out)
    except (*KNOWN_FAILURES, FatalError) as error:
        return report(out, folder, error)


def external_geometry(d12: D12, folder: Path) -> str | None:
    """Return the text of fort.34 when the deck reads its geometry from there."""
    if d12.geometry.keyword != 'EXTERNAL':
        return None
    path = folder / 'fort.34'
    if not path.is_file() or path.stat().st_size == 0:
        raise FatalError(
            'EXTERNAL', 'GEOMETRY DATA FILE NOT FOUND', 'EXTERNAL reads fort.34: put it in the working folder'
        )
    return path.read_text()


def check(d12: D12, job: Job, folder: Path) -> None:
    """Stop where CRYSTAL stops: a charged cell, a missing density to start from."""
    if not job.basis:
        return
    electrons = sum(basis_set.n_electrons for basis_set in job.basis)
    charge = sum(
        basis_set.nuclear_charge
        for site, basis_set in zip(job.geometry.sites, job.basis, strict=True)
        if not site.ghost
    )
    if abs(electrons - charge) > 1e-6 and not d12.parameters.basis.charged:
        raise FatalError(
            'LoadBa', 'UNIT CELL NOT NEUTRAL', f'{electrons:g} electrons in the shells, nuclear charge {charge:g}'
        )
    if job.guessp and not (folder / 'fort.20').is_file():
        raise FatalError('GUESSP', 'COPY OF WAVEFUNCTION FILE fort.20 CAN NOT BE FOUND')


def _run_job(d12: D12, job: Job, folder: Path, out: Output) -> int:
    operators = SymmetryOperators.of(job.rotations, job.translations)
    setting = setting_of(d12.geometry, job.geometry)
    out.lines(geometry.input_section(setting, job.geometry, operators))
    if job.frequencies is not None:
        out.lines(request(job.frequencies))
    out.lines(geometry.wave_function_section(setting, job.geometry, operators))
    if job.testgeom:
        write_geometry_file(folder / 'fort.34', job.geometry, operators)
        out.line(' WARNING **** CRYSTA **** TESTGEOM  DIRECTIVE - GEOMETRY EDITING COMPLETE')
        out.terminate()
        return 0
    system = controls.System(
        job=job,
        operators=operators,
        points=irreducible_points(job.kmesh, operators),
        n_electrons=sum(basis_set.n_electrons for basis_set in job.basis),
        tolerances=_tolerances(d12),
    )
    out.lines(basis.basis_section(job.geometry, job.basis))
    out.lines(ghosts.message(job.geometry))
    out.lines(controls.messages(job))
    out.lines(controls.parameter_tables(system))
    out.timing('INPUT')
    out.lines(geometry.neighbours(job.geometry))
    out.timing('SYMM')
    if job.testpdim:
        # The words are those of CRYSTAL23 as others quote them; the form of their line is not known.
        out.line(' INFORMATION **** TESTPDIM **** TEST - SIZE OF DENSITY MATRIX EVALUATED')
        out.terminate()
        return 0
    if job.frequencies is not None:
        return run_frequencies(system, folder, out)
    if job.optimisation is not None:
        return run_optimisation(system, setting, folder, out)
    return _single_point(system, folder, out)


def _single_point(system: controls.System, folder: Path, out: Output) -> int:
    job = system.job
    out.timing('INT_CALC')
    scf.heading(out, system)

    def on_cycle(step: ScfCycle) -> None:
        scf.cycle(out, step, job)

    result, gradient = single_point(job, on_cycle)
    finish_scf(out, system, result)
    if gradient is not None:
        out.lines(optimisation.forces(job.geometry, gradient, analytical=not job.periodic))
        out.timing('TOTGRA')
    closing(out, job, result, folder)
    out.terminate()
    return 0


def _tolerances(d12: D12) -> tuple[int, int, int, int, int]:
    given = d12.parameters.scf.tolinteg
    if given is None:
        return controls.DEFAULT_TOLERANCES
    first, second, third, fourth, fifth = given
    return first, second, third, fourth, fifth
