"""POTC of the stand-in: the potential of a slab averaged over planes, against integrals made in another way."""

from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.potc import read_potc
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.standin import crystal_run, properties_run, wavefunction
from aiida_crystalmath.standin.system import SLAB_VACUUM_ANGSTROM

pytestmark = pytest.mark.standin

LIH = """LiH monolayer
SLAB
61
2.8874
2
3 0.0 0.0 0.0
1 0.5 0.5 0.0
END
3 2
1 0 3 2.0 0.0
1 1 3 1.0 0.0
1 1
1 0 3 1.0 0.0
99 0
END
DFT
PBEXC
END
SHRINK
2 2
END
"""


@pytest.fixture(scope='module')
def monolayer(tmp_path_factory):
    """Return a folder with the wavefunction of a plane of LiH."""
    folder = tmp_path_factory.mktemp('lih')
    assert crystal_run.run(LIH, folder, io.StringIO()) == 0
    return folder


def _properties(folder, deck):
    stream = io.StringIO()
    return properties_run.run(deck, folder, stream), stream.getvalue()


def test_potential_has_the_zero_of_the_energies(monolayer):
    """Its integral follows from the second moments that set the zero of the eigenvalues (analytic integrals)."""
    status, _ = _properties(monolayer, 'POTC\n1 2001 0\n40.0 -40.0\nEND\n')
    assert status == 0
    profile = read_potc((monolayer / 'POTC.DAT').read_text())
    heights, (potential, field) = profile.distances / BOHR_ANGSTROM, profile.values
    assert np.abs(potential[[0, -1]]).max() < 1e-8
    assert potential.max() == pytest.approx(potential[1000]), 'positive, and largest in the plane of the nuclei'
    np.testing.assert_allclose(potential, potential[::-1], atol=1e-8)
    np.testing.assert_allclose(np.gradient(potential, heights)[5:900], -field[5:900], atol=2e-3)
    length = SLAB_VACUUM_ANGSTROM / BOHR_ANGSTROM  # of the repeated cell; the plane itself has no thickness
    shift = wavefunction.load(monolayer / 'fort.9').spherical_shift
    assert -np.trapezoid(potential, heights) / length == pytest.approx(shift, rel=2e-2)


@pytest.mark.parametrize('deck', ['POTC\n0 1 0\n0.0 0.0 0.0\nEND\n', 'POTC\n1 1 0\n5.0 -5.0\nEND\n'])
def test_other_potentials_are_refused(monolayer, deck):
    status, text = _properties(monolayer, deck)
    assert status != 0
    assert 'POTC: the stand-in does averages over planes' in text
