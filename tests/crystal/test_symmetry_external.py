"""Structures that go through fort.34: slabs, polymers, molecules; kinds, supercells, unusual axes; and no symmetry."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.inputs.geometry_block import AtomLine, GeometryBlock
from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
from aiida_crystalmath.crystal.symmetry import SymmetryError, align, expand, layer_setting, reduce

ONE = (AtomLine(conventional_number=8, position=(0, 0, 0)),)
D = 2.46
HEXAGON = np.array([[D, 0, 0], [-D / 2, D * 3**0.5 / 2, 0], [0, 0, 20.0]])
GRAPHENE = Geometry.from_fractional(HEXAGON, [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]], [6, 6], 2)
CHAIN = Geometry.from_arrays(np.diag([2.5, 20, 20]), [[0, 0, 0.3], [1.25, 0, -0.3]], [6, 6], 1)
WATER = Geometry.from_arrays(
    np.zeros((3, 3)), [[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692]], [8, 1, 1], 0
)
A = 4.164
NIO = Geometry.from_fractional(
    A * np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]),
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]],
    [28, 28, 8, 8],
)
MGO = Geometry.from_fractional(
    4.21 * np.eye(3),
    [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
    [12] * 4 + [8] * 4,
)


def turned(geometry: Geometry, seed: int, order=(0, 1, 2), shift=(0.3, 0.1, 2.0)) -> Geometry:
    """Return a rigidly rotated, shifted structure whose cell vectors stand in another order."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    matrix[:, 0] *= np.sign(np.linalg.det(matrix))
    pbc = geometry.pbc
    return Geometry(
        (geometry.cell @ matrix)[list(order)],
        geometry.dimensionality,
        tuple(site.moved_to((np.array(site.position) + shift) @ matrix) for site in geometry.sites),
        (pbc[order[0]], pbc[order[1]], pbc[order[2]]),
    )


def doubled(geometry: Geometry) -> Geometry:
    sites = geometry.sites + tuple(site.moved_to(np.array(site.position) + geometry.cell[0]) for site in geometry.sites)
    return Geometry(np.diag([2, 1, 1]) @ geometry.cell, geometry.dimensionality, sites)


def assert_comes_back(geometry: Geometry, mode='auto'):
    reduced = reduce(geometry, mode=mode)
    for result in (
        reduced.restore(reduced.crystal_geometry),
        reduced.restore(reduced.crystal_geometry, initial=reduced.crystal_geometry),
    ):
        np.testing.assert_allclose(result.cell, geometry.cell, atol=1e-6)
        np.testing.assert_allclose(result.positions, geometry.positions, atol=1e-6)
        assert result.kinds == geometry.kinds
        assert result.pbc == geometry.pbc
    k = np.random.default_rng(1).random((5, 3))
    np.testing.assert_allclose(reduced.from_crystal_fractional_k(reduced.to_crystal_fractional_k(k)), k, atol=1e-12)
    return reduced


def n_operators(reduced) -> int:
    content = read_fort34(reduced.external)
    geometry = content.geometry
    for rotation, translation in zip(content.symmops.rotations, content.symmops.translations, strict=True):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-10)
        images = geometry.positions @ rotation.T + translation
        change = (images[:, None] - geometry.positions[None]) @ np.linalg.inv(geometry.frame)
        change[..., : geometry.dimensionality] -= np.rint(change[..., : geometry.dimensionality])
        assert np.linalg.norm(change @ geometry.frame, axis=2).min(axis=1).max() < 1e-4
    return len(content.symmops)


@pytest.mark.parametrize('order', list(itertools.permutations(range(3))))
def test_vacuum_anywhere(order):
    geometry = turned(GRAPHENE, 1, order)
    reduced = assert_comes_back(geometry)
    assert reduced.block.keyword == 'EXTERNAL'
    assert n_operators(reduced) == 24
    cell = reduced.crystal_geometry.cell
    np.testing.assert_allclose(cell[:2, 2], 0, atol=1e-12)
    np.testing.assert_allclose(cell[2], [0, 0, 500])


def test_flat_slab_keeps_its_orientation():
    reduced = assert_comes_back(GRAPHENE)
    np.testing.assert_allclose(reduced.crystal_geometry.cell[:2], HEXAGON[:2], atol=1e-12)


def test_supercell_of_a_slab_runs_in_the_primitive_cell():
    reduced = assert_comes_back(doubled(GRAPHENE))
    assert len(reduced.crystal_geometry) == 2
    assert n_operators(reduced) == 24
    # The folded K point of graphene: (1/3, 1/3) of the primitive cell in units of the doubled one.
    assert abs(np.linalg.det(reduced.mapping.multiples)) == pytest.approx(2)


