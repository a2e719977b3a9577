"""``crystalmath run``: from a structure file to a finished chain of calculations."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile

if TYPE_CHECKING:
    from aiida.orm import Code, ProcessNode, StructureData

CHAINS = {
    'characterise': 'optimisation, single point, bands and density of states',
    'geopt': 'geometry optimisation and a final single point',
    'bands': 'single point and band structure',
    'dos': 'single point and density of states',
    'scf': 'single point',
    'deck': 'the input file as it stands (.d12 only; the default for it)',
}
FINGERPRINT = 'crystalmath_fingerprint'
"""Extra of a work chain: hash of what was asked for, so that asking twice computes once."""
CONTENT_HASH = 'crystalmath_content_sha256'
"""Extra of a structure file: hash of name and content, so that it is stored once."""


@click.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--protocol', default='fast', show_default=True, help='fast, balanced or stringent.')
@click.option(
    '--chain',
    type=click.Choice(list(CHAINS)),
    help='What to run. ' + '; '.join(f'{name}: {text}' for name, text in CHAINS.items()) + '.  [default: characterise]',
)
@click.option('--code', help='Code for crystal (label@computer or PK); default: the only one there is.')
@click.option('--properties-code', help='Code for properties; default: the one that goes with --code.')
@click.option(
    '--moment', 'moments', multiple=True, metavar='KIND=MOMENT', help='Starting spin moment, e.g. Fe=2 (repeat).'
)
@click.option('--metal', is_flag=True, help='Treat as a metal: smear the occupations.')
@click.option(
    '--overrides',
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='YAML file that changes the protocol.',
)
@click.option('--max-memory-gb', type=float, help='Memory limit of each job, for schedulers that want one.')
@click.option('--walltime', type=int, metavar='SECONDS', help='Wall-time limit of each job.')
@click.option('--mpi', 'n_mpi', type=int, help='MPI ranks for each job (parallel codes).')
@click.option('--again', is_flag=True, help='Run even if the same has finished before.')
@click.option('--wait/--no-wait', default=True, show_default=True, help='Follow the progress until the end.')
@click.option('--json', 'as_json', is_flag=True, help='Print the result as JSON.')
@click.pass_context
def run(ctx: click.Context, /, file: Path, **options: Any) -> None:
    """Run a chain of calculations on the structure in FILE: a CIF, POSCAR, xyz, .gui/fort.34 or .d12.

    The daemon carries it out in the background: with Ctrl-C the display stops, the calculations go on.
    """
    name = load_profile(ctx)
    node, is_old = launch(file, name, options)
    as_json = options['as_json']
    if is_old:
        click.echo(
            f'The same has been run before, as PK {node.pk}: nothing is repeated (--again runs it anew).', err=True
        )
    elif not as_json:
        click.echo(f'Submitted {node.process_label} with PK {node.pk} to the daemon of profile "{name}".', err=True)
    if not options['wait']:
        if as_json:
            echo_json({'pk': node.pk, 'uuid': node.uuid, 'finished_before': is_old})
        else:
            click.echo(f'Later: crystalmath show {node.pk}')
        return
    wait_for(node, name)
    from aiida_crystalmath.cli.show import summarise

    summary = summarise(node)
    if as_json:
        echo_json({**summary, 'finished_before': is_old})
    else:
        from aiida_crystalmath.cli.show import print_summary

        print_summary(summary, console())
    if not node.is_finished_ok:
        sys.exit(2)


def wait_for(node: ProcessNode, profile: str) -> None:
    """Follow ``node`` to its end; Ctrl-C leaves it running and says so."""
    from aiida_crystalmath.cli.progress import follow

    try:
        follow(node)
    except KeyboardInterrupt:
        click.echo(f'\nStopped watching; the calculations go on. Later: crystalmath show {node.pk}', err=True)
        sys.exit(130)


def launch(file: Path, profile: str, options: dict[str, Any]) -> tuple[ProcessNode, bool]:
    """Submit the chain for ``file``, or find the same that ran before; return the node and whether it is old."""
    from aiida.engine import submit

    from aiida_crystalmath.data.structure_files import StructureFileError, file_format

    try:
        kind = file_format(file.name)
        structure = stored_structure(file)
    except StructureFileError as exception:
        fail(str(exception))
    chain = options['chain'] or ('deck' if kind == 'd12' else 'characterise')
    if chain == 'deck' and kind != 'd12':
        fail(f'--chain deck runs an input file as it stands, but {file.name} is a structure.', 'Use another chain.')
    try:
        builder = make_builder(file, structure, chain, options)
    except (ValueError, KeyError, NotImplementedError) as exception:
        fail(str(exception).strip('"\''))
    fingerprint = fingerprint_of(builder, chain)
    old = None if options['again'] else find_finished(fingerprint)
    if old is not None:
        return old, True
    ensure_daemon(profile)
    try:
        node = submit(builder)
    except ValueError as exception:
        fail(f'the inputs are not valid: {exception}')
    node.label = f'{file.name} {chain}'
    node.base.extras.set(FINGERPRINT, fingerprint)
    return node, False


def stored_structure(file: Path) -> StructureData:
    """Store the file and the structure read from it, or find both where they were stored before."""
    from aiida import orm

    from aiida_crystalmath.calculations.functions.structure_from_file import structure_from_file
    from aiida_crystalmath.data.structure_files import file_format, read_structure

    content = file.read_bytes()
    read_structure(content.decode(errors='replace'), file_format(file.name), file.name)  # before anything is stored
    digest = hashlib.sha256(file.name.encode() + b'\0' + content).hexdigest()
    query = orm.QueryBuilder()
    query.append(orm.SinglefileData, filters={f'extras.{CONTENT_HASH}': digest}, tag='file')
    query.append(orm.CalcFunctionNode, with_incoming='file', filters={'attributes.exit_status': 0}, tag='reader')
    query.append(orm.StructureData, with_incoming='reader')
    found = query.first(flat=True)
    if found is not None:
        return found  # type: ignore[no-any-return]
    node = orm.SinglefileData(file.resolve())
    node.label = file.name
    node.base.extras.set(CONTENT_HASH, digest)
    structure: StructureData = structure_from_file(node)
    structure.label = file.name
    return structure


def find_code(identifier: str | None, plugin: str, beside: Code | None = None) -> Code:
    """Load a code by label or PK, or find the only sensible one for ``plugin``.

    :param beside: the other program's code; its computer, and being a stand-in or not, must agree.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    if identifier:
        try:
            return orm.load_code(identifier)
        except (NotExistent, MultipleObjectsError, ValueError) as exception:
            fail(f'no code "{identifier}": {exception}', 'List the codes with "verdi code list".')
    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': plugin})
    codes = [code for code in query.all(flat=True) if not code.is_hidden]
    if beside is not None and beside.computer is not None:
        computer = beside.computer
        codes = [
            code
            for code in codes
            if code.computer and code.computer.pk == computer.pk and is_standin(code) == is_standin(beside)
        ]
    codes = [code for code in codes if not is_standin(code)] or codes
    program = 'crystal' if plugin.endswith('crystal23') else 'properties'
    if not codes:
        fail(
            f'there is no code for the program {program}.', 'Run "crystalmath quickstart", or see "verdi code create".'
        )
    if len(codes) > 1:
        names = ', '.join(code.full_label for code in codes)
        option = '--code' if program == 'crystal' else '--properties-code'
        fail(f'there are several codes for {program}: {names}.', f'Choose one with {option}.')
    return codes[0]  # type: ignore[no-any-return]


