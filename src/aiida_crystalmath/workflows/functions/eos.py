"""Steps of an equation of state: structures at other volumes, and the fit through their energies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import EV_PER_ANGSTROM2_J_PER_M2, HARTREE_EV
from aiida_crystalmath.workflows.functions.energies import METHOD, common_results, comparable_energies
from aiida_crystalmath.workflows.functions.eos_fit import EosError, Fit, check_bracketed, fit_all

__all__ = ('MEASURES', 'MODULI', 'crystal_equation_of_state', 'equation_of_state', 'scaled_structure')

MEASURES = {3: 'volume_angstrom3', 2: 'area_angstrom2', 1: 'length_angstrom'}
"""What is varied in each dimensionality, of the primitive cell."""

MODULI = {
    3: ('bulk_modulus_gpa', 10.0 * EV_PER_ANGSTROM2_J_PER_M2),
    2: ('layer_modulus_newton_per_metre', EV_PER_ANGSTROM2_J_PER_M2),
    1: ('chain_modulus_nanonewton', 0.1 * EV_PER_ANGSTROM2_J_PER_M2),
}
"""V d²E/dV² (or A, L instead of V): its key and the factor from eV/Å³ (eV/Å², eV/Å)."""

NOISE = 0.01
"""Scatter around a fit, as part of the range of energies, above which it is doubted."""

USUAL_PRIME = (1.0, 10.0)
"""Pressure derivatives of the bulk modulus that solids have; most lie between 3 and 6."""

NAMES = {'BIRCH': 'birch_murnaghan', 'VINET': 'vinet', 'MURNAGHAN': 'murnaghan', 'POIRIER': 'poirier_tarantola'}
"""How the names begin that CRYSTAL prints, and ours."""


@calcfunction
def scaled_structure(structure: orm.StructureData, scale_factor: orm.Float) -> orm.StructureData:
    """Return a structure with its volume (area of a slab, length of a polymer) times ``scale_factor``.

    Cell vectors and positions are stretched alike in all directions that repeat, and not at all in the others:
    symmetry, fractional coordinates and the order of the atoms stay.
    """
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    return from_geometry(stretched(to_geometry(structure), scale_factor.value))


def stretched(geometry: Geometry, scale_factor: float) -> Geometry:
    """Return a geometry with its volume, area or length times ``scale_factor``.

    :raises ValueError: for a molecule, or a factor that is not positive.
    """
    if geometry.dimensionality == 0:
        raise ValueError('a molecule has no volume to change.')
    if not scale_factor > 0:
        raise ValueError(f'the scale factor must be positive, not {scale_factor}.')
    frame, periodic = geometry.frame, np.array(geometry.pbc)
    fractional = geometry.positions @ np.linalg.inv(frame)
    factors = np.where(periodic, scale_factor ** (1 / geometry.dimensionality), 1.0)[:, None]
    return geometry.with_positions(fractional @ (frame * factors), np.asarray(geometry.cell) * factors)


@calcfunction
def equation_of_state(
    structure: orm.StructureData, scale_factors: orm.Dict, **results: orm.Dict
) -> dict[str, orm.ArrayData | orm.Dict]:
    """Fit equations of state through the energies of several volumes.

    :param structure: the structure that the factors refer to.
    :param scale_factors: relative volume of every run asked for, by the labels of ``results``.
    :param results: ``output_parameters`` of the runs that finished well.
    :return: ``output_eos``: the points, and curves of the fits; ``output_parameters``: the fits, or ``problem``, which
        says why there are none.
    """
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    plain = {label: node.get_dict() for label, node in results.items()}
    labels = sorted(plain, key=lambda label: float(scale_factors[label]))
    plain = {label: plain[label] for label in labels}
    scales = np.array([float(scale_factors[label]) for label in labels])
    energies = comparable_energies(plain, per='structure')
    cells = float(plain[labels[0]].get('primitive_cells_in_structure') or 1)
    energies_hartree = np.array([energies[label] for label in labels]) / cells
    volumes = scales * geometry.measure / cells
    measure, n_atoms = MEASURES[geometry.dimensionality], len(geometry) / cells
    parameters: dict[str, Any] = {
        'source': 'volume_series',
        **common_results(plain, METHOD),
        'dimensionality': geometry.dimensionality,
        'n_atoms': round(n_atoms),
        'primitive_cells_in_structure': cells,
        'n_points': len(labels),
        'scale_factors': scales.tolist(),
        'scale_factors_missing': sorted(set(scale_factors.get_dict().values()) - set(scales.tolist())),
    }
    fits: dict[str, Fit] = {}
    try:
        check_bracketed(scales, energies_hartree)
        fits = fit_all(volumes, energies_hartree * HARTREE_EV, geometry.dimensionality)
    except EosError as exception:
        parameters['problem'] = str(exception)
    else:
        parameters |= _described(fits, geometry.dimensionality, n_atoms)
        parameters['scale_factor'] = parameters[measure] / (geometry.measure / cells)
        parameters['warnings'] = _doubts(next(iter(fits.values())), energies_hartree * HARTREE_EV)
    points = {f'{_plural(measure)}': volumes, 'energies_hartree': energies_hartree}
    return {'output_parameters': orm.Dict(parameters), 'output_eos': _points_node(points, fits, _plural(measure))}


def _described(fits: Mapping[str, Fit], dimensionality: int, n_atoms: float) -> dict[str, Any]:
    """Return the numbers of the first fit, and of all of them in a list."""
    measure, (modulus, factor) = MEASURES[dimensionality], MODULI[dimensionality]
    told = []
    for fit in fits.values():
        numbers = {
            measure: fit.volume,
            'energy_hartree': fit.energy_ev / HARTREE_EV,
            modulus: fit.modulus_ev * factor,
            'bulk_modulus_prime': fit.modulus_prime,
            'residual_rms_mev_per_atom': 1000 * fit.rms_ev / n_atoms,
            'residual_max_mev_per_atom': 1000 * float(np.abs(fit.residuals_ev).max()) / n_atoms,
        }
        told.append({'name': fit.name, **{key: value for key, value in numbers.items() if value is not None}})
    first = {key: value for key, value in told[0].items() if key != 'name'}
    return {'equation': told[0]['name'], **first, 'fits': told}


def _doubts(fit: Fit, energies_ev: Any) -> list[str]:
    """Return in words why a fit should not be trusted, if so."""
    doubts = []
    depth = float(np.ptp(energies_ev))
    if fit.rms_ev > NOISE * depth:
        doubts.append(
            f'the energies scatter around the fit by {100 * fit.rms_ev / depth:.1f} % of their range: tighten TOLINTEG,'
            ' the grid and SHRINK, or widen the range of volumes'
        )
    low, high = USUAL_PRIME
    if fit.modulus_prime is not None and not low <= fit.modulus_prime <= high:
        doubts.append(
            f'the derivative of the bulk modulus is {fit.modulus_prime:.2f}, while that of solids lies between {low:g} '
            f'and {high:g}: the energies are too noisy, or the range too narrow, for it'
        )
    return doubts


def _plural(measure: str) -> str:
    """Return the name of an array of volumes, areas or lengths."""
    return measure.replace('_', 's_', 1)


def _points_node(points: Mapping[str, Any], fits: Mapping[str, Fit], measures: str) -> orm.ArrayData:
    """Return points and curves under the names that runs of CRYSTAL's own EOS have."""
    node = orm.ArrayData()
    for name, values in points.items():
        node.set_array(name, np.asarray(values))
    for number, fit in enumerate(fits.values()):
        node.set_array(f'curve_{number}_{measures}', fit.curve_volumes)
        node.set_array(f'curve_{number}_energies_hartree', fit.curve_energies_ev / HARTREE_EV)
    node.base.attributes.set('curves', list(fits))
    return node


