"""p2y, GW, BSE and the list of excitons of silicon through a real daemon, on recorded runs; one job is killed."""

from __future__ import annotations

import pytest
from aiida.plugins import CalculationFactory, WorkflowFactory
from yambo_parameters import BSE, G0W0

pytestmark = [pytest.mark.daemon, pytest.mark.slow]


def test_from_what_pw_saved_to_excitons(yambo, started_daemon_client, submit_and_await):
    p2y = CalculationFactory('crystalmath.p2y').get_builder()
    p2y.code, p2y.code_yambo, p2y.parent_folder = yambo.code('p2y'), yambo.code('yambo'), yambo.nscf()
    setup = submit_and_await(p2y, timeout=120)
    assert setup.is_finished_ok, setup.exit_message

    yambo.kill(1)
    gw = _base(yambo, setup, G0W0)
    gw = submit_and_await(gw, timeout=180)
    assert gw.is_finished_ok, gw.exit_message
    assert [job.exit_status for job in gw.called_descendants] == [404, 0]

    bse = _base(yambo, setup, BSE)
    bse.yambo.qp_database = gw.outputs.qp_database
    bse = submit_and_await(bse, timeout=120)
    assert bse.is_finished_ok, bse.exit_message

    ypp = CalculationFactory('crystalmath.ypp').get_builder()
    ypp.code, ypp.parent_folder = yambo.code('ypp'), bse.outputs.remote_folder
    excitons = submit_and_await(ypp, timeout=120)
    assert excitons.is_finished_ok, excitons.exit_message

    quasi, optical = gw.outputs.output_parameters, bse.outputs.output_parameters
    assert setup.outputs.output_parameters['gap_direct_ev'] == quasi['dft_gap_direct_ev'] == 2.554015
    assert quasi['gap_direct_ev'] == pytest.approx(optical['starting_gap_direct_ev'], abs=5e-5)
    assert optical['absorption_peak_ev'] == pytest.approx(3.15)
    assert excitons.outputs.output_parameters['lowest_exciton_ev'] < optical['starting_gap_direct_ev']


def _base(yambo, setup, parameters):
    builder = WorkflowFactory('crystalmath.yambo.base').get_builder()
    builder.yambo.code = yambo.code('yambo')
    builder.yambo.parent_folder = setup.outputs.remote_folder
    builder.yambo.parameters = parameters
    return builder
