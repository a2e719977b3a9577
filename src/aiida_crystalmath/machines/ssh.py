"""Ways to a machine: ``user@host:port`` or a ``Host`` of ``~/.ssh/config``.

AiiDA's ``core.ssh_async`` is given one word and finds user, port and key in ``~/.ssh/config``, which is read here by
the same library. What was asked for and is not in there is added as a ``Host`` of its own; no line is changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_crystalmath.machines.errors import MachineError, UnreachableError

TARGET = re.compile(
    r'(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::(?P<port>\d{1,5}))?'
)
PREFIX = 'crystalmath-'

PERCENT = ('CertificateFile', 'IdentityAgent', 'IdentityFile')
REPEATED = ('CertificateFile', 'IdentityFile')
INHERITED = (
    *('ProxyJump', 'ProxyCommand', 'IdentityFile', 'CertificateFile', 'IdentityAgent', 'IdentitiesOnly'),
    *('UserKnownHostsFile', 'GlobalKnownHostsFile', 'HostKeyAlias'),
)
"""Keywords by which a host is reached and believed; of those in ``PERCENT`` SSH replaces percent signs."""
HERE = ('localhost', 'this')
"""Targets that mean this machine; no SSH is needed then."""


@dataclass(frozen=True)
class Target:
    """Where jobs go, as a person wrote it.

    :param user: and ``port``: ``None`` for what ``~/.ssh/config`` says.
    """

    host: str
    user: str | None = None
    port: int | None = None

    @property
    def is_here(self) -> bool:
        """Tell whether it is this machine."""
        return self.host in HERE and self.user is None and self.port is None

    @property
    def label(self) -> str:
        """Return a short name: the first word of the host, or all of an address in numbers."""
        return self.host if self.host.replace('.', '').isdigit() else self.host.split('.', maxsplit=1)[0]


def parse_target(text: str) -> Target:
    """Read ``[user@]host[:port]``.

    :raises MachineError: for anything else; what comes in here ends in a file that SSH believes.
    """
    match = TARGET.fullmatch(text)
    if match is None:
        raise MachineError(f'"{text}" is no machine.', 'Write USER@HOST, USER@HOST:PORT or a Host of ~/.ssh/config.')
    port = match['port']
    return Target(match['host'], match['user'], int(port) if port else None)


def config_path() -> Path:
    """Return the file of SSH's configuration."""
    return Path('~/.ssh/config').expanduser()


def resolved(host: str, path: Path | None = None) -> tuple[str, str, int]:
    """Return (host name, user, port) that SSH would connect to for one word.

    :param path: the configuration, by default ``~/.ssh/config``.
    :raises MachineError: if that file cannot be understood.
    """
    options = _options(host, path)
    return str(options.host), str(options.username), int(options.port)


def _options(host: str, path: Path | None = None, **given: Any) -> Any:
    """Return all that SSH would take for one word.

    :param given: ``username`` and ``port``, in place of what the configuration says.
    """
    import asyncssh

    path = path or config_path()
    config = [str(path)] if path.exists() else None
    try:
        return asyncssh.SSHClientConnectionOptions(host=host, config=config, **given)
    except (asyncssh.Error, OSError, ValueError) as exception:
        raise MachineError(f'{path} cannot be read: {exception}') from exception


