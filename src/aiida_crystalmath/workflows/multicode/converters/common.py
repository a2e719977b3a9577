"""What several converters share: edges of a node with bands, where a node is from, the primitive cell as nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.workflows.multicode.edges import BandEdges, find_edges, n_filled_from
from aiida_crystalmath.workflows.multicode.primitive import StandardPrimitive, standard_primitive

__all__ = ('DEFAULT_SYMPREC', 'code_of', 'edges_of', 'known', 'mesh_node', 'primitive_of', 'source_of')

DEFAULT_SYMPREC = 1e-4
"""Å: what a relaxation leaves of a symmetry is better than this, and no distortion that matters is as small."""


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary without what is not known: nothing stands for a value that no program computed."""
    return {key: value for key, value in values.items() if value is not None}


def source_of(node: orm.Data) -> dict[str, Any]:
    """Return where a node is from: its UUID, and the calculation that made it."""
    creator = node.creator
    made_by = {} if creator is None else {'creator_uuid': creator.uuid, 'creator': creator.process_label}
    return {'uuid': node.uuid, **made_by}


def code_of(node: orm.Data) -> str | None:
    """Return the code that a node is from, by the entry point of the calculation that made it."""
    entry = '' if node.creator is None else str(node.creator.process_type or '')
    name = entry.partition(':')[2]
    for prefix, code in (
        ('crystalmath.crystal23', 'crystal'),
        ('crystalmath.properties23', 'crystal'),
        ('crystalmath.yambo', 'yambo'),
        ('crystalmath.', name.removeprefix('crystalmath.').split('.')[0]),
        ('quantumespresso.', 'qe'),
        ('vasp.', 'vasp'),
    ):
        if name.startswith(prefix):
            return code
    return None


def edges_of(
    bands: orm.BandsData, parameters: Mapping[str, Any] | None = None, n_filled: int | list[int] | None = None
) -> BandEdges:
    """Return the edges of bands, from any code whose words for electrons and Fermi energy are known.

    :param parameters: ``output_parameters`` of the run (of aiida-quantumespresso, aiida-vasp or this package).
    :param n_filled: filled bands, if neither occupations nor electrons can tell.
    :raises ValueError: if nothing tells what is filled, or the unit is not eV.
    """
    said = dict(parameters or {})
    unit = bands.base.attributes.get('units', None)
    if unit not in (None, 'None', 'eV'):  # aiida-vasp leaves it out, and AiiDA makes a word of that
        raise ValueError(f'the bands are in {unit}, not in eV')
    arrays = bands.get_arraynames()
    energies = np.asarray(bands.get_array('bands'), dtype=float)
    occupations = np.asarray(bands.get_array('occupations'), dtype=float) if 'occupations' in arrays else None
    n_spin = 1 if energies.ndim == 2 else energies.shape[0]
    told_by: Any = 'n_filled'
    if n_filled is None and occupations is None and not said.get('is_conducting'):
        electrons = said.get('n_electrons', said.get('number_of_electrons'))
        spinors = said.get('two_component') or said.get('non_colinear_calculation')
        if electrons is not None:
            n_filled = n_filled_from(float(electrons), n_spin, per_band=1 if spinors else 2)
            told_by = 'electrons'
    return find_edges(
        energies,
        bands.get_kpoints(),
        occupations=occupations,
        n_filled=n_filled,
        fermi_ev=_fermi(bands, said),
        told_by=told_by,
    )


def _fermi(bands: orm.BandsData, said: Mapping[str, Any]) -> float | None:
    """Return an energy up to which levels are filled: the Fermi energy, or the middle of the gap of CRYSTAL.

    CRYSTAL's Fermi energy of an insulator is the top of its valence bands on the mesh; a path may go a little higher.
    """
    for name in ('fermi_energy_ev', 'fermi_level', 'efermi'):
        found = bands.base.attributes.get(name, None)
        if found is not None:
            break
    else:
        found = next((said[key] for key in ('fermi_energy_ev', 'fermi_energy', 'fermi_level') if said.get(key)), None)
    if found is None:
        return None
    gap = 0.0 if said.get('is_conducting') else said.get('gap_ev') or 0.0
    return float(found) + float(gap) / 2


def primitive_of(geometry: Geometry, settings: Mapping[str, Any]) -> StandardPrimitive:
    """Return the standard primitive cell, with the tolerance of the settings.

    :raises ValueError: if there is none.
    """
    return standard_primitive(geometry, float(settings.get('symprec', DEFAULT_SYMPREC)))


def mesh_node(structure: orm.StructureData, mesh: list[int]) -> orm.KpointsData:
    """Return a mesh through Γ in the cell of a structure."""
    node = orm.KpointsData()
    node.set_cell_from_structure(structure)
    node.set_kpoints_mesh(mesh)
    return node
