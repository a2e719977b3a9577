"""From VASP, by aiida-vasp, to Quantum ESPRESSO: structure, mesh and gap. Nothing of aiida-vasp is imported."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

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

__all__ = ('vasp_to_qe',)


def _has_gap(outputs: Any) -> str | None:
    return 'VASP found a conductor' if outputs['handoff'].get('is_metal', False) else None


def _is_converged(outputs: Any) -> str | None:
    status = outputs['handoff'].get('run_status', None) or {}
    bad = [name for name in ('electronic_converged', 'ionic_converged') if status.get(name) is False]
    return f'VASP says that it did not converge: {", ".join(bad)}' if bad else None


@declared(
    Converter(
        source='vasp',
        target='qe',
        summary='A structure of VASP in the standard primitive cell, and what VASP found of gap and edges.',
        travels=(
            Travels('structure', 'structure', 'in the standard primitive cell of spglib, made exactly symmetric', 'Å'),
            Travels('k-mesh', 'kpoints', "as dense as VASP's or denser; through Γ, which VASP's need not be"),
            Travels('mesh', 'handoff.kpoints_mesh'),
            Travels('atom that each atom has become', 'handoff.atom_map', 'index in the new cell'),
            Travels('cell', 'handoff.cell_transformation', 'T with new vectors = T · old vectors, up to a rotation'),
            Travels('primitive cells in the old cell', 'handoff.n_primitive_cells'),
            Travels('how far the symmetry moved an atom', 'handoff.max_displacement_angstrom', unit='Å'),
            Travels('space group', 'handoff.space_group'),
            Travels('its symbol', 'handoff.space_group_symbol'),
            Travels('whether it is symmorphic, atoms where they are', 'handoff.is_symmorphic'),
            Travels('number of atoms', 'handoff.n_atoms', unit='per primitive cell'),
            Travels(
                'electrons outside the pseudopotentials',
                'handoff.n_electrons_valence',
                'from those of pw.x, if they are given',
                'per primitive cell',
            ),
            Travels('gap', 'handoff.gap_ev', 'from the bands, else from `misc`', 'eV'),
            Travels('its kind', 'handoff.gap_kind'),
            Travels('whether VASP found a conductor', 'handoff.is_metal'),
            Travels('band edges with their k-points', 'handoff.edges', 'from the bands, if given; in the new cell'),
            Travels('version of VASP', 'handoff.version'),
            Travels('state of the run', 'handoff.run_status', 'as aiida-vasp tells it'),
            Travels('what does not travel', 'handoff.left_behind', 'this list'),
            Travels('nodes that it is from', 'handoff.sources'),
        ),
        stays=(
            Stays(
                'wavefunctions (WAVECAR) and density (CHGCAR)', 'PAW spheres of VASP mean nothing to pw.x, nor to p2y'
            ),
            Stays('potentials (POTCAR)', 'they are licensed, and PAW; Yambo wants norm-conserving ones'),
            Stays('total energy', 'energies of different pseudopotentials have no common zero'),
        ),
        outputs={'structure': orm.StructureData, 'handoff': orm.Dict, 'kpoints?': orm.KpointsData},
        usual={
            'structure': ('relax.structure', 'structure', 'inputs.structure'),
            'misc': ('misc',),
            'bands': ('bands',),
            'kpoints': ('inputs.kpoints',),
        },
        checks=(
            Check('converged', 'aiida-vasp says that the run converged.', _is_converged),
            Check('insulator', 'VASP found a gap.', _has_gap, 'warn'),
        ),
    )
)
@calcfunction
def vasp_to_qe(
    structure: orm.StructureData,
    misc: orm.Dict | None = None,
    bands: orm.BandsData | None = None,
    kpoints: orm.KpointsData | None = None,
    settings: orm.Dict | None = None,
    **pseudos: orm.Data,
) -> dict[str, orm.Data] | ExitCode:
    """Return structure, k-mesh and results of VASP for Quantum ESPRESSO.

    :param structure: that was computed or relaxed.
    :param misc: the output ``misc`` of aiida-vasp.
    :param bands: the output ``bands``: then edges have k-points.
    :param kpoints: the mesh that VASP was given (an input of the run; outputs are explicit points).
    :param settings: ``symprec`` (Å).
    :param pseudos: of pw.x, by kind: then electrons are counted.
    """
    from aiida_crystalmath.data.structure import from_geometry, to_geometry

    said = {} if misc is None else misc.get_dict()
    try:
        geometry = to_geometry(structure)
        cell = primitive_of(geometry, {} if settings is None else settings.get_dict())
        edges = None if bands is None else edges_of(bands, said).to_dict()
        mesh = None
        if kpoints is not None:
            divisions = np.asarray(_divisions(kpoints), dtype=float)
            steps = np.linalg.norm(geometry.reciprocal_cell, axis=1) / divisions
            mesh = mesh_for_distance(cell.geometry, float(steps.min()))
    except ValueError as exception:
        return ExitCode(401, f'nothing can be handed to Quantum ESPRESSO: {exception}')
    for key in ('vbm_kpoints', 'cbm_kpoints', 'direct_kpoints'):
        if edges is not None and key in edges:
            edges[key] = cell.kpoints(edges[key]).round(10).tolist()
    handed = from_geometry(cell.geometry)
    content = {
        **_gap(said, edges),
        'edges': edges,
        'atom_map': list(cell.atom_map),
        'cell_transformation': cell.transformation.round(10).tolist(),
        'n_primitive_cells': len(geometry) // len(cell.geometry),
        'max_displacement_angstrom': cell.displacement_angstrom,
        'space_group': cell.number,
        'space_group_symbol': cell.symbol,
        'is_symmorphic': cell.is_symmorphic,
        'n_atoms': len(cell.geometry),
        'n_electrons_valence': n_valence_electrons(pseudos, cell.geometry) if pseudos else None,
        'kpoints_mesh': mesh,
        'version': said.get('version'),
        'run_status': said.get('run_status'),
        'left_behind': vasp_to_qe.declaration.left_behind(),
        'sources': {
            name: source_of(node)
            for name, node in (('structure', structure), ('misc', misc), ('bands', bands))
            if node is not None
        },
    }
    outputs: dict[str, orm.Data] = {'structure': handed, 'handoff': orm.Dict(known(content))}
    if mesh is not None:
        outputs['kpoints'] = mesh_node(handed, mesh)
    return outputs


def _divisions(kpoints: orm.KpointsData) -> list[int]:
    """Return the divisions of a mesh.

    :raises ValueError: if they are explicit points.
    """
    try:
        return [int(value) for value in kpoints.get_kpoints_mesh()[0]]
    except AttributeError as exception:
        raise ValueError('`kpoints` must be the mesh that VASP was given, not a list of points') from exception


def _gap(misc: dict[str, Any], edges: dict[str, Any] | None) -> dict[str, Any]:
    """Return the gap from the bands, or as aiida-vasp found it (``misc.band_properties``)."""
    if edges is not None:
        return known({key: edges.get(key) for key in ('is_metal', 'gap_ev', 'gap_kind')})
    found = misc.get('band_properties') or {}
    gap = found.get('band_gap')
    if gap is None:
        return {}
    if gap <= 0:
        return {'is_metal': True}
    direct = found.get('is_direct_gap')
    kind = None if direct is None else 'direct' if direct else 'indirect'
    return known({'is_metal': False, 'gap_ev': gap, 'gap_kind': kind})
