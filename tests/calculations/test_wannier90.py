"""The jobs of Wannier90, pw2wannier90 and pw2bgw: what they write and link to, and what they refuse."""

from __future__ import annotations

import io

import numpy as np
import pytest
from aiida import engine, orm
from aiida.common import LinkType
from aiida.plugins import CalculationFactory

from aiida_crystalmath.espresso.namelist import read_namelist
from aiida_crystalmath.wannier90.win import mesh_kpoints, read_win

WANNIER, OVERLAPS, BGW = 'crystalmath.wannier90', 'crystalmath.pw2wannier90', 'crystalmath.pw2bgw'
PW = 'aiida.calculations:quantumespresso.pw'
BGW_VALUES = {'real_or_complex': 2, 'wfng_flag': True, 'wfng_kgrid': True, 'wfng_nk1': 3, 'wfng_nk2': 3, 'wfng_nk3': 3}


@pytest.fixture
def silicon():
    structure = orm.StructureData(cell=[[2.6988, 2.6988, 0], [0, 2.6988, 2.6988], [2.6988, 0, 2.6988]])
    structure.append_atom(position=(0, 0, 0), symbols='Si')
    structure.append_atom(position=(1.3494, 1.3494, 1.3494), symbols='Si')
    return structure


@pytest.fixture
def points():
    """Return a factory of k-points: a list of a grid, or a mesh."""

    def factory(grid=(3, 3, 3), *, mesh=False, offset=(0, 0, 0)):
        node = orm.KpointsData()
        if mesh:
            node.set_kpoints_mesh(list(grid), offset=list(offset))
        else:
            node.set_kpoints(mesh_kpoints(grid))
        return node

    return factory


@pytest.fixture
def path():
    node = orm.KpointsData()
    node.set_kpoints([[0, 0, 0], [0.25, 0, 0.25], [0.5, 0, 0.5], [0.375, 0.375, 0.75], [0.2, 0.2, 0.4], [0, 0, 0]])
    node.labels = [(0, 'GAMMA'), (2, 'X'), (3, 'K'), (5, 'GAMMA')]
    return node


@pytest.fixture
def pw_folder(aiida_localhost, points):
    """Return a factory of remote folders of finished (or failed) runs of pw.x, or of another program."""

    def factory(*, kpoints=None, calculation='nscf', nbnd=12, exit_status=0, process_type=PW, label='PwCalculation'):
        node = orm.CalcJobNode(computer=aiida_localhost, process_type=process_type)
        node.base.attributes.set('process_label', label)
        parameters = {'CONTROL': {'calculation': calculation}, 'SYSTEM': {'nbnd': nbnd}}
        inputs = {'kpoints': points() if kpoints is None else kpoints, 'parameters': orm.Dict(parameters)}
        for name, value in inputs.items():
            node.base.links.add_incoming(value.store(), link_type=LinkType.INPUT_CALC, link_label=name)
        node.set_exit_status(exit_status)
        node.set_process_state('finished')
        node.store()
        remote = orm.RemoteData(computer=aiida_localhost, remote_path='/nscf')
        remote.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='remote_folder')
        return remote.store()

    return factory


@pytest.fixture
def nnkp(recorded):
    text = (recorded / 'wannier90' / 'setup' / 'aiida.nnkp').read_text()
    return orm.SinglefileData(io.BytesIO(text.encode()), filename='aiida.nnkp')


@pytest.fixture
def wannier_inputs(silicon, points, pw_folder):
    def factory(**changes):
        inputs = {
            'structure': silicon,
            'kpoints': points(),
            'parameters': orm.Dict({'num_wann': 8, 'num_bands': 12, 'dis_froz_max': 6.4}),
            'projections': orm.List(['Si:sp3']),
            'parent_folder': pw_folder(process_type='aiida.calculations:crystalmath.pw2wannier90'),
            **changes,
        }
        return {name: value for name, value in inputs.items() if value is not None}

    return factory


@pytest.fixture
def prepare(generate_calc_job, tmp_path, fixture_code):
    def factory(entry_point, **inputs):
        info = generate_calc_job(tmp_path, entry_point, {'code': fixture_code(entry_point), **inputs})
        return info, tmp_path

    return factory


@pytest.fixture
def message(fixture_code):
    def factory(entry_point, **inputs):
        ports = CalculationFactory(entry_point).spec().inputs
        error = ports.validate(ports.pre_process({'code': fixture_code(entry_point), **inputs}))
        return None if error is None else f'{error.port}: {error.message}'

    return factory


SETUP = {'postproc_setup': True}

# ------------------------------------------------------------------------------------------------ wannier90.x


def test_the_setup_writes_a_deck_and_links_to_nothing(prepare, wannier_inputs):
    info, folder = prepare(WANNIER, **wannier_inputs(parent_folder=None, settings=orm.Dict(SETUP)))
    win = read_win((folder / 'aiida.win').read_text())
    assert (win.num_wann, win.num_bands, win.mp_grid) == (8, 12, (3, 3, 3))
    assert win.atoms[1].position == pytest.approx((0.25, 0.25, 0.25))
    assert win.keywords['conv_window'] == 3, 'so that the program looks whether the spread converges'
    assert info.codes_info[0].cmdline_params == ['-pp', 'aiida']
    assert info.retrieve_temporary_list == ['aiida.nnkp']
    assert not info.remote_symlink_list
    assert '.crystalmath/run' in info.prepend_text, 'nothing runs twice in a directory'


