"""The chain of vibrational frequencies: real molecules with the stand-in, recorded runs of CRYSTAL played again."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_crystalmath.workflows.crystal.frequencies import CrystalFrequenciesWorkChain

OPTIONS = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'max_wallclock_seconds': 600}
HARTREE_FOCK = {'hamiltonian': {'method': 'RHF', 'dft': None}}
BOTH_WAYS = {'geometry': {'freqcalc': {'numderiv': 2}}}


@pytest.fixture
def water_builder(crystal_code, generate_structure, shipped_family):
    """Return a factory of builders for water, Hartree-Fock in STO-3G."""

    def factory(**arguments):
        shipped_family('sto-3g')
        overrides = {
            part: {**inner}
            for part, inner in (
                ('frequencies', {'crystal': {'parameters': {**HARTREE_FOCK, **BOTH_WAYS}}}),
                ('geopt', {'base': {'crystal': {'parameters': HARTREE_FOCK}}}),
            )
        }
        return CrystalFrequenciesWorkChain.get_builder_from_protocol(
            crystal_code, generate_structure('H2O'), 'fast', overrides, options=OPTIONS, **arguments
        )

    return factory


@pytest.fixture
def recorded_nacl(corpus, replay):
    """Play CRYSTAL14's frequency run of NaCl, with intensities and a given dielectric tensor."""
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
    from aiida_crystalmath.data.structure import from_geometry

    folder = corpus / 'nacl_freq_band_doss'
    structure = from_geometry(parse_stdout(folder / 'NaCl.out').initial_geometry)
    step = replay.files(folder / 'NaCl.out', {'HESSFREQ.DAT': folder / 'NaCl.hessfreq'})
    parameters = {
        'basis': {'library': 'STO-3G'},
        'scf': {'shrink': {'is': 16, 'isp': 16}, 'toldee': 11},
        'geometry': {'freqcalc': {'intens': True}},
    }
    return {
        'structure': structure,
        'frequencies': {
            'crystal': {
                'code': replay(step),
                'parameters': orm.Dict(parameters),
                'metadata': {'options': OPTIONS},
            }
        },
    }


@pytest.mark.standin
def test_water_is_a_minimum_with_three_vibrations(water_builder):
    """Relaxed and vibrating with the same method: PySCF's own analytic Hessian at that geometry gives the same."""
    from pyscf import gto, scf
    from pyscf.data.elements import COMMON_ISOTOPE_MASSES

    results, node = run_get_node(water_builder())
    assert node.is_finished_ok, node.exit_message
    summary = results['output_vibrations'].get_dict()
    assert (summary['n_modes'], summary['n_rigid_modes'], summary['n_imaginary']) == (9, 6, 0)
    assert summary['is_minimum'] is True
    assert summary['warnings'] == []
    assert summary['engine'] == 'STAND-IN'
    assert summary['max_force_hartree_per_bohr'] < 3e-4
    positions = [(site.kind_name, site.position) for site in results['output_structure'].sites]
    mole = gto.M(atom=positions, basis='sto-3g', verbose=0)
    field = scf.RHF(mole).set(conv_tol=1e-13).run()
    hessian = field.Hessian().kernel().transpose(0, 2, 1, 3).reshape(9, 9)
    root = np.repeat(np.sqrt([1822.888486 * COMMON_ISOTOPE_MASSES[z] for z in (8, 1, 1)]), 3)
    expected = np.sqrt(np.linalg.eigvalsh(hessian / np.outer(root, root))[-3:]) * 219474.6313632
    found = np.sort(results['output_modes'].get_array('frequencies_cm1'))[-3:]
    assert found == pytest.approx(expected, abs=3.0)
    zero_point = 0.5 * expected.sum() / 219474.6313632
    assert summary['zero_point_energy_hartree'] == pytest.approx(zero_point, abs=1e-5)
    assert results['output_parameters']['frequencies']['zero_point_energy_hartree'] == pytest.approx(
        summary['zero_point_energy_hartree'], abs=1e-8
    )


