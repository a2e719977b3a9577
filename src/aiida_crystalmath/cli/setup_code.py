"""``crystalmath setup code``: the programs of CRYSTAL, Quantum ESPRESSO and Yambo on a computer that was set up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import console, echo_json, fail, load_profile
from aiida_crystalmath.cli.steps import Step, carry_out, print_steps
from aiida_crystalmath.machines.codes import MANY_BODY, PROPERTIES
from aiida_crystalmath.machines.errors import MachineError

if TYPE_CHECKING:
    from aiida.orm import Computer

    from aiida_crystalmath.machines.remote_programs import Program
    from aiida_crystalmath.machines.shell import Shell

LAUNCHED = (MANY_BODY['pw.x'], MANY_BODY['yambo'])
"""Calculations that ask for MPI by themselves."""


@click.command()
@click.argument('computer')
@click.argument('programs', metavar='[PROGRAM...]', nargs=-1)
@click.option('--module', '-m', 'modules', multiple=True, help='Load this module first; may be repeated.')
@click.option('--prepend', metavar='TEXT', help='Lines to run first: "source /opt/crystal/env.sh".')
@click.option('--prepend-file', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Or a file of them.')
@click.option('--label', help='Its name in AiiDA, of a single program (default: the name of the program).')
@click.option('--mpi/--no-mpi', default=None, help='Start it as a parallel program (default: by its name).')
@click.option('--threads', type=click.IntRange(1), help='OMP_NUM_THREADS (default: as many cores as a job asks).')
@click.option('--test/--no-test', default=True, show_default=True, help='Let a job do a dry run.')
@click.option('--test-timeout', default=600.0, show_default=True, help='Seconds to wait for it.')
@click.option('--dry-run', is_flag=True, help='Only look, and say what would be made.')
@click.option('--json', 'as_json', is_flag=True, help='Print the codes as JSON.')
@click.pass_context
def code(ctx: click.Context, /, computer: str, programs: tuple[str, ...], **options: Any) -> None:
    """Set up the programs of CRYSTAL, or pw.x, p2y, yambo and ypp, on COMPUTER.

    PROGRAM is a name or an absolute path there. Without one, the best crystal and the best properties are taken that
    are on PATH there, after the modules and lines given, or below CRY23_EXEDIR or CRY23_ROOT.

    A program of CRYSTAL is believed if it answers a geometry dry run with the banner; then a job of the same does so.
    pw.x, p2y, yambo and ypp are made codes of if they are named; of them it is only seen that they can be executed.
    """
    from aiida_crystalmath.machines.remote_programs import environment
    from aiida_crystalmath.machines.shell import without_broker

    profile = load_profile(ctx)
    ctx.with_resource(without_broker())
    there = load_computer(computer)
    before = environment(options['modules'], prepend_text(options))
    chosen, others = look(there, before, programs, options)
    label = options['label']
    if label and (len(chosen) != 1 or not re.fullmatch(r'[A-Za-z0-9_][A-Za-z0-9_.-]*', label)):
        fail('--label names one program, in letters, digits, dots, underscores and hyphens.', 'Name the program too.')
    steps = [code_step(profile, there, program, before, options) for program in chosen]
    if not options['dry_run']:
        carry_out(steps, quiet=options['as_json'])
    if options['as_json']:
        echo_json({'profile': profile, 'steps': [step.as_dict(options['dry_run']) for step in steps]})
        return
    print_steps(steps, console(), options['dry_run'])
    if others:
        click.echo(f'Also there: {" ".join(others)}. For a code of one, name it.')
    crystal = next((program for program in chosen if program.plugin.endswith('crystal23')), None)
    if crystal is not None and not options['dry_run']:
        click.echo(f'\nNext: crystalmath run X.cif --code {label or crystal.label}@{computer}')
    elif any(program.name == 'yambo' for program in chosen) and not options['dry_run']:
        click.echo('\nNext: crystalmath run X.cif --chain gw')


def load_computer(label: str) -> Computer:
    """Load a computer by its label; exits with an explanation if there is none."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        found = orm.load_computer(label=label)
    except NotExistent:
        known = [item.label for item in orm.Computer.collection.all()]
        fail(
            f'there is no computer "{label}" in this profile.',
            f'There are: {", ".join(known) or "none"}. Set one up with "crystalmath setup computer USER@HOST".',
        )
    if not found.is_configured:
        fail(f'the computer "{label}" is not configured.', f'verdi computer configure {found.transport_type} {label}')
    return found


def prepend_text(options: dict[str, Any]) -> str | None:
    """Return the lines to run before a program, of the option or of the file."""
    if options['prepend_file'] is None:
        return None if options['prepend'] is None else str(options['prepend'])
    return str(options['prepend_file'].read_text(encoding='utf-8').rstrip())


