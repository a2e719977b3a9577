"""The summary of every real output against its hand-checked values, key by key of the documented schema."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from aiida_crystalmath.crystal.diagnosis import CATALOGUE
from aiida_crystalmath.crystal.summary import schema, summarise
from aiida_crystalmath.crystal.summary.documented import plain

STATUS = {
    'ok': 'finished',
    'ok_testgeom': 'finished',
    'ok_then_properties_step_failed': 'finished',
    'input_error': 'failed',
    'scf_failed_in_optimisation': 'failed',
    'scf_not_converged': 'scf_unconverged',
    'optimisation_not_converged': 'geometry_unconverged',
    'killed_sigterm': 'incomplete',
    'incomplete': 'incomplete',
    'scf_log_fragment': 'incomplete',
    'empty': 'incomplete',
}
CRITERIA = {
    'CONVERGENCE ON ENERGY': 'energy',
    'CONVERGENCE ON TESTER': 'tester',
    'TOO MANY CYCLES': 'too_many_cycles',
    None: None,
}
DOCUMENTED = (
    'file program version status diagnoses energy_hartree scf optimisation dimensionality n_atoms cell_primitive '
    'cell_conventional volume_angstrom3 space_group gap_ev gap_kind gaps_ev fermi_hartree n_electrons atomic_charges '
    'atomic_spins frequencies_cm1 elastic_gpa bulk_modulus_gpa wall_time_s cpu_time_s errors warnings'
).split()
"""The top-level keys that scripts may rely on, as issue 3 of this project names them."""


@pytest.fixture(scope='module')
def summaries(corpus, truth):
    """Every summary after a journey through JSON, as a script sees it."""
    read = {}
    for run, values in truth.items():
        text = json.dumps(summarise(corpus / run / values['file']).as_dict(), allow_nan=False)
        read[run] = json.loads(text)
    return read


def total(values):
    return None if values is None else sum(values)


def upper_triangle(matrix):
    return None if matrix is None else [row[i:] for i, row in enumerate(matrix)]


def truth_gap(values):
    """The gap of a final geometry; of open shells and of properties the truth has it per spin only."""
    if values['gap_final'] is not None:
        return values['gap_final']
    channels = values['gap_last_cycle'] or {}
    is_final = values['termination_line'] and not values['is_failure'] and not values['is_opt']
    return min(gap for gap, _ in channels.values()) if channels and is_final else None


# field: what we say, what the truth says, tolerance (None: equal), and where both differ on purpose: {run: reason}.
ALL = {
    'program': (
        lambda s: s['program'],
        lambda t: None if t['program'] == 'scflog' or t['status'] == 'empty' else t['program'],
        None,
        {},
    ),
    'version': (lambda s: s['version'], lambda t: t['version'], None, {}),
    'status': (lambda s: s['status'], lambda t: STATUS[t['status']], None, {}),
    'energy_hartree': (
        lambda s: s['energy_hartree'],
        lambda t: t['energy_final'],
        1e-8,
        {
            'mackinawite_opt_failed': 'the truth takes the energy of OPT END - FAILED, which is no final energy',
            'nio_scf_maxcyc': 'the truth takes the energy of SCF ENDED - TOO MANY CYCLES, which is not converged',
            'failed_elastic': 'the truth takes the first SCF of a run that then stopped with an ERROR',
        },
    ),
    'scf.converged': (lambda s: s['scf']['converged'], lambda t: t['scf_converged'], None, {}),
    'scf.criterion': (lambda s: s['scf']['criterion'], lambda t: CRITERIA[t['scf_status']], None, {}),
    'scf.cycles': (lambda s: s['scf']['cycles'], lambda t: t['scf_cycles_last'], None, {}),
    'scf.energy_hartree': (lambda s: s['scf']['energy_hartree'], lambda t: t['scf_energy_last'], 1e-9, {}),
    'optimisation.converged': (
        lambda s: s['optimisation'] and s['optimisation']['converged'],
        lambda t: t['opt_converged'],
        None,
        {},
    ),
    'optimisation.points': (
        lambda s: s['optimisation'] and s['optimisation']['points'],
        lambda t: t['opt_points'],
        None,
        {},
    ),
    'optimisation.energy_hartree': (
        lambda s: s['optimisation'] and s['optimisation']['energy_hartree'],
        lambda t: t['opt_energy'],
        1e-8,
        {},
    ),
    'dimensionality': (lambda s: s['dimensionality'], lambda t: t['dimensionality'], None, {}),
    'n_atoms': (
        lambda s: s['n_atoms'] if s['program'] == 'crystal' else None,
        lambda t: t['n_atoms'] if t['program'] == 'crystal' else None,
        None,
        {},
    ),
    'cell_primitive': (lambda s: s['cell_primitive'], lambda t: t['cell_primitive'], 1e-8, {}),
    'cell_conventional': (lambda s: s['cell_conventional'], lambda t: t['cell_crystallographic'], 1e-8, {}),
    'volume_angstrom3': (lambda s: s['volume_angstrom3'], lambda t: t['volume_primitive'], 1e-6, {}),
    'space_group': (lambda s: s['space_group'], lambda t: t['space_group'], None, {}),
    'gap_ev': (lambda s: s['gap_ev'], truth_gap, 1e-4, {}),
    'n_electrons': (lambda s: s['n_electrons'], lambda t: t['n_electrons'], 1e-9, {}),
    'elastic_gpa': (
        lambda s: upper_triangle(s['elastic_gpa']),
        lambda t: t['elastic_matrix'] if t['elastic_unit'] == 'GPa' else None,
        1e-3,
        {},
    ),
    'elastic_hartree': (
        lambda s: upper_triangle(s['elastic_hartree']),
        lambda t: t['elastic_matrix'] if t['elastic_unit'] == 'HARTREE' else None,
        1e-3,
        {},
    ),
    'wall_time_s': (
        lambda s: s['wall_time_s'],
        lambda t: t['wall_s_stage1'],
        1e-3,
        {'wse2_soc_prop': 'two END lines before one TERMINATION: 6.98 s (line 332) and 9.28 s (line 451)'},
    ),
    'cpu_time_s': (
        lambda s: s['cpu_time_s'],
        lambda t: t['cpu_s_stage1'],
        1e-3,
        {'wse2_soc_prop': 'the same lines: 4.67 s and 6.82 s'},
    ),
    'calculation_type': (lambda s: s['calculation_type'], lambda t: t['calc_type'], None, {}),
    'hamiltonian': (lambda s: s['hamiltonian'], lambda t: t['hamiltonian'], None, {}),
    'release': (lambda s: s['release'], lambda t: t['subversion'], None, {}),
    'stages': (lambda s: len(s['stages']), lambda t: t['n_banners'], None, {}),
}
NOT_GAMMA = {'graphene_phonon_band': 'the truth takes the second q point (line 2530); Gamma is on line 2520'}
# The truth leaves these null where it did not look, so that only its values are compared.
WHERE_KNOWN = {
    'atomic_charges': (lambda s: total(s['atomic_charges']), lambda t: t['atomic_charges_sum'], 2e-4, {}),
    'number of atomic_charges': (lambda s: len(s['atomic_charges']), lambda t: t['atomic_charges_n'], None, {}),
    'atomic_spins': (lambda s: total(s['atomic_spins']), lambda t: t['atomic_spins_sum'], 2e-4, {}),
    'fermi_hartree': (
        lambda s: s['fermi_hartree'],
        lambda t: t['fermi_au'],
        6e-4,
        {
            'hfo2_8x_freq': 'a level shifter acts',
            'lafeo3_opt_c09': 'the spin was locked to the end: line 3250 has the filler -0.100E+01',
        },
    ),
    'number of frequencies': (lambda s: len(s['frequencies_cm1']), lambda t: t['freq_n_modes'], None, {}),
    'first frequency': (lambda s: s['frequencies_cm1'][0], lambda t: t['freq_first'], 1e-4, NOT_GAMMA),
    'last frequency': (lambda s: s['frequencies_cm1'][-1], lambda t: t['freq_last'], 1e-4, NOT_GAMMA),
    'imaginary frequencies': (lambda s: s['n_imaginary'], lambda t: t['freq_n_imag'], None, NOT_GAMMA),
    'bulk_modulus_gpa': (lambda s: s['bulk_modulus_gpa'], lambda t: t['bulk_modulus'], 1e-6, {}),
    'elastic_moduli': (
        lambda s: [s['elastic_moduli'][f'bulk_{name}_gpa'] for name in ('voigt', 'reuss', 'hill')],
        lambda t: t['bulk_modulus_KV_KR_KH'],
        1e-6,
        {},
    ),
}


def same(ours, theirs, tolerance):
    if ours is None or theirs is None or tolerance is None:
        return ours == theirs
    if isinstance(theirs, list) and isinstance(theirs[0], list):
        return all(same(mine, yours, tolerance) for mine, yours in zip(ours, theirs, strict=True))
    return np.allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.corpus
@pytest.mark.parametrize('field', ALL | WHERE_KNOWN)
def test_agrees_with_the_truth(summaries, truth, field):
    """Every run, every value, nulls included; the disagreements are exactly those listed with their reason."""
    get, expected, tolerance, on_purpose = (ALL | WHERE_KNOWN)[field]
    wrong, compared = {}, 0
    for run, values in truth.items():
        theirs = expected(values)
        if field in WHERE_KNOWN and theirs is None:
            continue
        try:
            ours = get(summaries[run])
        except TypeError:  # the object is null
            ours = None
        compared += theirs is not None
        if not same(ours, theirs, tolerance):
            wrong[run] = (ours, theirs)
    assert wrong.keys() == on_purpose.keys(), wrong
    assert compared


# ---------------------------------------------------------------------------------------------------------- schema


def test_documented_keys_are_there_and_explained():
    keys = list(schema())
    names = [key.name for key in keys]
    assert set(DOCUMENTED) <= set(names) and len(set(names)) == len(names)
    assert [name for name in names if name in DOCUMENTED] == DOCUMENTED, 'in the order of the issue, and first'
    assert all(key.meaning.endswith(('.', ')')) or '`' in key.meaning for key in keys)
    inner = {name.partition('.')[0] for name in names if '.' in name}
    assert inner == {'scf', 'optimisation', 'stages', 'mulliken', 'structure'}


def test_an_empty_text_has_every_key():
    summary = summarise('', file='x.out').as_dict()
    assert list(summary) == [key.name for key in schema() if '.' not in key.name]
    assert (summary['file'], summary['status'], summary['program']) == ('x.out', 'incomplete', None)
    assert summary['scf'] == dict.fromkeys(summary['scf']) and summary['optimisation'] is None
    assert summary['diagnoses'] == ['not_crystal_output']


def test_plain_values_hold_no_number_that_json_lacks():
    matrix = np.array([[1.0, np.nan], [np.inf, 2.0]])
    assert plain({'a': matrix, 'b': (np.float64(3.0), np.bool_(True), None, 'x')}) == {
        'a': [[1.0, None], [None, 2.0]],
        'b': [3.0, True, None, 'x'],
    }
    with pytest.raises(TypeError, match='object'):
        plain(object())


@pytest.mark.corpus
def test_names_of_diagnoses_are_those_of_the_catalogue(summaries):
    names = {diagnosis.name for diagnosis in CATALOGUE}
    assert {name for summary in summaries.values() for name in summary['diagnoses']} <= names
    failed = {run for run, summary in summaries.items() if summary['status'] != 'finished' and not summary['problem']}
    assert all(summaries[run]['diagnoses'] for run in failed), 'no failure without a name'


# ------------------------------------------------------------------------------------------------ single questions


@pytest.mark.corpus
def test_failures_of_other_programs_and_of_the_machine_are_errors(summaries):
    """What the hand-checked error lines of the truth are, without the run script's remark after a good end."""
    properties = summaries['guessp_fock0_propio_error']
    assert properties['errors'] == ['ERROR **** init_properties_io **** Wavefunction file can not be found']
    assert properties['diagnoses'] == ['wavefunction_missing']
    assert [stage['ended'] for stage in properties['stages']] == [True, False]
    assert summaries['nio_opt_walltime']['errors'][0] == 'forrtl: error (78): process killed (SIGTERM)'
    assert summaries['mackinawite_opt_failed']['errors'][0] == 'ERROR **** f90main **** GEOMETRY OPTIMIZATION FAILED'
    assert summaries['mgo_slab_testgeom']['errors'] == []


