"""``crystalmath quickstart``: from nothing to a machine that computes. Idempotent, no prompts."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from aiida_crystalmath.cli.common import PROFILE_NAME, console, echo_json, fail
from aiida_crystalmath.cli.steps import Step, carry_out, family_steps, print_steps
from aiida_crystalmath.machines.codes import CRYSTAL, PROPERTIES, code_program, make_code, real_codes
from aiida_crystalmath.machines.computers import LOCALHOST, has_computer, make_computer
from aiida_crystalmath.machines.daemon import daemon_runs, start_daemon
from aiida_crystalmath.machines.profiles import config_folder, exists, is_default, load, make_profile

if TYPE_CHECKING:
    from rich.console import Console

    from aiida_crystalmath.machines.programs import Engine


@click.command()
@click.option(
    '--profile', 'profile', default=None, help=f'AiiDA profile to make or complete (default: {PROFILE_NAME}).'
)
@click.option('--standin', is_flag=True, help='Use the stand-in engine even if a real CRYSTAL is here.')
@click.option('--daemon/--no-daemon', default=True, show_default=True, help='Start the daemon as well.')
@click.option('--dry-run', is_flag=True, help='Only say what would be done.')
@click.option('--json', 'as_json', is_flag=True, help='Print the steps as JSON.')
@click.pass_context
def quickstart(
    ctx: click.Context, /, profile: str | None, *, standin: bool, daemon: bool, dry_run: bool, as_json: bool
) -> None:
    """Set up this machine to run calculations.

    Makes an AiiDA profile on SQLite with the ZeroMQ broker, its daemon, the computer "localhost", codes and basis sets.
    What is there already is left as it is, so it can be run as often as you like.

    The codes are those of a real CRYSTAL23 found on PATH, in CRY23_EXEDIR or in CRY23_ROOT; only where there is none,
    those of the free stand-in engine.
    """
    from aiida_crystalmath.machines.programs import find_real, find_standin

    check_ps()
    name = profile or (ctx.find_root().obj or {}).get('profile') or PROFILE_NAME
    real, refused = (None, []) if standin else find_real()
    engine = real or find_standin()
    if engine is None:
        fail(
            'no CRYSTAL program was found, and the stand-in engine is not installed.',
            '\n'.join(
                [
                    *(f'  looked at {line}' for line in refused),
                    'Put crystal on PATH or set CRY23_EXEDIR, or: pip install "aiida-crystalmath[standin]"',
                ]
            ),
        )
    steps = plan(name, engine, daemon)
    if not dry_run:
        carry_out(steps, quiet=as_json)
    if as_json:
        echo_json(
            {
                'profile': name,
                'engine': 'stand-in' if engine.is_standin else 'CRYSTAL',
                'code': f'{engine.label}@{LOCALHOST}',
                'refused': refused,
                'dry_run': dry_run,
                'steps': [step.as_dict(dry_run) for step in steps],
            }
        )
        return
    report(name, engine, steps, refused, dry_run)


def plan(name: str, engine: Engine, daemon: bool) -> list[Step]:
    """List the steps for profile ``name``; those that need the profile look into it only if it exists."""
    there = exists(name)
    steps = [
        Step(
            'profile',
            there,
            f'{name}: SQLite storage, ZeroMQ broker, in {config_folder()}',
            f'verdi profile delete {name}',
            lambda: make_profile(name),
        )
    ]
    if there:
        load(name)
    steps.append(
        Step(
            'computer',
            there and has_computer(),
            f'{LOCALHOST}: this machine, no scheduler',
            f'verdi -p {name} computer delete {LOCALHOST}',
            make_computer,
        )
    )
    steps += code_steps(name, engine, there)
    steps += family_steps(name, there)
    if daemon:
        steps.append(
            Step(
                'daemon',
                there and daemon_runs(name),
                'one worker, carries the calculations out in the background',
                f'verdi -p {name} daemon stop',
                lambda: start_daemon(name),
            )
        )
    return steps


def code_steps(name: str, engine: Engine, profile_exists: bool) -> list[Step]:
    """List the steps for the codes of ``engine``."""
    wanted = [(engine.label, engine.crystal, CRYSTAL)]
    if engine.properties is not None:
        wanted.append((engine.properties_label, engine.properties, PROPERTIES))
    steps = []
    for label, path, plugin in wanted:
        there = code_program(label, LOCALHOST) if profile_exists else None
        is_gone = there is not None and not there.is_file()
        note = f' (in place of {there}, which is not there any more)' if is_gone else ''
        steps.append(
            Step(
                'code',
                there is not None and not is_gone,
                f'{label}@{LOCALHOST}: {path if there is None or is_gone else there}{note}',
                f'verdi -p {name} code delete {label}@{LOCALHOST}',
                lambda label=label, path=path, plugin=plugin: make_code(  # type: ignore[misc]
                    label, LOCALHOST, str(path), plugin, with_mpi=engine.with_mpi and plugin == CRYSTAL
                ),
            )
        )
    return steps


def check_ps() -> None:
    """Exit with an explanation where the program ``ps`` is missing, as it is on a minimal Debian.

    By ``ps`` AiiDA sees whether a job on this machine still runs; without it every job seems to end at once.
    """
    if shutil.which('ps') is None:
        fail(
            'the program ps is missing: without it AiiDA takes every job on this machine for finished at once.',
            'Install it (Debian and Ubuntu: apt-get install procps), then run quickstart again.',
        )


def report(name: str, engine: Engine, steps: list[Step], refused: list[str], dry_run: bool) -> None:
    """Say what is there now, how to undo it, and what to type next."""
    out = console()
    print_steps(steps, out, dry_run)
    for line in refused:
        out.print(f'Not used: {line}')
    print_engine(engine, out, real_codes() if steps[0].present else [])
    print_undo(name, steps, out)
    prefix = '' if is_default(name) else f'-p {name} '
    out.print(
        '\nNext:\n  crystalmath run STRUCTURE.cif --protocol fast'
        f'\n  verdi {prefix}process list -a         [dim]what has run[/]'
    )
    sys.stdout.flush()


def print_engine(engine: Engine, out: Console, real: list[str]) -> None:
    """Say whose programs the codes are.

    :param real: labels of codes of CRYSTAL that were set up before, when this shell could still find it.
    """
    if engine.is_standin and real:
        out.print(
            f'\nNo CRYSTAL program was found in this shell, but {", ".join(real)} of before stays, and '
            '"crystalmath run" prefers it to the STAND-IN engine.'
        )
    elif engine.is_standin:
        out.print(
            '\n[bold]No CRYSTAL program was found: the codes are those of the STAND-IN engine[/] '
            '(PySCF behind the files of CRYSTAL).\nIt computes small cells for learning and testing; its results are '
            'marked. With a CRYSTAL23 licence: set CRY23_EXEDIR and run quickstart again.'
        )
    else:
        out.print(f'\nThe codes are those of CRYSTAL, found by {engine.origin}.')
        if engine.properties is None:
            out.print(
                '[yellow]No properties program was found beside it: bands and DOS need one (verdi code create).[/]'
            )


def print_undo(name: str, steps: list[Step], out: Console) -> None:
    """Say how to undo: all where the profile is quickstart's own, step by step where it was somebody's before."""
    made = [step for step in steps if not step.present and step.undo]
    if name == PROFILE_NAME or steps[0] in made:
        out.print(f'\nTo undo everything, results too: verdi -p {name} daemon stop && verdi profile delete {name}')
    elif made:
        out.print('\nTo undo:')
        for step in reversed(made):
            out.print(f'  {step.undo}')
