"""The transport files of BOLTZTRA and its echo on stdout: real files (values checked by eye), cut and broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.boltztra import read_tdf, read_transport
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

SMALL = """# 0 [Electrical conductivity in SI units, i.e. in 1/Ohm/m]
# Mu(eV) T(K) N(#carriers) sigma_xx
# T(K) =   300.00   Npoints =       2   V(cm^3) =  4.649E-22
      -4.84          300.000    5.870E+00    2.0000000E+08
      -4.74          300.000    5.513E+00    3.0000000E+08
# T(K) =   310.00   Npoints =       2   V(cm^3) =  4.649E-22
      -4.84          310.000    5.870E+00    4.0000000E+08
      -4.74          310.000    5.513E+00    5.0000000E+08
"""


class TestCorpus:
    """Real files."""

    pytestmark = pytest.mark.corpus

    @pytest.mark.parametrize(
        ('name', 'quantity', 'first', 'last'),
        [
            ('SG', ('SIGMA', '1/Ohm/m'), [2.8389586e08, 7.4129489e-08, 1.7501534e08], 1.1407175e08),
            ('SGS', ('SIGMAS', 'A/m/K'), [1.8235160e03, 1.3404751e-11, -3.6430854e03], -7.6644427e03),
            ('K', ('KAPPA', 'W/m/K'), [2.1426817e03, -1.4567732e-12, 1.3878421e03], 1.2757430e03),
        ],
    )
    def test_two_dimensions(self, corpus, name, quantity, first, last):
        tensor = read_transport((corpus / 'g2s_boltztra' / f'trans_G2S_{name}.DAT').read_text())
        assert (tensor.quantity, tensor.unit) == quantity
        assert tensor.components == ['xx', 'xy', 'yy']
        assert (tensor.n_spin, tensor.dimensionality, tensor.complete) == (1, 2, True)
        assert tensor.values.shape == (1, 21, 31, 3)
        np.testing.assert_array_equal(tensor.temperatures_k, np.arange(300.0, 501.0, 10.0))
        assert (tensor.chemical_potentials_ev[0], tensor.chemical_potentials_ev[-1]) == (-4.84, -1.84)
        np.testing.assert_array_equal(tensor.values[0, 0, 0], first)
        assert tensor.values[0, -1, -1, -1] == last
        assert (tensor.carriers[0, 0, 0], tensor.carriers[0, -1, -1]) == (5.87, -1.927)
        assert tensor.volume_cm3 == 4.649e-22

    def test_seebeck_of_two_dimensions(self, corpus):
        """Its tensor is not symmetric: four columns."""
        tensor = read_transport((corpus / 'g2s_boltztra' / 'trans_G2S_SK.DAT').read_text())
        assert (tensor.quantity, tensor.unit, tensor.dimensionality) == ('SEEBECK', 'V/K', 2)
        assert tensor.components == ['xx', 'xy', 'yx', 'yy']
        assert tensor.values[0, 0, 0, 3] == 2.0815806e-05

    def test_three_dimensions(self, corpus):
        """301 points are announced, 251 were written at each of three temperatures."""
        sigma = read_transport((corpus / 'misc_transport_S' / 'trans_Bi2Te3_SG.DAT').read_text())
        assert sigma.components == ['xx', 'xy', 'xz', 'yy', 'yz', 'zz']
        assert (sigma.values.shape, sigma.dimensionality, sigma.complete) == ((1, 3, 251, 6), 3, True)
        assert sigma.temperatures_k.tolist() == [300.0, 500.0, 700.0]
        assert sigma.values[0, -1, -1, -1] == 1.6311687e07
        seebeck = read_transport((corpus / 'misc_transport_S' / 'trans_Bi2Te3_SK.DAT').read_text())
        assert (seebeck.values.shape, seebeck.dimensionality) == ((1, 3, 251, 9), 3)
        assert seebeck.values[0, 0, 0, 8] == 4.0212503e-06

    def test_distribution(self, corpus):
        tdf = read_tdf((corpus / 'g2s_boltztra' / 'trans_G2S_TDF.DAT').read_text())
        assert (tdf.unit, tdf.components) == ('1/hbar^2*eV*fs/angstrom', ['xx', 'xy', 'yy'])
        assert tdf.values.shape == (1, 3401, 3)
        assert (tdf.energies_ev[0], tdf.energies_ev[-1]) == (-5.038, -1.638)
        np.testing.assert_array_equal(tdf.values[0, -1], [1.2503365e01, 1.0343057e-13, 2.4870321e01])
        assert (tdf.n_spin, tdf.complete) == (1, True)

    def test_cut(self, corpus):
        """What was read in full stays, unless a file stops between two temperatures it says so."""
        text = (corpus / 'misc_transport_S' / 'trans_Bi2Te3_SG.DAT').read_text()
        second = text.index('# T(K) = 500')
        third = text.index('# T(K) = 700')
        for cut in np.linspace(second + 10, third - 10, 12, dtype=int):
            tensor = read_transport(text[:cut])
            assert not tensor.complete
            assert tensor.values.shape == (1, 1, 251, 6)
        for cut in np.linspace(third + 2, len(text) - 3, 12, dtype=int):
            tensor = read_transport(text[:cut])
            assert not tensor.complete
            assert tensor.temperatures_k.tolist() == [300.0, 500.0]
        assert not read_transport(text[: text.rindex('\n', 0, second // 2)]).complete
        with pytest.raises(OutputFileError, match='the last row is cut'):
            read_transport(text[: text.rindex('\n', 0, second // 2) - 3])

    def test_echo(self, corpus):
        """The stdout beside the files, CRYSTAL22."""
        output = parse_stdout(corpus / 'g2s_boltztra' / 'trans_G2S.out')
        transport = output.properties.transport
        assert transport.relaxation_time_fs == 175.0
        assert transport.temperature_range_k == (300.0, 500.0, 10.0)
        assert transport.chemical_potential_range_ev == (-4.838, -1.838, 0.1)
        assert transport.tdf_range_ev == (-4.838, -1.838, 0.001)
        assert (transport.smearing, transport.smearing_scheme) == (0.0, 'GAUSSIAN')
        assert transport.directions == ['XX', 'XY', 'YY']
        assert transport.files == ['SIGMA.DAT', 'SIGMAS.DAT', 'SEEBECK.DAT', 'KAPPA.DAT', 'TDF.DAT']
        assert transport.complete

    def test_echo_cut(self, corpus):
        text = (corpus / 'g2s_boltztra' / 'trans_G2S.out').read_text()
        transport = parse_stdout(text[: text.index(' KAPPA.DAT') + 1]).properties.transport
        assert not transport.complete
        transport = parse_stdout(text[: text.index('  STEP TDF')]).properties.transport
        assert transport.tdf_range_ev is None
        assert transport.chemical_potential_range_ev == (-4.838, -1.838, 0.1)


class TestSmall:
    """Layouts without a real file, and broken files."""

    def test_one_dimension(self):
        tensor = read_transport(SMALL.replace('\n', '\r\n'))
        assert (tensor.dimensionality, tensor.complete) == (1, True)
        np.testing.assert_array_equal(tensor.values[0, :, :, 0], [[2e8, 3e8], [4e8, 5e8]])

    def test_spin_channels(self):
        """As CRYSTALpytools documents them: below a comment with ``Beta`` everything again."""
        head, rows = SMALL.split('# Mu', 1)
        text = head.replace('# 0', '# 1') + '# Mu' + rows + '# Beta\n# Mu' + rows.replace('E+08', 'E+09')
        tensor = read_transport(text)
        assert (tensor.n_spin, tensor.complete) == (2, True)
        np.testing.assert_array_equal(tensor.values[1], tensor.values[0] * 10)
        cut = read_transport(text[:-20])
        assert (cut.n_spin, cut.complete) == (1, False)

    def test_distribution_of_two_spins(self):
        text = (
            '# 1 [Transport distribution function (in units of 1/hbar^2*eV*fs/angstrom) vs energy in eV]\n'
            '# Energy(eV) TDF_xx\n -5.0380000E+00    2.0000000E+02\n -5.0370000E+00    1.0000000E+02\n'
            '# Beta\n# Energy(eV) TDF_xx\n -5.0380000E+00    3.0000000E+02\n -5.0370000E+00    4.0000000E+02\n'
        )
        tdf = read_tdf(text)
        assert tdf.complete
        np.testing.assert_array_equal(tdf.values[:, :, 0], [[200.0, 100.0], [300.0, 400.0]])

    def test_overflow_is_no_number(self):
        tensor = read_transport(SMALL.replace('2.0000000E+08', '*************'))
        assert np.isnan(tensor.values[0, 0, 0, 0])
        assert tensor.values[0, 0, 1, 0] == 3e8

    def test_single_temperature_shorter_than_announced(self):
        text = SMALL[: SMALL.index('# T(K) =   310')]
        assert read_transport(text).complete
        assert not read_transport(text.replace('=       2', '=       3')).complete

    @pytest.mark.parametrize(
        'text',
        [
            '',
            '\n\n',
            '# 0 [Seebeck coefficient in SI units, i.e. in V/K]\n',
            '# 0 [Seebeck coefficient in SI units, i.e. in V/K]\n# Mu(eV) T(K) N(#carriers) S_xx\n',
            SMALL.replace('5.513E+00', 'hello-you'),
            SMALL.replace('i.e. in 1/Ohm/m', 'whatever'),
        ],
    )
    def test_broken(self, text):
        with pytest.raises(OutputFileError, match='BOLTZTRA file'):
            read_transport(text)

    def test_wrong_reader(self):
        with pytest.raises(OutputFileError, match='not a transport distribution'):
            read_tdf(SMALL)
