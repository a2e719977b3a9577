"""All 230 space groups: reduce, expand, restore, in the cells, orientations and relaxations that occur."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import spglib

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.inputs.geometry_block import AtomLine, GeometryBlock, cell_size
from aiida_crystalmath.crystal.symmetry import expand, reduce, setting
from aiida_crystalmath.crystal.symmetry.lattice import minimal_cell, primitive_matrix

GROUPS = range(1, 231)
CELL = (7.1, 8.3, 9.7, 81.0, 97.0, 104.0)
CELLS = ('primitive', 'conventional', 'supercell')


def block_of(number: int, rng: np.random.Generator) -> GeometryBlock:
    while True:
        positions = rng.random((2, 3))
        block = GeometryBlock(
            keyword='CRYSTAL',
            group=number,
            cell=minimal_cell(number, CELL),
            atoms=tuple(
                AtomLine(conventional_number=z, position=tuple(x)) for z, x in zip((8, 12), positions, strict=True)
            ),
        )
        # General positions only, so far from symmetry elements that a small displacement cannot reach one.
        if min(_distances(expand(block))) > 0.12:
            return block


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix[:, 0] *= np.sign(np.linalg.det(matrix))
    return matrix


def supercell(geometry: Geometry, multiples: np.ndarray) -> Geometry:
    inverse = np.linalg.inv(multiples)
    inside = [
        np.array(shift)
        for shift in itertools.product(range(-3, 4), repeat=3)
        if ((np.array(shift) @ inverse > -1e-9) & (np.array(shift) @ inverse < 1 - 1e-9)).all()
    ]
    assert len(inside) == round(abs(np.linalg.det(multiples)))
    sites = [
        site.moved_to(np.array(site.position) + shift @ geometry.cell) for shift in inside for site in geometry.sites
    ]
    return Geometry(multiples @ geometry.cell, 3, tuple(sites))


def multiples_of(number: int, cell: str) -> np.ndarray:
    if cell == 'conventional':
        return np.rint(np.linalg.inv(primitive_matrix(setting(number).centring)))
    return np.diag([2.0, 1.0, 1.0]) if cell == 'supercell' else np.eye(3)


class User:
    """A user's form of a primitive cell: other cell, orientation, origin, order of atoms; follows every relaxation."""

    def __init__(self, geometry: Geometry, multiples: np.ndarray, rng: np.random.Generator) -> None:
        self.multiples = multiples
        self.rotation = random_rotation(rng)
        self.order = rng.permutation(round(abs(np.linalg.det(multiples))) * len(geometry))
        self.origin = rng.random(3)

    def form(self, geometry: Geometry) -> Geometry:
        big = supercell(geometry, self.multiples)
        shift = self.origin @ geometry.cell
        sites = (big.sites[i].moved_to((np.array(big.sites[i].position) + shift) @ self.rotation) for i in self.order)
        return Geometry(big.cell @ self.rotation, 3, tuple(sites))


