"""What the header of a pseudopotential says, of UPF files of version 1 and 2; no extra package is needed for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('NORM_CONSERVING', 'kinds_of_pseudopotential', 'n_valence_electrons', 'not_norm_conserving')

NORM_CONSERVING = ('NC', 'SL')
"""``pseudo_type`` of norm-conserving potentials: separable or semilocal (UPF specification of Quantum ESPRESSO)."""

_VERSION_2 = {
    'kind': re.compile(r'pseudo_type\s*=\s*"\s*(\w+)\s*"'),
    'charge': re.compile(r'z_valence\s*=\s*"([^"]+)"'),
}
_VERSION_1 = {
    'kind': re.compile(r'^\s*(NC|US|PAW|SL)\b.*(?:potential|$)', re.MULTILINE),
    'charge': re.compile(r'^\s*([-+.\dEeDd]+)\s+Z valence', re.MULTILINE),
}


def _header(node: Any, key: str) -> str | None:
    """Return a value from the header of a pseudopotential, ``None`` if it is not there."""
    with node.open(mode='r') as handle:
        text = handle.read()
    start = text.find('<PP_HEADER')
    if start < 0:
        return None
    header = text[start : start + 5000]
    for table in (_VERSION_2, _VERSION_1):
        found = table[key].search(header)
        if found:
            return found.group(1)
    return None


def kinds_of_pseudopotential(pseudos: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the type of each potential: ``NC``, ``SL``, ``US``, ``PAW``; ``None`` if its header does not say."""
    return {kind: _header(node, 'kind') for kind, node in pseudos.items()}


def not_norm_conserving(pseudos: Mapping[str, Any]) -> dict[str, str]:
    """Return the kinds whose potential is not norm-conserving, or not known to be, with what it is."""
    found = kinds_of_pseudopotential(pseudos)
    return {kind: name or 'of unknown type' for kind, name in found.items() if name not in NORM_CONSERVING}


def n_valence_electrons(pseudos: Mapping[str, Any], geometry: Geometry) -> float | None:
    """Return the electrons of a cell that the potentials leave, ``None`` if one of them is missing or says nothing."""
    charges: dict[str, float] = {}
    for kind, node in pseudos.items():
        value = _header(node, 'charge')
        if value is not None:
            charges[kind] = float(value.replace('D', 'E').replace('d', 'e'))
    names = [site.kind or site.symbol for site in geometry.sites]
    if any(name not in charges for name in names):
        return None
    return sum(charges[name] for name in names)