def look(
    computer: Computer, before: str, names: Sequence[str], options: dict[str, Any]
) -> tuple[list[Program], list[str]]:
    """Return the programs to make codes for, each having answered, and the names of others that are there.

    :raises MachineError: if one is not there, or is no program of CRYSTAL.
    """
    from aiida_crystalmath.machines import remote_programs as remote
    from aiida_crystalmath.machines.shell import Shell, open_or_explain

    transport = computer.get_transport()
    open_or_explain(transport, computer.label)
    try:
        shell = Shell(transport, computer.label)
        paths = remote.find(shell, before, names or (*remote.CRYSTAL_PROGRAMS, *remote.PROPERTIES_PROGRAMS))
        parallel = options['mpi']
        found = [remote.Program(path, remote.is_parallel(path) if parallel is None else parallel) for path in paths]
        missing = [name for name in names if not any(name in (item.path, item.name) for item in found)]
        if missing or not found:
            verb = 'is' if len(missing) == 1 else 'are'
            what = f'{", ".join(missing)} {verb} not there.' if missing else 'no program of CRYSTAL was found.'
            crystals = (*remote.CRYSTAL_PROGRAMS, *remote.PROPERTIES_PROGRAMS)
            folder = ' set CRY23_EXEDIR there,' if not missing or set(missing) & set(crystals) else ''
            raise MachineError(
                f'{computer.label}: {what}',
                f'Load what brings it (--module NAME, --prepend TEXT),{folder} or give its path.',
            )
        chosen = found if names else best(found)
        for program in chosen:
            check(shell, computer, before, program, will_be_tried=options['test'] and not options['dry_run'])
    finally:
        transport.close()
    return chosen, [item.name for item in found if item not in chosen]


def best(found: Sequence[Program]) -> list[Program]:
    """Return the first program of each kind."""
    by_plugin: dict[str, Program] = {}
    for program in found:
        by_plugin.setdefault(program.plugin, program)
    return list(by_plugin.values())


def check(shell: Shell, computer: Computer, before: str, program: Program, will_be_tried: bool) -> None:
    """See that a program answers as CRYSTAL; of properties, which needs a wavefunction, and of others nothing is seen.

    :param will_be_tried: as a job; then a parallel program may be one that cannot start where we log in.
    :raises MachineError: if it does not.
    """
    from aiida_crystalmath.machines import remote_programs as remote

    launches = program.plugin in LAUNCHED if program.with_mpi is None else program.with_mpi
    if launches:
        remote.check_launcher(shell, before, computer.get_mpirun_command()[0])
    if program.plugin == PROPERTIES or not program.is_of_crystal:
        return
    answered, printed = remote.banner(shell, before, program)
    wanted = 'STAND-IN' if program.is_standin else 'CRYSTAL'
    if answered != wanted and not (program.with_mpi and will_be_tried):
        raise MachineError(
            f'{computer.label}: {program.path} did not answer a test input with the banner of {wanted}, but with: '
            f'{" ".join(printed.split())[-300:] or "nothing"}',
            'Does it miss a library? Load what it needs with --module NAME or --prepend TEXT.',
        )


def code_step(profile: str, computer: Computer, program: Program, before: str, options: dict[str, Any]) -> Step:
    """Return the step that makes a code for a program and tries it."""
    from aiida import orm

    from aiida_crystalmath.machines.codes import code_program, make_code, or_the_old_one
    from aiida_crystalmath.machines.remote_programs import threads_text

    label = options['label'] or program.label
    launcher = computer.get_mpirun_command()[0]
    threads = threads_text(program, options['threads'], computer.scheduler_type, launcher)
    prepend = '\n'.join(line for line in (before, threads) if line)
    is_there = False
    if code_program(label, computer.label) is not None:
        old = orm.load_code(f'{label}@{computer.label}')
        is_there = (str(old.filepath_executable), old.with_mpi, old.prepend_text) == (
            program.path,
            program.with_mpi,
            prepend,
        )

    def make() -> str:
        with or_the_old_one(label, computer.label):
            made = make_code(
                label, computer.label, program.path, program.plugin, with_mpi=program.with_mpi, prepend_text=prepend
            )
            return detail + tried(made, options)

    detail = f'{label}@{computer.label}: {program.path}{how_started(program, launcher)}'
    return Step('code', is_there, detail, f'verdi -p {profile} code delete {label}@{computer.label}', make)


def how_started(program: Program, launcher: str) -> str:
    """Return in words how a program is started, if that is by the command for parallel programs."""
    if program.with_mpi is None:
        return f', started by {launcher}, as jobs of it ask' if program.plugin in LAUNCHED else ''
    if not program.with_mpi:
        return ''
    return f', started by {launcher}' + (', input from the file INPUT' if program.is_of_crystal else '')


def tried(made: Any, options: dict[str, Any]) -> str:
    """Try a code of crystal as a job, and return what to say of it.

    :raises MachineError: if it does not answer.
    """
    from aiida_crystalmath.machines.trial import try_code

    if not options['test'] or not made.default_calc_job_plugin.endswith('crystal23'):
        return ''
    return f'; a job answered after {try_code(made, options["test_timeout"]):.0f} s'
