"""Tensors in other axes."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.tensors import VOIGT, rotate, rotate_piezoelectric, rotate_voigt, rotates_periodic_axes


def turn(*axis_and_angle):
    """Return the rotation of row vectors by an angle (degrees) about an axis."""
    *axis, angle = axis_and_angle
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    radians = np.radians(angle)
    return (np.eye(3) + np.sin(radians) * skew + (1 - np.cos(radians)) * skew @ skew).T


CUBIC = np.diag([292.0, 292, 292, 155, 155, 155]) + 91.0 * np.pad(1 - np.eye(3), (0, 3))
"""MgO, roughly: C11, C12 and C44 in GPa."""


def test_vectors_and_tensors_turn_together():
    random = np.random.default_rng(3)
    r = turn(1, 2, 3, 40)
    v, w, t = random.random((5, 3)), random.random(3), random.random((5, 3, 3))
    assert np.allclose(rotate(v, r, 1), v @ r)
    # The scalar v.T.w is the same in all axes.
    scalar = np.einsum('ni,nij,j->n', v, t, w)
    assert np.allclose(np.einsum('ni,nij,j->n', rotate(v, r, 1), rotate(t, r), w @ r), scalar)
    assert np.allclose(rotate(np.eye(3), r), np.eye(3))


def test_rank_three_changes_sign_under_inversion():
    piezoelectric = np.random.default_rng(3).random((3, 3, 3))
    assert np.allclose(rotate(piezoelectric, -np.eye(3), 3), -piezoelectric)


def test_a_quarter_turn_leaves_a_cubic_crystal_as_it_is():
    assert np.allclose(rotate_voigt(CUBIC, turn(0, 0, 1, 90)), CUBIC)


def test_cubic_crystal_turned_by_45_degrees():
    """C'11 = (C11 + C12)/2 + C44 along [110]; the textbook's value (Nye, ch. VIII)."""
    turned = rotate_voigt(CUBIC, turn(0, 0, 1, 45))
    assert turned[0, 0] == pytest.approx((292 + 91) / 2 + 155)
    assert turned[5, 5] == pytest.approx((292 - 91) / 2)
    assert turned[2, 2] == pytest.approx(292)


def test_compliance_is_the_inverse_in_all_axes():
    r = turn(3, -1, 2, 77)
    assert np.allclose(rotate_voigt(np.linalg.inv(CUBIC), r, 'compliance') @ rotate_voigt(CUBIC, r), np.eye(6))


def test_invariants_of_a_triclinic_crystal():
    """The Voigt averages of bulk and shear modulus do not depend on the axes."""
    random = np.random.default_rng(5).random((6, 6))
    constants = random @ random.T
    turned = rotate_voigt(constants, turn(1, 1, -2, 33))
    assert np.allclose(turned, turned.T)
    averages: list[tuple[float, float]] = []
    for c in (constants, turned):
        bulk = c[:3, :3].sum() / 9
        shear = (np.trace(c[:3, :3]) - (c[0, 1] + c[0, 2] + c[1, 2]) + 3 * np.trace(c[3:, 3:])) / 15
        averages.append((bulk, shear))
    assert averages[0] == pytest.approx(averages[1])
    assert not np.allclose(turned, constants)


def test_piezoelectric_tensors_are_those_of_one_crystal():
    """d = e s in all axes, with the factors of two in the right places."""
    random = np.random.default_rng(8)
    e, r = random.random((3, 6)), turn(1, 3, -2, 55)
    compliance = np.linalg.inv(CUBIC)
    told = rotate_piezoelectric(e, r) @ rotate_voigt(compliance, r, 'compliance')
    assert np.allclose(rotate_piezoelectric(e @ compliance, r, 'compliance'), told)
    with pytest.raises(ValueError, match='3 x 6'):
        rotate_piezoelectric(e.T, r)


def test_slab():
    graphene = np.array([[352.0, 61, 0], [61, 352, 0], [0, 0, (352 - 61) / 2]])
    assert np.allclose(rotate_voigt(graphene, turn(0, 0, 1, 17)), graphene)
    assert rotates_periodic_axes(turn(0, 0, 1, 17), 2)
    assert not rotates_periodic_axes(turn(1, 0, 0, 17), 2)
    assert rotates_periodic_axes(turn(1, 0, 0, 17), 1)
    assert rotates_periodic_axes(turn(1, 1, 0, 17), 3)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match='6 x 6'):
        rotate_voigt(np.eye(4), np.eye(3))


def test_order_of_the_components():
    strain = np.zeros((3, 3))
    strain[1, 2] = strain[2, 1] = 1
    assert [strain[i, j] for i, j in VOIGT] == [0, 0, 0, 1, 0, 0]
