"""One table of the gaps that several codes found, each with its source and its k-points. Nothing in it is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

from aiida_crystalmath.workflows.multicode.converters.common import code_of, known, source_of
from aiida_crystalmath.workflows.multicode.converters.declaration import Converter, Stays, Travels, declared

__all__ = ('QUANTITIES', 'compare_gaps')

QUANTITIES: Mapping[str, str] = {
    'crystal_gap': 'fundamental gap of CRYSTAL, most often of a hybrid functional',
    'crystal_gap_direct': 'smallest direct gap of CRYSTAL',
    'dft_gap': 'fundamental Kohn-Sham gap of pw.x',
    'dft_gap_direct': 'smallest direct Kohn-Sham gap of pw.x',
    'qp_gap': 'fundamental quasi-particle gap',
    'qp_gap_direct': 'smallest direct quasi-particle gap',
    'optical_gap': 'lowest bright exciton',
    'dark_gap': 'lowest exciton, if it is dark',
    'exciton_binding_energy': 'direct gap that the Bethe-Salpeter equation was built on, minus the optical gap',
}
"""Rows that the table may have."""

BRIGHT = 0.01
"""Share of the largest strength from which an exciton is bright."""

SAME_EV = 1e-6

BUILT_ON = ('quasiparticles', 'scissor', 'dft')

Edges = Mapping[str, Any]


@declared(
    Converter(
        source='any',
        target='',
        summary='Gaps of CRYSTAL, DFT, GW and BSE side by side, with sources, k-points and where they disagree.',
        travels=(
            Travels(
                'rows: `quantity`, `value_ev`, `kind`, `kpoints`, `n_kpoints`, `code`, `method`, `sources`',
                'comparison.rows',
                unit='eV',
            ),
            Travels('quasi-particle minus DFT direct gap', 'comparison.scissor_ev', 'of the same states', 'eV'),
            Travels('what disagrees, in words', 'comparison.warnings'),
            Travels('quantities that are not there, and why', 'comparison.missing'),
        ),
        stays=(
            Stays('energies of edges', 'codes have no common zero: only gaps can be compared'),
            Stays('what is missing', 'a row without a number that a program computed is left out, and says so'),
        ),
        outputs={'comparison': orm.Dict},
    )
)
@calcfunction
def compare_gaps(  # noqa: PLR0917 (inputs of a process, given by name)
    crystal: orm.Dict | None = None,
    dft: orm.Dict | None = None,
    quasiparticle: orm.Dict | None = None,
    excitons: orm.ArrayData | None = None,
    structure: orm.StructureData | None = None,
    settings: orm.Dict | None = None,
) -> dict[str, orm.Data] | ExitCode:
    """Return the table of gaps.

    :param crystal: `handoff` of ``crystal_to_qe``, whose k-points are in the cell of ``structure``, or ``edges``.
    :param dft: `edges` of ``band_edges``, or `handoff` of a converter from pw.x.
    :param quasiparticle: `edges` of ``quasiparticle_edges``.
    :param excitons: ``energies_ev``, ``strengths`` and, if it was told, which are ``bright``.
    :param structure: of the plane-wave runs: k-points that its symmetry makes equal are equal.
    :param settings: ``built_on``: what the Bethe-Salpeter equation had for energies: ``quasiparticles`` (the default),
        ``scissor`` (with ``scissor_ev``) or ``dft``; ``kpoint_tolerance_per_angstrom`` (0.05).
    """
    said = {} if settings is None else settings.get_dict()
    if said.get('built_on', BUILT_ON[0]) not in BUILT_ON:
        return ExitCode(403, f'`built_on` is one of {", ".join(BUILT_ON)}, not {said["built_on"]!r}')
    found = {
        name: None if node is None else _edges(node)
        for name, node in (('crystal', crystal), ('dft', dft), ('qp', quasiparticle))
    }
    corrected = found['qp']
    if corrected is not None and found['dft'] is None and 'dft' in corrected:
        found['dft'] = {**corrected, **corrected['dft'], 'method': 'Kohn-Sham energies of the corrected states'}
    rows, missing = [], {}
    for name, edges in found.items():
        for key, suffix in (('gap_ev', ''), ('gap_direct_ev', '_direct')):
            quantity = f'{name}_gap{suffix}'
            if edges is not None and edges.get(key) is not None:
                rows.append(_gap_row(quantity, edges, key))
            else:
                missing[quantity] = _why_missing(name, edges, key)
    scissor = _scissor(found['qp'])
    lines, absent = _exciton_rows(excitons, found, said)
    rows, missing = rows + lines, missing | absent
    if not rows:
        return ExitCode(404, 'there is no gap to compare: none of the inputs has one')
    warnings = _warnings(found, structure, float(said.get('kpoint_tolerance_per_angstrom', 0.05)))
    warnings += [row['warning'] for row in rows if 'warning' in row]
    content = {'rows': rows, **known({'scissor_ev': scissor}), 'warnings': warnings, 'missing': missing}
    return {'comparison': orm.Dict(content)}


def _edges(node: orm.Dict) -> dict[str, Any]:
    """Return what is known of a gap, from edges or from a hand-off with edges inside."""
    content = node.get_dict()
    inner = content.get('edges') or {}
    # What a code printed of its own gap comes before what was found on the k-points of some bands.
    merged = {**inner, **{key: value for key, value in content.items() if key != 'edges'}}
    merged['method'] = merged.get('functional')
    merged['sources'] = [source_of(node), *_inner_sources(content)]
    return merged


def _inner_sources(content: Mapping[str, Any]) -> list[Any]:
    single = [content['source']] if 'source' in content else []
    return [*single, *(content.get('sources') or {}).values()]


def _gap_row(quantity: str, edges: Edges, key: str) -> dict[str, Any]:
    if key == 'gap_ev':
        points = {'vbm': edges.get('vbm_kpoints'), 'cbm': edges.get('cbm_kpoints')}
        kind = edges.get('gap_kind')
    else:
        points, kind = {'both': edges.get('direct_kpoints')}, 'direct'
    row = {
        'quantity': quantity,
        'what': QUANTITIES[quantity],
        'value_ev': float(edges[key]),
        'kind': kind,
        'kpoints': known(points) or None,
        'n_kpoints': edges.get('n_kpoints'),
        'code': edges.get('engine') or edges.get('code'),
        'method': edges.get('method'),
        'sources': edges['sources'],
    }
    return known(row)


def _why_missing(name: str, edges: Edges | None, key: str) -> str:
    if edges is None:
        return f'nothing of {name} was given'
    if edges.get('is_metal'):
        return 'a metal has no gap'
    return 'no bands were given' if key == 'gap_direct_ev' else 'the code did not print it'


def _scissor(quasiparticle: Edges | None) -> float | None:
    """Return by how much the direct gap of the same states grew."""
    before = ((quasiparticle or {}).get('dft') or {}).get('gap_direct_ev')
    after = (quasiparticle or {}).get('gap_direct_ev')
    return None if before is None or after is None else float(after - before)


def _exciton_rows(
    excitons: orm.ArrayData | None, found: Mapping[str, Edges | None], said: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows of the excitons, and what is missing of them."""
    if excitons is None:
        reason = 'no excitons were given'
        return [], {'optical_gap': reason, 'exciton_binding_energy': reason}
    energies = np.asarray(excitons.get_array('energies_ev'), dtype=float)
    strengths = np.asarray(excitons.get_array('strengths'), dtype=float)
    bright = strengths >= BRIGHT * strengths.max() if len(strengths) else np.zeros(0, dtype=bool)
    if 'bright' in excitons.get_arraynames():
        bright = np.asarray(excitons.get_array('bright'), dtype=bool)
    if not bright.any() or not strengths.max() > 0:
        reason = 'no exciton has a strength'
        return [], {'optical_gap': reason, 'exciton_binding_energy': reason}
    common = known({'code': code_of(excitons), 'sources': [source_of(excitons)]})
    optical, lowest = float(energies[bright].min()), float(energies.min())
    rows = [{'quantity': 'optical_gap', 'what': QUANTITIES['optical_gap'], 'value_ev': optical, **common}]
    if lowest < optical - SAME_EV:
        rows.append({'quantity': 'dark_gap', 'what': QUANTITIES['dark_gap'], 'value_ev': lowest, **common})
    base, method, sources = _built_on(found, said)
    if base is None:
        return rows, {'exciton_binding_energy': method}
    row = {
        'quantity': 'exciton_binding_energy',
        'what': QUANTITIES['exciton_binding_energy'],
        'value_ev': base - optical,
        'method': method,
        **common,
        'sources': [*common['sources'], *sources],
    }
    if base < optical:
        row['warning'] = (
            f'the optical gap ({optical:.3f} eV) is above the direct gap ({base:.3f} eV): no bound exciton, or the two '
            'are not of the same k-points'
        )
    return [*rows, row], {}


