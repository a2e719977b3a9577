"""The calculation jobs with real physics: the stand-in's programs, run through AiiDA."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory

from aiida_crystalmath.data.structure import to_geometry

pytestmark = pytest.mark.standin

MEGABYTE = 1_000_000


def run(entry_point, inputs):
    results, node = run_get_node(CalculationFactory(entry_point), **inputs)
    detail = node.outputs.retrieved.base.repository.get_object_content(node.get_option('output_filename'))[-3000:]
    return results, node, f'{node.exit_status} {node.exit_message}\n{detail}'


def repository_size(*nodes) -> int:
    """Return the bytes that nodes and their outputs keep in the repository, equal contents counted once."""
    contents = {}
    for node in nodes:
        for owner in (node, *node.base.links.get_outgoing().all_nodes()):
            repository = owner.base.repository
            for root, _, names in repository.walk():
                for name in names:
                    contents[repository.get_object_content(str(root / name), mode='rb')] = None
    return sum(len(content) for content in contents)


def test_magnesium_oxide_from_scf_to_bands_and_dos(generate_inputs_crystal, properties_code):
    results, scf, detail = run('crystalmath.crystal23', generate_inputs_crystal('MgO-conventional'))
    assert scf.is_finished_ok, detail
    parameters = results['output_parameters'].get_dict()
    assert parameters['engine'] == 'STAND-IN'
    assert scf.outputs.output_parameters.base.extras.get('engine') == 'STAND-IN'
    assert parameters['functional'] == 'PBE'
    assert parameters['basis_set'].lower() == 'sto-3g'
    # PBE/STO-3G at a = 4.217 Å, 2 x 2 x 2: the value of this engine; a real CRYSTAL differs by some mHa.
    assert -272.2 < parameters['energy_hartree'] < -271.2
    assert parameters['primitive_cells_in_structure'] == 4
    charges = parameters['mulliken']['charges']
    kinds = to_geometry(scf.inputs.structure).kinds
    assert all((charge > 0) == (kind == 'Mg') for charge, kind in zip(charges, kinds, strict=True))
    assert sum(charges) == pytest.approx(0, abs=1e-2)

    path = orm.KpointsData()
    path.set_kpoints([[0, 0, 0], [0, 0, 0.25], [0, 0, 0.5], [0, 0, 0.75], [0, 0, 1], [0.5, 0.5, 0.5], [0, 0, 0]])
    path.labels = [(0, 'GAMMA'), (4, 'X'), (5, 'L'), (6, 'GAMMA')]
    inputs = {'code': properties_code, 'parent_folder': scf.outputs.remote_folder, 'kpoints': path}
    results, bands_job, detail = run('crystalmath.properties23', inputs)
    assert bands_job.is_finished_ok, detail
    bands = results['output_bands']
    assert np.allclose(bands.cell, scf.inputs.structure.cell)
    names = dict(bands.labels)
    assert list(names.values())[:2] == ['GAMMA', 'X']
    index = {name: at for at, name in bands.labels}
    assert np.allclose(bands.get_kpoints()[index['X']], [0, 0, 1], atol=1e-6)
    assert np.allclose(bands.get_kpoints()[index['L']], [0.5, 0.5, 0.5], atol=1e-6)
    energies = bands.get_bands()
    assert energies.shape[1] == parameters['n_ao']
    gap = energies[:, 10:].min() - energies[:, :10].max()
    assert gap == pytest.approx(parameters['gap_ev'], abs=0.5)
    assert np.allclose(energies[0], energies[-1], atol=1e-3), 'the path ends where it began'

    from aiida_crystalmath.calculations.properties23 import atoms_of_kinds

    projections = [{'atoms': atoms} for atoms in atoms_of_kinds(scf.outputs.remote_folder).values()]
    dos = {
        'keyword': 'DOSS',
        'n_points': 200,
        'first_band': 1,
        'last_band': parameters['n_ao'],
        'n_polynomials': 12,
        'projections': projections,
    }
    blocks = [{'keyword': 'NEWK', 'shrink': {'is': 4, 'isp': 8}}, dos]
    inputs = {
        'code': properties_code,
        'parent_folder': scf.outputs.remote_folder,
        'parameters': orm.Dict({'blocks': blocks}),
    }
    results, dos_job, detail = run('crystalmath.properties23', inputs)
    assert dos_job.is_finished_ok, detail
    _, total, _ = results['output_dos'].get_y()[0]
    projected = {name: density for name, density, _ in results['output_dos_projected'].get_y()}
    assert set(projected) == {'Mg', 'O'}
    assert np.allclose(sum(projected.values()), total, atol=1e-3 * total.max())

    assert repository_size(scf, bands_job, dos_job) < 2 * MEGABYTE
    assert 'fort.9' not in scf.outputs.retrieved.list_object_names()


def test_water_is_optimised_in_the_users_order(generate_inputs_crystal):
    structure = orm.StructureData(cell=(np.eye(3) * 500).tolist(), pbc=(False, False, False))
    structure.append_atom(position=(0, 0.80, -0.47), symbols='H')
    structure.append_atom(position=(0, 0, 0.12), symbols='O')
    structure.append_atom(position=(0, -0.80, -0.47), symbols='H')
    parameters = {
        'geometry': {'optgeom': {'type': 'ATOMONLY', 'maxcycle': 20}},
        'hamiltonian': {'method': 'RHF'},
        'scf': {'toldee': 8},
    }
    results, node, detail = run(
        'crystalmath.crystal23', generate_inputs_crystal(structure=structure, parameters=parameters)
    )
    assert node.is_finished_ok, detail
    relaxed = to_geometry(results['output_structure'])
    assert relaxed.symbols == ['H', 'O', 'H']
    lengths = [np.linalg.norm(relaxed.positions[i] - relaxed.positions[1]) for i in (0, 2)]
    # RHF/STO-3G water: 0.9894 Å and 100.03 degrees (Newton et al., J. Chem. Phys. 52, 4064 (1970)).
    assert lengths == pytest.approx([0.9894, 0.9894], abs=2e-3)
    cosine = (relaxed.positions[0] - relaxed.positions[1]) @ (relaxed.positions[2] - relaxed.positions[1])
    assert np.degrees(np.arccos(cosine / np.prod(lengths))) == pytest.approx(100.0, abs=0.5)
    trajectory = results['output_trajectory']
    energies = trajectory.get_array('energies_hartree')
    assert energies[-1] < energies[0]
    assert trajectory.symbols == ['H', 'O', 'H']


def test_scf_that_does_not_converge_is_cured_by_a_restart(generate_inputs_crystal):
    from aiida_crystalmath.calculations.restart import get_builder_restart

    parameters = {
        'hamiltonian': {'dft': {'functional': 'PBE'}},
        'scf': {'toldee': 7, 'maxcycle': 4, 'diis': False, 'fmixing': 30},
    }
    _, failed, detail = run('crystalmath.crystal23', generate_inputs_crystal('H2O', parameters))
    assert failed.exit_status == 410, detail
    assert failed.outputs.output_parameters.get_dict()['scf']['converged'] is False
    assert 'energy_hartree' not in failed.outputs.output_parameters.get_dict()
    builder = get_builder_restart(failed)
    assert builder.parameters.get_dict()['scf']['guessp'] is True
    parameters = builder.parameters.get_dict()
    parameters['scf']['maxcycle'] = 50
    builder.parameters = orm.Dict(parameters)
    _, cured = run_get_node(builder)
    assert cured.is_finished_ok, cured.exit_message


def test_missing_guess_is_diagnosed(generate_inputs_crystal, aiida_localhost, tmp_path):
    nothing = orm.RemoteData(computer=aiida_localhost, remote_path=str(tmp_path)).store()
    parameters = {'hamiltonian': {'dft': {'functional': 'PBE'}}, 'scf': {'guessp': True}}
    _, node, detail = run('crystalmath.crystal23', generate_inputs_crystal('H2', parameters, parent_folder=nothing))
    assert node.exit_status == 412, detail


def test_open_shell_with_spins_by_kind(generate_inputs_crystal):
    """Triplet oxygen: the starting spins of a kind reach the program, and two unpaired electrons come back."""
    structure = orm.StructureData(cell=(np.eye(3) * 500).tolist(), pbc=(False, False, False))
    structure.append_atom(position=(0, 0, 0), symbols='O', name='O1')
    structure.append_atom(position=(0, 0, 1.217), symbols='O', name='O1')
    parameters = {'hamiltonian': {'method': 'UHF'}, 'scf': {'toldee': 7, 'spinlock': [2, 50]}}
    inputs = generate_inputs_crystal(structure=structure, parameters=parameters, kinds=orm.Dict({'O1': {'spin': 1}}))
    results, node, detail = run('crystalmath.crystal23', inputs)
    assert node.is_finished_ok, detail
    parameters = results['output_parameters'].get_dict()
    assert parameters['total_spin'] == pytest.approx(2.0, abs=1e-3)
    assert parameters['mulliken']['spins'] == pytest.approx([1.0, 1.0], abs=1e-3)
    from pyscf import gto, scf

    molecule = gto.M(atom='O 0 0 0; O 0 0 1.217', basis='sto-3g', spin=2, verbose=0)
    assert parameters['energy_hartree'] == pytest.approx(scf.UHF(molecule).kernel(), abs=1e-5)


def test_equal_runs_are_taken_from_the_cache(generate_inputs_crystal):
    from aiida.manage.caching import enable_caching

    _, first, detail = run('crystalmath.crystal23', generate_inputs_crystal('H2'))
    assert first.is_finished_ok, detail
    with enable_caching():
        _, second, _ = run('crystalmath.crystal23', generate_inputs_crystal('H2'))
    assert second.base.caching.is_created_from_cache
    assert second.outputs.output_parameters.get_dict() == first.outputs.output_parameters.get_dict()
