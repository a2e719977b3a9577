"""Picture of harmonic thermodynamic functions against temperature."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)

WORDS = {
    'free_energy': 'free energy',
    'internal_energy': 'internal energy',
    'entropy': 'entropy',
    'heat_capacity': 'heat capacity',
}


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw ``output_thermal``: energies left, entropy and heat capacity right."""
    if 'output_thermal' not in outputs:
        return []
    node = outputs['output_thermal']
    temperatures = node.get_x()[1]
    figure, (left, right) = subplots(1, 2, figsize=(9.0, 4.0))
    for index, (name, values, unit) in enumerate(node.get_y()):
        axes = left if unit == 'kJ/mol' else right
        axes.plot(temperatures, values, color=COLOURS[index], label=WORDS.get(name, name))
        axes.set_ylabel(unit)
    for axes in (left, right):
        axes.set_xlabel('temperature (K)')
        axes.set_xlim(float(temperatures[0]), float(temperatures[-1]))
        axes.legend(fontsize=8)
    figure.suptitle(f'{request.caption.formula}, harmonic vibrations')
    return [save(figure, request.caption, request.path('thermal'))]
