"""``crystalmath sequence``: the sequences there are, and what can be asked of one that goes on or is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_process, load_profile

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

PLAY_TIMEOUT_S = 10.0


@click.group()
def sequence() -> None:
    """Work with sequences of steps; "crystalmath run FILE --sequence NAME" runs one."""


@sequence.command('list')
@click.option('--json', 'as_json', is_flag=True, help='Print as JSON.')
def list_(as_json: bool) -> None:
    """List the ready-made sequences, and the kinds of step there are."""
    from rich.table import Table

    from aiida_crystalmath.workflows.crystal.steps import KINDS
    from aiida_crystalmath.workflows.sequences.files import read_sequence, ready_made

    sequences = {name: read_sequence(name)[1] for name in ready_made()}
    if as_json:
        found = {name: {'description': item.description, 'steps': item.names} for name, item in sequences.items()}
        echo_json({'sequences': found, 'kinds': {name: kind.text for name, kind in KINDS.items()}})
        return
    table = Table('sequence', 'steps', 'what for', box=None, pad_edge=False, header_style='bold')
    for name, item in sequences.items():
        table.add_row(name, ' '.join(item.names), item.description)
    out = console()
    out.print(table)
    out.print('\nKinds of step: ' + ', '.join(f'{name} ({kind.text})' for name, kind in KINDS.items()))
    out.print('\nNext:\n  crystalmath sequence show NAME > my.yaml\n  crystalmath run X.cif --sequence my.yaml')


@sequence.command()
@click.argument('name')
def show(name: str) -> None:
    """Print the YAML of the sequence NAME, to be changed and given to "crystalmath run --sequence"."""
    from aiida_crystalmath.workflows.sequences.files import find_file

    try:
        click.echo(find_file(name).read_text(encoding='utf-8'), nl=False)
    except ValueError as exception:
        fail(str(exception))


@sequence.command()
@click.argument('file')
def check(file: str) -> None:
    """Check the sequence in FILE, and say in which order its steps run and what each takes from where."""
    from aiida_crystalmath.workflows.crystal.steps import STRUCTURE
    from aiida_crystalmath.workflows.sequences.files import read_sequence

    try:
        name, found = read_sequence(file)
        for step in found.steps:
            step.definition.load()
    except ValueError as exception:
        fail(str(exception))
    click.echo(f'{name}: {found.description or "good"}')
    for name in found.order():
        step = found.step(name)
        takes = step.definition.takes
        source = found.source(step, takes)
        origin = f'{takes} of {source}' if source else 'the structure given' if takes == STRUCTURE else takes
        flag = ', optional' if step.optional else ''
        click.echo(f'  {name:<16} {step.definition.text}, from {origin}{flag}')


PLAN = 'MultiCodeWorkChain'
"""Paused and skipped as a sequence is; it is gone on with in Python."""


RESUME = 'Go on with it in Python: aiida_crystalmath.workflows.multicode.resume.resume_builder'


def load_sequence(ctx: click.Context, pk: str) -> tuple[str, ProcessNode]:
    """Load the profile and the sequence (or plan over codes) PK; exits with an explanation for anything else."""
    profile = load_profile(ctx)
    node = load_process(pk)
    if node.process_label not in ('CrystalSequenceWorkChain', PLAN):
        fail(f'PK {pk} is a {node.process_label}, not a sequence.', 'List what there is with "verdi process list -a".')
    return profile, node


def check_going(node: ProcessNode) -> None:
    """Exit with an explanation if a sequence is over."""
    if node.is_terminated:
        hint = f'Run it again in part: crystalmath sequence redo {node.pk} --from STEP'
        fail(
            f'PK {node.pk} is over: there is nothing to pause or skip.', RESUME if node.process_label == PLAN else hint
        )


def names_of_steps(node: ProcessNode) -> list[str]:
    """Return the names of the steps of a sequence or plan."""
    from aiida_crystalmath.workflows.multicode.plan import Plan
    from aiida_crystalmath.workflows.sequences.model import Sequence

    if node.process_label == PLAN:
        return Plan.parse(node.inputs.plan.get_dict()).names
    return Sequence.parse(node.inputs.sequence.get_dict()['sequence']).names


@sequence.command()
@click.argument('pk', metavar='PK')
@click.pass_context
def pause(ctx: click.Context, pk: str) -> None:
    """Let the sequence PK pause before its next steps; those that run now go on to their end."""
    from aiida_crystalmath.workflows.sequences import control

    _, node = load_sequence(ctx, pk)
    check_going(node)
    control.ask_pause(node)
    click.echo(f'PK {node.pk} pauses before its next steps. Go on with: crystalmath sequence resume {node.pk}')


@sequence.command()
@click.argument('pk', metavar='PK')
@click.pass_context
def resume(ctx: click.Context, pk: str) -> None:
    """Let the paused sequence PK go on."""
    from aiida_crystalmath.cli.run import ensure_daemon
    from aiida_crystalmath.workflows.sequences import control

    profile, node = load_sequence(ctx, pk)
    check_going(node)
    withdrawn = control.withdraw_pause(node)
    if node.paused:
        ensure_daemon(profile)
        play(node)
        click.echo(f'PK {node.pk} goes on.')
    elif withdrawn:
        click.echo(f'PK {node.pk} had not paused yet; it goes on.')
    else:
        click.echo(f'PK {node.pk} is not paused.')


def play(node: ProcessNode) -> None:
    """Let a paused process go on; exits with an explanation if the daemon cannot be reached."""
    from aiida.engine.processes.control import ProcessTimeoutException, play_processes

    try:
        play_processes([node], timeout=PLAY_TIMEOUT_S)
    except ProcessTimeoutException as exception:
        fail(f'PK {node.pk} did not answer: {exception}', 'Is the daemon running? See "verdi daemon status".')


@sequence.command()
@click.argument('pk', metavar='PK')
@click.argument('steps', metavar='STEP...', nargs=-1, required=True)
@click.pass_context
def skip(ctx: click.Context, pk: str, steps: tuple[str, ...]) -> None:
    """Let the sequence PK not begin STEP; what needs its wavefunction is skipped too."""
    from aiida_crystalmath.workflows.protocols.merge import did_you_mean
    from aiida_crystalmath.workflows.sequences import control

    _, node = load_sequence(ctx, pk)
    check_going(node)
    known = names_of_steps(node)
    for name in steps:
        if name not in known:
            fail(f'there is no step "{name}": {did_you_mean(name, known)}')
    control.ask_skip(node, steps)
    begun = {
        link.link_label: link.node for link in node.base.links.get_outgoing().all()
    }  # looked at after asking: what has begun by now goes on
    for name in steps:
        if name in begun:
            fail(
                f'step "{name}" has begun already (PK {begun[name].pk}): it goes on.',
                f'To end it: verdi process kill {begun[name].pk}',
            )
        click.echo(f'PK {node.pk} will not begin step {name}.')


@sequence.command()
@click.argument('pk', metavar='PK')
@click.option('--from', 'first', required=True, metavar='STEP', help='Run this step again, and all that need it.')
@click.option(
    '--set',
    'changes',
    multiple=True,
    metavar='STEP.KEY=VALUE',
    help='Change a key of a step that runs again, e.g. bands.protocol=stringent or '
    'sp.overrides.kpoints_distance=0.5 (repeat).',
)
@click.option('--anew', is_flag=True, help='Compute all of it, also what finished well with the same inputs before.')
@click.option('--wait/--no-wait', default=True, show_default=True, help='Follow the progress until the end.')
@click.option('--json', 'as_json', is_flag=True, help='Print the result as JSON.')
@click.pass_context
def redo(ctx: click.Context, /, pk: str, first: str, changes: tuple[str, ...], **options: Any) -> None:
    """Run the finished sequence PK again from a step on, as a new one that is linked with it.

    What finished well before that step is taken as it is. Of the rest, calculations that finished well with the same
    inputs are not repeated either, unless --anew is given.
    """
    from aiida.engine import submit

    from aiida_crystalmath.cli.run import announce, ensure_daemon, finish
    from aiida_crystalmath.workflows.sequences.redo import REDO_OF, redo_builder

    profile, old = load_sequence(ctx, pk)
    if old.process_label == PLAN:
        fail(f'PK {pk} is a plan over several codes.', RESUME)
    if not old.is_terminated:
        fail(f'sequence PK {old.pk} is not over.', f'Skip or pause: crystalmath sequence skip {old.pk} STEP')
    try:
        builder = redo_builder(old, first, parse_changes(changes), use_cache=not options['anew'])
    except ValueError as exception:
        fail(str(exception))
    ensure_daemon(profile)
    node = submit(builder)
    node.label = f'{old.label or old.pk} from {first}'
    node.base.extras.set(REDO_OF, old.uuid)
    announce(node, profile, False, options['as_json'])
    finish(node, False, options)


def parse_changes(changes: tuple[str, ...]) -> dict[str, Any]:
    """Parse ``STEP.KEY=VALUE`` options to nested mappings; values are YAML."""
    import yaml

    nested: dict[str, Any] = {}
    for item in changes:
        path, equals, text = item.partition('=')
        *spaces, last = path.strip().split('.')
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as exception:
            fail(f'--set {item}: the value is not YAML: {" ".join(str(exception).split())}')
        if not equals or not spaces or not all([*spaces, last]):
            fail(f'--set {item}: write STEP.KEY=VALUE, for example bands.protocol=stringent.')
        place = nested
        for space in spaces:
            place = place.setdefault(space, {})
        place[last] = value
    return nested
