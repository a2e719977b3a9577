"""The checks of ``crystalmath doctor``, a module a subject; :func:`examine` makes them all, in the order they build on.

Each check returns findings and raises nothing: that something cannot be looked at is a finding as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiida_crystalmath.machines.checks.finding import Finding

__all__ = ('Finding', 'examine')


def examine(name: str, *, remote: bool = True) -> Iterator[Finding]:
    """Yield the findings for profile ``name``, which must be loaded; what needs a storage comes only if there is one.

    :param remote: also connect to the computers.
    """
    from aiida_crystalmath.machines.checks import basis, campaigns, daemon, disk, places, processes, services, slots
    from aiida_crystalmath.machines.shell import without_broker

    storage = services.check_storage(name)
    yield storage
    broker = services.check_broker(name, log_in=True)
    yield broker
    yield from daemon.check(name, storage_answers=storage.state == 'ok', broker_answers=broker.state == 'ok')
    if storage.state == 'fail':
        return
    yield basis.check(name)
    with without_broker():  # a computer answers whether or not a broker does
        found = list(places.check(name, remote=remote))
    yield from found
    yield from disk.check(name)
    yield from processes.check(name)
    yield from slots.check(name)
    yield from campaigns.check(name)
