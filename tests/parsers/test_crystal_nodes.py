"""The nodes of vibrations, strain and fields, of real outputs: values read off the files, and the axes of the user."""

from __future__ import annotations

import re

import numpy as np
import pytest
from aiida import orm
from aiida.plugins import CalculationFactory

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.data.structure import from_geometry
from aiida_crystalmath.parsers.array_keys import ARRAYS

pytestmark = pytest.mark.corpus

ENTRY_POINT = 'crystalmath.crystal23'
TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
"""A proper rotation that mixes all three axes."""


@pytest.fixture
def parse(corpus, truth, generate_calc_job_node, generate_parser, tmp_path):
    """Parse a run of the corpus; by default its structure is the cell that the output begins with.

    ``temporary`` maps names in the working folder to files of the run.
    """

    def factory(run, structure=None, parameters=None, *, settings=None, text=None, temporary=None):
        path = corpus / run / truth[run]['file']
        if structure is None:
            structure = from_geometry(parse_stdout(path).initial_geometry)
        inputs = {'parameters': orm.Dict(parameters or {}), 'structure': structure}
        if settings is not None:
            inputs['settings'] = orm.Dict(settings)
        node = generate_calc_job_node(ENTRY_POINT, {'crystal.out': text or path}, inputs)
        for name, source in (temporary or {}).items():
            (tmp_path / name).write_bytes((corpus / run / source).read_bytes())
        return generate_parser(ENTRY_POINT).parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(tmp_path)
        )

    return factory


@pytest.fixture
def turned(corpus, truth):
    """Return the user's structure of a run in other axes and another order, and that order."""

    def factory(run):
        initial = parse_stdout(corpus / run / truth[run]['file']).initial_geometry
        order = np.random.default_rng(5).permutation(len(initial))
        geometry = Geometry.from_fractional(initial.cell @ TURN, initial.fractional, initial.numbers)
        return from_geometry(geometry.with_sites(geometry.sites[i] for i in order)), order

    return factory


NO_SYMMETRY = {'symmetry': 'none'}
"""With it the order of atoms in CRYSTAL's cell is the user's, whatever it printed."""


# ------------------------------------------------------------------------------------------------------- vibrations


def test_modes_of_mgo(parse):
    """Lines 2581-2646 and 2455-2470 of raman.out."""
    results, function = parse('mgo_raman', parameters={'geometry': {'freqcalc': {'intens': True}}})
    assert function.is_finished_ok, function.exit_message
    modes = results['output_modes']
    assert modes.get_array('frequencies_cm1') == pytest.approx([0, 0, 0, 485.0276, 485.0276, 485.0276])
    assert modes.get_array('ir_intensities_km_per_mol')[3:] == pytest.approx([1045.07] * 3)
    assert modes.get_array('degeneracies').tolist() == [3] * 6
    assert modes.base.attributes.get('irreps') == ['Fu'] * 6
    assert modes.get_array('ir_active').all()
    assert not modes.get_array('raman_active').any()
    assert modes.get_array('masses_amu') == pytest.approx([23.985, 15.9949], abs=1e-3)
    vectors = modes.get_array('eigenvectors')
    assert vectors[5] == pytest.approx(np.array([[0, 0, -0.0643], [0, 0, 0.0965]]))
    charges = results['output_born_charges'].get_array('born_charges_e')
    assert charges[0] == pytest.approx(1.8517 * np.eye(3), abs=1e-10)
    assert charges.sum(axis=0) == pytest.approx(np.zeros((3, 3)), abs=1e-10)
    assert results['output_dielectric'].get_array('vibrational') == pytest.approx(4.00666 * np.eye(3))
    response = results['output_polarisability']
    assert response.get_array('alpha_bohr3')[0] == pytest.approx(5.1208 * np.eye(3))
    assert response.get_array('epsilon')[0] == pytest.approx(1.5112 * np.eye(3))
    assert 'alpha_imaginary_bohr3' not in response.get_arraynames()
    assert all(node.base.extras.get('engine') == 'CRYSTAL' for node in results.values())
    told = results['output_parameters'].get_dict()
    assert told['frequencies']['intensity_method'] == 'cphf'
    assert told['thermodynamics']['gibbs_hartree'] == [pytest.approx(-274.66116326139)]


