"""Energies of surfaces, and the work function, from runs of slabs and of their crystal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from numpy.typing import NDArray

from aiida_crystalmath.crystal.units import EV_PER_ANGSTROM2_J_PER_M2, HARTREE_EV
from aiida_crystalmath.workflows.functions.energies import METHOD, common_results, comparable_energies

__all__ = ('BULK', 'POTENTIAL', 'RELAXED', 'surface_energies', 'surface_results', 'work_function')

BULK, POTENTIAL, CUT, RELAXED = 'bulk', 'potential', 'cut_', '_relaxed'

VACUUM_HARTREE = 5e-4
"""The potential of a slab without dipole vanishes far from it; anything larger is not the vacuum's zero."""

FIT_POINTS = 3


@calcfunction
def surface_results(**nodes: orm.Data) -> orm.Dict:
    """Return :func:`surface_energies`, and :func:`work_function` of the thickest slab if its potential is given.

    :param nodes: ``bulk`` (``output_parameters``), of each slab ``<label>`` and ``cut_<label>``, if it was relaxed
        ``<label>_relaxed``; and ``potential`` (an array of POTC).
    """
    content = {name: node.get_dict() for name, node in nodes.items() if isinstance(node, orm.Dict)}
    cuts = {name.removeprefix(CUT): known for name, known in content.items() if name.startswith(CUT)}
    results = {name: known for name, known in content.items() if not name.startswith(CUT)}
    found = surface_energies(cuts, results)
    potential = nodes.get(POTENTIAL)
    if potential is not None:
        thickest = max(cuts, key=lambda label: cuts[label]['layers'])
        run = results.get(f'{thickest}{RELAXED}', results[thickest])
        found |= work_function(np.asarray(potential.get_array('potential')), run)
    return orm.Dict(found)


def surface_energies(cuts: Mapping[str, Mapping[str, Any]], results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the energy of a surface from slabs of one or several thicknesses.

    The energy of a slab with two equivalent surfaces, less that of as much crystal, over twice its area. Of a slab with
    another formula than the crystal none is told, since it depends on chemical potentials; that of a slab with two
    different surfaces is their mean, and so called. With three thicknesses or more, also from the line through the
    energies of the slabs over the amount of crystal in them, whose slope is the energy of the crystal as the slabs have
    it (V. Fiorentini and M. Methfessel, J. Phys.: Condens. Matter 8, 6525 (1996)): it has no error of different
    k-meshes, which otherwise grows with the thickness.

    :param cuts: what is known of each slab, by label.
    :param results: contents of ``output_parameters``: ``bulk``, each label, and ``<label>_relaxed``.
    :raises ValueError: if the energies cannot be compared.
    """
    energies = comparable_energies(results, per='structure')
    slabs: list[dict[str, Any]] = []
    notes: list[str] = []
    for label, cut in sorted(cuts.items(), key=lambda item: item[1]['layers']):
        row: dict[str, Any] = {**cut, 'energy_hartree': energies[label]}
        for name, end in ((label, ''), (f'{label}{RELAXED}', RELAXED)):
            if name in energies and cut['is_stoichiometric']:
                excess = energies[name] - cut['bulk_cells'] * energies[BULK]
                row |= _per_area('surface_energy' + end, excess, 2 * cut['area_angstrom2'])
        row |= {key: results[label].get(key) for key in ('gap_ev', 'fermi_energy_ev', 'is_conducting')}
        slabs.append(row)
        if not cut['is_stoichiometric']:
            notes.append(f'{label}: not the formula of the crystal: its surface energy depends on chemical potentials.')
        elif not cut['is_symmetric']:
            notes.append(f'{label}: its surfaces differ and it may be polar: the energy is the mean of the two.')
    found: dict[str, Any] = {'slabs': slabs, 'energy_bulk_hartree': energies[BULK], 'notes': notes}
    proper = [row for row in slabs if 'surface_energy_j_per_m2' in row]
    if proper:
        found |= {key: value for key, value in proper[-1].items() if key.startswith('surface_energy')}
    if len({row['layers'] for row in proper}) >= FIT_POINTS:
        found |= _fit(proper, energies[BULK])
    return {**found, **common_results(results, METHOD)}


def _per_area(name: str, hartree: float, area_angstrom2: float) -> dict[str, float]:
    """Return an energy over an area in both usual units."""
    value = hartree * HARTREE_EV / area_angstrom2
    return {f'{name}_ev_per_angstrom2': value, f'{name}_j_per_m2': value * EV_PER_ANGSTROM2_J_PER_M2}


def _fit(slabs: list[dict[str, Any]], bulk: float) -> dict[str, Any]:
    """Return surface energy and energy of the crystal from the line through slabs of several thicknesses."""
    amounts = np.array([row['bulk_cells'] for row in slabs])
    slope, intercept = np.polyfit(amounts, [row['energy_hartree'] for row in slabs], 1)
    return {
        **_per_area('surface_energy_fit', float(intercept), 2 * slabs[-1]['area_angstrom2']),
        'energy_bulk_fit_hartree': float(slope),
        'energy_bulk_fit_difference_hartree': float(slope) - bulk,
    }


def work_function(potential: NDArray[np.float64], results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the work function of a metal, or the ionisation energy of an insulator, in eV.

    The electrostatic potential of a slab without dipole is zero far from it, on both sides, and CRYSTAL's energies of a
    slab have that zero: the work function is minus the Fermi energy. POTC is what shows that the zero is where it
    should be. No real POTC.DAT was seen, and the manual's convention for the sign not proven by one: where the ends of
    the profile are not zero (a dipole, or a profile that ends too near), nothing is told but the reason.

    :param potential: along the normal, hartree, from below the slab to above it.
    :param results: ``output_parameters`` of the slab.
    """
    ends = [float(potential[0]), float(potential[-1])]
    found: dict[str, Any] = {'potential_at_ends_hartree': ends}
    fermi = results.get('fermi_energy_ev')
    if max(abs(value) for value in ends) > VACUUM_HARTREE:
        found['work_function_note'] = (
            f'no work function: the potential at the ends of the profile is {ends[0]:+.5f} and {ends[1]:+.5f} hartree, '
            'not zero: the slab has a dipole, or the profile ends too near it.'
        )
    elif fermi is None:
        found['work_function_note'] = 'no work function: the run tells no Fermi energy.'
    elif results.get('is_conducting'):
        found['work_function_ev'] = -float(fermi)
    else:
        top = results.get('vbm_ev')
        found['ionisation_energy_ev'] = -float(fermi if top is None else top)
    return found