def test_the_run_links_to_the_overlaps(prepare, wannier_inputs, path):
    info, folder = prepare(WANNIER, **wannier_inputs(bands_kpoints=path))
    assert info.codes_info[0].cmdline_params == ['aiida']
    assert [name for _, _, name in info.remote_symlink_list] == ['aiida.mmn', 'aiida.amn', 'aiida.eig']
    assert {source.rpartition('/')[0] for _, source, _ in info.remote_symlink_list} == {'/nscf'}
    assert {'aiida.wout', 'aiida.werr'} <= set(info.retrieve_list)
    win = read_win((folder / 'aiida.win').read_text())
    assert win.keywords['bands_plot'] is True
    lines = [(line.first_label, line.last_label) for line in win.kpoint_path]
    assert lines == [('GAMMA', 'X'), ('K', 'GAMMA')], 'X|K is a jump'


def test_plots_need_the_wavefunctions(prepare, wannier_inputs):
    parameters = orm.Dict({'num_wann': 8, 'num_bands': 12, 'wannier_plot': True})
    info, _ = prepare(WANNIER, **wannier_inputs(parameters=parameters))
    assert info.remote_symlink_list[-1][1:] == ('/nscf/UNK*', '.')


def test_a_mesh_is_listed_and_a_list_is_kept(prepare, wannier_inputs, points):
    _, folder = prepare(WANNIER, **wannier_inputs(kpoints=points(mesh=True)))
    from_mesh = read_win((folder / 'aiida.win').read_text())
    assert np.allclose(from_mesh.kpoints, mesh_kpoints((3, 3, 3)), atol=1e-9)
    turned = orm.KpointsData()
    turned.set_kpoints(mesh_kpoints((3, 3, 3))[::-1])
    _, folder = prepare(WANNIER, **wannier_inputs(kpoints=turned))
    assert np.allclose(read_win((folder / 'aiida.win').read_text()).kpoints, mesh_kpoints((3, 3, 3))[::-1], atol=1e-9)


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'parameters': {'num_wann': 8, 'num_band': 12}}, 'does not know `num_band`'),
        ({'parameters': {'num_bands': 12}}, 'num_wann'),
        ({'parameters': {'num_wann': 8, 'bands_plot': True}}, '`bands_plot` needs a path'),
        ({'parameters': {'num_wann': 8, 'mp_grid': [2, 2, 2]}}, '`mp_grid` is not set among the keywords'),
        ({'settings': {'postproc': True}}, 'extra inputs'),
    ],
)
def test_parameters_that_are_refused(message, wannier_inputs, changes, expected):
    nodes = {name: orm.Dict(value) for name, value in changes.items()}
    assert expected in message(WANNIER, **wannier_inputs(**nodes))


def test_structures_and_grids_that_are_refused(message, wannier_inputs, points, silicon):
    moved = points(mesh=True, offset=(0.5, 0, 0))
    assert 'has to go through Gamma' in message(WANNIER, **wannier_inputs(kpoints=moved))
    half = orm.KpointsData()
    half.set_kpoints(mesh_kpoints((3, 3, 3))[:13])
    assert 'no full, even grid' in message(WANNIER, **wannier_inputs(kpoints=half))
    slab = silicon.clone()
    slab.pbc = (True, True, False)
    assert 'not periodic in all three' in message(WANNIER, **wannier_inputs(structure=slab))


def test_folders_that_are_refused(message, wannier_inputs, pw_folder):
    assert message(WANNIER, **wannier_inputs()) is None
    assert '`parent_folder` is missing' in message(WANNIER, **wannier_inputs(parent_folder=None))
    assert 'not by a Pw2Wannier90Calculation' in message(WANNIER, **wannier_inputs(parent_folder=pw_folder()))
    failed = pw_folder(process_type='aiida.calculations:crystalmath.pw2wannier90', exit_status=390)
    assert 'did not end well' in message(WANNIER, **wannier_inputs(parent_folder=failed))


def test_the_setup_needs_projections(message, wannier_inputs):
    settings = orm.Dict(SETUP)
    assert '`projections` are missing' in message(WANNIER, **wannier_inputs(projections=None, settings=settings))
    blank = orm.Dict({'num_wann': 4, 'use_bloch_phases': True})
    inputs = wannier_inputs(projections=None, settings=settings, parameters=blank, parent_folder=None)
    assert message(WANNIER, **inputs) is None


# ------------------------------------------------------------------------------------------------ pw2wannier90.x


