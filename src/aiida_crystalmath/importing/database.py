"""What is in the database already: imported runs by their digest, basis sets, the computer."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.manage.configuration import get_config

from aiida_crystalmath.crystal.basis import BasisSet, write_basis
from aiida_crystalmath.data.basis_set import BasisSetData, content_md5

EXTRA = 'crystalmath_import'
"""Extra of imported calculations: where they are from, and the digest by which they are known again."""
CHUNK = 500


def imported_digests(digests: Iterable[str]) -> dict[str, str]:
    """Return the UUIDs of the calculations that were imported from runs with these digests."""
    wanted = list(digests)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), CHUNK):
        query = orm.QueryBuilder().append(
            orm.CalcJobNode,
            filters={f'extras.{EXTRA}.digest': {'in': wanted[start : start + CHUNK]}},
            project=['uuid', f'extras.{EXTRA}.digest'],
        )
        found |= {digest: uuid for uuid, digest in query.iterall()}
    return found


def local_computer() -> orm.Computer:
    """Return the computer of runs on this machine's disks: ``localhost``, made and set up if it is not there.

    Nothing is ever run on it by an import.
    """
    try:
        return orm.load_computer('localhost')
    except NotExistent:
        computer = orm.Computer(
            label='localhost',
            hostname='localhost',
            description=f'This machine ({socket.gethostname()})',
            transport_type='core.local',
            scheduler_type='core.direct',
            workdir=str(Path(get_config().dirpath) / 'scratch'),
        ).store()
        computer.set_default_mpiprocs_per_machine(1)
        computer.configure(safe_interval=0.0)
        return computer


class BasisSets:
    """Nodes of basis sets, each looked up or stored once in a session.

    Those of a run that is rolled back are forgotten with :meth:`forget`.
    """

    def __init__(self) -> None:
        self._known: dict[str, BasisSetData] = {}
        self._new: list[str] = []

    def __call__(self, basis_sets: Sequence[BasisSet]) -> list[BasisSetData]:
        """Return the nodes of basis sets, stored.

        :raises BasisError: if CRYSTAL would refuse one.
        """
        sums = [content_md5(write_basis(basis)) for basis in basis_sets]
        missing = {md5: basis for md5, basis in zip(sums, basis_sets, strict=True) if md5 not in self._known}
        for md5, node in zip(missing, BasisSetData.get_or_create_many(missing.values()), strict=True):
            self._known[md5] = node
            self._new.append(md5)
        return [self._known[md5] for md5 in sums]

    def keep(self) -> None:
        """Keep what was looked up since the last call."""
        self._new.clear()

    def forget(self) -> None:
        """Forget what was looked up since the last call."""
        for md5 in self._new:
            self._known.pop(md5, None)
        self._new.clear()
