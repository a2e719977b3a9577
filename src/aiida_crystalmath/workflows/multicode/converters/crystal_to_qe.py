"""From CRYSTAL to plane waves: the structure and what the hybrid functional says of the gap. Not the wavefunction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.workflows.multicode.converters.common import (
    edges_of,
    known,
    mesh_node,
    primitive_of,
    source_of,
)
from aiida_crystalmath.workflows.multicode.converters.declaration import Check, Converter, Stays, Travels, declared
from aiida_crystalmath.workflows.multicode.converters.pseudopotentials import n_valence_electrons
from aiida_crystalmath.workflows.multicode.primitive import mesh_for_distance

__all__ = ('crystal_to_qe',)


def _is_crystal(outputs: Any) -> str | None:
    engine = outputs['handoff'].get('engine', None)
    return None if engine == 'CRYSTAL' else f'the numbers are of {engine or "an unknown engine"}, not of CRYSTAL'


def _has_gap(outputs: Any) -> str | None:
    return 'CRYSTAL found a conductor' if outputs['handoff'].get('is_metal', False) else None


def _electrons_agree(outputs: Any) -> str | None:
    handoff = outputs['handoff']
    counted, core = handoff['n_electrons_neutral'], handoff.get('n_electrons_in_potentials', None)
    if core is None or 0 <= core < counted:
        return None
    return (
        f'CRYSTAL counted {handoff["n_electrons_crystal"]} electrons in the cell whose neutral atoms have {counted}: '
        'the cell was charged, or it is not the cell of the structure'
    )


@declared(
    Converter(
        source='crystal',
        target='qe',
        summary='The structure in the standard primitive cell, and what CRYSTAL found of gap, edges and magnetism.',
        travels=(
            Travels('structure', 'structure', 'in the standard primitive cell of spglib, made exactly symmetric', 'Å'),
            Travels(
                'k-mesh',
                'kpoints',
                'of SHRINK, or of `kpoints_distance`; the same points where SHRINK is the same in all directions',
            ),
            Travels('whether the mesh has the points that CRYSTAL used', 'handoff.kpoints_same_points'),
            Travels('mesh', 'handoff.kpoints_mesh', 'through Γ, as that of CRYSTAL'),
            Travels('atom that each atom has become', 'handoff.atom_map', 'index in the new cell, null for a ghost'),
            Travels(
                'cell',
                'handoff.cell_transformation',
                'T with new vectors = T · old vectors, up to a rotation; k-points transform likewise',
            ),
            Travels('primitive cells in the old cell', 'handoff.n_primitive_cells'),
            Travels('how far the symmetry moved an atom', 'handoff.max_displacement_angstrom', unit='Å'),
            Travels('space group', 'handoff.space_group', 'number, atoms of different kinds being different'),
            Travels('its symbol', 'handoff.space_group_symbol'),
            Travels('whether it is symmorphic, atoms where they are', 'handoff.is_symmorphic'),
            Travels('number of atoms', 'handoff.n_atoms', unit='per primitive cell'),
            Travels('electrons of the neutral atoms', 'handoff.n_electrons_neutral', unit='per primitive cell'),
            Travels('electrons that CRYSTAL counted', 'handoff.n_electrons_crystal', unit='per primitive cell'),
            Travels('their difference: in effective core potentials', 'handoff.n_electrons_in_potentials'),
            Travels(
                'electrons outside the pseudopotentials',
                'handoff.n_electrons_valence',
                'from the pseudopotentials, if they are given',
                'per primitive cell',
            ),
            Travels('bands that these fill', 'handoff.n_filled_bands', 'if they are even and without spin'),
            Travels('gap of the hybrid (or other) functional', 'handoff.gap_ev', unit='eV'),
            Travels('its kind', 'handoff.gap_kind', '`direct` or `indirect`, as printed or from the bands'),
            Travels('whether CRYSTAL found a conductor', 'handoff.is_metal'),
            Travels('top of the valence bands', 'handoff.vbm_ev', "on CRYSTAL's scale", 'eV'),
            Travels('bottom of the conduction bands', 'handoff.cbm_ev', "on CRYSTAL's scale", 'eV'),
            Travels('band edges with their k-points', 'handoff.edges', 'from the bands, if given; in the new cell'),
            Travels('functional', 'handoff.functional'),
            Travels('its exact exchange', 'handoff.fock_exchange_percent', unit='%'),
            Travels('engine', 'handoff.engine', '`CRYSTAL`, or `STAND-IN`'),
            Travels('spins by kind of atom', 'handoff.spins', 'means of Mulliken spins: to start from', 'electrons'),
            Travels('ghosts left out', 'handoff.dropped_ghosts', 'indices in the old cell, from 0'),
            Travels('what does not travel', 'handoff.left_behind', 'this list'),
            Travels('nodes that it is from', 'handoff.sources'),
        ),
        stays=(
            Stays('wavefunction and density matrix', 'Gaussian Bloch functions are no plane waves: pw.x starts anew'),
            Stays('basis sets and effective core potentials', 'a plane-wave code has pseudopotentials of its own'),
            Stays('ghosts', 'they are basis functions without atoms'),
            Stays('functional', 'pw.x is told its own; that of CRYSTAL is only reported'),
            Stays('total energy', 'all-electron and pseudopotential energies have no common zero'),
        ),
        outputs={'structure': orm.StructureData, 'handoff': orm.Dict, 'kpoints?': orm.KpointsData},
        usual={
            'structure': ('output_structure', 'inputs.structure', 'inputs.crystal.structure'),
            'parameters': ('output_parameters',),
            'crystal_parameters': ('inputs.base.crystal.parameters', 'inputs.crystal.parameters', 'inputs.parameters'),
            'kpoints_distance': ('inputs.base.kpoints_distance', 'inputs.kpoints_distance'),
            'kinds': ('inputs.base.crystal.kinds', 'inputs.crystal.kinds', 'inputs.kinds'),
        },
        checks=(
            Check('electrons', 'CRYSTAL computed the neutral cell.', _electrons_agree),
            Check('insulator', 'CRYSTAL found a gap.', _has_gap, 'warn'),
            Check('engine', 'The numbers are of CRYSTAL, not of the stand-in.', _is_crystal, 'warn'),
        ),
    )
)
@calcfunction
def crystal_to_qe(  # noqa: PLR0917 (inputs of a process, given by name)
    structure: orm.StructureData,
    parameters: orm.Dict,
    crystal_parameters: orm.Dict | None = None,
    kpoints_distance: orm.Float | None = None,
    kinds: orm.Dict | None = None,
    bands: orm.BandsData | None = None,
    settings: orm.Dict | None = None,
    **pseudos: orm.Data,
) -> dict[str, orm.Data] | ExitCode:
    """Return structure, k-mesh and results of CRYSTAL for a plane-wave code.

    :param structure: that was computed or relaxed.
    :param parameters: ``output_parameters`` of the run that belongs to it.
    :param crystal_parameters: its input, for SHRINK.
    :param kpoints_distance: 1/Å with the factor 2π, where the input has no SHRINK.
    :param kinds: ``kinds`` of its input: ghosts and starting spins.
    :param bands: of CRYSTAL, in the cell of the structure: then edges have k-points.
    :param settings: ``symprec`` (Å).
    :param pseudos: of the plane-wave code, by kind: then electrons and bands are counted.
    """
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    results = parameters.get_dict()
    chosen = {} if settings is None else settings.get_dict()
    try:
        geometry = to_geometry(structure, None if kinds is None else kinds.get_dict())
        cell = primitive_of(geometry, chosen)
        edges = None if bands is None else edges_of(bands, results)
        said = {} if crystal_parameters is None else crystal_parameters.get_dict()
        distance = None if kpoints_distance is None else kpoints_distance.value
        mesh, same = _mesh(cell.geometry, said, distance, results)
    except ValueError as exception:
        return ExitCode(401, f'nothing can be handed to a plane-wave code: {exception}')
    handed = from_geometry(cell.geometry)
    n_cells = sum(index is not None for index in cell.atom_map) // len(cell.geometry)
    counted = _electrons(cell.geometry, results, n_cells, pseudos)
    told = None if edges is None else edges.to_dict()
    if told is not None:
        for key in ('vbm_kpoints', 'cbm_kpoints', 'direct_kpoints'):
            if key in told:
                told[key] = cell.kpoints(told[key]).round(10).tolist()
    content = {
        **known({key: results.get(key) for key in ('engine', 'functional', 'vbm_ev', 'cbm_ev')}),
        **_gap(results, told),
        'fock_exchange_percent': (results.get('dft') or {}).get('fock_exchange_percent'),
        'edges': told,
        'atom_map': list(cell.atom_map),
        'cell_transformation': cell.transformation.round(10).tolist(),
        'n_primitive_cells': n_cells,
        'max_displacement_angstrom': cell.displacement_angstrom,
        'space_group': cell.number,
        'space_group_symbol': cell.symbol,
        'is_symmorphic': cell.is_symmorphic,
        'n_atoms': len(cell.geometry),
        **counted,
        'spins': _spins(geometry, results),
        'kpoints_mesh': mesh,
        'kpoints_same_points': same,
        'dropped_ghosts': [index for index, new in enumerate(cell.atom_map) if new is None],
        'left_behind': crystal_to_qe.declaration.left_behind(),
        'sources': known(
            {
                'structure': source_of(structure),
                'parameters': source_of(parameters),
                'bands': None if bands is None else source_of(bands),
            }
        ),
    }
    outputs: dict[str, orm.Data] = {'structure': handed, 'handoff': orm.Dict(known(content))}
    if mesh is not None:
        outputs['kpoints'] = mesh_node(handed, mesh)
    return outputs


def _mesh(
    primitive: Geometry, crystal_parameters: Mapping[str, Any], distance: float | None, results: Mapping[str, Any]
) -> tuple[list[int] | None, bool | None]:
    """Return the mesh in the primitive cell, and whether its points are those of CRYSTAL; ``None`` if unknown.

    SHRINK divides the reciprocal vectors of CRYSTAL's own primitive cell. All primitive cells span the
    same lattice, so that one division for all three gives the same points. For three different ones the mesh is at
    least as dense.
    """
    shrink = ((crystal_parameters.get('scf') or {}).get('shrink') or {}).get('is')
    if shrink is None:
        return (None, None) if distance is None else (mesh_for_distance(primitive, distance), None)
    divisions = [shrink] * 3 if isinstance(shrink, int) else [int(value) for value in shrink]
    if len(set(divisions)) == 1:
        return divisions, True
    steps = [length / n for length, n in zip(_reciprocal_lengths(results), divisions, strict=True)]
    return mesh_for_distance(primitive, min(steps)), False


def _reciprocal_lengths(results: Mapping[str, Any]) -> Sequence[float]:
    """Return the lengths of the reciprocal vectors of CRYSTAL's primitive cell, 1/Å with 2π, as printed.

    :raises ValueError: if its cell was not printed.
    """
    from aiida_crystalmath.crystal.symmetry.lattice import oriented_cell

    printed = results.get('cell_primitive')
    if printed is None:
        raise ValueError('SHRINK differs by direction, and the output does not tell the cell that it divides')
    lengths: list[float] = np.linalg.norm(2 * np.pi * np.linalg.inv(oriented_cell(printed)).T, axis=1).tolist()
    return lengths


def _electrons(
    primitive: Geometry, results: Mapping[str, Any], n_cells: int, pseudos: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the numbers of electrons of the primitive cell; CRYSTAL counts those of the cell that it computed."""
    neutral = sum(site.number for site in primitive.sites)
    crystal = results.get('n_electrons')
    if crystal is not None:
        crystal = crystal * (results.get('primitive_cells_in_structure') or n_cells) / n_cells
        crystal = round(crystal) if abs(crystal - round(crystal)) < 1e-6 else crystal
    valence = n_valence_electrons(pseudos, primitive) if pseudos else None
    polarised = bool(results.get('is_spin_polarised'))
    filled = None if valence is None or polarised or valence % 2 else round(valence / 2)
    return {
        'n_electrons_neutral': neutral,
        'n_electrons_crystal': crystal,
        'n_electrons_in_potentials': None if crystal is None else neutral - crystal,
        'n_electrons_valence': valence,
        'n_filled_bands': filled,
    }


def _gap(results: Mapping[str, Any], edges: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return gap and kind as CRYSTAL printed them, the kind from the bands where it was not printed."""
    is_metal = results.get('is_conducting')
    if is_metal:
        return {'is_metal': True}
    kind = results.get('gap_kind') or (edges or {}).get('gap_kind')
    return known({'is_metal': is_metal, 'gap_ev': results.get('gap_ev'), 'gap_kind': kind})


def _spins(geometry: Geometry, results: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the mean Mulliken spin of each kind, ``None`` if there are none in the order of the structure."""
    spins = (results.get('mulliken') or {}).get('spins')
    if spins is None or results.get('atom_order') != 'structure' or len(spins) != len(geometry):
        return None
    found: dict[str, list[float]] = {}
    for site, spin in zip(geometry.sites, spins, strict=True):
        if not site.ghost:
            found.setdefault(site.kind or site.symbol, []).append(float(spin))
    return {kind: round(sum(values) / len(values), 6) for kind, values in found.items()}