def assert_same(one: Geometry, other: Geometry, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(one.cell, other.cell, atol=tolerance)
    np.testing.assert_allclose(one.positions, other.positions, atol=tolerance)
    assert one.kinds == other.kinds


@pytest.mark.parametrize('number', GROUPS)
def test_round_trip(number):
    rng = np.random.default_rng(number)
    primitive = expand(block_of(number, rng))
    for cell in CELLS:
        geometry = User(primitive, multiples_of(number, cell), rng).form(primitive)
        reduced = reduce(geometry)
        assert (reduced.block.keyword, reduced.space_group, reduced.reason) == ('CRYSTAL', number, '')
        assert len(reduced.block.cell) == cell_size('CRYSTAL', number)
        assert len(reduced.crystal_geometry) == len(primitive)
        assert_same(expand(reduced.block).with_sites(reduced.crystal_geometry.sites), reduced.crystal_geometry)
        np.testing.assert_allclose(expand(reduced.block).positions, reduced.crystal_geometry.positions, atol=1e-12)
        assert_same(reduced.restore(reduced.crystal_geometry), geometry)
        assert_same(reduced.restore(reduced.crystal_geometry, initial=reduced.crystal_geometry), geometry)
        assert [geometry.numbers[i] for i in range(len(geometry))] == [
            reduced.crystal_geometry.numbers[j] for j in reduced.atom_map
        ]


@pytest.mark.parametrize('number', GROUPS)
def test_relaxation_comes_back(number):
    """A symmetric strain and displacement of CRYSTAL's cell gives the user's cell the same metric and distances."""
    rng = np.random.default_rng(1000 + number)
    primitive = expand(block_of(number, rng))
    cell = CELLS[number % 3]
    user = User(primitive, multiples_of(number, cell), rng)
    reduced = reduce(user.form(primitive))

    # CRYSTAL relaxes its own block: longer cell, the atoms elsewhere by less than their distance to symmetry elements.
    block = reduced.block
    angles = {'triclinic': 3, 'monoclinic': 1}.get(setting(number).family, 0)
    lengths = len(block.cell) - angles
    stretch = (1.02, 1.01, 0.985)[:lengths]
    new_cell = (*(a * s for a, s in zip(block.cell, stretch, strict=False)), *(x + 0.5 for x in block.cell[lengths:]))
    moved = tuple(
        atom.model_copy(update={'position': tuple(np.array(atom.position) + 0.001 * rng.normal(size=3))})
        for atom in block.atoms
    )
    relaxed = expand(block.model_copy(update={'cell': new_cell, 'atoms': moved}))
    assert len(relaxed) == len(reduced.crystal_geometry)

    result = reduced.restore(relaxed, initial=expand(block))
    np.testing.assert_allclose(result.cell @ result.cell.T, _metric(reduced, relaxed), atol=1e-8)
    assert result.volume_angstrom3 / relaxed.volume_angstrom3 == pytest.approx(len(result) / len(relaxed))
    # Same structure: the crystal that the result describes is the relaxed one, found by distances, not by our own maps.
    again = reduce(result, symprec=1e-6)
    assert again.space_group == number
    np.testing.assert_allclose(sorted(_distances(again.crystal_geometry)), sorted(_distances(relaxed)), atol=1e-5)
    # And the atoms kept their identity: none moved further than the relaxation moves it.
    before, after = reduced.source, result
    change = after.fractional - before.fractional
    change -= np.rint(change)
    assert np.abs(change).max() < 0.03


def _metric(reduced, relaxed: Geometry) -> np.ndarray:
    cell = np.rint(reduced.source.cell @ np.linalg.inv(_oriented(reduced))) @ relaxed.cell
    return cell @ cell.T


def _oriented(reduced) -> np.ndarray:
    """Return CRYSTAL's primitive cell in the user's orientation."""
    return np.linalg.inv(reduced.mapping.multiples) @ reduced.source.cell


def _distances(geometry: Geometry) -> np.ndarray:
    """Return the distances of all pairs of atoms to nearest images, a fingerprint of the structure."""
    pairs = np.array(list(itertools.combinations(range(len(geometry)), 2))).reshape(-1, 2)
    shifts = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3))) @ geometry.cell
    change = geometry.fractional[pairs[:, 0]] - geometry.fractional[pairs[:, 1]]
    change = (change - np.rint(change)) @ geometry.cell
    return np.array([np.linalg.norm(row + shifts, axis=1).min() for row in change])


@pytest.mark.parametrize('number', GROUPS)
def test_expanded_block_has_its_group(number):
    geometry = expand(block_of(number, np.random.default_rng(5000 + number)))
    found = spglib.get_symmetry_dataset((geometry.cell, geometry.fractional, geometry.numbers), symprec=1e-6)
    assert found.number == number


@pytest.mark.parametrize('number', [48, 50, 59, 68, 70, 85, 86, 88, 125, 129, 141, 201, 203, 222, 227, 228])
def test_both_origins(number):
    """The two origin choices put the same coordinates on different symmetry, of the same group."""
    rng = np.random.default_rng(number)
    block = block_of(number, rng)
    first = expand(block.model_copy(update={'ifso': 1}))
    second = expand(block)
    for geometry in (first, second):
        found = spglib.get_symmetry_dataset((geometry.cell, geometry.fractional, geometry.numbers), symprec=1e-6)
        assert found.number == number
    # With the second choice the origin is a centre of symmetry: every atom has its inverse.
    change = second.fractional[:, None] + second.fractional[None]
    assert np.abs(change - np.rint(change)).max(axis=2).min(axis=1).max() < 1e-9
    change = first.fractional[:, None] + first.fractional[None]
    assert np.abs(change - np.rint(change)).max(axis=2).min(axis=1).max() > 1e-4


@pytest.mark.parametrize('number', [146, 148, 155, 160, 161, 166, 167])
def test_rhombohedral_axes_give_the_same_crystal(number):
    rng = np.random.default_rng(number)
    hexagonal = block_of(number, rng)
    primitive = expand(hexagonal)
    a, alpha = primitive.cell_parameters[0], primitive.cell_parameters[3]
    rows = [primitive.fractional[[z == w for w in primitive.numbers]][0] for z in (8, 12)]
    atoms = tuple(AtomLine(conventional_number=z, position=tuple(x)) for z, x in zip((8, 12), rows, strict=True))
    block = GeometryBlock(keyword='CRYSTAL', group=number, ifhr=1, cell=(a, alpha), atoms=atoms)
    other = expand(block)
    np.testing.assert_allclose(other.cell, primitive.cell, atol=1e-9)
    change = other.fractional[:, None] - primitive.fractional[None]
    assert np.abs(change - np.rint(change)).max(axis=2).min(axis=1).max() < 1e-9
    assert len(other) == len(primitive)


@pytest.mark.parametrize(('number', 'wanted'), [(1, 6), (14, 4), (62, 3), (136, 2), (167, 2), (194, 2), (227, 1)])
def test_minimal_cells(number, wanted):
    assert len(minimal_cell(number, (5, 5, 5, 90, 90, 90))) == wanted


def test_minimal_cell_of_rhombohedral_axes():
    assert minimal_cell(167, (5.1, 5.1, 5.1, 55.3, 55.3, 55.3), ifhr=1) == pytest.approx((5.1, 55.3))
