"""``crystalmath why``: of files without AiiDA, of calculations and chains through their retrieved files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.crystal.explanation import ShownLine, around, shown

FAILED_OPT = 'mackinawite_opt_failed/FAILED_GEOM_mackinawite_opt.out'
TOO_MANY_CYCLES = 'nio_scf_maxcyc/main.out'


def why(*arguments, **kwargs):
    return CliRunner().invoke(main, ['why', *map(str, arguments)], **kwargs)


def why_pk(node_or_pk, *arguments):
    from aiida.manage.manager import get_manager

    name = get_manager().get_profile().name
    return CliRunner().invoke(main, ['-p', name, 'why', str(getattr(node_or_pk, 'pk', node_or_pk)), *arguments])


# ------------------------------------------------------------------------------------------------------------ files


@pytest.mark.corpus
def test_a_failure_is_shown_with_its_lines_and_a_remedy(corpus):
    """The line number is that of the file, the line is marked, and the words are those of the catalogue."""
    result = why(corpus / FAILED_OPT)
    assert result.exit_code == 0
    lines = (corpus / FAILED_OPT).read_text().splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if 'GEOMETRY OPTIMIZATION FAILED' in line)
    assert f'    > {number} |  ERROR **** f90main **** GEOMETRY OPTIMIZATION FAILED' in result.stdout
    assert f'      {number + 1} | application called MPI_Abort(MPI_COMM_WORLD, 1) - process 7' in result.stdout
    assert 'What it means: The geometry optimisation used up its points' in result.stdout
    assert 'What to do:    Go on from the last geometry' in result.stdout
    assert 'exit status 500' in result.stdout
    assert '  100      -3323.0774586632' in result.stdout, 'how the last points went'


@pytest.mark.corpus
def test_an_scf_out_of_cycles_is_shown_with_its_last_energies(corpus):
    text = why(corpus / TOO_MANY_CYCLES).stdout
    assert '> 580 |  == SCF ENDED - TOO MANY CYCLES            E(AU) -3.1282821683361E+03 CYCLES  10' in text
    assert '   10      -3128.2821683360   -7.88e-05' in text


@pytest.mark.standin
def test_the_engine_is_told(standin_opt_and_sp):
    """What the stand-in computed is marked as such here, too."""
    said = why(standin_opt_and_sp / 'h2.out').stdout
    assert 'h2.out (CRYSTAL23 crystal, by the STAND-IN engine): finished' in said


@pytest.mark.corpus
def test_as_json(corpus):
    found = json.loads(why(corpus / TOO_MANY_CYCLES, '--json').stdout)
    (cause,) = found['causes']
    assert (found['status'], cause['name'], cause['exit_status']) == ('scf_unconverged', 'scf_too_many_cycles', 410)
    assert cause['line'] == 580 and cause['recoverable'] is True
    assert {'number': 580, 'text': cause['lines'][3]['text']} == cause['lines'][3]
    assert found['remarks'] == [] and found['problem'] is None


@pytest.mark.corpus
def test_a_finished_run_has_nothing_wrong_but_may_have_remarks(corpus):
    result = why(corpus / 'lafeo3_opt_c09' / 'lfo_init_opt_afm_pbnm.cryst.out')
    assert result.exit_code == 0 and 'nothing is wrong' in result.stdout
    assert 'coulomb_buffer' in result.stdout and 'BIPOSIZE 1418400' in result.stdout
    assert 'What it means' not in result.stdout
    shown_too = why(corpus / 'lafeo3_opt_c09' / 'lfo_init_opt_afm_pbnm.cryst.out', '--all')
    assert '> 1876 | ' in shown_too.stdout


@pytest.mark.corpus
def test_a_run_that_ended_without_its_result(corpus, tmp_path):
    """The table of frequencies is missing, and nothing else: TERMINATION alone is no success."""
    text = (corpus / 'dryice_ir' / 'spec_dryIceIR.out').read_text()
    start = text.index('    MODES         EIGV          FREQUENCIES')
    (tmp_path / 'dryice.out').write_text(text[:start] + text[text.index('\n\n', start) :])
    result = why(tmp_path / 'dryice.out')
    assert 'dryice.out (CRYSTAL22 crystal): incomplete' in result.stdout
    assert 'The program ended, but the output lacks the end of: frequencies.' in result.stdout


@pytest.mark.corpus
def test_the_other_program_of_a_file_is_explained(corpus):
    text = why(corpus / 'guessp_fock0_propio_error' / 'system_guessp_fock0.out').stdout
    assert 'crystal finished; another program of the file did not' in text
    assert '> 1341 |  ERROR **** init_properties_io **** Wavefunction file can not be found' in text


@pytest.mark.corpus
def test_fort87_beside_is_shown_by_its_name(corpus, tmp_path):
    lines = (corpus / 'mgo_opt_c22/conv_mgoOpt.out').read_text().splitlines(keepends=True)
    (tmp_path / 'mgo.out').write_text(''.join(lines[:500]))
    (tmp_path / 'fort.87').write_text(' ERROR **** BFGS_ **** PXK TOO SMALL\n')
    text = why(tmp_path / 'mgo.out').stdout
    assert f'{tmp_path / "fort.87"}, line 1:\n    > 1 |  ERROR **** BFGS_ **** PXK TOO SMALL' in text
    assert 'without RESTART' in text


@pytest.mark.corpus
def test_a_folder_with_one_output_is_as_good_as_its_output(corpus, tmp_path):
    shutil.copy(corpus / TOO_MANY_CYCLES, tmp_path / 'nio.out')
    assert f'{tmp_path / "nio.out"}, line 580' in why(tmp_path).stdout
    shutil.copy(corpus / FAILED_OPT, tmp_path / 'fes.out')
    result = why(tmp_path)
    assert result.exit_code == 1 and f'holds 2 outputs: name one of them.\n{tmp_path / "fes.out"}' in result.stderr


@pytest.mark.corpus
def test_standard_input_keeps_its_lines(corpus):
    result = why('-', input=(corpus / TOO_MANY_CYCLES).read_bytes())
    assert '> 580 |  == SCF ENDED - TOO MANY CYCLES' in result.stdout


@pytest.mark.corpus
def test_what_cannot_be_explained(corpus, tmp_path):
    result = why(corpus / 'mgo_sto3g_scf' / 'INPUT')
    assert result.exit_code == 1 and 'This is an input of crystal (d12)' in result.stdout
    empty = why(corpus / 'error_empty_output' / 'empty.out')
    assert 'The file is empty' in empty.stdout
    result = why(tmp_path)
    assert result.exit_code == 1 and 'folder without an output' in result.stdout
    result = why(tmp_path / 'nothing.out')
    assert result.exit_code == 1 and 'no file' in result.stderr
    assert why().exit_code == 2


@pytest.mark.corpus
def test_every_real_output_can_be_explained(corpus):
    """No exception, and no failure without a word on what to do."""
    truth = json.loads((corpus / 'truth.json').read_text())
    for run, values in truth.items():
        result = why(corpus / run / values['file'], '--json')
        found = json.loads(result.stdout)
        if found['status'] != 'finished' and not found['problem']:
            assert found['causes'] and all(cause['remedy'] for cause in found['causes']), run
        for cause in (*found['causes'], *found['remarks']):
            marked = [line['text'] for line in cause['lines'] if line['number'] == cause['line']]
            assert cause['evidence'].split()[:3] == (marked or [cause['evidence']])[0].split()[:3], (run, cause['name'])


def test_lines_fit_a_terminal(tmp_path):
    """Long lines are cut, and control characters do nothing to a terminal."""
    text = 'one\n' + 'x' * 1000 + '\n\x1b[31mred\0\r\nfour\n'
    lines = around(text, 2)
    assert [line.number for line in lines] == [1, 2, 3, 4]
    assert len(lines[1].text) == 160 and lines[1].text.endswith('…')
    assert lines[2].text == '·[31mred·'
    assert shown([ShownLine(9, 'a'), ShownLine(10, 'b')], 10) == ['   9 | a', '> 10 | b']
    assert around(tmp_path / 'gone', 3) == []


@pytest.mark.corpus
def test_a_file_needs_no_aiida(corpus):
    script = (
        'import sys\nfrom aiida_crystalmath.cli import main\n'
        f'try: main(["why", {str(corpus / TOO_MANY_CYCLES)!r}])\n'
        'except SystemExit: pass\n'
        'print("\\n".join(sys.modules), file=sys.stderr)'
    )
    answer = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)
    loaded = {name.split('.')[0] for name in answer.stderr.split()}
    assert 'scf_too_many_cycles' in answer.stdout
    assert not loaded & {'aiida', 'pydantic', 'rich', 'spglib', 'scipy', 'ase', 'sqlalchemy'}


# ------------------------------------------------------------------------------------------------------------ nodes


@pytest.fixture
def failed_calculation(generate_calc_job_node, corpus):
    node = generate_calc_job_node('crystalmath.crystal23', {'crystal.out': corpus / TOO_MANY_CYCLES}, exit_status=410)
    node.set_process_state('finished')
    node.set_process_label('Crystal23Calculation')
    return node


@pytest.mark.corpus
def test_a_calculation_is_explained_from_its_retrieved_files(failed_calculation):
    result = why_pk(failed_calculation)
    assert result.exit_code == 0, result.output
    assert f'Crystal23Calculation PK {failed_calculation.pk}: failed, exit status 410' in result.stdout
    assert f'crystal.out of {failed_calculation.pk}, line 580:' in result.stdout
    assert '> 580 |  == SCF ENDED - TOO MANY CYCLES' in result.stdout
    found = json.loads(why_pk(failed_calculation.uuid, '--json').stdout)
    assert found['exit_status'] == 410 and found['explanation']['causes'][0]['name'] == 'scf_too_many_cycles'


@pytest.mark.corpus
def test_of_an_imported_output_of_two_programs_only_the_own_part_counts(generate_calc_job_node, corpus):
    """A good SCF and failed properties in one file: two calculations, each with its own end."""
    file = corpus / 'guessp_fock0_propio_error' / 'system_guessp_fock0.out'
    scf, properties = (
        generate_calc_job_node(
            entry_point,
            {name: file},
            exit_status=status,
            options={'import_from': {'files': {name: file.name}, 'part': part}},
        )
        for part, (entry_point, name, status) in enumerate(
            [('crystalmath.crystal23', 'crystal.out', 0), ('crystalmath.properties23', 'properties.out', 350)]
        )
    )
    assert 'nothing is wrong' in why_pk(scf).stdout
    text = why_pk(properties).stdout
    assert 'properties): failed' in text and '> 1341 |  ERROR **** init_properties_io' in text, (
        'lines of the whole file'
    )


@pytest.mark.corpus
def test_fort87_and_stderr_of_a_calculation_count(generate_calc_job_node, corpus):
    lines = (corpus / 'mgo_opt_c22/conv_mgoOpt.out').read_text().splitlines(keepends=True)
    files = {'crystal.out': ''.join(lines[:500]), 'fort.87': ' ERROR **** BFGS_ **** PXK TOO SMALL\n'}
    text = why_pk(generate_calc_job_node('crystalmath.crystal23', files, exit_status=502)).stdout
    assert 'fort.87, line 1:\n    > 1 |  ERROR **** BFGS_ **** PXK TOO SMALL' in text
    files = {'crystal.out': ''.join(lines[:500]), '_scheduler-stderr.txt': 'slurmstepd: error: DUE TO TIME LIMIT\n'}
    options = {'scheduler_stderr': '_scheduler-stderr.txt'}
    text = why_pk(generate_calc_job_node('crystalmath.crystal23', files, exit_status=400, options=options)).stdout
    assert 'walltime' in text and '> 1 | slurmstepd: error: DUE TO TIME LIMIT' in text


@pytest.mark.corpus
def test_a_chain_is_followed_to_the_calculation_where_it_began(failed_calculation, aiida_localhost):
    """A work chain that called a failed calculation says whose failure it is."""
    from aiida import orm
    from aiida.common import LinkType

    chain = orm.WorkChainNode(process_type='aiida.workflows:crystalmath.crystal.base').store()
    calculation = orm.CalcJobNode(computer=aiida_localhost, process_type='aiida.calculations:crystalmath.crystal23')
    for name, value in failed_calculation.get_options().items():
        calculation.set_option(name, value)
    calculation.base.links.add_incoming(chain, link_type=LinkType.CALL_CALC, link_label='iteration_01')
    for node, status in ((calculation, 410), (chain, 401)):
        node.store()
        node.set_process_state('finished')
        node.set_exit_status(status)
        node.seal()
    result = why_pk(chain)
    assert result.exit_code == 0, result.output
    assert f'PK {chain.pk}: failed, exit status 401' in result.stdout
    assert f'It began in iteration_01: the process PK {calculation.pk}: exit status 410' in result.stdout
    assert f'verdi process report {calculation.pk}' in result.stdout, 'nothing was retrieved'


def test_a_pk_that_is_none():
    result = why_pk(99999999)
    assert result.exit_code == 1 and 'no node "99999999"' in result.stderr