@pytest.mark.parametrize('order', [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_polymer_along_any_vector(order):
    reduced = assert_comes_back(turned(CHAIN, 2, order))
    np.testing.assert_allclose(reduced.crystal_geometry.cell, np.diag([2.5, 500, 500]), atol=1e-9)
    assert n_operators(reduced) == 8
    assert len(assert_comes_back(doubled(CHAIN)).crystal_geometry) == 2


def test_molecules():
    assert n_operators(assert_comes_back(WATER)) == 4
    assert n_operators(assert_comes_back(turned(WATER, 3))) == 4
    reduced = assert_comes_back(WATER, mode='none')
    assert (reduced.block.keyword, reduced.block.group, reduced.external) == ('MOLECULE', 1, None)
    np.testing.assert_allclose(reduced.crystal_geometry.positions, WATER.positions)


def test_relaxed_slab_comes_back_in_the_users_frame():
    geometry = turned(GRAPHENE, 1, (0, 2, 1))
    reduced = reduce(geometry)
    start = reduced.crystal_geometry
    cell = np.array(start.cell)
    cell[:2] *= 1.02
    relaxed = start.with_positions(start.positions * [1.02, 1.02, 1] + [0, 0, 0.05], cell)
    result = reduced.restore(relaxed, initial=start)
    np.testing.assert_allclose(result.cell[[0, 2]], 1.02 * geometry.cell[[0, 2]], atol=1e-9)
    np.testing.assert_allclose(result.cell[1], geometry.cell[1], atol=1e-12)
    assert result.measure == pytest.approx(1.02**2 * geometry.measure)
    bond = np.linalg.norm(result.positions[0] - result.positions[1])
    assert bond == pytest.approx(1.02 * D / 3**0.5, abs=1e-6)


@pytest.mark.parametrize(
    'different',
    [{'kind': 'Ni2'}, {'spin': -1}, {'ghost': True}, {'variant': 1}, {'ecp': True}],
    ids=lambda change: next(iter(change)),
)
def test_unlike_atoms_lower_the_symmetry(different):
    from dataclasses import replace

    sites = (NIO.sites[0], replace(NIO.sites[1], **different), *NIO.sites[2:])
    reduced = assert_comes_back(NIO.with_sites(sites))
    assert reduced.space_group == 166
    assert len(reduced.crystal_geometry) == 4
    assert reduce(NIO).space_group == 225
    assert len(reduce(NIO).crystal_geometry) == 2


def test_conventional_cell_in_every_mode():
    reduced = assert_comes_back(MGO)
    assert (reduced.space_group, reduced.block.cell, len(reduced.crystal_geometry)) == (225, (4.21,), 2)
    np.testing.assert_allclose(reduced.crystal_geometry.cell, 2.105 * (1 - np.eye(3)))
    assert assert_comes_back(MGO, mode='space_group').block == reduced.block
    external = assert_comes_back(MGO, mode='external')
    assert (external.block.keyword, n_operators(external), len(external.crystal_geometry)) == ('EXTERNAL', 48, 2)
    none = assert_comes_back(MGO, mode='none')
    assert (none.block.keyword, none.block.group, len(none.crystal_geometry)) == ('CRYSTAL', 1, 8)


def test_k_points_follow_the_cell():
    """X of the conventional MgO cell, (1, 0, 0), is (0, 1/2, 1/2) of the fcc cell (0, a/2, a/2), ..."""
    reduced = reduce(MGO)
    k = reduced.to_crystal_fractional_k([[1, 0, 0], [0.5, 0.5, 0.5]])
    cartesian = k @ reduced.crystal_geometry.reciprocal_cell
    np.testing.assert_allclose(cartesian @ reduced.mapping.rotation, [[1, 0, 0], [0.5, 0.5, 0.5]] @ MGO.reciprocal_cell)


def test_left_handed_cells():
    assert_comes_back(Geometry(MGO.cell[[1, 0, 2]], 3, MGO.sites))
    quartz = expand(
        GeometryBlock(
            keyword='CRYSTAL',
            group=154,
            cell=(4.9, 5.4),
            atoms=(
                AtomLine(conventional_number=14, position=(0.47, 0, 2 / 3)),
                AtomLine(conventional_number=8, position=(0.415, 0.267, 0.786)),
            ),
        )
    )
    # The same crystal in a left-handed cell stays in P 32 2 1, its mirror image is in P 31 2 1.
    assert assert_comes_back(Geometry(quartz.cell[[1, 0, 2]], 3, quartz.sites)).space_group == 154
    mirror = quartz.with_positions(quartz.positions * [1, 1, -1], quartz.cell * [1, 1, -1])
    assert assert_comes_back(mirror).space_group == 152


def test_output_in_another_basis_orientation_and_order():
    """What CRYSTAL prints need not be what we expect: `initial` says how they are related."""
    reduced = reduce(NIO.with_sites([Site(28, NIO.sites[0].position, kind='Ni1'), *NIO.sites[1:]]))
    expected = reduced.crystal_geometry
    basis = np.array([[1.0, 1, 0], [0, 1, 0], [0, 0, 1]])
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    printed = expected.with_positions((expected.positions + np.array([0, 0, 0.2])) @ turn, basis @ expected.cell @ turn)
    relaxed = printed.with_positions(printed.positions * 1.01, printed.cell * 1.01)
    result = reduced.restore(relaxed, initial=printed)
    np.testing.assert_allclose(result.cell, 1.01 * NIO.cell, atol=1e-8)
    np.testing.assert_allclose(result.fractional, NIO.fractional, atol=1e-8)


def test_foreign_outputs_are_refused():
    reduced = reduce(MGO)
    wrong = Geometry.from_arrays(np.eye(3) * 3, [[0, 0, 0], [1.5, 1.5, 1.5]], [12, 8])
    with pytest.raises(SymmetryError, match='not the same structure'):
        reduced.restore(wrong, initial=wrong)
    with pytest.raises(SymmetryError, match='8 atoms in the primitive cell'):
        reduced.restore(MGO, initial=MGO)
    swapped = reduced.crystal_geometry.with_sites(reversed(reduced.crystal_geometry.sites))
    with pytest.raises(SymmetryError, match='`initial`'):
        reduced.restore(swapped)
    with pytest.raises(SymmetryError):
        align(MGO, GRAPHENE)


def test_bad_requests():
    with pytest.raises(ValueError, match='mode must be'):
        reduce(MGO, mode='full')
    with pytest.raises(ValueError, match='needs a crystal'):
        reduce(GRAPHENE, mode='space_group')
    with pytest.raises(ValueError, match='no atoms'):
        reduce(Geometry(np.eye(3), 3, ()))
    crowded = MGO.with_sites([*MGO.sites, MGO.sites[0]])
    with pytest.raises(SymmetryError, match='closer than symprec'):
        reduce(crowded)


@pytest.mark.parametrize(
    ('block', 'message'),
    [
        (GeometryBlock(keyword='MOLECULE', group=15, atoms=ONE), 'group 1'),
        (GeometryBlock(keyword='POLYMER', group=4, cell=(3.0,), atoms=ONE), 'rod'),
        (GeometryBlock(keyword='EXTERNAL'), 'fort.34'),
        (GeometryBlock(keyword='DLVINPUT'), 'not covered'),
        (
            GeometryBlock(
                keyword='CRYSTAL', group=225, ifhr=1, cell=(4.0,), atoms=ONE
            ),
            'not rhombohedral',
        ),
        (
            GeometryBlock(
                keyword='CRYSTAL', iflag=1, group='Q 1', cell=(4.0,), atoms=ONE
            ),
            'not a space-group symbol',
        ),
    ],
)  # fmt: skip
def test_blocks_that_are_not_covered(block, message):
    with pytest.raises(SymmetryError, match=message):
        expand(block)


@pytest.mark.parametrize('number', range(1, 81))
def test_layer_groups_leave_c_alone(number):
    """All 80 layer groups expand to a slab with as many atoms as operators, all of them operators of the slab."""
    size = 1 if number >= 49 else 2 if number >= 8 else 3
    block = GeometryBlock(
        keyword='SLAB',
        group=number,
        cell=(5.1, 6.3, 97.0)[:size],
        atoms=(AtomLine(conventional_number=8, position=(0.12, 0.27, 0.9)),),
    )
    geometry = expand(block)
    from aiida_crystalmath.crystal.symmetry.settings import operators

    assert len(geometry) == len(operators(layer_setting(number).hall_number))
    assert {round(abs(z), 9) for z in geometry.positions[:, 2]} == {0.9}
    reduced = reduce(geometry, mode='external')
    assert n_operators(reduced) % len(geometry) == 0


def test_a_block_that_does_not_reproduce_the_structure_is_not_used(monkeypatch):
    """If CRYSTAL would build another cell than the standard one, it goes through fort.34, with the reason."""
    from aiida_crystalmath.crystal.symmetry import reduction

    monkeypatch.setattr(reduction, 'primitive_matrix', lambda centring: np.diag([1.0, 1.0, 0.5]))
    reduced = assert_comes_back(MGO)
    assert (reduced.block.keyword, n_operators(reduced)) == ('EXTERNAL', 48)
    assert 'given cell' in reduced.reason or 'counterpart' in reduced.reason


def test_nearly_symmetric_structures_become_symmetric_within_the_tolerance():
    rng = np.random.default_rng(4)
    noisy = MGO.with_positions(
        MGO.positions + 2e-4 * rng.normal(size=(8, 3)), MGO.cell + 2e-5 * rng.normal(size=(3, 3))
    )
    assert reduce(noisy).space_group == 1
    reduced = reduce(noisy, symprec=1e-2)
    assert (reduced.space_group, len(reduced.crystal_geometry)) == (225, 2)
    result = reduced.restore(reduced.crystal_geometry)
    np.testing.assert_allclose(result.positions, noisy.positions, atol=1e-2)
    assert np.abs(result.positions - noisy.positions).max() > 1e-5
