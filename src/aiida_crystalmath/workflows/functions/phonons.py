"""Phonons by finite displacements with phonopy: supercells, force constants, dispersion; each step in the provenance.

phonopy (A. Togo, J. Phys. Soc. Jpn. 92, 012001 (2023)) works here in its default units: Å, eV/Å, eV/Å^2, THz. Its
symmetry search sees the kinds of the structure, not only its elements. Masses are those of the kinds (by default the
averages over natural isotopes; CRYSTAL's own FREQCALC takes the most abundant isotope).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_crystalmath.crystal.units import BOHR_ANGSTROM, CM1_EV, EV_KJ_PER_MOL, HARTREE_EV, THZ_CM1
from aiida_crystalmath.workflows.functions.energies import METHOD
from aiida_crystalmath.workflows.functions.vibrations import thermal_node

__all__ = ('check_phonopy', 'displaced_supercells', 'force_constants', 'full_supercell', 'phonon_properties')

IMAGINARY_THZ = -0.05
"""Frequencies below it count as imaginary; above it they are the noise of the acoustic modes near Gamma."""

BROADENING_THZ = 0.15
"""Width of the Gaussians of a density of states, 5 cm^-1: unlike tetrahedra they also show branches that are flat."""

DRIFT_LIMIT = 1e-3
"""Sum of the forces (eV/Å) on all atoms of a supercell above which a word is said."""


def check_phonopy() -> None:
    """Check that phonopy can be imported.

    :raises ImportError: naming the extra that brings it.
    """
    try:
        import phonopy  # noqa: F401
    except ImportError as exception:
        raise ImportError(
            'phonons by finite displacements need phonopy: pip install "aiida-crystalmath[phonons]"'
        ) from exception


def full_supercell(supercell: Sequence[Any], pbc: Sequence[bool]) -> list[list[int]]:
    """Return a supercell as a 3 x 3 matrix of integers, rows in units of the cell vectors.

    :param supercell: three numbers, or a 3 x 3 matrix.
    :raises ValueError: if it is neither, is singular, or repeats a direction that is not periodic.
    """
    rows = [list(row) if isinstance(row, list | tuple) else row for row in supercell]
    if len(rows) == 3 and not any(isinstance(row, list) for row in rows):
        rows = [[rows[i] if i == j else 0 for j in range(3)] for i in range(3)]
    flat = [value for row in rows if isinstance(row, list) for value in row]
    if len(flat) != 9 or any(int(value) != value for value in flat):
        raise ValueError(f'the supercell must be three whole numbers or a 3 x 3 matrix of them, not {list(supercell)}.')
    matrix = [[int(value) for value in row] for row in rows]
    if abs(np.linalg.det(matrix)) < 0.5:
        raise ValueError(f'the supercell {matrix} has no volume.')
    for axis, periodic in enumerate(pbc):
        unit = [int(axis == other) for other in range(3)]
        if not periodic and (matrix[axis] != unit or [row[axis] for row in matrix] != unit):
            raise ValueError(f'the supercell {matrix} repeats direction {axis + 1}, which is not periodic.')
    return matrix


def _phonopy(structure: orm.StructureData, settings: Mapping[str, Any]) -> Any:
    """Return phonopy's object of a structure."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    kinds = {kind.name: kind for kind in structure.kinds}
    names = [site.kind_name for site in structure.sites]
    symbols = [kinds[name].symbol for name in names]
    several = len(set(names)) > len(set(symbols))
    # Kinds of one element, as of an antiferromagnet, are told apart by numbers behind their symbols.
    order = list(dict.fromkeys(names))
    labels = [f'{symbol}{order.index(name) + 1}' for symbol, name in zip(symbols, names, strict=True)]
    cell = np.array(structure.cell)
    atoms = PhonopyAtoms(
        symbols=labels if several else symbols,
        cell=cell,
        scaled_positions=np.array([site.position for site in structure.sites]) @ np.linalg.inv(cell),
        masses=[kinds[name].mass for name in names],
    )
    # Rows of AiiDA's matrix are the new vectors; phonopy has them as columns.
    matrix = np.array(settings['supercell']).T
    three_dimensional = all(structure.pbc)
    return Phonopy(
        atoms,
        supercell_matrix=matrix,
        primitive_matrix='auto' if three_dimensional else 'P',
        symprec=float(settings['symprec']),
        distinguish_symbol_index=several,
    )


