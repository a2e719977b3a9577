"""Files of TOPOND (properties, keyword TOPO): 2D maps SURF*.DAT and paths TRAJ*.DAT.

Maps are grids in Surfer's text format: ``DSAA``, the numbers of points, first and last value and step of the in-plane
coordinates x and y (bohr), a line of zeros, then the values, x running fastest, every y on new lines; checked on real
files of CRYSTAL22. The file does not name its field, its own name does (the stdout of TOPOND lists them).

Paths: a header (number of points, a weight) and the points, Cartesian in bohr; seen in a real TRAJMOLG.DAT of
CRYSTALpytools' examples (MIT), none is in the test corpus.
"""

from __future__ import annotations

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import file_lines
from aiida_crystalmath.crystal.outputs.models import PlaneMap, Trajectory
from aiida_crystalmath.crystal.outputs.number_table import read_numbers
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

_MAP = 'SURF*.DAT'
_PATHS = 'TRAJ*.DAT'

SURFACES = {
    'RHOO': ('charge', 'e/bohr^3'),
    'SPDE': ('spin', 'e/bohr^3'),
    'LAPP': ('laplacian', 'e/bohr^5'),
    'LAPM': ('negative laplacian', 'e/bohr^5'),
    'GRHO': ('gradient', 'e/bohr^4'),
    'KKIN': ('hamiltonian kinetic energy', 'hartree/bohr^3'),
    'GKIN': ('lagrangian kinetic energy', 'hartree/bohr^3'),
    'VIRI': ('virial field', 'hartree/bohr^3'),
    'ELFB': ('electron localization function', ''),
}
"""Field and unit by the last letters of the file's name."""


def read_surface(text: str, name: str = '') -> PlaneMap:
    """Return a 2D map; its points are known within the plane only.

    :param name: name of the file, which names the field: 'SURFRHOO.DAT', 'urea.SURFLAPP' ...
    :raises OutputFileError: the header cannot be read, or values are missing.
    """
    lines = file_lines(text)
    try:
        if lines[0].strip() != 'DSAA':
            raise ValueError('the first line is not DSAA')
        n_x, n_y = (int(word) for word in lines[1].split()[:2])
        x_low, x_high = (float(word) * BOHR_ANGSTROM for word in lines[2].split()[:2])
        y_low, y_high = (float(word) * BOHR_ANGSTROM for word in lines[3].split()[:2])
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the header cannot be read ({exc})', _MAP, 1) from exc
    if min(n_x, n_y) < 1:
        raise OutputFileError('the map has no points', _MAP, 2)
    values = read_numbers(lines[5:], n_x * n_y, _MAP, 6).reshape(n_y, n_x)
    quantity, unit = next((found for key, found in SURFACES.items() if f'SURF{key}' in name.upper()), ('unknown', ''))
    return PlaneMap(
        values=np.ascontiguousarray(values.T),
        step_x=np.array([(x_high - x_low) / max(n_x - 1, 1), 0.0]),
        step_y=np.array([0.0, (y_high - y_low) / max(n_y - 1, 1)]),
        corner=(x_low, y_low),
        quantity=quantity,
        unit=unit,
    )


def read_trajectories(text: str) -> list[Trajectory]:
    """Return the paths of a TRAJGRAD.DAT or TRAJMOLG.DAT, in order.

    :raises OutputFileError: a path is cut or not readable.
    """
    lines = file_lines(text)
    paths: list[Trajectory] = []
    number = 0
    while number < len(lines):
        words = lines[number].split()
        if not words:
            number += 1
            continue
        try:
            count, weight = (int(word) for word in words)
        except ValueError as exc:
            raise OutputFileError(f'the head of a path cannot be read ({exc})', _PATHS, number + 1) from exc
        points = read_numbers(lines[number + 1 : number + 1 + count], 3 * count, _PATHS, number + 2)
        paths.append(Trajectory(points.reshape(count, 3) * BOHR_ANGSTROM, weight))
        number += 1 + count
    return paths
