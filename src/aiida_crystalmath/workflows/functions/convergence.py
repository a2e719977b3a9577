"""How results depend on a setting, and the first setting that is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.functions.energies import METHOD, common_results, comparable_energies

__all__ = ('convergence', 'first_good')

VARIED = {'basis_families': ('basis_set',)}
"""Keys of the method that a series may change."""


@calcfunction
def convergence(plan: orm.Dict, thresholds: orm.Dict, **results: orm.Dict) -> orm.Dict:
    """Compare every setting of a series with the last one, and recommend one.

    :param plan: ``series``: a list of ``parameter``, ``values`` and ``labels``, the coarsest setting first.
    :param thresholds: ``threshold_mev_per_atom``, and ``gap_threshold_ev`` if the gap must agree as well.
    :param results: ``output_parameters`` of the runs that finished well, by label.
    :return: ``series`` (a table each, with the recommended value) and ``recommended`` (by parameter).
    """
    plain = {label: node.get_dict() for label, node in results.items()}
    series = [_series(one, plain, thresholds.get_dict()) for one in plan['series']]
    recommended = {one['parameter']: one['recommended'] for one in series if one.get('recommended') is not None}
    everywhere = [key for key in METHOD if key != 'basis_set']
    return orm.Dict(
        {**common_results(plain, everywhere), **thresholds.get_dict(), 'series': series, 'recommended': recommended}
    )


def _series(
    plan: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Return the table of one series."""
    parameter = plan['parameter']
    rows = [(value, label) for value, label in zip(plan['values'], plan['labels'], strict=True) if label in results]
    table: dict[str, Any] = {'parameter': parameter, 'values': [value for value, _ in rows]}
    missing = [value for value, label in zip(plan['values'], plan['labels'], strict=True) if label not in results]
    if missing:
        table['failed_values'] = missing
    if len(rows) < 2 or plan['labels'][-1] not in results:
        return {**table, 'problem': 'the densest setting failed, or all others: there is nothing to compare.'}
    chosen = {label: results[label] for _, label in rows}
    same = [key for key in METHOD if key not in VARIED.get(parameter, ())]
    energies = list(comparable_energies(chosen, per='atom', same=same).values())
    table['energy_hartree_per_atom'] = energies
    table['difference_mev_per_atom'] = [1000 * HARTREE_EV * (energy - energies[-1]) for energy in energies]
    for key in ('gap_ev', 'wall_time_s', 'n_kpoints', 'n_ao'):
        column = [one.get(key) for one in chosen.values()]
        if any(value is not None for value in column):
            table[key] = column
    is_good = _good(table, thresholds)
    index = first_good(is_good)
    table['is_converged'] = index < len(rows) - 1
    table['recommended'] = rows[index][0] if table['is_converged'] else None
    table['warnings'] = _doubts(table)
    return table


def _good(table: Mapping[str, Any], thresholds: Mapping[str, float]) -> list[bool]:
    """Return for every setting whether it agrees with the last one."""
    good = [abs(value) <= thresholds['threshold_mev_per_atom'] for value in table['difference_mev_per_atom']]
    limit = thresholds.get('gap_threshold_ev')
    if limit is None:
        return good
    gaps = table.get('gap_ev') or [None] * len(good)
    return [
        fine and gap is not None and gaps[-1] is not None and abs(gap - gaps[-1]) <= limit
        for fine, gap in zip(good, gaps, strict=True)
    ]


def first_good(is_good: Sequence[bool]) -> int:
    """Return the index of the first setting from which on all are good: one that is so by chance does not count."""
    index = len(is_good) - 1
    while index > 0 and is_good[index - 1]:
        index -= 1
    return index


def _doubts(table: Mapping[str, Any]) -> list[str]:
    """Return in words what makes a series worthless, if anything does."""
    doubts = []
    energies, values = table['energy_hartree_per_atom'], table['values']
    points = table.get('n_kpoints') or []
    if table['parameter'] == 'shrink':
        for index in range(1, len(points)):
            if points[index] is not None and points[index] == points[index - 1]:
                doubts.append(
                    f'{values[index - 1]} and {values[index]} were run with the same number of k-points: the engine '
                    'reduced the mesh'
                )
    elif len(set(energies)) == 1:
        doubts.append('all energies are the same: the engine takes no notice of this setting')
    return doubts
