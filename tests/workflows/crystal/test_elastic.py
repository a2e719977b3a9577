"""The chain of elastic constants, with recorded runs of CRYSTAL: stable, unstable, and of a layer."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_crystalmath.workflows.crystal.elastic import CrystalElasticWorkChain

OPTIONS = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'max_wallclock_seconds': 600}


@pytest.fixture
def play(corpus, replay):
    """Return a function that runs the chain on a recorded output."""

    def factory(name: str, **parameters):
        from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
        from aiida_crystalmath.data.structure import from_geometry

        (output,) = (corpus / name).glob('*.out')
        structure = from_geometry(parse_stdout(output).initial_geometry)
        crystal = {
            'code': replay(replay.files(output), repeat=True),
            'parameters': orm.Dict(
                {
                    'basis': {'library': 'STO-3G'},
                    'scf': {'shrink': {'is': 4, 'isp': 4}},
                    'geometry': {'elastcon': {'numderiv': 3}},
                    **parameters,
                }
            ),
            'metadata': {'options': OPTIONS},
        }
        return run_get_node(CrystalElasticWorkChain, structure=structure, elastic={'crystal': crystal})

    return factory


def test_stable_crystal(play, truth):
    """MgO under pressure (CRYSTAL14): constants and averages as printed, Born's conditions of a cubic crystal hold."""
    results, node = play('mgo_elastic_c14')
    assert node.is_finished_ok, node.exit_message
    found = results['output_elastic_properties'].get_dict()
    (known,) = (value for key, value in truth.items() if key.startswith('mgo_elastic_c14'))
    assert found['bulk_hill_gpa'] == pytest.approx(known['bulk_modulus'], abs=0.01)
    assert results['output_elastic'].get_array('constants_gpa')[0] == pytest.approx(known['elastic_matrix'][0])
    assert found['is_stable'] is True
    assert found['pattern_of_constants'] == 'cubic'
    assert [one['holds'] for one in found['born_conditions']] == [True, True, True]
    printed = results['output_parameters']['elastic']
    for name in ('shear_voigt', 'shear_reuss', 'shear_hill', 'young_hill'):
        assert found[f'{name}_gpa'] == pytest.approx(printed[f'{name}_gpa'], abs=0.02)
    assert found['poisson_hill'] == pytest.approx(printed['poisson_hill'], abs=0.005)  # two decimals are printed
    # Of a cubic crystal the extremes lie along [100] and [111]: J. F. Nye, Physical Properties of Crystals, ch. 8.
    c11, c12, c44 = 1024.92, 193.388, 289.268
    axis = (c11 - c12) * (c11 + 2 * c12) / (c11 + c12)
    diagonal = 3 * c44 * (c11 + 2 * c12) / (c11 + 2 * c12 + c44)
    assert found['young_maximum_gpa'] == pytest.approx(axis, rel=1e-3)
    assert found['young_minimum_gpa'] == pytest.approx(diagonal, rel=1e-3)


def test_unstable_crystal_is_told(play):
    """A negative C44: the chain ends well and says that the crystal is unstable, and by which condition."""
    results, node = play('e1674_elastic')
    assert node.is_finished_ok, node.exit_message
    found = results['output_elastic_properties'].get_dict()
    assert found['is_stable'] is False
    assert {one['condition']: one['holds'] for one in found['born_conditions']}['C44 > 0'] is False
    assert any('mechanically unstable' in text for text in found['warnings'])
    assert not {'young_minimum_gpa', 'shear_hill_gpa'} & set(found)


def test_layer(play):
    """Graphene: N/m from hartree per cell; an isotropic layer, Young's modulus of about 350 N/m in HSE06."""
    results, node = play('graphene_elastic')
    assert node.is_finished_ok, node.exit_message
    found = results['output_elastic_properties'].get_dict()
    assert found['pattern_of_constants'] == 'hexagonal layer'
    # 4.479 hartree per cell of 5.19 Å^2 (a = 2.447 Å): 376 N/m; Young's modulus C11 - C12^2/C11.
    area = 2.447**2 * 3**0.5 / 2
    c11, c12 = (x * 4.3597447222e-18 / (area * 1e-20) for x in (4.479, 0.982))
    assert found['young_x_newton_per_metre'] == pytest.approx(c11 - c12**2 / c11, rel=5e-3)
    assert found['poisson_xy'] == pytest.approx(0.982 / 4.479, abs=1e-3)


def test_run_without_constants_fails_with_what_there_is(play):
    """An optimisation that failed before: the base chain's own reason is told."""
    results, node = play('failed_elastic')
    assert node.exit_status == 427
    assert 'output_elastic' not in results


def test_molecule_is_refused(generate_structure, fixture_code):
    with pytest.raises(ValueError, match='a molecule has no elastic constants'):
        CrystalElasticWorkChain.get_builder_from_protocol(
            fixture_code('crystalmath.crystal23'), generate_structure('H2O')
        )
