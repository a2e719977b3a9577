"""Coupled-perturbed calculations of real outputs (values checked by eye), cut ones, and public layouts."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

OUTPUTS = {
    'dryice_raman': 'spec_dryIceRaman.out',
    'dryice_ir': 'spec_dryIceIR.out',
    'mgo_raman': 'raman.out',
    'nacl_freq_born': 'crystal.o',
}


@pytest.fixture(scope='module')
def text(corpus):
    return {run: (corpus / run / name).read_text(errors='replace') for run, name in OUTPUTS.items()}


class TestCorpus:
    """Before analytical IR and Raman intensities."""

    pytestmark = pytest.mark.corpus

    @pytest.mark.parametrize(
        ('run', 'method', 'values'),
        [
            ('dryice_raman', 'CPKS', (82.2680, 1.9384, 1.938374, 1.392255)),
            ('mgo_raman', 'CPHF', (5.1208, 1.5112, 1.511172, 1.229297)),
        ],
    )
    def test_linear_response(self, text, run, method, values):
        alpha, epsilon, principal, index = values
        output = parse_stdout(text[run])
        result = output.polarisability
        assert output.is_coupled_perturbed_run
        assert result.complete
        assert result.method == method
        assert len(result.responses) == 1
        np.testing.assert_array_equal(result.alpha_bohr3, np.eye(3) * alpha)
        np.testing.assert_array_equal(result.epsilon, np.eye(3) * epsilon)
        np.testing.assert_allclose(result.static.chi1, np.eye(3) * (epsilon - 1.0), atol=1e-9)
        assert result.static.epsilon_principal == (principal,) * 3
        assert result.static.refractive_indices == (index,) * 3

    def test_one_axis_differs_in_its_last_digit(self, text):
        static = parse_stdout(text['nacl_freq_born']).polarisability.static
        np.testing.assert_array_equal(np.diag(static.alpha_bohr3), [18.8509, 18.8509, 18.8510])
        assert static.epsilon_principal == (1.812611, 1.812611, 1.812612)

    def test_first_hyperpolarisability(self, text):
        beta = parse_stdout(text['dryice_raman']).polarisability.beta
        assert len(beta) == 10
        component = beta['ZZZ']
        assert (component.value, component.unsymmetrised) == (-2.8234e-22, -7.8914e-05)
        assert (component.chi, component.mks, component.cgs) == (-1.6103e-24, -1.5657e-24, -3.7353e-26)

    def test_second_hyperpolarisability(self, text):
        """Of CRYSTAL22, in exponents, and of CRYSTAL14, with a bracket next to the number."""
        gamma = parse_stdout(text['dryice_raman']).polarisability.gamma
        assert len(gamma) == 15
        assert (gamma['XXYY'].value, gamma['XXYY'].chi, gamma['XXYY'].mks) == (4980.5, 9.4683, 0.089518)
        gamma = parse_stdout(text['mgo_raman']).polarisability.gamma
        assert (gamma['XXYY'].value, gamma['XXYY'].unsymmetrised, gamma['XXYY'].cgs) == (157.1389, 157.1390, 0.0177)

    def test_cycles(self, text):
        result = parse_stdout(text['dryice_raman']).polarisability
        assert result.tolerance == {1: 1e-3, 2: 1e-3}
        assert [(cycles.field_direction, cycles.order) for cycles in result.cycles] == [
            ('X', 1),
            ('Y', 1),
            ('Z', 1),
            ('XX', 2),
            ('XY', 2),
            ('XZ', 2),
            ('YY', 2),
            ('YZ', 2),
            ('ZZ', 2),
        ]
        first = result.cycles[0]
        assert first.n_cycles == 7
        assert first.values[:2] == [105.264471, 23.452803]
        assert first.last_change == -4.4552e-04
        assert all(cycles.converged for cycles in result.cycles)
        assert parse_stdout(text['dryice_ir']).polarisability.gamma == {}

    def test_unconverged_cycles(self, text):
        """The last cycle of one field missing, the change is above the tolerance."""
        line = ' CYCLE   7   ALPHA   82.267968  EPSILON    1.938374  DELTA   -4.4552E-04\n'
        assert line in text['dryice_ir']
        result = parse_stdout(text['dryice_ir'].replace(line, '', 1)).polarisability
        assert [cycles.converged for cycles in result.cycles] == [False, True, True]

    def test_other_runs_have_none(self, corpus):
        output = parse_stdout(corpus / 'hfo2_8x_freq' / 'hfo2_8x_freqs.cryst.out')
        assert not output.is_coupled_perturbed_run
        assert output.polarisability is None


class TestCut:
    """Outputs that stop."""

    pytestmark = pytest.mark.corpus

    def test_never_complete_before_the_first_table(self, text):
        whole = text['mgo_raman']
        start, end = whole.index('CP_DRIVER'), whole.index(' DIELECTRIC TENSOR')
        for cut in np.linspace(whole.index('\n', start) + 1, end, 40, dtype=int):
            output = parse_stdout(whole[:cut])
            assert output.is_coupled_perturbed_run
            assert not output.polarisability.complete
            assert output.polarisability.alpha_bohr3 is None

    def test_second_order_begun(self, text):
        """The results of first order stay, the calculation is not complete."""
        whole = text['dryice_raman']
        start, end = whole.index('CP2_DRIVER'), whole.index(' SECOND HYPERPOLARIZABILITY')
        for cut in np.linspace(whole.index('\n', start) + 1, end + 900, 30, dtype=int):
            result = parse_stdout(whole[:cut]).polarisability
            assert not result.complete
            assert result.alpha_bohr3[0, 0] == 82.268
            assert result.gamma == {}

    def test_terminated_without_result(self, text):
        whole = text['mgo_raman']
        start, end = whole.index(' POLARIZABILITY (ALPHA)'), whole.rindex(' TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT END')
        output = parse_stdout(whole[:start] + whole[end:])
        assert output.terminated
        assert not output.polarisability.complete
        assert not output.succeeded


HEAD = """ EEEEEEEEEE STARTING  DATE 01 01 2020 TIME 00:00:00.0
 title

 KOHN-SHAM HAMILTONIAN

 INFORMATION **** CP_DRIVER **** CONVERGENCE ON ALPHA: 10**          -4
