"""Rows of maps and cubes of densities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aiida_crystalmath.cli.summaries import Row

UNITS = {'charge': 'e/bohr³', 'spin': 'e/bohr³', 'potential': 'hartree/e'}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the range of each map, and the electrons of a cube."""
    from aiida.orm import load_node

    outputs = summary['outputs']
    found: list[Row] = []
    for label, words in (('output_maps', ''), ('output_difference_maps', ' minus atoms')):
        if label in outputs:
            node: Any = load_node(outputs[label])
            atomic = node.base.attributes.get('is_atomic', None) or []
            for number, quantity in enumerate(node.base.attributes.get('quantities')):
                if not (number < len(atomic) and atomic[number]):
                    found.append((f'{quantity}{words}', _range(node.get_array(f'map_{number}'), quantity), True))
    if 'output_cube_integrals' in outputs:
        found += _integrals(load_node(outputs['output_cube_integrals']).get_dict())
    return found


def _range(values: Any, quantity: str) -> str:
    shape = ' x '.join(str(count) for count in values.shape)
    return f'{np.nanmin(values):.4g} to {np.nanmax(values):.4g} {UNITS.get(quantity, "a.u.")} on {shape} points'


def _integrals(told: Mapping[str, Any]) -> list[Row]:
    """Return the rows of what a cube sums up to."""
    found: list[Row] = []
    if 'integrated_electrons' in told:
        text = f'{told["integrated_electrons"]:.4f} of {told.get("n_electrons", "?")} electrons'
        step, needed = told.get('step_angstrom', 0.0), told.get('needed_step_angstrom', 0.0)
        if not told.get('is_fine_enough'):
            text += f'  (the cores want a step of {needed:.3f} Å, the grid has {step:.3f})'
        found.append(('cube', text, True))
    if 'integrated_spin' in told:
        found.append(('cube of the spin', f'{told["integrated_spin"]:.4f} unpaired electrons', True))
    return found