def _built_on(found: Mapping[str, Edges | None], said: Mapping[str, Any]) -> tuple[float | None, str, list[Any]]:
    """Return the direct gap that the excitons were made of, what it is, and its sources; without a gap, why."""
    kind = said.get('built_on', BUILT_ON[0])
    is_gw = kind == 'quasiparticles'
    edges = found['qp'] if is_gw else found['dft']
    gap = None if edges is None else edges.get('gap_direct_ev')
    if edges is None or gap is None:
        return None, f'the direct gap of the {"quasi-particles" if is_gw else "DFT bands"} is not known', []
    if kind == 'scissor':
        if said.get('scissor_ev') is None:
            return None, 'the scissor is not known', []
        scissor = float(said['scissor_ev'])
        return float(gap) + scissor, f'DFT gap and a scissor of {scissor} eV', edges['sources']
    return float(gap), 'quasi-particle gap' if is_gw else 'DFT gap', edges['sources']


# -- where they disagree -----------------------------------------------------------------------------------------------

NAMES = {'crystal': 'CRYSTAL', 'dft': 'DFT', 'qp': 'the quasi-particles'}


def _warnings(found: Mapping[str, Edges | None], structure: orm.StructureData | None, tolerance: float) -> list[str]:
    """Return what disagrees between the codes, in words."""
    lines = []
    there = {name: edges for name, edges in found.items() if edges is not None}
    for name, edges in there.items():
        if edges.get('is_metal'):
            lines.append(f'{NAMES[name]} found a metal')
        if edges.get('engine') == 'STAND-IN':
            lines.append(f'what stands for {NAMES[name]} is of the STAND-IN engine, not of CRYSTAL')
    for first, second in (('crystal', 'dft'), ('dft', 'qp'), ('crystal', 'qp')):
        if first not in there or second not in there or (second == 'qp' and first == 'crystal' and 'dft' in there):
            continue
        lines += _disagreements({first: there[first], second: there[second]}, structure, tolerance)
    return lines


