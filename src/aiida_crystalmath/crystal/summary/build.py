"""From an output that was read to its summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiida_crystalmath.crystal.diagnosis import Finding, diagnose
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Message, Optimisation, ScfRun, Stage
from aiida_crystalmath.crystal.outputs.models.cell import CellParameters, CellReport
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.crystal.summary.documented import plain
from aiida_crystalmath.crystal.summary.model import Summary
from aiida_crystalmath.crystal.summary.parts import (
    MullikenSummary,
    OptimisationSummary,
    ScfSummary,
    StageSummary,
    Structure,
)
from aiida_crystalmath.crystal.summary.results import add_results

CRITERIA = {
    'converged_energy': 'energy',
    'converged_tester': 'tester',
    'converged_other': 'other',
    'too_many_cycles': 'too_many_cycles',
}
MAX_MESSAGES = 50
"""Of a flood of messages only the first different ones are told."""


def summarise(source: str | Path | Iterable[str], *, file: str = '', fort87: str = '', stderr: str = '') -> Summary:
    """Read an output and sum it up.

    :param source: as for :func:`~aiida_crystalmath.crystal.outputs.stdout.parse_stdout`: text, file (Path) or lines.
    :param file: how the file is named; a Path names itself.
    :param fort87: text of the fort.87 of the same run, for the diagnoses.
    :param stderr: text of the scheduler's stderr, likewise.
    :raises OSError: the file cannot be opened.
    """
    output = parse(source)
    name = file or (str(source) if isinstance(source, Path) else '')
    return from_output(output, file=name, findings=findings_of(output, fort87, stderr))


def parse(source: str | Path | Iterable[str]) -> CrystalOutput:
    """Read an output; the numbers of a damaged one may be infinite, which is no reason to warn."""
    with np.errstate(all='ignore'):
        return parse_stdout(source)


def findings_of(output: CrystalOutput, fort87: str = '', stderr: str = '') -> list[Finding]:
    """Return what the catalogue knows of a file: of the program the output speaks of, then of its other programs."""
    findings = diagnose(output, fort87=fort87, stderr=stderr)
    if is_fragment(output):
        findings = [finding for finding in findings if finding.name != 'not_crystal_output']
    for stage in other_stages(output):
        if stage.errors:
            part = CrystalOutput(program=stage.program, terminated=stage.terminated, errors=stage.errors)
            known = {finding.name for finding in findings}
            findings += [finding for finding in diagnose(part) if finding.name not in known]
    return findings


def is_fragment(output: CrystalOutput) -> bool:
    """Say whether this is a piece of an output without its banner, as SCFOUT.LOG is."""
    return output.program is None and bool(output.scf)


def other_stages(output: CrystalOutput) -> list[Stage]:
    """Return the programs of the file that the output does not speak of."""
    return [stage for stage in output.stages if stage.timings is not output.timings]


def from_output(output: CrystalOutput, *, file: str = '', findings: Sequence[Finding] = ()) -> Summary:
    """Sum up an output that was read.

    :param findings: of :func:`findings_of`, for the names of the diagnoses.
    """
    summary = Summary(
        file=file,
        program=output.program,
        version=output.version,
        status=output.status,
        diagnoses=[finding.name for finding in findings],
        scf=_scf(output.scf),
        optimisation=_optimisation(output),
        errors=_errors(output),
        warnings=_lines(output.warnings),
        stages=[_stage(stage) for stage in output.stages],
    )
    if is_fragment(output):
        summary.problem = 'no banner: a part of an output, as SCFOUT.LOG is, which cannot tell how the run ended'
    _add_run(summary, output)
    _add_energy_and_gap(summary, output)
    _add_geometry(summary, output)
    _add_charges(summary, output)
    add_results(summary, output)
    return summary


def _add_run(summary: Summary, output: CrystalOutput) -> None:
    """Tell what was run and how."""
    if output.program is not None:
        summary.engine = output.engine
    summary.release, summary.title = output.release, output.title
    summary.calculation_type, summary.hamiltonian = output.calculation_type, output.hamiltonian
    summary.functional = plain(output.functional)
    if output.program == 'crystal':
        summary.scf_settings = plain(output.scf_settings)
    summary.n_electrons, summary.n_ao = output.n_electrons, output.n_ao
    summary.shrink = list(output.shrink) if output.shrink else None
    summary.n_kpoints, summary.n_symmops = output.n_kpoints, output.n_symmops
    summary.two_component = output.two_component
    timings = output.timings
    summary.wall_time_s, summary.cpu_time_s = timings.wall_s, timings.cpu_s
    summary.started, summary.ended = timings.started, timings.ended
    summary.n_processes = output.resources.n_processes
    summary.peak_memory_mb = output.resources.peak_memory_mb
    summary.incomplete_results = list(dict.fromkeys([*output.missing_results, *output.incomplete_results]))


def _add_energy_and_gap(summary: Summary, output: CrystalOutput) -> None:
    """Tell energies and the electronic state; the reader gives none that is not final."""
    summary.energy_hartree, summary.energy_source = output.energy_hartree, output.energy_source
    if output.scf_converged:
        summary.energy_scf_hartree = output.energy_scf_hartree
        summary.energy_dispersion_hartree = output.energy_dispersion_hartree
    summary.gap_ev, summary.gap_kind = output.gap_ev, output.gap_kind
    if output.gap_alpha_ev is not None or output.gap_beta_ev is not None:
        summary.gaps_ev = {'alpha': output.gap_alpha_ev, 'beta': output.gap_beta_ev}
    summary.fermi_hartree = output.fermi_energy_hartree
    summary.is_conducting = output.is_conducting
    summary.vbm_hartree, summary.cbm_hartree = output.vbm_hartree, output.cbm_hartree
    if output.program == 'crystal':
        summary.level_shifted = output.level_shifted


def _scf(runs: list[ScfRun]) -> ScfSummary:
    """Sum up the last SCF that ended, and a later one that did not."""
    ended = [run for run in runs if run.status is not None]
    summary = ScfSummary()
    if runs and runs[-1].status is None:
        summary.unfinished_cycles = runs[-1].cycles[-1].n if runs[-1].cycles else 0
    if ended:
        last = ended[-1]
        summary.converged, summary.criterion = last.converged, CRITERIA[last.status or '']
        summary.cycles, summary.energy_hartree = last.n_cycles, last.energy_hartree
    return summary


def _optimisation(output: CrystalOutput) -> OptimisationSummary | None:
    """Sum up the last optimisation; one that was announced and never began has not converged."""
    found: Optimisation | None = output.optimisation
    if found is None:
        return OptimisationSummary(converged=False, points_printed=0) if output.is_optimisation else None
    last = found.points[-1] if found.points else None
    return OptimisationSummary(
        converged=found.status == 'converged',
        points=found.n_points,
        points_printed=len(found.points) + found.n_dropped_points,
        kind=found.kind or None,
        target=found.target,
        energy_hartree=found.energy_hartree,
        max_gradient=last.max_gradient if last else None,
        rms_gradient=last.rms_gradient if last else None,
        count=output.n_optimisations or None,
    )


def _stage(stage: Stage) -> StageSummary:
    """Sum up one program."""
    return StageSummary(
        program=stage.program,
        version=stage.version,
        line=stage.line,
        ended=stage.terminated,
        wall_time_s=stage.timings.wall_s,
        cpu_time_s=stage.timings.cpu_s,
        errors=_lines(stage.errors),
    )


def _lines(messages: Iterable[Message]) -> list[str]:
    """Return the lines of messages, equal ones once."""
    return list(dict.fromkeys(message.raw for message in messages))[:MAX_MESSAGES]


def _errors(output: CrystalOutput) -> list[str]:
    """Return the ERROR lines of all programs and, where one did not reach its end, what the machine says."""
    messages = list(output.errors)
    for stage in other_stages(output):
        messages += stage.errors
    all_ended = bool(output.stages) and all(stage.terminated for stage in output.stages)
    if not all_ended:
        messages += output.noise
    return _lines(sorted(messages, key=lambda message: message.line))


# ---------------------------------------------------------------------------------------------------------- geometry


def _add_geometry(summary: Summary, output: CrystalOutput) -> None:
    """Tell atoms and cells: of the final geometry, or of the initial one where no final one is certain."""
    summary.dimensionality, summary.n_atoms = output.dimensionality, output.n_atoms
    group = None if output.group_lost else output.group
    if group is not None and group.kind == 'point':
        summary.point_group = ' '.join((group.symbol or '').split()) or None
    elif group is not None:
        summary.space_group, summary.space_group_number = group.symbol, group.number
        summary.group_is_of_parent = output.group_is_of_parent
    report: CellReport | None = output.final_cell or output.initial_cell
    if report is None:
        return
    is_moving = output.is_optimisation or output.optimisation is not None
    summary.geometry = 'initial' if is_moving and output.final_cell is None else 'final'
    summary.cell_primitive = _cell(report.primitive)
    if not report.crystallographic_is_computed:
        summary.cell_conventional = _cell(report.crystallographic)
    if report.primitive is not None and not report.primitive.volume_is_computed:
        summary.volume_angstrom3 = report.primitive.volume_angstrom3
    if report.geometry is not None:
        summary.structure = _structure(report.geometry)


def _cell(cell: CellParameters | None) -> list[float] | None:
    """Return a, b, c, alpha, beta, gamma."""
    return None if cell is None else list(cell.lengths_and_angles)


def _structure(geometry: Geometry) -> Structure:
    """Return atoms and lattice."""
    return Structure(
        formula=geometry.formula,
        symbols=['X' if site.ghost and not site.number else site.symbol for site in geometry.sites],
        positions_angstrom=geometry.positions.tolist(),
        cell_angstrom=geometry.cell.tolist() if geometry.dimensionality else None,
    )


# ----------------------------------------------------------------------------------------------------------- charges


def _add_charges(summary: Summary, output: CrystalOutput) -> None:
    """Tell the last charges and spins that were printed, and those of the final density."""
    mulliken = output.mulliken
    printed = [run for run in output.scf if run.charges]
    if printed:
        charges, spins = list(printed[-1].charges), list(printed[-1].spins)
        summary.atomic_charges, summary.atomic_spins = charges, spins or None
        final = None if mulliken is None else (mulliken.electrons, mulliken.spins or [])
        summary.atomic_charges_are_final = final == (charges, spins)
    elif mulliken is not None:
        summary.atomic_charges, summary.atomic_spins = list(mulliken.electrons), plain(mulliken.spins)
        summary.atomic_charges_are_final = True
    if mulliken is not None:
        summary.mulliken = MullikenSummary(
            list(mulliken.symbols), list(mulliken.electrons), list(mulliken.net_charges), plain(mulliken.spins)
        )


def with_problem(summary: Summary, problem: str) -> Summary:
    """Return the summary of a file that is no output of CRYSTAL, which ``problem`` explains."""
    return replace(summary, status='failed', errors=[problem], diagnoses=[], problem=problem)
