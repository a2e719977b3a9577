"""Transport: what CRYSTAL is asked for, and a real run of it played behind the chain."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.inputs.d3 import read_d3
from aiida_crystalmath.workflows.crystal.transport_input import transport_blocks
from aiida_crystalmath.workflows.functions.transport import averaged, power_factor, total_seebeck, transport_summary

FILES = {'SIGMA': 'SG', 'SIGMAS': 'SGS', 'SEEBECK': 'SK', 'KAPPA': 'K', 'TDF': 'TDF'}
INSULATOR = {'vbm_ev': -4.0, 'cbm_ev': -2.5, 'fermi_energy_ev': -4.0, 'is_conducting': False, 'engine': 'CRYSTAL23'}


@pytest.fixture
def chain():
    return WorkflowFactory('crystalmath.crystal.transport')


@pytest.fixture
def recorded(corpus):
    """A run of BOLTZTRA by CRYSTAL22 on a graphene sheet with sulphur."""
    folder = corpus / 'g2s_boltztra'
    return folder / 'trans_G2S.out', {f'{name}.DAT': folder / f'trans_G2S_{tail}.DAT' for name, tail in FILES.items()}


@pytest.fixture
def slab_parent(generate_calc_job_node, generate_structure):
    """A finished run of `crystal` on a sheet, whose wavefunction is there."""
    node = generate_calc_job_node(
        'crystalmath.crystal23',
        inputs={'structure': generate_structure('graphene'), 'parameters': orm.Dict({'scf': {}})},
        exit_status=0,
    )
    parameters = orm.Dict({**INSULATOR, 'terminated': True})
    parameters.base.links.add_incoming(node, link_type=_create(), link_label='output_parameters')
    parameters.store()
    node.set_process_state('finished')
    return node.outputs.remote_folder


def _create():
    from aiida.common.links import LinkType

    return LinkType.CREATE


def test_recorded_run_through_the_chain(chain, replay, recorded, slab_parent):
    """All files become tensors, the table has SI units, and the files agree with each other."""
    stdout, files = recorded
    code = replay.properties(replay.files(stdout, files))
    builder = chain.get_builder_from_protocol(
        None, None, 'fast', properties_code=code, parent_folder=slab_parent, overrides={'transport_window_ev': [-1, 1]}
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    transport = outputs['output_transport']
    assert transport.get_array('conductivity_per_ohm_m').shape == (1, 21, 31, 2, 2)
    told = outputs['output_transport_summary'].get_dict()
    assert told['temperature_k'] == 300.0
    assert told['largest_mismatch'] < 0.02
    assert told['volume_cm3'] == pytest.approx(4.649e-22)
    names = [point['name'] for point in told['points']]
    assert {'valence-band top', 'middle of the gap', 'conduction-band bottom'} <= set(names)
    point = next(point for point in told['points'] if point['name'] == 'valence-band top')
    row = _row(recorded[1]['SIGMA.DAT'], point['chemical_potential_ev'])
    assert point['conductivity_s_per_m'] == pytest.approx(0.5 * (row[3] + row[5]), rel=1e-6)
    row = _row(recorded[1]['SEEBECK.DAT'], point['chemical_potential_ev'])
    assert point['seebeck_uv_per_k'] == pytest.approx(0.5e6 * (row[3] + row[6]), rel=1e-6)
    asked = read_d3(replay.calls('properties23')[0]['deck'])
    assert [block.keyword for block in asked.blocks] == ['NEWK', 'BOLTZTRA']
    assert asked.blocks[1].murange == (-5.0, -1.5, 0.05)
    assert outputs['transport_parameters']['transport']['relaxation_time_fs'] == 175.0


def _row(path, mu: float) -> list[float]:
    """Return the row of a file at 300 K."""
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith('#')]
    return next([float(word) for word in row] for row in rows if abs(float(row[0]) - mu) < 1e-6)


def test_averages_and_power_factor():
    """Of S² sigma, which a free choice of axes does not change."""
    sigma = np.diag([1.0, 2.0, 3.0])[None, None]
    seebeck = np.diag([1e-4, 2e-4, 3e-4])[None, None]
    assert averaged(sigma)[0, 0] == pytest.approx(2.0)
    assert power_factor(sigma, seebeck)[0] == pytest.approx((1 * 1 + 2 * 4 + 3 * 9) / 3 * 1e-8)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turned = [turn @ tensor @ turn.T for tensor in (sigma, seebeck)]
    assert power_factor(*turned)[0] == pytest.approx(power_factor(sigma, seebeck)[0])


def test_spins_count_by_what_they_conduct():
    """A half metal: the channel that conducts nothing has no say in the Seebeck coefficient."""
    sigma = np.array([np.eye(3), 1e-6 * np.eye(3)])[:, None]
    seebeck = np.array([1e-5 * np.eye(3), 1e-3 * np.eye(3)])[:, None]
    assert averaged(total_seebeck(sigma, seebeck))[0] == pytest.approx(1e-5, rel=1e-3)
    assert power_factor(sigma, seebeck)[0] == pytest.approx(1e-10, rel=1e-3)


def test_missing_files_are_told():
    node = orm.ArrayData()
    node.set_array('temperatures_k', np.array([300.0]))
    _, process = transport_summary.run_get_node(node, orm.Dict(INSULATOR), orm.Float(300.0))
    assert process.exit_status == 400


def test_range_of_chemical_potentials(generate_structure):
    """Below the valence bands and above the conduction bands; the distribution function reaches 12 kT further."""
    from aiida_crystalmath.data.structure import to_geometry

    asked = {
        'distance': 0.3,
        'temperatures_k': [300, 600, 100],
        'window_ev': [-0.5, 0.5],
        'mu_step_ev': 0.1,
        'tdf_step_ev': 0.01,
        'relaxation_time_fs': 5.0,
    }
    geometry = to_geometry(generate_structure('MgO'))
    boltztra = transport_blocks(geometry, INSULATOR, **asked)[1]
    assert boltztra['murange'] == [-4.5, -2.0, 0.1]
    tail = 12 * 8.617333262e-5 * 600
    assert boltztra['tdfrange'][:2] == pytest.approx([-4.5 - tail, -2.0 + tail], abs=1e-5)
    metal = transport_blocks(geometry, {'is_conducting': True, 'fermi_energy_ev': 1.0}, **asked)[1]
    assert metal['murange'] == [0.5, 1.5, 0.1]
    with pytest.raises(ValueError, match='larger steps'):
        transport_blocks(geometry, INSULATOR, **{**asked, 'mu_step_ev': 1e-5})
    with pytest.raises(ValueError, match='no Fermi energy'):
        transport_blocks(geometry, {}, **asked)


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'transport_temperatures_k': [300, 800]}, 'for example'),
        ({'transport_temperatures_k': [800, 300, 100]}, 'comes first'),
        ({'transport_window_ev': [0.5, 1.0]}, 'a negative and a positive'),
        ({'transport_relaxation_time_fs': -1.0}, 'must be positive'),
    ],
)
def test_bad_inputs_stop_before_anything_runs(request, chain, slab_parent, overrides, words):
    code = request.getfixturevalue('fixture_code')('crystalmath.properties23')
    generate_workchain = request.getfixturevalue('generate_workchain')
    with pytest.raises(ValueError, match=words):
        made = chain.get_builder_from_protocol(
            None, None, properties_code=code, parent_folder=slab_parent, overrides=overrides
        )
        generate_workchain('crystalmath.crystal.transport', made._inputs(prune=True))
