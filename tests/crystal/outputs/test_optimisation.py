"""Optimisations: their points, settings, ends and status; real outputs by eye, rare ones in short texts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

START = ' EEEEEEEEEE STARTING  DATE 04 09 2018 TIME 23:27:06.5\n MgO bulk\n'
END = ' EEEEEEEEEE TERMINATION  DATE 24 11 2014 TIME 16:30:46.5\n'


def point(n, energy, title='COORDINATE'):
    return (
        f' {title} OPTIMIZATION - POINT{n:5d}\n'
        f' TOTAL ENERGY(DFT)(AU)(  6) {energy:.13E}     DE (AU)   -9.826E-05\n'
        ' MAX GRADIENT      0.004694  THRESHOLD              0.000450 CONVERGED NO\n'
    )


def opt_end(status, energy, n):
    return f' * OPT END - {status:<9} * E(AU):  {energy:.12E}  POINTS{n:5d} *\n'


@pytest.fixture(scope='module')
def outputs(corpus):
    truth = json.loads((corpus / 'truth.json').read_text())
    runs = (
        'mgo_opt_c22',
        'mackinawite_opt_failed',
        'slab_opt_c14',
        'w_molecule_opt',
        'lafeo3_opt_c09',
        'corundum_qha',
        'graphene_elastic',
        'nio_opt_walltime',
        'toluene_opt',
        'fe_opt_c09',
    )
    return {run: parse_stdout(corpus / run / truth[run]['file']) for run in runs}


@pytest.mark.corpus
def test_points_of_mgo(outputs):
    """mgo_opt_c22: trust radii, predicted changes and cycles of the four points, as printed."""
    optimisation = outputs['mgo_opt_c22'].optimisation
    points = optimisation.points
    assert [each.trust_radius for each in points[:3]] == [0.5, 1.0, 2.0]
    assert [each.predicted_change_hartree for each in points[:3]] == [-0.749e-4, -0.511e-5, -0.109e-8]
    assert [each.scf_cycles for each in points] == [7, 6, 5, 3]
    assert [each.gradient_norm for each in points[:3]] == [0.020465, 0.004694, 0.000068]
    assert [each.converged for each in points] == [False, False, True, True]
    assert points[0].forces.shape == (2, 3) and points[1].forces is None, 'the forces of later points are in the log'
    assert optimisation.reason == 'CONVERGENCE TESTS SATISFIED' and optimisation.restarts == 1
    assert optimisation.best.n == 4 and optimisation.complete
    assert optimisation.settings.control == 'COMBINED CELL/ATOM' and optimisation.settings.finalrun == 4
    assert optimisation.settings.thresholds == {
        'max_gradient': 0.00045,
        'rms_gradient': 0.0003,
        'max_displacement': 0.0018,
        'rms_displacement': 0.0012,
    }


@pytest.mark.corpus
def test_failed_optimisation(outputs):
    """mackinawite: 100 points, 26 steps rejected, a flat surface at point 30; the best point is not the last one."""
    output = outputs['mackinawite_opt_failed']
    optimisation = output.optimisation
    assert (output.status, optimisation.status, optimisation.n_points) == ('geometry_unconverged', 'failed', 100)
    assert len(optimisation.points) == 100 and optimisation.settings.max_points == 100
    assert sum(each.rejected for each in optimisation.points) == 26
    assert [each.n for each in optimisation.points if each.flat_surface] == [30]
    assert optimisation.reason == 'CONVERGENCE TESTS UNSATISFIED'
    best = optimisation.best
    assert best.energy_hartree == min(each.energy_hartree for each in optimisation.points) < optimisation.energy_hartree
    assert len(best.geometry) == 4
    assert output.energy_hartree is None and output.final_geometry is not None


@pytest.mark.corpus
def test_what_is_optimised(outputs):
    """Titles and echoes of the kinds of optimisation."""
    assert outputs['fe_opt_c09'].optimisation.settings.control == 'CELL'
    for run in ('slab_opt_c14', 'toluene_opt', 'w_molecule_opt'):
        optimisation = outputs[run].optimisation
        assert (optimisation.kind, optimisation.settings.control) == ('COORDINATE', 'ATOMIC POSITIONS'), run
    assert outputs['lafeo3_opt_c09'].optimisation.kind == 'COORDINATE AND CELL'
    assert outputs['lafeo3_opt_c09'].optimisation.restarts == 2
    assert outputs['toluene_opt'].optimisation.settings.max_points == 60
    assert all(output.optimisation.target == 'minimum' for output in outputs.values())


@pytest.mark.corpus
def test_several_optimisations(outputs):
    """corundum_qha: four volumes (6, 3, 3 and 1 points), at constant volume each; the last one stopped at once."""
    output = outputs['corundum_qha']
    ends = [(each.status, each.n_points) for each in output.optimisations]
    assert sorted(ends) == [('converged', 1), ('converged', 3), ('converged', 3), ('converged', 6)]
    assert output.n_optimisations == 4 and output.optimisation is output.optimisations[-1]
    assert output.optimisation.reason == 'GEOMETRY OPTIMIZATION STOPPED'
    assert all(each.settings.constraints == ('CVOLOPT',) for each in output.optimisations)
    volumes = [each.points[-1].geometry.volume_angstrom3 for each in output.optimisations if len(each.points) > 1]
    assert len({round(volume, 3) for volume in volumes}) == len(volumes)
    for each in output.optimisations:
        shapes = [p.geometry.volume_angstrom3 for p in each.points if p.geometry is not None]
        assert np.ptp(shapes) < 1e-4 * shapes[0], 'the volume is constant'


@pytest.mark.corpus
def test_killed_optimisation(outputs):
    """nio_opt_walltime was killed: points, no end, the last geometry printed."""
    output = outputs['nio_opt_walltime']
    assert output.status == 'incomplete' and not output.optimisation.complete
    assert output.energy_hartree is None and output.final_geometry is None
    assert output.optimisation.points[-1].energy_hartree is None
    assert output.optimisation.best.geometry is not None


def test_unended_optimisation_is_not_finished():
    """TERMINATION without OPT END, and with a point title or the box of the start only."""
    text = START + point(1, -275.1) + END
    assert parse_stdout(text).status == 'geometry_unconverged'
    box = START + ' *                             OPTIMIZATION STARTS                             *\n' + END
    assert parse_stdout(box).status == 'geometry_unconverged'


@pytest.mark.parametrize('title', ['COORDINATE', 'CELL', 'COORDINATE AND CELL', 'ATOMS', 'INTERNAL COORDINATE'])
def test_titles(title):
    """Whatever stands before OPTIMIZATION - POINT names the kind."""
    output = parse_stdout(START + point(1, -275.1, title) + opt_end('CONVERGED', -275.1, 1) + END)
    assert (output.optimisation.kind, output.status) == (title, 'finished')
    assert (output.energy_hartree, output.energy_source) == (-275.1, 'OPT END')


def test_transition_state_is_no_minimum():
    """TSOPT is named in a message (documented in the manual of CRYSTAL17; no real file was seen)."""
    message = ' INFORMATION **** TSOPT **** TRANSITION STATE SEARCH\n'
    output = parse_stdout(START + message + point(1, -275.1) + opt_end('CONVERGED', -275.1, 1) + END)
    assert output.optimisation.target == 'transition_state'


def test_preoptimisation_is_not_the_result():
    """A second series of points is another optimisation; the last one counts."""
    first = point(1, -275.1) + point(2, -275.2) + opt_end('CONVERGED', -275.2, 2)
    second = point(1, -275.3) + point(2, -275.4)
    whole = parse_stdout(START + first + second + opt_end('CONVERGED', -275.4, 2) + END)
    assert (whole.n_optimisations, whole.energy_hartree) == (2, -275.4)
    assert [len(each.points) for each in whole.optimisations] == [2, 2]
    cut = parse_stdout(START + first + second + END)
    assert (cut.energy_hartree, cut.status) == (None, 'geometry_unconverged')


def test_many_points_in_little_memory():
    """10,000 points: the first, the lowest and the last ones are kept."""
    energies = [-275 - (0.5 if n == 1234 else 1e-6 * n) for n in range(10_000)]
    text = ''.join(point(n, energy) for n, energy in enumerate(energies, start=1))
    output = parse_stdout(START + text + opt_end('CONVERGED', energies[-1], 10_000) + END)
    optimisation = output.optimisation
    assert len(optimisation.points) + optimisation.n_dropped_points == 10_000 and len(optimisation.points) <= 4000
    assert [optimisation.points[0].n, optimisation.best.n, optimisation.points[-1].n] == [1, 1235, 10_000]
    assert output.energy_hartree == pytest.approx(energies[-1], abs=1e-9) and output.status == 'finished'
