"""What may stand in the file of a sequence, and what is said of what may not."""

from __future__ import annotations

import pytest

from aiida_crystalmath.workflows.crystal.steps import KINDS, STRUCTURE, WAVEFUNCTION
from aiida_crystalmath.workflows.sequences import progress
from aiida_crystalmath.workflows.sequences.files import READY_MADE, read_sequence, ready_made
from aiida_crystalmath.workflows.sequences.model import Sequence, SequenceError

WAITING, FAILED, FINISHED = 'waiting', 'failed', 'finished'


def sequence(*steps: dict, **keys) -> Sequence:
    return Sequence.parse({'steps': list(steps), **keys})


def test_the_ready_made_ones_are_those_of_the_issue():
    assert set(ready_made()) == {
        'basic_opt',
        'opt_sp',
        'full_electronic',
        'double_opt',
        'complete',
        'transport_analysis',
        'charge_analysis',
    }


@pytest.mark.parametrize('name', sorted(path.stem for path in READY_MADE.glob('*.yaml')))
def test_ready_made(name):
    """Each says what it is for, and every step has an installed chain and what it takes."""
    _, found = read_sequence(name)
    assert found.description
    assert sorted(found.order()) == sorted(found.names)
    for step in found.steps:
        assert step.definition.load().get_builder_from_protocol
        if step.definition.takes == WAVEFUNCTION:
            assert found.source(step, WAVEFUNCTION)