def test_modes_of_paracetamol(parse):
    """Lines 1653-1661, 1896-1910, 11716 and 11730 of phono_paracetamolG.out."""
    results, function = parse('paracetamol_freq', parameters={'geometry': {'freqcalc': {}}})
    assert function.is_finished_ok, function.exit_message
    modes = results['output_modes']
    assert modes.get_array('frequencies_cm1')[3:6] == pytest.approx([34.3721, 41.0483, 51.2534])
    assert modes.get_array('eigenvectors').shape == (240, 80, 3)
    assert modes.get_array('eigenvectors')[3, :2] == pytest.approx(
        np.array([[0.0131, 0.0477, 0.0417], [-0.0131, 0.0477, -0.0417]])
    )
    # Without intensities CRYSTAL prints zeros everywhere: they are none.
    assert 'ir_intensities_km_per_mol' not in modes.get_arraynames()
    told = results['output_parameters'].get_dict()
    assert told['frequencies']['zero_point_energy_hartree'] == pytest.approx(0.670005954735)
    assert results['output_thermodynamics'].get_array('gibbs_hartree') == pytest.approx([-2057.056367578673])


def test_eigenvectors_are_orthogonal_with_the_masses(parse):
    """As the how-to does it: CRYSTAL's displacements, weighted and normalised, within their four decimals."""
    modes = parse('mgo_raman')[0]['output_modes']
    weighted = modes.get_array('eigenvectors') * np.sqrt(modes.get_array('masses_amu'))[:, None]
    weighted /= np.linalg.norm(weighted.reshape(len(weighted), -1), axis=1)[:, None, None]
    flat = weighted.reshape(6, 6)
    assert flat @ flat.T == pytest.approx(np.eye(6), abs=2e-3)


def test_modes_come_in_the_users_axes_and_order(parse, turned):
    """In a turned and shuffled cell every displacement turns with its atom; masses follow as well."""
    structure, order = turned('paracetamol_freq')
    given, _ = parse('paracetamol_freq')
    results, _ = parse('paracetamol_freq', structure, settings=NO_SYMMETRY)
    modes = results['output_modes']
    assert modes.base.attributes.get('frame') == 'structure'
    printed = given['output_modes'].get_array('eigenvectors')
    assert modes.get_array('eigenvectors') == pytest.approx(printed[:, order] @ TURN, abs=1e-6)
    positions = np.array([site.position for site in structure.sites])
    assert modes.get_array('positions_angstrom') == pytest.approx(positions, abs=1e-3)
    assert modes.get_array('cell_angstrom') == pytest.approx(np.array(structure.cell), abs=1e-4)
    masses = dict(zip(modes.get_array('numbers').tolist(), modes.get_array('masses_amu').round(1), strict=True))
    assert masses == {1: 1.0, 6: 12.0, 7: 14.0, 8: 16.0}


def test_charges_come_in_the_users_axes_and_order(parse, turned):
    """Tensors without symmetry: Z' = R^T Z R of every atom; the crystal stays neutral."""
    structure, order = turned('dryice_raman')
    given, _ = parse('dryice_raman')
    results, _ = parse('dryice_raman', structure, settings=NO_SYMMETRY)
    printed = given['output_born_charges'].get_array('born_charges_e')
    # Line of the file: ATOM 1 C, first row 1.5961 0.5832 0.7097.
    assert printed[0, 0] == pytest.approx([1.5961, 0.5832, 0.7097], abs=1e-4)
    charges = results['output_born_charges'].get_array('born_charges_e')
    assert charges == pytest.approx(TURN.T @ printed[order] @ TURN, abs=1e-6)
    assert charges.sum(axis=0) == pytest.approx(np.zeros((3, 3)), abs=2e-3)
    raman = results['output_modes'].get_array('raman_intensities')
    assert np.nanmax(raman) == pytest.approx(1000)


