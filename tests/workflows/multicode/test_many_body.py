"""GW, BSE and convergence from a structure: on recorded runs of pw.x, p2y and yambo, and once with the real pw.x."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.functions.many_body import agreeing, extrapolated, gw_convergence, scissor_from_crystal
from aiida_crystalmath.workflows.multicode.many_body_parameters import bands_needed, parameters_message, resolve
from aiida_crystalmath.workflows.protocols.merge import check_keys

pytest.importorskip('aiida_quantumespresso')

GW = {
    'kind': 'g0w0_ppa',
    'exchange_cutoff_ry': 12,
    'screening_bands': 30,
    'response_block_ry': 2,
    'valence_bands': 3,
    'conduction_bands': 3,
}
BSE = {
    'kind': 'bse',
    'valence_bands': 3,
    'conduction_bands': 3,
    'exchange_cutoff_ry': 8,
    'screened_cutoff_ry': 2,
    'screening_bands': 30,
    'response_block_ry': 2,
    'write_wavefunctions': True,
}
SMALL = {**BSE, 'valence_bands': 1, 'conduction_bands': 1, 'write_wavefunctions': False}


def chain(name):
    return WorkflowFactory(f'crystalmath.yambo.{name}')


@pytest.fixture
def upf(pseudopotential):
    """Return a factory of pseudopotentials of silicon."""
    from aiida_pseudo.data.pseudo.upf import UpfData

    def factory(name='Si.pz-vbc.UPF'):
        with pseudopotential(name).open(mode='rb') as handle:
            return UpfData(handle, filename=name)

    return factory


@pytest.fixture
def pw_code(aiida_code_installed, aiida_localhost, yambo_corpus, tmp_path):
    """Return a code that plays recorded runs of pw.x."""
    script = Path(__file__).parents[2] / 'mock' / 'pw_replay.py'
    path = tmp_path / 'pw.x'
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {yambo_corpus} "$@"\n')
    path.chmod(0o755)
    return aiida_code_installed(
        label=f'pw-replay-{tmp_path.name}',
        default_calc_job_plugin='quantumespresso.pw',
        computer=aiida_localhost,
        filepath_executable=str(path),
        with_mpi=False,
    )


@pytest.fixture
def inputs(yambo, pw_code, upf, silicon):
    """Return a factory of the inputs that all three chains share."""
    potential = upf()

    def factory(**changes):
        deck = orm.Dict({'SYSTEM': {'ecutwfc': 16.0}, 'ELECTRONS': {'conv_thr': 1e-9}})
        pw = {'pw': {'pseudos': {'Si': potential}, 'parameters': deck}}
        mesh = orm.KpointsData()
        mesh.set_kpoints_mesh([4, 4, 4])
        programs = {name: yambo.code(name) for name in ('p2y', 'yambo', 'ypp')}
        return {
            'structure': silicon,
            'codes': {'pw': pw_code, **programs},
            'scf': pw,
            'nscf': pw,
            'kpoints': mesh,
            'gw_parameters': GW,
            **changes,
        }

    return factory


@pytest.fixture
def gone(aiida_code_installed, aiida_localhost):
    """Return a factory of codes whose executable is not there."""

    def factory(plugin):
        return aiida_code_installed(
            label=f'gone-{plugin}',
            default_calc_job_plugin=plugin,
            computer=aiida_localhost,
            filepath_executable='/nowhere/program',
            with_mpi=False,
        )

    return factory


def rows(node):
    return {row['quantity']: row for row in node.outputs.comparison['rows']}


# ------------------------------------------------------------------------------------------------ what goes well


@pytest.mark.timeout(180)
def test_quasiparticles_from_a_structure(inputs):
    node = run_get_node(chain('gw'), **inputs())[1]
    assert node.is_finished_ok, node.exit_message
    told = node.outputs.output_parameters
    assert told['gap_direct_ev'] == pytest.approx(3.079195, abs=2e-6)
    table = rows(node)
    assert table['dft_gap_direct']['value_ev'] == pytest.approx(2.554, abs=1e-3)
    # Yambo counts bands by their numbers, the table by their energies: corrections split what is degenerate in DFT.
    assert table['qp_gap_direct']['value_ev'] == pytest.approx(told['gap_direct_ev'], abs=5e-3)
    assert table['qp_gap_direct']['kpoints']['both'] == [[0, 0, 0]]
    assert 'crystal_gap' not in table
    states = node.outputs.output_quasiparticles
    assert states.uuid in {source['uuid'] for source in table['qp_gap_direct']['sources']}
    labels = [link.link_label for link in node.base.links.get_outgoing().all()]
    assert {'crystal_to_qe', 'scf', 'nscf', 'qe_to_yambo', 'p2y', 'gw', 'compare_gaps'} <= set(labels)
    nscf = node.base.links.get_outgoing(link_label_filter='nscf').one().node
    system = nscf.inputs.pw.parameters['SYSTEM']
    assert (system['nbnd'], system['force_symmorphic'], system['occupations']) == (30, True, 'fixed')
    gw = node.base.links.get_outgoing(link_label_filter='gw').one().node
    assert gw.inputs.yambo.parameters['qp_bands'] == [2, 7]
    assert gw.inputs.yambo.parameters['qp_kpoints'] == [1, 8]


@pytest.mark.timeout(240)
def test_excitons_on_quasiparticles(inputs):
    node = run_get_node(chain('bse'), **inputs(bse_parameters=BSE))[1]
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.output_parameters['absorption_peak_ev'] == pytest.approx(3.15)
    table = rows(node)
    binding = table['qp_gap_direct']['value_ev'] - table['optical_gap']['value_ev']
    assert table['exciton_binding_energy']['value_ev'] == pytest.approx(binding)
    assert table['exciton_binding_energy']['method'] == 'quasi-particle gap'
    assert 'scissor' not in node.outputs


@pytest.mark.timeout(240)
def test_scissor_of_the_gap_of_crystal_says_so(inputs, pw_nscf):
    """The number of CRYSTAL is made so that the scissor is the recorded one: what is tested is what comes of it."""
    from aiida_crystalmath.workflows.multicode.converters.common import edges_of

    gap = edges_of(pw_nscf['bands'], pw_nscf['parameters'].get_dict()).values['gap_ev']
    told = orm.Dict({'engine': 'CRYSTAL', 'functional': 'PBE0', 'gap_ev': gap + 0.7, 'gap_kind': 'indirect'})
    given = inputs(
        energies='crystal_gap',
        bse_parameters=BSE,
        list_excitons=False,
        crystal_results={'parameters': told},
    )
    del given['gw_parameters']
    node = run_get_node(chain('bse'), **given)[1]
    assert node.is_finished_ok, node.exit_message
    scissor = node.outputs.scissor.get_dict()
    assert scissor['scissor_ev'] == pytest.approx(0.7)
    assert scissor['is_estimate']
    assert 'CRYSTAL (PBE0)' in scissor['label']
    assert 'output_quasiparticles' not in node.outputs
    assert rows(node)['crystal_gap']['value_ev'] == pytest.approx(gap + 0.7)
    missing = node.outputs.comparison['missing']
    assert 'optical_gap' in missing
    assert 'qp_gap' in missing


# ------------------------------------------------------------------------------------------------ what fails


@pytest.mark.parametrize(
    ('name', 'status'), [('crystal', 411), ('pw', 412), ('p2y', 413), ('yambo', 414), ('ypp', 415)]
)
def test_a_code_that_is_not_given_is_named_and_nothing_comes_out(inputs, name, status, relaxation):
    given = inputs(bse_parameters=BSE)
    if name == 'crystal':
        given['crystal'] = relaxation(given['structure'])
    given['codes'].pop(name, None)
    results, node = run_get_node(chain('bse'), **given)
    assert node.exit_status == status
    assert name in node.exit_message
    assert results == {}
    assert node.called == []


@pytest.fixture
def relaxation(fixture_code, shipped_family):
    """Return a factory of the namespace `crystal`, without the code."""

    def factory(structure):
        shipped_family('sto-3g')
        geopt = WorkflowFactory('crystalmath.crystal.geopt')
        code = fixture_code('crystalmath.crystal23')
        builder = geopt.get_builder_from_protocol(code, structure, 'fast', relax_type='positions')
        made = builder._inputs(prune=True)
        made['base']['crystal'].pop('code')
        return {'base': made['base']}

    return factory


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ('name', 'plugin', 'status'),
    [
        ('pw', 'quantumespresso.pw', 422),
        ('p2y', 'crystalmath.p2y', 424),
        ('yambo', 'crystalmath.yambo', 424),
        ('ypp', 'crystalmath.ypp', 427),
    ],
)
def test_a_program_that_is_not_there_stops_the_chain_and_nothing_comes_out(inputs, gone, name, plugin, status):
    """The set-up after p2y is the first job of yambo."""
    given = inputs(bse_parameters=BSE)
    given['codes'][name] = gone(plugin)
    results, node = run_get_node(chain('bse'), **given)
    assert node.exit_status == status
    assert results == {}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ('changes', 'status'),
    [
        ({'gw_parameters': {**GW, 'response_block_ry': 5}}, 425),
        ({'bse_parameters': {**BSE, 'response_block_ry': 5}}, 426),
        ({'gw_parameters': {**GW, 'screening_bands': 31}}, 423),
    ],
)
def test_a_step_that_fails_has_its_own_exit_code_and_nothing_comes_out(inputs, changes, status):
    """The replay refuses what was not recorded, as a program that dies does."""
    results, node = run_get_node(chain('bse'), **inputs(**{'bse_parameters': BSE, **changes}))
    assert node.exit_status == status, node.exit_message
    assert results == {}


def test_an_odd_number_of_electrons_is_no_insulator(inputs, silicon, upf):
    structure = orm.StructureData(cell=silicon.cell)
    structure.append_atom(position=(0, 0, 0), symbols='Al')
    deck = orm.Dict({'SYSTEM': {'ecutwfc': 16.0}})
    pw = {'pw': {'pseudos': {'Al': upf('Al.pz-vbc.UPF')}, 'parameters': deck}}
    results, node = run_get_node(chain('gw'), **inputs(structure=structure, scf=pw, nscf=pw))
    assert node.exit_status == 403
    assert results == {}


# ------------------------------------------------------------------------------------------------ what is refused


def refused(name, inputs):
    message = chain(name).spec().inputs.validate(inputs)
    return '' if message is None else message.message


@pytest.mark.parametrize(
    ('system', 'words'),
    [
        ({'occupations': 'smearing'}, 'for insulators'),
        ({'force_symmorphic': False}, 'fractional translations'),
        ({'nspin': 2}, 'spin'),
        ({'lda_plus_u': True}, 'DFT+U'),
        ({'input_dft': 'PBE0'}, 'refuses hybrid functionals in an NSCF'),
        ({'ecutwfc': 20.0}, 'SYSTEM.ecutwfc is 16.0 in `scf` and 20.0 in `nscf`'),
    ],
)
def test_decks_of_pw_that_yambo_could_not_use(inputs, system, words):
    given = inputs()
    deck = orm.Dict({'SYSTEM': {'ecutwfc': 16.0, **system}})
    given['nscf'] = {'pw': {**given['nscf']['pw'], 'parameters': deck}}
    given['gw_parameters'] = orm.Dict(GW)
    assert words in refused('gw', given)


def test_wavefunctions_must_be_written(inputs):
    given = inputs(gw_parameters=orm.Dict(GW))
    for name in ('scf', 'nscf'):
        deck = orm.Dict({'CONTROL': {'disk_io': 'nowf'}, 'SYSTEM': {'ecutwfc': 16.0}})
        chosen = {**given, name: {'pw': {**given[name]['pw'], 'parameters': deck}}}
        assert ('disk_io' in refused('gw', chosen)) == (name == 'nscf')


@pytest.mark.parametrize(
    ('p2y', 'yambo', 'said'),
    [(None, None, False), (False, None, None), (None, True, None), (True, True, True), (False, True, None)],
)
def test_two_codes_of_one_job_need_not_agree_on_mpi(p2y, yambo, said):
    """AiiDA refuses an option that one of them contradicts; without it, each goes by itself."""
    from types import SimpleNamespace

    from aiida.common import AttributeDict

    from aiida_crystalmath.workflows.multicode.many_body import _mpi_as_code

    inputs = AttributeDict({'code': SimpleNamespace(with_mpi=p2y), 'metadata': {'options': {'withmpi': False}}})
    _mpi_as_code(inputs, SimpleNamespace(with_mpi=yambo))
    assert inputs.metadata.options.get('withmpi') is said


def test_pseudopotentials_that_are_not_norm_conserving(inputs, upf):
    given = inputs(gw_parameters=orm.Dict(GW))
    wrong = upf('Si.pbe-nl-rrkjus_psl.1.0.0.UPF')
    given['scf'] = {'pw': {**given['scf']['pw'], 'pseudos': {'Si': wrong}}}
    assert 'norm-conserving' in refused('gw', given)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'energies': 'scissor'}, '`scissor_ev` belongs'),
        ({'energies': 'none'}, '`gw_parameters` belong'),
        ({'energies': 'crystal_gap'}, 'needs `crystal`'),
        ({'energies': 'hybrid'}, 'one of quasiparticles'),
        ({'bse_parameters': {**BSE, 'valence_bands': 4}}, 'must correct every band'),
        ({'gw_parameters': {**GW, 'qp_kpoints': [1, 2]}}, 'every k-point'),
        ({'bse_parameters': {**BSE, 'scissor': {'shift_ev': 1.0}}}, 'input `energies`'),
        ({'bse_parameters': {**BSE, 'bands': [1, 2]}}, 'either `bands`'),
        ({'kpoints_distance': 0.3}, 'either `kpoints`'),
    ],
)
def test_what_contradicts_itself(inputs, changes, words):
    given = {**inputs(), 'bse_parameters': BSE, **changes}
    given = {key: orm.to_aiida_type(value) if key not in SPACES else value for key, value in given.items()}
    assert words in refused('bse', given)


SPACES = ('codes', 'scf', 'nscf', 'kpoints', 'structure')


def test_bands_are_counted_from_the_gap():
    assert resolve(GW, 4, 8) == {
        **{key: value for key, value in GW.items() if not key.endswith('_bands') or key == 'screening_bands'},
        'qp_bands': [2, 7],
        'qp_kpoints': [1, 8],
    }
    assert resolve({**GW, 'valence_bands': 9}, 4)['qp_bands'] == [1, 7]
    assert bands_needed(GW, 4) == 30
    assert bands_needed({**GW, 'screening_bands': 5}, 4) == 7
    assert 'screening_band' in str(parameters_message({**GW, 'screening_band': 3}, ('g0w0_ppa',)))


# ------------------------------------------------------------------------------------------------ convergence

SERIES = {'bands': [20, 25, 30]}


def test_three_gaps_must_agree():
    assert agreeing([3.0, 3.0], 0.1) is None
    assert agreeing([2.0, 3.0, 3.05, 3.0], 0.1) == 1
    assert agreeing([2.0, 3.0, 3.05, 3.2], 0.1) is None


def test_an_extrapolation_is_labelled_and_only_made_on_request():
    """a + b / x with a = 3 and b = -2."""
    values, gaps = [10, 20, 40], [3 - 2 / 10, 3 - 2 / 20, 3 - 2 / 40]
    limit = extrapolated(values, gaps)
    assert limit['gap_direct_ev'] == pytest.approx(3.0)
    assert limit['is_extrapolated']
    assert extrapolated(values[:2], gaps[:2]) is None


def test_tables(aiida_profile):
    results = {f'bands_{n}': orm.Dict({'gap_direct_ev': 3 - 2 / n}) for n in (10, 20, 40)}
    one = {'parameter': 'bands', 'values': [10, 20, 40], 'labels': list(results)}
    for threshold, converged in ((0.2, True), (0.1, False)):
        plan = orm.Dict({'threshold_ev': threshold, 'extrapolate': False, 'series': [one]})
        table = gw_convergence(plan, **results).get_dict()
        assert table['is_converged'] is converged
        assert table['recommended'] == ({'bands': 10} if converged else {})
        assert 'extrapolated' not in table['series'][0]
    plan = orm.Dict({'threshold_ev': 0.1, 'extrapolate': True, 'series': [one]})
    table = gw_convergence(plan, **results).get_dict()
    assert table['series'][0]['extrapolated']['gap_direct_ev'] == pytest.approx(3.0)


@pytest.mark.timeout(240)
def test_a_series_stops_as_soon_as_it_agrees(inputs, monkeypatch):
    """There is one recording only: every value leads to it, so that gaps agree after three runs."""
    from aiida_crystalmath.workflows.multicode import convergence

    monkeypatch.setattr(convergence, 'changed', lambda parameters, name, value: dict(parameters))
    given = inputs(series={'cutoff': [6, 8, 10, 12]}, threshold_ev=0.01)
    results, node = run_get_node(chain('convergence'), **given)
    assert node.is_finished_ok, node.exit_message
    table = results['output_parameters']['series'][0]
    assert table['values'] == [6, 8, 10]
    assert table['recommended'] == 6
    assert table['gap_direct_ev'] == pytest.approx([3.079195] * 3, abs=2e-6)


@pytest.mark.timeout(240)
def test_a_value_that_fails_stops_the_study_and_nothing_comes_out(inputs):
    results, node = run_get_node(chain('convergence'), **inputs(series=SERIES, threshold_ev=0.01))
    assert node.exit_status == 425
    assert results == {}


@pytest.mark.parametrize(
    ('series', 'words'),
    [
        ({}, 'nothing is varied'),
        ({'bands': [10, 20]}, 'at least three'),
        ({'bands': [10, 30, 20]}, 'must rise'),
        ({'kpoints': [2, 4, [4, 4]]}, 'meshes are'),
    ],
)
def test_series_that_tell_nothing(inputs, series, words):
    given = inputs(gw_parameters=orm.Dict(GW), threshold_ev=orm.Float(0.1))
    given['series'] = {name: orm.List(values) for name, values in series.items()}
    assert words in refused('convergence', given)


# ------------------------------------------------------------------------------------------------ the scissor


@pytest.mark.parametrize(
    ('crystal', 'words'),
    [
        ({'is_metal': True}, 'conductor'),
        ({}, 'CRYSTAL told no gap'),
        ({'gap_ev': 0.3}, 'is not above'),
    ],
)
def test_gaps_that_give_no_scissor(aiida_profile, crystal, words):
    node = scissor_from_crystal.run_get_node(orm.Dict(crystal), orm.Dict({'gap_ev': 0.5}))[1]
    assert node.exit_status == 404
    assert words in node.exit_message


# ------------------------------------------------------------------------------------------------ protocols


@pytest.mark.parametrize('protocol', ['fast', 'balanced', 'stringent'])
@pytest.mark.parametrize('name', ['gw', 'bse', 'convergence'])
def test_every_builder_is_valid(inputs, name, protocol):
    process = chain(name)
    given = process.get_protocol_inputs(protocol)
    check_keys(given, process.spec().inputs, meta=given['meta_inputs'])
    shared = inputs()
    builder = process.get_builder_from_protocol(
        shared['codes'], shared['structure'], protocol, pseudos=shared['scf']['pw']['pseudos'], cutoff_ry=16
    )
    made = builder._inputs(prune=True)
    assert process.spec().inputs.validate(made) is None
    assert made['gw_parameters']['kind'] == 'g0w0_ppa'
    assert made['scf']['pw']['parameters']['SYSTEM']['occupations'] == 'fixed'


def test_arguments_that_are_wrong(inputs):
    shared = inputs()
    build = chain('gw').get_builder_from_protocol
    with pytest.raises(ValueError, match='did you mean "yambo"'):
        build({'yamb': shared['codes']['yambo']}, shared['structure'], pseudos={}, cutoff_ry=16)
    with pytest.raises(ValueError, match='give `structure` or `crystal_chain`'):
        build(shared['codes'])
    with pytest.raises(ValueError, match='pseudo_family'):
        build(shared['codes'], shared['structure'], pseudo_family='nowhere')


# ------------------------------------------------------------------------------------------------ the real pw.x


@pytest.mark.slow
@pytest.mark.standin
@pytest.mark.timeout(600)
def test_from_crystal_through_the_real_pw_to_recorded_gw(inputs, real_code, crystal_code, relaxation):
    """With its cell kept, nothing of silicon moves, so that the recorded p2y takes what pw.x made of it."""
    given = inputs()
    given['codes']['pw'] = real_code('pw.x', 'quantumespresso.pw')
    given['codes']['crystal'] = crystal_code
    crystal = relaxation(given['structure'])
    options = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'withmpi': False}
    for name in ('scf', 'nscf'):
        given[name] = {'pw': {**given[name]['pw'], 'metadata': {'options': options}}}
    node = run_get_node(chain('gw'), **given, crystal=crystal)[1]
    assert node.is_finished_ok, node.exit_message
    table = rows(node)
    assert table['dft_gap_direct']['value_ev'] == pytest.approx(2.554, abs=2e-3)
    assert table['crystal_gap']['code'] == 'STAND-IN'
    assert any('STAND-IN' in line for line in node.outputs.comparison['warnings'])
    assert node.outputs.crystal_handoff['atom_map'] == [0, 1]
