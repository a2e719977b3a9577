"""The monitor that protocols attach."""

from __future__ import annotations

import pytest
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.early_warning import early_warning


@pytest.fixture
def builder_for(crystal_code, shipped_family, generate_structure):
    """Return a factory of builders of a chain for LiH."""
    shipped_family('sto-3g')

    def factory(chain='base', overrides=None):
        return WorkflowFactory(f'crystalmath.crystal.{chain}').get_builder_from_protocol(
            crystal_code, generate_structure('LiH'), 'fast', overrides
        )

    return factory


def test_attached_by_default(builder_for):
    monitor = builder_for().crystal.monitors['early_warning'].get_dict()
    assert monitor == {'entry_point': 'crystalmath.crystal23', 'minimum_poll_interval': 30}
    assert 'early_warning' in builder_for('geopt').base.crystal.monitors


def test_switched_off_and_changed(builder_for):
    assert not builder_for(overrides={'meta_inputs': {'early_warning': False}}).crystal.monitors
    changed = builder_for(overrides={'meta_inputs': {'early_warning': {'kwargs': {'min_cycles': 60}}}})
    assert changed.crystal.monitors['early_warning']['kwargs'] == {'min_cycles': 60}


@pytest.mark.parametrize(
    ('setting', 'reason'),
    [
        ({'kwargs': {'min_cycles': 10}}, 'min_cycles'),
        ({'kwargs': {'min_cycle': 10}}, 'min_cycle'),
        ({'poll': 10}, 'poll'),
        ({'minimum_poll_interval': -1}, 'minimum_poll_interval'),
    ],
)
def test_wrong_settings(setting, reason):
    with pytest.raises(ValueError, match=f'meta_inputs.early_warning: .*{reason}'):
        early_warning(setting)
