"""Finding runs in trees of folders: what belongs together, by real files, and nothing that does not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aiida_crystalmath.crystal.discovery import FileKind, FoundRun, classify, discover, part_of
from aiida_crystalmath.crystal.discovery.files import standard_name
from aiida_crystalmath.crystal.inputs.d3 import D3
from aiida_crystalmath.crystal.inputs.d12 import D12

pytestmark = pytest.mark.corpus


def by_name(runs: list[FoundRun]) -> dict[str, FoundRun]:
    """Return runs by folder and name of the output, with the number of the program if there are several."""
    return {f'{run.folder.name}/{Path(run.name).name}': run for run in runs}


@pytest.fixture(scope='module')
def plan(corpus):
    return discover([corpus])


@pytest.fixture(scope='module')
def found(plan):
    return by_name([*plan.runs, *plan.refused])


def test_every_output_of_the_corpus_is_found(plan, corpus) -> None:
    import json

    truth = json.loads((corpus / 'truth.json').read_text())
    expected = sum(entry['n_banners'] for entry in truth.values())
    assert len(plan.runs) + len(plan.refused) == expected == 85
    for run in plan.runs:
        assert run.digest
        assert run.structure is not None or run.program == 'properties'


def test_decks_that_outputs_echo_are_taken(found, corpus) -> None:
    """``input_echoed`` of the truth: each of these outputs has a deck, from a file that is equal or from the echo."""
    import json

    truth = json.loads((corpus / 'truth.json').read_text())
    for name, entry in truth.items():
        if entry['program'] != 'crystal' or not entry['input_echoed']:
            continue
        (run,) = (run for key, run in found.items() if key.startswith(f'{name}/') and run.program == 'crystal')
        assert isinstance(run.deck.content, D12), name
        assert run.inputs_from in ('d12', 'echo'), name


def test_deck_of_the_same_name(found) -> None:
    run = found['h_bulk_scf/h_bulk.out']
    assert (run.inputs_from, run.deck.path.name, run.structure_from) == ('d12', 'h_bulk.d12', 'deck')


def test_only_deck_of_the_folder(found) -> None:
    run = found['mgo_scf_b3lyp/out_mgoSCF.out']
    assert (run.inputs_from, run.deck.path.name) == ('d12', 'mgo.d12')
    assert run.files['optc*'] == 'optc*'


def test_input_of_aiida(found) -> None:
    run = found['nio_opt_walltime/main.out']
    assert run.deck.path.name == 'INPUT'
    assert run.files['scheduler_stderr'] == '_scheduler-stderr.txt'
    assert run.files['SCFOUT.LOG'] == 'SCFOUT.LOG'


def test_files_named_by_the_run_script(found) -> None:
    crystal, properties = found['nacl_freq_band_doss/NaCl.out#1'], found['nacl_freq_band_doss/NaCl.out#2']
    assert crystal.files == {
        'SCFOUT.LOG': 'NaCl.SCFLOG',
        'BORN.DAT': 'NaCl.born',
        'FREQINFO.DAT': 'NaCl.freqinfo',
        'HESSFREQ.DAT': 'NaCl.hessfreq',
    }
    assert properties.files == {'fort.25': 'NaCl.f25', 'BAND.DAT': 'NaCl_dat.BAND', 'DOSS.DAT': 'NaCl_dat.DOSS'}


def test_two_programs_in_one_output(found) -> None:
    crystal, properties = found['nacl_freq_band_doss/NaCl.out#1'], found['nacl_freq_band_doss/NaCl.out#2']
    assert (crystal.program, properties.program) == ('crystal', 'properties')
    assert (properties.parent, properties.parent_by) == (crystal, 'output in the same file')
    assert [block.keyword for block in properties.deck.content.blocks] == ['BAND', 'NEWK', 'DOSS']
    content = crystal.output.path.read_bytes()
    first, second = part_of(content, 0), part_of(content, 1)
    assert first + second == content
    assert first.count(b' EEEEEEEEEE STARTING') == second.count(b' EEEEEEEEEE STARTING') == 1
    assert second.startswith(b'to 26.5.2016 13.13.06')


def test_failed_properties_step_is_a_run_of_its_own(found) -> None:
    crystal = found['guessp_fock0_propio_error/system_guessp_fock0.out#1']
    properties = found['guessp_fock0_propio_error/system_guessp_fock0.out#2']
    assert (properties.program, properties.parent) == ('properties', crystal)
    assert not properties.facts.finished


def test_parent_by_the_energy_of_the_wavefunction(found) -> None:
    """mgo_prop_newk prints TOTAL ENERGY -2.7544859113743E+02, the SCF ENDED of mgo_scf_b3lyp in another folder."""
    run = found['mgo_prop_newk/mgo.outp']
    assert run.parent is found['mgo_scf_b3lyp/out_mgoSCF.out']
    assert run.parent_by == 'energy of its wavefunction'


def test_properties_that_ran_before_a_run_are_not_its(found) -> None:
    """mgo_band has the same energy, but ran in December 2021, and the SCF in February 2022."""
    run = found['mgo_band/conv_mgoBand.outp']
    assert run.parent is None
    assert run.lacks_parent and not run.problem


def test_properties_without_parent_and_without_wavefunction_are_left_out(corpus, tmp_path) -> None:
    """Its output ends before the table of atoms, so that nothing says what it was about."""
    text = (corpus / 'mgo_band' / 'conv_mgoBand.outp').read_bytes()
    (tmp_path / 'cut.outp').write_bytes(text[: text.index(b'N.AT.')])
    plan = discover([tmp_path])
    assert plan.runs == []
    assert [run.problem for run in plan.refused] == [
        'the run whose wavefunction it used was not found, and its output does not print the atoms'
    ]


def test_properties_stand_alone_if_their_run_cannot_be_imported(corpus, tmp_path) -> None:
    """All that is left of the SCF is its banner."""
    text = (corpus / 'mgo_scf_b3lyp' / 'out_mgoSCF.out').read_bytes()
    start = text.index(b' EEEEEEEEEE STARTING')
    (tmp_path / 'mgo.out').write_bytes(text[start - 1500 : start + 60])
    shutil.copyfile(corpus / 'mgo_prop_newk' / 'mgo.outp', tmp_path / 'mgo.outp')
    plan = discover([tmp_path])
    assert [run.program for run in plan.refused] == ['crystal']
    assert [run.program for run in plan.runs] == ['properties']
    assert plan.runs[0].lacks_parent
    assert 'cannot be imported' in plan.runs[0].notes[-1]


def test_properties_of_another_basis_are_not_its(found) -> None:
    run = found['mgo_echg/dens_mgoDCHG.out']  # 18 basis functions; those of the corpus have 14 and 26
    assert run.parent is None


def test_geometry_file_is_the_one_the_output_began_with(found) -> None:
    run = found['nio_scf_maxcyc/main.out']  # fort.34 was overwritten: a = 3.07, the output began with 2.94
    assert run.structure_from == 'output'
    assert any('does not hold the geometry' in note for note in run.notes)
    assert found['nio_sto3g_afm_scf/nio_sto3g_afm.crystal.out'].structure_from == 'geometry file'


def test_equivalent_atoms_of_a_deck_count_once(found) -> None:
    """NiO in R -3 m with O at z = 1/4 and 3/4, which are one position: CRYSTAL14 printed four atoms."""
    run = found['nio_tzvp_pbe0_opt/nio_tzvp_pbe0_opt.o']
    assert run.structure_from == 'deck'
    assert run.structure.formula == 'Ni2O2'


def test_run_without_deck_has_the_structure_of_the_output(found) -> None:
    run = found['w_molecule_opt/w.out']
    assert (run.deck, run.inputs_from, run.structure_from) == (None, 'output', 'output')
    assert run.structure.formula == 'H2O'


def test_properties_deck_in_the_output(found) -> None:
    run = found['hematite_echg/dens_hematite.out']
    assert isinstance(run.deck.content, D3)
    assert [block.keyword for block in run.deck.content.blocks] == ['NEWK', 'ECH3', 'ECHG', 'PATO', 'ECHG']


def test_what_is_left_over_has_a_reason(plan) -> None:
    reasons = {f'{file.path.parent.name}/{file.path.name}': file.reason for file in plan.left_over}
    assert reasons['error_empty_output/empty.out'] == 'the output is empty'
    assert reasons['mgo_opt_scflog/out_mgoOpt.SCFLOG'] == 'a log without the output of its run'
    assert reasons['mgo_prop_newk/mgo.d12'] == 'no output was found that belongs to it'
    assert all(reasons.values())
    assert not any(file.kind is FileKind.FOREIGN for file in plan.left_over)


# ------------------------------------------------------------------------------------- what real trees are like


def test_deck_of_another_run_is_not_taken(finished_runs) -> None:
    tree = finished_runs('mgo_scf_c14')
    deck = tree / 'mgo_scf_c14' / 'mgo.d12'
    deck.write_text(deck.read_text().replace('TEST11 - MGO BULK', 'Another title'))
    plan = discover([tree])
    assert plan.runs[0].inputs_from == 'output'
    assert 'its title is "Another title"' in plan.runs[0].notes[0]
    assert 'its title is' in {file.path.name: file.reason for file in plan.left_over}['mgo.d12']


def test_echo_is_taken_if_the_file_was_changed_later(finished_runs) -> None:
    tree = finished_runs('h_bulk_scf')
    deck = tree / 'h_bulk_scf' / 'h_bulk.d12'
    deck.write_text(deck.read_text().replace('99 0\nEND\n', '99 0\nEND\nNOBIPOLA\n', 1))
    run = discover([tree]).runs[0]
    assert run.inputs_from == 'echo'
    assert run.notes == ['h_bulk.d12 is not the deck that the output echoes, which is taken']


def test_echo_is_taken_if_noise_stands_for_the_title(finished_runs) -> None:
    tree = finished_runs('test08_scf')
    output = tree / 'test08_scf' / 'test08.out'
    lines = output.read_text().splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if line.startswith(' EEEEEEEEEE STARTING'))
    lines[number + 1] = ' MPI startup(): a warning\n'
    output.write_text(''.join(lines))
    run = discover([tree]).runs[0]
    assert run.inputs_from == 'echo'
    assert run.notes[0].startswith('the deck echoed in front of the output differs: its title is')


def test_deck_with_another_basis_set_is_not_taken(finished_runs) -> None:
    tree = finished_runs('mgo_scf_c14')
    deck = tree / 'mgo_scf_c14' / 'mgo.d12'
    assert '9699.34009 ' in deck.read_text()
    deck.write_text(deck.read_text().replace('9699.34009 ', '9799.34009 '))
    run = discover([tree]).runs[0]
    assert run.deck is None
    assert 'its basis set of MG is not the one that the output prints' in run.notes[0]


@pytest.mark.parametrize(
    ('old', 'new', 'reason'),
    [
        ('8 8\n', '4 8\n', 'its k-mesh is 4, that of the output 8'),
        ('SHRINK', 'DFT\nPBEXC\nENDDFT\nSHRINK', 'it asks for DFT, the output is Hartree-Fock'),
    ],
)
def test_deck_of_another_method_is_not_taken(finished_runs, old, new, reason) -> None:
    tree = finished_runs('nio_scf_maxcyc')  # its output echoes no deck
    deck = tree / 'nio_scf_maxcyc' / 'INPUT'
    assert old in deck.read_text()
    deck.write_text(deck.read_text().replace(old, new))
    run = discover([tree]).runs[0]
    assert run.deck is None
    assert f'INPUT is not taken: {reason}' in run.notes


def test_several_runs_in_one_folder_keep_their_files_apart(finished_runs, corpus, tmp_path) -> None:
    folder = tmp_path / 'all'
    folder.mkdir()
    for name in ('h_bulk_scf', 'mgo_scf_c14', 'nacl_freq_band_doss', 'mgo_co_slab_scf'):
        for path in (corpus / name).iterdir():
            shutil.copyfile(path, folder / path.name)
    shutil.copyfile(corpus / 'nio_opt_walltime' / 'SCFOUT.LOG', folder / 'SCFOUT.LOG')
    plan = discover([folder])
    decks = {Path(run.name).name: run.deck.path.name for run in plan.runs}
    assert decks == {
        'h_bulk.out': 'h_bulk.d12',
        'mgo.out': 'mgo.d12',
        'NaCl.out#1': 'NaCl.d12',
        'NaCl.out#2': 'NaCl.d3',
        'system.out': 'system.d12',
    }
    assert not any('SCFOUT.LOG' in run.files.values() for run in plan.runs)
    assert 'SCFOUT.LOG' in {file.path.name for file in plan.left_over}


def test_stories_of_optimisations_belong_to_their_run(finished_runs, corpus) -> None:
    tree = finished_runs('mgo_opt_c22')
    story = tree / 'mgo_opt_c22' / 'conv_mgoOpt.optstory'
    story.mkdir()
    shutil.copyfile(corpus / 'mgo_scf_b3lyp' / 'optc001', story / 'optc001')
    plan = discover([tree])
    assert plan.runs[0].files['optc*'] == 'conv_mgoOpt.optstory/optc*'
    assert 'optc001' not in {file.path.name for file in plan.left_over}


def test_links_that_go_round_and_links_to_nowhere(finished_runs) -> None:
    tree = finished_runs('mgo_sto3g_scf')
    (tree / 'again').symlink_to(tree)
    (tree / 'other').symlink_to(tree / 'mgo_sto3g_scf')
    (tree / 'nowhere.out').symlink_to(tree / 'gone')
    os.mkfifo(tree / 'pipe.out')
    plan = discover([tree])
    assert len(plan.runs) == 1
    reasons = {file.path.name: file.reason for file in plan.left_over}
    assert reasons == {'nowhere.out': 'a link that leads nowhere', 'pipe.out': 'neither a file nor a folder'}


def test_what_must_not_be_read_is_reported(finished_runs, monkeypatch) -> None:
    """Root may read everything: what the system says to others is put in its mouth."""
    tree = finished_runs('mgo_sto3g_scf', 'h_bulk_scf', 'mgo_scf_c14')
    scandir, open_ = os.scandir, Path.open

    def no_folder(path):
        if Path(path).name == 'h_bulk_scf':
            raise PermissionError(13, 'Permission denied')
        return scandir(path)

    def no_file(path, *args, **kwargs):
        if path.name == 'mgo.out':
            raise PermissionError(13, 'Permission denied')
        return open_(path, *args, **kwargs)

    monkeypatch.setattr(os, 'scandir', no_folder)
    monkeypatch.setattr(Path, 'open', no_file)
    plan = discover([tree])
    assert [run.folder.name for run in plan.runs] == ['mgo_sto3g_scf']
    reasons = {file.path.name: file.reason for file in plan.left_over}
    assert reasons['h_bulk_scf'] == 'cannot be entered: Permission denied'
    assert reasons['mgo.out'] == 'cannot be read: Permission denied'


def test_large_binary_files_are_not_read(tmp_path) -> None:
    path = tmp_path / 'mgo.f9'
    with path.open('wb') as handle:
        handle.truncate(1 << 40)  # a hole of 1 TB: reading it would take hours
    assert classify(path, 1 << 40).standard == 'fort.9'
    assert discover([tmp_path]).runs == []


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('mgo.f9', ('fort.9', 'mgo')),
        ('mgo.f98', ('fort.98', 'mgo')),
        ('mgo.gui', ('fort.34', 'mgo')),
        ('mgo_inp.gui', ('fort.34', 'mgo')),
        ('mgo_dat.BAND', ('BAND.DAT', 'mgo')),
        ('mgo.hessopt', ('HESSOPT.DAT', 'mgo')),
        ('fort.25', ('fort.25', '')),
        ('OPTINFO.DAT', ('OPTINFO.DAT', '')),
        ('optc012', ('optc012', '')),
        ('opta01', ('opta01', '')),
        ('mgo.cryst.out', ('', 'mgo.cryst')),
    ],
)
def test_names_of_files(name, expected) -> None:
    assert standard_name(name) == expected


def test_one_folder_only(finished_runs) -> None:
    tree = finished_runs('mgo_sto3g_scf', 'h_bulk_scf')
    assert len(discover([tree], recursive=False).runs) == 0
    assert len(discover([tree / 'h_bulk_scf'], recursive=False).runs) == 1


def test_digest_is_of_the_content(finished_runs, tmp_path) -> None:
    first = discover([finished_runs('h_bulk_scf')]).runs[0].digest
    second = discover([finished_runs('h_bulk_scf', root=tmp_path / 'elsewhere')]).runs[0].digest
    assert first == second
    output = tmp_path / 'elsewhere' / 'h_bulk_scf' / 'h_bulk.out'
    output.write_text(output.read_text() + '\nmore')
    assert discover([tmp_path / 'elsewhere']).runs[0].digest != first


@pytest.mark.standin
def test_single_point_at_the_end_of_an_optimisation(standin_opt_and_sp) -> None:
    found = by_name(discover([standin_opt_and_sp]).runs)
    point = found['point/h2_sp.out']
    assert point.started_from.output.path.name == 'h2.out'
    assert point.geometry_file.name == 'h2_sp.gui'
    assert list(found).index('point/h2_sp.out') > 0


def test_almost_the_same_geometry_is_no_link(found) -> None:
    """mgo_elastic_c14 began 3e-5 Å away from where mgo_sto3g_opt had ended a year before."""
    assert found['mgo_elastic_c14/crystal.out'].started_from is None
