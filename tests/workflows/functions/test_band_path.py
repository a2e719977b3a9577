"""Paths through the Brillouin zone."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.data.structure import to_geometry
from aiida_crystalmath.workflows.functions.band_path import band_path, sampled_path, special_points


def ends(kpoints: orm.KpointsData) -> list[str]:
    return [label for _, label in kpoints.labels]


def test_rock_salt(generate_structure):
    """The path of the face-centred cubic lattice, labelled at both ends of every segment and at the jump U|K."""
    structure = generate_structure('MgO').store()
    kpoints = band_path(structure, orm.Float(0.15))
    assert ends(kpoints) == ['GAMMA', 'X', 'U', 'K', 'GAMMA', 'L', 'W', 'X']
    indices = dict((label, index) for index, label in kpoints.labels[1:])
    assert indices['K'] == indices['U'] + 1  # a jump: neighbours
    assert kpoints.creator.inputs.structure.pk == structure.pk
    steps = np.diff(kpoints.get_kpoints(cartesian=True), axis=0)
    lengths = np.delete(np.linalg.norm(steps, axis=1), indices['U'])
    assert lengths.max() <= 0.15 + 1e-9


def test_conventional_cell_has_the_path_of_the_primitive_one(generate_structure):
    """The same Cartesian points, whichever cell the user gave."""
    points = {}
    for name in ('MgO', 'MgO-conventional'):
        geometry = to_geometry(generate_structure(name))
        path, special = special_points(geometry)
        points[name] = {label: np.linalg.norm(k @ geometry.reciprocal_cell) for label, k in special.items()}
        assert [start for start, _ in path] == ['GAMMA', 'X', 'K', 'GAMMA', 'L', 'W']
    assert points['MgO'] == pytest.approx(points['MgO-conventional'], abs=1e-6)


def test_slab_stays_in_the_plane(generate_structure):
    """Graphene: Γ M K Γ, nothing along the vacuum."""
    kpoints = band_path(generate_structure('graphene').store(), orm.Float(0.2))
    assert ends(kpoints) == ['GAMMA', 'M', 'K', 'GAMMA']
    assert np.abs(kpoints.get_kpoints()[:, 2]).max() == 0
    k_point = kpoints.get_kpoints()[dict((label, index) for index, label in kpoints.labels)['K']]
    assert sorted(np.abs(np.round(k_point, 6))) == pytest.approx([0, 1 / 3, 1 / 3], abs=1e-6)


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_polymer(axis):
    """Γ to X along the only direction that repeats."""
    pbc = tuple(i == axis for i in range(3))
    lengths = [3.0 if periodic else 20.0 for periodic in pbc]
    polymer = Geometry.from_arrays(np.diag(lengths), [[0, 0, 0]], [6], 1, periodic=pbc)
    path, points = special_points(polymer)
    assert path == [('GAMMA', 'X')]
    assert points['X'].tolist() == [0.5 if periodic else 0.0 for periodic in pbc]


def test_molecule_is_refused(generate_structure):
    with pytest.raises(ValueError, match='a molecule has no band structure'):
        special_points(to_geometry(generate_structure('H2')))


def test_kinds_matter(generate_structure):
    """Antiferromagnetic NiO: two kinds of nickel make the cell rhombohedral; its path is not that of rock salt."""
    path, _ = special_points(to_geometry(generate_structure('NiO')))
    assert ('GAMMA', 'T') in path


def test_every_segment_has_a_point_inside():
    """Two labelled neighbours can only be a jump, however short a segment is."""
    points = {'A': np.zeros(3), 'B': np.array([0.001, 0, 0]), 'C': np.array([0.5, 0, 0]), 'D': np.array([0.5, 0.5, 0])}
    kpoints, labels = sampled_path([('A', 'B'), ('C', 'D')], points, np.eye(3), 10.0)
    assert labels == [(0, 'A'), (2, 'B'), (3, 'C'), (5, 'D')]
    assert kpoints[1] == pytest.approx([0.0005, 0, 0])


def test_bad_distance():
    with pytest.raises(ValueError, match='must be positive'):
        sampled_path([('A', 'B')], {'A': np.zeros(3), 'B': np.ones(3)}, np.eye(3), 0.0)
