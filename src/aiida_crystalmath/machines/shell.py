"""Commands on a machine, through the transport by which AiiDA reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiida_crystalmath.machines.errors import MachineError, UnreachableError


class Shell:
    """An open connection that runs text of ``bash`` and returns what it prints."""

    def __init__(self, transport: Any, host: str) -> None:
        self.transport = transport
        self.host = host

    def answer(self, text: str, stdin: str | None = None, timeout_s: float = 60.0) -> tuple[int, str, str]:
        """Run ``text`` in a login shell; return its status, what it printed, and its errors.

        :param timeout_s: after which it is killed over there; the status is 124 then.
        """
        from shlex import quote

        command = f'timeout {timeout_s:g} bash -lc {quote(text)}'
        status, printed, errors = self.transport.exec_command_wait(command, stdin=stdin)
        return int(status), str(printed), str(errors)

    def run(self, text: str, stdin: str | None = None) -> str:
        """Run ``text`` and return what it printed.

        :raises MachineError: if its status is not 0.
        """
        status, printed, errors = self.answer(text, stdin)
        if status != 0:
            raise MachineError(f'{self.host}: a command failed with status {status}: {(errors or printed).strip()}')
        return printed


@contextmanager
def without_broker() -> Iterator[None]:
    """Reach machines and run jobs in this process alone, whether or not a broker answers.

    AiiDA's transports ask for its global runner, and that for the broker; ZeroMQ's is there only while the daemon runs.
    """
    from aiida.manage import get_manager

    manager = get_manager()
    manager.reset_runner()  # before the new one is made, which would get the loop that the old one closes
    manager.set_runner(manager.create_runner(communicator=None))
    try:
        yield
    finally:
        manager.reset_runner()


@contextmanager
def open_shell(transport_type: str, host: str) -> Iterator[Shell]:
    """Connect to a machine that AiiDA need not know yet.

    :param transport_type: entry point in ``aiida.transports``.
    :param host: as ``core.ssh_async`` takes it.
    :raises MachineError: if there is no way in.
    """
    from aiida.plugins import TransportFactory

    transport = TransportFactory(transport_type)(machine=host)
    open_or_explain(transport, host)
    try:
        yield Shell(transport, host)
    finally:
        transport.close()


def open_or_explain(transport: Any, host: str) -> None:
    """Open a transport.

    :raises MachineError: if there is no way in, with what to do about it.
    """
    import asyncssh

    try:
        transport.open()
    except asyncssh.HostKeyNotVerifiable as exception:
        raise MachineError(
            f'{host}: its host key is not known: {exception}',
            f'Connect once by hand, compare the fingerprint with that of the cluster, and accept it: ssh {host}',
        ) from exception
    except asyncssh.PermissionDenied as exception:
        raise MachineError(
            f'{host}: it does not let us in: {exception}',
            f'A key without passphrase, or one in an agent, must be accepted there: ssh-copy-id {host}',
        ) from exception
    except (asyncssh.Error, OSError) as exception:
        raise UnreachableError(
            f'{host}: no connection: {exception}', f'Try by hand: ssh {host}. See also ~/.ssh/config.'
        ) from exception