@pytest.mark.parametrize('kind', KINDS.values(), ids=KINDS)
def test_kinds_have_chains_with_the_arguments_of_all(kind):
    import inspect

    known = inspect.signature(kind.load().get_builder_from_protocol).parameters
    assert list(known)[:4] == ['code', 'structure', 'protocol', 'overrides']
    assert ('properties_code' in known) or not kind.needs_properties
    assert set(kind.arguments) <= set(known)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'my.yaml: expected a mapping with `steps`, not list.'),
        ({}, 'my.yaml: the key "steps" is missing.'),
        ({'stepps': []}, 'my.yaml: unknown key "stepps": did you mean "steps"?'),
        ({'steps': [{'kind': 'sp'}]}, 'my.yaml: step 1: the key "name" is missing.'),
        ({'steps': [{'name': 'sp', 'protocl': 'fast'}]}, 'my.yaml: step "sp": unknown key "protocl": did you mean'),
        ({'defaults': {'metal': True}, 'steps': [{'name': 'sp'}]}, 'my.yaml: defaults: unknown key "metal"'),
        ({'steps': [{'name': 'sp', 'needs': 'opt'}]}, 'my.yaml: step "sp": needs: input should be a valid list'),
        ({'steps': [{'name': 'band'}]}, 'my.yaml: step "band": name: there is no kind of step "band": did you mean'),
        ({'steps': [{'name': 'x', 'kind': 'spp'}]}, 'my.yaml: step "x": kind: there is no kind of step "spp"'),
        ({'steps': [{'name': 'sp'}, {'name': 'sp'}]}, 'my.yaml: step "sp": 2 steps have this name.'),
        ({'steps': [{'name': 'a__b', 'kind': 'sp'}]}, 'my.yaml: step "a__b": not a name for a step'),
        (
            {'steps': [{'name': 'opt'}, {'name': 'sp', 'needs': ['optt']}]},
            'my.yaml: step "sp": needs: there is no step "optt": did you mean "opt"?',
        ),
        (
            {
                'steps': [
                    {'name': 'opt', 'needs': ['sp']},
                    {'name': 'sp', 'needs': ['last']},
                    {'name': 'last', 'kind': 'sp', 'needs': ['opt']},
                ]
            },
            'my.yaml: the steps need each other in a circle: opt -> sp -> last -> opt.',
        ),
        ({'steps': [{'name': 'bands'}]}, 'my.yaml: step "bands": band structure needs a wavefunction'),
        (
            {'steps': [{'name': 'opt'}, {'name': 'sp'}, {'name': 'dos', 'needs': ['opt', 'sp']}]},
            'my.yaml: step "dos": it could take its wavefunction from "opt" or "sp": let it need only one.',
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_step_and_key(content, message):
    with pytest.raises(SequenceError) as caught:
        Sequence.parse(content, 'my.yaml')
    assert str(caught.value).startswith(message)


def test_files(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('steps: [{name: sp}]\n')
    assert read_sequence(path)[0] == 'mine'
    path.write_text('steps: [')
    with pytest.raises(SequenceError, match=r'mine\.yaml: not valid YAML'):
        read_sequence(str(path))
    with pytest.raises(SequenceError, match='there is no sequence "full_elektronic": did you mean "full_electronic"'):
        read_sequence('full_elektronic')
    with pytest.raises(SequenceError, match='there is no file'):
        read_sequence(tmp_path / 'other.yaml')


def test_sources_are_the_nearest_on_the_way_back():
    found = sequence(
        {'name': 'coarse', 'kind': 'opt'},
        {'name': 'fine', 'kind': 'opt', 'needs': ['coarse']},
        {'name': 'sp', 'needs': ['fine']},
        {'name': 'dos', 'needs': ['sp']},
        {'name': 'eos', 'needs': ['dos']},
    )
    assert [found.source(step, STRUCTURE) for step in found.steps] == [None, 'coarse', 'fine', 'fine', 'fine']
    assert found.source(found.step('dos'), WAVEFUNCTION) == 'sp'
    assert found.following('sp') == ['sp', 'dos', 'eos']


def test_settings_of_a_step_have_precedence():
    found = sequence({'name': 'sp', 'protocol': 'fast'}, defaults={'protocol': 'balanced', 'electronic_type': 'metal'})
    assert found.settings_of(found.step('sp')) == {'protocol': 'fast', 'electronic_type': 'metal'}


@pytest.mark.parametrize(
    ('optional', 'status', 'dos', 'eos'),
    [
        (False, FAILED, ('not run', 'it needs step "sp", which failed'), 'it needs step "sp", which failed'),
        (True, FAILED, ('not run', 'it needs the wavefunction of step "sp", which failed'), None),
        (True, 'skipped', ('skipped', 'it needs the wavefunction of step "sp", which was skipped'), None),
        (True, FINISHED, None, None),
    ],
)
def test_what_a_failure_stops(optional, status, dos, eos):
    """An optional step stops only what lives on its wavefunction; a critical one all that need it."""
    found = sequence(
        {'name': 'sp', 'optional': optional}, {'name': 'dos', 'needs': ['sp']}, {'name': 'eos', 'needs': ['sp']}
    )
    record = {'sp': {'status': status}, 'dos': {'status': WAITING}, 'eos': {'status': WAITING}}
    assert progress.blocked_by(found, found.step('dos'), record) == dos
    assert progress.blocked_by(found, found.step('eos'), record) == (eos and ('not run', eos))


def test_steps_begin_when_all_they_need_is_over():
    found = sequence({'name': 'opt'}, {'name': 'sp'}, {'name': 'eos', 'needs': ['opt', 'sp']})
    record = {'opt': {'status': WAITING}, 'sp': {'status': WAITING}, 'eos': {'status': WAITING}}
    assert [step.name for step in progress.ready_steps(found, record)] == ['opt', 'sp']
    record |= {'opt': {'status': FINISHED}, 'sp': {'status': 'running'}}
    assert progress.ready_steps(found, record) == []
    record['sp']['status'] = FAILED
    assert [step.name for step in progress.ready_steps(found, record)] == ['eos']


def test_the_cause_is_named_before_what_it_blocked():
    found = sequence({'name': 'dos', 'needs': ['sp']}, {'name': 'sp'}, {'name': 'opt', 'optional': True})
    record = {'dos': {'status': 'not run'}, 'sp': {'status': FAILED}, 'opt': {'status': FAILED}}
    assert progress.critical_failures(found, record) == ['sp', 'dos']
