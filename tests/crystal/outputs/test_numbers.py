"""Numbers as Fortran prints them."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.outputs.numbers import integer, number, numbers


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (' 1.0 -2.5E-03 .5', [1.0, -2.5e-3, 0.5]),
        ('248.7824-108.0635-108.0635', [248.7824, -108.0635, -108.0635]),
        ('1.5D-02 2', [0.015, 2.0]),
        ('VOLUME= 18.7 - DENSITY 3.5', [18.7, 3.5]),
        ('1.0 ****** 2.0', [1.0, 2.0]),
        ('NaN 1.0 Infinity -inf', [1.0]),
        ('1E400 1.0', [1.0]),
        ('P0 TMS 1E400 1.0 0', [0.0, 1.0, 0.0]),
        ('', []),
    ],
)
def test_numbers_of_a_line(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize('text', ['NaN', 'Infinity', '1E400', '*****', '', 'E'])
def test_what_is_no_number(text):
    assert number(text) is None


def test_single_numbers():
    assert (number('-1.5D+01'), number('.529177'), integer('12'), integer('1.0')) == (-15.0, 0.529177, 12, None)
