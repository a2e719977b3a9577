"""The output of the properties program: heading, NEWK, BAND and DOSS sections (layout: real files of CRYSTAL17/23)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..model import WavefunctionFile
from .band_path import BandPath
from .basis import core_electrons
from .controls import hamiltonian, k_points
from .fort25 import header
from .fortran import RULE, clean, fixed, integers, rows, scientific
from .frame import title_line
from .symmetry import IrreduciblePoints

Real = NDArray[np.float64]


def heading(wfn: WavefunctionFile, n_operators: int) -> list[str]:
    """Return what the program says about the wavefunction it found."""
    geometry = wfn.geometry
    a, b, c, alpha, beta, gamma = geometry.cell_parameters
    kind = 'UNRESTRICTED OPEN SHELL' if wfn.method.unrestricted else 'RESTRICTED CLOSED SHELL'
    lines = [
        '',
        RULE,
        title_line(wfn.title),
        f' CRYSTAL - PROPERTIES - TYPE OF CALCULATION :  {kind}',
        RULE,
        *hamiltonian(wfn.method),
        '',
    ]
    if geometry.dimensionality:
        lines += [
            ' DIRECT LATTICE VECTOR COMPONENTS (ANGSTROM)',
            *(f'{fixed(x, 16, 5)}{fixed(y, 11, 5)}{fixed(z, 11, 5)}' for x, y, z in clean(geometry.cell)),
            '',
            ' LATTICE PARAMETERS  (ANGSTROM AND DEGREES) - PRIMITIVE CELL',
            '       A          B          C         ALPHA      BETA     GAMMA        VOLUME',
            ''.join(fixed(value, 11, 5) for value in (a, b, c))
            + '  '
            + ''.join(fixed(value, 10, 4) for value in (alpha, beta, gamma))
            + fixed(geometry.measure, 14, 5),
        ]
    return [*lines, RULE, *_counts(wfn, n_operators), RULE, *_atoms(wfn), RULE, *_scf(wfn), RULE]


def _counts(wfn: WavefunctionFile, n_operators: int) -> list[str]:
    rows_of = (
        (' N. OF ATOMS PER CELL', len(wfn.geometry.sites)),
        (' NUMBER OF SHELLS', sum(len(basis.shells) for basis in wfn.basis)),
        (' NUMBER OF AO', sum(basis.n_functions for basis in wfn.basis)),
        (' N. OF ELECTRONS PER CELL', round(wfn.n_electrons)),
        (' CORE ELECTRONS PER CELL', core_electrons(wfn.geometry, wfn.basis)),
        (' N. OF SYMMETRY OPERATORS', n_operators),
    )
    return [f'{label}{value:{31 - len(label)}d}' for label, value in rows_of]


def _atoms(wfn: WavefunctionFile) -> list[str]:
    lines = ['   ATOM N.AT.  SHELL    X(A)      Y(A)      Z(A)      EXAD       N.ELECT.', RULE]
    positions = clean(wfn.geometry.positions)
    for index, (site, basis) in enumerate(zip(wfn.geometry.sites, wfn.basis, strict=True)):
        exponents = [primitive[0] for shell in basis.shells for primitive in shell.primitives]
        coordinates = ''.join(fixed(value, 10, 3) for value in positions[index])
        lines.append(
            f'{index + 1:5d}{site.conventional_number:5d} {site.symbol.upper():<2s}{len(basis.shells):5d}{coordinates}'
            f'{scientific(min(exponents, default=0.0), 12, 3)}{fixed(float(wfn.mulliken_electrons[index]), 12, 3)}'
        )
    return lines


def _scf(wfn: WavefunctionFile) -> list[str]:
    n1, n2, n3 = wfn.kmesh
    return [
        f' TOTAL ENERGY{scientific(wfn.energy, 21, 13)}',
        f' FERMI ENERGY{fixed(wfn.fermi, 15, 5)}',
        f' SHRINK. FACT.(MONKH.)    {integers((n1, n2, n3), 3)}',
    ]


def new_k_points(mesh: tuple[int, int, int], gilat: int, points: IrreduciblePoints) -> list[str]:
    """Return the net of NEWK."""
    count = len(points.points)
    return [
        '',
        RULE,
        ' RESTART WITH NEW K POINTS NET',
        RULE,
        f' POINTS IN THE IBZ{count:20d} POINTS(GILAT NET){count:18d}',
        f' SHRINK FACTORS(MONK.)       {integers(mesh, 3)} SHRINK FACTOR(GILAT){gilat:15d}',
        RULE,
        *k_points(mesh, points),
        '',
        ' FERMI ENERGY AND DENSITY MATRIX CALCULATION ON COMPUTED EIGENVECTORS',
        '',
    ]


def band_section(path: BandPath, first: int, last: int, energies: Real, fermi: float, *, conducting: bool) -> list[str]:
    """Return the report of BAND.

    :param first: number of the first band, from 1.
    """
    spins = len(energies)
    bands = energies.shape[2]

    def boxed(text: str) -> str:
        return f' *  {text:<75.75s}*'

    lines = [
        '',
        '',
        RULE,
        boxed(''),
        boxed('BAND STRUCTURE'),
        boxed(path.title),
        boxed(f'FROM BAND{first:4d} TO BAND{last:4d}'),
        boxed(f'TOTAL OF{path.n_sub:4d} K-POINTS ALONG THE PATH'),
        boxed(''),
        RULE,
        '',
    ]
    for number, segment in enumerate(path.segments, 1):
        start, end = np.array(segment.start) / path.iss, np.array(segment.end) / path.iss
        places = [''.join(fixed(x, 5, 2) for x in point) for point in (start, end)]
        cartesian = [''.join(fixed(x, 6, 3) for x in clean(point @ path.reciprocal)) for point in (start, end)]
        lines += [
            f' LINE{number:3d} ({places[0]}:{places[1]}) IN TERMS OF PRIMITIVE LATTICE VECTORS',
            f'{len(segment.fractional):4d} POINTS - SHRINKING_FACTOR{path.iss * segment.steps:4d}',
            f' CARTESIAN COORD. ({cartesian[0]}):({cartesian[1]}) STEP{fixed(segment.step, 8, 4)}',
            '',
            '',
        ]
    for segment in path.segments * spins:
        count = len(segment.fractional) * bands
        head = header('BAND', 0, 0, (), spins=spins, conducting=conducting)[:8]
        lines += [
            f'{count:5d} DATA WRITTEN ON UNIT 25 WITH THE FOLLOWING HEADER :',
            f' {head}  {integers((*segment.start, *segment.end), 5)}',
            '',
        ]
    energy_range = f'{fixed(float(energies.min()), 11, 5)} -{fixed(float(energies.max()), 10, 5)}'
    return [*lines, f' ENERGY RANGE (A.U.){energy_range} EFERMI{fixed(fermi, 10, 5)}', '']


def doss_section(
    *,
    window: tuple[float, float],
    bands: tuple[int, int],
    projections: Sequence[Sequence[int]],
    integrated: Real,
    n_points: int,
    n_k: int,
) -> list[str]:
    """Return the report of DOSS.

    :param window: energies, hartree.
    :param projections: numbers (from 1) of the orbitals of each projection.
    :param integrated: electrons' worth of states in the window per projection and total, summed over spins.
    """
    ruler = ' ' + '#' * 79
    lines = [
        ruler,
        '',
        ' TOTAL AND PROJECTED DENSITY OF STATES - GAUSSIAN BROADENING (STAND-IN)',
        f' FROM BAND{bands[0]:5d} TO BAND{bands[1]:5d} ENERGY RANGE'
        f'{scientific(window[0], 13, 5)}{scientific(window[1], 13, 5)}',
        '',
        ruler,
        '',
        f' NUMBER OF K POINTS OF SECONDARY NET{n_k:11d}',
        f' NUMBER OF PROJECTIONS{len(projections):25d}',
        f' NUMBER OF ENERGY POINTS{n_points:23d}',
        '',
    ]
    for number, orbitals in enumerate(projections, 1):
        items = [f'{orbital:4d}' for orbital in orbitals]
        lines += [*rows(items, 10, f' *** PROJECTION{number:4d} ATOMIC ORBITALS  '), '']
    labels = ''.join(f'{number:10d}' for number in range(1, len(projections) + 1))
    return [
        *lines,
        ' *** INTEGRATED DENSITIES IN THE ENERGY INTERVAL PER PROJECTION AND TOTAL',
        f'{labels}{"T":>10s}',
        '  ' + ''.join(fixed(float(value), 10, 5) for value in integrated),
        '',
    ]
