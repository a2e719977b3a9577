"""``crystalmath show``: what came out of a calculation or work chain, in one screen."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, load_process, load_profile
from aiida_crystalmath.cli.summaries import Row, further_rows, further_tables

if TYPE_CHECKING:
    from rich.console import Console

AXES = (('a', 'a_angstrom'), ('b', 'b_angstrom'), ('c', 'c_angstrom'))
N_ATOMS_SHOWN = 8


@click.command()
@click.argument('pk', metavar='PK')
@click.option('--json', 'as_json', is_flag=True, help='Print as JSON, with units in the keys.')
@click.pass_context
def show(ctx: click.Context, pk: str, as_json: bool) -> None:
    """Show the results of the calculation or work chain PK (or UUID), or of the one that made the data PK.

    Of a failed one it says where the failure began and what the program said. In the JSON, "results" holds
    everything the program's output gave, "structure" the last structure, "outputs" the PKs of the output nodes, and
    "failure" is null unless it failed.
    """
    from aiida_crystalmath.cli.summary import summarise

    load_profile(ctx)
    node = load_process(pk)
    if pk.isdigit() and int(pk) != node.pk:
        click.echo(f'PK {pk} is data; this is the calculation that made it.', err=True)
    summary = summarise(node)
    if as_json:
        echo_json(summary)
    else:
        print_summary(summary, console())


def print_summary(summary: dict[str, Any], out: Console) -> None:
    """Print the table of results, the nodes, and what to type next."""
    from rich.markup import escape
    from rich.table import Table

    standin = 'STAND' in str(summary['engine'] or '').upper()
    mark = ' [red]*[/]' if standin else ''
    label = f'  {escape(summary["label"])}' if summary['label'] else ''
    out.print(f'\n[bold]{summary["process"]}[/] PK {summary["pk"]}{label}: {_state(summary)}')
    rows = result_rows(summary)
    if rows:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style='bold', no_wrap=True)
        table.add_column(justify='left', overflow='fold')
        for name, value, computed in rows:
            table.add_row(name, f'{escape(value)}{mark if computed else ""}')
        out.print(table)
    for further in further_tables(summary):
        out.print(further)
    if standin:
        out.print('[red]*[/] value of the [red]STAND-IN engine[/] (PySCF), not of CRYSTAL')
    _print_failure(summary, out)
    if summary['outputs']:
        nodes = '   '.join(f'{label}\N{NO-BREAK SPACE}{pk}' for label, pk in summary['outputs'].items())
        for line in wrap(f'Nodes: {nodes}', out.width):  # keeps a name and its PK together
            out.print(line.replace('\N{NO-BREAK SPACE}', ' '))
    _print_next(summary, out)


def _state(summary: dict[str, Any]) -> str:
    """Return the state in words, coloured."""
    from rich.markup import escape

    if summary['is_ok']:
        return '[green]finished well[/]'
    if summary['exit_status']:
        return f'[red]failed, exit status {summary["exit_status"]}[/]: {escape(str(summary["exit_message"]))}'
    if summary['is_terminated']:
        return f'[red]{summary["state"]}[/]'
    return f'[yellow]not finished yet ({summary["state"]})[/]'


# -- the table ---------------------------------------------------------------------------------------------------------


def result_rows(summary: dict[str, Any]) -> list[Row]:
    """Return every result there is."""
    results, structure = summary['results'], summary['structure']
    rows: list[Row] = []
    if structure:
        rows += _structure_rows(structure, summary['initial_structure'])
    if results.get('energy_hartree') is not None:
        rows.append(('energy', f'{results["energy_hartree"]:.8f} hartree{_per_cell(results)}', True))
    rows += _gap_rows(results)
    if results.get('program') == 'properties':
        rows += _properties_rows(results, structure)
    if results.get('total_spin') is not None:
        rows.append(('total spin', f'{results["total_spin"]:.3f} unpaired electrons', True))
    rows += _mulliken_rows(results.get('mulliken') or {}, structure)
    return rows + further_rows(summary)


def _per_cell(results: dict[str, Any]) -> str:
    """Return what an energy belongs to: CRYSTAL computes the primitive cell, whatever cell the user gave."""
    if not results.get('dimensionality'):
        return ''
    times = results.get('primitive_cells_in_structure')
    return ' per primitive cell' + (f' (1/{times:.0f} of the cell above)' if times and times > 1.5 else '')


def _structure_rows(structure: dict[str, Any], initial: dict[str, Any] | None) -> list[Row]:
    """Return formula, lattice and angles, or the shortest bond of a molecule."""
    kind = {0: 'molecule', 1: 'polymer', 2: 'slab', 3: 'crystal'}[structure['dimensionality']]
    n_atoms = structure['n_atoms']
    where = '' if structure['dimensionality'] == 0 else ' in the cell'
    rows: list[Row] = [
        ('structure', f'{structure["formula"]}  ({kind}, {n_atoms} atom{"s" if n_atoms > 1 else ""}{where})', False)
    ]
    relaxed = structure['is_relaxed']
    if 'a_angstrom' in structure:
        return rows + _lattice_rows(structure, initial)
    if 'shortest_distance_angstrom' in structure:
        distance = structure['shortest_distance_angstrom']
        change = ''
        if relaxed and initial and 'shortest_distance_angstrom' in initial:
            change = f'  ({distance - initial["shortest_distance_angstrom"]:+.4f} Å from the input)'
        rows.append(
            ('shortest distance', f'{structure["shortest_distance_between"]} {distance:.4f} Å{change}', relaxed)
        )
    return rows


def _lattice_rows(structure: dict[str, Any], initial: dict[str, Any] | None) -> list[Row]:
    """Return the lengths along the periodic directions, with how they changed, and the angles."""
    relaxed, axes = structure['is_relaxed'], AXES[: structure['dimensionality']]
    text = '  '.join(f'{structure[key]:.4f}' for _, key in axes) + ' Å'
    # A chain that goes on in the primitive cell has not squeezed the one it was given.
    if relaxed and initial and 'a_angstrom' in initial and initial['n_atoms'] == structure['n_atoms']:
        changes = [100 * (structure[key] / initial[key] - 1) for _, key in axes]
        if max(changes) - min(changes) < 0.005:
            text += f'  ({changes[0]:+.2f} % from the input)'
        else:
            text += f'  ({"  ".join(f"{change:+.2f}" for change in changes)} % from the input)'
    rows: list[Row] = [(f'lattice {" ".join(name for name, _ in axes)}', text, relaxed)]
    if structure['dimensionality'] == 3:
        angles = '  '.join(f'{structure[key]:.2f}' for key in ('alpha_degree', 'beta_degree', 'gamma_degree'))
        rows.append(('angles', f'{angles} °', relaxed))
    elif structure['dimensionality'] == 2:
        rows.append(('angle', f'{structure["gamma_degree"]:.2f} °', relaxed))
    return rows


def _gap_rows(results: dict[str, Any]) -> list[Row]:
    """Return the gap, with what must be known before it is believed."""
    is_molecule = results.get('dimensionality') == 0
    name = 'HOMO-LUMO gap' if is_molecule else 'band gap'
    if results.get('gap_ev') is None:
        return [(name, 'none: conducting', True)] if results.get('is_conducting') else []
    kind = f' ({results["gap_kind"]}, on the k-mesh)' if results.get('gap_kind') and not is_molecule else ''
    warning = ', WITH THE LEVEL SHIFT: not a physical gap' if results.get('is_level_shifted') else ''
    return [(name, f'{results["gap_ev"]:.3f} eV{kind}{warning}', True)]


def _properties_rows(results: dict[str, Any], structure: dict[str, Any] | None) -> list[Row]:
    """Return what properties worked on, and of what if no structure is known."""
    rows: list[Row] = []
    read = results.get('wave_function') or {}
    if structure is None and read.get('formula'):
        rows.append(('wavefunction', f'of {read["formula"]}, by a run that is not in the database', False))
    if results.get('keywords'):
        rows.append(('properties', ' '.join(results['keywords']), False))
    if results.get('fermi_energy_ev') is not None:
        rows.append(('Fermi energy', f'{results["fermi_energy_ev"]:.4f} eV', True))
    return rows


def _mulliken_rows(mulliken: dict[str, Any], structure: dict[str, Any] | None) -> list[Row]:
    """Return charges and spins, equal ones of a kind once."""
    rows: list[Row] = []
    for key, name, unit in (('charges', 'Mulliken charges', 'e'), ('spins', 'Mulliken spins', '')):
        values = mulliken.get(key)
        if not values:
            continue
        is_known = structure is not None and len(structure['kinds']) == len(values)
        kinds = structure['kinds'] if structure and is_known else [str(i + 1) for i in range(len(values))]
        rounded = [round(value, 3) + 0.0 for value in values]  # no -0.000
        shown = list(dict.fromkeys(f'{kind} {value:+.3f}' for kind, value in zip(kinds, rounded, strict=True)))
        more = f'  and {len(shown) - N_ATOMS_SHOWN} more' if len(shown) > N_ATOMS_SHOWN else ''
        rows.append((name, f'{"  ".join(shown[:N_ATOMS_SHOWN])} {unit}'.rstrip() + more, True))
    return rows


# -- below the table ---------------------------------------------------------------------------------------------------


def _print_failure(summary: dict[str, Any], out: Console) -> None:
    """Say where a failure began, and what the program said."""
    from rich.markup import escape

    failure = summary['failure']
    if not failure:
        return
    if failure['pk'] != summary['pk']:
        reason = failure['exit_message'] or failure['exception'] or failure['state']
        out.print(f'It began in {failure["process"]} PK {failure["pk"]}: {escape(str(reason))}')
    elif failure['exception']:
        out.print(escape(str(failure['exception'])))
    for line in failure['evidence']:
        out.print(f'  the program said: {escape(line)}')


def _print_next(summary: dict[str, Any], out: Console) -> None:
    """Print commands that make sense now."""
    from aiida_crystalmath.plotting.figures import has_figures

    pk, failure = summary['pk'], summary['failure']
    out.print('Next:')
    if not summary['is_terminated']:
        out.print(f'  crystalmath show {pk}              [dim]again, when it has ended[/]')
    if has_figures(summary['process'], summary['outputs']):
        out.print(f'  crystalmath plot {pk}')
    if failure:
        out.print(f'  crystalmath why {pk}               [dim]the lines that show it, and what to do[/]')
        out.print(f'  verdi process report {pk}')
        if failure['is_calcjob']:
            out.print(f'  verdi calcjob inputcat {failure["pk"]}')
            out.print(f'  verdi calcjob outputcat {failure["pk"]} | tail -50')
    out.print(f'  verdi process status {pk}')
    if summary['is_ok']:
        out.print(f'  verdi node graph generate {pk}')
