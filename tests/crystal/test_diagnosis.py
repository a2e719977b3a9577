"""The catalogue of failures: each entry is reached, real runs get the right diagnosis."""

from __future__ import annotations

import json
import re

import pytest

from aiida_crystalmath.crystal.diagnosis import CATALOGUE, by_name, diagnose, exit_codes
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

BANNER = ' *                               CRYSTAL23                                     *\n'
START = f'{BANNER} EEEEEEEEEE STARTING  DATE 04 09 2018 TIME 23:27:06.5\n MgO\n'
END = ' EEEEEEEEEE TERMINATION  DATE 24 11 2014 TIME 16:30:46.5\n'
MARKED = [entry for entry in CATALOGUE if entry.marker]


def as_error(words):
    """Return an ERROR line with words that others quote without their routine."""
    return words if words.lstrip().startswith(('ERROR', '=')) else f' ERROR **** ROUTINE **** {words}'


def names(findings):
    return [finding.name for finding in findings]


@pytest.mark.parametrize('entry', [e for e in MARKED if e.severity == 'error'], ids=lambda entry: entry.name)
def test_each_error_is_found_where_it_may_stand(entry):
    """On stdout or in fort.87 (CRYSTAL's own words), or on stderr (those of the machine), and decides the exit code."""
    aborted = parse_stdout(START)
    if entry.source == 'stderr':
        found = diagnose(aborted, stderr=f'noise\n{entry.example}\n')
        assert found[0].where == 'stderr' and found[0].line == 2
    else:
        found = diagnose(aborted, fort87=entry.example)
        assert found[0].where == 'fort.87'
        on_stdout = diagnose(parse_stdout(f'{START}{as_error(entry.example)}\n'))
        assert on_stdout[0].diagnosis is entry and on_stdout[0].line == 4
    assert found[0].diagnosis is entry
    assert found[0].evidence == entry.example.strip()
    assert found[0].diagnosis.exit_code in dict((status, label) for status, label, _ in exit_codes())
    assert not {'interrupted', 'unclassified_error'} & set(names(found)), 'a reason is known'


@pytest.mark.parametrize('entry', [e for e in MARKED if e.severity != 'error'], ids=lambda entry: entry.name)
def test_each_warning_is_found(entry):
    """In a run that ended well, and without making it a failure."""
    found = diagnose(parse_stdout(f'{START}{entry.example}\n{END}'))
    assert names(found) == [entry.name]
    assert found[0].diagnosis.exit_code is None


def test_a_warning_is_no_error():
    """WARNING has the form of ERROR, and even the words of one must not make it one."""
    found = diagnose(parse_stdout(f'{START} WARNING **** INPBAS **** FORMAT ERROR IN INPUT DECK\n{END}'))
    assert found == []


def test_number_to_set_is_read_from_the_warning():
    (finding,) = diagnose(parse_stdout(f'{START}{by_name("exchange_buffer").example}\n{END}'))
    assert finding.values == {'exchsize': '3735657'}
    (finding,) = diagnose(parse_stdout(f'{START}{by_name("coulomb_buffer").example}\n{END}'))
    assert finding.values == {'biposize': '5859800'}


@pytest.mark.corpus
@pytest.mark.parametrize('entry', CATALOGUE, ids=lambda entry: entry.name)
def test_what_is_said_to_be_seen_is_there(corpus, entry):
    """`Seen in <run>`: the example stands in a file of that run. All others say that nobody here has seen them."""
    seen = re.search(r'[Ss]een in (\w+)', entry.reference)
    if seen is None:
        assert entry.reference.startswith(('Quoted by', 'Rule', "Written by this project's stand-in"))
        return
    run = corpus / seen[1]
    assert run.is_dir(), run
    text = '\n'.join(path.read_text(errors='replace') for path in run.iterdir() if path.suffix != '.f98')
    assert entry.example.strip() in text


DECISIONS = {
    'mgo100_itol_error': 'tolinteg_size',
    'mackinawite_opt_failed': 'geometry_not_converged',
    'nio_opt_walltime': 'walltime',
    'nio_scf_maxcyc': 'scf_too_many_cycles',
    'incomplete_scf': 'interrupted',
    'failed_elastic': 'scf_failed_in_optimisation',
    'error_empty_output': 'not_crystal_output',
    'mgo_opt_scflog': 'not_crystal_output',
    'nio_walltime_scfoutlog': 'not_crystal_output',
}
"""What decides each failed run; every other run has no finding with an exit code."""


@pytest.mark.corpus
def test_real_runs(corpus):
    truth = json.loads((corpus / 'truth.json').read_text())
    decisive = {}
    for run, values in truth.items():
        found = [f for f in diagnose(parse_stdout(corpus / run / values['file'])) if f.diagnosis.exit_code]
        if found:
            decisive[run] = found[0].name
    assert decisive == DECISIONS


def test_unknown_error():
    found = diagnose(parse_stdout(f'{START} ERROR **** ROUTINE **** SOMETHING NOBODY HAS SEEN\n'))
    assert names(found) == ['unclassified_error']
    assert found[0].evidence == 'ERROR **** ROUTINE **** SOMETHING NOBODY HAS SEEN'
    assert found[0].diagnosis.exit_label == 'ERROR_UNKNOWN'


def test_known_error_decides_over_an_unknown_one():
    text = f'{START} ERROR **** A **** UNHEARD OF\n ERROR **** INP12B **** INCONSISTENT ITOL SIZE\n'
    assert names(diagnose(parse_stdout(text))) == ['tolinteg_size', 'unclassified_error']


