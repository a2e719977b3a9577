"""What a many-body chain is asked for, and what Yambo is told then. No AiiDA here.

A chain begins before anybody knows which bands are filled and how many k-points are irreducible. So its parameters are
those of :mod:`aiida_crystalmath.yambo.inputs.models`, but for

* ``valence_bands`` and ``conduction_bands``: how many bands below and above the gap, instead of ``qp_bands`` (of GW)
  or ``bands`` (of the BSE), which count from the lowest;
* ``qp_kpoints``: left out, it is every irreducible k-point.

``scissor``, ``KfnQPdb`` and their like are not taken: which energies a BSE is built on is said in one place only, the
input ``energies`` of the chain, so that the label of a spectrum cannot differ from what it was made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ('GW_KINDS', 'bands_asked', 'bands_needed', 'parameters_message', 'resolve')

GW_KINDS = ('g0w0_ppa', 'evgw_ppa', 'cohsex')
"""Calculations that correct states."""

AROUND_GAP = ('valence_bands', 'conduction_bands')
ENERGIES_OF = ('scissor',)
ENERGY_VARIABLES = ('KfnQPdb', 'KfnQP_E', 'XfnQPdb', 'XfnQP_E', 'GfnQPdb', 'GfnQP_E')
TRIAL_FILLED, TRIAL_KPOINTS = 50, 1
"""Parameters are checked before the number of filled bands is known, with one that is."""


def _bands_key(content: Mapping[str, Any]) -> str:
    return 'bands' if content.get('kind') == 'bse' else 'qp_bands'


def resolve(parameters: Mapping[str, Any], n_filled: int, n_kpoints: int = TRIAL_KPOINTS) -> dict[str, Any]:
    """Return the parameters of a job of yambo.

    :param parameters: of the chain.
    :param n_filled: filled bands. With fewer than ``valence_bands`` of them, all are taken.
    :param n_kpoints: irreducible k-points.
    """
    content = dict(parameters)
    around = [content.pop(name, None) for name in AROUND_GAP]
    if around != [None, None]:
        below, above = (int(value) for value in around)
        content[_bands_key(content)] = [max(1, n_filled - below + 1), n_filled + above]
    if content.get('kind') in GW_KINDS:
        content.setdefault('qp_kpoints', [1, n_kpoints])
    return content


def bands_asked(parameters: Mapping[str, Any], n_filled: int) -> tuple[int, int]:
    """Return the first and the last band that GW corrects, or that the pairs of a BSE are made of."""
    content = resolve(parameters, n_filled)
    first, last = content[_bands_key(content)]
    return int(first), int(last)


def bands_needed(parameters: Mapping[str, Any], n_filled: int) -> int:
    """Return how many bands pw.x has to compute."""
    from aiida_crystalmath.yambo.inputs import deck_from_parameters

    deck = deck_from_parameters(resolve(parameters, n_filled))
    return max(deck.max_band or 0, n_filled + 1)


def parameters_message(parameters: Mapping[str, Any], kinds: tuple[str, ...]) -> str | None:
    """Return what is wrong with parameters of a chain, ``None`` if nothing is.

    :param kinds: that the chain can do.
    """
    from aiida_crystalmath.yambo.inputs import YamboInputError, deck_from_parameters

    kind = parameters.get('kind')
    if kind not in kinds:
        return f'`kind` is one of {", ".join(kinds)}, not {kind!r}'
    given = [name for name in AROUND_GAP if name in parameters]
    key = _bands_key(parameters)
    if (len(given) == 2) == (key in parameters) or len(given) == 1:
        return f'either `{key}`, or both `valence_bands` and `conduction_bands`'
    for name in given:
        if type(parameters[name]) is not int or parameters[name] < 1:
            return f'`{name}` is a whole number from 1, not {parameters[name]!r}'
    stray = [name for name in ENERGIES_OF if name in parameters]
    stray += [name for name in ENERGY_VARIABLES if name in (parameters.get('variables') or {})]
    if stray:
        return f'`{stray[0]}`: which energies are corrected, and by what, is said by the input `energies` of the chain'
    try:
        deck_from_parameters(resolve(parameters, TRIAL_FILLED))
    except YamboInputError as exception:
        return str(exception)
    return None
