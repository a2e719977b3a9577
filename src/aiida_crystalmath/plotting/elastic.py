"""Picture of elastic constants: Young's modulus against direction, in the planes of the axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.crystal import elasticity
from aiida_crystalmath.plotting.figure import COLOURS, Request, save, subplots

__all__ = ('draw',)

PLANES = (('xy', 0, 1), ('xz', 0, 2), ('yz', 1, 2))


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw ``output_elastic`` of a stable crystal; of a slab or an unstable crystal there is nothing to draw."""
    node = outputs.get('output_elastic')
    if node is None or 'constants_gpa' not in node.get_arraynames():
        return []
    constants = node.get_array('constants_gpa')
    if not np.isfinite(constants).all() or not elasticity.stability(constants).is_stable:
        return []
    angles = np.linspace(0.0, 2.0 * np.pi, 361)
    figure, axes = subplots(1, 3, figsize=(10.0, 3.8), subplot_kw={'projection': 'polar'})
    for one, (name, first, second) in zip(axes, PLANES, strict=True):
        directions = np.zeros((len(angles), 3))
        directions[:, first], directions[:, second] = np.cos(angles), np.sin(angles)
        one.plot(angles, elasticity.youngs_modulus(constants, directions), color=COLOURS[0])
        one.set_ylim(bottom=0.0)
        one.set_title(f'{name} plane', fontsize=10)
        one.tick_params(labelsize=7)
    figure.suptitle(f"Young's modulus of {request.caption.formula} (GPa)")
    return [save(figure, request.caption, request.path('elastic'))]
