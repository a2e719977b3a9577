"""SCFOUT.LOG: the SCF of every optimisation point, against real logs and the outputs they belong to."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.outputs.scf_log import ScfLog, final_scf, read_scf_log
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


def test_log_of_mgo(corpus):
    """mgo_opt_c22: three SCF, points 2 to 4; energies and cycles as printed in lines 156, 354 and 592."""
    log = read_scf_log(corpus / 'mgo_opt_c22' / 'out_mgoOpt.SCFLOG')
    assert log.complete and log.n_dropped == 0
    assert [(run.energy_hartree, run.n_cycles, len(run.cycles)) for run in log.runs] == [
        (-275.44868940122, 6, 7),
        (-275.44869659605, 5, 6),
        (-275.44869807267, 3, 4),
    ]
    assert [(run.point, run.geometry_file) for run in log.runs] == [(2, 'optc002'), (3, 'optc003'), (4, 'optc004')]
    assert all(run.status == 'converged_energy' and run.criterion == 'CONVERGENCE ON ENERGY' for run in log.runs)
    state = log.state
    assert (state.gap_ev, state.gap_kind, state.is_conducting) == (6.9612, 'direct', False)
    assert state.fermi_hartree == state.vbm_hartree
    assert sum(log.last.charges) == pytest.approx(20, abs=1e-6)
    assert log.last.integrated_electrons == pytest.approx(20, abs=1e-3)
    assert log.last.components_hartree['VIRIAL COEFFICIENT'] == pytest.approx(1.036, abs=1e-3)


def test_the_final_state_is_in_the_log(corpus):
    """The SCF of OPT END is the last of the log; its gap is the one printed after the optimisation."""
    output = parse_stdout(corpus / 'mgo_opt_c22' / 'conv_mgoOpt.out')
    log = read_scf_log(corpus / 'mgo_opt_c22' / 'out_mgoOpt.SCFLOG')
    run = final_scf(output, log)
    assert run is log.runs[-1]
    assert run.state.gap_ev == pytest.approx(output.gap_ev, abs=2e-4)
    assert final_scf(output, ScfLog()) is None, 'the first SCF is not the final one'
    assert final_scf(parse_stdout(''), log) is None


def test_killed_run(corpus):
    """nio_walltime_scfoutlog: 18 SCF ended, the last one was killed; its spin is locked to the end of each."""
    log = read_scf_log(corpus / 'nio_walltime_scfoutlog' / 'SCFOUT.LOG')
    assert not log.complete
    assert len([run for run in log.runs if run.complete]) == 18
    assert log.last is log.runs[-2] and log.last.energy_hartree == -3128.3182941933
    points = [run.point for run in log.runs if run.point is not None]
    assert points == sorted(points) and points[0] == 2
    first = log.runs[0]
    assert first.spin_locked_cycles > 3
    assert sum(first.spins) == pytest.approx(0, abs=1e-5) and first.spins[0] > 2


def test_energies_are_those_of_the_points(corpus):
    """The log of the restarted NiO optimisation has the energies that the main output gives to its points."""
    folder = corpus / 'nio_walltime2_restart_opt'
    output = parse_stdout(folder / 'main.out')
    log = read_scf_log(folder / 'SCFOUT.LOG')
    of_points = {point.energy_hartree for point in output.optimisation.points}
    assert len(log.runs) == 8 and {run.energy_hartree for run in log.runs} <= of_points
    assert final_scf(output, log).energy_hartree == pytest.approx(output.energy_hartree, abs=1e-9)


def test_every_end_of_the_log(corpus):
    """Cut anywhere, the log never tells an SCF that it has not."""
    text = (corpus / 'mgo_opt_c22' / 'out_mgoOpt.SCFLOG').read_text()
    known = {run.energy_hartree for run in read_scf_log(text).runs}
    for stop in range(0, len(text), 211):
        log = read_scf_log(text[:stop])
        ended = text[:stop].rpartition('\n')[0].count('== SCF ENDED')
        assert len([run for run in log.runs if run.complete]) == ended
        assert {run.energy_hartree for run in log.runs if run.complete} <= known


def test_one_log_has_the_final_state(corpus):
    """mgo_opt_c22 with the SCF of its log where ONELOG prints them, before the energies of points 2 to 4."""
    lines = (corpus / 'mgo_opt_c22' / 'conv_mgoOpt.out').read_text().split('\n')
    log = (corpus / 'mgo_opt_c22' / 'out_mgoOpt.SCFLOG').read_text().split(' CRYSTAL - SCF')
    energies = [i for i, line in enumerate(lines) if line.startswith(' TOTAL ENERGY(DFT)')]
    for at, block in reversed(list(zip(energies[1:], log[1:], strict=True))):
        lines[at:at] = f' CRYSTAL - SCF{block}'.split('\n')
    output = parse_stdout('\n'.join(lines))
    assert (output.status, output.energy_hartree, len(output.scf)) == ('finished', -275.4486980727, 4)
    assert (output.gap_ev, output.gap_kind) == (6.9612, 'direct')
    assert output.mulliken.electrons == list(read_scf_log(corpus / 'mgo_opt_c22' / 'out_mgoOpt.SCFLOG').last.charges)
    points = [(point.energy_hartree, point.delta_hartree) for point in output.optimisation.points]
    assert points[1:] == [(-275.44868940122, -9.826e-5), (-275.44869659605, -7.195e-6), (-275.44869807267, -1.477e-6)]
