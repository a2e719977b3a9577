"""The comparison of Wannier90's bands with those of pw.x, as nodes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.wannier90.files import read_band_files
from aiida_crystalmath.wannier90.win import mesh_kpoints
from aiida_crystalmath.workflows.functions.wannier_bands import compare_wannier_bands, explicit_grid


def bands_node(kpoints, energies, **attributes):
    node = orm.BandsData()
    node.set_kpoints(np.array(kpoints))
    node.set_bands(np.array(energies), units='eV')
    for name, value in attributes.items():
        node.base.attributes.set(name, value)
    return node


@pytest.fixture
def recorded_bands(recorded):
    """Return a factory of the recorded pair; attributes are those of the interpolated ones."""
    folder = recorded / 'wannier90'
    ends = ('_band.dat', '_band.kpt', '_band.labelinfo.dat')
    bands = read_band_files(*((folder / 'si' / f'aiida{end}').read_text() for end in ends))
    truth = json.loads((folder / 'pw_bands.json').read_text())

    def factory(**attributes):
        ours = bands_node(bands.kpoints, bands.energies_ev, **attributes)
        return ours, bands_node(truth['kpoints'], truth['energies_ev'])

    return factory


FROZEN = {'outer_window_ev': [-5.72767, 17.0], 'frozen_window_ev': [-5.72767, 6.4]}


def test_within_the_frozen_window(recorded_bands):
    found = compare_wannier_bands(*recorded_bands(**FROZEN), orm.Dict({})).get_dict()
    assert found['max_error_ev'] == pytest.approx(0.4420161)
    assert (found['n_energies'], found['within'], found['upper_ev']) == (64, 'the frozen window', 6.4)
    assert found['kpoint'] == pytest.approx([1 / 6, 0, 1 / 6], abs=1e-5)


def test_up_to_a_limit(recorded_bands):
    pair = recorded_bands(outer_window_ev=[-5.72767, 17.0])
    _, node = compare_wannier_bands.run_get_node(*pair, orm.Dict({}))
    assert node.exit_status == 402, 'entangled, and nobody says up to where'
    assert compare_wannier_bands(*pair, orm.Dict({'upper_ev': 0.0})).get_dict()['within'] == 'the limit asked for'


def test_an_isolated_group():
    kpoints = [[0, 0, 0], [0.5, 0, 0]]
    ours = bands_node(kpoints, [[0.0, 1.0], [0.1, 1.1]])
    theirs = bands_node(kpoints, [[-9.0, 0.0, 1.0, 5.0], [-9.0, 0.1, 1.0, 5.0]])
    found = compare_wannier_bands(ours, theirs, orm.Dict({'n_excluded_bands': 1})).get_dict()
    assert found['max_error_ev'] == pytest.approx(0.1)
    assert (found['band'], found['within']) == (3, 'all bands of the group')


def test_what_cannot_be_compared(recorded_bands):
    ours, theirs = recorded_bands(**FROZEN)
    other = bands_node(np.array(theirs.get_kpoints()) + 0.01, theirs.get_bands())
    _, node = compare_wannier_bands.run_get_node(ours, other, orm.Dict({}))
    assert node.exit_status == 401
    _, node = compare_wannier_bands.run_get_node(ours, theirs, orm.Dict({'upper': 1.0}))
    assert node.exit_status == 400
    _, node = compare_wannier_bands.run_get_node(ours, theirs, orm.Dict({'upper_ev': -100.0}))
    assert node.exit_status == 403


def test_a_mesh_point_by_point():
    mesh = orm.KpointsData()
    mesh.set_kpoints_mesh([2, 3, 1])
    points, weights = explicit_grid(mesh).get_kpoints(also_weights=True)
    assert points.tolist() == pytest.approx(np.array(mesh_kpoints((2, 3, 1))))
    assert weights == pytest.approx(1 / 6)
    moved = orm.KpointsData()
    moved.set_kpoints_mesh([2, 2, 2], offset=[0.5, 0, 0])
    _, node = explicit_grid.run_get_node(moved)
    assert node.exit_status == 401
