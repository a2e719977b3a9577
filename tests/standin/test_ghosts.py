"""Ghosts in the stand-in: basis functions without nucleus and electrons, against PySCF asked directly."""

from __future__ import annotations

import io

import pytest

from aiida_crystalmath.crystal.inputs.d12 import read_d12
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.standin import crystal_run
from aiida_crystalmath.standin.model import StandinError
from aiida_crystalmath.standin.translate import job_from_d12

pytestmark = pytest.mark.standin

BASIS = '1 1\n1 0 3 1.0 0.0\n2 1\n1 0 3 2.0 0.0\n99 0\n'
H2_HE = 'H2 beside a ghost\nMOLECULE\n1\n3\n1 0.0 0.0 0.0\n1 0.0 0.0 0.74\n2 0.0 0.0 2.5\nEND\n'


def _run(deck, folder):
    stream = io.StringIO()
    assert crystal_run.run(deck, folder, stream) == 0, stream.getvalue()[-500:]
    return parse_stdout(stream.getvalue().splitlines(keepends=True))


def test_molecule_in_the_basis_of_its_partner(tmp_path):
    """The energy is PySCF's with a ghost; the output names the ghost, whose charge is minus its electrons."""
    from pyscf import gto, scf

    output = _run(f'{H2_HE}{BASIS}GHOSTS\n1\n3\nEND\nPPAN\nEND\n', tmp_path)
    mole = gto.M(
        atom='H 0 0 0; H 0 0 0.74; ghost-He 0 0 2.5',
        basis={'H': 'sto-3g', 'ghost-He': gto.basis.load('sto-3g', 'He')},
        verbose=0,
    )
    assert output.energy_hartree == pytest.approx(scf.RHF(mole).kernel(), abs=1e-8)
    assert [site.ghost for site in output.initial_geometry.sites] == [False, False, True]
    assert output.mulliken.net_charges[2] == pytest.approx(0.0, abs=2e-3)


def test_ghosts_have_no_part_in_symmetry_or_electrons():
    job = job_from_d12(read_d12(f'{H2_HE}{BASIS}GHOSTS\n2\n2 3\nEND\nUHF\nEND\n'))
    assert [one.n_electrons for one in job.basis] == [1.0, 0.0, 0.0]
    assert [one.nuclear_charge for one in job.basis] == [1.0, 0.0, 0.0]
    assert len({site.species for site in job.geometry.sites}) == 3


@pytest.mark.parametrize(('labels', 'message'), [('1\n4', 'ATOM 4'), ('3\n1 2 3', 'NO ATOM')])
def test_impossible_ghosts(labels, message):
    with pytest.raises(StandinError, match=message):
        job_from_d12(read_d12(f'{H2_HE}{BASIS}GHOSTS\n{labels}\nEND\nEND\n'))