def test_reason_in_fort87_only():
    """A real CRYSTAL23 run: stdout ends with the noise of MPI, the reason stands in fort.87."""
    output = parse_stdout(f'{START}Abort(1) on node 1 (rank 1 in comm 0): application called MPI_Abort\n')
    assert names(diagnose(output)) == ['aborted_without_reason']
    assert names(diagnose(output, fort87=' ERROR **** BFGS_ **** PXK TOO SMALL\n')) == ['optimiser_trust_radius']


def test_what_fort87_says_of_a_run_that_ended_well():
    """An error there is one; other words are not."""
    output = parse_stdout(START + END)
    assert (
        diagnose(output, fort87=' WARNING **** INPBAS **** FORMAT ERROR IN INPUT DECK\n FORMAT ERROR IN INPUT DECK\n')
        == []
    )
    assert names(diagnose(output, fort87=' ERROR **** A **** UNHEARD OF\n')) == ['unclassified_error']


def test_one_error_in_two_files_is_one_finding():
    line = ' ERROR **** LoadBa **** UNIT CELL NOT NEUTRAL\n'
    found = diagnose(parse_stdout(START + line), fort87=line, stderr=line)
    assert names(found) == ['cell_not_neutral']


def test_interrupted_shows_the_last_line():
    found = diagnose(parse_stdout(f'{START} CYC   0 ETOT(AU) -2.7E+02 DETOT -2.7E+02\n\n'))
    assert names(found) == ['interrupted']
    assert found[0].evidence == 'CYC   0 ETOT(AU) -2.7E+02 DETOT -2.7E+02'


def test_failed_optimisation_without_an_error_line():
    text = f'{START} * OPT END - FAILED    * E(AU):  -3.323077458663E+03  POINTS  100 *\n{END}'
    assert names(diagnose(parse_stdout(text))) == ['optimisation_ended_failed']


def test_level_shifter():
    ended = ' == SCF ENDED - CONVERGENCE ON ENERGY      E(AU) -2.7E+02 CYCLES   0\n'
    shifted = ' INSULATING STATE - LEVEL SHIFTER    1.00 au\n'
    text = f'{START} CYC   0 ETOT(AU) -2.7E+02\n{shifted}{ended}{END}'
    assert names(diagnose(parse_stdout(text))) == ['level_shifted']


def test_noise_after_a_good_end_is_no_failure():
    """Some MPIs send signals to sleeping processes while they clean up."""
    text = f'{START}{END}forrtl: error (78): process killed (SIGTERM)\n'
    assert diagnose(parse_stdout(text)) == []
    assert diagnose(parse_stdout(START + END), stderr='srun: error: forcing step\n= BAD TERMINATION OF\n') == []


def test_stderr_when_the_program_never_started():
    found = diagnose(parse_stdout(''), stderr='slurmstepd: error: *** JOB CANCELLED DUE TO TIME LIMIT ***')
    assert names(found) == ['walltime']


def test_catalogue_is_complete():
    """Names, labels and exit codes are unique, every entry tells the user something."""
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)
    codes = list(exit_codes())
    assert len({label for _, label, _ in codes}) == len({status for status, _, _ in codes}) == len(codes)
    assert all(label.startswith('ERROR_') and message for _, label, message in codes)
    # Of the scheduler, all others are AiiDA's.
    assert [status for status, _, _ in codes if not 300 <= status < 600] == [170]
    for entry in CATALOGUE:
        assert entry.message and entry.remedy and entry.reference, entry.name
        in_files = entry.source not in ('scheduler', 'monitor', 'chain')
        assert (entry.severity == 'error' and in_files) == (entry.exit_code is not None), entry.name
        assert entry.source in ('stdout', 'fort87', 'stderr', 'scheduler', 'monitor', 'chain'), entry.name
    with pytest.raises(KeyError):
        by_name('nothing of this name')


def test_every_exit_code_has_a_diagnosis():
    """All but those for a cancelled job and for a missing output, of which no text of the program tells."""
    diagnosed = {entry.exit_code for entry in CATALOGUE if entry.exit_code}
    assert {status for status, _, _ in exit_codes()} - diagnosed == {170, 303}


def test_optimisation_without_end():
    """TERMINATION after a point and no OPT END."""
    text = (
        ' EEEEEEEEEE STARTING  DATE 04 09 2018 TIME 23:27:06.5\n MgO bulk\n'
        ' CELL OPTIMIZATION - POINT    7\n'
        ' EEEEEEEEEE TERMINATION  DATE 24 11 2014 TIME 16:30:46.5\n'
    )
    findings = diagnose(parse_stdout(text))
    assert [finding.name for finding in findings] == ['optimisation_without_end']
    assert (findings[0].evidence, findings[0].line) == ('CELL OPTIMIZATION - POINT 7', 3)


@pytest.mark.corpus
def test_result_missing(corpus):
    """mgo_elastic_c14 without its table of constants: the program ended, the result is not there."""
    text = (corpus / 'mgo_elastic_c14' / 'crystal.out').read_text(errors='replace')
    assert 'result_missing' not in [finding.name for finding in diagnose(parse_stdout(text))]
    before, title, after = text.partition(' SYMMETRIZED ELASTIC CONSTANTS')
    assert title
    broken = before + after[after.index(' EEEEEEEEEE TERMINATION') :]
    findings = diagnose(parse_stdout(broken))
    assert [finding.name for finding in findings if finding.diagnosis.exit_code] == ['result_missing']
    assert any('no complete elastic' in finding.evidence for finding in findings)