@pytest.mark.corpus
def test_a_diagnosis_is_told_once_however_many_programs_fail_alike(corpus):
    """guessp_fock0_propio_error appended to itself: both properties stages lack the wavefunction."""
    text = (corpus / 'guessp_fock0_propio_error/system_guessp_fock0.out').read_text()
    assert summarise(text + text).diagnoses == ['wavefunction_missing']


@pytest.mark.corpus
def test_geometry_says_which_one_it_is(summaries):
    """A killed optimisation has its first geometry, a failed one that where it stopped, a single point its only one."""
    assert summaries['nio_opt_walltime']['geometry'] == 'initial'
    assert summaries['mackinawite_opt_failed']['geometry'] == 'final'
    assert summaries['mgo_scf_b3lyp']['geometry'] == 'final'
    structure = summaries['mgo_opt_c22']['structure']
    assert (structure['formula'], structure['symbols']) == ('MgO', ['Mg', 'O'])
    assert np.linalg.norm(structure['cell_angstrom'], axis=1) == pytest.approx([2.99828782] * 3, abs=1e-6)
    assert summaries['toluene_opt']['structure']['cell_angstrom'] is None


@pytest.mark.corpus
def test_gaps_have_their_kind_and_spins(summaries, truth):
    """As hand-checked where the last cycle is the final state; after an optimisation no kind is printed."""
    compared = 0
    for run, values in truth.items():
        channels, summary = values['gap_last_cycle'] or {}, summaries[run]
        if summary['gap_ev'] is None or not channels or values['is_opt']:
            continue
        spins = {name: pytest.approx(gap, abs=1e-4) for name, (gap, _) in channels.items() if name in ('alpha', 'beta')}
        assert (summary['gaps_ev'] or {}) == spins, run
        kinds = {kind for _, kind in channels.values()}
        assert summary['is_conducting'] == (kinds == {'conducting'}), run
        assert (summary['gap_kind'] or 'conducting') in kinds, run
        compared += 1
    assert compared > 20
    assert {summaries[run]['gap_kind'] for run in ('mgo_opt_c22', 'toluene_opt', 'spin_opt_c17')} == {None}
    assert summaries['spin_opt_c17']['gaps_ev'] == {'alpha': 2.4142, 'beta': 2.4079}


