"""``crystalmath show``: what came out of a calculation or work chain, in one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, load_process, load_profile

if TYPE_CHECKING:
    from aiida.orm import ProcessNode, StructureData
    from rich.console import Console

RESULT_OUTPUTS = (
    'output_structure',
    'output_parameters',
    'output_bands',
    'output_dos',
    'output_dos_projected',
    'output_trajectory',
    'remote_folder',
    'recovery_report',
)


@click.command()
@click.argument('pk', metavar='PK')
@click.option('--json', 'as_json', is_flag=True, help='Print as JSON.')
@click.pass_context
def show(ctx: click.Context, pk: str, as_json: bool) -> None:
    """Show the results of the calculation or work chain PK (or UUID)."""
    load_profile(ctx)
    summary = summarise(load_process(pk))
    if as_json:
        echo_json(summary)
    else:
        print_summary(summary, console())


def summarise(node: ProcessNode) -> dict[str, Any]:
    """Collect the results of a process: plain values with their units in the keys."""
    outputs: dict[str, Any] = {
        link.link_label: link.node for link in node.base.links.get_outgoing().all() if link.link_label in RESULT_OUTPUTS
    }
    parameters = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
    initial = _input_structure(node)
    structure = outputs.get('output_structure') or initial
    return {
        'pk': node.pk,
        'uuid': node.uuid,
        'label': node.label,
        'process': node.process_label,
        'state': node.process_state.value if node.process_state else 'created',
        'exit_status': node.exit_status,
        'exit_message': node.exit_message,
        'is_ok': node.is_finished_ok,
        'engine': parameters.get('engine') or _engine_of(outputs),
        'results': parameters,
        'structure': _structure(structure, 'output_structure' in outputs) if structure else None,
        'initial_structure': _structure(initial, False) if initial else None,
        'outputs': {label: output.pk for label, output in sorted(outputs.items())},
        'failure': deepest_failure(node),
    }


def _engine_of(outputs: dict[str, Any]) -> str | None:
    """Return the engine that the outputs are marked with."""
    marks = [output.base.extras.get('engine', None) for output in outputs.values()]
    return next((str(mark) for mark in marks if mark), None)


def _input_structure(node: ProcessNode) -> StructureData | None:
    from aiida.orm import StructureData

    for link in node.base.links.get_incoming().all():
        if isinstance(link.node, StructureData):
            return link.node
    return None


def _structure(structure: StructureData, is_output: bool) -> dict[str, Any]:
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    names = ('a_angstrom', 'b_angstrom', 'c_angstrom', 'alpha_degree', 'beta_degree', 'gamma_degree')
    return {
        'pk': structure.pk,
        'formula': structure.get_formula(),
        'kinds': geometry.kinds,
        'dimensionality': geometry.dimensionality,
        'is_relaxed': is_output,
        **(dict(zip(names, geometry.cell_parameters, strict=True)) if geometry.dimensionality else {}),
    }


def deepest_failure(node: ProcessNode) -> dict[str, Any] | None:
    """Walk from a failed process to the called one where the failure began."""
    if node.is_finished_ok or not node.is_terminated:
        return None
    failed = [child for child in getattr(node, 'called', []) if child.is_terminated and not child.is_finished_ok]
    for child in reversed(failed):
        if child.exit_status != 0 or child.is_excepted or child.is_killed:
            deeper = deepest_failure(child)
            if deeper:
                return deeper
    return {
        'pk': node.pk,
        'process': node.process_label,
        'state': node.process_state.value if node.process_state else None,
        'exit_status': node.exit_status,
        'exit_message': node.exit_message,
        'exception': node.exception,
    }


# -- what a person sees ------------------------------------------------------------------------------------------------


def print_summary(summary: dict[str, Any], out: Console) -> None:
    """Print the table of results, the nodes, and what to type next."""
    from rich.table import Table

    standin = 'STAND' in str(summary['engine'] or '').upper()
    mark = ' [red]*[/]' if standin else ''
    state = '[green]finished well[/]' if summary['is_ok'] else f'[red]{summary["state"]}[/]'
    if summary['exit_status']:
        state = f'[red]failed, exit status {summary["exit_status"]}[/]: {summary["exit_message"]}'
    out.print(f'\n[bold]{summary["process"]}[/] PK {summary["pk"]}  {summary["label"]}: {state}')
    rows = list(result_rows(summary))
    if rows:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style='bold', no_wrap=True)
        table.add_column(justify='left', overflow='fold')
        for name, value, computed in rows:
            table.add_row(name, f'{value}{mark if computed else ""}')
        out.print(table)
    if standin:
        out.print('[red]*[/] value of the [red]STAND-IN engine[/] (PySCF), not of CRYSTAL')
    _print_failure(summary, out)
    if summary['outputs']:
        out.print('Nodes: ' + '   '.join(f'{label} {pk}' for label, pk in summary['outputs'].items()))
    _print_next(summary, out)


def result_rows(summary: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return (name, value, whether it was computed) of every result there is."""
    results, structure, initial = summary['results'], summary['structure'], summary['initial_structure']
    rows: list[tuple[str, str, bool]] = []
    if structure:
        rows.append(('structure', structure['formula'], False))
        if 'a_angstrom' in structure:
            rows += _lattice_rows(structure, initial)
    if results.get('energy_hartree') is not None:
        cell = ' per primitive cell' if results.get('dimensionality') else ''
        rows.append(('energy', f'{results["energy_hartree"]:.8f} hartree{cell}', True))
    if results.get('gap_ev') is not None:
        kind = f' ({results["gap_kind"]})' if results.get('gap_kind') else ''
        rows.append(('band gap', f'{results["gap_ev"]:.3f} eV{kind}', True))
        if results.get('is_level_shifted'):
            rows[-1] = ('band gap', f'{rows[-1][1]}, WITH THE LEVEL SHIFT: not a physical gap', True)
    elif results.get('is_conducting'):
        rows.append(('band gap', 'none: conducting', True))
    if results.get('total_spin') is not None:
        rows.append(('total spin', f'{results["total_spin"]:.3f} unpaired electrons', True))
    rows += _mulliken_rows(results.get('mulliken') or {}, structure)
    return rows