@calcfunction
def displaced_supercells(structure: orm.StructureData, settings: orm.Dict) -> dict[str, Any]:
    """Return the supercells whose forces give all force constants: ``supercell_001``, ``supercell_002``, ...

    :param settings: ``supercell`` (3 x 3, rows), ``displacement_angstrom``, ``symprec`` (Å).
    """
    phonon = _displaced(structure, settings.get_dict())
    owners = _owners(phonon)
    found: dict[str, Any] = {}
    for number, supercell in enumerate(phonon.supercells_with_displacements, 1):
        node = orm.StructureData(cell=supercell.cell.tolist(), pbc=structure.pbc)
        for kind in structure.kinds:
            node.append_kind(kind)
        for owner, position in zip(owners, supercell.positions, strict=True):
            site = orm.nodes.data.structure.Site(
                kind_name=structure.sites[owner].kind_name, position=[float(x) for x in position]
            )
            node.append_site(site)
        found[f'supercell_{number:03d}'] = node
    return found


def _displaced(structure: orm.StructureData, settings: Mapping[str, Any]) -> Any:
    """Return phonopy's object with its displacements, the same whenever it is made."""
    phonon = _phonopy(structure, settings)
    phonon.generate_displacements(distance=float(settings['displacement_angstrom']))
    return phonon


def _owners(phonon: Any) -> list[int]:
    """Return for each atom of the supercell the index of its atom in the structure."""
    supercell = phonon.supercell
    unit_of = {int(index): number for number, index in enumerate(supercell.u2s_map)}
    return [unit_of[int(index)] for index in supercell.s2u_map]


@calcfunction
def force_constants(structure: orm.StructureData, settings: orm.Dict, **forces: orm.ArrayData) -> orm.ArrayData:
    """Return the force constants of a supercell from the forces in those that :func:`displaced_supercells` made.

    :param forces: ``output_forces`` of each, by its name.
    :return: ``force_constants_ev_per_angstrom2`` of shape (atoms, atoms, 3, 3) in phonopy's order of the supercell,
        and the supercell itself.
    :raises ValueError: if forces are missing, or not of the atoms of the supercell.
    """
    phonon = _displaced(structure, settings.get_dict())
    names = [f'supercell_{number:03d}' for number in range(1, len(phonon.supercells_with_displacements) + 1)]
    missing = [name for name in names if name not in forces]
    if missing:
        raise ValueError(f'forces are missing of {", ".join(missing)}.')
    sets = [_forces(forces[name], name, len(phonon.supercell)) for name in names]
    phonon.forces = np.array(sets)
    drift = float(np.abs(np.sum(sets, axis=1)).max())
    phonon.produce_force_constants(show_drift=False)
    asymmetry = float(np.abs(phonon.force_constants.sum(axis=1)).max())
    phonon.symmetrize_force_constants(show_drift=False)
    node = orm.ArrayData()
    node.set_array('force_constants_ev_per_angstrom2', np.array(phonon.force_constants))
    node.set_array('supercell_cell_angstrom', np.array(phonon.supercell.cell))
    node.set_array('supercell_positions_angstrom', np.array(phonon.supercell.positions))
    node.set_array('supercell_atoms', np.array(_owners(phonon), dtype=np.int64))
    for name, value in (
        ('n_displacements', len(names)),
        ('max_drift_ev_per_angstrom', drift),
        ('max_asymmetry_ev_per_angstrom2', asymmetry),
    ):
        node.base.attributes.set(name, value)
    return node