@pytest.mark.corpus
def test_charges_of_the_first_point_are_not_sold_as_final(summaries):
    """Fe of CRYSTAL09: 2.7053 electrons of spin at the first point, 2.853 in the analysis after OPT END."""
    iron = summaries['fe_opt_c09']
    assert iron['atomic_spins'] == pytest.approx([2.7053465]) and iron['atomic_charges_are_final'] is False
    assert iron['mulliken']['spins'] == pytest.approx([2.853])
    magnesia = summaries['mgo_scf_b3lyp']
    assert magnesia['atomic_charges_are_final'] is True
    assert magnesia['atomic_charges'] == magnesia['mulliken']['electrons']
    assert sum(magnesia['mulliken']['net_charges']) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.corpus
@pytest.mark.parametrize('run', ['mgo_opt_c22', 'dryice_ir', 'mgo_elastic_c14', 'nacl_freq_band_doss', 'spin_opt_c17'])
def test_a_cut_file_claims_nothing(corpus, truth, run):
    """Cut at 40 places, nothing before the program's end is a success or a final energy."""
    text = (corpus / run / truth[run]['file']).read_text(errors='replace')
    end = text.index(' EEEEEEEEEE TERMINATION  DATE')
    for part in range(1, 41):
        summary = summarise(text[: end * part // 40])
        assert summary.status != 'finished' and not summary.is_good, part
        assert (summary.energy_hartree, summary.gap_ev, summary.wall_time_s) == (None, None, None), part
        assert summary.mulliken is None and summary.ended is None, part


@pytest.mark.corpus
def test_half_a_table_of_modes_is_none(corpus):
    """Modes are told when their table is whole: 36 of dry ice, or none; of a dispersion those at Gamma."""
    text = (corpus / 'dryice_ir' / 'spec_dryIceIR.out').read_text()
    start = text.index('    MODES         EIGV')
    counts = [len(summarise(text[: start + size]).frequencies_cm1 or ()) for size in range(0, 4000, 100)]
    assert set(counts) == {0, 36} and counts == sorted(counts)
    text = (corpus / 'graphene_phonon_band' / 'phono_Gstrain0Band.out').read_text()
    summary = summarise(text[: text.index('DISPERSION K POINT NUMBER    50')])
    assert summary.status == 'incomplete' and summary.incomplete_results == ['frequencies']
    assert len(summary.frequencies_cm1) == 6 and summary.n_qpoints == 49


@pytest.mark.corpus
def test_an_scf_that_was_cut_short_is_not_the_last_that_ended(corpus):
    """The log ends within an SCF: the one before it is told, with the cycles of the unfinished one beside."""
    summary = summarise(corpus / 'nio_walltime_scfoutlog' / 'SCFOUT.LOG')
    assert (summary.scf.converged, summary.scf.cycles, summary.energy_hartree) == (True, 5, None)
    assert summary.scf.unfinished_cycles and summary.scf.unfinished_cycles > 0
    summary = summarise(corpus / 'incomplete_scf' / 'incomplete.out')
    assert (summary.scf.converged, summary.scf.energy_hartree, summary.scf.unfinished_cycles) == (None, None, 9)


@pytest.mark.corpus
@pytest.mark.parametrize('damage', ['lost', 'doubled', 'overprinted', 'swapped'])
def test_damaged_files_give_valid_json_and_no_false_end(corpus, truth, damage):
    """Lines lost, doubled, overprinted with asterisks and NUL bytes, or swapped, at 20 seeded places of every run."""
    chance = random.Random(20)
    for run, values in truth.items():
        lines = (corpus / run / values['file']).read_text(errors='replace').splitlines(keepends=True)
        if not lines or len(lines) > 20000:
            continue
        for _ in range(20):
            i = chance.randrange(len(lines))
            if damage == 'lost' and len(lines) > 1:
                lines.pop(i)
            elif damage == 'doubled':
                lines.insert(i, lines[chance.randrange(len(lines))])
            elif damage == 'overprinted':
                a = chance.randrange(len(lines[i]))
                lines[i] = lines[i][:a] + '*' * 9 + '\0' + lines[i][a + 10 :] + '\n'
            else:
                j = chance.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
        summary = summarise(lines)
        json.dumps(summary.as_dict(), allow_nan=False)
        if not values['termination_line'] and damage != 'doubled':
            assert summary.status != 'finished', run


@pytest.mark.corpus
def test_an_infinite_cell_does_not_stop_the_reader(corpus):
    """Printed lengths that overflow: the point has no geometry, and the singular value decomposition is not tried."""
    lines = (corpus / 'mgo_opt_c22' / 'conv_mgoOpt.out').read_text().splitlines(keepends=True)
    cells = [i + 1 for i, line in enumerate(lines) if line.split() == 'A B C ALPHA BETA GAMMA'.split()]
    for i in cells[1:-2]:
        lines[i] = lines[i].replace(lines[i].split()[0], '1E999', 1)
    summary = summarise(lines)
    assert cells and summary.energy_hartree == pytest.approx(-275.4486980727)
