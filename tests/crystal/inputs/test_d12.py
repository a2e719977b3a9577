"""The d12: what is written, what is read, and that both agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_crystalmath.crystal.basis_models import BasisSet, Shell
from aiida_crystalmath.crystal.inputs.d12 import D12, DeckError, read_d12, write_d12
from aiida_crystalmath.crystal.inputs.geometry_block import AtomLine, GeometryBlock
from aiida_crystalmath.crystal.inputs.hamiltonian import FUNCTIONALS
from aiida_crystalmath.crystal.inputs.parameters import SECTION_ITEMS, CrystalParameters

MGO = GeometryBlock(
    keyword='CRYSTAL',
    group=225,
    cell=(4.21,),
    atoms=(
        AtomLine(conventional_number=12, position=(0.0, 0.0, 0.0)),
        AtomLine(conventional_number=8, position=(0.5, 0.5, 0.5)),
    ),
)
MG = BasisSet(12, shells=(Shell('S', 2.0, 0.0, 1, 3), Shell('SP', 8.0, 0.0, 1, 3), Shell('SP', 2.0, 0.0, 1, 3)))
O = BasisSet(8, shells=(Shell('S', 2.0, 0.0, 1, 3), Shell('SP', 6.0, 0.0, 1, 3)))

OPTIMISATION = """\
MgO
CRYSTAL
0 0 0
225
4.21
2
12 0.0 0.0 0.0
8 0.5 0.5 0.5
EXTPRT
OPTGEOM
FULLOPTG
MAXCYCLE
50
ENDOPT
END
12 3
1 0 3 2.0 0.0
1 1 3 8.0 0.0
1 1 3 2.0 0.0
8 2
1 0 3 2.0 0.0
1 1 3 6.0 0.0
99 0
END
DFT
PBEXC
XLGRID
ENDDFT
SHRINK
8 8
TOLINTEG
7 7 7 7 14
TOLDEE
8
PPAN
END
"""


def _words(text: str) -> list[list[str]]:
    """Lines as words, numbers by value."""

    def word(text: str) -> str:
        try:
            return repr(float(text))
        except ValueError:
            return text

    return [[word(part) for part in line.split()] for line in text.splitlines()]


def test_writes_an_optimisation() -> None:
    deck = D12.build(
        MGO,
        [MG, O],
        {
            'title': 'MgO',
            'geometry': {'edits': ['EXTPRT'], 'optgeom': {'type': 'FULLOPTG', 'maxcycle': 50}},
            'hamiltonian': {'dft': {'functional': 'PBE', 'grid': 'XLGRID'}},
            'scf': {'shrink': {'is': 8, 'isp': 8}, 'tolinteg': [7, 7, 7, 7, 14], 'toldee': 8, 'ppan': True},
        },
    )
    assert _words(write_d12(deck)) == _words(OPTIMISATION)
    assert read_d12(OPTIMISATION) == deck


def test_library_closes_the_geometry() -> None:
    deck = D12.build(
        GeometryBlock(keyword='EXTERNAL'),
        (),
        {
            'title': 't',
            'basis': {'library': 'STO-3G', 'ghosts': [1, 2]},
            'scf': {'shrink': {'is': [2, 4, 1], 'isp': 8}},
        },
    )
    assert write_d12(deck) == 't\nEXTERNAL\nBASISSET\nSTO-3G\nGHOSTS\n2\n1 2\nSHRINK\n0 8\n2 4 1\nEND\n'
    assert read_d12(write_d12(deck)) == deck


def test_library_behind_the_end_of_the_geometry() -> None:
    deck = read_d12('t\nEXTERNAL\nEND\nBASISSET\nPOB-TZVP-REV2\nEND\nSHRINK\n4 4\nEND\n')
    assert deck.parameters.basis.library == 'POB-TZVP-REV2'
    assert deck.parameters.scf.shrink is not None


def test_unknown_keywords_keep_their_place() -> None:
    text = OPTIMISATION.replace('SHRINK\n', 'NEWWORD\n1 2.50\nabc\nSHRINK\n').replace(
        'FULLOPTG\n', 'ODD\n3\nFULLOPTG\n'
    )
    assert _words(write_d12(read_d12(text))) == _words(text)
    assert read_d12(text).parameters.scf.extra == ('NEWWORD', '1 2.50', 'abc')


def test_repeated_keywords_are_kept() -> None:
    text = OPTIMISATION.replace('PPAN\n', 'TOLDEE\n9\nPPAN\n')
    deck = read_d12(text)
    assert deck.parameters.scf.toldee == 8
    assert deck.parameters.scf.extra == ('TOLDEE', '9')
    assert _words(write_d12(deck)) == _words(text)


def test_blocks_known_by_name_are_kept_with_their_end() -> None:
    text = OPTIMISATION.replace('PPAN\n', 'GCP\nMETHOD\nDFT\nENDGCP\nPPAN\n')
    assert _words(write_d12(read_d12(text))) == _words(text)


def test_composite_method_with_options_is_kept() -> None:
    text = OPTIMISATION.replace('PPAN\n', 'HF3C\nRESCALES8\n0.7\nEND\nPPAN\n')
    deck = read_d12(text)
    assert deck.parameters.hamiltonian.composite is None
    assert _words(write_d12(deck)) == _words(text)
    plain = read_d12(OPTIMISATION.replace('PPAN\n', 'HF3C\nEND\nPPAN\n'))
    assert plain.parameters.hamiltonian.composite == 'HF3C'


def test_deck_that_stops_behind_the_geometry() -> None:
    deck = read_d12('t\nEXTERNAL\nTESTGEOM\nEND\n')
    assert deck.basis == [] and deck.ends_behind_geometry
    assert write_d12(deck) == 't\nEXTERNAL\nTESTGEOM\nEND\n'


@pytest.mark.parametrize(
    ('old', 'new', 'line', 'reason'),
    [
        ('PPAN\nEND\n', 'PPAN\n', 35, 'END is missing'),
        ('99 0\n', '', 23, 'basis set, line 23'),
        ('8 8\n', '8\n', 30, 'IS ISP'),
        ('8 8\n', '8 8.5\n', 30, 'must be integers'),
        ('7 7 7 7 14\n', '7 7 7 14\n', 32, 'TOLINTEG'),
        ('TOLDEE\n8\n', 'TOLDEE\nX\n', 34, 'TOLDEE'),
        ('TOLDEE\n8\n', 'TOLDEE\n80\n', None, 'scf.toldee: .*20, it is 80'),
        ('MAXCYCLE\n50\n', 'MAXCYCLE\n0\n', 10, 'OPTGEOM: maxcycle'),
        ('PPAN\n', '1 2\nPPAN\n', 35, 'where a keyword is expected'),
    ],
)
def test_refuses_with_line_and_reason(old: str, new: str, line: int | None, reason: str) -> None:
    assert old in OPTIMISATION
    with pytest.raises(DeckError, match=reason) as error:
        read_d12(OPTIMISATION.replace(old, new))
    assert line is None or f'line {line}' in str(error.value)


def test_refuses_a_deck_without_basis() -> None:
    with pytest.raises(DeckError, match='no basis set'):
        D12.build(MGO, (), {'scf': {'shrink': {'is': 4}}})
    with pytest.raises(DeckError, match='CRYSTAL takes one'):
        D12.build(MGO, [MG, O], {'basis': {'library': 'STO-3G'}})
    with pytest.raises(DeckError, match=r'scf\.fmixing'):
        D12.build(MGO, [MG, O], {'scf': {'fmixing': -1}})


# ----------------------------------------------------------------------------------------------- read(write(x)) == x

POSITIVE = st.floats(1e-12, 1e6)
COUNT = st.integers(1, 10**7)
LABELS = st.lists(st.integers(1, 500), min_size=1, max_size=60, unique=True)
VERBATIM = st.sampled_from(
    [['SETPRINT', '1', '66 -999'], ['NEWWORD'], ['ODDVALUE', '1.50 2', '3'], ['GCP', 'X', 'END']]
)
EXTRA = st.lists(VERBATIM, max_size=3).map(lambda groups: [line for group in groups for line in group])


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


OPTGEOM = _some(
    type=st.sampled_from(['FULLOPTG', 'ATOMONLY', 'CELLONLY', 'INTREDUN', 'ITATOCEL', 'CVOLOPT']),
    hessian=st.sampled_from(['HESSIDEN', 'HESSMOD1', 'HESSMOD2', 'HESSNUM', 'HESSOPT']),
    toldeg=POSITIVE,
    toldex=POSITIVE,
    toldee=st.integers(1, 20),
    maxcycle=COUNT,
    finalrun=st.integers(0, 4),
    maxtradius=POSITIVE,
    extpress=st.floats(-1e3, 1e3),
    restart=st.booleans(),
    fragment=LABELS,
    extra=EXTRA,
    layout=st.permutations(['extra:2', 'type', 'toldee', 'fragment', 'extra:1']),
)
MATRIX = st.integers(1, 3).flatmap(
    lambda n: st.lists(st.lists(st.integers(-9, 9), min_size=n, max_size=n), min_size=n, max_size=n)
)
TEMPERATURES = st.tuples(COUNT, st.floats(0, 1e3), st.floats(0, 1e3))
RANGES = st.tuples(st.floats(0.5, 0.9), st.floats(1.0, 2.0), st.integers(3, 50))
GEOMETRY = _some(
    edits=EXTRA,
    scelphono=MATRIX,
    optgeom=OPTGEOM,
    freqcalc=_some(
        restart=st.booleans(),
        preoptgeom=OPTGEOM,
        numderiv=st.integers(1, 2),
        stepsize=POSITIVE,
        intens=st.booleans(),
        intraman=st.booleans(),
        dieltens=MATRIX,
        dieliso=POSITIVE,
        dispersi=st.booleans(),
        temperat=TEMPERATURES,
        pressure=TEMPERATURES,
        fragment=LABELS,
        extra=EXTRA,
    ),
    elastcon=_some(
        restart=st.booleans(),
        preoptgeom=OPTGEOM,
        numderiv=COUNT,
        stepsize=POSITIVE,
        clampion=st.booleans(),
        extra=EXTRA,
    ),
    eos=_some(restart=st.booleans(), preoptgeom=OPTGEOM, range=RANGES, prange=RANGES, extra=EXTRA),
    cphf=_some(
        keyword=st.sampled_from(['CPHF', 'CPKS']),
        fmixing=st.integers(0, 100),
        maxcycle=COUNT,
        tolalpha=st.integers(1, 20),
        tolgamma=st.integers(1, 20),
        third=st.booleans(),
        fourth=st.booleans(),
        extra=EXTRA,
    ),
    testgeom=st.booleans(),
)
PARTS = st.sampled_from(['PBE', 'LYP', 'BECKE', 'PZ', 'PBESOL', 'MPW91'])
GRIDS = st.sampled_from(['OLDGRID', 'LGRID', 'XLGRID', 'XXLGRID', 'XXXLGRID', 'HUGEGRID'])
DFT = st.one_of(
    _some(functional=st.sampled_from(FUNCTIONALS), grid=GRIDS, spin=st.booleans(), extra=EXTRA),
    st.fixed_dictionaries(
        {'exchange': PARTS, 'correlation': PARTS},
        optional={'hybrid': st.floats(0, 100), 'nonlocal': st.tuples(POSITIVE, POSITIVE), 'spin': st.booleans()},
    ),
)
HAMILTONIAN = _some(
    method=st.sampled_from(['RHF', 'UHF', 'ROHF']),
    dft=DFT,
    dispersion=_some(
        version=st.integers(2, 6), functional=st.sampled_from(['PBE', 'B3LYP']), abc=st.booleans(), extra=EXTRA
    ),
    composite=st.sampled_from(['HF3C', 'HFSOL3C']),
)
FACTORS = st.integers(1, 99)
PAIR = st.tuples(st.integers(0, 99), st.integers(0, 99))
SCF = _some(
    shrink=st.fixed_dictionaries({'is': st.one_of(FACTORS, st.tuples(FACTORS, FACTORS, FACTORS)), 'isp': FACTORS}),
    tolinteg=st.tuples(*[st.integers(1, 99)] * 5),
    toldee=st.integers(1, 20),
    maxcycle=COUNT,
    fmixing=st.integers(0, 100),
    diis=st.sampled_from([True, False, 'ANDERSON', 'BROYDEN']),
    levshift=st.tuples(st.integers(0, 99), st.integers(0, 1)),
    smear=POSITIVE,
    spinlock=PAIR,
    betalock=PAIR,
    atomspin=LABELS.map(lambda labels: [[label, label % 3 - 1] for label in labels]),
    guessp=st.booleans(),
    biposize=COUNT,
    exchsize=COUNT,
    ldremo=COUNT,
    savewf=st.booleans(),
    ppan=st.booleans(),
    testpdim=st.booleans(),
    testrun=st.booleans(),
    extra=EXTRA,
)
TITLES = st.text(st.characters(codec='ascii', exclude_categories=['C']), max_size=70).map(str.strip)
BASIS = st.one_of(
    _some(ghosts=LABELS, charged=st.booleans(), extra=EXTRA),
    st.fixed_dictionaries({'library': st.just('STO-3G')}, optional={'ghosts': LABELS, 'charged': st.booleans()}),
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        'title': TITLES,
        'geometry': GEOMETRY,
        'basis': BASIS,
        'hamiltonian': HAMILTONIAN,
        'scf': SCF,
        'layout': st.permutations(['extra:3', *list(SECTION_ITEMS)[:8], 'extra:1']),
    },
)


def _valid(data: dict[str, Any]) -> CrystalParameters | None:
    """Make parameters; a random layout may cut an unknown keyword from its arguments, which is refused."""
    try:
        return CrystalParameters.model_validate(data)
    except ValueError as error:
        assert 'where a keyword is expected' in str(error) or 'END of' in str(error), error
        return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PARAMETERS)
def test_reads_what_it_writes(data: dict[str, Any]) -> None:
    parameters = _valid(data)
    if parameters is None:
        return
    deck = D12.build(MGO, () if parameters.basis.library else (MG, O), parameters)
    again = read_d12(write_d12(deck))
    assert again == deck
    assert write_d12(again) == write_d12(deck)
    assert CrystalParameters.model_validate(parameters.to_dict()) == parameters
