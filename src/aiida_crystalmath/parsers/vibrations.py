"""Nodes of vibrations: modes, charges and dielectric tensors at Gamma, phonon bands and densities of states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from aiida import orm

from aiida_crystalmath.calculations.band_path import coordinate_label
from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.elements import split_conventional, symbol
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models import (
    CrystalOutput,
    Frequencies,
    PhononDos,
    PhononQPoint,
    QuasiHarmonic,
    ThermalTable,
)
from aiida_crystalmath.parsers.arrays import array_node, floats, geometry_arrays, set_pbc

__all__ = (
    'born_charges_node',
    'dielectric_node',
    'modes_node',
    'phonon_bands_node',
    'phonon_dos_node',
    'quasi_harmonic_node',
    'thermodynamics_node',
    'vibrating_geometry',
)

NORMALISATION = 'classical amplitudes of the zero-point vibration, bohr'
"""What CRYSTAL prints above the eigenvectors: NORMALIZED TO CLASSICAL AMPLITUDES."""

FUNCTIONS = (
    'zero_point_hartree',
    'thermal_hartree',
    'pv_hartree',
    'ts_hartree',
    'gibbs_vibrational_hartree',
    'gibbs_hartree',
    'entropy_mhartree_per_k',
    'heat_capacity_mhartree_per_k',
)
"""Thermodynamic functions that are handed on."""


@dataclass(frozen=True)
class Frame:
    """Whose cell, axes and order of atoms the modes are told in.

    :param cells: way back to the user's cell.
    :param geometry: the cell of CRYSTAL that the modes belong to, None if it is not certain.
    :param is_users: the user's; else CRYSTAL's primitive cell, as printed.
    """

    cells: CellMap
    geometry: Geometry | None
    is_users: bool

    @classmethod
    def of(cls, cells: CellMap, geometry: Geometry | None, n_atoms: int) -> Frame:
        """Choose the user's cell if it is one primitive cell, so that it has just these modes."""
        fits = geometry is not None and n_atoms in (0, len(geometry))
        return cls(cells, geometry if fits else None, cells.is_primitive and fits)

    @property
    def name(self) -> str:
        """``structure`` or ``crystal``."""
        return 'structure' if self.is_users else 'crystal'

    @property
    def told(self) -> Geometry | None:
        """Geometry in the order and axes of the arrays."""
        return self.cells.restore(self.geometry) if self.is_users and self.geometry is not None else self.geometry

    def per_atom(self, values: np.ndarray, rank: int = 1, axis: int = 0) -> np.ndarray:
        """Tell tensors of the atoms."""
        return self.cells.atom_tensors(values, rank, axis) if self.is_users else values


def modes_node(frequencies: Frequencies, frame: Frame) -> orm.ArrayData | None:
    """Return the modes at Gamma; None while their table is not complete."""
    modes = frequencies.modes
    if not frequencies.complete or not modes or any(mode.frequency_cm1 is None for mode in modes):
        return None
    columns: dict[str, list[float | None]] = {
        'eigenvalues_hartree2': [mode.eigenvalue_hartree2 for mode in modes],
        'ir_intensities_km_per_mol': [mode.ir_intensity_km_per_mol for mode in modes],
        'raman_intensities': [mode.raman_total for mode in modes],
        'raman_intensities_parallel': [mode.raman_parallel for mode in modes],
        'raman_intensities_perpendicular': [mode.raman_perpendicular for mode in modes],
    }
    if frequencies.raman_complete is False:
        columns = {name: values for name, values in columns.items() if not name.startswith('raman')}
    arrays: dict[str, Any] = {
        'frequencies_cm1': floats(mode.frequency_cm1 for mode in modes),
        'degeneracies': np.array([mode.degeneracy for mode in modes]),
        **{name: floats(values) for name, values in columns.items() if any(value is not None for value in values)},
        **_activities(frequencies),
        **geometry_arrays(frame.told),
    }
    # In a dispersion the atoms of the cell that was expanded stand before those of the rest of the supercell.
    masses = list(frequencies.masses_amu[: n_atoms_of(frequencies)])
    if len(masses) == n_atoms_of(frequencies):
        arrays['masses_amu'] = np.array(frame.cells.atoms(masses) if frame.is_users else masses)
    vectors = frequencies.eigenvectors
    if vectors is not None:
        arrays['eigenvectors'] = frame.per_atom(vectors, axis=1)
    attributes = {
        'frame': frame.name,
        'irreps': [mode.irrep or '' for mode in modes],
        'eigenvectors_normalisation': NORMALISATION if vectors is not None else None,
        'is_dispersion': frequencies.is_dispersion,
        **set_pbc(frame.told),
    }
    return array_node(arrays, attributes)


