"""Decks of Yambo: read, written, made from models, checked for names, and compared with what was used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yambo_parameters import BSE_SIZES, G0W0

from aiida_crystalmath.yambo.inputs import (
    Block,
    Deck,
    Number,
    Text,
    YamboInputError,
    compare,
    deck_from_parameters,
    parallel_message,
    read_deck,
    read_echo,
    unknown_names,
    variables_of,
    write_deck,
)
from aiida_crystalmath.yambo.inputs.models import EigenvalueGW, read_calculation

BSE = {'kind': 'bse', 'bands': [2, 7], **BSE_SIZES}


# ------------------------------------------------------------------------------------------------ recorded decks


def test_every_recorded_deck_is_read_and_known(yambo_corpus):
    decks = [path for name in ('gw.in', 'bse.in', '*_generated_by_yambo.in') for path in yambo_corpus.glob(f'*/{name}')]
    assert len(decks) == 18
    for path in decks:
        deck = read_deck(path.read_text())
        assert read_deck(write_deck(deck)) == deck, path
        unknown = unknown_names(deck.names)
        assert len(unknown) == (path.parent.name == 'gw_ppa_serial_unknown_variable'), path


def test_every_echo_has_names_that_are_known(yambo_corpus):
    """Whatever Yambo itself prints as its input must be in our list."""
    echoes = 0
    for path in sorted(yambo_corpus.glob('*/[ro][-_]*')):
        program = 'ypp' if 'exc' in path.name else 'yambo'
        echo = read_echo(path.read_text(), program)
        if echo is not None:
            echoes += 1
            assert unknown_names(echo.names, program) == [], path
    assert echoes == 27


def test_a_deck_has_what_stands_in_it(yambo_corpus):
    deck = read_deck((yambo_corpus / 'bse_diago_mpi2' / 'bse.in').read_text())
    assert deck.runlevels == ('em1s', 'optics', 'bss', 'bse', 'dipoles')
    assert deck.flags == ('WRbsWF',)
    assert deck.variables['BSENGexx'] == Number(8, 'Ry')
    assert deck.variables['BEnRange'] == Block(((0.0, 10.0),), 'eV')
    assert deck.text('KfnQPdb') == 'E < ./gw/ndb.QP'
    assert deck.quasiparticle_database == './gw/ndb.QP'
    assert deck.row('BSEBands') == (2, 7)


def test_a_commented_flag_is_off(yambo_corpus):
    deck = read_deck((yambo_corpus / 'bse_diago_mpi2' / 'bse_generated_by_yambo.in').read_text())
    assert deck.flags == ()
    assert deck.variables['BSENGBlk'] == Number(-1, 'RL')


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('% BndsRnXp\n 1 | 30 |\n', 'line 1: the block `BndsRnXp` has no end'),
        ('% BndsRnXp\n 1 30\n%\n', 'line 2: a row of `BndsRnXp` has no bars'),
        ('NGsBlkXp= two Ry\n', 'line 1: `two` is no number'),
        ('gw0\nNGsBlkXp= 2 Ry now\n', 'line 2: `2 Ry now` is neither'),
        ('Chimod= "HARTREE\n', 'line 1: a text has no second quote'),
        ('gw0 ppa\n', 'line 1: `gw0 ppa` is neither a word'),
    ],
)
def test_what_is_wrong_with_a_deck_is_said_with_its_line(text, reason):
    with pytest.raises(YamboInputError, match=reason.replace('[', r'\[')):
        read_deck(text)


_numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False))
_units = st.sampled_from(['', 'Ry', 'eV', 'RL'])


@st.composite
def _decks(draw):
    known = variables_of('yambo')
    values = {}
    for name in draw(st.lists(st.sampled_from(known.of_kind('number')), unique=True, max_size=5)):
        values[name] = Number(draw(_numbers), draw(_units))
    for name in draw(st.lists(st.sampled_from(known.of_kind('text')), unique=True, max_size=3)):
        values[name] = Text(draw(st.text(st.characters(codec='ascii', exclude_characters='"\r\n', min_codepoint=32))))
    for name in draw(st.lists(st.sampled_from(known.of_kind('block')), unique=True, max_size=3)):
        rows = draw(st.lists(st.lists(_numbers, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3))
        values[name] = Block(tuple(rows), draw(_units))
    runlevels = draw(st.lists(st.sampled_from(known.of_kind('runlevel')), unique=True))
    flags = draw(st.lists(st.sampled_from(known.of_kind('flag')), unique=True))
    return Deck(tuple(runlevels), tuple(flags), values)


@given(_decks())
def test_what_is_written_is_read_again(deck):
    assert read_deck(write_deck(deck)) == deck


@pytest.mark.parametrize(
    'value', [Text('a "word"'), Text('two\nlines'), Number(float('nan')), Block(((float('inf'),),))]
)
def test_what_no_deck_can_hold_is_refused(value):
    with pytest.raises(YamboInputError, match='`Chimod`'):
        write_deck(Deck(variables={'Chimod': value}))


# ------------------------------------------------------------------------------------------------ names


def test_a_misspelt_name_gets_a_suggestion():
    assert unknown_names(['NGsBlkXp', 'BndsRnXs', 'KfnQPdb', 'X_and_IO_ROLEs', 'GfnQP_up_E']) == []
    (sentence,) = unknown_names(['NGsBlkXP'])
    assert 'did you mean `NGsBlkXp`?' in sentence
    assert 'without a word' in sentence
    (sentence,) = unknown_names(['EXXRLvc'])
    assert '`EXXRLvcs`' in sentence
    assert unknown_names(['NewIn53'], allowed=['NewIn53']) == []


def test_names_of_ypp_are_its_own():
    assert unknown_names(['excitons', 'States', 'BSQindex'], 'ypp') == []
    assert len(unknown_names(['gw0'], 'ypp')) == 1


# ------------------------------------------------------------------------------------------------ models


def test_the_model_of_g0w0_makes_the_recorded_deck(yambo_corpus):
    recorded = read_deck((yambo_corpus / 'gw_ppa_mpi2' / 'gw.in').read_text())
    assert deck_from_parameters(G0W0) == recorded


def test_the_model_of_the_bse_makes_the_recorded_decks(yambo_corpus):
    recorded = read_deck((yambo_corpus / 'bse_scissor_serial' / 'bse.in').read_text())
    scissor = {'scissor': {'shift_ev': 0.7}, 'write_wavefunctions': True}
    assert deck_from_parameters({**BSE, **scissor}) == recorded
    recorded = read_deck((yambo_corpus / 'bse_haydock_serial' / 'bse.in').read_text())
    database = {'variables': {'KfnQPdb': 'E < ../../yam/gw/ndb.QP'}}
    assert deck_from_parameters({**BSE, 'solver': 'haydock', **database}) == recorded


def test_cutoffs_are_whole_numbers():
    """Yambo keeps them as numbers of G-vectors; where a Ry is too coarse, its own inputs have mHa."""
    deck = deck_from_parameters({**G0W0, 'response_block_ry': 2.5, 'exchange_cutoff_ry': 12.001})
    assert deck.variables['NGsBlkXp'] == Number(1250, 'mHa')
    assert deck.variables['EXXRLvcs'] == Number(6001, 'mHa')
    assert isinstance(deck_from_parameters(G0W0).variables['NGsBlkXp'].value, int)


def test_the_states_are_written_as_yambo_writes_them(yambo_corpus):
    recorded = (yambo_corpus / 'gw_ppa_mpi2' / 'gw_generated_by_yambo.in').read_text()
    assert '\n1|8|1|30|\n%' in recorded
    text = write_deck(deck_from_parameters({**G0W0, 'qp_bands': [1, 30]}))
    assert '%QPkrange\n1|8|1|30|\n%\n' in text
    assert 'NGsBlkXp= 2 Ry\n' in text
    assert '% BndsRnXp\n 1 | 30 |\n%\n' in text


def test_evgw_adds_its_iterations():
    content = {**G0W0, 'kind': 'evgw_ppa', 'iterations': 4}
    assert isinstance(read_calculation(content), EigenvalueGW)
    assert deck_from_parameters(content).variables['GWIter'] == Number(4)
    deck = deck_from_parameters({**content, 'update_screening': False, 'threshold_ev': 0.01})
    assert 'GWIter' not in deck.variables
    assert deck.variables['GWoIter'] == Number(4)
    assert deck.variables['SCEtresh'] == Number(0.01, 'eV')


@pytest.mark.parametrize(
    ('content', 'runlevels', 'variables'),
    [
        ({'kind': 'setup', 'max_gvectors': 100}, {'setup'}, {'MaxGvecs': Number(100, 'RL')}),
        (
            {'kind': 'hf', **{k: G0W0[k] for k in ('exchange_cutoff_ry', 'qp_kpoints', 'qp_bands')}},
            {'HF_and_locXC'},
            {},
        ),
        (
            {**{k: v for k, v in G0W0.items() if k != 'kind'}, 'kind': 'cohsex'},
            {'gw0', 'cohsex', 'em1s', 'HF_and_locXC', 'dyson', 'el_el_corr'},
            {'NGsBlkXs': Number(2, 'Ry')},
        ),
        ({'kind': 'optics', 'level': 'ip', 'bands': 10}, {'optics', 'chi', 'dipoles'}, {'Chimod': Text('IP')}),
        (
            {'kind': 'optics', 'bands': 10, 'response_block_ry': 2},
            {'optics', 'chi', 'dipoles'},
            {'Chimod': Text('HARTREE'), 'NGsBlkXd': Number(2, 'Ry')},
        ),
        (
            {**BSE, 'solver': 'slepc', 'n_eigenvalues': 20, 'target_ev': 3.0},
            {'em1s', 'optics', 'bss', 'bse', 'dipoles'},
            {'BSSmod': Text('s'), 'BSSNEig': Number(20), 'BSSEnTarget': Number(3.0, 'eV')},
        ),
    ],
)
def test_every_kind_has_names_that_are_known(content, runlevels, variables):
    deck = deck_from_parameters(content)
    assert set(deck.runlevels) == runlevels
    assert unknown_names(deck.names) == []
    assert variables.items() <= dict(deck.variables).items()


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'screening_bads': 3}, 'did you mean `screening_bands`'),
        ({'qp_bands': [7, 2]}, '`qp_bands` begins with 7 and ends with 2'),
        ({'response_block_ry': -1}, 'response_block_ry: input should be greater than 0'),
        ({'kind': 'gw'}, 'g0w0_ppa'),
        ({'variables': {'NGsBlkXP': 3}}, 'did you mean `NGsBlkXp`'),
        ({'parallel': {'roles': {'SE': {'k': 2}}}}, '`SE` has no role k; it has q, qp, b'),
        ({'parallel': {'roles': {'GW': {'q': 2}}}}, '`GW` is no part'),
        ({'solver': 's'}, "solver: input should be 'n'"),
    ],
)
def test_what_is_wrong_with_a_calculation_is_said(change, reason):
    with pytest.raises(YamboInputError, match=reason):
        deck_from_parameters({**G0W0, **change})


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'screened_cutoff_ry': None, 'screening_bands': None}, 'SEX needs `screened_cutoff_ry`, `screening_bands`'),
        ({'kernel': 'ALDA'}, 'kernel: input should be'),
        ({'screened_coupling': True}, '`screened_coupling` belongs to `coupling`'),
        ({'solver': 'slepc'}, 'needs `n_eigenvalues`'),
    ],
)
def test_what_is_wrong_with_a_bse_is_said(change, reason):
    with pytest.raises(YamboInputError, match=reason):
        deck_from_parameters({**BSE, **change})


def test_only_the_screened_kernel_has_a_screening():
    """Yambo would compute it all the same, for nothing."""
    deck = deck_from_parameters({**BSE, 'kernel': 'HARTREE', 'parallel': {'threads': 2}})
    assert 'em1s' not in deck.runlevels
    assert not {'Chimod', 'BSENGBlk', 'BndsRnXs', 'NGsBlkXs', 'LongDrXs', 'X_Threads'} & set(deck.variables)
    bare = deck_from_parameters(
        {'kind': 'bse', 'kernel': 'HF', 'bands': [2, 7], 'exchange_cutoff_ry': 8, 'screened_cutoff_ry': 2}
    )
    assert 'em1s' not in bare.runlevels
    assert bare.variables['BSENGBlk'] == Number(2, 'Ry')


def test_w_couples_on_request_only():
    assert deck_from_parameters({**BSE, 'coupling': 'coupling'}).flags == ()
    assert deck_from_parameters({**BSE, 'coupling': 'coupling', 'screened_coupling': True}).flags == ('WehCpl',)


def test_cohsex_has_no_solver_to_choose():
    """Yambo reads none for it (INIT_activate.F), and would not echo one."""
    content = {key: value for key, value in G0W0.items() if key != 'kind'}
    assert 'DysSolver' not in deck_from_parameters({**content, 'kind': 'cohsex'}).variables


def test_optics_share_their_response_out_by_a_name_of_its_own():
    """Of `optics chi` Yambo reads X_CPU; X_and_IO_CPU is that of a response that is stored for GW or the BSE."""
    content = {'kind': 'optics', 'level': 'ip', 'bands': 10}
    deck = deck_from_parameters({**content, 'parallel': {'roles': {'X': {'k': 2, 'c': 2}}, 'threads': 2}})
    assert (deck.text('X_CPU'), deck.text('X_ROLEs')) == ('2.2', 'k.c')
    assert deck.variables['X_Threads'] == Number(2)
    assert unknown_names(deck.names) == []
    assert parallel_message(deck, 4) is None


def test_which_results_a_deck_promises():
    def deck(*words, **variables):
        return deck_from_parameters({'arguments': list(words), 'variables': variables})

    assert deck('gw0', 'ppa', 'HF_and_locXC').wants_quasiparticles
    assert not deck('gw0', 'ppa', 'dyson', DysSolver='g').wants_quasiparticles
    assert not deck('HF_and_locXC').wants_quasiparticles
    assert deck('optics', 'chi', XfnQPdb='E < ./qp/ndb.QP').quasiparticle_database == './qp/ndb.QP'
    assert deck('bse', 'bss', KfnQPdb='E W < a/ndb.QP').quasiparticle_database == 'a/ndb.QP'
    assert deck('gw0').quasiparticle_database is None
    assert deck('gw0', GWoIter=2).iterates
    assert not deck('gw0', GWIter=0).iterates


def test_roles_are_written_as_yambo_echoes_them(yambo_corpus):
    used = read_echo((yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_text())
    parallel = {'roles': {'X_and_IO': {'g': 2, 'k': 1, 'q': 1}, 'SE': {'b': 2, 'q': 1}, 'DIP': {'v': 2, 'k': 1}}}
    deck = deck_from_parameters({**G0W0, 'parallel': {**parallel, 'threads': 2}})
    for name in ('X_and_IO_CPU', 'X_and_IO_ROLEs', 'SE_CPU', 'SE_ROLEs', 'DIP_CPU', 'DIP_ROLEs'):
        assert deck.variables[name] == used.variables[name]
    assert deck.variables['X_Threads'] == deck.variables['SE_Threads'] == Number(2)
    assert parallel_message(deck, 2) is None
    assert 'share out 2 processes and the job has 3' in parallel_message(deck, 3)
    raw = deck_from_parameters({'arguments': ['gw0'], 'variables': {'SE_CPU': '2 2', 'SE_ROLEs': 'q'}})
    assert 'one number for each role is needed' in parallel_message(raw, 4)


def test_yambos_own_words_are_taken_too(yambo_corpus):
    deck = deck_from_parameters(
        {
            'arguments': ['gw0', 'WRbsWF'],
            'variables': {
                'NGsBlkXp': [2, 'Ry'],
                'BndsRnXp': [[1, 30], ''],
                'QPkrange': [[[1, 1, 4, 5], [2, 2, 4, 5]], ''],
                'DysSolver': 'n',
                'BSHayTer': True,
                'WehCpl': False,
            },
        }
    )
    assert deck.runlevels == ('gw0',)
    assert deck.flags == ('WRbsWF', 'BSHayTer')
    assert deck.variables == {
        'NGsBlkXp': Number(2, 'Ry'),
        'BndsRnXp': Block(((1, 30),)),
        'QPkrange': Block(((1, 1, 4, 5), (2, 2, 4, 5))),
        'DysSolver': Text('n'),
    }


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        ({'arguments': ['gw', 'ppa']}, '`gw` is no name'),
        ({'arguments': ['NGsBlkXp']}, '`NGsBlkXp` needs a value'),
        ({'arguments': 'gw0'}, 'must be a list of words'),
        ({'variables': {'NGsBlkXp': 'two'}}, "`NGsBlkXp` takes a number, it is 'two'"),
        ({'variables': {'BndsRnXp': 30}}, '`BndsRnXp` takes a block'),
        ({'variables': {'WRbsWF': 1}}, '`WRbsWF` is switched on by `true`'),
        ({'variables': {'BndsRnXp': {'a': 1}}}, 'is no number, text or row'),
        ({'argumnts': []}, '`argumnts`: parameters are either'),
    ],
)
def test_what_is_wrong_with_yambos_own_words_is_said(parameters, reason):
    with pytest.raises(YamboInputError, match=reason):
        deck_from_parameters(parameters)


# ------------------------------------------------------------------------------------------------ asked and used


def test_a_rounded_cutoff_and_an_unknown_name_are_found(yambo_corpus):
    folder = yambo_corpus / 'gw_ppa_serial_unknown_variable'
    asked = read_deck((folder / 'gw.in').read_text())
    found = compare(asked, read_echo((folder / 'o-gw.qp').read_text()))
    assert [(difference.name, difference.sort) for difference in found] == [
        ('NGsBlkXp', 'rounded'),
        ('NoSuchVariable', 'unknown'),
    ]
    assert str(found[0]) == 'NGsBlkXp was 2 Ry and 3 Ry was used (rounded)'


def test_replaced_roles_changed_values_and_unused_names_are_found(yambo_corpus):
    used = read_echo((yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_text())
    asked = deck_from_parameters(
        {
            **G0W0,
            'screening_bands': 29,
            'field_direction': [1, 0, 0],
            'parallel': {'roles': {'SE': {'q': 2}}},
            'variables': {'BSSNEig': 3, 'WRbsWF': True},
        }
    )
    sorts = {difference.name: difference.sort for difference in compare(asked, used)}
    assert sorts == {
        'BndsRnXp': 'changed',
        'GbndRnge': 'changed',
        'LongDrXp': 'changed',
        'SE_CPU': 'replaced',
        'SE_ROLEs': 'replaced',
        'BSSNEig': 'ignored',
        'WRbsWF': 'ignored',
        'NGsBlkXp': 'rounded',
    }
