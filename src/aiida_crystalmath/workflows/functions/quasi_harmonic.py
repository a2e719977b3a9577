"""What the quasi-harmonic approximation tells of a crystal as it is heated."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from numpy.typing import NDArray

from aiida_crystalmath.workflows.functions.energies import common_results

__all__ = ('quasi_harmonic_properties',)

ROOM_K = 298.15

IMAGINARY_CM1 = -5.0
"""Frequencies below this are no noise of the translations."""

COLUMNS = {
    'volumes_angstrom3': ('volume_angstrom3', 'Å^3'),
    'bulk_modulus_gpa': ('bulk_modulus_gpa', 'GPa'),
    'adiabatic_bulk_modulus_gpa': ('adiabatic_bulk_modulus_gpa', 'GPa'),
    'expansion_per_k': ('expansion_per_k', '1/K'),
}
"""Columns of the table from the Helmholtz free energy that are handed on, their keys and units."""


@calcfunction
def quasi_harmonic_properties(
    structure: orm.StructureData, results: orm.Dict, quasi_harmonic: orm.ArrayData
) -> dict[str, orm.Dict | orm.XyData]:
    """Return what was found at zero pressure, per primitive cell.

    CRYSTAL prints volumes of the supercell of SCELPHONO; they are divided by the number of primitive cells in it.

    :param structure: that was given, any cell.
    :param results: ``output_parameters`` of the run.
    :param quasi_harmonic: its ``output_quasi_harmonic``.
    :return: ``output_parameters``: numbers at the temperature nearest to 298.15 K and at rest;
        ``output_thermal_properties``: volume, bulk moduli and thermal expansion against temperature.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    told = results.get_dict()
    n_primitive = len(reduce_geometry(to_geometry(structure)).crystal_geometry)
    cells = max(1, round(told['n_atoms'] / n_primitive))
    last = len(quasi_harmonic.base.attributes.get('helmholtz_orders')) - 1
    table = {name: _array(quasi_harmonic, f'helmholtz_{last}_{name}') for name in ('temperatures_k', *COLUMNS)}
    temperatures = table.pop('temperatures_k')
    assert temperatures is not None
    columns = {name: values for name, values in table.items() if values is not None}
    columns['volumes_angstrom3'] = columns['volumes_angstrom3'] / cells
    nearest = int(np.argmin(np.abs(temperatures - ROOM_K)))
    parameters: dict[str, Any] = {
        **common_results({'run': told}),
        'n_atoms': n_primitive,
        'primitive_cells_in_supercell': cells,
        'n_volumes': len(quasi_harmonic.get_array('volumes_angstrom3')),
        'zero_point_included': quasi_harmonic.base.attributes.get('zero_point_included', None),
        'n_imaginary': _imaginary(quasi_harmonic),
        'temperature_k': float(temperatures[nearest]),
        **{COLUMNS[name][0]: float(values[nearest]) for name, values in columns.items()},
        **_static(told, cells),
    }
    grueneisen = _array(quasi_harmonic, 'grueneisen_0_grueneisen')
    if grueneisen is not None and len(grueneisen) == len(temperatures):
        parameters['grueneisen'] = float(grueneisen[nearest])
    node = orm.XyData()
    node.set_x(temperatures, 'temperature', 'K')
    names = list(columns)
    node.set_y([columns[name] for name in names], [COLUMNS[name][0] for name in names], [COLUMNS[n][1] for n in names])
    return {'output_parameters': orm.Dict(parameters), 'output_thermal_properties': node}


def _static(told: dict[str, Any], cells: int) -> dict[str, float]:
    """Return volume and bulk modulus without vibrations, of the fit of Birch and Murnaghan."""
    fits = (told.get('equation_of_state') or {}).get('fits') or []
    fit = next((one for one in fits if one['name'].startswith('BIRCH')), None)
    if fit is None:
        return {}
    static = {
        'static_volume_angstrom3': fit['volume_angstrom3'] / cells,
        'static_energy_hartree': fit['energy_hartree'] / cells,
        'static_bulk_modulus_gpa': fit['bulk_modulus_gpa'],
        'static_bulk_modulus_prime': fit.get('bulk_modulus_prime'),
    }
    return {key: value for key, value in static.items() if value is not None}


def _imaginary(quasi_harmonic: orm.ArrayData) -> int:
    """Return how many modes are imaginary at one volume or more: then free energies mean little."""
    frequencies = _array(quasi_harmonic, 'frequencies_cm1')
    return 0 if frequencies is None else int(np.any(frequencies < IMAGINARY_CM1, axis=1).sum())


def _array(node: orm.ArrayData, name: str) -> NDArray[np.float64] | None:
    return np.asarray(node.get_array(name), dtype=float) if name in node.get_arraynames() else None
