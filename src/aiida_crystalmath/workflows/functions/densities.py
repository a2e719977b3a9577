"""What is derived from densities on planes and in boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

__all__ = ('cube_integrals', 'difference_maps')

FINE_STEP_BOHR = 0.5
"""Largest step times nuclear charge, bohr, at which the sum over a grid counts the electrons of a 1s shell.

The density of a 1s shell falls by e within 1/(2Z) bohr. Measured with the stand-in on H2 in STO-3G."""


@calcfunction
def difference_maps(maps: orm.ArrayData) -> orm.ArrayData | ExitCode:
    """Return the maps of the self-consistent field minus those of superposed atoms, in the same layout.

    :param maps: ``output_maps`` of a run with PATO between two ECHG of one window; ``is_atomic`` tells which is which.
    :return: or an exit code, if there is no pair of maps to subtract.
    """
    attributes = maps.base.attributes.all
    atomic = attributes.get('is_atomic') or []
    quantities, units = attributes['quantities'], attributes['units']
    arrays: dict[str, Any] = {}
    found: list[str] = []
    for number, quantity in enumerate(quantities):
        partner = next((i for i, name in enumerate(quantities) if name == quantity and atomic and atomic[i]), None)
        if partner is None or atomic[number] or quantity not in ('charge', 'spin'):
            continue
        pair = [maps.get_array(f'map_{i}') for i in (number, partner)]
        if pair[0].shape != pair[1].shape:
            continue
        target = f'map_{len(found)}'
        arrays[target] = pair[0] - pair[1]
        for end in ('origin_angstrom', 'step_x_angstrom', 'step_y_angstrom'):
            arrays[f'{target}_{end}'] = maps.get_array(f'map_{number}_{end}')
        found.append(quantity)
    if not found:
        return ExitCode(400, 'there is no map of superposed atoms to subtract')
    node = orm.ArrayData()
    rest = ('cell_angstrom', 'positions_angstrom', 'numbers')
    for name, values in {
        **arrays,
        **{name: maps.get_array(name) for name in rest if name in maps.get_arraynames()},
    }.items():
        node.set_array(name, values)
    node.base.attributes.set_many(
        {'frame': attributes.get('frame'), 'quantities': found, 'units': [units[quantities.index(q)] for q in found]}
    )
    node.base.attributes.set('is_difference', True)
    node.base.extras.set('engine', maps.base.extras.get('engine', None))
    return node


@calcfunction
def cube_integrals(parameters: orm.Dict, **cubes: orm.SinglefileData) -> orm.Dict:
    """Sum up densities over their grids, and say whether the sum can be compared with the number of electrons.

    :param parameters: ``output_parameters`` of the self-consistent field.
    :param cubes: ``dens`` and ``spin``, cube files.
    :return: ``integrated_electrons``, ``n_electrons``, ``integrated_spin``, ``total_spin``, ``step_angstrom``,
        ``needed_step_angstrom``, ``is_fine_enough`` and, where it is not, a ``note``; ``engine``.
    """
    from aiida_crystalmath.crystal.outputs.cube import read_cube
    from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

    results = parameters.get_dict()
    told: dict[str, Any] = {'n_electrons': results.get('n_electrons'), 'engine': results.get('engine')}
    for label, key in (('dens', 'integrated_electrons'), ('spin', 'integrated_spin')):
        if label not in cubes:
            continue
        with cubes[label].open(mode='r') as handle:
            grid = read_cube(handle.read())
        told[key] = round(grid.integral(), 6)
        told['grid_shape'] = list(grid.values.shape)
        told['step_angstrom'] = float(np.linalg.norm(grid.steps, axis=1).max())
        charges = grid.atoms.numbers if grid.atoms is not None else np.array([1])
        largest = max(int(charges.max()) % 200, 1)  # a pseudopotential adds 200
        told['needed_step_angstrom'] = FINE_STEP_BOHR * BOHR_ANGSTROM / largest
    if 'spin' in cubes:
        told['total_spin'] = results.get('total_spin')
    if 'step_angstrom' in told:
        told['is_fine_enough'] = told['step_angstrom'] <= told['needed_step_angstrom'] * 1.001
        if not told['is_fine_enough']:
            told['note'] = (
                'The grid is too coarse for the cores: the sum over it need not be the number of electrons, which says '
                'nothing against the density.'
            )
    return orm.Dict({key: value for key, value in told.items() if value is not None})