"""

SLAB = """
 *******************************************************************************

 POLARIZABILITY TENSOR  ALPHA (INDEPENDENT COMPONENTS)

  COMPONENT    ALPHA(REAL, IMAGINARY)
  0.000   XX     101.5000       0.0000
  0.000   YY-10190.2500       0.0000
  0.000   ZZ      34.7500       0.0000

 ALPHA IN BOHR**3
 *******************************************************************************

 FIRST HYPERPOLARIZABILITY TENSOR (BETA, INDEPENDENT COMPONENTS)

  COMPONENT      BETA
 *******************************************************************************

     XXX    5.5000E+01  (  5.4000E+01)
     XXY    **********  (  2.6000E+01)
 *******************************************************************************
"""

DYNAMIC = """
 DYNAMIC FIELD: RUN  1/  1 - RADIATION WAVELENGTH: 1064.0000 NM

  Frequency multiple:    1.165  1 x    1.165 eV

 ELECTRIC FIELD APPLIED ALONG CARTESIAN DIRECTION X

 CYCLE   0   ALPHA  210.500000  EPSILON    4.690000  DELTA    2.1050E+02
 CYCLE   1   ALPHA  210.500100  EPSILON    4.690000  DELTA    1.0000E-04

 *******************************************************************************

 POLARIZABILITY (ALPHA), DIELECTRIC (EPSILON) AND FIRST-ORDER ELECTRIC
 SUSCEPTIBILITY (CHI(1)) TENSORS (INDEPENDENT COMPONENTS)

  FR.(eV) COMP.   ALPHA(Re,Im)           EPSILON(Re,Im)                CHI(1)
  1.165   XX     210.5000       0.7500       4.6000       0.0125       3.6000
  1.165   XY       1.0000       0.0000       0.5000       0.0000       0.5000
  1.165   XZ      -0.0000       0.0000      -0.0000       0.0000      -0.0000
  1.165   YY     210.5000       0.7500       4.6000       0.0125       3.6000
  1.165   YZ      -0.0000       0.0000      -0.0000       0.0000      -0.0000
  1.165   ZZ     190.2500       0.5000       4.2500       0.0000       3.2500

 DIELECTRIC TENSOR

 TENSOR IN PRINCIPAL AXES SYSTEM
 AA  5.100000E+00 BB  4.100000E+00 CC  4.250000E+00

 REFRACTIVE INDICES
 AA  2.024846E+00 BB  2.061553E+00 CC  2.258318E+00

 OPTICALLY ANISOTROPIC - BIAXIAL CRYSTAL
 *******************************************************************************


  Pockels Effect beta(-omega;omega,0) with omega=   1.1653 eV

 *******************************************************************************

 DC-POCKELS AND SECOND ELECTRIC SUSCEPTIBILITY (CHI(2))
 TENSORS (INDEPENDENT COMPONENTS)