def _forces(node: orm.ArrayData, name: str, n_atoms: int) -> np.ndarray:
    """Return forces in eV/Å."""
    found = np.array(node.get_array('forces_hartree_per_bohr'))
    if found.shape != (n_atoms, 3) or node.base.attributes.get('frame', 'structure') != 'structure':
        raise ValueError(
            f'{name}: the forces are of {len(found)} atoms in the frame of '
            f'{node.base.attributes.get("frame", "structure")}, but the supercell has {n_atoms}.'
        )
    return np.asarray(found * HARTREE_EV / BOHR_ANGSTROM)


@calcfunction
def phonon_properties(
    structure: orm.StructureData, settings: orm.Dict, constants: orm.ArrayData, parameters: orm.Dict
) -> dict[str, Any]:
    """Return what follows from force constants: ``bands``, ``dos``, ``thermal`` and ``summary``.

    :param settings: also ``points_distance_per_angstrom`` (of the path), ``mesh_length_angstrom`` (the mesh has as many
        divisions as this length over that of the cell vectors: phonopy's convention) and ``temperatures_k``.
    :param constants: of :func:`force_constants`.
    :param parameters: ``output_parameters`` of one of the supercells: its method and engine.
    """
    content = settings.get_dict()
    phonon = _phonopy(structure, content)
    phonon.force_constants = constants.get_array('force_constants_ev_per_angstrom2')
    bands, lowest = _bands(phonon, structure, content)
    phonon.run_mesh(_mesh(phonon, structure, content), with_eigenvectors=True, is_mesh_symmetry=False)
    first, last, number = content['temperatures_k']
    temperatures = np.linspace(float(first), float(last), int(number))
    phonon.run_thermal_properties(temperatures=temperatures, cutoff_frequency=1e-2)
    thermal = phonon.get_thermal_properties_dict()
    entropy, free = np.asarray(thermal['entropy']), np.asarray(thermal['free_energy'])
    functions = {
        'free_energy_kj_per_mol': free,
        'internal_energy_kj_per_mol': free + temperatures * entropy / 1000.0,
        'entropy_j_per_mol_k': entropy,
        'heat_capacity_j_per_mol_k': np.asarray(thermal['heat_capacity']),
    }
    frequencies = np.asarray(phonon.get_mesh_dict()['frequencies'])
    weights = np.asarray(phonon.get_mesh_dict()['weights'], dtype=float)
    positive = np.where(frequencies > 1e-2, frequencies, 0.0)
    zero_point = 0.5 * float(weights @ positive.sum(axis=1)) / weights.sum() * THZ_CM1 * CM1_EV
    lowest = min(lowest, float(frequencies.min()))
    summary = _summary(phonon, constants, lowest, zero_point)
    return {
        'bands': bands,
        'dos': _dos(phonon),
        'thermal': thermal_node(temperatures, functions),
        'summary': orm.Dict({**{key: parameters[key] for key in METHOD if key in parameters.keys()}, **summary}),
    }


def _bands(phonon: Any, structure: orm.StructureData, settings: Mapping[str, Any]) -> tuple[orm.BandsData, float]:
    """Return the dispersion (cm^-1) on the path of the structure, in its reciprocal cell, and the lowest in THz."""
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.functions.band_path import sampled_path, special_points

    geometry = to_geometry(structure)
    path, points = special_points(geometry)
    distance = float(settings['points_distance_per_angstrom'])
    kpoints, labels = sampled_path(path, points, geometry.reciprocal_cell, distance)
    # phonopy wants points in the reciprocal cell of its primitive cell: A_primitive = P^T A_structure.
    q = kpoints @ np.asarray(phonon.primitive_matrix)
    frequencies = np.array([phonon.get_frequencies(one) for one in q])
    node = orm.BandsData()
    node.set_cell_from_structure(structure)
    node.set_kpoints(kpoints, labels=labels)
    node.set_bands(frequencies * THZ_CM1, units='cm^-1')
    node.base.attributes.set('frame', 'structure')
    return node, float(frequencies.min())


