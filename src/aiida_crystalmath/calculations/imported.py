"""Runs that were finished outside of AiiDA: where their files are, under other names than ours.

AiiDA imports a run as a job with the input ``remote_folder``: nothing is run, files are retrieved from that folder and
parsed. The option ``import_from`` says which name each file of ours has there, and which program of the output counts.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from aiida import orm
from pydantic import BaseModel, ConfigDict, Field

from aiida_crystalmath.calculations.stash import run_behind

__all__ = ('Imported', 'has_file', 'imported_deck', 'name_in', 'retrieve_entries')


INPUT_FILENAME = 'INPUT'


class Imported(BaseModel):
    """The option ``import_from`` of a job that is imported."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    files: dict[str, str] | None = Field(
        default=None,
        description='Name in the folder of each file, by the name the job gives it: `{"crystal.out": "mgo.out"}`; '
        'files that are not named are not taken. Left out, they have the same names there.',
    )
    part: int | None = Field(
        default=None, ge=0, description='Which program of the output, from 0, if it holds several one after the other.'
    )

    def name_of(self, name: str) -> str | None:
        """Return the name that one of our files has in the folder, None if it is not there."""
        return name if self.files is None else self.files.get(name)


def retrieve_entries(names: Iterable[str], imported: Imported) -> list[str | tuple[str, str, int]]:
    """Return what to retrieve for files with these names, as AiiDA wants it: path there, path here, depth."""
    entries: list[str | tuple[str, str, int]] = []
    for name in names:
        there = imported.name_of(name)
        if there is None:
            continue
        if glob.has_magic(name):
            entries.append((there, '.', 1))
        else:
            entries.append((glob.escape(there), name, 0))
    return entries


def imported_deck(folder: Path, imported: Imported, program: str, output_filename: str) -> str | None:
    """Return the deck that an imported run was made with: its file, or what its output echoes.

    None if there is none that can be read.
    """
    from aiida_crystalmath.crystal.discovery.decks import echoed_deck, read_deck
    from aiida_crystalmath.crystal.discovery.outputs import read_preamble

    name = imported.name_of(INPUT_FILENAME)
    if name is not None and (folder / name).is_file():
        deck = read_deck(folder / name, program)
        return deck.text if deck.content is not None else None
    output = imported.name_of(output_filename)
    if output is None or not (folder / output).is_file():
        return None
    echo = echoed_deck(read_preamble(folder / output, imported.part or 0), program)
    return echo.text if echo is not None else None


def name_in(folder: orm.RemoteData, name: str) -> str:
    """Return the name that a file of CRYSTAL has in the remote folder of a run that may be imported."""
    creator = run_behind(folder)
    given = creator.get_option('import_from') if isinstance(creator, orm.CalcJobNode) else None
    return (Imported.model_validate(given).name_of(name) or name) if given else name


def has_file(node: orm.CalcJobNode, name: str) -> bool:
    """Whether a file of CRYSTAL may be in the remote folder of a run: of an imported one only if it was found there."""
    given = node.get_option('import_from')
    return not given or Imported.model_validate(given).name_of(name) is not None
