"""The standard primitive cell: every atom is accounted for, k-points go along, kinds stay apart."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.data.structure import to_geometry
from aiida_crystalmath.workflows.multicode.primitive import mesh_for_distance, standard_primitive


def lengths_of_k(geometry, points):
    return np.linalg.norm(np.asarray(points) @ geometry.reciprocal_cell, axis=1)


def check(geometry, cell):
    """Check the map of atoms by the bonds of every atom, and k-points by their lengths: both outlive a rotation."""
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (6, 3))
    assert lengths_of_k(cell.geometry, cell.kpoints(points)) == pytest.approx(lengths_of_k(geometry, points), abs=1e-3)
    volume = abs(np.linalg.det(geometry.cell)) / abs(np.linalg.det(cell.geometry.cell))
    kept = [index for index, new in enumerate(cell.atom_map) if new is not None]
    assert volume == pytest.approx(len(kept) / len(cell.geometry), rel=1e-6)
    for index in kept:
        assert cell.geometry.sites[cell.atom_map[index]].number == geometry.sites[index].number
        old, new = shells(geometry, index, kept), shells(cell.geometry, cell.atom_map[index])
        assert old == pytest.approx(new, abs=5e-3)


def shells(geometry, index, kept=None, n=12):
    """Return the n shortest distances from an atom to others, images too, with their elements."""
    kept = range(len(geometry)) if kept is None else kept
    grid = np.array(np.meshgrid(*[np.arange(-3, 4)] * 3)).reshape(3, -1).T @ geometry.cell
    start = np.asarray(geometry.sites[index].position)
    found = []
    for other in kept:
        lengths = np.linalg.norm(np.asarray(geometry.sites[other].position) + grid - start, axis=1)
        found += [length + 1e-9 * geometry.sites[other].number for length in lengths if length > 1e-6]
    return sorted(found)[:n]


@pytest.mark.parametrize('name', ['MgO', 'MgO-conventional', 'NiO'])
def test_structures(generate_structure, name):
    geometry = to_geometry(generate_structure(name))
    cell = standard_primitive(geometry)
    check(geometry, cell)
    assert len(cell.geometry) == {'MgO': 2, 'MgO-conventional': 2, 'NiO': 4}[name]


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('run', 'n_atoms', 'symbol'),
    [
        ('mgo_opt_c22', 2, 'Fm-3m'),
        ('quartz_hf_freq', 9, None),
        ('corundum_qha', 10, 'R-3c'),
        ('dryice_ir', 12, 'Pa-3'),
        ('si_supercell_grad', 128, 'Cm'),  # atoms are displaced in it
    ],
)
def test_geometries_that_crystal_printed(corpus, truth, run, n_atoms, symbol):
    output = parse_stdout(corpus / run / truth[run]['file'])
    geometry = output.final_geometry or output.initial_geometry
    cell = standard_primitive(geometry, 1e-3)
    assert len(cell.geometry) == n_atoms
    assert symbol is None or cell.symbol == symbol
    if len(geometry) < 40:
        check(geometry, cell)


def test_a_rotated_and_shifted_cell_comes_to_the_same(generate_structure):
    geometry = to_geometry(generate_structure('MgO-conventional'))
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = Geometry(geometry.cell @ turn, 3, tuple(
        site.moved_to(np.add(site.position, (0.3, 0.1, 0.7)) @ turn) for site in geometry.sites
    ))  # fmt: skip
    one, other = standard_primitive(geometry), standard_primitive(moved)
    assert other.geometry.cell == pytest.approx(one.geometry.cell, abs=1e-8)
    check(moved, other)


def test_an_antiferromagnet_keeps_its_cell(generate_structure):
    """Ni1 and Ni2 are different atoms: the cell is that of the magnetic order, not of the crystal."""
    structure = generate_structure('NiO')
    assert len(standard_primitive(to_geometry(structure)).geometry) == 4
    plain = to_geometry(structure)
    plain = plain.with_sites([site.__class__(site.number, site.position) for site in plain.sites])
    assert len(standard_primitive(plain).geometry) == 2


def test_ghosts_are_left_out(generate_structure):
    structure = generate_structure('NiO')
    cell = standard_primitive(to_geometry(structure, {'O': {'ghost': True}}))
    assert [new is None for new in cell.atom_map] == [False, False, True, True]
    assert {site.number for site in cell.geometry.sites} == {28}


def test_noise_of_a_relaxation_is_taken_away_and_told(generate_structure):
    geometry = to_geometry(generate_structure('MgO-conventional'))
    noisy = geometry.with_positions(geometry.positions + np.random.default_rng(2).uniform(-2e-5, 2e-5, (8, 3)))
    cell = standard_primitive(noisy, 1e-3)
    assert cell.number == 225
    assert 0 < cell.displacement_angstrom < 1e-3


def test_slabs_and_molecules_are_refused(generate_structure):
    for name in ('graphene', 'H2O'):
        with pytest.raises(ValueError, match='plane waves need a cell that repeats in three'):
            standard_primitive(to_geometry(generate_structure(name)))


def test_mesh_of_a_distance():
    cube = Geometry.from_arrays(np.eye(3) * 4.0, [[0, 0, 0]], [12])
    step = 2 * np.pi / 4.0
    assert mesh_for_distance(cube, step / 3) == [3, 3, 3]
    assert mesh_for_distance(cube, step / 3 - 1e-3) == [4, 4, 4]
    with pytest.raises(ValueError, match='positive'):
        mesh_for_distance(cube, 0.0)
