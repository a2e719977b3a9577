"""Computers and codes: can they be reached, is there room, and are the programs there."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Any

from aiida import orm

from aiida_crystalmath.machines.checks.finding import Finding, State
from aiida_crystalmath.machines.errors import MachineError
from aiida_crystalmath.machines.shell import Shell, open_or_explain

PLUGINS = ('crystalmath.crystal23', 'crystalmath.properties23')
LITTLE_ROOM_MB, NO_ROOM_MB = 5_000, 200


def check(name: str, *, remote: bool = True) -> Iterator[Finding]:
    """Yield the findings about the computers that have codes of ours, each looked at through one connection.

    :param name: of the profile.
    :param remote: connect to them; else only those are looked at that are this machine.
    """
    codes = our_codes()
    if not codes:
        remedy = f'crystalmath -p {name} setup code COMPUTER, or crystalmath quickstart --profile {name}'
        yield Finding('code', 'fail', 'there is no code of CRYSTAL', remedy)
        return
    for label in sorted({code.computer.label for code in codes}):
        computer = orm.load_computer(label=label)
        if remote or computer.transport_type == 'core.local':
            yield from _look_at(name, computer, [code for code in codes if code.computer.pk == computer.pk])


def our_codes() -> list[orm.InstalledCode]:
    """Return the codes of CRYSTAL's programs that are not hidden."""
    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': {'in': list(PLUGINS)}})
    return [code for code in query.all(flat=True) if not code.is_hidden]


def answers(computer: orm.Computer) -> bool:
    """Tell whether a computer can be reached."""
    return not isinstance(_open(computer), Finding)


def _open(computer: orm.Computer) -> Finding | None:
    """Connect once; return why there is no way in."""
    try:
        with _shell(computer):
            return None
    except MachineError as exception:
        return Finding('computer', 'fail', str(exception), exception.hint.splitlines()[0] if exception.hint else '')


class _shell:  # noqa: N801  used as a function is
    """A connection to a computer as its profile knows it."""

    def __init__(self, computer: orm.Computer) -> None:
        self.computer = computer
        self.transport: Any = None

    def __enter__(self) -> Shell:
        if not self.computer.is_configured:
            which = f'{self.computer.transport_type} {quote(self.computer.label)}'
            raise MachineError(
                f'{self.computer.label}: it is not configured',
                f'verdi -p {self.computer.backend.profile.name} computer configure {which}',
            )
        self.transport = self.computer.get_transport()
        open_or_explain(self.transport, self.computer.label)
        return Shell(self.transport, self.computer.label)

    def __exit__(self, *_: object) -> None:
        if self.transport is not None:
            self.transport.close()


def _look_at(name: str, computer: orm.Computer, codes: list[orm.InstalledCode]) -> Iterator[Finding]:
    user = orm.User.collection.get_default()
    if user is not None and computer.is_configured and not computer.is_user_enabled(user):
        remedy = f'verdi -p {name} computer enable {quote(computer.label)} {quote(user.email)}'
        yield Finding('computer', 'fail', f'{computer.label} is disabled', remedy)
        return
    try:
        with _shell(computer) as shell:
            yield _room(name, computer, shell)
            for code in codes:
                yield _program(name, code, shell)
    except MachineError as exception:
        hint = exception.hint.splitlines()[0] if exception.hint else ''
        yield Finding('computer', 'fail', str(exception), hint)


def _room(name: str, computer: orm.Computer, shell: Shell) -> Finding:
    """Look how much room the working folder has, and whether it can be written to."""
    workdir = computer.get_workdir().replace('{username}', shell.transport.whoami())
    # The folder itself is made by the first job: the nearest one above it that exists tells.
    text = (
        f'd={quote(workdir)}; while [ ! -e "$d" ]; do d=$(dirname "$d"); done; '
        'test -w "$d" && echo yes || echo no; df -Pm "$d" | tail -n 1'
    )
    status, printed, errors = shell.answer(text)
    lines = printed.splitlines()
    if status != 0 or len(lines) < 2 or len(lines[-1].split()) < 4:
        return Finding('computer', 'warn', f'{computer.label}: no room could be measured: {errors.strip() or printed}')
    free = int(lines[-1].split()[3])
    if lines[-2] == 'no':
        return Finding('computer', 'fail', f'{computer.label}: {workdir} cannot be written to', 'see howto/setup')
    state: State = 'fail' if free < NO_ROOM_MB else 'warn' if free < LITTLE_ROOM_MB else 'ok'
    remedy = '' if state == 'ok' else f'verdi -p {name} calcjob cleanworkdir -h (docs: howto/cleaning)'
    return Finding('computer', state, f'{computer.label} answers, {free / 1024:.1f} GB free in {workdir}', remedy)


def _program(name: str, code: orm.InstalledCode, shell: Shell) -> Finding:
    """Look whether the program of a code can be found in the environment of its jobs."""
    program = str(code.filepath_executable)
    before = '\n'.join(filter(None, [code.computer.get_prepend_text(), code.prepend_text]))
    status, _, errors = shell.answer(f'{before}\ncommand -v {quote(program)} > /dev/null')
    if status == 0:
        return Finding('code', 'ok', f'{code.full_label}: {program}')
    remedy = f'crystalmath -p {name} setup code {quote(code.computer.label)} PROGRAM'
    reason = errors.strip().splitlines()[-1:] or ['not there, or not executable']
    return Finding('code', 'fail', f'{code.full_label}: {program}: {reason[0]}', remedy)