@calcfunction
def crystal_equation_of_state(structure: orm.StructureData, results: orm.Dict) -> orm.Dict:
    """Return what CRYSTAL's own EOS found, under the keys of :func:`equation_of_state`; or why there is nothing.

    :param results: ``output_parameters`` of the run.
    """
    from aiida_crystalmath.data.structure import to_geometry

    geometry, told = to_geometry(structure), results.get_dict()
    found = told.get('equation_of_state') or {}
    cells = float(told.get('primitive_cells_in_structure') or 1)
    parameters: dict[str, Any] = {
        'source': 'crystal_eos',
        **common_results({'run': told}),
        'dimensionality': geometry.dimensionality,
        'n_atoms': round(len(geometry) / cells),
        'primitive_cells_in_structure': cells,
        'n_points': found.get('n_points'),
    }
    fits = [_renamed(fit) for fit in found.get('fits') or []]
    chosen = next((fit for fit in fits if fit['name'] == 'birch_murnaghan'), None)
    if not found.get('complete') or chosen is None:
        return orm.Dict({**parameters, 'problem': 'CRYSTAL printed no fit of an equation of state to its end.'})
    first = {key: value for key, value in chosen.items() if key not in ('name', 'selection')}
    scale = first['volume_angstrom3'] / (geometry.measure / cells)
    return orm.Dict({**parameters, 'equation': chosen['name'], **first, 'scale_factor': scale, 'fits': fits})


def _renamed(fit: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fit of CRYSTAL's under our name of its equation."""
    printed = str(fit['name'])
    name = next((ours for start, ours in NAMES.items() if printed.startswith(start)), printed.lower())
    return {**fit, 'name': name}
