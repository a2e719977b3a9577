"""Interaction energies of fragments, with and without the error of basis-set superposition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal.units import EV_KJ_PER_MOL, HARTREE_EV
from aiida_crystalmath.workflows.functions.energies import (
    METHOD_OF_ANY_SPIN,
    common_results,
    comparable_energies,
    of_any_spin,
)

__all__ = ('counterpoise', 'fragment', 'interaction_energies')


@calcfunction
def fragment(structure: orm.StructureData, atoms: orm.List, molecule: orm.Bool) -> orm.StructureData:
    """Return some of the atoms where they are, with their kinds.

    :param atoms: indices from 0.
    :param molecule: leave out the periodicity.
    """
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    geometry = to_geometry(structure)
    chosen = geometry.with_sites(geometry.sites[index] for index in atoms.get_list())
    node = from_geometry(chosen)
    if molecule.value:
        node.pbc = (False, False, False)
    return node


@calcfunction
def counterpoise(fragments: orm.Dict, **results: orm.Dict) -> orm.Dict:
    """Return the energies of :func:`interaction_energies` as a node.

    :param fragments: the fragments by name.
    :param results: ``output_parameters`` of the runs: ``whole``, and for each fragment ``<name>_in_whole_basis``,
        ``<name>_alone`` and, if it was relaxed, ``<name>_relaxed`` (of lone atoms there is none).
    """
    return orm.Dict(
        interaction_energies(list(fragments.get_dict()), {name: node.get_dict() for name, node in results.items()})
    )


def interaction_energies(names: list[str], results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Compare the energy of the whole with those of its fragments.

    S. F. Boys and F. Bernardi, Mol. Phys. 19, 553 (1970). With E(f; g | b) the energy of fragment f at geometry g in
    basis b: the interaction energy is E(whole) - sum E(f; whole | whole), without the correction E(whole) - sum
    E(f; whole | own); their difference, sum [E(own) - E(whole basis)], is the superposition error and positive. The
    deformation energy E(f; whole | own) - E(f; relaxed | own) is what it costs to bring the fragment to the geometry
    it has in the whole; the binding energy is the corrected interaction energy plus the deformation energies. All are
    negative when the fragments attract each other, and per cell of the structure.

    :param names: of the fragments.
    :param results: contents of ``output_parameters``, named as in :func:`counterpoise`.
    :raises ValueError: if a run did not converge, or was made with another engine or functional.
    """
    # A fragment with open shells is polarised where the whole may not be.
    results = of_any_spin(results)
    energies = comparable_energies(results, per='structure', same=METHOD_OF_ANY_SPIN)
    ghosts = sum(energies[f'{name}_in_whole_basis'] for name in names)
    own = sum(energies[f'{name}_alone'] for name in names)
    interaction = energies['whole'] - ghosts
    parts: dict[str, Any] = {}
    for name in names:
        alone = energies[f'{name}_alone']
        parts[name] = {
            'energy_in_whole_basis_hartree': energies[f'{name}_in_whole_basis'],
            'energy_alone_hartree': alone,
            'superposition_error_ev': (alone - energies[f'{name}_in_whole_basis']) * HARTREE_EV,
        }
        if f'{name}_relaxed' in energies:
            relaxed = energies[f'{name}_relaxed']
            parts[name] |= {
                'energy_relaxed_hartree': relaxed,
                'deformation_energy_ev': (alone - relaxed) * HARTREE_EV,
            }
    found: dict[str, Any] = {
        'energy_whole_hartree': energies['whole'],
        'fragments': parts,
        **_told('interaction_energy', interaction),
        **_told('interaction_energy_uncorrected', energies['whole'] - own),
        **_told('superposition_error', own - ghosts),
    }
    if any(f'{name}_relaxed' in energies for name in names):
        # A lone atom has nothing to relax: it is not run again.
        relaxed = sum(energies.get(f'{name}_relaxed', energies[f'{name}_alone']) for name in names)
        found |= _told('deformation_energy', own - relaxed)
        found |= _told('binding_energy', interaction + own - relaxed)
    return {**found, **common_results(results, METHOD_OF_ANY_SPIN)}


def _told(name: str, hartree: float) -> dict[str, float]:
    """Return an energy in hartree, eV and kJ/mol."""
    electronvolt = hartree * HARTREE_EV
    return {
        f'{name}_hartree': hartree,
        f'{name}_ev': electronvolt,
        f'{name}_kj_per_mol': electronvolt * EV_KJ_PER_MOL,
    }
