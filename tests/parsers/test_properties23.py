"""Crystal23PropertiesParser on real outputs and plot files."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_crystalmath.crystal.inputs.d3 import read_d3
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.parsers.array_keys import ARRAYS
from aiida_crystalmath.parsers.output_keys import BOTH_KEYS, PROPERTIES_KEYS

pytestmark = pytest.mark.corpus

ENTRY_POINT = 'crystalmath.properties23'


@pytest.fixture
def parse(generate_calc_job_node, generate_structure, generate_parser, corpus):
    """Parse corpus files as if a job had retrieved them: ``parse({'properties.out': 'run/name', ...}, d3)``."""

    def factory(files, d3='', structure_id='MgO', *, inputs=None, temporary=None, parent=None, **kwargs):
        made = parent or {}
        creator = generate_calc_job_node(
            'crystalmath.crystal23',
            {'crystal.out': corpus / made['output']} if 'output' in made else None,
            inputs={
                'structure': generate_structure(structure_id),
                'parameters': orm.Dict(made.get('parameters') or {}),
            },
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


# -------------------------------------------------------------------------------------------------- further keywords


@pytest.fixture
def parse_files(parse, corpus, tmp_path):
    """Parse a run whose working folder had the given files: ``parse_files(run, output, d3, {name: file})``."""

    def factory(run, output, d3, files, **kwargs):
        for name, source in files.items():
            (tmp_path / name).write_bytes((corpus / run / source).read_bytes())
        return parse({'properties.out': f'{run}/{output}', **kwargs}, d3, temporary=str(tmp_path))

    return factory


G2S = {
    'SIGMA.DAT': 'trans_G2S_SG.DAT',
    'SIGMAS.DAT': 'trans_G2S_SGS.DAT',
    'SEEBECK.DAT': 'trans_G2S_SK.DAT',
    'KAPPA.DAT': 'trans_G2S_K.DAT',
    'TDF.DAT': 'trans_G2S_TDF.DAT',
}
BOLTZTRA = 'BOLTZTRA\nTRANGE\n300 500 10\nMURANGE\n-4.84 -1.84 0.1\nTDFRANGE\n-5 -2 0.01\nEND\nEND\n'


def test_transport(parse_files):
    """First rows of the five files; they have the components xx, xy, yy (and yx of the Seebeck coefficient)."""
    results, function = parse_files('g2s_boltztra', 'trans_G2S.out', BOLTZTRA, G2S)
    assert function.is_finished_ok, function.exit_message
    node = results['output_transport']
    assert node.get_array('temperatures_k')[:2].tolist() == [300, 310]
    assert node.get_array('chemical_potentials_ev')[0] == pytest.approx(-4.84)
    assert node.get_array('carriers_per_cell')[0, 0, 0] == pytest.approx(5.87)
    sigma = node.get_array('conductivity_per_ohm_m')
    assert sigma.shape == (1, 21, 31, 2, 2)
    assert sigma[0, 0, 0] == pytest.approx(np.array([[2.8389586e8, 7.4129489e-8], [7.4129489e-8, 1.7501534e8]]))
    seebeck = node.get_array('seebeck_v_per_k')[0, 0, 0]
    assert seebeck == pytest.approx(np.array([[-6.4231864e-6, -7.3871258e-20], [-5.2652461e-20, 2.0815806e-5]]))
    assert node.get_array('thermal_conductivity_w_per_m_k')[0, 0, 0, 1, 1] == pytest.approx(1387.8421)
    # sigma S, of its own file, is the product of the two others, with the sign of the electron.
    product = node.get_array('conductivity_times_seebeck_a_per_m_k')[0, 0, 0]
    assert (sigma[0, 0, 0] @ seebeck)[0, 0] == pytest.approx(-product[0, 0], rel=1e-5)
    assert node.get_array('tdf')[0, 0, 0, 0] == pytest.approx(299.80188)
    assert node.get_array('tdf_energies_ev')[0] == pytest.approx(-5.038)


def test_transport_that_was_asked_for_must_be_there(parse_files):
    results, function = parse_files('g2s_boltztra', 'trans_G2S.out', BOLTZTRA, {})
    assert function.exit_status == 360
    assert 'output_parameters' in results


def test_cut_transport_file_is_an_error(parse_files, corpus, tmp_path):
    """Cut in the middle of a row; what other files tell is attached all the same."""
    text = (corpus / 'g2s_boltztra' / 'trans_G2S_SG.DAT').read_text()
    (tmp_path / 'SIGMA.DAT').write_text(text[:200])
    _, function = parse_files('g2s_boltztra', 'trans_G2S.out', BOLTZTRA, {'TDF.DAT': 'trans_G2S_TDF.DAT'})
    assert function.exit_status == 360


ECHG = 'ECHG\n0\n100\nCOORDINA\n24 -14 0\n0 0 0\n-0.17 27.8 0\nEND\nPATO\n0 0\nEND\n'


@pytest.mark.parametrize(
    ('run', 'name', 'first', 'corner'),
    [
        # Lines 1, 2 and 4 of each fort.25: number of points, point A, first value.
        ('graphene_mv_echg', 'dens_grapheneMV', {'shape': (100, 100), 'value': 2.11249e-2}, [12.7064, -7.4408, 0]),
        ('hematite_echg', 'dens_hematite', {'shape': (24, 42), 'value': 2.80950e-3}, [2.93009, 0, 4.61958]),
    ],
)
def test_maps(parse, run, name, first, corner):
    """Density and spin density, and those of the superposed atoms."""
    results, function = parse({'properties.out': f'{run}/{name}.out', 'fort.25': f'{run}/{name}.f25'}, ECHG)
    assert function.is_finished_ok, function.exit_message
    node = results['output_maps']
    assert node.base.attributes.get('quantities') == ['charge', 'spin', 'charge', 'spin']
    assert node.base.attributes.get('units')[0] == 'e/bohr^3'
    assert node.base.attributes.get('frame') == 'crystal'
    values = node.get_array('map_0')
    assert values.shape == first['shape']
    assert values[0, 0] == pytest.approx(first['value'])
    assert node.get_array('map_0_origin_angstrom') == pytest.approx(corner, abs=1e-4)
    assert len(node.get_array('numbers')) == len(node.get_array('positions_angstrom'))
    told = results['output_parameters'].get_dict()['maps']
    assert [item['quantity'] for item in told] == node.base.attributes.get('quantities')
    assert values.max() == pytest.approx(told[0]['maximum'], rel=1e-3)
    assert node.base.extras.get('engine') == 'CRYSTAL'


def test_maps_that_were_asked_for_must_be_there(parse):
    _, function = parse({'properties.out': 'hematite_echg/dens_hematite.out'}, ECHG)
    assert function.exit_status == 360


def test_cubes_are_files_of_their_own(parse_files):
    cubes = {'DENS_CUBE.DAT': 'dens_hematite_chg.cube', 'SPIN_CUBE.DAT': 'dens_hematite_spin.cube'}
    results, function = parse_files('hematite_echg', 'dens_hematite.out', 'PATO\n0 0\nEND\n', cubes)
    assert function.is_finished_ok, function.exit_message
    assert set(results['output_cubes']) == {'dens', 'spin'}
    assert results['output_cubes']['dens'].filename == 'DENS_CUBE.DAT'


def test_powder_spectrum(parse):
    results, function = parse({'properties.out': 'diamond_xrd/spec_diamondXRD.out'}, 'END\n')
    assert function.is_finished_ok, function.exit_message
    spectrum = results['output_xrd'].get_array('spectrum')
    assert spectrum.shape[1] == 4
    assert results['output_xrd'].base.attributes.get('wavelength_angstrom') == pytest.approx(1.5406)
    # The strongest reflection of diamond, (111), lies at 43.9 degrees with this wavelength.
    assert spectrum[int(np.argmax(spectrum[:, 1])), 0] == pytest.approx(43.9, abs=0.3)


def test_state_after_newk(parse):
    results, function = parse({'properties.out': 'mgo_sto3g_newk/main.out'}, 'NEWK\n18 36\n1 0\nEND\n')
    assert function.is_finished_ok, function.exit_message
    told = results['output_parameters'].get_dict()
    assert told['keywords'] == ['NEWK']
    assert told['newk']['shrink'] == [18, 18, 18]


def test_every_array_is_documented(parse, parse_files):
    """Those of POTC have no real file."""
    maps, _ = parse(
        {'properties.out': 'hematite_echg/dens_hematite.out', 'fort.25': 'hematite_echg/dens_hematite.f25'}, ECHG
    )
    spectrum, _ = parse({'properties.out': 'diamond_xrd/spec_diamondXRD.out'}, 'END\n')
    transport, _ = parse_files('g2s_boltztra', 'trans_G2S.out', BOLTZTRA, G2S)
    for results, port in ((maps, 'output_maps'), (spectrum, 'output_xrd'), (transport, 'output_transport')):
        names = {re.sub(r'_\d+(?=_|$)', '_N', name) for name in results[port].get_arraynames()}
        assert names == set(ARRAYS[port])


def test_every_key_is_documented(parse, corpus):
    """Of all real outputs of properties."""
    known = {*BOTH_KEYS, *PROPERTIES_KEYS}
    found = set()
    for run, values in json.loads((corpus / 'truth.json').read_text()).items():
        if values['program'] == 'properties':
            results, _ = parse({'properties.out': f'{run}/{values["file"]}'}, 'END\n')
            for key, value in results['output_parameters'].get_dict().items():
                found |= {f'{key}.{inner}' for inner in value} if isinstance(value, dict) else {key}
    assert found <= known
    from_files = {key for key in PROPERTIES_KEYS if key.startswith(('bands.', 'dos.'))}
    assert set(PROPERTIES_KEYS) - found - from_files <= {'incomplete_keywords', 'topond.critical_points'}


def test_bands_after_edits_of_the_geometry_are_crystals(parse, corpus):
    """No way leads from CRYSTAL's cell to the structure: the node has the cell that was printed, and nothing fails."""
    files = {'properties.out': 'nacl_hf_band_doss/NaCl.out', 'fort.25': 'nacl_hf_band_doss/NaCl.f25'}
    parent = {'parameters': {'geometry': {'edits': ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2']}}}
    results, function = parse(files, NACL_BANDS, parent={**parent, 'output': 'mgo222_freq/mgo-222.out'})
    assert function.is_finished_ok, function.exit_message
    assert results['output_bands'].get_bands().shape == (61, 18)
    # B1 of the supercell in mgo-222.out: twice the primitive vector of a = 4.0790 Å.
    assert np.linalg.norm(results['output_bands'].cell[0]) == pytest.approx(2 * 4.0790 / 2**0.5, rel=1e-4)
