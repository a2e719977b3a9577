"""The quasi-harmonic approximation, with the recorded run of corundum by CRYSTAL itself."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.inputs.d12 import read_d12
from aiida_crystalmath.crystal.symmetry import expand

CHAIN = 'crystalmath.crystal.quasi_harmonic'
SUPERCELL = [[1, -1, 0], [0, 1, -1], [1, 1, 1]]


@pytest.fixture
def corundum(corpus):
    """Return the structure of the recorded run, from the input at the head of its output."""
    from aiida_crystalmath.data.structure import from_geometry

    lines = (corpus / 'corundum_qha' / 'propinp_Al2O3crys.out').read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith('Wed'))
    return from_geometry(expand(read_d12('\n'.join(lines[:end]) + '\n').geometry))


@pytest.fixture
def builder(shipped_family):
    shipped_family('sto-3g')
    return WorkflowFactory(CHAIN).get_builder_from_protocol


@pytest.mark.corpus
def test_corundum(replay, corpus, corundum, builder):
    """Numbers of the recorded output, divided by the three primitive cells of its supercell; the input asks for it."""
    from aiida_crystalmath.cli.show import result_rows
    from aiida_crystalmath.cli.summary import summarise

    code = replay(corpus / 'corundum_qha')
    inputs = builder(code, corundum, 'fast', supercell=SUPERCELL, temperatures=(100, 10, 1200), optimise=False)
    results, node = run_get_node(inputs)
    assert node.is_finished_ok, node.exit_message
    assert 'SCELPHONO\n1 -1 0\n0 1 -1\n1 1 1\nQHA\nTEMPERAT\n100 10.0 1200.0\nEND\n' in replay.decks[0]
    found = results['output_parameters'].get_dict()
    assert found['primitive_cells_in_supercell'] == 3
    assert found['n_atoms'] == 10
    assert found['static_volume_angstrom3'] == pytest.approx(264.8959 / 3)
    assert found['static_bulk_modulus_gpa'] == 230.78
    assert found['n_imaginary'] == 0
    # Heated: larger and softer than at rest; between measured 22e-6/K and what PBE gives.
    assert found['temperature_k'] == pytest.approx(298, abs=7)
    assert found['volume_angstrom3'] > found['static_volume_angstrom3']
    assert found['bulk_modulus_gpa'] < found['adiabatic_bulk_modulus_gpa'] < found['static_bulk_modulus_gpa']
    assert 10e-6 < found['expansion_per_k'] < 25e-6
    table, (x_name, temperatures, unit) = results['output_quasi_harmonic'], results['output_thermal_properties'].get_x()
    assert (x_name, unit, len(temperatures)) == ('temperature', 'K', 100)
    curves = {name: values for name, values, _ in results['output_thermal_properties'].get_y()}
    assert np.array_equal(curves['volume_angstrom3'] * 3, table.get_array('helmholtz_0_volumes_angstrom3'))
    assert 'output_eos' in results
    shown = {name: value for name, value, _ in result_rows(summarise(node))}
    assert shown['volume'].endswith(f'(static {264.8959 / 3:.4f})')


@pytest.mark.corpus
def test_failed_run_is_told(replay, corpus, corundum, builder):
    """An input error of CRYSTAL ends the chain with the reason."""
    code = replay(corpus / 'mgo100_itol_error', repeat=True)
    _, node = run_get_node(builder(code, corundum, 'fast', optimise=False))
    assert node.exit_status == 422
    assert 'quasi-harmonic run' in node.exit_message


def test_optimisation_comes_first(fixture_code, generate_structure, builder):
    """By default the structure is optimised; electronic arguments reach both parts."""
    inputs = builder(fixture_code('crystalmath.crystal23'), generate_structure('MgO'), 'fast', supercell=[2, 2, 2])
    assert inputs.geopt.base.crystal.parameters['geometry']['optgeom']['type'] == 'FULLOPTG'
    geometry = inputs.base.crystal.parameters['geometry']
    assert geometry['scelphono'] == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    assert 'optgeom' not in geometry
    assert inputs.base.crystal.parameters['scf']['toldee'] == 10


def test_a_supercell_has_as_many_times_the_spin(fixture_code, generate_structure, builder):
    """SPINLOCK is of the cell that is computed: two electrons of one cell are sixteen of eight."""
    polarised = {'spin_type': 'collinear', 'initial_magnetic_moments': {'Mg': 2}}
    inputs = builder(
        fixture_code('crystalmath.crystal23'), generate_structure('MgO'), 'fast', supercell=[2, 2, 2], **polarised
    )
    assert inputs.geopt.base.crystal.parameters['scf']['spinlock'] == [2, 10]
    assert inputs.base.crystal.parameters['scf']['spinlock'] == [16, 10]


@pytest.mark.parametrize('wrong', [[2, 2], [[1, 0, 0], [0, 1, 0], [1, 1, 0]], [1.5, 1, 1]])
def test_wrong_supercells(fixture_code, generate_structure, builder, wrong):
    with pytest.raises(ValueError, match='supercell'):
        builder(fixture_code('crystalmath.crystal23'), generate_structure('MgO'), 'fast', supercell=wrong)


def test_what_is_no_crystal_or_asks_for_nothing_is_refused(fixture_code, generate_structure, builder):
    code = fixture_code('crystalmath.crystal23')
    with pytest.raises(ValueError, match='must be a crystal'):
        builder(code, generate_structure('graphene'), 'fast')
    inputs = builder(code, generate_structure('MgO'), 'fast', optimise=False)
    parameters = inputs.base.crystal.parameters.get_dict()
    parameters['geometry'].pop('qha')
    inputs.base.crystal.parameters = orm.Dict(parameters)
    with pytest.raises(ValueError, match=r'no `geometry\.qha`'):
        run_get_node(inputs)
