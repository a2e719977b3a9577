"""Maps of densities and potentials: iso-lines on a plane, with the atoms in it; a slice of a cube."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.plotting.figure import Request, pyplot, save, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aiida_crystalmath.crystal.outputs.models import Grid3D

__all__ = ('Field', 'cube_slice', 'draw', 'field_of_node')

Matrix = NDArray[np.float64]

IN_PLANE_ANGSTROM = 0.3
"""Atoms no further from the plane are drawn in it."""
TITLES = {
    ('charge', False): 'charge density (e/bohr³)',
    ('spin', False): 'spin density (e/bohr³)',
    ('charge', True): 'charge density minus superposed atoms (e/bohr³)',
    ('spin', True): 'spin density minus superposed atoms (e/bohr³)',
    ('potential', False): 'electrostatic potential (hartree/e)',
}
CUBES = {'dens': 'charge', 'spin': 'spin', 'pot': 'potential'}


class Field:
    """A field on a parallelogram, in coordinates within its plane.

    :param values: shape (n_x, n_y).
    :param origin: of the first point, Å, Cartesian; ``step_x`` and ``step_y`` from point to point.
    :param quantity: ``charge``, ``spin``, ``potential`` or other words.
    :param is_difference: whether the atoms are subtracted.
    :param cell: rows are lattice vectors that repeat, Å, shape (d, 3).
    """

    def __init__(
        self,
        values: Matrix,
        origin: Matrix,
        step_x: Matrix,
        step_y: Matrix,
        *,
        quantity: str = 'charge',
        is_difference: bool = False,
        positions: Matrix | None = None,
        numbers: NDArray[np.int64] | None = None,
        cell: Matrix | None = None,
    ) -> None:
        self.values, self.quantity, self.is_difference = np.asarray(values, dtype=float), quantity, is_difference
        self._origin = origin
        x = step_x / np.linalg.norm(step_x)
        normal = np.cross(step_x, step_y)
        self._frame = np.array([x, np.cross(normal / np.linalg.norm(normal), x)])
        index = np.indices(self.values.shape)
        places = (index[0][..., None] * step_x + index[1][..., None] * step_y) @ self._frame.T
        self.x, self.y = places[..., 0], places[..., 1]
        self._atoms = (positions, numbers, cell)

    @property
    def title(self) -> str:
        """What is drawn, with its unit."""
        return TITLES.get((self.quantity, self.is_difference), f'{self.quantity} (atomic units)')

    @property
    def is_signed(self) -> bool:
        """Whether both signs mean something."""
        return self.is_difference or self.quantity != 'charge'

    def atoms(self) -> list[tuple[float, float, str]]:
        """Return coordinates within the plane, and symbols, of the atoms in the window and near the plane."""
        positions, numbers, cell = self._atoms
        if positions is None or numbers is None:
            return []
        from aiida_crystalmath.crystal.elements import SYMBOLS

        shifts = [np.zeros(3)]
        if cell is not None and len(cell):
            reach = float(np.hypot(np.ptp(self.x), np.ptp(self.y))) + float(np.linalg.norm(cell, axis=1).max())
            spans = [range(-n, n + 1) for n in np.ceil(reach / np.linalg.norm(cell, axis=1)).astype(int) + 1]
            shifts = [np.array(index) @ cell for index in product(*spans)]
        normal = np.cross(self._frame[0], self._frame[1])
        found = []
        for position, number in zip(positions, numbers, strict=True):
            for shift in shifts:
                vector = position + shift - self._origin
                u, v = self._frame @ vector
                if abs(normal @ vector) <= IN_PLANE_ANGSTROM and self._holds(u, v):
                    found.append((float(u), float(v), SYMBOLS[int(number) % 100]))
        return found

    def _holds(self, u: float, v: float) -> bool:
        return bool(self.x.min() - 1e-6 <= u <= self.x.max() + 1e-6 and self.y.min() - 1e-6 <= v <= self.y.max() + 1e-6)

    def levels(self) -> Matrix:
        """Return values of the iso-lines: powers of two for a density, both signs for what has them."""
        size = float(np.nanmax(np.abs(self.values), initial=0.0))
        if size <= 0.0:
            return np.array([])
        if self.quantity == 'potential':
            scale = float(np.nanquantile(np.abs(self.values), 0.9)) or size
            return np.linspace(-scale, scale, 25)
        top = min(size, 4.0)
        if not self.is_signed:
            low = max(float(np.nanquantile(self.values, 0.02)), 1e-4 * top, 1e-6)
            return np.asarray(2.0 ** np.arange(np.ceil(np.log2(low)), np.floor(np.log2(top)) + 1))
        steps = top * 2.0 ** np.arange(-9.0, 0.0)
        return np.concatenate([-steps[::-1], steps])


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw each map and each cube of the outputs."""
    paths: list[Path] = []
    names: dict[str, int] = {}
    for label in ('output_maps', 'output_difference_maps'):
        if label not in outputs:
            continue
        for field, is_atomic in field_of_node(outputs[label]):
            if is_atomic:
                continue  # the atoms alone are no result: they are in the difference
            name = f'{field.quantity}_difference' if field.is_difference else field.quantity
            name = ''.join(letter if letter.isalnum() else '_' for letter in name)
            names[name] = names.get(name, 0) + 1
            suffix = f'_{names[name]}' if names[name] > 1 else ''
            paths.append(_picture(field, request, f'map_{name}{suffix}'))
    for label, node in outputs.items():
        if label.startswith('output_cubes__'):
            name = label.removeprefix('output_cubes__')
            paths.append(_picture(cube_slice(node, CUBES.get(name, name)), request, f'slice_{name}'))
    return paths


