"""Readers of BerkeleyGW's text files, on tables in the layouts of its manual.

No real file is here: the numbers are the tests' own, in the columns that the manual and its published examples have.
What these tests prove is that the readers read that layout, not that a program writes it.
"""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.berkeleygw.outputs import read_absorption, read_eigenvalues, read_eqp, read_sigma_hp
from aiida_crystalmath.crystal.outputs.errors import OutputFileError

NAMES = 'n Emf Eo X SX-X CH Sig Vxc Eqp0 Eqp1 Znk'.split()


def sigma_table(point, spin, rows, names=NAMES):
    place = '  '.join(f'{value:9.6f}' for value in point)
    lines = [f'       k = {place} ik =   1 spin = {spin}', '', '   ' + '  '.join(names)]
    lines += [f'{row[0]:4d}' + ''.join(f'{value:12.6f}' for value in row[1:]) for row in rows]
    return '\n'.join([*lines, ' ', ''])


ROWS = [[n, -6.0 + n, -6.0 + n, -12.0, 4.0, -3.0, -11.0, -10.5, -6.5 + n, -6.4 + n, 0.8] for n in (1, 2)]


def test_sigma():
    text = ' frequency_dependence   1\n\n' + sigma_table((0, 0, 0), 1, ROWS) + sigma_table((0.5, 0, 0), 1, ROWS)
    first, second = read_sigma_hp(text + '\n====\n    n = band index.\n')
    assert (first.kpoint, second.kpoint, first.spin) == ((0, 0, 0), (0.5, 0, 0), 1)
    assert first.bands.tolist() == [1, 2]
    assert first.columns['znk'].tolist() == [0.8, 0.8]
    emf, vxc, sig, eqp0 = (first.columns[name] for name in ('emf', 'vxc', 'sig', 'eqp0'))
    assert eqp0 == pytest.approx(emf - vxc + sig)


def test_sigma_with_other_columns():
    """The static remainder adds primed columns; they are taken by name."""
    names = [*NAMES[:6], *NAMES[6:], "CH'", "Sig'"]
    rows = [[*row, -2.9, -10.9] for row in ROWS]
    assert read_sigma_hp(sigma_table((0, 0, 0), 1, rows, names))[0].columns["sig'"].tolist() == [-10.9, -10.9]


@pytest.mark.parametrize(
    'text',
    [
        '',
        '       k =  0.0 0.0 0.0 ik =   1 spin = 1\n',
        sigma_table((0, 0, 0), 1, []),
        sigma_table((0, 0, 0), 1, [row[:-1] for row in ROWS]),
        sigma_table((0, 0, 0), 1, ROWS).replace('-11.000000', '**********'),
    ],
)
def test_sigma_that_is_not_whole(text):
    with pytest.raises(OutputFileError, match=r'sigma_hp\.log'):
        read_sigma_hp(text)


def eqp(points, n_spin=1, n_bands=2):
    lines = []
    for index, point in enumerate(points):
        lines.append(''.join(f'{value:13.9f}' for value in point) + f'{n_spin * n_bands:8d}')
        for spin in range(1, n_spin + 1):
            for band in range(1, n_bands + 1):
                energy = 10 * spin + band + 0.1 * index
                lines.append(f'{spin:8d}{band:8d}{energy:15.9f}{energy + 0.5:15.9f}')
    return '\n'.join(lines) + '\n'


@pytest.mark.parametrize('n_spin', [1, 2])
def test_quasiparticles(n_spin):
    found = read_eqp(eqp([(0, 0, 0), (0.5, 0.5, 0)], n_spin))
    assert found.mean_field_ev.shape == (n_spin, 2, 2)
    assert found.mean_field_ev[-1, 1, 0] == pytest.approx(10 * n_spin + 1.1)
    assert found.quasiparticle_ev - found.mean_field_ev == pytest.approx(0.5)
    assert found.kpoints[1].tolist() == [0.5, 0.5, 0]


def test_quasiparticles_that_are_not_whole():
    lines = eqp([(0, 0, 0), (0.5, 0, 0)]).splitlines()
    for end in (0, 1, 2, 4, 5):
        with pytest.raises(OutputFileError, match=r'eqp\.dat'):
            read_eqp('\n'.join(lines[:end]))


def test_excitons():
    head = '# neig  =        2\n# vol   =  0.270000000E+03\n# nspin =        1\n#       eig (eV)   abs(dipole)^2\n'
    rows = '  0.31000000E+01  0.20000000E+00  0.44721360E+00  0.00000000E+00\n' * 2
    found = read_eigenvalues(head + rows)
    assert found.energies_ev.tolist() == [3.1, 3.1]
    assert found.strengths.tolist() == [0.2, 0.2]
    assert (found.cell_volume_bohr3, found.n_spin) == (270.0, 1)
    with pytest.raises(OutputFileError, match='2 excitons announced, 1 found'):
        read_eigenvalues(head + rows.splitlines()[0])


@pytest.mark.parametrize('columns', [3, 4])
def test_absorption(columns):
    rows = [[0.0, 0.0, 10.0, 0.0], [0.1, 1.0, 11.0, 2.0]]
    text = ' # Column 1: omega\n # Column 2: eps2(omega)\n'
    text += '\n'.join(''.join(f'{value:16.9f}' for value in row[:columns]) for row in rows) + '\n'
    found = read_absorption(text)
    assert found.energy_ev.tolist() == [0.0, 0.1]
    assert found.eps_im.tolist() == [0.0, 1.0]
    assert found.eps_re.tolist() == [10.0, 11.0]
    assert (found.jdos is None) == (columns == 3)


@pytest.mark.parametrize(
    'text', ['', '# Column 1: omega\n', '0.0 1.0\n', '0.0 1.0 2.0 3.0\n0.1 1.0 2.0\n', '0 1 NaN\n']
)
def test_absorption_that_is_not_whole(text):
    with pytest.raises(OutputFileError):
        read_absorption(text)


def test_numbers_are_not_made_up():
    """What is read are the numbers of the text, in its order."""
    text = '\n'.join(f'{value / 10} {value} {-value} {value * 2}' for value in range(5))
    assert np.array_equal(read_absorption(text).eps_im, np.arange(5.0))
