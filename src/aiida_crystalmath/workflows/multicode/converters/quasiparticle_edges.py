"""Band edges from quasi-particle energies, and from the DFT energies of the same states."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

from aiida_crystalmath.workflows.multicode.converters.common import code_of, known, source_of
from aiida_crystalmath.workflows.multicode.converters.declaration import Converter, Stays, Travels, declared
from aiida_crystalmath.workflows.multicode.edges import EDGES_KEYS, find_edges

__all__ = ('quasiparticle_edges',)


@declared(
    Converter(
        source='yambo',
        target='',
        summary='Edges of quasi-particle energies, on the k-points and bands that were corrected.',
        travels=(
            *(Travels(meaning, f'edges.{key}', unit=unit) for key, (unit, meaning) in EDGES_KEYS.items()),
            Travels('The same edges of the DFT energies of the same states.', 'edges.dft'),
            Travels('Numbers of the bands that were corrected at every k-point.', 'edges.bands'),
            Travels('Code that they are from.', 'edges.code'),
            Travels('Where they are from.', 'edges.source'),
        ),
        stays=(
            Stays('states that were not corrected', 'edges at other k-points than these are not known'),
            Stays('lifetimes', 'edges are real parts'),
        ),
        outputs={'edges': orm.Dict},
        usual={'quasiparticles': ('output_quasiparticles',)},
    )
)
@calcfunction
def quasiparticle_edges(
    quasiparticles: orm.ArrayData, kpoints: orm.KpointsData | None = None, settings: orm.Dict | None = None
) -> dict[str, orm.Data] | ExitCode:
    """Return the edges of quasi-particle energies.

    :param quasiparticles: one entry a state: ``kpoints`` (numbers from 1, or fractional (n, 3)), ``bands`` (numbers),
        ``e0_ev`` (DFT, 0 at the top of the valence bands), ``de_ev`` (correction), ``spin`` if there are two;
        ``kpoints_rlu``: fractional k-points by number.
    :param kpoints: of the DFT run, in the order of their numbers, if the node has none.
    :param settings: ``n_filled``: number of the highest filled band; without it DFT energies up to 0 are filled.
    """
    said = {} if settings is None else settings.get_dict()
    try:
        points, bands, dft, corrected = _table(quasiparticles, kpoints)
        n_filled = said.get('n_filled')
        counts = None if n_filled is None else int((bands <= n_filled).sum())
        before = find_edges(dft, points, n_filled=counts, fermi_ev=0.0)
        if before.values['is_metal']:
            return ExitCode(
                400, 'no band edges: in DFT a band crosses the zero of energy, the top of the valence bands'
            )
        after = find_edges(corrected, points, n_filled=before.values['n_filled'])
    except ValueError as exception:
        return ExitCode(400, f'no band edges: {exception}')
    content = {
        **after.to_dict(),
        'filled_by': before.values['filled_by'],
        'dft': before.to_dict(),
        'bands': [int(band) for band in bands],
        **known({'code': code_of(quasiparticles)}),
        'source': source_of(quasiparticles),
    }
    return {'edges': orm.Dict(content)}


def _table(
    node: orm.ArrayData, kpoints: orm.KpointsData | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return k-points (n, 3), numbers of bands, and energies (spins, k-points, bands) before and after correction.

    :raises ValueError: if arrays are missing, or no band was corrected at every k-point.
    """
    names = node.get_arraynames()
    missing = [name for name in ('kpoints', 'bands', 'e0_ev', 'de_ev') if name not in names]
    if missing:
        raise ValueError(f'the quasi-particles have no {", ".join(missing)}')
    where = np.asarray(node.get_array('kpoints'))
    told = np.asarray(node.get_array('kpoints_rlu'), dtype=float) if 'kpoints_rlu' in names else None
    if kpoints is not None:
        told = np.asarray(kpoints.get_kpoints(), dtype=float)
    places, index = _distinct(where, told)
    bands = np.asarray(node.get_array('bands'), dtype=int)
    e0, de = (np.asarray(node.get_array(name), dtype=float) for name in ('e0_ev', 'de_ev'))
    spin = np.asarray(node.get_array('spin')) if 'spin' in names else np.ones(len(bands))
    spins = {value: number for number, value in enumerate(sorted(set(spin.tolist()), key=lambda one: (one < 0, one)))}
    numbers = np.unique(bands)
    shape = (len(spins), len(places), len(numbers))
    dft, corrected = np.full(shape, np.nan), np.full(shape, np.nan)
    row = (np.array([spins[value] for value in spin.tolist()]), index, np.searchsorted(numbers, bands))
    dft[row], corrected[row] = e0, e0 + de
    whole = ~np.isnan(dft).any(axis=(0, 1))
    if not whole.any():
        raise ValueError('no band was corrected at every k-point')
    return places, numbers[whole], dft[..., whole], corrected[..., whole]


def _distinct(where: NDArray[Any], points: NDArray[np.float64] | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct k-points, fractional, and for each state which of them is its.

    :raises ValueError: if there are numbers only, and nothing tells the points.
    """
    if where.ndim == 2:
        places, index = np.unique(where.round(8), axis=0, return_inverse=True)
        return places.astype(float), index.reshape(-1)
    if points is None:
        raise ValueError('the quasi-particles have numbers of k-points only: give `kpoints`')
    numbers, index = np.unique(where.astype(int), return_inverse=True)
    if numbers.min() < 1 or numbers.max() > len(points):
        raise ValueError(f'there is no k-point {numbers.max()} among {len(points)}')
    return points[numbers - 1], index.reshape(-1)
