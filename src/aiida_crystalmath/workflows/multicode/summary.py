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
    :return: the record, with ``results`` and ``engine`` for each step, and ``engine`` if a stand-in computed any of it.
    """
    content: dict[str, Any] = record.get_dict()
    engines = []
    for step in content['steps']:
        values: dict[str, Any] = {}
        for _, node in sorted(results.get(step['name'], {}).items()):
            values = {**node.get_dict(), **values}
        is_ours = step['process'].rpartition(':')[2].startswith('crystalmath.')
        step['results'] = key_numbers(values, ()) if is_ours else _numbers_of_others(values)
        step['engine'] = values.get('engine') or step['process'].rpartition(':')[2].partition('.')[0]
        engines += [values['engine']] if values.get('engine') == 'STAND-IN' else []
    if engines:
        content['engine'] = engines[0]
    return orm.Dict(content)


def _numbers_of_others(values: dict[str, Any]) -> dict[str, Any]:
    """Return energies of codes that say their unit beside them, in our words.

    aiida-quantumespresso has ``energy`` and ``energy_units``. Its ``energy_hartree`` is the Hartree energy, in eV.
    """
    found = {}
    for key in ('energy', 'fermi_energy'):
        if values.get(f'{key}_units') == 'eV' and isinstance(values.get(key), int | float):
            found[f'{key}_ev'] = values[key]
    return found
