"""Nodes of what a crystal does under strain and fields: forces, elastic and piezoelectric constants, polarisability."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Elastic, EquationOfState, Polarisability
from aiida_crystalmath.crystal.tensors import rotate_piezoelectric, rotate_voigt, rotates_periodic_axes
from aiida_crystalmath.parsers.arrays import array_node

__all__ = (
    'elastic_node',
    'equation_of_state_node',
    'forces_node',
    'photoelastic_node',
    'piezoelectric_node',
    'polarisability_node',
)


def forces_node(output: CrystalOutput, cells: CellMap) -> orm.ArrayData | None:
    """Return the forces (and stress) of a single point, of the atoms of the user's cell.

    None where they are not complete, or belong to some point of an optimisation (the trajectory has those) or a
    strained cell.
    """
    found = output.gradients
    several = output.optimisation is not None or output.is_elastic_run or output.is_equation_of_state_run
    if found is None or found.forces is None or not found.complete or several or not output.scf_converged:
        return None
    stress = None if found.stress is None else cells.tensors(found.stress)
    arrays = {'forces_hartree_per_bohr': cells.atom_tensors(found.forces), 'stress_hartree_per_bohr3': stress}
    return array_node(arrays, {'frame': cells.atom_order, 'pressure_gpa': found.pressure_gpa})


def elastic_node(found: Elastic | None, cells: CellMap, area_angstrom2: float | None = None) -> orm.ArrayData | None:
    """Return elastic constants and compliances; None while they are not complete.

    They are turned to the user's axes, unless an element is not known or a slab's or polymer's axes are not kept.

    :param area_angstrom2: of the primitive cell of a slab.
    """
    if found is None or not found.complete or found.constants is None or found.unit is None:
        return None
    constants, compliance = found.constants, found.compliance_per_tpa
    known = [matrix for matrix in (constants, compliance) if matrix is not None]
    turned = cells.is_users and rotates_periodic_axes(cells.rotation, found.dimensionality or 3)
    turned = turned and all(bool(np.isfinite(matrix).all()) for matrix in known)
    per_metre = None if area_angstrom2 is None else found.newton_per_metre(area_angstrom2)
    arrays: dict[str, Any] = {
        f'constants_{found.unit.lower()}': constants,
        'constants_newton_per_metre': per_metre,
    }
    if turned:
        arrays = {k: None if m is None else rotate_voigt(m, cells.rotation) for k, m in arrays.items()}
        compliance = None if compliance is None else rotate_voigt(compliance, cells.rotation, 'compliance')
    arrays['compliance_per_tpa'] = compliance
    attributes = {
        'frame': 'structure' if turned else 'crystal',
        'dimensionality': found.dimensionality,
        'needs_optimisation': found.needs_optimisation,
        'pressure_gpa': found.pressure_gpa,
    }
    return array_node(arrays, attributes)


def piezoelectric_node(output: CrystalOutput, cells: CellMap) -> orm.ArrayData | None:
    """Return the piezoelectric tensors in the user's axes; None while they are not complete."""
    found = output.piezoelectric
    if found is None or not found.complete or found.direct_c_per_m2 is None:
        return None
    direct, converse = found.direct_c_per_m2, found.converse_pm_per_v
    turned = cells.is_users and all(m is None or bool(np.isfinite(m).all()) for m in (direct, converse))
    if turned:
        direct = rotate_piezoelectric(direct, cells.rotation)
        converse = None if converse is None else rotate_piezoelectric(converse, cells.rotation, 'compliance')
    arrays = {'direct_c_per_m2': direct, 'converse_pm_per_v': converse}
    return array_node(arrays, {'frame': 'structure' if turned else 'crystal'})


def photoelastic_node(output: CrystalOutput, cells: CellMap) -> orm.ArrayData | None:
    """Return the photoelastic tensor in the user's axes; None while it is not complete."""
    found = output.photoelastic
    if found is None or not found.complete or found.constants is None:
        return None
    turned = cells.is_users and bool(np.isfinite(found.constants).all())
    constants = rotate_voigt(found.constants, cells.rotation) if turned else found.constants
    return array_node({'constants': constants}, {'frame': 'structure' if turned else 'crystal'})


def equation_of_state_node(found: EquationOfState | None) -> orm.ArrayData | None:
    """Return volumes and energies of the primitive cell, and functions along the fits; None while not complete."""
    if found is None or not found.complete or not found.points:
        return None
    arrays: dict[str, Any] = {
        'volumes_angstrom3': np.array([point.volume_angstrom3 for point in found.points]),
        'energies_hartree': np.array([point.energy_hartree for point in found.points]),
    }
    for number, curve in enumerate(found.curves):
        arrays[f'curve_{number}_volumes_angstrom3'] = curve.volumes_angstrom3
        arrays[f'curve_{number}_pressures_gpa'] = curve.pressures_gpa
        arrays[f'curve_{number}_energies_hartree'] = curve.energies_hartree
        arrays[f'curve_{number}_gibbs_hartree'] = curve.gibbs_hartree
        arrays[f'curve_{number}_bulk_moduli_gpa'] = curve.bulk_moduli_gpa
    return array_node(arrays, {'curves': [curve.name for curve in found.curves] or None})


def polarisability_node(found: Polarisability | None, cells: CellMap) -> orm.ArrayData | None:
    """Return polarisability and dielectric tensor at every frequency, in the user's axes; None while not complete."""
    if found is None or not found.complete:
        return None
    responses = [response for response in found.responses if response.alpha_bohr3 is not None]
    if not responses:
        return None
    arrays: dict[str, Any] = {'frequencies_ev': np.array([response.frequency_ev for response in responses])}
    for name in ('alpha_bohr3', 'alpha_imaginary_bohr3', 'epsilon', 'epsilon_imaginary'):
        tensors = [getattr(response, name) for response in responses]
        real = 'imaginary' not in name
        # Of static fields the imaginary parts are printed as zeros.
        if all(tensor is not None for tensor in tensors) and (real or np.any(tensors)):
            arrays[name] = cells.tensors(np.array(tensors))
    return array_node(arrays, {'frame': cells.atom_order, 'method': found.method})
