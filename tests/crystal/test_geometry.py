"""Elements, sites, geometries."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.elements import NUMBERS, SYMBOLS, number, split_conventional, symbol
from aiida_crystalmath.crystal.geometry import Geometry, Site, cell_from_parameters


def test_elements_agree_with_ase():
    from ase.data import chemical_symbols

    assert list(SYMBOLS) == chemical_symbols[: len(SYMBOLS)]
    assert len(SYMBOLS) == 119
    assert NUMBERS['Og'] == 118


def test_symbol_and_number_in_any_case():
    assert symbol(12) == 'Mg'
    assert number('MG ') == 12
    with pytest.raises(ValueError, match='not a chemical symbol'):
        number('Xx')
    with pytest.raises(ValueError, match='not an atomic number'):
        symbol(119)


@pytest.mark.parametrize(
    ('site', 'conventional'),
    [
        (Site(8, (0, 0, 0)), 8),
        (Site(8, (0, 0, 0), variant=1), 108),
        (Site(38, (0, 0, 0), ecp=True), 238),
        (Site(38, (0, 0, 0), ecp=True, variant=2), 438),
    ],
)
def test_conventional_number_round_trip(site, conventional):
    assert site.conventional_number == conventional
    assert split_conventional(conventional) == (site.number, site.ecp, site.variant)


def test_species_separates_kinds_spins_ghosts():
    base = Site(26, (0, 0, 0))
    others = [
        Site(26, (0, 0, 0), kind='Fe1'),
        Site(26, (0, 0, 0), spin=1),
        Site(26, (0, 0, 0), ghost=True),
        Site(26, (0, 0, 0), ecp=True),
        Site(26, (0, 0, 0), variant=1),
    ]
    assert base.species == Site(26, (1, 2, 3)).species
    assert base.species == Site(26, (0, 0, 0), kind='Fe').species
    assert len({site.species for site in [base, *others]}) == 6


def test_fractional_round_trip_in_three_dimensions():
    cell = cell_from_parameters((5.1, 6.3, 7.7, 81.0, 97.0, 104.0))
    fractional = np.array([[0.1, 0.2, 0.3], [0.9, -0.4, 0.5]])
    geometry = Geometry.from_fractional(cell, fractional, [12, 8])
    np.testing.assert_allclose(geometry.fractional, fractional, atol=1e-14)
    np.testing.assert_allclose(geometry.cell_parameters, (5.1, 6.3, 7.7, 81.0, 97.0, 104.0))
    np.testing.assert_allclose(geometry.cell @ geometry.reciprocal_cell.T, 2 * np.pi * np.eye(3), atol=1e-12)


def test_slab_has_lengths_along_its_normal():
    cell = np.array([[3.0, 0, 0], [0, 4.0, 0], [0, 0, 500.0]])
    geometry = Geometry.from_fractional(cell, [[0.5, 0.25, -1.5]], [8], 2)
    np.testing.assert_allclose(geometry.positions, [[1.5, 1.0, -1.5]])
    assert geometry.pbc == (True, True, False)
    assert geometry.measure == pytest.approx(12.0)
    assert (geometry.reciprocal_cell[2] == 0).all()
    with pytest.raises(ValueError, match='no cell volume'):
        _ = geometry.volume_angstrom3


def test_vacuum_along_another_vector():
    cell = np.diag([3.0, 30.0, 4.0])
    geometry = Geometry.from_fractional(cell, [[0.5, 2.0, 0.5]], [8], 2, periodic=(True, False, True))
    np.testing.assert_allclose(geometry.positions, [[1.5, 2.0, 2.0]])
    assert geometry.measure == pytest.approx(12.0)
    np.testing.assert_allclose(geometry.fractional, [[0.5, 2.0, 0.5]])


def test_molecule_needs_no_cell():
    geometry = Geometry.from_arrays(np.zeros((3, 3)), [[0, 0, 0], [0, 0, 0.74]], [1, 1], 0)
    np.testing.assert_allclose(geometry.fractional, geometry.positions)
    assert geometry.measure == 0
    assert geometry.cell_parameters[:3] == (0, 0, 0)


def test_formula_kinds_and_ghosts():
    sites = (Site(6, (0, 0, 0), kind='C1'), Site(1, (1, 0, 0)), Site(1, (2, 0, 0)), Site(8, (3, 0, 0), ghost=True))
    geometry = Geometry(np.eye(3), 0, sites)
    assert geometry.formula == 'CH2'
    assert geometry.kinds == ['C1', 'H', 'H', 'O']


def test_bad_cells_are_refused():
    with pytest.raises(ValueError, match='3 x 3'):
        Geometry(np.zeros((2, 3)), 3, ())
    with pytest.raises(ValueError, match='dimensionality'):
        Geometry(np.eye(3), 4, ())
    with pytest.raises(ValueError, match='does not fit'):
        Geometry(np.eye(3), 3, (), (True, True, False))
    with pytest.raises(ValueError, match='no cell has'):
        cell_from_parameters((1, 1, 1, 10, 10, 170))


def test_the_cell_cannot_be_changed():
    geometry = Geometry(np.eye(3), 3, ())
    with pytest.raises(ValueError, match='read-only'):
        geometry.cell[0, 0] = 2


def test_reduced_formula():
    positions = [[0, 0, 0.1 * i] for i in range(6)]
    numbers = [22, 22, 8, 8, 8, 8]
    crystal = Geometry.from_fractional(np.eye(3) * 9, positions, numbers)
    assert (crystal.formula, crystal.reduced_formula) == ('O4Ti2', 'O2Ti')
    molecule = Geometry.from_arrays(np.eye(3) * 500, positions, [6, 6, 1, 1, 1, 1], 0)
    assert molecule.reduced_formula == molecule.formula == 'C2H4'
    assert Geometry(np.eye(3), 3, ()).reduced_formula == ''