def n_atoms_of(frequencies: Frequencies) -> int:
    """Return the number of atoms that the modes at Gamma are of."""
    return len(frequencies.modes) // 3


def _activities(frequencies: Frequencies) -> dict[str, Any]:
    """Return flags of activity, where they are known of every mode."""
    flags = {
        'ir_active': [mode.ir_active for mode in frequencies.modes],
        'raman_active': [mode.raman_active for mode in frequencies.modes],
    }
    return {name: np.array(values, dtype=bool) for name, values in flags.items() if None not in values}


def born_charges_node(frequencies: Frequencies, cells: CellMap) -> orm.ArrayData | None:
    """Return the Born charges (e) of the atoms of the user's cell; None if they were not printed."""
    charges = frequencies.born_charges_e
    if charges is None:
        return None
    fits = cells.fits(len(charges))
    told = cells.atom_tensors(charges, 2) if fits else charges
    return array_node({'born_charges_e': told}, {'frame': 'structure' if fits else 'crystal'})


def dielectric_node(frequencies: Frequencies, cells: CellMap) -> orm.ArrayData | None:
    """Return the dielectric tensors in the user's axes; None while they are not complete."""
    found = frequencies.dielectric
    if found is None or not found.complete:
        return None
    tensors = {'electronic': found.electronic, 'vibrational': found.vibrational, 'static': found.static}
    known = {name: cells.tensors(tensor) for name, tensor in tensors.items() if tensor is not None}
    if not known:
        return None
    strengths = sorted(found.oscillator_strengths.items())
    if strengths:
        known['oscillator_strengths'] = cells.tensors(np.array([tensor for _, tensor in strengths]))
    attributes = {
        'frame': cells.atom_order,
        'oscillator_modes': [mode for mode, _ in strengths] or None,
        'electronic_source': found.electronic_source,
    }
    return array_node(known, attributes)


# -------------------------------------------------------------------------------------------------------- phonons


def phonon_bands_node(
    frequencies: Frequencies, frame: Frame, structure: orm.StructureData | None
) -> orm.BandsData | None:
    """Return the frequencies (cm^-1) at the q points of a dispersion; None while a point is missing.

    :param frame: of the cell that was expanded.
    :param structure: whose reciprocal cell the points are told in where a way leads there; else they are told in that
        of the cell that was expanded.
    """
    points = frequencies.qpoints
    if not frequencies.is_dispersion or not points or not frequencies.complete:
        return None
    coordinates = [point.coordinates for point in points]
    shapes = {point.frequencies_cm1.shape for point in points}
    if None in coordinates or len(shapes) != 1 or not all(point.complete for point in points):
        return None
    q = np.array(coordinates, dtype=float)
    node = orm.BandsData()
    is_users = structure is not None and frame.cells.is_users and frame.geometry is not None
    if is_users:
        node.set_cell_from_structure(structure)
        q = frame.cells.from_crystal_k(q)
    elif frame.geometry is not None:
        node.set_cell(frame.geometry.cell.tolist(), frame.geometry.pbc)
    on_path = any(point.segment is not None for point in points)
    weights = np.array([point.weight for point in points])
    node.set_kpoints(q, weights=None if on_path or weights.sum() <= 0 else weights)
    if on_path:
        node.labels = _path_labels(points, q)
    node.set_bands(np.array([point.frequencies_cm1 for point in points]), units='cm^-1')
    node.base.attributes.set('frame', 'structure' if is_users else 'crystal')
    return node


def vibrating_geometry(output: CrystalOutput) -> Geometry | None:
    """Return the cell and atoms that the modes belong to, as CRYSTAL has them; None if they are not certain.

    Of a dispersion that is the cell that was expanded to a supercell: its atoms stand on top of the supercell's
    (``ATOMS IN THE SMALL CELL ON TOP``), and the supercell is the printed matrix times its vectors.
    """
    found = output.frequencies
    printed = output.final_geometry or (None if output.optimisation else output.initial_geometry)
    if found is None or printed is None or not found.is_dispersion or found.supercell is None:
        return printed
    matrix = np.array(found.supercell, dtype=float)
    periodic = np.array(printed.pbc)
    matrix[~periodic] = np.eye(3)[~periodic]
    matrix[:, ~periodic] = np.eye(3)[:, ~periodic]
    multiple = abs(float(np.linalg.det(matrix)))
    n_atoms = round(len(printed) / multiple) if multiple > 0.5 else 0
    if not n_atoms or n_atoms * multiple - len(printed) > 1e-6 or len(found.modes) not in (0, 3 * n_atoms):
        return None
    return replace(printed, cell=np.linalg.inv(matrix) @ printed.cell, sites=printed.sites[:n_atoms])


