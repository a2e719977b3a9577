"""From elastic constants to moduli and a verdict on stability, with their provenance."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal import elasticity

__all__ = ('summarise_elastic',)

RATIOS = ('poisson', 'pugh', 'universal', 'softest', 'stiffest')
"""Beginnings of the names that have no unit."""


@calcfunction
def summarise_elastic(elastic: orm.ArrayData, parameters: orm.Dict) -> orm.Dict:
    """Return moduli, stability and warnings.

    :param elastic: ``output_elastic``, :param parameters: ``output_parameters`` of the same run.
    """
    printed = parameters.get('elastic') or {}
    results: dict[str, Any] = {
        'engine': parameters.get('engine'),
        'frame': elastic.base.attributes.get('frame', None),
        'dimensionality': elastic.base.attributes.get('dimensionality', None),
        'pressure_gpa': printed.get('pressure_gpa'),
        'density_g_per_cm3': printed.get('density_g_per_cm3'),
    }
    warnings = _warnings(printed)
    names = elastic.get_arraynames()
    if 'constants_gpa' in names:
        constants, ending = elastic.get_array('constants_gpa'), '_gpa'
    elif 'constants_newton_per_metre' in names:
        constants, ending = elastic.get_array('constants_newton_per_metre'), '_newton_per_metre'
    else:
        constants, ending = None, ''
        warnings.append('no moduli: the constants of a polymer are given per cell only.')
    if constants is not None:
        try:
            results |= _moduli(constants, ending)
        except ValueError as exception:
            warnings.append(f'no moduli: {exception}')
    if results.get('is_stable') is False:
        warnings.append('the crystal is mechanically unstable: some strain lowers its energy.')
    results['warnings'] = warnings
    return orm.Dict({key: value for key, value in results.items() if value is not None})


def _moduli(constants: np.ndarray, ending: str) -> dict[str, Any]:
    """Return all that follows from the constants, with the unit in every key."""
    stability = elasticity.stability(constants)
    results: dict[str, Any] = {
        f'constants{ending}': constants.tolist(),
        f'eigenvalues{ending}': list(stability.eigenvalues),
        'is_stable': stability.is_stable,
        'pattern_of_constants': stability.system or None,
        'born_conditions': [{'condition': name, 'holds': holds} for name, holds in stability.conditions.items()],
    }
    if len(constants) == 3:
        return results | _keys(asdict(elasticity.layer_moduli(constants)), ending)
    if stability.is_stable:  # averages over directions of an unstable crystal mean nothing
        results |= _keys(asdict(elasticity.averages(constants)), ending)
        results |= _keys(asdict(elasticity.extremes(constants)), ending)
    return results


def _keys(values: dict[str, Any], ending: str) -> dict[str, Any]:
    return {
        name if name.startswith(RATIOS) else f'{name}{ending}': list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _warnings(printed: dict[str, Any]) -> list[str]:
    """Return what the program itself found doubtful."""
    found = []
    if printed.get('needs_optimisation'):
        found.append(
            'CRYSTAL found forces in the undeformed cell (OPTIMIZE THE STRUCTURE AND RE-RUN): relax the structure with '
            'the same method and tight thresholds, these constants are not to be trusted.'
        )
    if printed.get('lower_than_reference'):
        found.append(
            'a deformed cell was lower in energy than the undeformed one: the structure was not relaxed, or is '
            'unstable.'
        )
    if printed.get('violated_stability_conditions'):
        listed = ', '.join(printed['violated_stability_conditions'])
        found.append(f"Born's conditions that CRYSTAL found violated: {listed}.")
    return found