def test_modes_of_a_larger_cell_stay_in_crystals(parse, corpus, truth):
    """Two primitive cells have more modes than were computed; the node says whose cell it holds."""
    initial = parse_stdout(corpus / 'mgo_raman' / truth['mgo_raman']['file']).initial_geometry
    a = float(np.linalg.norm(initial.cell[0])) * 2**0.5
    shifts = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    places = np.concatenate([shifts + np.array([0.5, 0, 0]), shifts])
    structure = from_geometry(Geometry.from_fractional(np.eye(3) * a, places, [8] * 4 + [12] * 4))
    results, _ = parse('mgo_raman', structure)
    modes = results['output_modes']
    assert modes.base.attributes.get('frame') == 'crystal'
    assert modes.get_array('eigenvectors').shape == (6, 2, 3)
    assert modes.get_array('numbers').tolist() == [12, 8]
    assert modes.get_array('cell_angstrom') == pytest.approx(np.array(initial.cell))
    # Charges are those of every atom of the user's cell.
    charges = results['output_born_charges'].get_array('born_charges_e')
    assert np.trace(charges, axis1=1, axis2=2) / 3 == pytest.approx([-1.8517] * 4 + [1.8517] * 4)


def test_no_modes_of_a_cut_table(parse, corpus, truth):
    """A file that stops inside the table of frequencies has none, and says so."""
    lines = (corpus / 'mgo_raman' / truth['mgo_raman']['file']).read_text().splitlines(keepends=True)
    assert 'Fu ' in lines[2582]
    results, function = parse(
        'mgo_raman', text=''.join(lines[:2583]), parameters={'geometry': {'freqcalc': {'intens': True}}}
    )
    assert function.exit_status == 404
    assert 'output_modes' not in results
    told = results['output_parameters'].get_dict()
    assert told.get('frequencies', {'complete': False}) == {'complete': False}
    assert 'thermodynamics' not in told


GRAPHENE = 2.45205


def graphene():
    """Return graphene in the cell of textbooks: along x, angle of 120 degrees, vacuum of 20 Å."""
    structure = orm.StructureData(
        cell=[[GRAPHENE, 0, 0], [-GRAPHENE / 2, GRAPHENE * 3**0.5 / 2, 0], [0, 0, 20]], pbc=(True, True, False)
    )
    structure.append_atom(position=(0, GRAPHENE / 3**0.5, 0), symbols='C')
    structure.append_atom(position=(GRAPHENE / 2, GRAPHENE / 12**0.5, 0), symbols='C')
    return structure


DISPERSION = {'geometry': {'scelphono': [[12, 0], [0, 12]], 'freqcalc': {'dispersi': True}}}


def test_phonon_bands_are_those_of_the_cell_that_was_given(parse):
    """CRYSTAL prints the supercell of 288 atoms; the q points belong to the cell of two that it was made of."""
    results, function = parse('graphene_phonon_band', graphene(), DISPERSION)
    assert function.is_finished_ok, function.exit_message
    bands = results['output_phonon_bands']
    assert bands.units == 'cm^-1'
    assert bands.get_bands().shape == (123, 6)
    assert bands.base.attributes.get('frame') == 'structure'
    assert bands.cell[0] == pytest.approx([GRAPHENE, 0, 0])
    # G - K - M - G; the frequencies of Gamma as printed in the first table of the file.
    assert bands.labels[0] == (0, 'GAMMA')
    assert bands.get_kpoints()[[0, 40, 81, 122]] == pytest.approx(
        np.array([[0, 0, 0], [1 / 3, 1 / 3, 0], [0.5, 0, 0], [0, 0, 0]])
    )
    lengths = np.linalg.norm(bands.get_kpoints(cartesian=True), axis=1)
    assert lengths[[40, 81]] == pytest.approx([4 * np.pi / (3 * GRAPHENE), 2 * np.pi / (3**0.5 * GRAPHENE)], rel=1e-6)
    assert bands.get_bands()[0, 3:] == pytest.approx([831.9192, 1656.5041, 1656.5041])
    modes = results['output_modes']
    assert modes.get_array('positions_angstrom').shape == (2, 3)
    assert modes.base.attributes.get('frame') == 'structure'


