"""The FREQCALC block of a frequency calculation, from the arguments of a builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.workflows.protocols.merge import did_you_mean

if TYPE_CHECKING:
    from aiida import orm

__all__ = ('freqcalc_block',)


def freqcalc_block(
    structure: orm.StructureData,
    *,
    metal: bool,
    infrared: bool | None,
    raman: bool,
    temperatures: tuple[int, float, float] | None,
    pressures: tuple[int, float, float] | None,
    isotopes: Mapping[str, float] | None,
) -> dict[str, Any]:
    """Return ``geometry.freqcalc`` of the parameters.

    Keywords: CRYSTAL User's Manual, *Vibrational calculations*; INTENS, INTRAMAN and INTCPHF ... END as in real decks
    of CRYSTAL22; of ISOTOPES no real deck was seen.

    :raises ValueError: for a metal with intensities, a kind that the structure has not, a mass that is not positive,
        or a range of temperatures or pressures that is none.
    """
    if metal and (infrared or raman):
        raise ValueError(
            'a metal has no infrared or Raman intensities: a static field moves its charges freely. Set '
            'infrared=False and raman=False.'
        )
    block: dict[str, Any] = {}
    extra = _isotopes(structure, isotopes or {})
    if raman:
        # CRYSTAL computes infrared intensities on the way to those of Raman.
        block.update({'intens': True, 'intraman': True})
        extra += ['INTCPHF', 'END']
    elif infrared if infrared is not None else not metal:
        block['intens'] = True
    for name, values in (('temperat', temperatures), ('pressure', pressures)):
        if values is not None:
            block[name] = _range(name, values)
    if extra:
        block['extra'] = extra
    return block


def _range(name: str, values: tuple[int, float, float]) -> list[float]:
    number, first, last = values
    if number < 1 or first < 0 or last < first:
        what = 'temperatures' if name == 'temperat' else 'pressures'
        raise ValueError(f'{what}: give their number, the lowest and the highest, for example (10, 100, 1000).')
    return [int(number), float(first), float(last)]


def _isotopes(structure: orm.StructureData, isotopes: Mapping[str, float]) -> list[str]:
    """Return the lines of ISOTOPES: how many, and each atom of CRYSTAL's primitive cell with its mass (amu)."""
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    if not isotopes:
        return []
    known = structure.get_kind_names()
    for kind, mass in isotopes.items():
        if kind not in known:
            raise ValueError(f'isotopes: the structure has no kind "{kind}": {did_you_mean(kind, list(known))}')
        if not mass > 0:
            raise ValueError(f'isotopes: the mass of {kind} must be positive, in amu, not {mass}.')
    kinds = reduce_geometry(to_geometry(structure)).crystal_geometry.kinds
    lines = [f'{number} {isotopes[kind]}' for number, kind in enumerate(kinds, 1) if kind in isotopes]
    return ['ISOTOPES', str(len(lines)), *lines]