@contextmanager
def way_to(
    target: Target, label: str, identity: Path | None = None, known_hosts: Path | None = None, write: bool = True
) -> Iterator[str]:
    """Yield the word of :func:`reachable_name`; what is done within may fail.

    If nothing could be reached, a ``Host`` that was added is taken back: the name or the port was mistyped. Any other
    error says that it was added.
    """
    path = config_path()
    before = _size(path)
    name = reachable_name(target, label, identity, known_hosts, write)
    after = _size(path)
    try:
        yield name
    except UnreachableError as exception:
        if after > before and _size(path) == after:
            os.truncate(path, before)
            exception.hint = 'Are host and port right, and is it up?'
        raise
    except MachineError as exception:
        if after > before:
            exception.hint = f'{exception.hint}\n"Host {name}" was added to {path}.'.lstrip()
        raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def reachable_name(
    target: Target, label: str, identity: Path | None = None, known_hosts: Path | None = None, write: bool = True
) -> str:
    """Return the word by which SSH finds ``target``; where ``~/.ssh/config`` does not lead there, add a ``Host``.

    :param label: of the computer; the ``Host`` is named after it.
    :param identity: file of the private key to show.
    :param known_hosts: file with the keys of hosts that are believed.
    :param write: else what would be added is an error.
    :raises MachineError: if the configuration leads elsewhere all the same.
    """
    host, user, port = resolved(target.host)
    wanted = (host, target.user or user, target.port or port)
    if wanted == (host, user, port) and identity is None and known_hosts is None:
        return target.host
    name = f'{PREFIX}{label}'
    text = host_block(name, wanted, identity, known_hosts, _inherited(target.host, wanted))
    path = config_path()
    content = path.read_text(encoding='utf-8') if path.exists() else ''
    if text not in content:
        if re.search(rf'(?m)^\s*Host\s.*(?<!\S){re.escape(name)}(?!\S)', content):
            raise MachineError(
                f'{path} has a "Host {name}" already, which says something else.',
                'Take that block out, or give the computer another name with --label.',
            )
        if not write:
            raise MachineError(
                f'{path} does not lead there yet.', f'Without --dry-run this would be added to it:\n{text}'.rstrip()
            )
        separator = '' if not content or content.endswith('\n\n') else '\n' if content.endswith('\n') else '\n\n'
        _append(path, separator + text)
    if resolved(name) != wanted:
        raise MachineError(
            f'{path}: a line before "Host {name}" overrules it: {resolved(name)} instead of {wanted}.',
            f'SSH takes the first value it meets: put the block "Host {name}" before the others.',
        )
    return name


def _append(path: Path, text: str) -> None:
    """Add to the configuration, which is never written anew: on a full disk what was there must stay.

    :raises MachineError: if it cannot be done; nothing was added then.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    size = path.stat().st_size
    try:
        with path.open('a', encoding='utf-8', newline='') as file:
            file.write(text)
    except OSError as exception:
        os.truncate(path, size)
        raise MachineError(f'{path} cannot be added to: {exception.strerror}') from exception


def _inherited(host: str, wanted: tuple[str, str, int]) -> dict[str, list[str]]:
    """Return what the configuration says of a host besides (host, user, port) and does not say of every host."""
    _, user, port = wanted
    own, everybody = (_options(word, username=user, port=port).config for word in (host, f'{PREFIX}nobody'))
    found = {}
    for keyword in INHERITED:
        value = own.get(keyword)
        if value is not None and value != everybody.get(keyword):
            values = value if isinstance(value, list) else [value]
            found[keyword] = [('yes' if one else 'no') if isinstance(one, bool) else str(one) for one in values]
    return found


def host_block(
    name: str,
    wanted: tuple[str, str, int],
    identity: Path | None,
    known_hosts: Path | None,
    inherited: Mapping[str, Sequence[str]],
) -> str:
    """Return the lines of ``~/.ssh/config`` that lead to (host, user, port).

    :param inherited: more keywords with their values, unless a file is given in their place.
    :raises MachineError: for a file that is not there, or whose name SSH could not read back.
    """
    host, user, port = wanted
    lines = [f'Host {name}', f'  HostName {host}', f'  User {user}', f'  Port {port}']
    replaced = {'IdentityFile', 'IdentitiesOnly'} if identity else set()
    replaced |= {'UserKnownHostsFile'} if known_hosts else set()
    for keyword, values in inherited.items():
        if keyword not in replaced:
            lines += _lines(keyword, values)
    for keyword, file in (('IdentityFile', identity), ('UserKnownHostsFile', known_hosts)):
        if file is None:
            continue
        text = str(file.expanduser().resolve())
        if not Path(text).is_file():
            raise MachineError(f'{file} is not there.')
        if re.search(r'["\s%]', text):
            raise MachineError(f'{file}: SSH reads no file names with blanks, quotes or percent signs reliably.')
        lines.append(f'  {keyword} {text}')
    return '\n'.join([*lines, *(['  IdentitiesOnly yes'] if identity else []), ''])


def _lines(keyword: str, values: Sequence[str]) -> list[str]:
    """Return the lines of a keyword; a command is one word to SSH, all else in it is quoted where it must be."""
    if keyword == 'ProxyCommand':
        return [f'  {keyword} {values[0].replace("%", "%%")}']
    words = [f'"{one}"' if re.search(r'\s', one) else one for one in values]
    if keyword in PERCENT:
        words = [word.replace('%', '%%') for word in words]
    return [f'  {keyword} {word}' for word in words] if keyword in REPEATED else [f'  {keyword} {" ".join(words)}']
