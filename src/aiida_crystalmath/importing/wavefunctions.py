"""Which calculation in the database made the wavefunction that a run of ``properties`` used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from aiida import orm

from aiida_crystalmath.crystal.discovery.links import is_later, same_energy
from aiida_crystalmath.importing.database import EXTRA

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.discovery.runs import OutputFacts

__all__ = ('Wavefunctions',)

PROCESS_TYPE = 'aiida.calculations:crystalmath.crystal23'


@dataclass(frozen=True)
class _Known:
    """A calculation in the database that may have left a wavefunction."""

    uuid: str
    energies_hartree: tuple[float, ...]
    n_electrons: float | None
    n_ao: int | None
    engine: str | None
    started: datetime | None

    def may_be(self, facts: OutputFacts) -> bool:
        """Whether it is the one that ``properties`` tells of: energy to the last digit, size, engine, and time."""
        return (
            any(same_energy(energy, own) for energy in facts.energies_hartree for own in self.energies_hartree)
            and (self.n_electrons, self.n_ao, self.engine) == (facts.n_electrons, facts.n_ao, facts.engine)
            and not is_later(self.started, facts.started)
        )


class Wavefunctions:
    """Finds the calculation whose wavefunction was used among those that were in the database at first use.

    Folders are often imported one by one: the SCF may have come in with another one, or AiiDA itself may have run it.
    """

    def folder_of(self, facts: OutputFacts) -> orm.RemoteData | None:
        """Return the folder of the youngest calculation that fits; None if there is none."""
        found = next((known for known in self._known if known.may_be(facts)), None)
        if found is None:
            return None
        folder: orm.RemoteData = orm.load_node(found.uuid).outputs.remote_folder
        return folder

    @cached_property
    def _known(self) -> list[_Known]:
        """All calculations with an energy and a folder, the youngest first, by one query."""
        keys = ('energy_hartree', 'energy_scf_hartree', 'n_electrons', 'n_ao', 'engine')
        query = orm.QueryBuilder()
        query.append(
            orm.CalcJobNode,
            filters={'process_type': PROCESS_TYPE},
            tag='job',
            project=['uuid', f'extras.{EXTRA}.started'],
        )
        query.append(
            orm.Dict,
            with_incoming='job',
            edge_filters={'label': 'output_parameters'},
            project=[f'attributes.{key}' for key in keys],
        )
        query.append(orm.Data, with_incoming='job', edge_filters={'label': 'remote_folder'})
        query.order_by({'job': {'ctime': 'desc'}})
        return list(_rows(query))


def _rows(query: orm.QueryBuilder) -> Iterator[_Known]:
    for uuid, started, energy, scf, n_electrons, n_ao, engine in query.iterall():
        energies = tuple(value for value in (energy, scf) if value is not None)
        if energies:
            time = datetime.fromisoformat(started) if started else None
            yield _Known(uuid, energies, n_electrons, n_ao, engine, time)
