"""From the modes at Gamma to what users ask of them; each step leaves its trace in the provenance."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal.units import EV_KJ_PER_MOL, HARTREE_EV
from aiida_crystalmath.crystal.vibrations import (
    ModeKinds,
    classify_modes,
    lorentzian_spectrum,
    thermal_functions,
    zero_point_energy_ev,
)

__all__ = (
    'infrared_spectrum',
    'mode_kinds',
    'raman_spectrum',
    'summarise_vibrations',
    'thermal_node',
    'thermal_properties',
)

FORCE_LIMIT = 1e-3
"""Largest force (hartree/bohr) at which a structure still counts as a stationary point: about CRYSTAL's own default for
the end of an optimisation, 1.5 * 0.0003, doubled. A harmonic frequency far from it means nothing."""

RIGID_LIMIT_CM1 = 20.0
"""Frequency of a translation or rotation above which the noise is worth a word."""


def mode_kinds(modes: orm.ArrayData) -> ModeKinds:
    """Tell which modes of a node ``output_modes`` are vibrations.

    :raises ValueError: if the node does not say what atoms it is of.
    """
    names = set(modes.get_arraynames())
    missing = {'masses_amu', 'positions_angstrom', 'frequencies_cm1'} - names
    if missing:
        raise ValueError(f'the modes <{modes.pk}> lack {", ".join(sorted(missing))}.')
    vectors = modes.get_array('eigenvectors') if 'eigenvectors' in names else None
    pbc = modes.base.attributes.get('pbc', [True, True, True])
    masses, positions = modes.get_array('masses_amu'), modes.get_array('positions_angstrom')
    return classify_modes(modes.get_array('frequencies_cm1'), masses, positions, pbc, vectors)


@calcfunction
def summarise_vibrations(modes: orm.ArrayData, parameters: orm.Dict, forces: orm.ArrayData | None = None) -> orm.Dict:
    """Say what the modes at Gamma are, and whether the structure is a minimum.

    :param modes: ``output_modes``, :param parameters: ``output_parameters`` of the same run.
    :param forces: ``output_forces`` of the undisplaced structure.
    """
    kinds = mode_kinds(modes)
    frequencies = modes.get_array('frequencies_cm1')
    vibrations = frequencies[list(kinds.vibrations)]
    zero_point = zero_point_energy_ev(frequencies[list(kinds.real)])
    largest = None if forces is None else float(np.abs(forces.get_array('forces_hartree_per_bohr')).max())
    results: dict[str, Any] = {
        'engine': parameters.get('engine'),
        'n_atoms': len(modes.get_array('masses_amu')),
        'n_modes': len(frequencies),
        'n_rigid_modes': len(kinds.external),
        'rigid_modes': [index + 1 for index in kinds.external],
        'rigid_frequencies_cm1': frequencies[list(kinds.external)].tolist(),
        'rigid_modes_found_by': kinds.by,
        'n_imaginary': len(kinds.imaginary),
        'imaginary_modes': [index + 1 for index in kinds.imaginary],
        'imaginary_frequencies_cm1': frequencies[list(kinds.imaginary)].tolist(),
        'is_minimum': not kinds.imaginary,
        'lowest_frequency_cm1': float(vibrations.min()) if len(vibrations) else None,
        'highest_frequency_cm1': float(vibrations.max()) if len(vibrations) else None,
        'zero_point_energy_hartree': zero_point / HARTREE_EV,
        'zero_point_energy_ev': zero_point,
        'zero_point_energy_kj_per_mol': zero_point * EV_KJ_PER_MOL,
        'energy_hartree': parameters.get('energy_hartree'),
        'max_force_hartree_per_bohr': largest,
    }
    if results['energy_hartree'] is not None:
        results['energy_with_zero_point_hartree'] = results['energy_hartree'] + results['zero_point_energy_hartree']
    results['warnings'] = _warnings(results)
    return orm.Dict({key: value for key, value in results.items() if value is not None})


def _warnings(results: dict[str, Any]) -> list[str]:
    """Return sentences about what makes the frequencies doubtful."""
    found = []
    if results['n_imaginary']:
        values = ', '.join(f'{abs(value):.1f}i' for value in results['imaginary_frequencies_cm1'][:6])
        found.append(
            f'{results["n_imaginary"]} imaginary frequencies ({values} cm^-1): the structure is no minimum. Displace '
            'it along the mode and optimise again, without symmetry if the mode breaks it.'
        )
    force = results['max_force_hartree_per_bohr']
    if force is not None and force > FORCE_LIMIT:
        found.append(
            f'a force of {force:.5f} hartree/bohr is left: the structure is no stationary point and its harmonic '
            'frequencies mean little. Optimise it with the same method first.'
        )
    noise = max((abs(value) for value in results['rigid_frequencies_cm1']), default=0.0)
    if noise > RIGID_LIMIT_CM1:
        found.append(
            f'translations or rotations have up to {noise:.1f} cm^-1: tighten TOLDEE and TOLINTEG, or the grid.'
        )
    return found


@calcfunction
def thermal_properties(modes: orm.ArrayData, temperatures: orm.List) -> orm.XyData:
    """Return the harmonic thermodynamic functions of the vibrations at Gamma against temperature.

    Per mole of the cell (molecule) that the modes are of; rigid motions and imaginary modes are left out.

    :param temperatures: lowest and highest (K) and their number.
    """
    kinds = mode_kinds(modes)
    frequencies = modes.get_array('frequencies_cm1')[list(kinds.real)]
    grid = _grid(temperatures)
    return thermal_node(grid, thermal_functions(frequencies, grid))


def _grid(temperatures: orm.List) -> np.ndarray:
    first, last, number = temperatures.get_list()
    return np.linspace(float(first), float(last), int(number))


def thermal_node(temperatures: np.ndarray, functions: dict[str, np.ndarray]) -> orm.XyData:
    """Return thermodynamic functions as a node: names without their unit, which stands beside."""
    node = orm.XyData()
    node.set_x(temperatures, 'temperature', 'K')
    units = {'_kj_per_mol': 'kJ/mol', '_j_per_mol_k': 'J/(mol K)'}
    names, columns, told = [], [], []
    for key, values in functions.items():
        ending = next(ending for ending in units if key.endswith(ending))
        names.append(key.removesuffix(ending))
        columns.append(values)
        told.append(units[ending])
    node.set_y(columns, names, told)
    return node


@calcfunction
def infrared_spectrum(modes: orm.ArrayData, fwhm: orm.Float) -> orm.XyData:
    """Return the infrared spectrum of a powder: Lorentzians with the areas of the integrated intensities.

    :param fwhm: full width at half maximum, cm^-1.
    """
    return _spectrum(modes, 'ir_intensities_km_per_mol', fwhm.value, 'infrared', 'km/(mol cm^-1)')


@calcfunction
def raman_spectrum(modes: orm.ArrayData, fwhm: orm.Float) -> orm.XyData:
    """Return the Raman spectrum of a powder (total): Lorentzians with the areas of CRYSTAL's relative intensities.

    :param fwhm: full width at half maximum, cm^-1.
    """
    return _spectrum(modes, 'raman_intensities', fwhm.value, 'raman', 'arbitrary')


def _spectrum(modes: orm.ArrayData, name: str, fwhm: float, label: str, unit: str) -> orm.XyData:
    """Return a broadened spectrum; intensities are printed for degenerate sets and shared out here."""
    kinds = mode_kinds(modes)
    chosen = list(kinds.real)
    frequencies = modes.get_array('frequencies_cm1')[chosen]
    shares = np.nan_to_num(modes.get_array(name))[chosen] / modes.get_array('degeneracies')[chosen]
    highest = 1.1 * float(frequencies.max()) + 10.0 * fwhm if len(frequencies) else 100.0
    grid = np.arange(0.0, highest, min(1.0, fwhm / 5.0))
    node = orm.XyData()
    node.set_x(grid, 'frequency', 'cm^-1')
    node.set_y([lorentzian_spectrum(frequencies, shares, grid, fwhm)], [label], [unit])
    return node
