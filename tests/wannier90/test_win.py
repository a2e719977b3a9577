"""Decks of Wannier90: written, read back, and refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_crystalmath.crystal.inputs.errors import DeckError
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.wannier90.keywords import KEYWORDS, LOGICAL, OWN
from aiida_crystalmath.wannier90.win import Win, grid_of, mesh_kpoints, read_win, write_win

COORDINATE = st.floats(-5, 5, allow_nan=False).map(lambda value: round(value, 8))
VECTOR = st.tuples(COORDINATE, COORDINATE, COORDINATE)
NUMBER = st.one_of(st.integers(-1000, 1000), st.floats(-1e3, 1e3, allow_nan=False))
FREE = sorted(KEYWORDS - OWN - LOGICAL - {'num_bands'} - {name for name in KEYWORDS if name.startswith('dis_')})


def deck(**changes):
    values = {
        'num_wann': 4,
        'mp_grid': (2, 1, 1),
        'cell_angstrom': ((2.7, 2.7, 0.0), (0.0, 2.7, 2.7), (2.7, 0.0, 2.7)),
        'atoms': ({'symbol': 'Si', 'position': (0.0, 0.0, 0.0)},),
        'kpoints': mesh_kpoints((2, 1, 1)),
        'projections': ('Si:sp3',),
    }
    return Win.model_validate({**values, **changes})


@st.composite
def decks(draw):
    grid = draw(st.tuples(*[st.integers(1, 3)] * 3))
    keywords = draw(st.dictionaries(st.sampled_from(FREE), NUMBER, max_size=4))
    keywords |= draw(st.dictionaries(st.sampled_from(sorted(LOGICAL - OWN)), st.booleans(), max_size=4))
    line = st.fixed_dictionaries(
        {'first_label': st.just('G'), 'first': VECTOR, 'last_label': st.sampled_from(['X', 'L1']), 'last': VECTOR}
    )
    atom = st.fixed_dictionaries({'symbol': st.sampled_from(['Si', 'O', 'Fe2']), 'position': VECTOR})
    return deck(
        num_wann=draw(st.integers(1, 50)),
        mp_grid=grid,
        kpoints=mesh_kpoints(grid),
        atoms=draw(st.lists(atom, min_size=1, max_size=3)),
        projections=draw(st.sampled_from([(), ('Si:sp3', 'f=0.1,0.2,0.3:s;p'), ('random',)])),
        kpoint_path=draw(st.lists(line, max_size=3)),
        keywords=keywords,
    )


@given(decks())
def test_what_is_written_is_read(win):
    found = read_win(write_win(win))
    assert found.model_copy(update={'kpoints': ()}) == win.model_copy(update={'kpoints': ()})
    assert np.abs(np.array(found.kpoints) - np.array(win.kpoints)).max() < 1e-9


def test_a_deck_that_the_program_took(recorded):
    win = read_win((recorded / 'wannier90' / 'si' / 'aiida.win').read_text())
    assert (win.num_wann, win.num_bands, win.mp_grid, win.disentangles) == (8, 12, (3, 3, 3), True)
    assert win.keywords['dis_froz_max'] == 6.4
    assert win.keywords['bands_plot'] is True
    assert win.projections == ('Si:sp3',)
    assert [(line.first_label, line.last_label) for line in win.kpoint_path] == [('G', 'X'), ('X', 'U'), ('K', 'G')]
    assert grid_of(win.kpoints) == win.mp_grid


def test_bohr_and_cartesian_become_angstrom_and_fractional():
    """The other forms of the user guide: `atoms_cart`, bohr, `:` and blanks for `=`, comments, capitals."""
    text = """
NUM_WANN : 1   ! one
mp_grid 1 1 1
spinors = .FALSE.
Begin Unit_Cell_Cart
Bohr
10 0 0
0 10 0
0 0 10
End Unit_Cell_Cart
begin atoms_cart
bohr
H 5 0 2.5   # an atom
end atoms_cart
begin kpoints
0 0 0 1.0
end kpoints
"""
    win = read_win(text)
    assert win.cell_angstrom[0] == pytest.approx((10 * BOHR_ANGSTROM, 0, 0))
    assert win.atoms[0].position == pytest.approx((0.5, 0, 0.25))
    assert win.keywords == {'spinors': False}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keywords': {'num_wan': 8}}, r'wannier90.x does not know `num_wan` \(did you mean `num_wann`'),
        ({'keywords': {'bands_plot': 'yes'}}, '`bands_plot` is true or false'),
        ({'keywords': {'num_iter': True}}, '`num_iter` is a number'),
        ({'keywords': {'length_unit': 'bohr'}}, '`length_unit` is not set among the keywords'),
        ({'keywords': {'num_bands': 3}}, 'less than `num_wann`'),
        ({'keywords': {'dis_froz_max': 9.0, 'dis_win_max': 8.0}}, 'frozen window does not lie within'),
        ({'mp_grid': (2, 2, 1)}, 'a grid of 2x2x1 has 4 k-points, not 2'),
        ({'cell_angstrom': ((1.0, 0.0, 0.0),) * 3}, 'no volume'),
        ({'projections': ('end projections',)}, 'no projection'),
    ],
)
def test_decks_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        deck(**changes)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('num_iter = 5\nnum_iter = 6', '`num_iter` is given twice'),
        ('begin nonsense\nend nonsense', 'the block `nonsense` is not known'),
        ('begin projections\nSi:s', 'has no end'),
        ('end projections', 'without its `begin`'),
        ('bands_plot = perhaps', '`bands_plot` is true or false'),
        ('begin kpoint_path\nG 0 0 0\nend kpoint_path', 'a line of a path is'),
        ('begin slwf_centres\n1 0 0 0\nend slwf_centres', '`slwf_centres` is not supported'),
    ],
)
def test_texts_that_are_refused(line, message):
    text = write_win(deck(projections=()))
    with pytest.raises(DeckError, match=message):
        read_win(f'{text}{line}\n')


def test_the_setup_may_stand_in_the_deck():
    assert 'postproc_setup = true' in write_win(deck(), postproc_setup=True)
    assert read_win(write_win(deck(), postproc_setup=True)) == deck()


@given(st.tuples(*[st.integers(1, 5)] * 3), st.randoms())
def test_grids_are_known_by_their_points(grid, random):
    points = [tuple(value - random.choice((0, 1)) for value in point) for point in mesh_kpoints(grid)]
    random.shuffle(points)
    assert grid_of(points) == grid


@pytest.mark.parametrize('change', [lambda p: p[:-1], lambda p: [*p[:-1], p[0]], lambda p: np.array(p) + 0.1])
def test_other_points_are_no_grid(change):
    with pytest.raises(ValueError, match='no full, even grid through Gamma'):
        grid_of(change(mesh_kpoints((2, 3, 2))))