def _path_labels(points: list[PhononQPoint], q: np.ndarray) -> list[tuple[int, str]]:
    """Return (index, label) for both ends of every segment."""
    ends: dict[int, str] = {}
    for index, point in enumerate(points):
        first = index == 0 or points[index - 1].segment != point.segment
        last = index + 1 == len(points) or points[index + 1].segment != point.segment
        if first or last:
            ends[index] = coordinate_label(q[index])
    return sorted(ends.items())


def phonon_dos_node(dos: PhononDos | None, numbers: list[int]) -> orm.XyData | None:
    """Return the phonon density of states: states per cm^-1 and cell over cm^-1; None while it is not complete.

    :param numbers: atomic numbers in CRYSTAL's order, for the names of the projections.
    """
    if dos is None or not dos.complete:
        return None
    curves: list[tuple[str, np.ndarray]] = [] if dos.total is None else [('total', dos.total)]
    for species, values in sorted(dos.species.items()):
        curves.append((symbol(split_conventional(species)[0]), values))
    for atom, values in sorted(dos.atoms.items()):
        name = symbol(numbers[atom - 1]) if 0 < atom <= len(numbers) else 'atom'
        curves.append((f'{name} {atom}', values))
    if not curves:
        return None
    node = orm.XyData()
    node.set_x(dos.frequencies_cm1, 'frequency', 'cm^-1')
    names = [name for name, _ in curves]
    node.set_y([values for _, values in curves], names, ['states*cm/cell'] * len(names))
    return node


# ------------------------------------------------------------------------------------------------- thermodynamics


def thermodynamics_node(frequencies: Frequencies) -> orm.ArrayData | None:
    """Return the thermodynamic functions, one entry for each temperature and pressure; None without complete ones."""
    states = [state for state in frequencies.thermodynamics if state.complete]
    if not states or not frequencies.complete:
        return None
    arrays: dict[str, Any] = {
        'temperatures_k': np.array([state.temperature_k for state in states]),
        'pressures_mpa': floats(state.pressure_mpa for state in states),
    }
    for name in ('electronic_hartree', *FUNCTIONS):
        values = floats(getattr(state, name) for state in states)
        if not np.isnan(values).all():
            arrays[name] = values
    return array_node(arrays)


def quasi_harmonic_node(found: QuasiHarmonic | None) -> orm.ArrayData | None:
    """Return the tables of the quasi-harmonic approximation; None while they are not complete."""
    if found is None or not found.complete:
        return None
    arrays: dict[str, Any] = {
        'volumes_angstrom3': found.volumes_angstrom3,
        'energies_hartree': found.energies_hartree,
        'frequencies_cm1': found.frequencies_cm1,
    }
    attributes: dict[str, Any] = {
        'pressures_gpa': [table.pressure_gpa for table in found.at_pressure] or None,
        'irreps': list(found.irreps) or None,
        'zero_point_included': found.zero_point_included,
    }
    groups = {'grueneisen': found.grueneisen_fits, 'helmholtz': found.helmholtz_fits, 'pressure': found.at_pressure}
    for name, tables in groups.items():
        for number, table in enumerate(tables):
            arrays.update(_table(f'{name}_{number}', table))
        if tables:
            attributes[f'{name}_orders'] = [table.polynomial_order for table in tables]
    if found.pvt is not None and found.pvt.complete:
        for name in ('temperatures_k', 'volumes_angstrom3', 'pressures_gpa', 'helmholtz_hartree', 'gibbs_hartree'):
            arrays[f'pvt_{name}'] = getattr(found.pvt, name)
    return array_node(arrays, attributes)


TABLE = (
    'temperatures_k',
    'volumes_angstrom3',
    'bulk_modulus_gpa',
    'adiabatic_bulk_modulus_gpa',
    'expansion_per_k',
    'grueneisen',
    'cp_minus_cv_j_per_mol_k',
    'sp_minus_sv_j_per_mol_k',
    'lattice_angstrom',
    'lattice_expansion_per_k',
)


def _table(prefix: str, table: ThermalTable) -> dict[str, Any]:
    """Return the columns of a table under names of their own."""
    if not table.complete:
        return {}
    return {f'{prefix}_{name}': getattr(table, name) for name in TABLE}