def field_of_node(node: Any) -> list[tuple[Field, bool]]:
    """Return the fields of an ``output_maps``, and whether each is that of superposed atoms."""
    names = node.get_arraynames()
    attributes = node.base.attributes.all
    cell = node.get_array('cell_angstrom') if 'cell_angstrom' in names else None
    if cell is not None:
        cell = cell[np.linalg.norm(cell, axis=1) < 400.0]  # formal vectors of 500 Å do not repeat
    atomic = attributes.get('is_atomic') or [False] * len(attributes['quantities'])
    fields = []
    for number, quantity in enumerate(attributes['quantities']):
        field = Field(
            node.get_array(f'map_{number}'),
            *(node.get_array(f'map_{number}_{end}_angstrom') for end in ('origin', 'step_x', 'step_y')),
            quantity=quantity,
            is_difference=bool(attributes.get('is_difference')),
            positions=node.get_array('positions_angstrom') if 'positions_angstrom' in names else None,
            numbers=node.get_array('numbers') if 'numbers' in names else None,
            cell=cell,
        )
        fields.append((field, bool(atomic[number])))
    return fields


def cube_slice(node: Any, quantity: str) -> Field:
    """Return the slice of a cube file, along two of its edges, that holds most atoms.

    :param node: ``SinglefileData``.
    """
    from aiida_crystalmath.crystal.outputs.cube import read_cube

    with node.open(mode='r') as handle:
        grid = read_cube(handle.read())
    axis, index = _fullest_slice(grid)
    first, second = ((axis + 1) % 3, (axis + 2) % 3)
    edges = grid.steps * (np.array(grid.values.shape) - 1)[:, None]
    periodic = [
        edges[number]
        for number, length in enumerate((grid.cell or ())[:3])
        if abs(float(np.linalg.norm(edges[number])) - length) < 1e-3
    ]
    values = np.moveaxis(grid.values, axis, 0)[index]
    return Field(
        values if first < second else values.T,
        grid.origin + index * grid.steps[axis],
        grid.steps[first],
        grid.steps[second],
        quantity=quantity,
        positions=None if grid.atoms is None else grid.atoms.positions,
        numbers=None if grid.atoms is None else grid.atoms.numbers,
        cell=np.array(periodic).reshape(-1, 3),
    )


def _fullest_slice(grid: Grid3D) -> tuple[int, int]:
    """Return the axis across which to slice, and the index along it, such that most atoms lie in the slice.

    The last axis wins where others are as good; without atoms the slice is in the middle.
    """
    best = (2, grid.values.shape[2] // 2)
    if grid.atoms is None or not len(grid.atoms.numbers):
        return best
    places = (grid.atoms.positions - grid.origin) @ np.linalg.inv(grid.steps)
    most = 0
    for axis in (2, 1, 0):
        for index in np.unique(np.clip(np.rint(places[:, axis]).astype(int), 0, grid.values.shape[axis] - 1)):
            count = int(np.sum(np.abs(places[:, axis] - index) <= 0.75))
            if count > most:
                most, best = count, (axis, int(index))
    return best


def _picture(field: Field, request: Request, name: str) -> Path:
    """Draw one field."""
    width, height = float(np.ptp(field.x)), float(np.ptp(field.y))
    ratio = float(np.clip(height / width, 0.4, 2.0))
    figure, axes = subplots(figsize=(6.2, 1.2 + 4.6 * ratio))
    _iso_lines(axes, field)
    for u, v, symbol in field.atoms():
        axes.plot(u, v, 'o', ms=3.5, color='#111111', zorder=5)
        axes.annotate(symbol, (u, v), textcoords='offset points', xytext=(4, 4), fontsize=8, zorder=6)
    axes.set_aspect('equal')
    axes.set_xlim(float(field.x.min()), float(field.x.max()))
    axes.set_ylim(float(field.y.min()), float(field.y.max()))
    axes.set_xlabel('Å')
    axes.set_ylabel('Å')
    axes.set_title(f'{request.caption.formula}   {field.title}', fontsize=10)
    return save(figure, request.caption, request.path(name))


def _iso_lines(axes: Axes, field: Field) -> None:
    """Fill and draw the iso-lines; a field without any is only framed."""
    levels = field.levels()
    if len(levels) < 2 or float(np.ptp(field.values)) == 0.0:
        axes.text(0.5, 0.5, 'zero everywhere', transform=axes.transAxes, ha='center', color='0.4')
        return
    from matplotlib import colors

    size = float(np.abs(levels).max())
    norm: Any
    if not field.is_signed:
        norm, colours = colors.LogNorm(float(levels[0]), float(levels[-1])), 'Blues'
    elif field.quantity == 'potential':
        norm, colours = colors.Normalize(-size, size), 'RdBu_r'
    else:
        norm, colours = colors.SymLogNorm(size / 2.0**7, vmin=-size, vmax=size), 'RdBu_r'
    filled = axes.contourf(field.x, field.y, field.values, levels=levels, norm=norm, cmap=colours, extend='both')
    styles = ['--' if level < 0 else '-' for level in levels]
    axes.contour(field.x, field.y, field.values, levels=levels, colors='0.25', linewidths=0.5, linestyles=styles)
    bar = pyplot().gcf().colorbar(filled, ax=axes, shrink=0.85)
    shown = levels if len(levels) <= 10 else levels[:: len(levels) // 9]
    bar.set_ticks([float(level) for level in shown], labels=[f'{level:.3g}' for level in shown])
    bar.ax.tick_params(labelsize=7)
