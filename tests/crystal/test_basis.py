"""Reader, writer, counts and checks of basis sets."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_crystalmath.crystal.basis import (
    ECP,
    BasisError,
    BasisSet,
    Shell,
    check_coverage,
    check_neutrality,
    electrons,
    is_terminator,
    nuclear_charge,
    read_basis,
    read_element_basis,
    write_basis,
)
from aiida_crystalmath.crystal.basis_models import ECP_KEYWORDS, ECP_TABULATED, SHELL_TYPES
from aiida_crystalmath.crystal.geometry import Geometry, Site

MGO = """\
12 2
0 0 2 2. 1.
 68370.0 0.0002226
 9661.0 0.001901
0 1 1 8. 1.
 143.7 -0.00671 0.00807
8 2
1 0 3 2. 0.
1 1 3 8. 0.
99 0
END
"""

# Shape of a real potential (Hay and Wadt's for Sr), shortened: counts M M0 M1 M2 M3, powers of r 0, -1 and -2.
SR = """\
238 1
INPUT
10. 1 2 0 1 0
        2.2339999700       -1.1618750100         0
        2.4467001000       53.5898666400         0
       21.0338001300        6.3344941100        -2
       10.8826999700        7.3813581500        -1
0 2 1 6. 1.00
        3.0040000000        1.0000000000
"""


# ---------------------------------------------------------------------------------------------------- reading


def test_read_two_elements_and_stop_at_terminator():
    magnesium, oxygen = read_basis(MGO)
    assert magnesium.number == magnesium.conventional_number == 12
    assert [shell.type for shell in magnesium.shells] == ['S', 'SP']
    assert magnesium.shells[0].primitives == ((68370.0, 0.0002226, None), (9661.0, 0.001901, None))
    assert magnesium.shells[1].primitives == ((143.7, -0.00671, 0.00807),)
    assert (magnesium.n_functions, magnesium.n_electrons, magnesium.n_core) == (5, 10.0, 0)
    assert [(shell.kind, shell.n_gaussians, shell.scale, shell.primitives) for shell in oxygen.shells] == [
        (1, 3, 0.0, ()),
        (1, 3, 0.0, ()),
    ]
    assert oxygen.is_internal and not magnesium.is_internal


def test_read_element_returns_the_next_line():
    lines = MGO.splitlines()
    _, position = read_element_basis(lines, 0, 'deck')
    assert lines[position] == '8 2'
    _, position = read_element_basis(lines, position, 'deck')
    assert is_terminator(lines[position])


def test_read_potential():
    (basis,) = read_basis(SR)
    assert (basis.number, basis.conventional_number, basis.has_ecp) == (38, 238, True)
    assert basis.ecp is not None and basis.ecp.charge == 10.0
    assert [len(group) for group in basis.ecp.terms] == [1, 2, 0, 1, 0]
    assert basis.ecp.terms[1][1] == (21.03380013, 6.33449411, -2)
    assert (basis.n_core, basis.nuclear_charge, basis.n_electrons) == (28, 10.0, 6.0)
    assert read_basis(write_basis(basis)) == [basis]


@pytest.mark.parametrize(
    ('keyword', 'number', 'core'), [('HAYWLC', 14, 10), ('HAYWSC', 25, 10), ('HAYWLC', 82, 78), ('HAYWSC', 79, 60)]
)
def test_tabulated_potential_knows_its_core(keyword, number, core):
    (basis,) = read_basis(f'{200 + number} 1\n{keyword}\n0 0 1 2. 1.\n0.3 1.\n')
    assert basis.ecp == ECP(keyword)
    assert basis.n_core == core
    assert basis.nuclear_charge == number - core


def test_unknown_core_is_taken_from_a_neutral_atom():
    (basis,) = read_basis('214 1\nDURAND\n0 1 1 4. 1.\n0.3 1. 1.\n')
    assert basis.n_core == 10


def test_spin_orbit_potential_is_kept_as_it_is():
    text = '279 1\nINPSOC\n1.0 extra\n19. 1 1 0 0 0 0\n4.5 -3.25 0 0.5\n13.2 426.84 0 -1.25\n0 0 1 1. 1.\n0.4 1.\n'
    (basis,) = read_basis(text)
    assert basis.ecp is not None
    assert basis.ecp.raw == tuple(text.splitlines()[2:6])
    assert basis.nuclear_charge == 19.0
    assert read_basis(write_basis(basis)) == [basis]


def test_fortran_numbers_comments_and_touching_columns():
    text = """\
