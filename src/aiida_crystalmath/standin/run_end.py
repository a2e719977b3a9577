"""What a run of the main program writes once its SCF, or its optimisation, has come to its end."""

from __future__ import annotations

from pathlib import Path

from . import wavefunction
from .model import Job, ScfResult
from .writers import mulliken, scf
from .writers.controls import System
from .writers.frame import Output


def finish_scf(out: Output, system: System, result: ScfResult) -> None:
    """Write everything between the last cycle and the populations."""
    scf.band_edges(out, system, result)
    out.lines(scf.energy_terms(result))
    out.timing('MONMO3')
    scf.end(out, system.job, result.cycles[-1], converged=result.converged)
    out.lines(scf.smearing(system, result))
    out.lines(f' WARNING **** STANDIN **** {note}' for note in result.notes)
    out.timing('EDFT')


def closing(out: Output, job: Job, result: ScfResult, folder: Path) -> None:
    """Write the populations, and the wavefunction to fort.9 (an SCF out of cycles leaves one too, to go on from)."""
    if job.ppan:
        mulliken.section(out, job.geometry, result.mulliken)
        (folder / 'PPAN.DAT').write_text(mulliken.write_ppan_dat(job.geometry, result.mulliken))
    wavefunction.save(folder / 'fort.9', job, result)
    if result.converged:
        out.line(' EIGENVECTORS IN FORTRAN UNIT 10')
