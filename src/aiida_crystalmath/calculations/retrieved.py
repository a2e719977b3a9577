"""The output of a calculation in AiiDA's repository, read as a stream."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, cast

from aiida import orm

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.outputs.models import CrystalOutput

__all__ = ('part_option', 'read_retrieved')


def part_option(node: orm.CalcJobNode) -> int | None:
    """Return which program of its output is the run's, from 0; None if it is the whole, as of every job that ran."""
    part: int | None = (node.get_option('import_from') or {}).get('part')
    return part


def read_retrieved(node: orm.CalcJobNode, retrieved: orm.FolderData, name: str) -> CrystalOutput | None:
    """Read the output of a run, however large it is; None if it was not retrieved.

    :param name: of the output in ``retrieved``.
    """
    from aiida_crystalmath.crystal.discovery.parts import part_of
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

    part = part_option(node)
    try:
        with retrieved.base.repository.open(name, mode='rb') as handle:
            stream = cast('IO[bytes]', handle)
            if part is not None:
                return parse_stdout(part_of(stream.read(), part).decode('utf-8', errors='replace'))
            return parse_stdout(io.TextIOWrapper(stream, encoding='utf-8', errors='replace', newline='\n'))
    except FileNotFoundError:
        return None