! magnesium, from somewhere
* a comment as Basis Set Exchange writes it
 12, 2   # NAT NSHL

0 0 2 2.D0 1.
  1.5D+03  2.0d-4 ignored text
  .5,1.
0 1 1 8 1. trailing
  143.7-0.671E-02-8.07d-03
"""
    (basis,) = read_basis(text)
    assert basis.shells[0].primitives == ((1500.0, 0.0002, None), (0.5, 1.0, None))
    assert basis.shells[1].primitives == ((143.7, -0.00671, -0.00807),)


def test_repeat_counts():
    (basis,) = read_basis('8 1\n0 1 1 6. 1.\n0.3 2*1.\n')
    assert basis.shells[0].primitives == ((0.3, 1.0, 1.0),)


@pytest.mark.parametrize(
    ('text', 'line', 'message'),
    [
        ('12 1\n0 0 2 2. 1.\n1. 1.\n', 4, 'EXP COE'),
        ('12 1\n0 1 1 2. 1.\n1. 1.\n', 3, 'EXP COE1 COE2'),
        ('12 1\n0 7 1 2. 1.\n1. 1.\n', 2, 'LAT = 7'),
        ('12 1\n3 0 1 2. 1.\n', 2, 'ITYB is 3'),
        ('12 1\n1 0 9 2. 1.\n', 2, 'STO-nG'),
        ('12 1\n2 0 4 2. 1.\n', 2, 'ITYB 2'),
        ('12 1\n0 0 1 2. 1.\n-1. 1.\n', 2, 'positive'),
        ('12 1\n0 0 0 2. 1.\n', 2, 'primitive'),
        ('12 one\n', 1, 'NAT NSHL'),
        ('12 1.5\n', 1, 'whole number'),
        ('-12 1\n', 1, 'negative'),
        ('214 1\n0 0 1 2. 1.\n', 2, 'pseudopotential keyword'),
        ('214 1\nINPUT\n4. 1 1\n', 3, 'ZNUC'),
        ('199 1\n0 0 1 2. 1.\n1. 1.\n', 1, 'outside 0-98'),
        ('8 1\n0 0 1 2. 1.\n1.5.3 1.\n', 3, 'EXP COE'),
        ('8 1\n0 0 1 2. 1.\n', 3, 'the end of the text'),
    ],
)
def test_errors_name_source_line_and_cause(text, line, message):
    with pytest.raises(BasisError, match=re.escape(message)) as raised:
        read_basis(text, 'my.d12')
    assert f'my.d12, line {line}:' in str(raised.value)


# ---------------------------------------------------------------------------------------------------- writing

numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e8, max_value=1e8)
positive = st.floats(allow_nan=False, allow_infinity=False, min_value=1e-12, max_value=1e12)


@st.composite
def shells(draw):
    kind = draw(st.sampled_from((0, 0, 0, 1, 2)))
    charge, scale = draw(numbers), draw(numbers)
    shell_type = draw(st.sampled_from(SHELL_TYPES))
    if kind == 1:
        return Shell(shell_type, charge, scale, 1, draw(st.integers(1, 6)))
    if kind == 2:
        return Shell(shell_type, charge, scale, 2, draw(st.sampled_from((6, 3, 2, 1))))
    second = numbers if shell_type == 'SP' else st.none()
    rows = draw(st.lists(st.tuples(positive, numbers, second), min_size=1, max_size=5))
    return Shell(shell_type, charge, scale, 0, len(rows), tuple(rows))


@st.composite
def potentials(draw):
    keyword = draw(st.sampled_from(('INPUT', *ECP_TABULATED)))
    if keyword != 'INPUT':
        return ECP(keyword)
    row = st.tuples(positive, numbers, st.integers(-2, 2))
    groups = draw(st.lists(st.lists(row, max_size=3).map(tuple), min_size=5, max_size=6))
    return ECP(keyword, draw(st.floats(0, 98)), tuple(groups))


@st.composite
def basis_sets(draw):
    number = draw(st.integers(1, 98))
    ecp = draw(st.none() | potentials())
    conventional = number + (draw(st.sampled_from((200, 300, 900))) if ecp else draw(st.sampled_from((0, 100, 1000))))
    return BasisSet(number, conventional, tuple(draw(st.lists(shells(), max_size=4))), ecp)


@given(st.lists(basis_sets(), max_size=3))
def test_what_is_written_reads_back_the_same(written):
    assert read_basis(''.join(map(write_basis, written)) + '99 0\nEND\n') == written


def test_write_under_another_conventional_number():
    magnesium, _ = read_basis(MGO)
    assert write_basis(magnesium, 112).startswith('112 2\n')
    for wrong in (8, 212, 2000):
        with pytest.raises(BasisError, match='conventional number'):
            write_basis(magnesium, wrong)


def test_name_and_citation_do_not_count():
    assert BasisSet(8, name='a') == BasisSet(8, name='b', citation='c')


# ---------------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize(
    'make',
    [
        lambda: Shell('S', 2.0, primitives=((1.0, 1.0, 1.0),)),
        lambda: Shell('SP', 2.0, primitives=((1.0, 1.0, None),)),
        lambda: Shell('H', 2.0, primitives=((1.0, 1.0, None),)),  # type: ignore[arg-type]
        lambda: Shell('S', 2.0, kind=1, n_gaussians=3, primitives=((1.0, 1.0, None),)),
        lambda: Shell('S', float('nan'), primitives=((1.0, 1.0, None),)),
        lambda: Shell('S', 2.0, primitives=((1.0, float('inf'), None),)),
        lambda: Shell('S', 2.0, n_gaussians=2, primitives=((1.0, 1.0, None),)),
        lambda: ECP('LANL2DZ'),
        lambda: ECP('INPUT', 4.0, ()),
        lambda: ECP('INPUT'),
        lambda: ECP('HAYWLC', terms=((), (), (), (), ())),
        lambda: ECP('INPSOC', 4.0),
        lambda: BasisSet(12, 8),
        lambda: BasisSet(12, 212),
        lambda: BasisSet(99),
    ],
)
def test_contradictions_are_refused(make):
    with pytest.raises(BasisError):
        make()


def test_check_finds_overfull_shells_and_bad_scales():
    good = Shell('S', 2.0, primitives=((1.0, 1.0, None),))
    BasisSet(8, shells=(good,)).check()
    bad = BasisSet(8, shells=(Shell('S', 3.0, primitives=good.primitives), Shell('D', 0.0, 0.0, 0, 1, good.primitives)))
    with pytest.raises(BasisError, match=r'shell 1 \(S\) is given 3 electrons.*shell 2 \(D\) has the scale factor 0'):
        bad.check()
    with pytest.raises(BasisError, match='no shells'):
        BasisSet(8).check()


# ---------------------------------------------------------------------------------------------------- in a system


def geometry(*sites: Site) -> Geometry:
    return Geometry(np.eye(3) * 5.0, 3, sites)


def element(number: int, charge: float, **fields) -> BasisSet:
    return BasisSet(number, shells=(Shell('SP', charge, primitives=((1.0, 1.0, 1.0),)),), **fields)


ORIGIN, MIDDLE = (0.0, 0.0, 0.0), (2.5, 2.5, 2.5)


def test_electrons_and_neutrality():
    lithium_fluoride = geometry(Site(3, ORIGIN), Site(9, MIDDLE))
    ionic = {'Li': element(3, 2.0), 'F': element(9, 10.0)}
    assert electrons(lithium_fluoride, ionic) == nuclear_charge(lithium_fluoride, ionic) == 12.0
    check_neutrality(lithium_fluoride, ionic)
    with pytest.raises(BasisError, match=r'not neutral: 11 electrons.*nuclear charge of 12.*Li.*\+1.*F.*\+0'):
        check_neutrality(lithium_fluoride, {**ionic, 'F': element(9, 9.0)})
    check_neutrality(lithium_fluoride, {**ionic, 'F': element(9, 9.0)}, charge=1)
    with pytest.raises(BasisError, match=r'not charged \+1'):
        check_neutrality(lithium_fluoride, ionic, charge=1)


def test_potentials_and_ghosts_count():
    strontium = read_basis(SR)[0]
    pair = geometry(Site(38, ORIGIN, ecp=True), Site(8, MIDDLE), Site(8, (1.0, 0.0, 0.0), 'Og', ghost=True))
    basis = {'Sr': strontium, 'O': element(8, 8.0), 'Og': element(8, 8.0)}
    assert electrons(pair, basis) == 14.0
    assert nuclear_charge(pair, basis) == 18.0


def test_coverage_names_every_missing_kind():
    iron = geometry(Site(26, ORIGIN, 'Fe1'), Site(26, MIDDLE, 'Fe2'), Site(8, (1.0, 0.0, 0.0)), Site(1, (2.0, 0, 0)))
    with pytest.raises(BasisError, match=r'no basis set for O, H .*given for: Fe'):
        check_coverage(iron, {'Fe': element(26, 8.0)})
    with pytest.raises(BasisError, match=r'Fe2 \(Fe\) has the basis set of Ni'):
        check_coverage(
            geometry(Site(26, ORIGIN, 'Fe1'), Site(26, MIDDLE, 'Fe2')),
            {'Fe1': element(26, 8.0), 'Fe2': element(28, 8.0)},
        )
    with pytest.raises(BasisError, match='effective core potential'):
        check_coverage(geometry(Site(38, ORIGIN, ecp=True)), {'Sr': element(38, 2.0)})


def test_every_keyword_has_a_form():
    assert {'INPUT', 'HAYWLC', 'HAYWSC', 'BARTHE', 'DURAND'} <= set(ECP_KEYWORDS)


# ---------------------------------------------------------------------------------------------------- real decks


def basis_blocks(text: str) -> list[str]:
    """Texts from each line that opens a basis (after END or ENDGEOM) to its ``99 0``."""
    return re.findall(r'^ *END[A-Z]*[ \t]*\n((?: *\d+ +\d+[ \t]*\n)(?:.*\n)*?) *99 +0[ \t]*$', text, re.MULTILINE)


def test_every_deck_of_the_corpus_reads_and_writes(corpus):
    found = 0
    for path in sorted(corpus.rglob('*')):
        if path.is_file():
            text = path.read_text(errors='replace').replace('\r', '')
            for block in basis_blocks(text):
                basis = read_basis(block, path.name)
                assert basis, path
                assert read_basis(''.join(map(write_basis, basis))) == basis, path
                # No shell of a real deck is refused, nor its charges.
                for one in basis:
                    if not one.is_internal:
                        one.check()
                found += 1
    assert found >= 40


def test_potentials_of_the_corpus(corpus):
    text = (corpus / 'hfo2_8x_freq' / 'hfo2_8x_freqs.cryst.out').read_text(errors='replace')
    hafnium, oxygen = read_basis(text[text.index('272 9\n') :])
    assert hafnium.ecp is not None
    assert [len(group) for group in hafnium.ecp.terms] == [1, 3, 3, 3, 2, 0]
    assert (hafnium.n_core, hafnium.nuclear_charge) == (60, 12.0)
    # The deck is ionic: Hf 4+ and two O 2-.
    assert hafnium.nuclear_charge - hafnium.n_electrons == 4.0
    assert oxygen.number - oxygen.n_electrons == -2.0
    assert hafnium.n_functions == 3 * 1 + 3 * 3 + 2 * 5 + 7
