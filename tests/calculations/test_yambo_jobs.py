"""The jobs of p2y, yambo and ypp, run through AiiDA on recorded runs of Yambo 5.2.4, failures included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory
from yambo_parameters import BSE, G0W0, MGO_G0W0

from aiida_crystalmath.yambo.inputs import read_deck
from aiida_crystalmath.yambo.outputs.tables import read_excitons, read_quasiparticles, read_spectrum

SMALL = {**BSE, 'bands': [4, 5], 'write_wavefunctions': False}


@pytest.fixture
def ndb_qp(yambo_corpus):
    """Return the database of the recorded G0W0 of silicon."""
    return orm.SinglefileData(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP')


def run(entry_point, **inputs):
    results, node = run_get_node(CalculationFactory(entry_point), **inputs)
    return results, node


def run_yambo(yambo, parameters, parent=None, **inputs):
    """Run yambo; return results and node."""
    parent = parent or yambo.save()
    return run('crystalmath.yambo', code=yambo.code('yambo'), parent_folder=parent, parameters=parameters, **inputs)


def names(node):
    return [item['name'] for item in node.outputs.output_parameters['diagnoses']]


# ------------------------------------------------------------------------------------------------ p2y


def run_p2y(yambo, parent):
    return run('crystalmath.p2y', code=yambo.code('p2y'), code_yambo=yambo.code('yambo'), parent_folder=parent)


def test_p2y_and_setup(yambo):
    parent = yambo.nscf()
    before = sorted(path.name for path in Path(parent.get_remote_path()).rglob('*'))
    results, node = run_p2y(yambo, parent)
    assert node.is_finished_ok, node.exit_message
    told = results['output_parameters']
    assert (told['n_bands'], told['n_kpoints'], told['n_electrons'], told['filled_bands']) == (30, 8, 8.0, 4)
    assert (told['gap_direct_ev'], told['gap_direct_kpoint']) == (2.554015, 1)
    assert (told['gap_indirect_ev'], told['gap_indirect_kpoints']) == (0.612049, [1, 7])
    assert told['kpoints_mesh'] == [4, 4, 4]
    assert told['functional'] == 'Slater exchange(X)+Perdew & Zunger(C)'
    assert (told['engine'], told['version'], told['status']) == ('p2y', '5.2.4', 'finished')
    points, weights = results['output_kpoints'].get_kpoints(also_weights=True)
    assert points.shape == (8, 3)
    assert points[6] == pytest.approx([0, -0.5, -0.5])
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert [call['arguments'] for call in yambo.calls()] == [['-I', './qe.save', '-O', '.'], []]
    # What pw.x left is linked, and nothing was written there.
    folder = Path(node.outputs.remote_folder.get_remote_path())
    assert (folder / 'qe.save').is_symlink()
    assert sorted(path.name for path in Path(parent.get_remote_path()).rglob('*')) == before


def _uspp(xml):
    return xml.replace(b'<uspp>false</uspp>', b'<uspp>true</uspp>')


def _fractional(xml):
    zero = b'<fractional_translation>0.000000000000000e0'
    return (
        zero.join(xml.split(zero)[:-1])
        + zero.replace(b'0.0000', b'2.5000').replace(b'e0', b'e-1')
        + xml.split(zero)[-1]
    )


@pytest.mark.parametrize(
    ('change', 'status', 'name'),
    [(_uspp, 310, 'ultrasoft_pseudopotential'), (_fractional, 311, 'non_symmorphic_symmetry')],
)
def test_p2y_says_what_is_wrong_and_ends_with_zero(yambo, change, status, name):
    _, node = run_p2y(yambo, yambo.nscf(change))
    assert node.exit_status == status
    assert names(node)[0] == name
    assert 'output_kpoints' not in node.outputs


def test_p2y_without_what_pw_saved(yambo, tmp_path):
    _, node = run_p2y(yambo, yambo.remote(tmp_path))
    assert node.exit_status == 312
    assert names(node) == ['no_qe_save']
    assert 'gap_direct_ev' not in node.outputs.output_parameters.get_dict()


def test_what_was_not_recorded_is_refused(yambo):
    """Ten more bands: the replay must not play the run with thirty, and the job must not end well."""
    _, node = run_p2y(yambo, yambo.nscf(lambda xml: xml.replace(b'<nbnd>30</nbnd>', b'<nbnd>40</nbnd>')))
    assert node.exit_status == 303
    assert 'n_bands is 40.0, recorded is 30.0' in yambo.calls('p2y')[0]['refused']
    _, node = run_yambo(yambo, {**G0W0, 'response_block_ry': 3})
    assert node.exit_status == 303
    assert 'refused' in yambo.calls('yambo')[-1]
    assert node.outputs.output_parameters['status'] == 'not_started'
    assert set(node.outputs) == {'output_parameters', 'remote_folder', 'retrieved'}


# ------------------------------------------------------------------------------------------------ GW


def test_g0w0_has_the_numbers_of_the_table(yambo, yambo_corpus):
    parent = yambo.save()
    results, node = run_yambo(yambo, G0W0, parent)
    assert node.is_finished_ok, node.exit_message
    table = read_quasiparticles((yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp').read_text())
    states = results['output_quasiparticles']
    assert (states.get_array('kpoints') == table.kpoint).all()
    assert (states.get_array('bands') == table.band).all()
    assert states.get_array('e0_ev') == pytest.approx(table.e0_ev, abs=1e-5)
    assert states.get_array('de_ev') == pytest.approx(table.de_ev, abs=1e-6)
    assert states.get_array('z')[0] == pytest.approx(0.790247, abs=1e-6)
    assert set(states.get_array('spin')) == {1}
    assert states.get_array('kpoints_rlu')[6] == pytest.approx([0, -0.5, -0.5])

    told = results['output_parameters'].get_dict()
    assert told['gap_direct_ev'] == pytest.approx(3.079195, abs=2e-6)  # as the BSE that read ndb.QP says
    assert told['gap_indirect_ev'] == pytest.approx(1.021172, abs=2e-6)
    assert (told['gap_direct_kpoint'], told['gap_indirect_kpoints'], told['gap_of_all_kpoints']) == (1, [1, 7], True)
    assert (told['dft_gap_direct_ev'], told['n_quasiparticles']) == (2.554015, 48)
    assert (told['memory_peak_mb'], told['n_processes'], told['engine']) == (4.826, 2, 'yambo')
    assert told['input_differences'] == [{'name': 'NGsBlkXp', 'sort': 'rounded', 'asked': '2 Ry', 'used': '3 Ry'}]
    assert (told['warnings'], told['diagnoses'], told['went_on_from_databases']) == ([], [], False)

    bands = results['output_bands']
    energies, occupations = bands.get_bands(also_occupations=True)
    assert energies.shape == (8, 6)
    assert energies[0, 3] - energies[0, 2] == pytest.approx(3.079195, abs=2e-6)
    assert occupations[0].tolist() == [2, 2, 2, 0, 0, 0]
    assert bands.base.attributes.get('first_band') == 2
    assert bands.get_kpoints()[6] == pytest.approx([0, -0.5, -0.5])

    recorded = (yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP').read_bytes()
    assert results['qp_database'].get_content('rb') == recorded
    assert results['qp_database'].base.extras.get('engine') == 'yambo'


def test_save_is_linked_and_the_parent_is_left_alone(yambo):
    parent = yambo.save()
    _, node = run_yambo(yambo, G0W0, parent)
    (call,) = yambo.calls()
    assert call['arguments'] == ['-F', 'yambo.in', '-J', 'job', '-C', 'out']
    assert call['save'] == {'ndb.gops': 'file', 'ndb.kindx': 'file', 'ns.db1': 'link', 'ns.wf': 'link'}
    assert call['job'] == {}
    assert sorted(path.name for path in Path(parent.get_remote_path()).iterdir()) == ['SAVE']
    assert 'ndb.QP' in {path.name for path in (Path(node.outputs.remote_folder.get_remote_path()) / 'job').iterdir()}
    kept = {path.as_posix() for path in _files(node.outputs.retrieved)}
    assert 'job/ndb.QP' in kept
    assert 'out/LOG/l-job_HF_and_locXC_gw0_dyson_em1d_ppa_el_el_corr_CPU_1' in kept
    assert not any(path.endswith('CPU_2') or 'ndb.pp' in path for path in kept)


def _files(folder):
    return [Path(root) / name for root, _, found in folder.base.repository.walk() for name in found]


def test_mgo(yambo):
    results, node = run_yambo(yambo, MGO_G0W0, yambo.save('mgo'))
    assert node.is_finished_ok, node.exit_message
    told = results['output_parameters'].get_dict()
    assert told['gap_direct_ev'] == pytest.approx(7.520273, abs=5e-6)
    assert told['dft_gap_direct_ev'] == 4.650479
    # Only Gamma was corrected: of the gap between any two k-points nothing is known.
    assert told['gap_of_all_kpoints'] is False
    assert 'gap_indirect_ev' not in told
    assert results['output_bands'].get_bands().shape == (1, 4)


def test_yambos_own_words_make_the_same_run(yambo, yambo_corpus):
    deck = read_deck((yambo_corpus / 'gw_ppa_mpi2' / 'gw.in').read_text())
    variables = {'EXXRLvcs': [12, 'Ry'], 'VXCRLvcs': [12, 'Ry'], 'Chimod': 'HARTREE', 'BndsRnXp': [[1, 30], '']}
    variables |= {'NGsBlkXp': [2, 'Ry'], 'LongDrXp': [[1, 1, 1], ''], 'PPAPntXp': [27.21138, 'eV']}
    variables |= {'GbndRnge': [[1, 30], ''], 'GTermKind': 'none', 'DysSolver': 'n', 'QPkrange': [[[1, 8, 2, 7]], '']}
    _, node = run_yambo(yambo, {'arguments': list(deck.runlevels), 'variables': variables})
    assert node.is_finished_ok, node.exit_message


@pytest.mark.parametrize('bands', [60])
def test_too_few_bands(yambo, bands):
    """The serial program ends with 0 after this."""
    results, node = run_yambo(yambo, {**G0W0, 'screening_bands': bands})
    assert node.exit_status == 320
    told = results['output_parameters']
    assert (told['bands_needed'], told['bands_available']) == (60, 30)
    assert names(node) == ['too_few_bands']
    assert told['status'] == 'failed'
    assert 'output_quasiparticles' not in results


@pytest.mark.parametrize('set_up', [False, None])
def test_save_that_is_missing_or_not_set_up(yambo, tmp_path, set_up):
    parent = yambo.save(set_up=False) if set_up is False else yambo.remote(tmp_path)
    results, node = run_yambo(yambo, G0W0, parent)
    assert node.exit_status == 350
    assert names(node) == ['save_not_set_up']
    assert results['output_parameters']['status'] == 'not_started'


def test_killed_and_gone_on_from(yambo):
    parent = yambo.save()
    yambo.kill(1)
    results, killed = run_yambo(yambo, G0W0, parent)
    assert killed.exit_status == 404
    assert results['output_parameters']['last_section'] == '[07.01] G0W0 (W PPA)'
    assert 'qp_database' not in results
    results, node = run_yambo(yambo, G0W0, parent, restart_folder=killed.outputs.remote_folder)
    assert node.is_finished_ok, node.exit_message
    assert [call['played'] for call in yambo.calls('yambo')] == ['fail_f8_kill', 'restart_after_kill']
    assert results['output_parameters']['went_on_from_databases'] is True
    assert results['output_parameters']['gap_direct_ev'] == pytest.approx(3.0792, abs=5e-5)
    # The databases were copied: what was killed lies there as it was.
    assert yambo.calls('yambo')[1]['job']['ndb.pp'] == 'file'
    assert not (Path(killed.outputs.remote_folder.get_remote_path()) / 'job' / 'ndb.QP').exists()


def test_a_name_that_yambo_ignored_is_told(yambo):
    """Only by the setting for newer versions does such a name come into a deck at all."""
    parameters = {**G0W0, 'variables': {'NoSuchVariable': 3}}
    settings = {'unknown_variables': ['NoSuchVariable']}
    results, node = run_yambo(yambo, parameters, settings=settings)
    assert node.is_finished_ok, node.exit_message
    assert names(node) == ['input_unknown']
    assert results['output_parameters']['input_differences'][-1]['name'] == 'NoSuchVariable'


# ------------------------------------------------------------------------------------------------ BSE


@pytest.mark.parametrize(
    ('name', 'parameters', 'peak'),
    [
        ('bse_diago_mpi2', BSE, 3.15),
        ('bse_diago_small_netcdf', SMALL, 3.25),
        ('bse_haydock_serial', {**BSE, 'solver': 'haydock', 'write_wavefunctions': False}, 3.15),
    ],
)
def test_bse_on_quasiparticles(yambo, yambo_corpus, name, parameters, peak):
    database = orm.SinglefileData(yambo_corpus / 'gw_ppa_mpi2' / 'ndb.QP')
    results, node = run_yambo(yambo, parameters, qp_database=database)
    assert node.is_finished_ok, node.exit_message
    assert yambo.calls()[0]['played'] == name
    told = results['output_parameters'].get_dict()
    assert (told['absorption_peak_ev'], told['absorption_peak_ip_ev']) == (pytest.approx(peak), pytest.approx(4.3))
    assert told['starting_gap_direct_ev'] == 3.079195
    table = read_spectrum(next((yambo_corpus / name).glob('o-bse.eps*')).read_text())
    spectrum = results['output_spectrum']
    assert (spectrum.get_array('energy_ev') == table.energy_ev).all()
    assert (spectrum.get_array('eps_im') == table.imaginary).all()
    assert (spectrum.get_array('eps_re') == table.real).all()
    assert (spectrum.get_array('eps_im_ip') == table.imaginary_ip).all()
    loss = read_spectrum(next((yambo_corpus / name).glob('o-bse.eel*')).read_text(), 'eel')
    assert (spectrum.get_array('eel') == loss.imaginary).all()
    assert ('output_excitons' in results) == (name == 'bse_diago_small_netcdf')


def test_excitons_of_a_small_bse(yambo, ndb_qp):
    results, _ = run_yambo(yambo, SMALL, qp_database=ndb_qp)
    told = results['output_parameters']
    assert told['n_excitons'] == 64
    assert told['lowest_exciton_ev'] == pytest.approx(2.99816, abs=1e-5)
    assert told['lowest_bright_exciton_ev'] >= told['lowest_exciton_ev']
    energies = results['output_excitons'].get_array('energies_ev')
    assert (np.diff(energies) >= 0).all()
    assert results['output_excitons'].get_array('bright').dtype == bool


def test_bse_with_a_scissor(yambo):
    results, node = run_yambo(yambo, {**BSE, 'scissor': {'shift_ev': 0.7}})
    assert node.is_finished_ok, node.exit_message
    told = results['output_parameters']
    assert told['starting_gap_direct_ev'] == 3.254015
    assert told['dft_gap_direct_ev'] + 0.7 == pytest.approx(told['starting_gap_direct_ev'])
    assert told['absorption_peak_ev'] == pytest.approx(3.30)


def test_bse_that_did_not_read_the_quasiparticles_has_no_spectrum(yambo, ndb_qp, monkeypatch):
    """Yambo only warns of it and ends well, with a peak at 2.60 instead of 3.15 eV."""
    from aiida_crystalmath.calculations import yambo as module

    # The file that the deck names is not there; in life: a file system that lost it.
    monkeypatch.setattr(module, 'QP_FOLDER', 'nope')
    original = module.YamboCalculation.prepare_for_submission

    def lose(self, folder):
        info = original(self, folder)
        info.local_copy_list = []
        return info

    monkeypatch.setattr(module.YamboCalculation, 'prepare_for_submission', lose)
    results, node = run_yambo(yambo, BSE, qp_database=ndb_qp)
    assert yambo.calls()[0]['played'] == 'fail_f3_missing_ndbqp'
    assert node.exit_status == 330
    assert names(node) == ['qp_database_unreadable']
    assert results['output_parameters']['status'] == 'finished'
    assert 'output_spectrum' not in results
    assert 'absorption_peak_ev' not in results['output_parameters'].get_dict()
    assert 'starting_gap_direct_ev' not in results['output_parameters'].get_dict()


def test_bse_without_memory(yambo, ndb_qp):
    """The serial program ends with 0 after this."""
    big = {**BSE, 'bands': [1, 30], 'screened_cutoff_ry': 12, 'response_block_ry': 12}
    _, node = run_yambo(yambo, big, qp_database=ndb_qp)
    assert node.exit_status == 405
    assert names(node)[0] == 'out_of_memory'
    assert 'output_spectrum' not in node.outputs


# ------------------------------------------------------------------------------------------------ ypp


def test_ypp_lists_excitons(yambo, yambo_corpus, ndb_qp):
    _, bse = run_yambo(yambo, BSE, qp_database=ndb_qp)
    parent = bse.outputs.remote_folder
    results, node = run('crystalmath.ypp', code=yambo.code('ypp'), parent_folder=parent)
    assert node.is_finished_ok, node.exit_message
    table = read_excitons((yambo_corpus / 'bse_diago_mpi2' / 'o-bse.exc_qpt1_E_sorted').read_text())
    excitons = results['output_excitons']
    assert (excitons.get_array('energies_ev') == table.energy_ev).all()
    assert (excitons.get_array('strengths') == table.strength).all()
    told = results['output_parameters']
    assert (told['n_excitons'], told['lowest_exciton_ev']) == (576, 2.95893621)
    assert told['lowest_bright_exciton_ev'] == 2.95893621
    assert told['engine'] == 'ypp'
    assert yambo.calls('ypp')[0]['arguments'] == ['-F', 'ypp.in', '-J', 'job', '-C', 'out']


def test_ypp_without_a_bse(yambo):
    _, node = run('crystalmath.ypp', code=yambo.code('ypp'), parent_folder=yambo.save())
    assert node.exit_status == 303
    assert 'output_excitons' not in node.outputs


# ------------------------------------------------------------------------------------------------ before submission


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'parameters': {**G0W0, 'screening_bads': 3}}, 'did you mean `screening_bands`'),
        ({'parameters': {'arguments': ['gw0'], 'variables': {'NGsBlkXP': [2, 'Ry']}}}, 'did you mean `NGsBlkXp`'),
        ({'settings': {'comand': []}}, '`settings`: comand'),
        ({'parameters': {**BSE, 'variables': {'KfnQPdb': 'E < ../x/ndb.QP'}}}, 'set by the input `qp_database`'),
        ({'qp_database': True}, 'this calculation would not use it'),
        ({'qp_database': True, 'parameters': {**BSE, 'scissor': {'shift_ev': 1.0}}}, 'exclude each other'),
        (
            {
                'code': 'parallel',
                'parameters': {**G0W0, 'parallel': {'roles': {'SE': {'q': 4}}}},
                'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 2}}},
            },
            'share out 4 processes and the job has 2',
        ),
    ],
)
def test_what_is_wrong_is_said_before_submission(yambo, ndb_qp, change, reason):
    inputs = {'code': yambo.code('yambo'), 'parent_folder': yambo.save(), 'parameters': G0W0, **change}
    if 'qp_database' in inputs:
        inputs['qp_database'] = ndb_qp
    if inputs['code'] == 'parallel':
        inputs['code'] = yambo.code('yambo', label='parallel', with_mpi=True)
    with pytest.raises(ValueError, match=reason):
        run_get_node(CalculationFactory('crystalmath.yambo'), **inputs)
    assert yambo.calls() == []


def test_bands_and_kpoints_are_checked_against_the_setup(yambo):
    _, setup = run_p2y(yambo, yambo.nscf())
    parent = setup.outputs.remote_folder
    with pytest.raises(ValueError, match=r'ask for band 60, and there are 30: repeat the NSCF with nbnd = 60'):
        run_yambo(yambo, {**G0W0, 'screening_bands': 60}, parent)
    with pytest.raises(ValueError, match='ask for k-point 9, and there are 8'):
        run_yambo(yambo, {**G0W0, 'qp_kpoints': [1, 9]}, parent)
    with pytest.raises(ValueError, match=r'iterates needs .* every k-point: `QPkrange` from 1 to 8'):
        run_yambo(yambo, {**G0W0, 'kind': 'evgw_ppa', 'iterations': 3, 'qp_kpoints': [1, 4]}, parent)
    with pytest.raises(ValueError, match='`BSEBands` are 5 to 8, and 4 bands are filled'):
        run_yambo(yambo, {**BSE, 'bands': [5, 8]}, parent)
    results, node = run_yambo(yambo, G0W0, parent)
    assert node.is_finished_ok, node.exit_message
    assert results['output_parameters']['n_quasiparticles'] == 48


def test_folders_that_are_gone_or_elsewhere_are_refused(yambo, aiida_computer_local):
    parent = yambo.save()
    parent.base.extras.set('cleaned', True)
    with pytest.raises(ValueError, match=r'`parent_folder` <\d+> has been cleaned'):
        run_yambo(yambo, G0W0, parent)
    elsewhere = orm.RemoteData(computer=aiida_computer_local(label='elsewhere'), remote_path='/x').store()
    with pytest.raises(ValueError, match='lies on elsewhere'):
        run_yambo(yambo, G0W0, yambo.save(), restart_folder=elsewhere)


def test_why_tells_what_the_parser_found(yambo):
    """In the words of Yambo's catalogue: its output is no output of CRYSTAL."""
    import json

    from click.testing import CliRunner

    from aiida_crystalmath.cli import main

    _, node = run_yambo(yambo, {**G0W0, 'screening_bands': 60})
    told = CliRunner().invoke(main, ['why', str(node.pk)])
    assert told.exit_code == 0, told.output
    assert 'The input asks for more bands than there are.' in told.output
    assert 'Too many bands required in X' in told.output
    assert 'CRYSTAL' not in told.output
    (item,) = json.loads(CliRunner().invoke(main, ['why', '--json', str(node.pk)]).output)['diagnoses']
    assert item['name'] == 'too_few_bands'
