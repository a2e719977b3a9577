"""The chain of phonons: recorded dispersions of CRYSTAL, and finite displacements with real forces of the stand-in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_crystalmath.workflows.crystal.phonon_input import (
    dos_lines,
    highest_frequency,
    locked_supercell,
    n_primitive_atoms,
    supercell_mesh,
)
from aiida_crystalmath.workflows.crystal.phonons import CrystalPhononWorkChain
from aiida_crystalmath.workflows.functions.phonons import full_supercell

OPTIONS = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'max_wallclock_seconds': 600}
AMU, HARTREE_CM1, BOHR = 1822.888486, 219474.6313632, 0.529177210903

DECK = """hydrogen
CRYSTAL
0 0 0
99
3.5 3.5
2
1 0.0 0.0 0.0
1 0.0 0.0 {z}
END
1 1
1 0 3 1.0 0.0
99 0
END
SHRINK
1 1
TOLDEE
10
END
"""


def parameters(**geometry):
    return orm.Dict(
        {
            'basis': {'library': 'STO-3G'},
            'scf': {'shrink': {'is': 3, 'isp': 9}, 'toldee': 11},
            **({'geometry': geometry} if geometry else {}),
        }
    )


def test_recorded_dispersion(corpus, replay):
    """Graphene (CRYSTAL22): the Hessian and its density of states first, then RESTART for the bands, as they did."""
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
    from aiida_crystalmath.data.structure import from_geometry
    from aiida_crystalmath.parsers.vibrations import vibrating_geometry

    outputs = [
        corpus / name / file
        for name, file in (
            ('graphene_phonon_dos', 'phono_Gstrain0DOS.out'),
            ('graphene_phonon_band', 'phono_Gstrain0Band.out'),
        )
    ]
    structure = from_geometry(vibrating_geometry(parse_stdout(outputs[0])))
    left = {'FREQINFO.DAT': 'recorded', 'fort.13': 'recorded', 'fort.9': 'recorded'}
    code = replay(*(replay.files(output, left) for output in outputs))
    results, node = run_get_node(
        CrystalPhononWorkChain,
        structure=structure,
        supercell=orm.List([12, 12, 1]),
        dos_maximum_cm1=orm.Float(1700.0),
        phonons={
            'crystal': {
                'code': code,
                'parameters': parameters(freqcalc={'dispersi': True}),
                'metadata': {'options': OPTIONS},
            }
        },
    )
    assert node.is_finished_ok, node.exit_message
    first, second = replay.decks
    for deck in (first, second):
        assert 'SCELPHONO\n12 0\n0 12\n' in deck
    assert 'DISPERSI\nPDOS\n1700 400\n1\n' in first
    assert 'RESTART' not in first
    assert 'RESTART' in second
    assert 'BANDS\n6 41\n3\n0 0 3 0\n3 0 2 2\n2 2 0 0\n' in second  # Gamma, M, K, Gamma, as Hinuma et al. order it
    assert {'FREQINFO.DAT', 'fort.13'} <= set(replay.staged[1])
    bands, dos = results['output_phonon_bands'], results['output_phonon_dos']
    assert bands.get_bands().shape == (123, 6)
    assert bands.get_bands().max() == pytest.approx(1691.4211)
    assert np.abs(bands.get_bands()[0, :3]).max() < 1.0
    grid, values = dos.get_x()[1], dos.get_y()[0][1]
    assert values.sum() * (grid[1] - grid[0]) == pytest.approx(6.0, rel=0.05)


@pytest.fixture
def hydrogen():
    """Return a crystal of hydrogen molecules, tetragonal, a little off its minimum along no symmetric mode but one."""
    structure = orm.StructureData(cell=np.diag([3.5, 3.5, 3.5]).tolist())
    structure.append_atom(position=(0, 0, 0), symbols='H')
    structure.append_atom(position=(0, 0, 0.73), symbols='H')
    return structure


@pytest.mark.slow
@pytest.mark.standin
def test_finite_displacements_agree_with_a_frozen_phonon(hydrogen, crystal_code, shipped_family):
    """The stretch at Gamma from phonopy's force constants is that of a parabola through energies of the same engine.

    One cell, one k-point: what is proven are units, masses, order of atoms and signs, not a converged dispersion.
    """
    pytest.importorskip('phonopy')
    shipped_family('sto-3g')
    run = {'kpoints_distance': 2.0, 'crystal': {'parameters': {'hamiltonian': {'method': 'RHF', 'dft': None}}}}
    builder = CrystalPhononWorkChain.get_builder_from_protocol(
        crystal_code,
        hydrogen,
        'fast',
        {'phonons': run},
        supercell=[1, 1, 1],
        method='finite_displacements',
        relax_type='none',
        options=OPTIONS,
    )
    results, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    summary = results['output_parameters'].get_dict()
    assert summary['engine'] == 'STAND-IN'
    assert (summary['n_atoms_primitive'], summary['n_atoms_supercell']) == (2, 2)
    found = max(summary['gamma_frequencies_cm1'])
    deck = DECK.format(z=0.73 / 3.5)
    assert found == pytest.approx(_frozen_phonon(deck, hydrogen.kinds[0].mass), rel=5e-3)
    bands = results['output_phonon_bands']
    assert bands.units == 'cm^-1'
    assert bands.get_bands()[0].max() == pytest.approx(found, rel=1e-6)
    grid, values = results['output_phonon_dos'].get_x()[1], results['output_phonon_dos'].get_y()[0][1]
    assert np.trapezoid(values, grid) == pytest.approx(6.0, rel=0.1)
    thermal = {name: values for name, values, _ in results['output_thermal'].get_y()}
    assert thermal['free_energy'][0] == pytest.approx(summary['zero_point_energy_kj_per_mol'], rel=1e-3)


def _frozen_phonon(deck: str, mass: float) -> float:
    """Return the stretching frequency (cm^-1) from energies at five bond lengths: omega^2 = E'' / (m/2).

    :param deck: of the undisplaced crystal, without symmetry to speak of: the z of the second atom is replaced.
    """
    from aiida_crystalmath.crystal.inputs.d12 import read_d12
    from aiida_crystalmath.standin import engine, translate

    energies, steps = [], np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    job = translate.job_from_d12(read_d12(deck))
    for step in steps:
        x = job.geometry.positions
        direction = x[1] - x[0]
        x = np.array([x[0], x[1] + step * direction / np.linalg.norm(direction)])
        moved = replace(job, geometry=job.geometry.with_positions(x, job.geometry.cell))
        energies.append(engine.run_scf(moved).energy)
    second = 2.0 * np.polyfit(steps / BOHR, energies, 4)[2]
    return float(np.sqrt(second / (0.5 * mass * AMU)) * HARTREE_CM1)


def test_density_of_states_reaches_the_stretches_of_hydrogen(generate_structure):
    """PDOS cuts off what lies above its highest frequency: H2O stretches at 3700 cm^-1, H2 at 4400."""
    assert highest_frequency(generate_structure('MgO')) == 2500.0
    assert dos_lines(highest_frequency(generate_structure('H2O'))) == ['PDOS', '4500 900', '1']
    assert dos_lines(1700.0) == ['PDOS', '1700 400', '1']


def test_spin_and_mesh_of_a_supercell(generate_structure):
    """Spin grows with the number of cells; the mesh of a distance shrinks with the length of the vectors."""
    parameters = {'scf': {'spinlock': [2, 10], 'toldee': 11}}
    assert locked_supercell(parameters, 8) == {'scf': {'spinlock': [16, 10]}}
    assert locked_supercell({'scf': {'toldee': 11}}, 8) == {}
    structure, matrix = generate_structure('MgO'), [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    inputs = {'crystal': {'parameters': orm.Dict(parameters)}, 'kpoints_distance': orm.Float(0.35)}
    assert n_primitive_atoms(structure, inputs) == 2
    assert supercell_mesh(inputs, structure, matrix) == {'scf': {'shrink': {'is': 4, 'isp': 8}}}  # 8 of one cell
    inputs['crystal']['parameters'] = orm.Dict({'scf': {'shrink': {'is': 3, 'isp': 6}}})
    assert supercell_mesh(inputs, structure, matrix) == {}
    layer = generate_structure('graphene')
    inputs['crystal']['parameters'] = orm.Dict(parameters)
    mesh = supercell_mesh(inputs, layer, [[3, 0], [0, 3]])['scf']['shrink']
    assert mesh['is'] == 3  # 2.95 1/Å / 3 / 0.35


@pytest.mark.parametrize(
    ('supercell', 'pbc', 'message'),
    [
        ([2, 2], (True, True, True), 'three whole numbers or a 3 x 3 matrix'),
        ([2, 2, 0], (True, True, True), 'has no volume'),
        ([2, 2, 2], (True, True, False), 'direction 3, which is not periodic'),
        ([2.5, 2, 2], (True, True, True), 'three whole numbers'),
    ],
)
def test_wrong_supercells_are_refused(supercell, pbc, message):
    with pytest.raises(ValueError, match=message):
        full_supercell(supercell, pbc)


def test_wrong_inputs_are_refused(fixture_code, generate_structure, shipped_family):
    code = fixture_code('crystalmath.crystal23')
    build = CrystalPhononWorkChain.get_builder_from_protocol
    with pytest.raises(ValueError, match='a molecule has no phonon dispersion'):
        build(code, generate_structure('H2O'), supercell=[2, 2, 2])
    with pytest.raises(ValueError, match='did you mean "scelphono"'):
        build(code, generate_structure('MgO'), supercell=[2, 2, 2], method='scelphon')