def test_phonon_density_of_states(parse):
    results, function = parse('graphene_phonon_dos', graphene(), DISPERSION)
    assert function.is_finished_ok, function.exit_message
    _, frequencies, unit = results['output_phonon_dos'].get_x()
    curves = {name: values for name, values, _ in results['output_phonon_dos'].get_y()}
    assert unit == 'cm^-1'
    assert list(curves) == ['total', 'C', 'C 1', 'C 2']
    # INTEGRAL OF THE TOTAL PDOS as printed: 6.
    assert np.trapezoid(curves['total'], frequencies) == pytest.approx(6, abs=0.05)
    assert curves['C 1'] + curves['C 2'] == pytest.approx(curves['total'], abs=1e-4)
    assert results['output_phonon_bands'].get_kpoints().shape == (144, 3)


def test_phonons_of_an_unknown_cell_stay_in_crystals(parse, generate_structure):
    results, _ = parse('graphene_phonon_band', generate_structure('Si'), DISPERSION)
    bands = results['output_phonon_bands']
    assert bands.base.attributes.get('frame') == 'crystal'
    assert np.linalg.norm(bands.cell[0]) == pytest.approx(GRAPHENE, rel=1e-4)
    assert bands.pbc == (True, True, False)


def test_quasi_harmonic_tables(parse):
    """Lines 20976-20985 and the head of 22061 of propinp_Al2O3crys.out; no single volume's modes are handed on."""
    results, function = parse('corundum_qha')
    assert function.is_finished_ok, function.exit_message
    assert not {'output_modes', 'output_structure', 'output_trajectory', 'output_thermodynamics'} & set(results)
    tables = results['output_quasi_harmonic']
    assert tables.get_array('frequencies_cm1').shape == (90, 4)
    assert tables.get_array('volumes_angstrom3')[0] == pytest.approx(256.8676)
    assert tables.get_array('helmholtz_0_bulk_modulus_gpa')[0] == pytest.approx(225.407)
    assert tables.base.attributes.get('pressures_gpa')[1] == pytest.approx(1.09)
    fits = results['output_parameters'].get_dict()['equation_of_state']['fits']
    assert fits[1] == {
        'name': 'BIRCH-MURNAGHAN 1947',
        'selection': 'ALL POINTS',
        'volume_angstrom3': 264.8959,
        'energy_hartree': -4263.44395044,
        'bulk_modulus_gpa': 230.78,
        'bulk_modulus_prime': 4.02,
    }
    assert len(results['output_eos'].get_array('volumes_angstrom3')) == 4


# ------------------------------------------------------------------------------------------------------ files beside


def test_hessian_gives_the_frequencies(parse, turned):
    """The matrix of HESSFREQ.DAT, weighted with the masses, has the eigenvalues of the table, in the user's order."""
    structure, _ = turned('paracetamol_freq')
    results, _ = parse(
        'paracetamol_freq', structure, settings=NO_SYMMETRY, temporary={'HESSFREQ.DAT': 'ha_paracetamolG.HESSFREQ'}
    )
    hessian = results['output_hessian'].get_array('hessian_hartree_per_bohr2')
    assert hessian.shape == (80, 3, 80, 3)
    masses = results['output_modes'].get_array('masses_amu') * 1822.888486
    weighted = hessian / np.sqrt(masses[:, None, None, None] * masses[None, None, :, None])
    flat = weighted.reshape(240, 240)
    eigenvalues = np.linalg.eigvalsh((flat + flat.T) / 2)
    printed = results['output_modes'].get_array('eigenvalues_hartree2')
    assert eigenvalues[-150:] == pytest.approx(printed[-150:], rel=5e-3)


def test_spectra(parse):
    """First rows of spec_dryIceIR.IRSPEC and spec_dryIceRaman.RAMSPEC."""
    results, _ = parse('dryice_ir', temporary={'IRSPEC.DAT': 'spec_dryIceIR.IRSPEC'})
    names = [name for name, _, _ in results['output_ir_spectrum'].get_y()]
    assert names[:2] == ['absorbance_raw', 'absorbance_classical']
    assert results['output_ir_spectrum'].get_x()[2] == 'cm^-1'
    results, _ = parse('dryice_raman', temporary={'RAMSPEC.DAT': 'spec_dryIceRaman.RAMSPEC'})
    curves = {name: values for name, values, _ in results['output_raman_spectrum'].get_y()}
    assert len(curves) == 9
    assert curves['total'] == pytest.approx(curves['parallel'] + curves['perpendicular'], rel=1e-3, abs=1)


