"""The d3: what is written, what is read, and that both agree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_crystalmath.crystal.inputs.d3 import D3, DeckError, read_d3, write_d3

BANDS_AND_DOS = """\
BAND
MgO
2 4 100 1 14 1 0
0 0 0  2 0 2
2 0 2  2 1 3
NEWK
12 24
1 0
DOSS
2 300 -1 -1 1 14 0
-0.7 0.8
-1 1
3 6 7 8
END
"""


def test_writes_bands_and_dos() -> None:
    deck = D3.model_validate(
        {
            'blocks': [
                {
                    'keyword': 'BAND',
                    'title': 'MgO',
                    'iss': 4,
                    'n_points': 100,
                    'last_band': 14,
                    'segments': [[[0, 0, 0], [2, 0, 2]], [[2, 0, 2], [2, 1, 3]]],
                },
                {'keyword': 'NEWK', 'shrink': {'is': 12, 'isp': 24}},
                {
                    'keyword': 'DOSS',
                    'n_points': 300,
                    'energy_window_hartree': [-0.7, 0.8],
                    'projections': [{'atoms': [1]}, {'orbitals': [6, 7, 8]}],
                },
            ]
        }
    )
    assert write_d3(deck) == BANDS_AND_DOS
    assert read_d3(BANDS_AND_DOS) == deck


def test_labels_of_the_path() -> None:
    deck = read_d3('BAND\nNaCl\n2 0 60 1 18 1 0\nG X\nX W\nEND\n')
    assert deck.blocks[0].model_dump()['labels'] == (('G', 'X'), ('X', 'W'))
    assert write_d3(deck) == 'BAND\nNaCl\n2 0 60 1 18 1 0\nG X\nX W\nEND\n'


def test_unknown_keywords_keep_their_place() -> None:
    text = 'PATO\n0 0\nNOSYMADA\nODD\n1 2.50\nPROF\n2 0 1 0\nCP\n1.\nEND\nPPAN\nEND\n'
    assert write_d3(read_d3(text)) == text


def test_long_projections_are_wrapped_and_read_on() -> None:
    atoms = list(range(1, 121))
    deck = D3.model_validate(
        {
            'blocks': [
                {'keyword': 'DOSS', 'n_points': 9, 'first_band': 1, 'last_band': 2, 'projections': [{'atoms': atoms}]}
            ]
        }
    )
    text = write_d3(deck)
    assert max(len(line) for line in text.splitlines()) <= 78
    assert read_d3(text) == deck


def test_stops_at_its_end() -> None:
    assert read_d3('PPAN\nEND\nECHG\nnonsense') == read_d3('PPAN\nEND\n')


@pytest.mark.parametrize(
    ('text', 'line', 'reason'),
    [
        ('PPAN\n', 1, 'END is missing'),
        ('BAND\nt\n1 4 100 1 14 1\n0 0 0 2 0 2\nEND', 3, 'NLINE ISS NSUB'),
        ('BAND\nt\n2 4 100 1 14 1 0\n0 0 0 2 0 2\nEND', 5, 'integer coordinates'),
        ('BAND\nt\n1 4 100 14 1 1 0\n0 0 0 2 0 2\nEND', 1, 'first_band is 14'),
        ('PPAN\nDOSS\n0 100 0 0 1 14 0\nEND', 2, 'first_band and last_band'),
        ('DOSS\n1 100 1 5 1 14 0\n0\nEND', 3, 'N is 0'),
        ('DOSS\n0 100 -1 -1 1 14 0\n0.8 -0.7\nEND', 1, 'must rise'),
        ('NEWK\n0 4\n2 2\n1 0\nEND', 3, 'IS1 IS2 IS3'),
        ('ECHG\n0\n65\nMARGINS\n1 1 1 1\nEND\nEND', 1, 'coordina or by atoms'),
        ('BOLTZTRA\nTRANGE\n300 200 10\nEND\nEND', 1, 'trange'),
    ],
)
def test_refuses_with_line_and_reason(text: str, line: int, reason: str) -> None:
    with pytest.raises(DeckError, match=reason) as error:
        read_d3(text)
    assert error.value.line == line


@pytest.mark.parametrize(
    ('block', 'reason'),
    [
        ({'keyword': 'BAND', 'iss': 4, 'n_point': 3}, "'n_point': did you mean 'n_points'"),
        ({'keyword': 'BAND', 'iss': 0, 'n_points': 9, 'last_band': 3, 'segments': [[[0], [1]]]}, 'labels with iss = 0'),
        ({'keyword': 'DOSS', 'n_points': 9}, 'energy_window_hartree, or first_band'),
        ({'keyword': 'DOSS', 'n_points': 9, 'first_band': 1, 'last_band': 2, 'projections': [{}]}, 'atoms or orbitals'),
        (
            {'keyword': 'DOSS', 'n_points': 9, 'first_band': 1, 'last_band': 2, 'projections': [{'atoms': [1]}] * 16},
            'at most 15',
        ),
        ({'keyword': 'NEWK', 'shrink': {'is': -2}}, 'positive integers'),
        ({'keyword': 'PPAN', 'lines': ['PATO']}, 'ends before its last line'),
        ({'keyword': 'PROF', 'lines': ['2 0 1 0']}, 'END of PROF'),
        ({'keyword': 'END'}, 'not a keyword'),
        ({'keyword': 'ECH3', 'n_points': 5, 'tolerance': 5}, 'tolerance belongs to POT3'),
    ],
)
def test_refuses_wrong_blocks(block: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        D3.model_validate({'blocks': [block]})


# ----------------------------------------------------------------------------------------------- read(write(x)) == x

COUNT = st.integers(2, 10**6)
FACTORS = st.integers(1, 99)
SHRINK = st.fixed_dictionaries({'is': st.one_of(FACTORS, st.tuples(FACTORS, FACTORS, FACTORS)), 'isp': FACTORS})
NUMBERS = st.lists(st.integers(1, 999), min_size=1, max_size=60)
PROJECTION = st.one_of(st.fixed_dictionaries({'atoms': NUMBERS}), st.fixed_dictionaries({'orbitals': NUMBERS}))
OPTIONS = st.lists(st.tuples(st.integers(-9, 99), st.integers(-9, 99)), max_size=3)
REAL = st.floats(-1e6, 1e6)
POINT = st.tuples(REAL, REAL, REAL)
RISING = st.tuples(st.floats(-9, 0), st.floats(0.1, 9))
STEPPED = st.tuples(st.floats(0, 100), st.floats(100, 900), st.floats(0.01, 10))


def _block(keyword: str, optional: dict[str, Any] | None = None, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({'keyword': st.just(keyword), **fields}, optional=optional or {})


def _densities(keyword: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    common = {'n_points': COUNT, 'n_polynomials': st.integers(1, 25), 'print_options': OPTIONS, **fields}
    return st.one_of(
        _block(keyword, **common, energy_window_hartree=RISING),
        _block(keyword, **common, first_band=st.integers(1, 9), last_band=st.integers(9, 99), plot=st.integers(0, 2)),
    )


SEGMENT = st.integers(1, 3).flatmap(
    lambda n: st.tuples(st.tuples(*[st.integers(-99, 99)] * n), st.tuples(*[st.integers(-99, 99)] * n))
)
LABEL = st.sampled_from(['G', 'X', 'W', 'L', 'GAMMA', 'K2'])
BANDS = {'title': st.sampled_from(['a b', 'END', '1 2 3']), 'n_points': COUNT, 'last_band': st.integers(2, 99)}
INTERACTION = st.fixed_dictionaries({'first': PROJECTION, 'second': PROJECTION})
BLOCK = st.one_of(
    _block('NEWK', shrink=SHRINK, print_fermi=st.integers(0, 1), options=OPTIONS),
    _block('BAND', **BANDS, iss=FACTORS, segments=st.lists(SEGMENT, min_size=1, max_size=5)),
    _block('BAND', **BANDS, iss=st.just(0), labels=st.lists(st.tuples(LABEL, LABEL), min_size=1, max_size=5)),
    _densities('DOSS', projections=st.lists(PROJECTION, max_size=15)),
    _densities('COOP', interactions=st.lists(INTERACTION, min_size=1, max_size=4)),
    _densities('COHP', interactions=st.lists(INTERACTION, min_size=1, max_size=4)),
    _block(
        'ECHG',
        {'margins': st.tuples(REAL, REAL, REAL, REAL), 'rectangu': st.booleans(), 'extra': st.just(['ODD', '1 2'])},
        n_points=COUNT,
        coordina=st.tuples(POINT, POINT, POINT),
    ),
    _block(
        'ECHG',
        {'layout': st.permutations(['margins', 'atoms']), 'margins': st.tuples(REAL, REAL, REAL, REAL)},
        n_points=COUNT,
        order=st.integers(0, 2),
        atoms=st.lists(st.tuples(*[st.integers(-9, 9)] * 4), min_size=3, max_size=3),
    ),
    _block('ECH3', n_points=COUNT),
    _block('ECH3', n_points=COUNT, area=st.just('RANGE'), area_values=st.lists(st.tuples(REAL, REAL), min_size=1)),
    _block('POT3', n_points=COUNT, tolerance=st.integers(1, 9)),
    _block('POTM', n_points=COUNT, tolerance=st.integers(1, 9), coordina=st.just([[0.0, 0, 0], [1, 0, 0], [1, 1, 0]])),
    _block('POT3', n_points=COUNT, tolerance=st.integers(1, 9), area=st.just('SCALE'), area_values=st.just([[3.0]])),
    _block('BOLTZTRA', {'extra': st.just(['ODD', '1 2'])}, trange=STEPPED, murange=STEPPED, relaxtim=st.floats(1, 99)),
    _block('PPAN'),
    _block('NOSYMADA'),
    _block('PATO', lines=st.just(['0 0'])),
    _block('PROF', lines=st.just(['2 0 1 0', 'CP', '1.', 'END'])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(BLOCK, max_size=4))
def test_reads_what_it_writes(blocks: list[dict[str, Any]]) -> None:
    deck = D3.model_validate({'blocks': blocks})
    again = read_d3(write_d3(deck))
    assert again == deck
    assert D3.model_validate(json.loads(json.dumps(again.to_dict()))) == deck


@pytest.mark.parametrize('head', ['0 5\n40', '0\n5\n40'])
def test_numbers_of_potm_on_one_line_or_two(head: str) -> None:
    block = read_d3(f'POTM\n{head}\nATOMS\n1 0 0 0\n2 0 0 0\n1 1 0 0\nEND\nEND\n').blocks[0]
    assert (block.order, block.tolerance, block.n_points) == (0, 5, 40)