def _disagreements(pair: Mapping[str, Edges], structure: orm.StructureData | None, tolerance: float) -> list[str]:
    """Return where two codes disagree, in words."""
    lines = []
    (first, one), (second, other) = pair.items()
    kinds = one.get('gap_kind'), other.get('gap_kind')
    if all(kinds) and kinds[0] != kinds[1]:
        lines.append(f'the gap is {kinds[0]} for {NAMES[first]} and {kinds[1]} for {NAMES[second]}')
    for key, text in (('vbm_kpoints', 'valence bands end'), ('cbm_kpoints', 'conduction bands begin')):
        here, there = one.get(key) or [], other.get(key) or []
        if not here or not there:
            continue
        apart = _apart(here, there, structure)
        if apart > tolerance:
            far = f', {apart:.3f} 1/Å apart' if structure is not None else ''
            lines.append(
                f'the {text} at {_text(here)} for {NAMES[first]} ({one.get("n_kpoints")} k-points) and at '
                f'{_text(there)} for {NAMES[second]} ({other.get("n_kpoints")} k-points){far}'
            )
    return lines


def _apart(one: Sequence[Any], other: Sequence[Any], structure: orm.StructureData | None) -> float:
    """Return the smallest distance between two sets of k-points, 1/Å, or in fractions where no cell is given.

    Points that differ by a reciprocal lattice vector, by inversion (time reversal) or, where there is a structure, by
    its symmetry are one.
    """
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.crystal.kmesh import reciprocal_rotations

    rotations: NDArray[Any] = np.eye(3)[None]
    cell: NDArray[np.float64] = np.eye(3)
    if structure is not None:
        geometry = to_geometry(structure)
        rotations, cell = reciprocal_rotations(geometry, 1e-4), np.asarray(geometry.reciprocal_cell)
    rotations = np.concatenate([rotations, -rotations])
    images = np.einsum('rij,kj->rki', rotations, np.asarray(one, dtype=float).reshape(-1, 3)).reshape(-1, 3)
    apart = images[:, None, :] - np.asarray(other, dtype=float).reshape(1, -1, 3)
    return float(np.linalg.norm((apart - np.rint(apart)) @ cell, axis=-1).min())


def _text(points: Sequence[Sequence[float]]) -> str:
    first = '(' + ', '.join(f'{round(value, 6) + 0.0:.4g}' for value in points[0]) + ')'
    return first if len(points) == 1 else f'{first} and {len(points) - 1} more'