# ---------------------------------------------------------------------------------------------------------- strain


def test_elastic_constants_of_crystals(parse):
    """Lines 2088-2111 of elastic3D_ZIF8_P0.out, 747-793 of mgo_elastic_c14/crystal.out."""
    results, function = parse('zif8_p0_elastic', parameters={'geometry': {'elastcon': {}}})
    assert function.is_finished_ok, function.exit_message
    constants = results['output_elastic'].get_array('constants_gpa')
    assert constants[0] == pytest.approx([12.076, 9.273, 9.273, 0, 0, 0])
    assert constants[5, 5] == pytest.approx(1.213)
    assert results['output_elastic'].get_array('compliance_per_tpa')[0, 1] == pytest.approx(-108.0635)
    told = results['output_parameters'].get_dict()['elastic']
    assert (told['bulk_hill_gpa'], told['shear_reuss_gpa'], told['young_hill_gpa']) == (10.21, 1.28, 3.7)
    results, function = parse('mgo_elastic_c14', parameters={'geometry': {'elastcon': {}}})
    assert function.is_finished_ok, function.exit_message
    assert results['output_elastic'].get_array('constants_gpa')[0, :2] == pytest.approx([1024.92, 193.388])
    assert results['output_parameters'].get_dict()['elastic']['bulk_modulus_gpa'] == pytest.approx(470.57)


def test_elastic_constants_in_the_users_axes(parse, turned):
    """C' and S' are each other's inverse, the bulk modulus stays, and no element is where it was."""
    structure, _ = turned('mgo_elastic_c14')
    results, _ = parse('mgo_elastic_c14', structure, settings=NO_SYMMETRY)
    node = results['output_elastic']
    assert node.base.attributes.get('frame') == 'structure'
    constants, compliance = node.get_array('constants_gpa'), node.get_array('compliance_per_tpa')
    assert constants @ compliance == pytest.approx(1000 * np.eye(6), abs=0.6)
    assert constants[:3, :3].sum() / 9 == pytest.approx((1024.92 + 2 * 193.388) / 3)
    assert abs(constants[0, 0] - 1024.92) > 10


def test_elastic_constants_of_a_slab(parse):
    """Lines 968-970 of elastic2D_graphene.out: hartree per cell; 375 N/m with the area of 5.2070 Å^2."""
    results, function = parse('graphene_elastic', parameters={'geometry': {'elastcon': {}}})
    assert function.is_finished_ok, function.exit_message
    node = results['output_elastic']
    assert node.get_array('constants_hartree') == pytest.approx(
        np.array([[4.479, 0.982, 0], [0.982, 4.479, 0], [0, 0, 1.749]])
    )
    assert node.get_array('constants_newton_per_metre')[0, 0] == pytest.approx(375.0, abs=0.1)


# ---------------------------------------------------------------------------------------------------- optimisations


def test_trajectory_tells_gradients_and_trust_radii(parse):
    """Points 1 to 8 of nio_tzvp_pbe0_opt.o: lines 1041-1529."""
    results, function = parse('nio_tzvp_pbe0_opt', parameters={'geometry': {'optgeom': {}}})
    assert function.is_finished_ok, function.exit_message
    trajectory = results['output_trajectory']
    assert trajectory.get_stepids().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    energies = trajectory.get_array('energies_hartree')
    assert energies[[0, 1, 7]] == pytest.approx([-3166.755115549, -3166.7551633987, -3166.7551841291], abs=1e-9)
    assert trajectory.get_array('forces_hartree_per_bohr').shape == (8, 4, 3)
    assert trajectory.get_array('criteria').shape == (8, 4)
    assert not trajectory.get_array('rejected').any()
    assert np.nanmax(trajectory.get_array('trust_radii_bohr')) == pytest.approx(4.0)