@pytest.mark.standin
def test_spectrum_has_the_area_of_the_intensities(water_builder):
    """The broadened spectrum integrates to the printed intensities of the vibrations, those of rotations left out."""
    results, _ = run_get_node(water_builder(relax_type='none'))
    modes, spectrum = results['output_modes'], results['output_ir_broadened']
    name, grid, unit = spectrum.get_x()
    assert (name, unit) == ('frequency', 'cm^-1')
    area = np.trapezoid(spectrum.get_y()[0][1], grid)
    assert area == pytest.approx(modes.get_array('ir_intensities_km_per_mol')[6:].sum(), rel=0.02)
    assert set(results) >= {'output_born_charges', 'output_hessian', 'output_thermodynamics', 'output_thermal'}
    # Not relaxed in STO-3G, the molecule of the experiment is no stationary point, which must be said.
    assert any('no stationary point' in text for text in results['output_vibrations']['warnings'])


@pytest.mark.standin
def test_isotopes_shift_the_frequencies(water_builder):
    """D2O: every vibration falls, the stretches by about the root of two."""
    light, _ = run_get_node(water_builder(relax_type='none'))
    heavy, node = run_get_node(water_builder(relax_type='none', isotopes={'H': 2.014102}, infrared=False))
    lines = node.inputs.frequencies.crystal.parameters['geometry']['freqcalc']['extra']
    assert lines == ['ISOTOPES', '2', '2 2.014102', '3 2.014102']
    ratio = np.divide(*(one['output_modes'].get_array('frequencies_cm1')[-3:] for one in (light, heavy)))
    assert (ratio > 1.3).all()
    assert (ratio < 1.42).all()
    assert 'output_ir_broadened' not in heavy


def test_recorded_crystal_keeps_acoustic_modes_apart(recorded_nacl):
    """CRYSTAL's NaCl: three translations known by their eigenvectors; charges, tensors and its own table handed on."""
    results, node = run_get_node(CrystalFrequenciesWorkChain, **recorded_nacl)
    assert node.is_finished_ok, node.exit_message
    summary = results['output_vibrations'].get_dict()
    assert summary['rigid_modes'] == [1, 2, 3]
    assert summary['rigid_modes_found_by'] == 'eigenvectors'
    assert summary['zero_point_energy_hartree'] == pytest.approx(0.001238186675, abs=2e-9)  # E0 as printed
    assert results['output_dielectric'].get_array('static')[0, 0] == pytest.approx(3.84904)
    assert results['output_born_charges'].get_array('born_charges_e')[0, 0, 0] == pytest.approx(0.98636)
    assert results['output_thermodynamics'].get_array('entropy_mhartree_per_k')[0] == pytest.approx(0.011074053954)
    names = {name: (values, unit) for name, values, unit in results['output_thermal'].get_y()}
    temperatures = results['output_thermal'].get_x()[1]
    at_room = {name: np.interp(298.15, temperatures, values) for name, (values, _) in names.items()}
    assert at_room['entropy'] == pytest.approx(29.07492456, abs=0.02)  # as printed, J/(mol K)
    assert at_room['heat_capacity'] == pytest.approx(23.41361098, abs=0.01)
    assert at_room['free_energy'] == pytest.approx(3.25085866 + 4.65377385 - 8.66868876, abs=0.02)


def test_loose_scf_is_refused(recorded_nacl):
    """Where CRYSTAL only warns of a loss of accuracy, the chain does not start."""
    parameters = recorded_nacl['frequencies']['crystal']['parameters'].get_dict()
    parameters['scf']['toldee'] = 8
    recorded_nacl['frequencies']['crystal']['parameters'] = orm.Dict(parameters)
    with pytest.raises(ValueError, match=r'scf\.toldee` is 8; second derivatives .* need at least 10'):
        run_get_node(CrystalFrequenciesWorkChain, **recorded_nacl)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'electronic_type': 'metal', 'infrared': True}, 'a metal has no infrared'),
        ({'isotopes': {'D': 2.0}}, 'no kind "D"'),
        ({'isotopes': {'H': -1.0}}, 'must be positive'),
        ({'temperatures': (5, 300, 100)}, 'temperatures: give their number'),
    ],
)
def test_wrong_arguments_are_refused(water_builder, arguments, message):
    with pytest.raises(ValueError, match=message):
        water_builder(**arguments)


def test_raman_asks_for_what_the_manual_documents(water_builder):
    """INTRAMAN needs INTENS and INTCPHF, as in the real decks of CRYSTAL22."""
    block = water_builder(raman=True).frequencies.crystal.parameters['geometry']['freqcalc']
    assert block['intens'] is True
    assert block['intraman'] is True
    assert block['extra'] == ['INTCPHF', 'END']