def is_standin(code: Code) -> bool:
    """Tell whether a code is one of the stand-in's programs."""
    return Path(str(code.filepath_executable)).name.startswith('crystalmath-')


def make_builder(file: Path, structure: StructureData, chain: str, options: dict[str, Any]) -> Any:
    """Make the builder of the work chain called ``chain``."""
    from aiida.plugins import WorkflowFactory

    from aiida_crystalmath.workflows.types import ElectronicType, SpinType

    code = find_code(options['code'], 'crystalmath.crystal23')
    job = job_options(options)
    if chain == 'deck':
        from aiida_crystalmath.cli.deck_builder import builder_from_deck

        return builder_from_deck(file, structure, code, job)
    entry_point = {'scf': 'base'}.get(chain, chain)
    process: Any = WorkflowFactory(f'crystalmath.crystal.{entry_point}')
    moments = parse_moments(options['moments'])
    arguments: dict[str, Any] = {
        'protocol': options['protocol'],
        'overrides': read_overrides(options['overrides']),
        'electronic_type': ElectronicType.METAL if options['metal'] else ElectronicType.INSULATOR,
        'spin_type': SpinType.COLLINEAR if moments else SpinType.NONE,
        'initial_magnetic_moments': moments or None,
        'options': job,
    }
    if chain in ('characterise', 'bands', 'dos'):
        arguments['properties_code'] = find_code(options['properties_code'], 'crystalmath.properties23', beside=code)
    return process.get_builder_from_protocol(code, structure, **arguments)


