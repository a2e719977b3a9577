"""Numbers of many-body chains that follow from others: a scissor from CRYSTAL's gap, tables of convergence."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

__all__ = ('agreeing', 'extrapolated', 'gw_convergence', 'scissor_from_crystal')

N_AGREEING = 3
"""So many values in a row must agree: two alone often do by chance."""

MODEL = 'a + b / x'


@calcfunction
def scissor_from_crystal(crystal: orm.Dict, dft: orm.Dict) -> orm.Dict | ExitCode:
    """Return the scissor that lifts the gap of pw.x to that of CRYSTAL, with a label that says what it is.

    Direct gaps are compared where both are known, else fundamental ones.

    :param crystal: ``handoff`` of ``crystal_to_qe``.
    :param dft: ``handoff`` of ``qe_to_yambo``.
    """
    here, there = crystal.get_dict(), dft.get_dict()
    edges = here.get('edges') or {}, there.get('edges') or {}
    if here.get('is_metal'):
        return ExitCode(404, 'CRYSTAL found a conductor')
    key = 'gap_direct_ev' if all(one.get('gap_direct_ev') is not None for one in edges) else 'gap_ev'
    values = [whole.get(key, one.get(key)) for whole, one in zip((here, there), edges, strict=True)]
    for name, value in zip(('CRYSTAL', 'pw.x'), values, strict=True):
        if value is None:
            return ExitCode(404, f'{name} told no gap')
    scissor = float(values[0]) - float(values[1])
    if scissor <= 0:
        return ExitCode(404, f'its gap ({values[0]:.4f} eV) is not above that of pw.x ({values[1]:.4f} eV)')
    engine, functional = here.get('engine') or 'unknown engine', here.get('functional') or 'unknown functional'
    kind = 'direct' if key == 'gap_direct_ev' else 'fundamental'
    content: dict[str, Any] = {
        'scissor_ev': scissor,
        'is_estimate': True,
        'label': f'estimated: {kind} gap of {engine} ({functional}) minus that of pw.x; no quasi-particles',
        'gap': key,
        'crystal_gap_ev': float(values[0]),
        'dft_gap_ev': float(values[1]),
        'engine': engine,
        'functional': functional,
        'sources': [crystal.uuid, dft.uuid],
    }
    kinds = here.get('gap_kind'), there.get('gap_kind')
    if key == 'gap_ev' and all(kinds) and kinds[0] != kinds[1]:
        content['warning'] = f'the gap of CRYSTAL is {kinds[0]}, that of pw.x {kinds[1]}'
    return orm.Dict(content)


def agreeing(gaps_ev: Sequence[float], threshold_ev: float) -> int | None:
    """Return the index of the first of the last three gaps, if these agree within the threshold; else None."""
    if len(gaps_ev) < N_AGREEING:
        return None
    last = gaps_ev[-N_AGREEING:]
    return len(gaps_ev) - N_AGREEING if max(last) - min(last) <= threshold_ev else None


def extrapolated(values: Sequence[float], gaps_ev: Sequence[float]) -> dict[str, Any] | None:
    """Return where a + b / x, fitted to the last three gaps, goes to; labelled, with how far the fit is off.

    None with fewer than three, as nothing would tell whether the model holds.
    """
    if len(gaps_ev) < N_AGREEING:
        return None
    x, y = 1 / np.asarray(values[-N_AGREEING:], dtype=float), np.asarray(gaps_ev[-N_AGREEING:], dtype=float)
    slope, limit = np.polyfit(x, y, 1)
    return {
        'is_extrapolated': True,
        'gap_direct_ev': float(limit),
        'model': MODEL,
        'of_values': [float(value) for value in values[-N_AGREEING:]],
        'largest_residual_ev': float(np.abs(slope * x + limit - y).max()),
        'note': 'the limit of a fit: no program computed it',
    }


@calcfunction
def gw_convergence(plan: orm.Dict, **results: orm.Dict) -> orm.Dict | ExitCode:
    """Return the tables of a study of convergence.

    :param plan: ``threshold_ev``, ``extrapolate``, and ``series``: ``parameter``, ``values``, ``labels`` of each.
    :param results: ``output_parameters`` of the runs of GW, by label.
    """
    said = plan.get_dict()
    threshold = float(said['threshold_ev'])
    series, recommended = [], {}
    for one in said['series']:
        gaps = []
        for label in one['labels']:
            gap = results[label].get('gap_direct_ev', None)
            if gap is None:
                return ExitCode(432, f'{label} has no direct gap')
            gaps.append(float(gap))
        index = agreeing(gaps, threshold)
        table: dict[str, Any] = {
            'parameter': one['parameter'],
            'values': one['values'][: len(gaps)],
            'gap_direct_ev': gaps,
            'change_ev': [None, *(b - a for a, b in itertools.pairwise(gaps))],
            'sources': [results[label].uuid for label in one['labels']],
            'is_converged': index is not None,
        }
        if index is not None:
            table['recommended'] = recommended[one['parameter']] = one['values'][index]
        if said.get('extrapolate') and one['parameter'] != 'kpoints':
            limit = extrapolated(one['values'][: len(gaps)], gaps)
            if limit is not None:
                table['extrapolated'] = limit
        series.append(table)
    return orm.Dict(
        {
            'threshold_ev': threshold,
            'criterion': f'the last {N_AGREEING} gaps differ by no more than the threshold; the first of them is taken',
            'series': series,
            'recommended': recommended,
            'is_converged': all(table['is_converged'] for table in series),
        }
    )


def runs_left(one: Mapping[str, Any]) -> bool:
    """Tell whether a series has values that were not run."""
    return len(one['labels']) < len(one['values'])
