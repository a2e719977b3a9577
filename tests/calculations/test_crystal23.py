"""Crystal23Calculation: what is written, what is brought and kept, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory

from aiida_crystalmath.calculations.crystal23 import build_deck_from_inputs

ENTRY_POINT = 'crystalmath.crystal23'
PBE = {'dft': {'functional': 'PBE'}}
SHRINK = {'is': 4, 'isp': 4}


@pytest.fixture
def prepare(generate_calc_job, tmp_path):
    """Prepare a job and return its ``CalcInfo`` and the folder with its files."""

    def factory(inputs):
        return generate_calc_job(tmp_path, ENTRY_POINT, inputs), tmp_path

    return factory


@pytest.fixture
def message():
    """Return what the input ports say of some inputs."""

    def factory(inputs):
        ports = CalculationFactory(ENTRY_POINT).spec().inputs
        error = ports.validate(ports.pre_process(inputs))
        return None if error is None else f'{error.port}: {error.message}'

    return factory


def lines(folder: Path, name: str = 'INPUT') -> list[str]:
    return (folder / name).read_text().splitlines()


def test_serial_job_reads_stdin_and_keeps_little(prepare, generate_inputs_crystal):
    info, folder = prepare(generate_inputs_crystal())
    code = info.codes_info[0]
    assert code.stdin_name == 'INPUT'
    assert code.stdout_name == 'crystal.out'
    assert code.join_files
    assert info.retrieve_list == ['crystal.out', 'fort.34', 'fort.87']
    assert not any('fort.9' in name for name in info.retrieve_list + info.retrieve_temporary_list)
    assert info.remote_copy_list == info.remote_symlink_list == []
    assert not (folder / 'fort.34').exists()


def test_input_is_the_asymmetric_unit(prepare, generate_inputs_crystal):
    _, folder = prepare(generate_inputs_crystal('MgO-conventional'))
    written = lines(folder)
    assert written[0] == 'MgO'
    assert written[1:4] == ['CRYSTAL', '0 0 0', '225']
    assert float(written[4]) == pytest.approx(4.217)
    assert written[5] == '2'
    assert {line.split()[0] for line in written[6:8]} == {'12', '8'}
    assert written[written.index('DFT') + 1].startswith('PBE')
    assert written[written.index('SHRINK') + 1] == '2 2'
    assert written[-1] == 'END'


def test_input_reads_back(prepare, generate_inputs_crystal):
    from aiida_crystalmath.crystal.inputs.d12 import read_d12

    inputs = generate_inputs_crystal()
    _, folder = prepare(inputs)
    deck = read_d12((folder / 'INPUT').read_text())
    assert deck.parameters.scf.toldee == 6
    assert [basis.number for basis in deck.basis] == [12, 8]
    assert [basis for basis in deck.basis] == [inputs['basis_sets'][kind].basis_set for kind in ('Mg', 'O')]


def test_parallel_job_reads_the_file(prepare, generate_inputs_crystal):
    inputs = generate_inputs_crystal()
    inputs['metadata']['options']['withmpi'] = True
    info, folder = prepare(inputs)
    assert info.codes_info[0].stdin_name is None
    assert (folder / 'INPUT').is_file()


def test_setting_decides_over_stdin(prepare, generate_inputs_crystal):
    info, _ = prepare(generate_inputs_crystal(settings=orm.Dict({'stdin': False})))
    assert info.codes_info[0].stdin_name is None


@pytest.mark.parametrize(('structure_id', 'dimensionality'), [('graphene', 2), ('H2O', 0)])
def test_low_dimensions_go_through_fort34(prepare, generate_inputs_crystal, structure_id, dimensionality):
    _, folder = prepare(generate_inputs_crystal(structure_id))
    if (folder / 'fort.34').exists():
        assert lines(folder)[1] == 'EXTERNAL'
        assert int(lines(folder, 'fort.34')[0].split()[0]) == dimensionality
    else:
        assert lines(folder)[1] in ('SLAB', 'MOLECULE')


def test_external_on_request(prepare, generate_inputs_crystal):
    info, folder = prepare(generate_inputs_crystal(settings=orm.Dict({'symmetry': 'external'})))
    assert lines(folder)[1] == 'EXTERNAL'
    assert lines(folder, 'fort.34')[0].split()[0] == '3'
    assert 'fort.34' in info.retrieve_list


def test_spins_of_kinds_are_written_in_crystals_order(prepare, generate_inputs_crystal):
    parameters = {'hamiltonian': {'method': 'UHF'}, 'scf': {'shrink': SHRINK}}
    kinds = orm.Dict({'Ni1': {'spin': 1}, 'Ni2': {'spin': -1}})
    inputs = generate_inputs_crystal('NiO', parameters, kinds=kinds)
    _, folder = prepare(inputs)
    written = lines(folder)
    at = written.index('ATOMSPIN')
    assert written[at + 1] == '2'
    spins = dict(tuple(int(word) for word in line.split()) for line in written[at + 2 : at + 4])
    reduced = build_deck_from_inputs(inputs).reduced
    assert spins == {i: site.spin for i, site in enumerate(reduced.crystal_geometry.sites, start=1) if site.spin}
    assert sorted(spins.values()) == [-1, 1]
    assert reduced.space_group == 166, 'the two nickels must not be taken for equivalent'


def test_spins_of_a_conventional_cell_are_on_the_right_atoms(prepare, generate_inputs_crystal):
    """NiO of a CIF, 8 atoms, spins up and down in layers along z: ATOMSPIN counts atoms of CRYSTAL's primitive cell.

    What CRYSTAL will build of the written input is checked, not our own account of it: the layers alternate along the
    tetragonal axis, and the oxygens have no spin.
    """
    from aiida_crystalmath.crystal.inputs.d12 import read_d12
    from aiida_crystalmath.crystal.symmetry import expand

    a = 4.164
    structure = orm.StructureData(cell=[[a, 0, 0], [0, a, 0], [0, 0, a]])
    for x, y, z in ((0, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0.5), (0.5, 0.5, 0)):
        structure.append_atom(position=(a * (x + 0.5), a * y, a * z), symbols='O')
        structure.append_atom(position=(a * x, a * y, a * z), symbols='Ni', name='Ni1' if z == 0 else 'Ni2')
    kinds = orm.Dict({'Ni1': {'spin': 1}, 'Ni2': {'spin': -1}})
    parameters = {'hamiltonian': {'dft': {'functional': 'PBE', 'spin': True}}, 'scf': {'shrink': SHRINK}}
    inputs = generate_inputs_crystal('NiO', parameters, kinds=kinds)
    inputs['structure'] = structure
    _, folder = prepare(inputs)
    deck = read_d12('\n'.join(lines(folder)))
    built = expand(deck.geometry)
    spins = dict(deck.parameters.scf.atomspin)
    assert deck.title == 'NiO'
    assert deck.title == 'NiO'
    assert deck.geometry.group == 123, 'layers of spins make the cubic lattice tetragonal'
    assert len(built) == 4
    nickels = [index for index, number in enumerate(built.numbers, start=1) if number == 28]
    assert sorted(spins) == nickels
    assert sorted(spins.values()) == [-1, 1]
    between = built.positions[nickels[0] - 1] - built.positions[nickels[1] - 1]
    steps = between @ np.linalg.inv(built.cell)
    assert np.abs(steps - np.rint(steps)).max() == pytest.approx(0.5), 'up and down are half a cell apart'


def test_two_basis_sets_of_one_element_get_two_numbers(prepare, generate_inputs_crystal, generate_basis_sets):
    from dataclasses import replace

    from aiida_crystalmath.data.basis_set import BasisSetData

    inputs = generate_inputs_crystal('NiO', {'hamiltonian': PBE, 'scf': {'shrink': SHRINK}})
    ni = inputs['basis_sets']['Ni1'].basis_set
    *shells, last = ni.shells
    other = replace(ni, shells=(*shells, replace(last, scale=1.1)))
    inputs['basis_sets']['Ni2'] = BasisSetData.get_or_create(other)
    _, folder = prepare(inputs)
    first_words = {line.split()[0] for line in lines(folder) if line.split()}
    assert {'28', '128'} <= first_words


def test_internal_library_needs_no_basis_sets(prepare, generate_inputs_crystal):
    inputs = generate_inputs_crystal(
        parameters={'basis': {'library': 'STO-3G'}, 'hamiltonian': PBE, 'scf': {'shrink': SHRINK}}
    )
    inputs['basis_sets'] = {}
    _, folder = prepare(inputs)
    assert lines(folder)[lines(folder).index('BASISSET') + 1] == 'STO-3G'


# ------------------------------------------------------------------------------------------------ restart


@pytest.fixture
def parent_folder(aiida_localhost):
    return orm.RemoteData(computer=aiida_localhost, remote_path='/scratch/parent').store()


def test_guess_is_linked(prepare, generate_inputs_crystal, parent_folder, aiida_localhost):
    inputs = generate_inputs_crystal(
        parameters={'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'guessp': True}}, parent_folder=parent_folder
    )
    info, folder = prepare(inputs)
    assert info.remote_symlink_list == [(aiida_localhost.uuid, '/scratch/parent/fort.9', 'fort.20')]
    assert info.remote_copy_list == []
    assert 'GUESSP' in lines(folder)


def test_guess_is_copied_on_request(prepare, generate_inputs_crystal, parent_folder, aiida_localhost):
    inputs = generate_inputs_crystal(
        parameters={'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'guessp': True}},
        parent_folder=parent_folder,
        settings=orm.Dict({'parent_link': 'copy'}),
    )
    info, _ = prepare(inputs)
    assert info.remote_copy_list == [(aiida_localhost.uuid, '/scratch/parent/fort.9', 'fort.20')]
    assert info.remote_symlink_list == []


def test_optimisation_restart_copies_its_file(prepare, generate_inputs_crystal, parent_folder, aiida_localhost):
    parameters = {'geometry': {'optgeom': {'restart': True}}, 'hamiltonian': PBE, 'scf': {'shrink': SHRINK}}
    info, folder = prepare(generate_inputs_crystal(parameters=parameters, parent_folder=parent_folder))
    assert info.remote_copy_list == [(aiida_localhost.uuid, '/scratch/parent/OPTINFO.DAT', 'OPTINFO.DAT')]
    assert 'RESTART' in lines(folder)


# ------------------------------------------------------------------------------------------------ refusals


def test_good_inputs_pass(message, generate_inputs_crystal):
    assert message(generate_inputs_crystal()) is None
    assert message(generate_inputs_crystal('H2O')) is None


def test_missing_basis_names_the_kind(message, generate_inputs_crystal):
    inputs = generate_inputs_crystal()
    del inputs['basis_sets']['O']
    found = message(inputs)
    assert 'no basis set for O' in found
    assert '`basis_sets`' in found
    assert 'family' in found


def test_stray_basis_is_refused(message, generate_inputs_crystal):
    inputs = generate_inputs_crystal()
    inputs['basis_sets']['Fe3'] = inputs['basis_sets']['O']
    assert 'Fe3 is no kind of the structure' in message(inputs)


def test_charged_cell_is_refused(message, generate_inputs_crystal):
    from dataclasses import replace

    from aiida_crystalmath.data.basis_set import BasisSetData

    inputs = generate_inputs_crystal()
    oxygen = inputs['basis_sets']['O'].basis_set
    first, *others = oxygen.shells
    ion = replace(oxygen, shells=(replace(first, charge=first.charge - 1), *others))
    inputs['basis_sets']['O'] = BasisSetData.get_or_create(ion)
    assert 'not neutral' in message(inputs)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'hamiltonian': PBE, 'scf': {'shrnk': SHRINK}}, 'shrnk'),
        ({'hamiltonian': {'dft': {'functional': 'PBE', 'gird': 'XLGRID'}}, 'scf': {'shrink': SHRINK}}, 'gird'),
        ({'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'toldee': 'tight'}}, 'toldee'),
        ({'hamiltonian': PBE}, 'k-mesh'),
        ({'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'guessp': True}}, 'parent_folder'),
        ({'geometry': {'optgeom': {'restart': True}}, 'hamiltonian': PBE, 'scf': {'shrink': SHRINK}}, 'OPTINFO.DAT'),
        ({'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'spinlock': [2, 10]}}, 'shell is closed'),
        ({'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'atomspin': [[1, 1]]}}, 'shell is closed'),
        ({'basis': {'library': 'STO-3G'}, 'hamiltonian': PBE, 'scf': {'shrink': SHRINK}}, 'one of the two'),
    ],
)
def test_bad_parameters_are_refused(message, generate_inputs_crystal, parameters, words):
    assert words in message(generate_inputs_crystal(parameters=parameters))


def test_molecule_has_no_mesh(message, generate_inputs_crystal):
    parameters = {'hamiltonian': PBE, 'scf': {'shrink': SHRINK}}
    assert 'a molecule has no k-points' in message(generate_inputs_crystal('H2O', parameters))


def test_spin_on_a_closed_shell_is_refused(message, generate_inputs_crystal):
    found = message(generate_inputs_crystal(kinds=orm.Dict({'Mg': {'spin': 1}})))
    assert 'Mg has a starting spin, but the shell is closed' in found
    assert 'hamiltonian.dft.spin' in found


@pytest.mark.parametrize('hamiltonian', [{'method': 'UHF'}, {'dft': {'functional': 'PBE', 'spin': True}}])
def test_spin_on_an_open_shell_passes(message, generate_inputs_crystal, hamiltonian):
    parameters = {'hamiltonian': hamiltonian, 'scf': {'shrink': SHRINK}}
    assert message(generate_inputs_crystal(parameters=parameters, kinds=orm.Dict({'Mg': {'spin': 1}}))) is None


def test_spins_in_two_places_are_refused(message, generate_inputs_crystal):
    parameters = {'hamiltonian': {'method': 'UHF'}, 'scf': {'shrink': SHRINK, 'atomspin': [[1, 1]]}}
    assert 'twice' in message(generate_inputs_crystal(parameters=parameters, kinds=orm.Dict({'Mg': {'spin': 1}})))


@pytest.mark.parametrize(
    ('settings', 'words'),
    [({'symmetri': 'none'}, 'symmetri'), ({'symmetry': 'yes'}, 'space_group'), ({'symprec': -1.0}, 'greater than 0')],
)
def test_bad_settings_are_refused(message, generate_inputs_crystal, settings, words):
    assert words in message(generate_inputs_crystal(settings=orm.Dict(settings)))


def test_unused_parent_is_refused(message, generate_inputs_crystal, parent_folder):
    assert 'nothing is taken from it' in message(generate_inputs_crystal(parent_folder=parent_folder))


def test_parent_on_another_computer_is_refused(message, generate_inputs_crystal, aiida_computer_local):
    elsewhere = orm.RemoteData(computer=aiida_computer_local(label='elsewhere'), remote_path='/scratch').store()
    inputs = generate_inputs_crystal(
        parameters={'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'guessp': True}}, parent_folder=elsewhere
    )
    assert 'lies on elsewhere' in message(inputs)


def test_cleaned_parent_is_refused(message, generate_inputs_crystal, parent_folder):
    parent_folder.base.extras.set('cleaned', True)
    inputs = generate_inputs_crystal(
        parameters={'hamiltonian': PBE, 'scf': {'shrink': SHRINK, 'guessp': True}}, parent_folder=parent_folder
    )
    assert 'has been cleaned' in message(inputs)


def test_messages_reach_the_person_who_launches(generate_inputs_crystal):
    with pytest.raises(ValueError, match='k-mesh'):
        run_get_node(CalculationFactory(ENTRY_POINT), **generate_inputs_crystal(parameters={'hamiltonian': PBE}))


def test_exposed_in_a_chain_basis_and_mesh_may_come_later(generate_inputs_crystal):
    from aiida.engine import WorkChain

    class Chain(WorkChain):
        @classmethod
        def define(cls, spec):
            super().define(spec)
            spec.expose_inputs(CalculationFactory(ENTRY_POINT), namespace='crystal')

    inputs = generate_inputs_crystal(parameters={'hamiltonian': PBE})
    inputs.pop('basis_sets')
    assert Chain.spec().inputs.validate({'crystal': inputs}) is None
    inputs['kinds'] = orm.Dict({'Mg': {'spin': 1}})
    assert 'shell is closed' in Chain.spec().inputs.validate({'crystal': inputs}).message


# ------------------------------------------------------------------------------------------------ process


def test_dry_run_writes_and_stores_nothing(generate_inputs_crystal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inputs = generate_inputs_crystal()
    inputs['metadata'] |= {'dry_run': True, 'store_provenance': False}
    _, node = run_get_node(CalculationFactory(ENTRY_POINT), **inputs)
    assert not node.is_stored
    written = Path(node.dry_run_info['folder'])
    assert lines(written)[1] == 'CRYSTAL'
    assert "crystalmath-crystal' < 'INPUT' > 'crystal.out' 2>&1" in (written / '_aiidasubmit.sh').read_text()


def test_exit_codes_follow_the_ranges():
    codes = CalculationFactory(ENTRY_POINT).exit_codes
    ours = {code.status: code for code in codes.values() if code.status >= 300}
    assert {303, 304, 320, 400, 404, 410, 500} <= set(ours)
    assert not {301, 302, 401, 402} & set(ours)
    assert all(code.invalidates_cache for status, code in ours.items() if status < 400)
    assert not ours[410].invalidates_cache
    assert all(code.message for code in ours.values())