BETA                                         CHI(2)       d(MKS)       d(cgs)
 *******************************************************************************

     XXX         -0.5500E+02  -0.5000E+00  -0.4800E+00  -0.1160E-01
     XXY         -0.3900E+01  -0.3400E-01  -0.3300E-01  -0.8000E-03
 *******************************************************************************

  SHG Effect beta(-2omega;omega,omega) with omega=   1.1653 eV

 SECOND HARMONIC GENERATION (SHG)  AND SECOND ELECTRIC SUSCEPTIBILITY (CHI(2))
 TENSORS (INDEPENDENT COMPONENTS)

BETA                                         CHI(2)       d(MKS)       d(cgs)
 *******************************************************************************

     XXX         -0.1200E+03  -0.1100E+01  -0.1000E+01  -0.2500E-01
 *******************************************************************************
"""


class TestLayouts:
    """Layouts of the public test files of qcip_tools (CRYSTAL17), with other numbers."""

    def test_slab(self):
        """No dielectric tensor, no component off the diagonal; a number next to the component, and asterisks."""
        result = parse_stdout(HEAD + SLAB).polarisability
        assert result.complete
        assert result.method == 'CPKS'
        np.testing.assert_array_equal(np.diag(result.alpha_bohr3), [101.5, -10190.25, 34.75])
        assert np.isnan(result.alpha_bohr3[0, 1])
        assert result.epsilon is None
        assert (result.beta['XXX'].value, result.beta['XXX'].unsymmetrised, result.beta['XXX'].chi) == (
            55.0,
            54.0,
            None,
        )
        assert (result.beta['XXY'].value, result.beta['XXY'].unsymmetrised) == (None, 26.0)

    def test_dynamic_field(self):
        result = parse_stdout(HEAD + DYNAMIC).polarisability
        assert result.complete
        assert result.static is None
        (response,) = result.responses
        assert response.frequency_ev == 1.165
        assert response.alpha_imaginary_bohr3[0, 0] == 0.75
        assert response.epsilon[1, 0] == 0.5
        assert response.epsilon_imaginary[0, 0] == 0.0125
        assert response.epsilon_principal == (5.1, 4.1, 4.25)
        assert response.refractive_indices == (2.024846, 2.061553, 2.258318)
        assert [(cycles.frequency_ev, cycles.converged) for cycles in result.cycles] == [(1.165, True)]
        assert [(optical.kind, optical.frequency_ev) for optical in result.optical] == [
            ('pockels', 1.1653),
            ('shg', 1.1653),
        ]
        assert list(result.optical[0].components) == ['XXX', 'XXY']
        component = result.optical[1].components['XXX']
        assert (component.value, component.unsymmetrised, component.cgs) == (-120.0, None, -0.025)

    def test_dynamic_field_cut_before_its_last_table(self):
        text = HEAD + DYNAMIC
        result = parse_stdout(text[: text.index(' SECOND HARMONIC')]).polarisability
        assert not result.complete
        assert len(result.responses) == 1
