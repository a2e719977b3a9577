"""Crystal23PropertiesParser on real outputs and plot files."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_crystalmath.crystal.inputs.d3 import read_d3
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.parsers.output_keys import PROPERTIES_KEYS

pytestmark = pytest.mark.corpus

ENTRY_POINT = 'crystalmath.properties23'


@pytest.fixture
def parse(generate_calc_job_node, generate_structure, generate_parser, corpus):
    """Parse corpus files as if a job had retrieved them: ``parse({'properties.out': 'run/name', ...}, d3)``."""

    def factory(files, d3='', structure_id='MgO', inputs=None, temporary=None, **kwargs):
        creator = generate_calc_job_node(
            'crystalmath.crystal23',
            inputs={'structure': generate_structure(structure_id), 'parameters': orm.Dict({})},
            exit_status=0,
        )
        creator.set_process_state('finished')
        results = orm.Dict({'n_ao': 18, 'functional': 'PBE'})
        results.base.links.add_incoming(creator, link_type=LinkType.CREATE, link_label='output_parameters')
        results.store()
        parameters = read_d3(d3).model_dump(mode='json', by_alias=True, exclude_unset=True)
        node = generate_calc_job_node(
            ENTRY_POINT,
            {name: corpus / path for name, path in files.items()},
            {'parent_folder': creator.outputs.remote_folder, 'parameters': orm.Dict(parameters), **(inputs or {})},
            **kwargs,
        )
        parser = generate_parser(ENTRY_POINT)
        return parser.parse_from_node(node, store_provenance=False, retrieved_temporary_folder=temporary)

    return factory


NACL_BANDS = 'BAND\nNaCl\n4 0 60 1 18 2 1\nG X\nX W\nW L\nL G\nEND\n'
MGO_DOSS = 'NEWK\n18 36\n1 0\nDOSS\n0 100 -1 -1 1 14 0\n-0.36749322 0.36749322\nEND\n'


def test_bands_of_a_real_run(parse):
    files = {'properties.out': 'nacl_hf_band_doss/NaCl.out', 'fort.25': 'nacl_hf_band_doss/NaCl.f25'}
    results, function = parse(files, NACL_BANDS)
    assert function.is_finished_ok, function.exit_message
    bands = results['output_bands']
    energies = bands.get_bands()
    assert energies.shape == (61, 18)
    assert bands.units == 'eV'
    # From NaCl.f25: the lowest band at the first point, and the Fermi energy (top of the valence bands).
    assert energies[0, 0] == pytest.approx(-1.04758e2 * HARTREE_EV, rel=1e-5)
    assert bands.base.attributes.get('fermi_energy_ev') == pytest.approx(-3.96858e-1 * HARTREE_EV, rel=1e-5)
    assert energies[:, 13].max() == pytest.approx(-3.96858e-1 * HARTREE_EV, rel=1e-5)
    labels = bands.labels
    assert [label for _, label in labels] == ['GAMMA', 'X', 'W', 'L', 'GAMMA']
    assert (labels[0][0], labels[-1][0]) == (0, 60)
    lengths = np.linalg.norm(bands.get_kpoints(cartesian=True), axis=1)
    ends = [lengths[index] for index, _ in labels]
    a = 4.217
    assert ends == pytest.approx([0, 2 * np.pi / a, 2 * np.pi / a * 1.25**0.5, 2 * np.pi / a * 0.75**0.5, 0], rel=1e-6)
    assert results['output_parameters'].get_dict()['functional'] == 'PBE'
    assert bands.base.extras.get('engine') == 'CRYSTAL'
    told = results['output_parameters'].get_dict()['bands']
    assert {f'bands.{key}' for key in told} == {key for key in PROPERTIES_KEYS if key.startswith('bands.')}


def test_density_of_states_of_a_real_run(parse):
    files = {'properties.out': 'mgo_sto3g_doss/main.out', 'fort.25': 'mgo_sto3g_doss/fort.25'}
    results, function = parse(files, MGO_DOSS)
    assert function.is_finished_ok, function.exit_message
    _, energies, unit = results['output_dos'].get_x()
    ((name, density, y_unit),) = results['output_dos'].get_y()
    assert (unit, y_unit, name) == ('eV', 'states/eV/cell', 'dos')
    # From fort.25: 102 energies from -3.74917E-01 in steps of 7.42411E-03, second value 2.37299E+01.
    assert energies[0] == pytest.approx(-3.74917e-1 * HARTREE_EV, rel=1e-6)
    assert len(energies) == 102
    assert density[1] == pytest.approx(2.37299e1 / HARTREE_EV, rel=1e-6)
    assert 'output_dos_projected' not in results
    told = results['output_parameters'].get_dict()['dos']
    assert {f'dos.{key}' for key in told} == {key for key in PROPERTIES_KEYS if key.startswith('dos.')}


def test_data_files_are_the_fallback(parse, corpus, tmp_path):
    (tmp_path / 'DOSS.DAT').write_bytes((corpus / 'mgo_sto3g_doss' / 'DOSS.DAT').read_bytes())
    results, function = parse({'properties.out': 'mgo_sto3g_doss/main.out'}, MGO_DOSS, temporary=str(tmp_path))
    assert function.is_finished_ok, function.exit_message
    assert len(results['output_dos'].get_x()[1]) == 102


def test_missing_plot_files_are_an_error_with_outputs(parse):
    results, function = parse({'properties.out': 'mgo_sto3g_doss/main.out'}, MGO_DOSS)
    assert function.exit_status == 360
    assert 'output_parameters' in results


def test_cut_plot_file_is_an_error(parse, corpus, tmp_path):
    cut = tmp_path / 'fort.25'
    cut.write_text('\n'.join((corpus / 'mgo_sto3g_doss' / 'fort.25').read_text().splitlines()[:8]))
    _, function = parse({'properties.out': 'mgo_sto3g_doss/main.out', 'fort.25': cut}, MGO_DOSS)
    assert function.exit_status == 360


def test_missing_output(parse):
    _, function = parse({}, MGO_DOSS)
    assert function.exit_status == 303


def test_output_of_the_other_program(parse):
    _, function = parse({'properties.out': 'mgo_sto3g_scf/crystal.out'}, MGO_DOSS)
    assert function.exit_status == 304


def test_scheduler_verdict_is_never_hidden(parse):
    files = {'properties.out': 'mgo_sto3g_doss/main.out', 'fort.25': 'mgo_sto3g_doss/fort.25'}
    results, function = parse(files, MGO_DOSS, exit_status=120)
    assert function.exit_status == 120
    assert 'output_dos' in results
