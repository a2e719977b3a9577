"""How ``crystalmath read`` shows summaries to people: one as a page, several as a table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.crystal.units import HARTREE_EV

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.summary import Summary

Row = tuple[str, str]
COLOURS = {'finished': 'green', 'incomplete': 'yellow'}
SYSTEMS = {0: 'molecule', 1: 'polymer', 2: 'slab', 3: 'crystal'}
N_ATOMS, N_MODES, N_MESSAGES = 8, 6, 3
"""How many of a list are shown, unless all are asked for."""
N_NAME, N_REMARKS = 24, 20
"""Characters that names of files and remarks have at least, where a terminal is narrow."""
ROOM_K = 298.15
STANDIN_NOTE = 'computed by the STAND-IN engine (PySCF), not by CRYSTAL'


def status_of(summary: Summary) -> str:
    """Return the status as it is shown; of a good run, which other program of the file failed."""
    if summary.status != 'finished' or summary.is_good:
        return summary.status.replace('_', ' ')
    others = [stage for stage in summary.stages if not stage.ended or stage.errors]
    return f'{others[0].program if others else "another program"} failed'


def _long_status(summary: Summary) -> str:
    """Return the status of the program the summary speaks of, and that of another one that failed."""
    words = status_of(summary)
    return words if summary.status != 'finished' or summary.is_good else f'finished, but {words}'


def colour_of(summary: Summary) -> str:
    """Return the colour of the status."""
    return 'red' if summary.status == 'finished' and not summary.is_good else COLOURS.get(summary.status, 'red')


# ------------------------------------------------------------------------------------------------------- several files


def print_table(summaries: Sequence[Summary]) -> None:
    """Print one line a file, then how many there are of each status."""
    heads = ('file', 'version', 'status', 'energy (hartree)', 'gap (eV)', 'remarks')
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    rows = [_cells(summary) for summary in summaries]
    if limit is not None:
        rows = _shortened(rows, limit)
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(5)]
    click.secho(_line(heads, widths, limit), bold=True)
    for row, summary in zip(rows, summaries, strict=True):
        line = _line(row, widths, limit)
        start = widths[0] + widths[1] + 4
        end = start + len(row[2])
        click.echo(line[:start] + click.style(line[start:end], fg=colour_of(summary)) + line[end:])
    good = sum(summary.is_good for summary in summaries)
    click.echo(f'{len(summaries)} files: {good} finished, {len(summaries) - good} not', err=True)


def _shortened(rows: list[tuple[str, ...]], limit: int) -> list[tuple[str, ...]]:
    """Return the rows with long names cut at their beginning, so that the other columns and some remarks have room."""
    others = sum(max(len(row[i]) for row in rows) + 2 for i in range(1, 5))
    width = max(limit - others - N_REMARKS, N_NAME)
    return [(row[0] if len(row[0]) <= width else f'…{row[0][1 - width :]}', *row[1:]) for row in rows]


def _line(cells: Sequence[str], widths: Sequence[int], limit: int | None) -> str:
    """Align cells: numbers to the right, the last column as long as the terminal allows."""
    aligned = [
        cell.rjust(width) if i in (3, 4) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells[:5], widths, strict=True))
    ]
    line = '  '.join([*aligned, cells[-1]]).rstrip()
    return line if limit is None or len(line) <= limit else line[: limit - 1] + '…'


def _cells(summary: Summary) -> tuple[str, ...]:
    """Return the cells of a file."""
    energy = '' if summary.energy_hartree is None else f'{summary.energy_hartree:.8f}'
    gap = '' if summary.gap_ev is None else f'{summary.gap_ev:.4f}'
    version = summary.version or ('properties' if summary.program == 'properties' else '')
    return (summary.file, version, status_of(summary), energy, gap, _remarks(summary))


def _remarks(summary: Summary) -> str:
    """Return what the file is about, and what is wrong with it, in a few words."""
    if summary.problem:
        return summary.problem
    words = []
    if summary.engine == 'STAND-IN':
        words.append('STAND-IN engine')
    if summary.program == 'properties':
        words.append('properties ' + ' '.join(dict.fromkeys(summary.properties or ())))
    if summary.optimisation:
        points = summary.optimisation.points or summary.optimisation.points_printed
        words.append(f'optimisation, {points} point{"s" if points != 1 else ""}')
    if summary.n_qpoints:
        words.append(f'phonons, {summary.n_qpoints} points')
    elif summary.frequencies_cm1:
        words.append(f'{len(summary.frequencies_cm1)} modes')
    if summary.elastic_gpa or summary.elastic_hartree:
        words.append('elastic constants')
    if summary.equation_of_state:
        words.append('equation of state')
    words += [f'{name.replace("_", " ")} incomplete' for name in summary.incomplete_results]
    return ', '.join([*words, *summary.diagnoses[:2]])


# ------------------------------------------------------------------------------------------------------------ one file


def print_summary(summary: Summary, *, full: bool = False) -> None:
    """Print a page on one file.

    :param full: all of long lists.
    """
    click.echo(f'{summary.file}: {click.style(_long_status(summary), fg=colour_of(summary), bold=True)}')
    if summary.program:
        release = f', {" ".join(summary.release.split())}' if summary.release else ''
        click.echo(f'{summary.version or "CRYSTAL"} {summary.program}{release}')
    if summary.engine == 'STAND-IN':
        click.secho(STANDIN_NOTE, fg='red')
    rows = [
        row for part in (_run, _structure, _electronic, _vibrations, _mechanics, _ending) for row in part(summary, full)
    ]
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        first, *more = value.split('\n')
        click.echo(f'  {click.style(name.ljust(width), bold=True)}  {first}')
        for line in more:
            click.echo(f'  {"":{width}}  {line}')
    if summary.problem:
        click.secho(summary.problem[0].upper() + summary.problem[1:] + '.', fg='red')
    elif not summary.is_good and summary.file != '-':
        click.echo(f'What is wrong, and what to do: crystalmath why {quote(summary.file)}')


def _run(summary: Summary, full: bool) -> Iterable[Row]:
    """Tell what was run."""
    if summary.title:
        yield 'title', summary.title
    kinds = [text for text in (summary.hamiltonian, summary.calculation_type) if text]
    if kinds:
        yield 'calculation', ', '.join(kinds).lower()
    if summary.functional:
        yield 'functional', _functional(summary.functional) + _dispersion(summary)
    if summary.properties:
        yield 'properties', ' '.join(summary.properties)
    if full and summary.shrink:
        yield 'k-mesh', f'{" ".join(map(str, summary.shrink))}, {summary.n_kpoints} points'
    if full and summary.n_ao:
        yield 'basis', f'{summary.n_ao} functions' + _number(summary.n_electrons, ', {:g} electrons')


def _functional(functional: dict[str, Any]) -> str:
    """Return exchange, correlation and the part of Fock exchange."""
    exchange, correlation = functional['exchange'], functional['correlation']
    words = exchange if exchange == correlation else f'{exchange} exchange, {correlation} correlation'
    return words + _number(functional['fock_exchange_percent'], ', {:g} % Fock exchange')


def _dispersion(summary: Summary) -> str:
    """Return the correction for dispersion that was asked for."""
    kind = (summary.scf_settings or {}).get('dispersion')
    return f', {kind}' if kind else ''


def _structure(summary: Summary, full: bool) -> Iterable[Row]:
    """Tell atoms and cells."""
    if summary.dimensionality is not None:
        atoms = f'{summary.n_atoms} atom{"s" if summary.n_atoms != 1 else ""}'
        formula = summary.structure.formula if summary.structure else None
        group = summary.space_group or summary.point_group
        known = [formula, SYSTEMS[summary.dimensionality], atoms, group]
        yield 'structure', ', '.join(text for text in known if text)
    which = '' if summary.geometry == 'final' else '  (initial geometry)'
    if summary.cell_primitive:
        volume = '' if summary.volume_angstrom3 is None else f'  {summary.volume_angstrom3:.4f} Å³'
        yield 'primitive cell', _cell(summary.cell_primitive, summary.dimensionality) + volume + which
    if summary.cell_conventional:
        yield 'conventional', _cell(summary.cell_conventional, summary.dimensionality)
    if full and summary.structure:
        positions = zip(summary.structure.symbols, summary.structure.positions_angstrom, strict=True)
        yield 'atoms (Å)', '\n'.join(f'{symbol:2} {x:14.8f} {y:14.8f} {z:14.8f}' for symbol, (x, y, z) in positions)


def _number(value: float | None, words: str) -> str:
    """Return words with a number in them, nothing where there is none."""
    return '' if value is None else words.format(value)


def _cell(cell: Sequence[float], dimensionality: int | None) -> str:
    """Return the lengths and angles that mean something: those between directions that repeat."""
    n_periodic = 3 if dimensionality is None else dimensionality
    angles = {3: cell[3:], 2: cell[5:]}.get(n_periodic, ())
    lengths = f'{" ".join(f"{x:.5f}" for x in cell[:n_periodic])} Å'
    return lengths + (f'  {" ".join(f"{x:.3f}" for x in angles)}°' if angles else '')


def _electronic(summary: Summary, full: bool) -> Iterable[Row]:
    """Tell SCF, optimisation, energy, gap and charges."""
    yield from _convergence(summary)
    per = ' per primitive cell' if summary.dimensionality else ''
    if summary.energy_hartree is not None:
        yield 'energy', f'{summary.energy_hartree:.10f} hartree{per} ({summary.energy_hartree * HARTREE_EV:.4f} eV)'
    if summary.energy_dispersion_hartree is not None:
        yield '', f'of which dispersion and counterpoise {summary.energy_dispersion_hartree:.8f}'
    if summary.gap_ev is not None:
        kind = f' ({summary.gap_kind})' if summary.gap_kind else ''
        spins = ', '.join(f'{spin} {gap:.4f}' for spin, gap in (summary.gaps_ev or {}).items() if gap is not None)
        yield (
            'band gap',
            ('none: conducting' if summary.gap_ev <= 0 else f'{summary.gap_ev:.4f} eV{kind}')
            + (f'; {spins}' if spins else ''),
        )
    elif summary.level_shifted:
        yield 'band gap', 'not known: a level shifter acts'
    if summary.fermi_hartree is not None:
        yield 'Fermi energy', f'{summary.fermi_hartree:.6f} hartree'
    if summary.mulliken:
        symbols = summary.mulliken.symbols
        for name, values in (('charges', summary.mulliken.net_charges), ('spins', summary.mulliken.spins)):
            if values:
                yield f'Mulliken {name}', _per_atom(symbols, values, full)


def _convergence(summary: Summary) -> Iterable[Row]:
    """Tell how the SCF and the optimisation ended."""
    scf, optimisation = summary.scf, summary.optimisation
    if scf.converged is not None:
        how = f'converged on {scf.criterion}' if scf.converged else 'NOT CONVERGED'
        yield 'SCF', how + _number(scf.cycles, ' in {} cycles') + _number(scf.energy_hartree, ', {:.10f} hartree')
    if scf.unfinished_cycles is not None:
        yield 'SCF', f'stopped in cycle {scf.unfinished_cycles}'
    if optimisation:
        ended = {True: 'converged', False: 'NOT CONVERGED'}[bool(optimisation.converged)]
        gradient = optimisation.max_gradient
        last = '' if gradient is None else f', last gradient {gradient:.6f} hartree/bohr'
        points = optimisation.points or optimisation.points_printed or 0
        kind = f' ({optimisation.kind.lower()})' if optimisation.kind else ''
        if (optimisation.count or 1) > 1:
            kind += f', the last of {optimisation.count}'
        yield 'optimisation', f'{ended}, {points} point{"s" if points != 1 else ""}{kind}{last}'


def _per_atom(symbols: Sequence[str], values: Sequence[float | None], full: bool) -> str:
    """Return values of atoms; equal ones of an element once, unless all are asked for."""
    names = symbols if len(symbols) == len(values) else [str(i) for i in range(1, len(values) + 1)]
    shown = [
        f'{name} {"?" if value is None else f"{value + 0.0:+.3f}"}' for name, value in zip(names, values, strict=True)
    ]
    if full:
        return '\n'.join('  '.join(shown[i : i + 8]) for i in range(0, len(shown), 8))
    different = list(dict.fromkeys(shown))
    more = f'  and {len(different) - N_ATOMS} more' if len(different) > N_ATOMS else ''
    return '  '.join(different[:N_ATOMS]) + more


def _vibrations(summary: Summary, full: bool) -> Iterable[Row]:
    """Tell modes and thermodynamics."""
    known = [value for value in summary.frequencies_cm1 or () if value is not None]
    if known:
        imaginary = f', {summary.n_imaginary} imaginary' if summary.n_imaginary else ''
        yield (
            'frequencies',
            f'{len(summary.frequencies_cm1 or ())} modes, {min(known):.2f} to {max(known):.2f} cm⁻¹{imaginary}',
        )
    if full and summary.modes:
        yield 'modes', '\n'.join(_mode(number, mode) for number, mode in enumerate(summary.modes, start=1))
    if full and summary.lo_modes:
        yield 'LO modes', '\n'.join(map(_lo_mode, summary.lo_modes))
    if summary.n_qpoints:
        yield 'phonons', f'{summary.n_qpoints} points of a dispersion'
    points = summary.thermodynamics or []
    for point in points if full else [point for point in points if point['temperature_k'] == ROOM_K] or points[:1]:
        if point['zero_point_hartree'] is not None and point['gibbs_hartree'] is not None:
            pressure = '' if point['pressure_mpa'] is None else f', {point["pressure_mpa"]:g} MPa'
            yield (
                'thermodynamics',
                (
                    f'{point["temperature_k"]:g} K{pressure}: zero-point {point["zero_point_hartree"]:.8f}, '
                    f'Gibbs {point["gibbs_hartree"]:.8f} hartree per cell'
                ),
            )


def _mode(number: int, mode: dict[str, object]) -> str:
    """Return one mode as a line."""
    frequency, intensity, raman = mode['frequency_cm1'], mode['ir_intensity_km_per_mol'], mode['raman_total']
    words = f'{number:4} {"?" if frequency is None else f"{frequency:10.4f}":>10} cm⁻¹  {mode["irrep"] or "":4}'
    if intensity is not None and mode['ir_active'] is not False:
        words += f'  IR {intensity:.2f} km/mol'
    return (words + (f'  Raman {raman:.2f}' if raman is not None else '')).rstrip()


def _lo_mode(mode: dict[str, Any]) -> str:
    """Return a set of longitudinal modes as a line."""
    return (
        f'{mode["first"]:4}-{mode["last"]:<4}{_number(mode["frequency_cm1"], "{:10.4f} cm⁻¹")}  {mode["irrep"] or ""}'
    )


def _mechanics(summary: Summary, full: bool) -> Iterable[Row]:
    """Tell elastic constants and equations of state."""
    for matrix, unit in ((summary.elastic_gpa, 'GPa'), (summary.elastic_hartree, 'hartree')):
        if matrix:
            rows = [' '.join('       ***' if x is None else f'{x:10.3f}' for x in row) for row in matrix]
            yield f'elastic ({unit})', '\n'.join(rows)
    if summary.bulk_modulus_gpa is not None:
        yield 'bulk modulus', f'{summary.bulk_modulus_gpa:.2f} GPa'
    for fit in summary.equation_of_state or () if full else ():
        yield 'fit', f'{fit["name"].lower()}: V {fit["volume_angstrom3"]} Å³, E {fit["energy_hartree"]} hartree'


def _ending(summary: Summary, full: bool) -> Iterable[Row]:
    """Tell times, messages and diagnoses."""
    if summary.wall_time_s is not None:
        processes = f', {summary.n_processes} processes' if (summary.n_processes or 1) > 1 else ''
        cpu = '' if summary.cpu_time_s is None else f', {summary.cpu_time_s:g} s CPU'
        yield 'time', f'{summary.wall_time_s:g} s{cpu}{processes}'
    if len(summary.stages) > 1:
        yield (
            'programs',
            ', '.join(
                f'{stage.program} (line {stage.line}{"" if stage.ended else ", did not end"})'
                for stage in summary.stages
            ),
        )
    if summary.incomplete_results:
        yield 'incomplete', ', '.join(name.replace('_', ' ') for name in summary.incomplete_results)
    for name, lines in (('errors', summary.errors), ('warnings', summary.warnings)):
        if lines and not summary.problem:
            shown = lines if full else lines[:N_MESSAGES]
            more = [f'and {len(lines) - len(shown)} more'] if len(shown) < len(lines) else []
            yield name, '\n'.join([*shown, *more])
    if summary.diagnoses:
        yield 'diagnosis', ', '.join(summary.diagnoses)
    if summary.fort87:
        yield 'fort.87', f'its message was taken from {summary.fort87}'
