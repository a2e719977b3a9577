"""``crystalmath resources``: what to ask a scheduler for, before anything is run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile

if TYPE_CHECKING:
    from aiida_crystalmath.workflows.resources import Suggestion


@click.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--protocol', default='balanced', show_default=True, help='fast, balanced or stringent: basis, k-points.')
@click.option('--kind', 'kinds', multiple=True, help='SP, OPT, FREQ, BAND, ... (repeat).  [default: all]')
@click.option('--code', help='Code (label@computer or PK): its computer has limits, a serial one runs on one rank.')
@click.option('--computer', help='Computer, if there is no code yet.')
@click.option('--spin', is_flag=True, help='Spin-polarised.')
@click.option(
    '--rules',
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='YAML file with what differs from the rules of the package (workflows/resources.yaml).',
)
@click.option('--json', 'as_json', is_flag=True, help='Print as JSON.')
@click.pass_context
def resources(ctx: click.Context, /, file: Path, as_json: bool, **options: Any) -> None:
    """Suggest time, ranks and memory for calculations on the structure in FILE, with reasons.

    Starting points: fitted to real runs, but not to your machine. "crystalmath run --resources auto" takes them; in
    Python, options="auto" of get_builder_from_protocol.
    """
    load_profile(ctx)
    try:
        suggestions = suggestions_for(file, options)
    except ValueError as exception:
        fail(str(exception))
    if as_json:
        echo_json([_as_dict(one) for one in suggestions])
    else:
        _print(suggestions)


def suggestions_for(file: Path, options: dict[str, Any]) -> list[Suggestion]:
    """Return a suggestion for each kind.

    :raises ValueError: for wrong files, protocols, kinds and rules, and basis sets that are not installed.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_crystalmath.cli.repeats import read_file
    from aiida_crystalmath.data.structure import from_geometry
    from aiida_crystalmath.workflows.arguments import load_basis_family
    from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
    from aiida_crystalmath.workflows.resources import read_rules, suggest_resources

    structure = from_geometry(read_file(file))
    inputs = CrystalBaseWorkChain.get_protocol_inputs(options['protocol'])
    try:
        code = orm.load_code(options['code']) if options['code'] else None
        computer = orm.load_computer(label=options['computer']) if options['computer'] else None
    except NotExistent as exception:
        raise ValueError(f'{exception}. See "verdi code list" and "verdi computer list".') from exception
    computer = code.computer if code is not None else computer
    known = read_rules(options['rules'], computer).kinds
    return [
        suggest_resources(
            structure,
            load_basis_family(inputs['basis_family']).get_basis_sets(structure=structure),
            kind.upper(),
            code=code,
            computer=computer,
            kpoints_distance=inputs['kpoints_distance'],
            spin_polarised=options['spin'],
            rules=options['rules'],
        )
        for kind in options['kinds'] or known
    ]


def _as_dict(one: Suggestion) -> dict[str, Any]:
    return {
        'kind': one.kind,
        'size': asdict(one.size),
        'ranks': one.ranks,
        'memory_mb': round(one.memory_mb),
        'walltime_s': one.walltime_s,
        'options': one.options,
        'reasons': list(one.reasons),
    }


def _print(suggestions: list[Suggestion]) -> None:
    """Print the size, a row for each kind, and the reasons below, each once."""
    from rich.table import Table

    out = console()
    out.print(suggestions[0].reasons[0])
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ('kind', 'ranks', 'machines', 'memory', 'walltime', 'why'):
        table.add_column(name, overflow='fold')
    for one in suggestions:
        machines = one.options['resources'].get('num_machines', '')
        ranks, _, time = one.reasons[1:]
        table.add_row(
            one.kind,
            str(one.ranks),
            str(machines),
            f'{one.memory_mb:.0f} MB',
            f'{one.walltime_s / 3600:g} h',
            f'{ranks.partition(": ")[2]}; {time.partition(": ")[2]}',
        )
    out.print(table)
    out.print('Starting points, see workflows/resources.yaml: after the first job of a kind, look at what it took.')
