"""The geometry sections of a CRYSTAL output, from the reading of the input to the final optimised geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.geometry import Geometry

from .fortran import RULE, clean, fixed, integers, rows, scientific, zero_scientific
from .symmetry import SymmetryOperators, cell_parameters, first_equivalents

Real = NDArray[np.float64]

BOHR_PRINTED = 0.5291772083
"""The Bohr radius in Å that CRYSTAL works with and prints, CODATA 1998."""

_DALTON_PER_ANGSTROM3_IN_G_PER_CM3 = 1.66053906660
_CENTRING_CODES = {'P': '1/0', 'A': '2/0', 'B': '3/0', 'C': '4/0', 'F': '5/0', 'I': '6/0', 'R': '7/0'}
_LATTICE_HEADER = ' LATTICE PARAMETERS (ANGSTROMS AND DEGREES) - BOHR = 0.5291772083 ANGSTROM'
_PARAMETERS = '         A              B              C           ALPHA      BETA       GAMMA '
_POSITION_HEADERS = {
    3: '     ATOM                 X/A                 Y/B                 Z/C    ',
    2: '     ATOM                 X/A                 Y/B             Z(ANGSTROM)',
    1: '     ATOM                 X/A             Y(ANGSTROM)         Z(ANGSTROM)',
    0: '     ATOM             X(ANGSTROM)         Y(ANGSTROM)         Z(ANGSTROM)',
}


@dataclass(frozen=True)
class Setting:
    """How the input described the geometry, for the sections that repeat it.

    :param keyword: CRYSTAL, SLAB, MOLECULE or EXTERNAL.
    :param group: number of the space or layer group; 1 for a molecule without symmetry.
    :param symbol: symbol as CRYSTAL prints it (``F M 3 M``); empty if unknown.
    :param family: ``CUBIC``, ``HEXAGONAL`` ...; empty if unknown.
    :param centring: letter of the lattice; P for slabs and molecules.
    :param conventional: a, b, c (Å), alpha, beta, gamma (degrees) of the crystallographic cell, None without one.
    :param matrix: nine integers, the rows of T in ``crystallographic = T @ primitive``; None for a primitive lattice.
    :param atoms: conventional atomic number and coordinates of the irreducible atoms as the input gives them.
    """

    keyword: str
    group: int = 1
    symbol: str = ''
    family: str = ''
    centring: str = 'P'
    conventional: tuple[float, float, float, float, float, float] | None = None
    matrix: tuple[int, ...] | None = None
    atoms: tuple[tuple[int, tuple[float, float, float]], ...] = ()


def input_section(setting: Setting, geometry: Geometry, operators: SymmetryOperators) -> list[str]:
    """Return the reading of the geometry input, up to ``GEOMETRY NOW FULLY CONSISTENT WITH THE GROUP``."""
    lines = ['']
    if setting.keyword == 'EXTERNAL':
        lines += _external_input(geometry, operators)
    else:
        lines += _kind_of_input(setting, operators)
        lines += _irreducible_input(setting)
        lines += _primitive_input(geometry, operators)
    return [
        *lines,
        f' NUMBER OF SYMMETRY OPERATORS         : {len(operators):4d}',
        RULE,
        ' * GEOMETRY EDITING - INPUT COORDINATES ARE GIVEN IN ANGSTROM         ',
        RULE,
        '',
        ' GEOMETRY NOW FULLY CONSISTENT WITH THE GROUP',
    ]


def wave_function_section(setting: Setting, geometry: Geometry, operators: SymmetryOperators) -> list[str]:
    """Return ``GEOMETRY FOR WAVE FUNCTION``: cell, atoms, symmetry operators and Cartesian coordinates."""
    return [
        '',
        f' GEOMETRY FOR WAVE FUNCTION - DIMENSIONALITY OF THE SYSTEM{geometry.dimensionality:5d}',
        ' (NON PERIODIC DIRECTION: LATTICE PARAMETER FORMALLY SET TO 500)',
        RULE,
        *cell_and_atoms(setting, geometry, operators),
        *operators_table(operators),
        *cartesian_tables(geometry),
    ]


def final_section(setting: Setting, geometry: Geometry, operators: SymmetryOperators) -> list[str]:
    """Return ``FINAL OPTIMIZED GEOMETRY`` with everything that follows it."""
    return [
        '',
        f' FINAL OPTIMIZED GEOMETRY - DIMENSIONALITY OF THE SYSTEM {geometry.dimensionality:6d}',
        ' (NON PERIODIC DIRECTION: LATTICE PARAMETER FORMALLY SET TO 500)',
        RULE,
        *cell_and_atoms(setting, geometry, operators),
        ' INFORMATION **** fort.34 **** GEOMETRY OUTPUT FILE',
        *cartesian_tables(geometry),
        *operators_table(operators),
    ]


def cell_and_atoms(setting: Setting, geometry: Geometry, operators: SymmetryOperators) -> list[str]:
    """Return the lattice parameters and the atoms, in the primitive and, if it differs, the crystallographic cell."""
    lines = []
    if geometry.dimensionality > 0:
        lines += [_LATTICE_HEADER, _primitive_header(setting, geometry), _PARAMETERS]
        lines += [_parameters_line(geometry.cell_parameters), RULE]
    lines += _atoms_table(geometry, operators)
    if geometry.dimensionality == 3 and setting.matrix is not None:
        lines += _crystallographic(geometry, operators, np.array(setting.matrix, dtype=np.int64).reshape(3, 3))
    return [*lines, '', ' T = ATOM BELONGING TO THE ASYMMETRIC UNIT']


def operators_table(operators: SymmetryOperators) -> list[str]:
    """Return the table of symmetry operators."""
    lines = [
        '',
        f' ****{len(operators):5d} SYMMOPS - TRANSLATORS IN FRACTIONAL UNITS',
        ' **** MATRICES AND TRANSLATORS IN THE CRYSTALLOGRAPHIC REFERENCE FRAME',
        '   V INV                    ROTATION MATRICES                   TRANSLATORS',
    ]
    for index, inverse in enumerate(operators.inverses()):
        numbers = clean(np.concatenate([operators.rotations[index].ravel(), operators.translations[index]]))
        lines.append(integers((index + 1, inverse + 1), 4) + ''.join(fixed(value, 6, 2) for value in numbers))
    return lines


def cartesian_tables(geometry: Geometry) -> list[str]:
    """Return the lattice vectors (not for molecules) and the Cartesian coordinates, Å."""
    lines = ['']
    if geometry.dimensionality > 0:
        lines += [
            ' DIRECT LATTICE VECTORS CARTESIAN COMPONENTS (ANGSTROM)',
            '          X                    Y                    Z',
            *(''.join(zero_scientific(value, 21, 12) for value in vector) for vector in clean(geometry.cell)),
            '',
            '',
        ]
    lines += [
        ' CARTESIAN COORDINATES - PRIMITIVE CELL',
        RULE,
        ' *      ATOM          X(ANGSTROM)         Y(ANGSTROM)         Z(ANGSTROM)',
        RULE,
    ]
    for number, (site, position) in enumerate(zip(geometry.sites, clean(geometry.positions), strict=True), 1):
        coordinates = ''.join(scientific(value, 20, 12) for value in position)
        lines.append(f'{number:5d}{site.conventional_number:6d} {site.symbol.upper():<2s}  {coordinates}')
    return lines


def neighbours(geometry: Geometry, first_only: Sequence[int] | None = None, shells: int = 6) -> list[str]:
    """Return the table of neighbours of the atoms (by default of all), ``shells`` distances for each."""
    lines = [
        '',
        ' NEIGHBORS OF THE NON-EQUIVALENT ATOMS',
        '',
        ' N = NUMBER OF NEIGHBORS AT DISTANCE R',
        '    ATOM  N     R/ANG      R/AU   NEIGHBORS (ATOM LABELS AND CELL INDICES)',
    ]
    for atom in range(len(geometry.sites)) if first_only is None else first_only:
        for distance, found in neighbour_shells(geometry, atom, shells):
            items = [
                f'{other + 1:4d} {geometry.sites[other].symbol.upper():<2s}  {integers(cell, 2)}'
                for other, cell in found
            ]
            head = f'{atom + 1:4d} {geometry.sites[atom].symbol.upper():<2s}{len(found):4d}'
            distances = fixed(distance, 11, 4) + fixed(distance / BOHR_PRINTED, 11, 4)
            lines += rows([f'{item:<16s}' for item in items], 3, f'{head}{distances} ')
        lines.append('')
    return [line.rstrip() for line in lines]


def neighbour_shells(
    geometry: Geometry, atom: int, shells: int
) -> list[tuple[float, list[tuple[int, tuple[int, int, int]]]]]:
    """Return the nearest distances (Å) of an atom, each with the atoms and cell indices found there."""
    ranges = [range(-3, 4) if axis < geometry.dimensionality else range(1) for axis in range(3)]
    cells = np.array([(i, j, k) for i in ranges[0] for j in ranges[1] for k in ranges[2]])
    vectors = geometry.positions[None, :, :] + (cells @ geometry.cell)[:, None, :] - geometry.positions[atom]
    distances = np.linalg.norm(vectors, axis=2)
    found: list[tuple[float, list[tuple[int, tuple[int, int, int]]]]] = []
    for flat in np.argsort(distances.ravel(), kind='stable'):
        cell_index, other = divmod(int(flat), len(geometry.sites))
        distance = float(distances[cell_index, other])
        if distance < 1e-6:
            continue
        first, second, third = (int(value) for value in cells[cell_index])
        if found and abs(found[-1][0] - distance) < 1e-4:
            found[-1][1].append((other, (first, second, third)))
        elif len(found) == shells:
            break
        else:
            found.append((distance, [(other, (first, second, third))]))
    return found


def _kind_of_input(setting: Setting, operators: SymmetryOperators) -> list[str]:
    if setting.keyword == 'MOLECULE':
        return [
            ' MOLECULAR CALCULATION',
            f' POINT  GROUP  N.{setting.group:3d}                  :  {setting.symbol}',
            '',
        ]
    if setting.keyword == 'SLAB':
        return [
            ' SLAB CALCULATION',
            f' TWO-SIDED PLANE GROUP N.{setting.group:3d}          :  {setting.symbol:<16s}',
            '',
            *_conventional_lines(setting),
        ]
    return [
        ' CRYSTAL CALCULATION',
        ' (INPUT ACCORDING TO THE INTERNATIONAL TABLES FOR X-RAY CRYSTALLOGRAPHY)',
        f' CRYSTAL FAMILY                       :  {setting.family:<12s}',
        '',
        f' {_group_label(setting, operators):<37s}:  {setting.symbol:<16s}',
        '',
        *_conventional_lines(setting),
    ]


def _group_label(setting: Setting, operators: SymmetryOperators) -> str:
    if not setting.symbol:
        return f'SPACE GROUP N. {setting.group}'
    inversion = np.any(np.abs(operators.rotations + np.eye(3)).max(axis=(1, 2)) < 1e-6)
    return f'SPACE GROUP ({"" if inversion else "NON"}CENTROSYMMETRIC)'


def _conventional_lines(setting: Setting) -> list[str]:
    if setting.conventional is None:
        return []
    a, b, c, alpha, beta, gamma = setting.conventional
    if setting.keyword == 'SLAB':
        return [
            ' LATTICE PARAMETERS  (ANGSTROMS AND DEGREES) - CONVENTIONAL CELL',
            '           A              B            GAMMA',
            f'     {fixed(a, 10, 5)}{fixed(b, 15, 5)}{fixed(gamma, 15, 5)}',
            '',
        ]
    return [
        ' LATTICE PARAMETERS  (ANGSTROMS AND DEGREES) - CONVENTIONAL CELL',
        '        A           B           C        ALPHA        BETA       GAMMA',
        ''.join(fixed(value, 12, 5) for value in (a, b, c, alpha, beta, gamma)),
        '',
    ]


def _irreducible_input(setting: Setting) -> list[str]:
    lines = [
        '',
        f' NUMBER OF IRREDUCIBLE ATOMS IN THE CONVENTIONAL CELL: {len(setting.atoms):4d}',
        '',
        ' INPUT COORDINATES',
        '',
        ' ATOM AT. N.              COORDINATES',
    ]
    for index, (number, position) in enumerate(setting.atoms, 1):
        lines.append(f'{index:4d}{number:4d}   {"".join(scientific(value, 20, 12) for value in position)}')
    if setting.keyword != 'MOLECULE':
        lines += [
            '',
            RULE,
            '',
            ' << INFORMATION >>: FROM NOW ON, ALL COORDINATES REFER TO THE PRIMITIVE CELL',
            '',
            RULE,
        ]
    return [*lines, '']


def _primitive_input(geometry: Geometry, operators: SymmetryOperators) -> list[str]:
    headings = {
        3: ' COORDINATES OF THE EQUIVALENT ATOMS (FRACTIONAL UNITS)',
        2: ' COORDINATES OF THE EQUIVALENT ATOMS \n (X AND Y IN FRACTIONARY UNITS, Z IN ANGSTROMS)',
        0: ' COORDINATES OF THE EQUIVALENT ATOMS (ANGSTROMS)',
    }
    lines = _short_cell(geometry) if geometry.dimensionality else []
    lines += [*headings.get(geometry.dimensionality, headings[3]).split('\n'), '']
    lines += [' N. ATOM EQUIV AT. N.          X                  Y                  Z', '']
    firsts = first_equivalents(geometry, operators)
    order = sorted(set(firsts))
    for irreducible, first in enumerate(order, 1):
        for equivalent, atom in enumerate((index for index, value in enumerate(firsts) if value == first), 1):
            site = geometry.sites[atom]
            head = integers((atom + 1, irreducible, equivalent), 4) + f'{site.conventional_number:5d}'
            coordinates = ''.join(scientific(value, 19, 11) for value in clean(geometry.fractional[atom]))
            lines.append(f'{head} {site.symbol.upper():<2s}  {coordinates}')
        lines.append('')
    return lines


def _short_cell(geometry: Geometry) -> list[str]:
    a, b, c, alpha, beta, gamma = geometry.cell_parameters
    values = (
        ''.join(fixed(value, 11, 5) for value in (a, b, c))
        + '  '
        + ''.join(fixed(value, 10, 5) for value in (alpha, beta, gamma))
    )
    return [
        ' LATTICE PARAMETERS  (ANGSTROMS AND DEGREES) - PRIMITIVE CELL',
        '       A          B          C        ALPHA      BETA     GAMMA        VOLUME',
        f'{values}{fixed(geometry.measure, 14, 6)}',
        '',
    ]


def _external_input(geometry: Geometry, operators: SymmetryOperators) -> list[str]:
    names = {3: '3D - CRYSTAL ', 2: '2D - SLAB    ', 1: '1D - POLYMER ', 0: '0D - MOLECULE'}
    firsts = first_equivalents(geometry, operators)
    lines = [
        ' GEOMETRY INPUT FROM EXTERNAL FILE (FORTRAN UNIT 34)',
        f' {names[geometry.dimensionality]}',
        '',
        RULE,
    ]
    if geometry.dimensionality:
        lines += _short_cell(geometry)
    lines += [
        f' NUMBER OF IRREDUCIBLE ATOMS IN THE CELL: {len(set(firsts)):4d}',
        '',
        ' CARTESIAN COORDINATES (ANGSTROM) - IRREDUCIBLE ATOMS AND SYMMETRY RELATED',
        '',
        ' AT.IRR.  AT  AT.N.          X                   Y                   Z',
    ]
    for atom, (site, position) in enumerate(zip(geometry.sites, clean(geometry.positions), strict=True)):
        coordinates = ''.join(scientific(value, 20, 12) for value in position)
        lines.append(f'{firsts[atom] + 1:6d}{atom + 1:6d}{site.conventional_number:6d}  {coordinates}')
    return [*lines, '', ' SYMMETRY CHANGED DURING OLD RUN :  INFORMATION ON SPACE GROUP LOST ']


def _primitive_header(setting: Setting, geometry: Geometry) -> str:
    if geometry.dimensionality != 3:
        return ' PRIMITIVE CELL'
    code = _CENTRING_CODES.get(setting.centring, '1/0')
    density = density_g_per_cm3(geometry)
    return (
        f' PRIMITIVE CELL - CENTRING CODE {code} VOLUME={fixed(geometry.measure, 13, 6)}'
        f' - DENSITY{fixed(density, 7, 3)} g/cm^3'
    )


def _parameters_line(parameters: Sequence[float]) -> str:
    return (
        ''.join(fixed(value, 15, 8) for value in parameters[:3])
        + '  '
        + ''.join(fixed(value, 11, 6) for value in parameters[3:])
    )


def _atoms_table(geometry: Geometry, operators: SymmetryOperators, cell: Real | None = None) -> list[str]:
    firsts = first_equivalents(geometry, operators)
    lines = []
    if cell is None:
        lines.append(
            f' ATOMS IN THE ASYMMETRIC UNIT{len(set(firsts)):5d} - ATOMS IN THE UNIT CELL:{len(geometry.sites):5d}'
        )
    lines += [_POSITION_HEADERS[geometry.dimensionality], RULE]
    fractional = geometry.fractional if cell is None else geometry.positions @ np.linalg.inv(cell)
    for index, (site, position) in enumerate(zip(geometry.sites, clean(fractional), strict=True)):
        flag = 'T' if firsts[index] == index else 'F'
        coordinates = ''.join(scientific(value, 20, 12) for value in position)
        lines.append(f'{index + 1:7d} {flag}{site.conventional_number:4d} {site.symbol.upper():<2s}  {coordinates}')
    return lines


def _crystallographic(geometry: Geometry, operators: SymmetryOperators, matrix: NDArray[np.int64]) -> list[str]:
    cell = matrix @ geometry.cell
    return [
        '',
        ' TRANSFORMATION MATRIX PRIMITIVE-CRYSTALLOGRAPHIC CELL',
        ''.join(fixed(float(value), 8, 4) for value in matrix.ravel()),
        '',
        RULE,
        f' CRYSTALLOGRAPHIC CELL (VOLUME={fixed(abs(float(np.linalg.det(cell))), 20, 8)})',
        _PARAMETERS,
        _parameters_line(cell_parameters(cell)),
        '',
        ' COORDINATES IN THE CRYSTALLOGRAPHIC CELL',
        *_atoms_table(geometry, operators, cell),
    ]


def density_g_per_cm3(geometry: Geometry) -> float:
    """Return the mass density of a crystal; of the most abundant isotopes, as CRYSTAL's."""
    from pyscf.data.elements import COMMON_ISOTOPE_MASSES

    mass = sum(COMMON_ISOTOPE_MASSES[site.number] for site in geometry.sites if not site.ghost)
    return float(mass * _DALTON_PER_ANGSTROM3_IN_G_PER_CM3 / geometry.measure)
