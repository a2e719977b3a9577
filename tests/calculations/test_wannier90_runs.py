"""Silicon from pw.x to Wannier functions and to BerkeleyGW's input, with the real programs, through AiiDA.

pw.x, pw2wannier90.x, pw2bgw.x (Quantum ESPRESSO) and wannier90.x are Debian's; the pseudopotential is Debian's too.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from aiida import engine, orm
from aiida.plugins import CalculationFactory

from aiida_crystalmath.workflows.functions.wannier_bands import compare_wannier_bands, explicit_grid

pytestmark = pytest.mark.slow

PSEUDO = Path('/usr/share/espresso/pseudo/Si.pz-vbc.UPF')
OPTIONS = {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'withmpi': False}}
WANNIER = {
    'num_wann': 8,
    'num_bands': 12,
    'dis_win_max': 17.0,
    'dis_froz_max': 6.4,
    'dis_num_iter': 200,
    'num_iter': 100,
    'conv_tol': 1e-8,
    'bands_num_points': 12,
}
MAX_ERROR_EV = 0.14
"""Of the four valence bands on a 4x4x4 grid; 0.129 eV along L-Gamma-X (Wannier90 3.1.0, QE 6.7)."""


@pytest.fixture
def silicon():
    half = 2.6988
    structure = orm.StructureData(cell=[[half, half, 0], [0, half, half], [half, 0, half]])
    structure.append_atom(position=(0, 0, 0), symbols='Si')
    structure.append_atom(position=(half / 2,) * 3, symbols='Si')
    return structure


@pytest.fixture
def pw(real_code, silicon):
    """Return a function that runs pw.x: ``pw('nscf', kpoints, parent, nbnd=12)`` returns its outputs."""
    try:
        from aiida_pseudo.data.pseudo.upf import UpfData
    except ImportError:
        if os.environ.get('CI', '').lower() in ('1', 'true'):
            raise
        pytest.skip('NO aiida-quantumespresso: install the extra `qe`')

    code = real_code('pw.x', 'quantumespresso.pw')
    pseudo = UpfData(PSEUDO.open('rb'))

    def run(calculation, kpoints, parent=None, **system):
        parameters = {
            'CONTROL': {'calculation': calculation},
            'SYSTEM': {'ecutwfc': 16.0, 'occupations': 'fixed', **system},
            'ELECTRONS': {'conv_thr': 1e-10},
        }
        inputs = {
            'code': code,
            'structure': silicon,
            'pseudos': {'Si': pseudo},
            'kpoints': kpoints,
            'parameters': orm.Dict(parameters),
            'metadata': OPTIONS,
            **({} if parent is None else {'parent_folder': parent}),
        }
        outputs, node = engine.run_get_node(CalculationFactory('quantumespresso.pw'), **inputs)
        assert node.is_finished_ok, node.exit_message
        return outputs

    return run


@pytest.fixture
def mesh():
    def factory(size):
        node = orm.KpointsData()
        node.set_kpoints_mesh([size] * 3)
        return node

    return factory


def run(entry_point, **inputs):
    outputs, node = engine.run_get_node(CalculationFactory(entry_point), **inputs)
    return outputs, node


@pytest.mark.timeout(300)
def test_wannier_functions_and_bands_of_silicon(pw, real_code, silicon, mesh):
    scf = pw('scf', mesh(4))
    grid = explicit_grid(mesh(4))
    nscf = pw('nscf', grid, scf['remote_folder'], nbnd=12, nosym=True, noinv=True)
    path = orm.KpointsData()
    path.set_cell_from_structure(silicon)
    path.set_kpoints([[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0.5]])
    path.labels = [(0, 'L'), (1, 'GAMMA'), (2, 'X')]
    inputs = {
        'code': real_code('wannier90.x', 'crystalmath.wannier90'),
        'structure': silicon,
        'kpoints': grid,
        'parameters': orm.Dict(WANNIER),
        'projections': orm.List(['Si:sp3']),
        'bands_kpoints': path,
    }
    setup, node = run('crystalmath.wannier90', **inputs, settings=orm.Dict({'postproc_setup': True}))
    assert node.is_finished_ok, node.exit_message
    code = real_code('pw2wannier90.x', 'crystalmath.pw2wannier90')
    before = nscf['remote_folder'].listdir('out')
    overlaps, node = run(
        'crystalmath.pw2wannier90', code=code, parent_folder=nscf['remote_folder'], nnkp_file=setup['output_nnkp']
    )
    assert node.is_finished_ok, node.exit_message
    assert nscf['remote_folder'].listdir('out') == before, 'nothing is written beside the wavefunctions of pw.x'
    found, node = run('crystalmath.wannier90', **inputs, parent_folder=overlaps['remote_folder'])
    assert node.is_finished_ok, node.exit_message

    told = found['output_parameters'].get_dict()
    assert told['spread_converged']
    assert told['disentanglement']['converged']
    assert told['spread_total_angstrom2'] == pytest.approx(16.00944, abs=1e-3)
    centres = found['output_wannier_functions'].get_array('centres_angstrom')
    assert centres.mean(axis=0) == pytest.approx([0.6747] * 3, abs=1e-3), 'the middle of the bond'
    on_grid = nscf['output_band'].get_bands()
    assert np.abs(overlaps['output_bands'].get_bands() - on_grid).max() < 1e-3, 'energies of the grid, in eV'

    bands = found['output_bands']
    same = orm.KpointsData()
    same.set_cell_from_structure(silicon)
    same.set_kpoints(bands.get_kpoints())
    reference = pw('bands', same, scf['remote_folder'], nbnd=12)['output_band']
    compared = compare_wannier_bands(bands, reference, orm.Dict({})).get_dict()
    print(f'largest error: {compared["max_error_ev"]} eV, mean {compared["rms_error_ev"]} eV')
    assert compared['within'] == 'the frozen window'
    assert compared['n_energies'] == 4 * len(bands.get_kpoints()), 'the valence bands'
    assert 0 < compared['max_error_ev'] < MAX_ERROR_EV


@pytest.mark.timeout(300)
def test_plots_of_an_isolated_group(pw, real_code, silicon, mesh):
    """Four functions of the four valence bands, on the wavefunctions that pw2wannier90.x left (UNK files)."""
    scf, grid = pw('scf', mesh(2)), explicit_grid(mesh(2))
    nscf = pw('nscf', grid, scf['remote_folder'], nbnd=4, nosym=True, noinv=True)
    bonds = ['f=0.125,0.125,0.125:s', 'f=0.125,0.125,-0.375:s', 'f=-0.375,0.125,0.125:s', 'f=0.125,-0.375,0.125:s']
    inputs = {
        'code': real_code('wannier90.x', 'crystalmath.wannier90'),
        'structure': silicon,
        'kpoints': grid,
        'parameters': orm.Dict({'num_wann': 4, 'wannier_plot': True, 'wannier_plot_list': [1], 'num_iter': 100}),
        'projections': orm.List(bonds),
    }
    setup, node = run('crystalmath.wannier90', **inputs, settings=orm.Dict({'postproc_setup': True}))
    assert node.is_finished_ok, node.exit_message
    overlaps, node = run(
        'crystalmath.pw2wannier90',
        code=real_code('pw2wannier90.x', 'crystalmath.pw2wannier90'),
        parent_folder=nscf['remote_folder'],
        nnkp_file=setup['output_nnkp'],
        parameters=orm.Dict({'write_unk': True}),
    )
    assert node.is_finished_ok, node.exit_message
    found, node = run('crystalmath.wannier90', **inputs, parent_folder=overlaps['remote_folder'])
    assert node.is_finished_ok, node.exit_message
    told = found['output_parameters'].get_dict()
    assert 'disentanglement' not in told
    assert told['max_imaginary_ratio'] < 0.01
    assert 'aiida_00001.xsf' in found['remote_folder'].listdir()
    spreads = found['output_wannier_functions'].get_array('spreads_angstrom2')
    assert spreads == pytest.approx(spreads[0], rel=1e-3), 'four equal bonds'


@pytest.mark.timeout(300)
def test_input_of_berkeleygw_for_silicon(pw, real_code, mesh):
    scf = pw('scf', mesh(2))
    grid = explicit_grid(mesh(2))
    nscf = pw('nscf', grid, scf['remote_folder'], nbnd=12, nosym=True, noinv=True)
    code = real_code('pw2bgw.x', 'crystalmath.pw2bgw')
    values = {
        'real_or_complex': 2,
        'wfng_flag': True,
        'wfng_kgrid': True,
        **{f'wfng_nk{axis}': 2 for axis in (1, 2, 3)},
        'rhog_flag': True,
        'vxc_flag': True,
        'vxc_integral': 'g',
        'vxc_diag_nmin': 1,
        'vxc_diag_nmax': 8,
    }
    before = nscf['remote_folder'].listdir('out')
    outputs, node = run('crystalmath.pw2bgw', code=code, parent_folder=nscf['remote_folder'], parameters=values)
    assert node.is_finished_ok, node.exit_message
    assert nscf['remote_folder'].listdir('out') == before, 'nothing is written beside the wavefunctions of pw.x'
    assert {'WFN', 'RHO', 'vxc.dat'} <= set(outputs['remote_folder'].listdir('out'))
    vxc = outputs['output_vxc']
    assert vxc.get_array('vxc_ev').shape == (1, 8, 8)
    assert vxc.get_array('kpoints') == pytest.approx(grid.get_kpoints(), abs=1e-6)

    # Real wavefunctions where an atom, not a centre of inversion, is at the origin: the program ends with JOB DONE.
    outputs, node = run(
        'crystalmath.pw2bgw',
        code=code,
        parent_folder=nscf['remote_folder'],
        parameters={**values, 'real_or_complex': 1},
    )
    assert node.exit_status == 318
    assert 'output_vxc' not in outputs


@pytest.mark.daemon
@pytest.mark.usefixtures('started_daemon_client')
def test_through_the_daemon(real_code, silicon, mesh, submit_and_await):
    """A worker carries the job out, and the guard lets it run once in its directory."""
    builder = CalculationFactory('crystalmath.wannier90').get_builder()
    builder.code = real_code('wannier90.x', 'crystalmath.wannier90')
    builder.structure, builder.kpoints = silicon, mesh(2)
    builder.parameters = {'num_wann': 4}
    builder.projections = ['Si:s', 'Si:p']
    builder.settings = {'postproc_setup': True}
    node = submit_and_await(builder, timeout=120)
    assert node.is_finished_ok, node.exit_message
    assert 'output_nnkp' in node.outputs
    assert '.crystalmath' in node.outputs.remote_folder.listdir()
