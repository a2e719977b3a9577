"""What the steps of a sequence came to, in one node."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.workflows.crystal.steps import kind_of

__all__ = ('sequence_summary',)

UNITS = ('_ev', '_hartree', '_gpa', '_angstrom', '_angstrom3', '_k', '_cm1')

N_NUMBERS = 4
"""Numbers shown of a step whose kind does not name any."""


@calcfunction
def sequence_summary(record: orm.Dict, **results: Any) -> orm.Dict:
    """Join the record of a sequence with the key numbers of its steps.

    :param record: ``steps``: for each, in order, its ``name``, ``kind``, ``status`` and what else the chain knows.
    :param results: by the names of the steps: their outputs that are ``Dict``, by label.
    :return: the record, with ``results`` for each step (its key numbers, units in the keys), and ``engine`` if a
        stand-in computed any of it.
    """
    content: dict[str, Any] = record.get_dict()
    engines = []
    for step in content['steps']:
        values: dict[str, Any] = {}
        for _, node in sorted(results.get(step['name'], {}).items()):
            values = {**node.get_dict(), **values}
        step['results'] = key_numbers(values, kind_of(step['kind']).numbers)
        engines += [values['engine']] if values.get('engine') else []
    if engines:
        content['engine'] = engines[0]
    return orm.Dict(content)


def key_numbers(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the numbers that sum a step up: those named, or else the first ones that have a unit in their key."""
    named = {key: values[key] for key in keys if values.get(key) is not None}
    if keys:
        return named
    plain = {key: value for key, value in values.items() if isinstance(value, int | float) and key.endswith(UNITS)}
    return dict(list(plain.items())[:N_NUMBERS])