def test_forces_of_a_single_point(parse, corpus):
    """Of 128 atoms one is displaced: its force is the largest, and all add up to nothing."""
    results, function = parse('si_supercell_grad')
    assert function.is_finished_ok, function.exit_message
    forces = results['output_forces'].get_array('forces_hartree_per_bohr')
    assert forces.shape == (128, 3)
    assert forces.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-4)
    assert int(np.argmax(np.linalg.norm(forces, axis=1))) == 0


# ------------------------------------------------------------------------------------------------------------ all


RUNS = (
    *('mgo_raman', 'dryice_raman', 'corundum_qha', 'graphene_phonon_dos', 'nacl_freq_band_doss', 'zif8_p0_elastic'),
    *('graphene_elastic', 'nio_tzvp_pbe0_opt', 'toluene_opt', 'si_supercell_grad', 'paracetamol_disp_f1'),
)


def test_every_array_is_documented(parse):
    """And every documented array of these ports is emitted by some real output, but for those that need other files."""
    found = {}
    for run in RUNS:
        for port, node in parse(run)[0].items():
            if isinstance(node, orm.ArrayData) and not isinstance(node, orm.XyData | orm.BandsData):
                names = {re.sub(r'_\d+(?=_)', '_N', name) for name in node.get_arraynames()}
                found[port] = found.get(port, set()) | names
    for port, names in found.items():
        assert names <= set(ARRAYS[port]), port
    missing = {port: set(ARRAYS[port]) - names for port, names in found.items()}
    assert missing.pop('output_forces') == {'stress_hartree_per_bohr3'}
    assert missing.pop('output_polarisability') == {'alpha_imaginary_bohr3', 'epsilon_imaginary'}
    # Of the columns of the three kinds of tables CRYSTAL prints those that it has.
    assert all('_N_' in name for name in missing.pop('output_quasi_harmonic'))
    assert missing.pop('output_trajectory') == {'enthalpies_hartree'}
    assert not any(missing.values()), missing


def test_every_port_of_arrays_is_documented(aiida_profile):
    for entry_point in (ENTRY_POINT, 'crystalmath.properties23'):
        for name, port in CalculationFactory(entry_point).spec().outputs.items():
            types = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
            assert (name in ARRAYS) == bool({orm.ArrayData, orm.TrajectoryData} & set(types)), name


CUT = ('mgo_raman', 'graphene_phonon_dos', 'nacl_freq_band_doss', 'zif8_p0_elastic', 'corundum_qha')
RESULTS = ('output_modes', 'output_elastic', 'output_eos', 'output_quasi_harmonic', 'output_phonon_bands')


@pytest.mark.parametrize('run', CUT)
def test_a_cut_output_has_no_other_results_than_the_whole_one(parse, corpus, truth, run):
    """Whatever node there is of a file that stops anywhere has nothing but what the whole file has."""
    text = (corpus / run / truth[run]['file']).read_text(errors='replace')
    structure = from_geometry(parse_stdout(text).initial_geometry)
    whole, _ = parse(run, structure)
    random = np.random.default_rng(13)
    for stop in sorted(random.integers(len(text) // 20, len(text), 10).tolist()):
        results, function = parse(run, structure, text=text[:stop])
        # After its end a file may have words of the machine only.
        assert function.exit_status or 'EEEEEEEEEE TERMINATION  DATE' in text[:stop]
        for label in set(RESULTS) & set(results):
            told, known = arrays(results[label]), arrays(whole[label])
            for name, values in told.items():
                assert np.array_equal(values, known[name], equal_nan=values.dtype.kind == 'f'), (stop, label, name)


def arrays(node):
    """Return all arrays of a node."""
    return {name: node.get_array(name) for name in node.get_arraynames()}


# ------------------------------------------------------------------------------------------------- missing results


@pytest.mark.parametrize('block', ['freqcalc', 'elastcon', 'eos', 'cphf'])
def test_result_that_was_asked_for_must_be_there(parse, block):
    """A whole SCF, but nothing of what its input asked for."""
    results, function = parse('mgo_scf_b3lyp', parameters={'geometry': {block: {}}})
    assert function.exit_status == 391
    assert 'output_parameters' in results


def test_frequencies_that_are_there_are_a_success(parse):
    _, function = parse('si_freq_c14', parameters={'geometry': {'freqcalc': {}}})
    assert function.is_finished_ok, function.exit_message
