"""Parsers of Wannier90, pw2wannier90 and pw2bgw, on recorded runs: outputs, and the exit code of every failure."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.parsers.wannier90 import wannier_parameters
from aiida_crystalmath.wannier90.win import mesh_kpoints, read_win
from aiida_crystalmath.wannier90.wout import read_wout

WANNIER, OVERLAPS, BGW = 'crystalmath.wannier90', 'crystalmath.pw2wannier90', 'crystalmath.pw2bgw'
FLAGS = {'wfng_flag': True, 'rhog_flag': True, 'vxc_flag': True, 'vxc_diag_nmin': 1, 'vxc_diag_nmax': 8}


@pytest.fixture
def inputs(recorded):
    """Return the inputs of the recorded runs of wannier90.x."""
    win = read_win((recorded / 'wannier90' / 'si' / 'aiida.win').read_text())
    structure = orm.StructureData(cell=[list(row) for row in win.cell_angstrom])
    for atom in win.atoms:
        structure.append_atom(position=np.array(atom.position) @ np.array(win.cell_angstrom), symbols=atom.symbol)
    kpoints, path = orm.KpointsData(), orm.KpointsData()
    kpoints.set_kpoints(mesh_kpoints(win.mp_grid))
    path.set_kpoints(
        [[0, 0, 0], [0.5, 0, 0.5], [0.625, 0.25, 0.625], [0.375, 0.375, 0.75], [0.1875, 0.1875, 0.375], [0, 0, 0]]
    )
    path.labels = [(0, 'G'), (1, 'X'), (2, 'U'), (3, 'K'), (5, 'G')]
    parameters = {'num_wann': win.num_wann, **{k: v for k, v in win.keywords.items() if k != 'bands_plot'}}
    return {
        'structure': structure,
        'kpoints': kpoints,
        'bands_kpoints': path,
        'parameters': orm.Dict(parameters),
        'projections': orm.List(list(win.projections)),
    }


@pytest.fixture
def parse(recorded, generate_calc_job_node, generate_parser, tmp_path):
    """Parse a recorded run: ``parse(WANNIER, 'wannier90/si', inputs)`` returns (outputs, node of the parser)."""

    def factory(entry_point, case, inputs, *, without=(), rename=None, exit_status=None, change=None):
        files = {}
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for path in (recorded / case).iterdir():
            if path.name in without or path.name in ('deck.in', 'exit_status'):
                continue
            name = (rename or {}).get(path.name, path.name)
            if path.suffix in ('.nnkp', '.eig') or '_band' in path.name or path.name == 'vxc.dat':
                shutil.copyfile(path, folder / name)
            else:
                files[name] = (change or (lambda text: text))(path.read_text())
        node = generate_calc_job_node(entry_point, files, inputs, exit_status=exit_status)
        return generate_parser(entry_point).parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(folder)
        )

    return factory


STDOUT = {'stdout': 'wannier90.out'}


@pytest.fixture
def wannier(parse, inputs):
    def factory(case, *, setup=False, **kwargs):
        changed = {**inputs, **({'settings': orm.Dict({'postproc_setup': True})} if setup else {})}
        return parse(WANNIER, f'wannier90/{case}', changed, rename=STDOUT, **kwargs)

    return factory


# ------------------------------------------------------------------------------------------------ wannier90.x


def test_the_setup(wannier):
    outputs, result = wannier('setup', setup=True)
    assert result.exit_status == 0
    assert set(outputs) == {'output_parameters', 'output_nnkp'}
    assert 'begin nnkpts' in outputs['output_nnkp'].get_content(mode='r')


def test_functions_and_bands(wannier):
    outputs, result = wannier('si')
    assert result.exit_status == 0
    told = outputs['output_parameters'].get_dict()
    assert told['spread_total_angstrom2'] == pytest.approx(13.333331511)
    assert (told['spread_converged'], told['n_iterations'], told['version']) == (True, 17, '3.1.0')
    assert told['disentanglement']['frozen_window_ev'][1] == 6.4
    functions = outputs['output_wannier_functions']
    assert functions.get_array('centres_angstrom').shape == (8, 3)
    assert functions.get_array('spreads_angstrom2').sum() == pytest.approx(told['spread_total_angstrom2'], abs=1e-6)
    bands = outputs['output_bands']
    assert (bands.units, bands.get_bands().shape) == ('eV', (16, 8))
    assert bands.labels == [(0, 'GAMMA'), (6, 'X'), (8, 'U'), (9, 'K'), (15, 'GAMMA')]
    assert bands.base.attributes.get('frozen_window_ev')[1] == 6.4
    assert bands.base.extras.get('engine') == 'wannier90'


@pytest.mark.parametrize(
    ('case', 'status'),
    [
        ('no_eig', 313),
        ('no_amn', 313),
        ('no_mmn', 313),
        ('cut_mmn', 315),
        ('wrong_bands', 314),
        ('frozen_window', 311),
        ('outer_window', 312),
    ],
)
def test_failures_leave_no_results(wannier, case, status):
    outputs, result = wannier(case)
    assert result.exit_status == status
    assert set(outputs) == {'output_parameters'}
    told = outputs['output_parameters'].get_dict()
    assert told['errors']
    assert not told['terminated']
    assert not [key for key in told if key.startswith('spread')]


@pytest.mark.parametrize('case', ['setup_unknown_keyword', 'setup_wrong_grid', 'no_deck'])
def test_a_deck_that_cannot_be_read(wannier, case):
    outputs, result = wannier(case, setup=True)
    assert result.exit_status == 310
    assert set(outputs) == {'output_parameters'}


@pytest.mark.parametrize(('case', 'status'), [('few_disentangling', 410), ('few_iterations', 411)])
def test_what_did_not_converge_is_there_all_the_same(wannier, case, status):
    outputs, result = wannier(case)
    assert result.exit_status == status
    assert {'output_wannier_functions', 'output_bands'} <= set(outputs)


def test_a_plot_that_failed(wannier):
    """The functions were computed and printed before."""
    outputs, result = wannier('no_unk')
    assert (result.exit_status, set(outputs)) == (313, {'output_parameters', 'output_wannier_functions'})


def test_results_that_are_not_there(wannier):
    for missing in ('aiida_band.dat', 'aiida_band.kpt'):
        outputs, result = wannier('si', without=(missing,))
        assert result.exit_status == 350
        assert 'output_bands' not in outputs


def test_a_setup_that_left_nothing(wannier):
    outputs, result = wannier('setup', setup=True, without=('aiida.nnkp',))
    assert (result.exit_status, set(outputs)) == (350, {'output_parameters'})


def test_a_setup_where_functions_were_asked_for(wannier):
    """Its text says that all is well, but it is not what the inputs ask for."""
    outputs, result = wannier('setup')
    assert (result.exit_status, set(outputs)) == (350, {'output_parameters'})


def test_interrupted(wannier):
    outputs, result = wannier('si', change=lambda text: text[: len(text) // 2])
    assert result.exit_status == 404
    assert set(outputs) == {'output_parameters'}


def test_a_cut_output_has_no_number_that_the_whole_has_not(recorded):
    text = (recorded / 'wannier90' / 'si' / 'aiida.wout').read_text()
    whole = wannier_parameters(read_wout(text))
    begin = text.index('Final State')
    for end in (*range(0, begin, 1999), *range(begin, text.index('All done'), 13)):
        output = read_wout(text[:end])
        told = wannier_parameters(output)
        assert not told['terminated']
        for name in ('spread_total_angstrom2', 'spread_invariant_angstrom2', 'spread_off_diagonal_angstrom2'):
            assert told.get(name, whole[name]) == whole[name]
        assert not output.is_final or output.final == read_wout(text).final


def test_no_output_at_all(wannier):
    outputs, result = wannier('si', without=('aiida.wout',))
    assert (result.exit_status, outputs) == (303, {})


@pytest.mark.parametrize('status', [110, 120, 140, 170])
def test_the_verdict_of_the_scheduler_stays(wannier, status):
    for change in (lambda text: text[:2000], lambda text: text):
        assert wannier('si', exit_status=status, change=change)[1].exit_status == status
    assert wannier('si', without=('aiida.wout',), exit_status=status)[1].exit_status == status


# ------------------------------------------------------------------------------------------------ pw2wannier90.x


@pytest.fixture
def overlaps(parse, recorded):
    nnkp = (recorded / 'wannier90' / 'setup' / 'aiida.nnkp').read_text()

    def factory(case, *, parameters=None, **kwargs):
        inputs = {'nnkp_file': orm.SinglefileData(io.BytesIO(nnkp.encode()), filename='aiida.nnkp')}
        inputs |= {} if parameters is None else {'parameters': orm.Dict(parameters)}
        return parse(OVERLAPS, f'wannier90/{case}', inputs, rename={'stdout': 'pw2wannier90.out'}, **kwargs)

    return factory


def test_overlaps(overlaps):
    outputs, result = overlaps('pw2wannier90')
    assert result.exit_status == 0
    told = outputs['output_parameters'].get_dict()
    assert (told['n_wannier_functions'], told['n_kpoints'], told['spin']) == (8, 27, 'none')
    bands = outputs['output_bands']
    assert bands.get_bands().shape == (27, 12)
    assert bands.get_kpoints()[1] == pytest.approx([0, 0, 1 / 3])


@pytest.mark.parametrize(
    ('case', 'status'),
    [
        ('pw2wannier90_no_nnkp', 313),
        ('pw2wannier90_no_save', 317),
        ('pw2wannier90_unknown', 310),
        ('pw2wannier90_other_grid', 316),
    ],
)
def test_overlaps_that_failed(overlaps, case, status):
    outputs, result = overlaps(case)
    assert (result.exit_status, set(outputs)) == (status, {'output_parameters'})


def test_overlaps_without_energies(overlaps):
    outputs, result = overlaps('pw2wannier90', without=('aiida.eig',))
    assert (result.exit_status, set(outputs)) == (350, {'output_parameters'})
    assert overlaps('pw2wannier90', without=('aiida.eig',), parameters={'write_eig': False})[1].exit_status == 0


def test_overlaps_that_stop(overlaps):
    cut = overlaps('pw2wannier90', change=lambda text: text[: text.index('MMN calculated')])
    assert cut[1].exit_status == 404
    assert overlaps('pw2wannier90', without=('stdout',))[1].exit_status == 303
    assert overlaps('pw2wannier90', change=lambda _: 'bash: pw2wannier90.x: command not found\n')[1].exit_status == 304
    assert overlaps('pw2wannier90', without=('stdout',), exit_status=120)[1].exit_status == 120


# ------------------------------------------------------------------------------------------------ pw2bgw.x


@pytest.fixture
def bgw(parse):
    def factory(case, *, values=None, **kwargs):
        inputs = {'parameters': orm.Dict({'real_or_complex': 2, **FLAGS, **(values or {})})}
        return parse(BGW, f'berkeleygw/{case}', inputs, rename={'stdout': 'pw2bgw.out'}, **kwargs)

    return factory


def test_what_berkeleygw_needs(bgw):
    outputs, result = bgw('pw2bgw')
    assert result.exit_status == 0
    assert outputs['output_parameters'].get_dict()['files'] == ['WFN', 'RHO', 'vxc.dat']
    assert outputs['output_vxc'].get_array('vxc_ev').shape == (1, 27, 8)


@pytest.mark.parametrize(
    ('case', 'status'),
    [('pw2bgw_no_save', 317), ('pw2bgw_unknown', 310), ('pw2bgw_real', 318), ('pw2bgw_bands', 319)],
)
def test_what_pw2bgw_does_wrong_leaves_no_numbers(bgw, case, status):
    """Two of these end with JOB DONE and status 0."""
    outputs, result = bgw(case)
    assert (result.exit_status, set(outputs)) == (status, {'output_parameters'})


def test_files_that_are_not_there(bgw):
    assert bgw('pw2bgw', without=('vxc.dat',))[1].exit_status == 350
    assert bgw('pw2bgw', values={'vkbg_flag': True})[1].exit_status == 350
    cut = bgw('pw2bgw', change=lambda text: text[: text.index('done write_vxc_g')])
    assert (cut[1].exit_status, set(cut[0])) == (404, {'output_parameters'})
    assert bgw('pw2bgw', without=('stdout',))[1].exit_status == 303
    assert bgw('pw2bgw', change=lambda _: 'not found\n')[1].exit_status == 304