def _lattice_rows(structure: dict[str, Any], initial: dict[str, Any] | None) -> list[tuple[str, str, bool]]:
    relaxed = structure['is_relaxed']
    lengths = '  '.join(
        f'{structure[key]:.4f}' for key in ('a_angstrom', 'b_angstrom', 'c_angstrom')[: structure['dimensionality']]
    )
    text = f'{lengths} Å'
    if relaxed and initial and 'a_angstrom' in initial:
        change = 100 * (structure['a_angstrom'] / initial['a_angstrom'] - 1)
        text += f'  (a {change:+.2f} % from the input)'
    rows = [('lattice a b c', text, relaxed)]
    if structure['dimensionality'] >= 2:
        angles = '  '.join(f'{structure[key]:.2f}' for key in ('alpha_degree', 'beta_degree', 'gamma_degree'))
        rows.append(('angles', f'{angles} °', relaxed))
    return rows


def _mulliken_rows(mulliken: dict[str, Any], structure: dict[str, Any] | None) -> list[tuple[str, str, bool]]:
    rows = []
    for key, name, unit in (('charges', 'Mulliken charges', 'e'), ('spins', 'Mulliken spins', '')):
        values = mulliken.get(key)
        if not values:
            continue
        kinds = (
            structure['kinds']
            if structure and len(structure['kinds']) == len(values)
            else [str(i + 1) for i in range(len(values))]
        )
        shown: dict[str, str] = {}
        for kind, value in zip(kinds, values, strict=True):
            shown.setdefault(f'{kind} {value:+.3f}', '')
        rows.append((name, f'{"  ".join(list(shown)[:8])} {unit}'.rstrip(), True))
    return rows


def _print_failure(summary: dict[str, Any], out: Console) -> None:
    failure = summary['failure']
    if not failure or failure['pk'] == summary['pk']:
        return
    out.print(
        f'It began in {failure["process"]} PK {failure["pk"]}: '
        f'{failure["exit_message"] or failure["exception"] or failure["state"]}'
    )


def _print_next(summary: dict[str, Any], out: Console) -> None:
    pk = summary['pk']
    out.print('Next:')
    if 'output_bands' in summary['outputs'] or 'output_dos' in summary['outputs']:
        out.print(f'  crystalmath plot {pk}')
    if summary['failure']:
        out.print(f'  verdi process report {pk}')
        out.print(f'  verdi calcjob outputcat {summary["failure"]["pk"]} | tail -50')
    out.print(f'  verdi process status {pk}')
    out.print(f'  verdi node graph generate {pk}')