def test_overlaps_leave_the_run_of_pw_alone(prepare, pw_folder, nnkp):
    info, folder = prepare(OVERLAPS, parent_folder=pw_folder(), nnkp_file=nnkp)
    values = read_namelist((folder / 'pw2wannier90.in').read_text(), 'inputpp')
    assert values == {'outdir': './out', 'prefix': 'aiida', 'seedname': 'aiida', 'write_mmn': True, 'write_amn': True}
    (link,) = info.remote_symlink_list
    assert link[1:] == ('/nscf/out/aiida.save', 'out/aiida.save')
    assert (folder / 'out').is_dir(), 'what is written to outdir stays in the own folder'
    assert info.local_copy_list[0][2] == 'aiida.nnkp'
    assert info.retrieve_temporary_list == ['aiida.eig'], 'overlaps are large and stay'


def test_overlaps_of_other_runs_are_refused(message, pw_folder, nnkp, points):
    def refused(**kwargs):
        return message(OVERLAPS, parent_folder=pw_folder(**kwargs), nnkp_file=nnkp)

    assert refused() is None
    assert 'was no non-self-consistent run' in refused(calculation='scf')
    assert 'was given a mesh' in refused(kpoints=points(mesh=True))
    assert 'are not the 27' in refused(kpoints=points((2, 2, 2)))
    turned = orm.KpointsData()
    turned.set_kpoints(mesh_kpoints((3, 3, 3))[::-1])
    assert 'in another order' in refused(kpoints=turned)
    assert 'did not end well' in refused(exit_status=305)
    assert 'come from pw.x' in refused(process_type='aiida.calculations:quantumespresso.ph', label='PhCalculation')


def test_names_of_the_deck_are_checked(message, pw_folder, nnkp):
    given = {'parent_folder': pw_folder(), 'nnkp_file': nnkp}
    assert 'did you mean `write_unk`' in message(OVERLAPS, **given, parameters=orm.Dict({'write_unks': True}))


def test_a_folder_of_unknown_origin_is_taken(message, aiida_localhost, nnkp):
    """As after an import: the program itself compares the k-points."""
    folder = orm.RemoteData(computer=aiida_localhost, remote_path='/somewhere').store()
    assert message(OVERLAPS, parent_folder=folder, nnkp_file=nnkp) is None


def test_a_cleaned_folder_is_refused(message, pw_folder, nnkp):
    folder = pw_folder()
    folder.base.extras.set(orm.RemoteData.KEY_EXTRA_CLEANED, True)
    assert 'has been cleaned' in message(OVERLAPS, parent_folder=folder, nnkp_file=nnkp)


# ------------------------------------------------------------------------------------------------ pw2bgw.x


def test_the_deck_for_berkeleygw(prepare, pw_folder):
    info, folder = prepare(BGW, parent_folder=pw_folder(), parameters=orm.Dict({**BGW_VALUES, 'vxc_flag': True}))
    values = read_namelist((folder / 'pw2bgw.in').read_text(), 'input_pw2bgw')
    assert (values['wfng_file'], values['vxc_file']) == ('WFN', 'vxc.dat')
    assert info.retrieve_temporary_list == [('out/vxc.dat', '.', 0)]
    assert info.remote_symlink_list[0][2] == 'out/aiida.save'


def test_grids_that_pw2bgw_would_take_without_a_word(message, pw_folder, points):
    def refused(values, **kwargs):
        return message(BGW, parent_folder=pw_folder(**kwargs), parameters=orm.Dict({**BGW_VALUES, **values}))

    assert refused({}) is None
    assert refused({}, kpoints=points(mesh=True)) is None
    assert 'do not lie on the grid' in refused({'wfng_nk1': 4})
    assert 'the run had the grid [3, 3, 3]' in refused({'wfng_nk1': 4}, kpoints=points(mesh=True))
    assert 'the run has 12 bands' in refused({'vxc_flag': True, 'vxc_diag_nmax': 30})
    assert '`real_or_complex` is 1' in refused({'real_or_complex': 0})


# ------------------------------------------------------------------------------------------------ no program


@pytest.mark.parametrize(('program', 'status'), [('wannier90', 303), ('pw2wannier90', 304), ('pw2bgw', 304)])
def test_without_its_program_a_job_has_no_numbers(  # noqa: PLR0917
    program, status, wannier_inputs, nnkp, tmp_path, aiida_code_installed, aiida_localhost
):
    """The program is not there: the named exit code, and nothing else."""
    (tmp_path / 'out' / 'aiida.save').mkdir(parents=True)
    folder = orm.RemoteData(computer=aiida_localhost, remote_path=str(tmp_path)).store()
    inputs = {
        'wannier90': wannier_inputs(parent_folder=None, settings=orm.Dict(SETUP)),
        'pw2wannier90': {'parent_folder': folder, 'nnkp_file': nnkp},
        'pw2bgw': {'parent_folder': folder, 'parameters': orm.Dict(BGW_VALUES)},
    }[program]
    code = aiida_code_installed(
        label=f'absent-{program}',
        default_calc_job_plugin=f'crystalmath.{program}',
        computer=aiida_localhost,
        filepath_executable=f'/nowhere/{program}.x',
    )
    outputs, node = engine.run_get_node(CalculationFactory(f'crystalmath.{program}'), code=code, **inputs)
    assert node.exit_status == status
    assert set(outputs) == {'remote_folder', 'retrieved'}
