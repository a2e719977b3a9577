"""Crystal23PropertiesCalculation: the path it writes, the wavefunction it brings, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.plugins import CalculationFactory

ENTRY_POINT = 'crystalmath.properties23'
NEWK = {'keyword': 'NEWK', 'shrink': {'is': 4, 'isp': 8}}


@pytest.fixture
def generate_parent(generate_calc_job_node, generate_structure):
    """Return a factory of remote folders of a finished (or failed) ``Crystal23Calculation``."""

    def factory(structure_id='MgO', *, exit_status=0, results=None, optimised=None, parameters=None, files=None):
        node = generate_calc_job_node(
            'crystalmath.crystal23',
            files,
            inputs={'structure': generate_structure(structure_id), 'parameters': orm.Dict(parameters or {})},
            exit_status=exit_status,
        )
        node.set_process_state('finished')
        outputs = {'output_parameters': orm.Dict({'n_ao': 14, 'terminated': True} if results is None else results)}
        if optimised is not None:
            outputs['output_structure'] = optimised
        for label, output in outputs.items():
            output.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label=label)
            output.store()
        node.seal()
        return node.outputs.remote_folder

    return factory


@pytest.fixture
def kpoints():
    """Return a factory of paths from listed ends: ``kpoints([('GAMMA', (0, 0, 0)), ...])``."""

    def factory(ends, n=5):
        points, labels = [ends[0][1]], [(0, ends[0][0])]
        for (_, first), (label, second) in pairwise(ends):
            points += np.linspace(first, second, n)[1:].tolist()
            labels.append((len(points) - 1, label))
        node = orm.KpointsData()
        node.set_kpoints(points)
        node.labels = labels
        return node

    return factory


@pytest.fixture
def prepare(generate_calc_job, tmp_path, fixture_code):
    def factory(**inputs):
        info = generate_calc_job(tmp_path, ENTRY_POINT, {'code': fixture_code(ENTRY_POINT), **inputs})
        return info, tmp_path

    return factory


@pytest.fixture
def message(fixture_code):
    def factory(**inputs):
        ports = CalculationFactory(ENTRY_POINT).spec().inputs
        error = ports.validate(ports.pre_process({'code': fixture_code(ENTRY_POINT), **inputs}))
        return None if error is None else f'{error.port}: {error.message}'

    return factory


def lines(folder: Path) -> list[str]:
    return (folder / 'INPUT').read_text().splitlines()


def test_wavefunction_is_linked_and_little_is_kept(prepare, generate_parent):
    parent = generate_parent()
    info, folder = prepare(parent_folder=parent, parameters=orm.Dict({'blocks': [NEWK]}))
    assert info.remote_symlink_list == [(parent.computer.uuid, '/nowhere/fort.9', 'fort.9')]
    assert info.remote_copy_list == []
    assert info.retrieve_list == ['properties.out', 'fort.25', 'fort.87']
    assert info.codes_info[0].stdin_name == 'INPUT'
    assert lines(folder)[:2] == ['NEWK', '4 8']
    assert lines(folder)[-1] == 'END'


def test_wavefunction_is_copied_on_request(prepare, generate_parent):
    parent = generate_parent()
    info, _ = prepare(
        parent_folder=parent, parameters=orm.Dict({'blocks': [NEWK]}), settings=orm.Dict({'parent_link': 'copy'})
    )
    assert info.remote_copy_list == [(parent.computer.uuid, '/nowhere/fort.9', 'fort.9')]
    assert info.remote_symlink_list == []


def test_path_is_written_in_integers(prepare, generate_parent, kpoints):
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0.5, 0, 0.5)), ('W', (0.5, 0.25, 0.75))])
    _, folder = prepare(parent_folder=generate_parent(), kpoints=path)
    written = lines(folder)
    at = written.index('BAND')
    n_lines, iss, n_points, first, last, *_ = (int(word) for word in written[at + 2].split())
    assert (n_lines, first, last) == (2, 1, 14)
    assert n_points == 9
    ends = np.array([[int(word) for word in line.split()] for line in written[at + 3 : at + 5]]) / iss
    # The structure is written in the setting CRYSTAL builds; lengths and angles of the path tell it apart.
    assert np.allclose(np.abs(ends[0][:3]), 0)
    assert np.allclose(ends[0][3:], ends[1][:3])
    assert sorted(np.abs(ends[0][3:])) == [0, 0.5, 0.5]


def test_path_of_a_conventional_cell_is_turned_into_the_primitive_one(prepare, generate_parent, kpoints):
    """X of the cubic cell is (0, 0, 1) there: in the primitive cell half of two vectors."""
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0, 0, 1))])
    _, folder = prepare(parent_folder=generate_parent('MgO-conventional'), kpoints=path)
    written = lines(folder)
    at = written.index('BAND')
    iss = int(written[at + 2].split()[1])
    end = np.array([int(word) for word in written[at + 3].split()][3:]) / iss
    assert sorted(np.abs(end)) == [0, 0.5, 0.5]


@pytest.mark.corpus
def test_path_after_a_restarted_optimisation(prepare, generate_parent, kpoints, corpus):
    """It began at another point than its input says (the printed cell is not that of the structure): same fractions."""
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0.5, 0, 0.5))])
    ends = []
    for restart in (False, True):
        parent = generate_parent(
            parameters={'geometry': {'optgeom': {'restart': True}}} if restart else None,
            files={'crystal.out': corpus / 'mgo_opt_c22' / 'conv_mgoOpt.out'} if restart else None,
        )
        _, folder = prepare(parent_folder=parent, kpoints=path)
        ends.append([line for line in lines(folder) if len(line.split()) == 6])
    assert ends[0] == ends[1] != []


@pytest.mark.corpus
def test_path_after_edits_of_the_geometry_is_refused(message, generate_parent, kpoints, corpus):
    """A supercell made in the input has another reciprocal cell than the structure."""
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0.5, 0, 0.5))])
    edited = {'geometry': {'edits': ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2']}}
    files = {'crystal.out': corpus / 'mgo222_freq' / 'mgo-222.out'}
    assert 'BAND block' in message(parent_folder=generate_parent(parameters=edited, files=files), kpoints=path)


def test_path_follows_other_blocks(prepare, generate_parent, kpoints):
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0.5, 0, 0.5))])
    _, folder = prepare(
        parent_folder=generate_parent(),
        kpoints=path,
        parameters=orm.Dict({'blocks': [NEWK]}),
        settings=orm.Dict({'first_band': 5, 'last_band': 12}),
    )
    written = lines(folder)
    assert written.index('NEWK') < written.index('BAND')
    assert written[written.index('BAND') + 2].split()[3:5] == ['5', '12']


def test_good_inputs_pass(message, generate_parent, kpoints):
    assert message(parent_folder=generate_parent(), parameters=orm.Dict({'blocks': [NEWK]})) is None
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0.5, 0, 0.5))])
    assert message(parent_folder=generate_parent(), kpoints=path) is None


def test_folder_without_calculation_is_refused(message, aiida_localhost):
    folder = orm.RemoteData(computer=aiida_localhost, remote_path='/somewhere').store()
    found = message(parent_folder=folder, parameters=orm.Dict({'blocks': [NEWK]}))
    assert 'was not made by any calculation' in found
    assert 'Crystal23Calculation' in found


def test_folder_of_another_calculation_is_refused(message, generate_calc_job_node, generate_parent):
    node = generate_calc_job_node(ENTRY_POINT, inputs={'parent_folder': generate_parent()})
    found = message(parent_folder=node.outputs.remote_folder, parameters=orm.Dict({'blocks': [NEWK]}))
    assert 'comes from a Crystal23Calculation' in found


def test_failed_parent_is_refused(message, generate_parent):
    folder = generate_parent(exit_status=410, results={'scf': {'converged': False}, 'terminated': True})
    assert 'left no wavefunction to use: exit status 410' in message(
        parent_folder=folder, parameters=orm.Dict({'blocks': [NEWK]})
    )


def test_unfinished_optimisation_has_a_wavefunction(message, generate_parent):
    folder = generate_parent(exit_status=500, results={'scf': {'converged': True}, 'terminated': True, 'n_ao': 14})
    assert message(parent_folder=folder, parameters=orm.Dict({'blocks': [NEWK]})) is None


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'blocks': [{'keyword': 'NEWK', 'shrink': {'is': 0}}]}, 'positive'),
        ({'blocks': []}, 'nothing to compute'),
        ({'block': []}, 'block'),
    ],
)
def test_bad_parameters_are_refused(message, generate_parent, parameters, words):
    assert words in message(parent_folder=generate_parent(), parameters=orm.Dict(parameters))


def test_two_paths_are_refused(message, generate_parent, kpoints):
    band = {
        'keyword': 'BAND',
        'iss': 2,
        'n_points': 10,
        'first_band': 1,
        'last_band': 14,
        'segments': [[[0, 0, 0], [1, 0, 1]]],
    }
    path = kpoints([('GAMMA', (0, 0, 0)), ('X', (0.5, 0, 0.5))])
    found = message(parent_folder=generate_parent(), kpoints=path, parameters=orm.Dict({'blocks': [band]}))
    assert 'keep one' in found


def test_mesh_is_no_path(message, generate_parent):
    mesh = orm.KpointsData()
    mesh.set_kpoints_mesh([4, 4, 4])
    assert 'a mesh is no band path' in message(parent_folder=generate_parent(), kpoints=mesh)


def test_atoms_of_kinds_are_crystals_numbers(generate_parent):
    from aiida_crystalmath.calculations.properties23 import atoms_of_kinds

    kinds = atoms_of_kinds(generate_parent('MgO-conventional'))
    assert sorted(kinds) == ['Mg', 'O']
    assert sorted(number for numbers in kinds.values() for number in numbers) == [1, 2]
