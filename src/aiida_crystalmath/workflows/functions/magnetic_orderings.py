"""Magnetic orderings of a structure as structures, and the comparison of what came out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.functions.energies import (
    METHOD_OF_ANY_SPIN,
    common_results,
    comparable_energies,
    of_any_spin,
)
from aiida_crystalmath.workflows.functions.kinds import separated

__all__ = ('compare_orderings', 'comparison', 'find_orderings', 'magnetic_orderings')

NON_MAGNETIC = 'nonmagnetic'


def find_orderings(
    structure: orm.StructureData,
    moments: Mapping[str, float],
    *,
    ferrimagnetic: bool = False,
    limit: int = 20,
    symprec: float = 1e-5,
) -> tuple[dict[str, orm.StructureData], dict[str, dict[str, Any]]]:
    """Return the orderings of a structure by label (``fm``, ``afm1``, ...): structures, and what is said of them.

    The structures (unstored) have kinds of their own for the two directions where both occur, ``Ni1`` up and ``Ni2``
    down; cell and atom order are those of ``structure``. Of each is said its ``name`` (FM, AFM, FiM), the
    ``multiplicity``, the ``signs`` and ``sizes`` atom by atom and the ``moments`` kind by kind.

    :param moments: size of the moment of one atom of each kind, in unpaired electrons.
    :raises ValueError: as :func:`aiida_crystalmath.crystal.symmetry.orderings.enumerate_orderings` does.
    """
    from aiida_crystalmath.crystal.symmetry.orderings import enumerate_orderings
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    sizes = [abs(moments.get(kind, 0.0)) for kind in geometry.kinds]
    orderings = enumerate_orderings(geometry, sizes, ferrimagnetic=ferrimagnetic, limit=limit, symprec=symprec)
    structures: dict[str, orm.StructureData] = {}
    table: dict[str, dict[str, Any]] = {}
    numbers: dict[str, int] = {}
    for ordering in orderings:
        numbers[ordering.name] = numbers.get(ordering.name, 0) + 1
        # There is one way to set all spins alike.
        label = 'fm' if ordering.name == 'FM' else f'{ordering.name.lower()}{numbers[ordering.name]}'
        split = separated(structure, [-sign for sign in ordering.signs])
        structures[label] = split
        table[label] = {
            'name': ordering.name,
            'multiplicity': ordering.multiplicity,
            'signs': list(ordering.signs),
            'sizes': sizes,
            'moments': {
                site.kind_name: sign * size
                for site, sign, size in zip(split.sites, ordering.signs, sizes, strict=True)
                if sign
            },
        }
    return structures, table


@calcfunction
def magnetic_orderings(structure: orm.StructureData, moments: orm.Dict, options: orm.Dict) -> dict[str, Any]:
    """Return the structures of :func:`find_orderings` by label, and what is said of them as ``orderings``.

    :param options: ``ferrimagnetic``, ``limit`` and ``symprec``.
    """
    structures, table = find_orderings(structure, moments.get_dict(), **options.get_dict())
    return {**structures, 'orderings': orm.Dict(table)}


@calcfunction
def compare_orderings(
    structure: orm.StructureData, orderings: orm.Dict, kept_fraction: orm.Float, **results: orm.Dict
) -> orm.Dict:
    """Return the table of :func:`comparison` as a node.

    :param orderings: what is said of the orderings.
    :param results: ``output_parameters`` by label of the ordering; ``nonmagnetic`` for the reference.
    """
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    atoms = [site.symbol for site in geometry.sites]
    units = _formula_units(atoms) if geometry.dimensionality else 1
    outputs = {label: node.get_dict() for label, node in results.items()}
    return orm.Dict(comparison(orderings.get_dict(), outputs, kept_fraction.value, len(atoms), units))


def _formula_units(symbols: list[str]) -> int:
    from math import gcd

    return gcd(*(symbols.count(symbol) for symbol in set(symbols)))


def comparison(
    orderings: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Mapping[str, Any]],
    kept_fraction: float,
    n_atoms: int,
    formula_units: int,
) -> dict[str, Any]:
    """Compare orderings by energy, those whose moments came out as they were set.

    An SCF may leave the ordering it started from: moments turn over or vanish. Such a run is listed with what became of
    it, and takes no part in the comparison: its energy is that of another state. Of the orderings that were kept the
    table says the energy above the lowest one; nothing else is made of the energies (no exchange constants, which need
    a model of the interactions that nobody checked).

    :param orderings: by label, as :func:`find_orderings` tells them.
    :param results: contents of ``output_parameters``, by label; ``nonmagnetic`` for a closed-shell reference.
    :param kept_fraction: a moment is kept if it has its sign and at least this fraction of its size at the start.
    :param n_atoms: of the cell of the structure, which has ``formula_units`` of them.
    :raises ValueError: if energies cannot be compared, or a run tells no moments.
    """
    results = of_any_spin(results)
    energies = comparable_energies(results, per='structure', same=METHOD_OF_ANY_SPIN)
    rows: dict[str, dict[str, Any]] = {}
    for label, energy in energies.items():
        rows[label] = {'energy_hartree_per_structure': energy}
        if label in orderings:
            rows[label] |= _fate(label, orderings[label], results[label], kept_fraction)
    kept = [label for label, row in rows.items() if row.get('is_kept', True)]
    magnetic = [label for label in kept if label in orderings]
    lowest = min(magnetic, key=lambda label: energies[label]) if magnetic else None
    for label in kept if lowest else ():
        above = (energies[label] - energies[lowest or label]) * HARTREE_EV
        rows[label]['energy_above_lowest_ev_per_formula_unit'] = above / formula_units
        rows[label]['energy_above_lowest_mev_per_atom'] = 1000 * above / n_atoms
    sizes = {results[label].get('primitive_cells_in_structure') for label in kept}
    notes = [_words(label, row) for label, row in rows.items() if not row.get('is_kept', True)]
    if len(sizes) > 1:
        notes.append(
            'CRYSTAL computed the orderings in primitive cells of different size: their k-meshes have not the same '
            'points, and only if `kpoints_distance` gave them, not `scf.shrink`, about the same density; converge the '
            'mesh before small differences are believed.'
        )
    return {
        'orderings': rows,
        'lowest': lowest,
        'formula_units_in_structure': formula_units,
        'notes': notes,
        **common_results(results, METHOD_OF_ANY_SPIN),
    }


def _fate(label: str, ordering: Mapping[str, Any], results: Mapping[str, Any], kept_fraction: float) -> dict[str, Any]:
    """Return how an ordering was set, what came out, and whether it is still the same."""
    final = (results.get('mulliken') or {}).get('spins')
    signs = ordering['signs']
    told_here = results.get('atom_order', 'structure') == 'structure'
    if final is None or len(final) != len(signs) or not told_here:
        raise ValueError(f'{label} tells no moment of each atom of the structure: is `scf.ppan` on?')
    sizes = ordering['sizes']
    kept = [sign * value >= kept_fraction * size for sign, size, value in zip(signs, sizes, final, strict=True) if sign]
    return {
        'name': ordering['name'],
        'multiplicity': ordering['multiplicity'],
        'initial_moments': [sign * size for sign, size in zip(signs, sizes, strict=True)],
        'final_moments': [float(value) for value in final],
        'total_spin_per_primitive_cell': results.get('total_spin'),
        'is_conducting': results.get('is_conducting'),
        'gap_ev': results.get('gap_ev'),
        'is_kept': all(kept),
    }


def _words(label: str, row: Mapping[str, Any]) -> str:
    """Return what became of an ordering that was lost."""
    pairs = [(a, b) for a, b in zip(row['initial_moments'], row['final_moments'], strict=True) if a]
    turned = sum(1 for a, b in pairs if a * b < 0 and abs(b) > 0.1 * abs(a))
    what = f'{turned} of {len(pairs)} moments turned over' if turned else 'moments vanished or shrank'
    return (
        f'{label}: the ordering was lost in the SCF ({what}): its energy is that of another state and is not compared. '
        'Hold the spin longer (`spinlock_cycles`), damp more (`scf.fmixing`), or check the moments.'
    )