def _mesh(phonon: Any, structure: orm.StructureData, settings: Mapping[str, Any]) -> list[int]:
    """Return the divisions of the mesh: one along a direction that is not periodic."""
    lengths = 1.0 / np.linalg.norm(np.linalg.inv(phonon.primitive.cell).T, axis=1)
    wanted = np.maximum(1, np.round(float(settings['mesh_length_angstrom']) / lengths)).astype(int)
    return [int(n) if periodic else 1 for n, periodic in zip(wanted, structure.pbc, strict=True)]


def _dos(phonon: Any) -> orm.XyData:
    """Return the density of states (states cm per primitive cell), in total and by element."""
    pitch = BROADENING_THZ / 3.0
    phonon.run_total_dos(sigma=BROADENING_THZ, freq_pitch=pitch, use_tetrahedron_method=False)
    phonon.run_projected_dos(sigma=BROADENING_THZ, freq_pitch=pitch, use_tetrahedron_method=False)
    found, atoms = phonon.get_total_dos_dict(), phonon.get_projected_dos_dict()
    symbols = [''.join(c for c in symbol if c.isalpha()) for symbol in phonon.primitive.symbols]
    curves = {'total': np.asarray(found['total_dos'])}
    for symbol in dict.fromkeys(symbols):
        chosen = [index for index, one in enumerate(symbols) if one == symbol]
        # On the axis of the total, which the projections share unless rounding adds a point.
        values = np.asarray(atoms['projected_dos'])[chosen].sum(axis=0)
        curves[symbol] = np.interp(found['frequency_points'], atoms['frequency_points'], values)
    node = orm.XyData()
    node.set_x(np.asarray(found['frequency_points']) * THZ_CM1, 'frequency', 'cm^-1')
    names = list(curves)
    node.set_y([curves[name] / THZ_CM1 for name in names], names, ['states*cm/cell'] * len(names))
    return node


def _summary(phonon: Any, constants: orm.ArrayData, lowest: float, zero_point_ev: float) -> dict[str, Any]:
    attributes = constants.base.attributes
    gamma = np.asarray(phonon.get_frequencies([0.0, 0.0, 0.0])) * THZ_CM1
    warnings = []
    if lowest < IMAGINARY_THZ:
        warnings.append(
            f'imaginary frequencies, down to {abs(lowest) * THZ_CM1:.1f}i cm^-1: the structure is not stable, not '
            'relaxed with the same method, or the supercell is too small.'
        )
    if attributes.get('max_drift_ev_per_angstrom') > DRIFT_LIMIT:
        drift = attributes.get('max_drift_ev_per_angstrom')
        warnings.append(f'the forces on a supercell add up to {drift:.4f} eV/Å: tighten TOLDEE, TOLINTEG or the grid.')
    return {
        'method': 'finite_displacements',
        'n_displacements': attributes.get('n_displacements'),
        'n_atoms_supercell': len(phonon.supercell),
        'n_atoms_primitive': len(phonon.primitive),
        'space_group': str(phonon.symmetry.dataset.international),
        'gamma_frequencies_cm1': gamma.tolist(),
        'lowest_frequency_cm1': lowest * THZ_CM1,
        'has_imaginary_frequencies': lowest < IMAGINARY_THZ,
        'zero_point_energy_ev': zero_point_ev,
        'zero_point_energy_kj_per_mol': zero_point_ev * EV_KJ_PER_MOL,
        'max_drift_ev_per_angstrom': attributes.get('max_drift_ev_per_angstrom'),
        'max_asymmetry_ev_per_angstrom2': attributes.get('max_asymmetry_ev_per_angstrom2'),
        'warnings': warnings,
    }
