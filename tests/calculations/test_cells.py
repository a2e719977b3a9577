"""The way back from CRYSTAL's cell to the user's, for everything that has a direction or belongs to an atom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry import SymmetryError, reduce

SKEWED = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
"""A proper rotation that mixes all three axes."""

QUARTZ = [[4.91, 0, 0], [-2.455, 4.2522, 0], [0, 0, 5.40]]
SITES = [(0.47, 0, 1 / 3), (0, 0.47, 2 / 3), (-0.47, -0.47, 0), (0.413, 0.267, 0.214 + 1 / 3)]


def user_structure(repeat=(1, 1, 1), turn=SKEWED):
    """Return a low-symmetry arrangement in a turned cell that may be a multiple, its atoms in an order of their own."""
    cell = np.array(QUARTZ) @ turn
    places, numbers = [], []
    for shift in np.ndindex(*repeat):
        for site, number in zip(SITES, (14, 14, 14, 8), strict=True):
            places.append((np.array(site) + shift) / repeat)
            numbers.append(number)
    order = np.random.default_rng(11).permutation(len(places))
    return Geometry.from_fractional(
        cell * np.array(repeat)[:, None], np.array(places)[order], [numbers[i] for i in order]
    )


def printed_of(reduced):
    """Return CRYSTAL's cell as another setting might print it: turned, and its atoms in another order."""
    crystal = reduced.crystal_geometry
    turn = SKEWED[[1, 2, 0]]
    turned = Geometry.from_fractional(crystal.cell @ turn, crystal.fractional, crystal.numbers)
    return turned.with_sites(turned.sites[i] for i in [2, 0, 3, 1])


@pytest.fixture
def cells():
    reduced = reduce(user_structure())
    return CellMap(reduced, printed_of(reduced))


def test_many_points_are_told_with_one_alignment(cells, monkeypatch):
    """Finding the way between two cells of many atoms takes long: not for every point of an optimisation."""
    from aiida_crystalmath.crystal.symmetry import reduction

    printed = printed_of(reduce(user_structure()))
    monkeypatch.setattr(reduction, 'align', lambda *_, **__: pytest.fail('aligned again'))
    told = [cells.restore(printed.with_positions(printed.positions + shift)) for shift in (0.0, 0.01)]
    assert np.allclose(told[0].positions, user_structure().positions, atol=1e-6)
    assert np.allclose(np.linalg.norm(told[1].positions - told[0].positions, axis=1), 0.01 * np.sqrt(3))


@pytest.mark.parametrize('repeat', [(1, 1, 1), (2, 1, 1)])
def test_vectors_follow_the_atoms(repeat):
    """A displacement of the atoms, told as vectors, is the difference of the geometries told in the user's cell."""
    reduced = reduce(user_structure(repeat))
    printed = printed_of(reduced)
    cells = CellMap(reduced, printed)
    vectors = np.random.default_rng(2).normal(size=(4, 3))
    moved = printed.with_positions(printed.positions + 0.01 * vectors)
    difference = cells.restore(moved).positions - cells.restore(printed).positions
    assert np.allclose(cells.atom_tensors(vectors), difference / 0.01, atol=1e-6)
    assert np.linalg.norm(difference) > 0.01
    assert cells.is_primitive == (repeat == (1, 1, 1))


def test_eigenvectors_stay_orthonormal_and_follow_the_atoms(cells):
    modes = np.linalg.qr(np.random.default_rng(4).normal(size=(12, 12)))[0].reshape(12, 4, 3)
    told = cells.atom_tensors(modes, axis=1)
    assert np.allclose(told.reshape(12, 12) @ told.reshape(12, 12).T, np.eye(12))
    assert np.allclose(told[5], cells.atom_tensors(modes[5]))


def test_charge_tensors_act_on_told_vectors(cells):
    """Z u is a dipole: computed in the user's axes it is the told dipole, atom by atom; the sum rule holds as well."""
    random = np.random.default_rng(6)
    charges = random.normal(size=(4, 3, 3))
    charges[-1] = -charges[:-1].sum(axis=0)
    displacements = random.normal(size=(4, 3))
    dipoles = np.einsum('nij,nj->ni', charges, displacements)
    told = np.einsum('nij,nj->ni', cells.atom_tensors(charges, 2), cells.atom_tensors(displacements))
    assert np.allclose(told, cells.atom_tensors(dipoles))
    assert np.allclose(cells.atom_tensors(charges, 2).sum(axis=0), 0)


def test_tensor_of_the_cell(cells):
    """An optic axis along CRYSTAL's c stays along the c that is told."""
    axis = np.array([0.3, -0.2, 0.9])
    told = cells.tensors(np.outer(axis, axis))
    assert np.allclose(told, np.outer(cells.tensors(axis, 1), cells.tensors(axis, 1)))


def test_k_points_go_there_and_back(cells):
    points = np.array([[0.5, 0, 0], [1 / 3, 1 / 3, 0.1]])
    assert np.allclose(cells.from_crystal_k(cells.to_crystal_k(points)), points)


def test_ghosts_are_found_though_they_are_printed_without_element():
    """Charges and relaxed positions of a cell with a ghost come back, the ghost as the atom it was."""
    user = user_structure()
    ghost = user.numbers.index(8)
    user = user.with_sites(replace(site, ghost=index == ghost) for index, site in enumerate(user.sites))
    reduced = reduce(user)
    expected = reduced.crystal_geometry
    printed = expected.with_sites(
        replace(site, number=0 if site.ghost else site.number, ghost=False, kind='') for site in expected.sites
    )
    cells = CellMap(reduced, printed)
    assert cells.is_users
    assert cells.atoms(printed.numbers) == [0 if site.ghost else site.number for site in user.sites]
    relaxed = cells.restore(printed.with_positions(printed.positions + 0.01))
    assert relaxed.numbers == user.numbers
    assert relaxed.sites[ghost].ghost


def test_another_cell_is_left_as_it_is():
    reduced = reduce(user_structure())
    other = Geometry.from_fractional(np.eye(3) * 4, [(0, 0, 0), (0.5, 0.5, 0.5)], [11, 17])
    cells = CellMap(reduced, other, edited=True)
    vectors = np.random.default_rng(2).normal(size=(2, 3))
    assert np.array_equal(cells.atom_tensors(vectors), vectors)
    assert np.array_equal(cells.rotation, np.eye(3))
    assert not cells.is_primitive
    with pytest.raises(SymmetryError, match='edits'):
        cells.from_crystal_k([[0, 0, 0]])


def test_restarted_run_elsewhere_keeps_the_way_of_its_input():
    """It began at another point, so that positions do not match: the input's own way is taken."""
    reduced = reduce(user_structure())
    crystal = reduced.crystal_geometry
    elsewhere = crystal.with_positions(crystal.positions + 0.05 * np.random.default_rng(1).normal(size=(4, 3)))
    cells = CellMap(reduced, elsewhere, restarted=True)
    assert np.allclose(cells.rotation, reduced.mapping.rotation)
    assert np.allclose(cells.from_crystal_k([[0.5, 0, 0]]), reduced.from_crystal_fractional_k([[0.5, 0, 0]]))
