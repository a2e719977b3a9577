"""What a plan came to, in one node."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.workflows.functions.sequence_summary import key_numbers

__all__ = ('plan_summary',)


@calcfunction
def plan_summary(record: orm.Dict, **results: Any) -> orm.Dict:
    """Join the record of a plan with the first numbers of its steps that have a unit.

    :param record: ``steps`` and ``handoffs``: of each its ``name``, ``status`` and what else the chain knows.
    :param results: by the names of the steps: their outputs that are ``Dict``, by label.
    :return: the record, with ``results`` for each step, and ``engine`` if a stand-in computed any of it.
    """
    content: dict[str, Any] = record.get_dict()
    engines = []
    for step in content['steps']:
        values: dict[str, Any] = {}
        for _, node in sorted(results.get(step['name'], {}).items()):
            values = {**node.get_dict(), **values}
        step['results'] = key_numbers(values, ())
        engines += [values['engine']] if values.get('engine') == 'STAND-IN' else []
    if engines:
        content['engine'] = engines[0]
    return orm.Dict(content)
