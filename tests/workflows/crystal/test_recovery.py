"""The configuration of recovery, and the table of remedies that is read off the handlers."""

from __future__ import annotations

import pytest
import yaml
from aiida import orm

from aiida_crystalmath.crystal.diagnosis import CATALOGUE
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.recovery import Recovery, default_recovery, read_recovery
from aiida_crystalmath.workflows.crystal.remedies import handler_remedies, remedies, was_taken_up


def test_defaults_are_complete():
    """Every section belongs to a handler, and every handler with a remedy has one."""
    handlers = {one.handler.removeprefix('handle_') for one in handler_remedies()}
    assert set(default_recovery()) == set(Recovery.model_fields) == handlers


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'oscillation': {}}, 'no section "oscillation": did you mean "scf_oscillation"'),
        ({'interrupted': {'retry': 1}}, 'interrupted has no "retry": did you mean "retries"'),
        ({'interrupted': 3}, 'must be a mapping'),
        ({'interrupted': {'retries': -1}}, 'interrupted.retries'),
        ({'scf_oscillation': {'fmixing': [30, 101]}}, 'fmixing'),
        ({'scf_oscillation': {'accelerators': ['PULAY']}}, 'accelerators'),
        ({'small_gap': {'levshift': [0, 1]}}, 'levshift'),
        ({'fermi_energy': {'smear_hartree': 3.0}}, 'smear_hartree'),
    ],
)
def test_what_is_wrong_is_told(changes, words):
    with pytest.raises(ValueError, match='recovery') as caught:
        read_recovery(changes)
    assert words in str(caught.value)


def test_yaml_file(tmp_path):
    path = tmp_path / 'recovery.yaml'
    path.write_text(yaml.safe_dump({'interrupted': {'retries': 7}}))
    recovery = read_recovery(path)
    assert recovery.interrupted.retries == 7
    assert recovery.interrupted.restarts == read_recovery().interrupted.restarts
    with pytest.raises(ValueError, match='no file'):
        read_recovery(tmp_path / 'absent.yaml')


def test_number_of_runs_follows_from_the_configuration():
    """Each remedy that is allowed once more is one more run; one that is off is none."""
    default = read_recovery().max_iterations()
    assert read_recovery({'interrupted': {'retries': 3}}).max_iterations() == default + 1
    assert read_recovery({'scf_oscillation': {'accelerators': []}}).max_iterations() == default - 3
    nothing = {name: {'enabled': False} for name in default_recovery()}
    assert read_recovery(nothing).max_iterations() == 1
    port = CrystalBaseWorkChain.spec().inputs['max_iterations']
    assert port.default().value == default


def test_builder(crystal_code, generate_structure, shipped_family, tmp_path):
    """From overrides, as a dictionary or a path; in the provenance as a node; and with the runs that it allows."""
    shipped_family('sto-3g')
    path = tmp_path / 'recovery.yaml'
    path.write_text('scf_oscillation: {accelerators: []}')

    def build(**overrides):
        return CrystalBaseWorkChain.get_builder_from_protocol(crystal_code, generate_structure(), 'fast', overrides)

    assert 'recovery' not in build()
    for value in ({'scf_oscillation': {'accelerators': []}}, str(path)):
        builder = build(recovery=value)
        assert isinstance(builder.recovery, orm.Dict)
        assert builder.recovery.get_dict() == {'scf_oscillation': {'accelerators': []}}
        assert builder.max_iterations.value == read_recovery().max_iterations() - 3
    assert build(max_iterations=2).max_iterations.value == 2
    with pytest.raises(ValueError, match='did you mean "interrupted"'):
        build(recovery={'interupted': {}})


def test_port_is_validated(generate_inputs_crystal, generate_workchain):
    with pytest.raises(ValueError, match='did you mean'):
        generate_workchain(
            'crystalmath.crystal.base', {'crystal': generate_inputs_crystal(), 'recovery': {'smal_gap': {}}}
        )


def test_catalogue_and_handlers_agree():
    """What the catalogue calls recoverable has a handler that needs no leave, and the other way round."""
    table = remedies()
    assert list(table) == [entry.name for entry in CATALOGUE]
    for entry in CATALOGUE:
        if entry.severity != 'info':
            unasked = [one for one in remedies()[entry.name] if not one.remedy.on_request]
            assert entry.recoverable is bool(unasked), entry.name
    for one in handler_remedies():
        assert one.summary and one.cause and one.strategy and one.remedy.changes, one.handler
        assert set(one.remedy.physics) <= set(one.remedy.changes)


def test_changes_of_the_physics_are_declared():
    """What changes the physics is declared, and these two only."""
    assert {name for one in handler_remedies() for name in one.remedy.physics} == {'SMEAR', 'LDREMO'}


def test_was_taken_up():
    def report(**changes):
        return {'actions': [{'changes': changes}]}

    assert was_taken_up(report(**{'OPTGEOM RESTART': {'old': None, 'new': True}}))
    assert was_taken_up(report(structure={'old': 'a', 'new': 'b'}))
    assert not was_taken_up(report(**{'OPTGEOM RESTART': {'old': True, 'new': False}}))
    assert not was_taken_up(report(FMIXING={'old': 30, 'new': 60}))
    assert not was_taken_up({'actions': []})