def job_options(options: dict[str, Any]) -> dict[str, Any] | None:
    """Return the scheduler options asked for on the command line, or ``None``."""
    job: dict[str, Any] = {}
    if options['n_mpi']:
        job['resources'] = {'num_machines': 1, 'num_mpiprocs_per_machine': options['n_mpi']}
    if options['walltime']:
        job['max_wallclock_seconds'] = options['walltime']
    if options['max_memory_gb']:
        job['max_memory_kb'] = int(options['max_memory_gb'] * 1024 * 1024)
    return job or None


def parse_moments(moments: tuple[str, ...]) -> dict[str, float]:
    """Parse ``KIND=MOMENT`` options."""
    parsed = {}
    for item in moments:
        kind, _, value = item.partition('=')
        try:
            parsed[kind.strip()] = float(value)
        except ValueError:
            fail(f'--moment {item}: write KIND=MOMENT, for example Fe=2 or O1=-1.')
    return parsed


def read_overrides(path: Path | None) -> dict[str, Any] | None:
    """Read the YAML file that changes the protocol."""
    if path is None:
        return None
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as exception:
        fail(f'{path}: not valid YAML: {exception}')
    if not isinstance(content, dict):
        fail(f'{path}: expected a mapping of namespaces to values, as in the protocol files.')
    return content


def fingerprint_of(builder: Any, chain: str) -> str:
    """Hash what a builder asks for: node UUIDs stand for stored nodes, contents for new ones."""
    from aiida.orm import Node

    def plain(value: Any) -> Any:
        if isinstance(value, Node):
            return value.uuid if value.is_stored else [value.node_type, plain(value.base.attributes.all)]
        if hasattr(value, 'items'):
            return {str(key): plain(item) for key, item in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return repr(value)

    from aiida_crystalmath import __version__

    inputs = builder._inputs(prune=True)
    content = json.dumps({'chain': chain, 'version': __version__, 'inputs': plain(inputs)}, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def find_finished(fingerprint: str) -> ProcessNode | None:
    """Return the newest work chain that did the same: finished well, or still going."""
    from aiida import orm

    query = orm.QueryBuilder()
    query.append(
        orm.ProcessNode,
        filters={
            f'extras.{FINGERPRINT}': fingerprint,
            'or': [
                {'attributes.exit_status': 0},
                {'attributes.process_state': {'in': ['created', 'running', 'waiting']}},
            ],
        },
        tag='node',
    )
    query.order_by({'node': {'ctime': 'desc'}})
    found: ProcessNode | None = query.first(flat=True)
    return found


def ensure_daemon(profile: str) -> None:
    """Start the daemon if it is not running, and say so."""
    from aiida.engine.daemon.client import get_daemon_client

    if get_daemon_client(profile).is_daemon_running:
        return
    from aiida_crystalmath.cli.quickstart import start_daemon

    click.echo(f'The daemon of profile "{profile}" was not running: starting it.', err=True)
    start_daemon(profile)
