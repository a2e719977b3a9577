"""Decks of BerkeleyGW: only against themselves and what its manual says, as no program of it could be run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_crystalmath.berkeleygw.decks import AbsorptionDeck, EpsilonDeck, KernelDeck, SigmaDeck
from aiida_crystalmath.berkeleygw.keywords import KEYWORDS
from aiida_crystalmath.crystal.inputs.errors import DeckError

Q0 = {'position': (0.0, 0.0, 0.001), 'is_q0': 1}
REQUIRED = {
    EpsilonDeck: {'keywords': {'epsilon_cutoff': 10.0}, 'points': [Q0, {'position': (0.0, 0.0, 0.5)}]},
    SigmaDeck: {'keywords': {'band_index_min': 1, 'band_index_max': 8}, 'points': [{'position': (0.0, 0.0, 0.0)}]},
    KernelDeck: {'keywords': {'number_val_bands': 3, 'number_cond_bands': 3}},
    AbsorptionDeck: {
        'keywords': {
            'number_val_bands_fine': 3,
            'number_val_bands_coarse': 3,
            'number_cond_bands_fine': 3,
            'number_cond_bands_coarse': 3,
            'energy_resolution': 0.1,
            'use_momentum': True,
            'polarization': (0.0, 0.0, 1.0),
        }
    },
}
CHOICES = ('truncation', 'symmetries', 'use_', 'spin_', 'screening', 'gcomm', 'fermi_level_', 'broadening', 'haydock')
KINDS = {
    'flag': st.just(True),
    'integer': st.integers(-5, 500),
    'real': st.floats(-1e3, 1e3, allow_nan=False),
    'integers': st.tuples(*[st.integers(1, 9)] * 3),
    'reals': st.tuples(*[st.floats(-1, 1, allow_nan=False)] * 3),
    'numbers': st.tuples(st.integers(0, 2), *[st.floats(-1, 1, allow_nan=False)] * 3),
}
UNBOUND = ('coulomb_truncation_radius', 'lanczos', 'local_fields', 'diagonalization', 'polarization')


@pytest.mark.parametrize('model', REQUIRED)
@given(data=st.data())
def test_what_is_written_is_read(model, data):
    known = {
        name: kind
        for name, kind in KEYWORDS[model.program].items()
        if not any(part in name for part in CHOICES) and name not in UNBOUND
    }
    names = data.draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=5))
    more = {name: data.draw(KINDS[known[name]]) for name in names if name not in REQUIRED[model]['keywords']}
    deck = model.model_validate({**REQUIRED[model], 'keywords': {**REQUIRED[model]['keywords'], **more}})
    assert model.read(deck.write()) == deck


def test_the_form_of_the_manual():
    """Comments, divided coordinates, flags, and the block of q-points."""
    text = """
# a comment
epsilon_cutoff           35.0   # Ry
number_bands 100
cell_slab_truncation
begin qpoints
  0.000000    0.000000    0.005000   1.0   1
  0.000000    0.000000    1.000000   2.0   0
end
"""
    deck = EpsilonDeck.read(text)
    assert deck.keywords == {'epsilon_cutoff': 35.0, 'number_bands': 100, 'cell_slab_truncation': True}
    assert [(point.position, point.is_q0) for point in deck.points] == [((0, 0, 0.005), 1), ((0, 0, 0.5), 0)]


@pytest.mark.parametrize(
    ('model', 'changes', 'message'),
    [
        (EpsilonDeck, {'epsilon_cutof': 1.0}, 'did you mean `epsilon_cutoff`'),
        (EpsilonDeck, {'number_bands': 1.5}, '`number_bands` takes a whole number'),
        (EpsilonDeck, {'restart': 1}, '`restart` takes no value'),
        (EpsilonDeck, {'cell_slab_truncation': True, 'cell_box_truncation': True}, 'exclude each other'),
        (EpsilonDeck, {'spherical_truncation': True}, 'belong together'),
        (SigmaDeck, {'band_index_max': 0}, 'are no range'),
        (SigmaDeck, {'epsilon_cutoff': 1.0}, 'sigma of BerkeleyGW does not know `epsilon_cutoff`'),
        (AbsorptionDeck, {'use_velocity': True}, 'exclude each other'),
        (AbsorptionDeck, {'lanczos': True}, '`lanczos` needs `diagonalization`'),
        (AbsorptionDeck, {'haydock': True}, 'needs `number_iterations`'),
        (AbsorptionDeck, {'use_momentum': False, 'polarization': (0.0, 0.0, 1.0)}, 'has to be chosen'),
    ],
)
def test_refused(model, changes, message):
    values = REQUIRED[model]
    with pytest.raises(ValueError, match=message):
        model.model_validate({**values, 'keywords': {**values['keywords'], **changes}})


@pytest.mark.parametrize('model', REQUIRED)
def test_what_is_required(model):
    name = next(iter(REQUIRED[model]['keywords']))
    rest = {key: value for key, value in REQUIRED[model]['keywords'].items() if key != name}
    with pytest.raises(ValueError, match=f'`{name}`'):
        model.model_validate({**REQUIRED[model], 'keywords': rest})


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        ([], 'epsilon needs a list of qpoints'),
        ([{'position': (0, 0, 0), 'is_q0': 1}], 'q = 0 is stood for by a small vector'),
        ([{'position': (0, 0, 0.5), 'is_q0': 1}], 'q = 0 is stood for by a small vector'),
        ([{'position': (0, 0, 0.001)}], 'q = 0 is stood for by a small vector'),
        ([{'position': (0, 0, 0.5)}, Q0], 'the small q-point stands first'),
    ],
)
def test_points(points, message):
    with pytest.raises(ValueError, match=message):
        EpsilonDeck.model_validate({**REQUIRED[EpsilonDeck], 'points': points})
    with pytest.raises(ValueError, match='kernel has no list of points'):
        KernelDeck.model_validate({**REQUIRED[KernelDeck], 'points': [Q0]})


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('epsilon_cutoff 1\nepsilon_cutoff 2\n', 'line 2: `epsilon_cutoff` is given twice'),
        ('epsilon_cutoff many\n', "line 1: no number: 'many'"),
        ('begin kpoints\nend\n', 'line 1: a block `kpoints` is not supported'),
        ('begin qpoints\n0 0 0.5\nend\n', 'line 2: a point is three numbers'),
        ('epsilon_cutoff 1\nbegin qpoints\n', 'has no end'),
    ],
)
def test_texts_that_are_refused(text, message):
    with pytest.raises(DeckError, match=message):
        EpsilonDeck.read(text)
