"""Nodes of what ``properties`` writes beside bands and densities of states: maps, transport, potential, X-rays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from aiida import orm

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.outputs.models import (
    DensityMap,
    Dos,
    PlaneMap,
    Profile,
    TransportDistribution,
    TransportTensor,
    XraySpectrum,
)
from aiida_crystalmath.crystal.tensors import rotate
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.parsers.arrays import array_node
from aiida_crystalmath.parsers.properties_results import SPINS

__all__ = ('maps_node', 'populations_node', 'potential_node', 'transport_node', 'xrd_node')

TRANSPORT = {
    'SIGMA': 'conductivity_per_ohm_m',
    'SIGMAS': 'conductivity_times_seebeck_a_per_m_k',
    'SEEBECK': 'seebeck_v_per_k',
    'KAPPA': 'thermal_conductivity_w_per_m_k',
}
"""Array of each quantity; its unit is that of the file."""


def maps_node(maps: Sequence[PlaneMap], echo: Sequence[DensityMap] = ()) -> orm.ArrayData | None:
    """Return fields on planes, in CRYSTAL's axes and with its cell and atoms; None if there are none.

    Point (i, j) of ``map_0`` is ``map_0_origin_angstrom + i * map_0_step_x_angstrom + j * map_0_step_y_angstrom``.

    :param echo: what stdout tells of them, in the same order.
    """
    if not maps:
        return None
    arrays: dict[str, Any] = {}
    for number, found in enumerate(maps):
        arrays[f'map_{number}'] = found.values
        arrays[f'map_{number}_origin_angstrom'] = found.origin
        arrays[f'map_{number}_step_x_angstrom'] = found.step_x
        arrays[f'map_{number}_step_y_angstrom'] = found.step_y
    first = maps[0]
    arrays['cell_angstrom'] = first.lattice
    if first.atoms is not None:
        arrays['positions_angstrom'] = first.atoms.positions
        arrays['numbers'] = first.atoms.numbers
    attributes = {
        'frame': 'crystal',
        'quantities': [found.quantity for found in maps],
        'units': [found.unit for found in maps],
        'is_atomic': [told.atomic for told in echo] if len(echo) == len(maps) else None,
    }
    return array_node(arrays, attributes)


def transport_node(
    tensors: Sequence[TransportTensor], distribution: TransportDistribution | None, cells: CellMap
) -> orm.ArrayData | None:
    """Return the transport coefficients as tensors in the user's axes; None if there are none.

    Shapes: (spins, temperatures, chemical potentials, d, d) for d periodic directions; of the transport distribution
    function (spins, energies, d, d). A tensor on another mesh than the first one's is left out.
    """
    whole = [tensor for tensor in tensors if tensor.complete]
    arrays: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    if whole:
        first = whole[0]
        arrays |= {
            'temperatures_k': first.temperatures_k,
            'chemical_potentials_ev': first.chemical_potentials_ev,
            'carriers_per_cell': first.carriers,
        }
        attributes['volume_cm3'] = first.volume_cm3
        for tensor in whole:
            if _same_mesh(tensor, first):
                arrays[TRANSPORT[tensor.quantity]] = _tensors(tensor.values, tensor.components, cells)
    if distribution is not None and distribution.complete:
        arrays['tdf'] = _tensors(distribution.values, distribution.components, cells)
        arrays['tdf_energies_ev'] = distribution.energies_ev
        attributes['tdf_unit'] = distribution.unit
    return array_node(arrays, {'frame': cells.atom_order, **attributes}) if arrays else None


def _same_mesh(tensor: TransportTensor, first: TransportTensor) -> bool:
    return all(
        a.shape == b.shape and bool(np.allclose(a, b, equal_nan=True))
        for a, b in (
            (tensor.temperatures_k, first.temperatures_k),
            (tensor.chemical_potentials_ev, first.chemical_potentials_ev),
        )
    )


def _tensors(values: np.ndarray, components: Sequence[str], cells: CellMap) -> np.ndarray:
    """Return square tensors of the components, the lower triangle filled in where only the upper one is given."""
    d = len({letter for name in components for letter in name})
    full = np.zeros((*values.shape[:-1], 3, 3))
    for column, name in enumerate(components):
        i, j = ('xyz'.index(letter) for letter in name)
        full[..., i, j] = values[..., column]
        if name[::-1] not in components:
            full[..., j, i] = values[..., column]
    turned = rotate(full, cells.rotation)
    return turned if d == 3 or not _keeps(cells.rotation, d) else turned[..., :d, :d]


def _keeps(rotation: np.ndarray, d: int) -> bool:
    """Say whether the first ``d`` axes stay among themselves, so that the others need not be given."""
    return bool(np.abs(rotation[:d, d:]).max(initial=0) < 1e-6)


def potential_node(profile: Profile | None) -> orm.ArrayData | None:
    """Return the potential (and what stands beside it) along a line; None if there is none."""
    if profile is None:
        return None
    arrays: dict[str, Any] = {'distances_angstrom': profile.distances}
    for label, values in zip(profile.labels, profile.values, strict=False):
        arrays[label.replace(' ', '_')] = values
    return array_node(arrays, {'unit': profile.unit or None})


def populations_node(curves: Dos, unit: str, names: Sequence[str]) -> orm.XyData:
    """Return overlap or Hamilton populations over energies in eV, two curves for each name if there are two spins.

    The file is in atomic units. An overlap population is in electrons/hartree/cell there, so that it changes with the
    unit of energy; a Hamilton population is an energy per energy, which does not.

    :param unit: of the values: ``electrons/eV/cell`` or ``eV/eV/cell``.
    :param names: one a curve.
    """
    scale = 1.0 / HARTREE_EV if unit.startswith('electrons') else 1.0
    labels: list[str] = []
    values: list[np.ndarray] = []
    for index, name in enumerate(names):
        for spin in range(curves.n_spin):
            labels.append(f'{name}_{SPINS[spin]}' if curves.n_spin == 2 else name)
            values.append(curves.densities[spin, index] * scale)
    node = orm.XyData()
    node.set_x(curves.energies_hartree * HARTREE_EV, 'energy', 'eV')
    node.set_y(values, labels, [unit] * len(labels))
    if curves.fermi_energy_hartree is not None:
        node.base.attributes.set('fermi_energy_ev', curves.fermi_energy_hartree * HARTREE_EV)
    return node


def xrd_node(found: XraySpectrum | None) -> orm.ArrayData | None:
    """Return the powder spectrum; None while it is not complete."""
    if found is None or not found.complete or (found.peaks is None and found.spectrum is None):
        return None
    return array_node(
        {'peaks': found.peaks, 'spectrum': found.spectrum},
        {'wavelength_angstrom': found.wavelength_angstrom, 'debye_waller_angstrom2': found.debye_waller_angstrom2},
    )
