"""The SCF engine against real CRYSTAL energies, against bare PySCF, and in its convergence controls.

Origins of the numbers: those of CRYSTAL are printed in the outputs of the corpus named at each test; the differences
allowed are those between direct-space sums (CRYSTAL) and k-point sampling (PySCF).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_crystalmath.crystal.basis import read_basis
from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.inputs.d12 import read_d12
from aiida_crystalmath.standin import scf
from aiida_crystalmath.standin.engine import run_scf
from aiida_crystalmath.standin.model import Job, Method, NotSupported, ScfSettings, StandinError
from aiida_crystalmath.standin.system import OneElectron, System
from aiida_crystalmath.standin.translate import job_from_d12

pytestmark = pytest.mark.standin

PBE = Method('PBE', hybrid_percent=0.0, title='KOHN-SHAM HAMILTONIAN')
STO3G = {
    1: '1 1\n1 0 3 1. 0.\n',
    6: '6 2\n1 0 3 2. 0.\n1 1 3 4. 0.\n',
    8: '8 2\n1 0 3 2. 0.\n1 1 3 6. 0.\n',
    12: '12 3\n1 0 3 2. 0.\n1 1 3 8. 0.\n1 1 3 2. 0.\n',
}


def basis(number):
    return read_basis(STO3G[number] + '99 0\n')[0].resolved()


def mgo(a=4.21, **fields):
    cell = a / 2 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    geometry = Geometry(cell, 3, (Site(12, (0.0, 0.0, 0.0)), Site(8, (a / 2, a / 2, a / 2))))
    return Job('MgO', geometry, (basis(12), basis(8)), **{'method': PBE, 'kmesh': (2, 2, 2), **fields})


def molecule(*atoms, **fields):
    sites = tuple(Site(number, position) for number, position in atoms)
    return Job('molecule', Geometry(500.0 * np.eye(3), 0, sites), tuple(basis(n) for n, _ in atoms), **fields)


def oxygen(**fields):
    return molecule((8, (0.0, 0.0, 0.0)), (8, (0.0, 0.0, 1.2)), **fields)


@pytest.fixture(scope='module')
def mgo_hf(corpus):
    """Run the deck of the corpus' MgO STO-3G RHF output, on a 2x2x2 mesh."""
    deck = (corpus / 'mgo_sto3g_scf' / 'INPUT').read_text()
    job = replace(job_from_d12(read_d12(deck)), kmesh=(2, 2, 2))
    cycles = []
    return run_scf(job, cycles.append), cycles


@pytest.mark.corpus
def test_rhf_solid_against_crystal(mgo_hf):
    """CRYSTAL (8x8x8): -271.2181437, gap 12.69 eV, Mg 11.2227 electrons, top of the valence bands -0.1606."""
    result, cycles = mgo_hf
    assert result.converged
    assert result.energy == pytest.approx(-271.2181437, abs=0.006)
    # the k-point error of this mesh is known: +5.3 mHa
    assert result.energy + 271.2181437 == pytest.approx(0.0053, abs=2e-4)
    assert result.gap.kind == 'indirect'
    assert result.gap.gap * 27.2114 == pytest.approx(14.06, abs=0.05)
    assert result.mulliken.electrons.sum() == pytest.approx(20.0, abs=1e-6)
    assert result.mulliken.electrons[0] == pytest.approx(11.2227, abs=0.1)
    assert [cycle.n for cycle in cycles] == list(range(1, len(cycles) + 1))
    assert cycles[-1].energy == result.energy


@pytest.mark.corpus
def test_eigenvalues_are_on_the_zero_of_crystal(mgo_hf):
    """The shift is CRYSTAL's EXT EL-SPHEROPOLE (3.96442 Ha for 20 electrons, twice); the rest is the k-mesh."""
    result, _ = mgo_hf
    assert result.spherical_shift == pytest.approx(-2 * 3.9644228 / 20, abs=0.01)
    assert result.fermi == pytest.approx(-0.1605932, abs=0.02)


def test_b3lyp_molecule_against_crystal():
    """CO at CRYSTAL's optimised distance: -111.720272 Ha, gap 9.2095 eV (corpus, conv_coOpt and the like)."""
    job = molecule((6, (0.0, 0.0, 0.0)), (8, (0.0, 0.0, 1.1879)), method=Method('b3lyp5', hybrid_percent=20.0))
    result = run_scf(job)
    assert result.energy == pytest.approx(-111.720272, abs=2e-6)
    assert result.gap.gap * 27.211386 == pytest.approx(9.21, abs=0.01)


def test_pure_functional_is_what_pyscf_says():
    """MgO PBE: PySCF's own KRKS converges to -271.76624 (all its controls at default)."""
    assert run_scf(mgo()).energy == pytest.approx(-271.766239, abs=5e-6)


def test_open_shell_molecule_is_what_pyscf_says():
    from pyscf import gto
    from pyscf import scf as pyscf_scf

    reference = pyscf_scf.UHF(gto.M(atom='O 0 0 0; O 0 0 1.2', basis='sto-3g', spin=2, verbose=0)).kernel()
    result = run_scf(oxygen(method=Method(unrestricted=True), scf=ScfSettings(toldee=8, spinlock=(2, 5))))
    assert result.energy == pytest.approx(reference, abs=1e-6)
    assert result.mulliken.spins == pytest.approx([1.0, 1.0], abs=1e-6)
    assert [gap.conducting for gap in result.gaps] == [False, False]


def test_starting_spins_steer_the_solution():
    """Without lock and starting spins the molecule stays without spin; with ATOMSPIN it finds the triplet."""
    method = Method(unrestricted=True)
    without = run_scf(oxygen(method=method))
    with_spins = run_scf(oxygen(method=method, scf=ScfSettings(atomspin={0: 1, 1: 1})))
    assert without.mulliken.spins == pytest.approx([0.0, 0.0], abs=1e-6)
    assert with_spins.mulliken.spins == pytest.approx([1.0, 1.0], abs=1e-4)
    assert with_spins.energy < without.energy - 0.3


def test_antiferromagnetic_start():
    """Stretched H2 with opposite starting spins breaks into atoms: twice the atom's energy, -0.466582 (STO-3G)."""
    job = molecule((1, (0.0, 0.0, 0.0)), (1, (0.0, 0.0, 4.0)), method=Method(unrestricted=True))
    result = run_scf(replace(job, scf=ScfSettings(atomspin={0: 1, 1: -1})))
    assert result.mulliken.spins == pytest.approx([1.0, -1.0], abs=0.01)
    assert result.energy == pytest.approx(2 * -0.466582, abs=1e-4)


def test_screened_hybrid_with_spin_is_what_pyscf_says():
    """HSE06 with the HJS hole, unrestricted: the same as PySCF's own UKS of the triplet; its ``hse06`` is another."""
    from pyscf import dft, gto

    from aiida_crystalmath.standin.functionals import HSE06

    reference = dft.UKS(gto.M(atom='O 0 0 0; O 0 0 1.2', basis='sto-3g', spin=2, verbose=0))
    reference.grids.atom_grid = (75, 974)
    energies = {}
    for name in (HSE06, 'hse06'):
        reference.xc = name
        energies[name] = reference.kernel()
    method = Method(HSE06, unrestricted=True, hybrid_percent=25.0, omega=0.11)
    result = run_scf(oxygen(method=method, scf=ScfSettings(toldee=8, spinlock=(2, 5))))
    assert result.energy == pytest.approx(energies[HSE06], abs=1e-6)
    assert abs(energies['hse06'] - energies[HSE06]) > 5e-3


@pytest.mark.parametrize('periodic', [False, True])
def test_effective_core_potential_is_what_pyscf_says(periodic):
    """SiO, Si with its LANL2DZ potential (powers of r from -2 to 0) written as CRYSTAL's INPUT.

    A potential with its powers shifted, or a channel out of place, is off by hartrees.
    """
    from pyscf import gto
    from pyscf import scf as molecular
    from pyscf.pbc import gto as crystals
    from pyscf.pbc import scf as periodics

    local, s, p = (rows for _, rows in gto.basis.load_ecp('lanl2dz', 'Si')[1])
    groups = [
        tuple((exponent, factor, power - 2) for power, row in enumerate(rows) for exponent, factor in row)
        for rows in (local, s, p)
    ]
    lines = [f'4. {len(groups[0])} {len(groups[1])} {len(groups[2])} 0 0 0']
    lines += [f'{exponent} {factor} {power}' for group in groups for exponent, factor, power in group]
    shells = '0 0 1 2. 1.\n1.2 1.0\n0 0 1 0. 1.\n0.25 1.0\n0 2 1 2. 1.\n1.3 1.0\n0 2 1 0. 1.\n0.3 1.0\n'
    silicon = read_basis('214 4\nINPUT\n' + '\n'.join(lines) + '\n' + shells + '99 0\n')[0].resolved()
    sites = (Site(14, (0.0, 0.0, 0.0)), Site(8, (0.0, 0.0, 1.5)))
    cell = 4.0 * np.eye(3) if periodic else 500.0 * np.eye(3)
    settings = ScfSettings(toldee=8)
    result = run_scf(Job('SiO', Geometry(cell, 3 if periodic else 0, sites), (silicon, basis(8)), scf=settings))

    # by numbers, since the auxiliary basis of a density fit depends on a basis set's name
    explicit = [[0, [1.2, 1.0]], [0, [0.25, 1.0]], [1, [1.3, 1.0]], [1, [0.3, 1.0]]]
    given = {
        'atom': 'Si 0 0 0; O 0 0 1.5',
        'basis': {'Si': explicit, 'O': gto.basis.load('sto-3g', 'O')},
        'ecp': {'Si': 'lanl2dz'},
        'verbose': 0,
    }
    if periodic:
        reference = periodics.RHF(crystals.M(a=cell, precision=1e-6, **given)).density_fit()
    else:
        reference = molecular.RHF(gto.M(**given))
    assert result.converged
    assert result.n_electrons == 12
    assert result.energy == pytest.approx(reference.kernel(), abs=1e-5 if periodic else 1e-6)


# -- convergence controls: real failures and their cures ----------------------------------------------------


def test_undamped_scf_oscillates_and_is_cured():
    """NODIIS with FMIXING 0 jumps between two energies; mixing with LEVSHIFT, or DIIS, cure it to the same energy."""
    job = mgo(scf=ScfSettings(diis=False, fmixing=0, maxcycle=14))
    failed = run_scf(job)
    assert failed.status == 'too_many_cycles'
    assert len(failed.cycles) == 15
    assert abs(failed.cycles[-1].delta) > 1.0
    for cure in ({'fmixing': 30, 'levshift': 0.5, 'maxcycle': 30}, {'diis': True, 'fmixing': 30}):
        cured = run_scf(replace(job, scf=replace(job.scf, **cure)))
        assert cured.converged, cure
        assert cured.energy == pytest.approx(-271.766239, abs=2e-5)
        assert cured.level_shifted == ('levshift' in cure)


def test_maxcycle_and_toldee_are_exact():
    """MAXCYCLE counts the cycles after cycle 0; TOLDEE is the first difference below 10**-n."""
    job = mgo(scf=ScfSettings(maxcycle=3))
    short = run_scf(job)
    assert (short.status, len(short.cycles)) == ('too_many_cycles', 4)
    deltas = [abs(cycle.delta) for cycle in run_scf(replace(job, scf=ScfSettings(toldee=3))).cycles]
    assert deltas[-1] < 1e-3
    assert all(delta >= 1e-3 for delta in deltas[1:-1])


def test_mixing_keeps_the_share_of_the_previous_fock_matrix(monkeypatch):
    """With FMIXING p the matrix that is diagonalised is (1-p) F_n + p F'_(n-1)."""
    seen, raw = [], []
    diagonalise, commutator = scf.diagonalise, scf.commutator
    monkeypatch.setattr(scf, 'diagonalise', lambda fock, halves: seen.append(fock) or diagonalise(fock, halves))
    monkeypatch.setattr(scf, 'commutator', lambda fock, *rest: raw.append(fock) or commutator(fock, *rest))
    run_scf(oxygen(scf=ScfSettings(diis=False, fmixing=70, maxcycle=3)))
    assert np.allclose(seen[0], raw[0])
    for n in (1, 2, 3):
        assert np.allclose(seen[n], 0.3 * raw[n] + 0.7 * seen[n - 1])


def test_smearing_occupies_by_fermi_and_dirac():
    result = run_scf(mgo(scf=ScfSettings(smear=0.05)))
    share = result.occupations / 2.0
    partial = (share > 1e-6) & (share < 1 - 1e-6)
    assert partial.sum() > 8
    # ln(1/n - 1) = (e - mu) / width: a straight line of slope 1/width
    levels, logits = result.eigenvalues[partial], np.log(1.0 / share[partial] - 1.0)
    assert np.polyfit(levels, logits, 1)[0] == pytest.approx(1 / 0.05, rel=1e-6)
    assert result.occupations.sum() / 8 == pytest.approx(20.0, abs=1e-6)
    assert result.terms.smearing_entropy < -1e-3


# -- order of orbitals, limits, errors --------------------------------------------------------------------------


def test_orbitals_are_in_the_order_of_crystal():
    """SP shells: s, x, y, z side by side; the kinetic energies of an SP pair differ, those of x, y, z do not."""
    one = OneElectron(molecule((8, (0.0, 0.0, 0.0))))
    kinetic = np.diag(one.matrices('int1e_kin')[0]).real
    assert kinetic[2] == pytest.approx(kinetic[3])
    assert kinetic[3] == pytest.approx(kinetic[4])
    assert kinetic[1] != pytest.approx(kinetic[2])
    assert kinetic[0] > 10 * kinetic[1]


def test_d_functions_are_ordered_by_crystals_m():
    """CRYSTAL's D: 2z2-x2-y2, xz, yz, x2-y2, xy. A dipole moment along x couples s-like p_x with the right ones."""
    deck = '6 3\n0 0 1 2. 1.\n1.0 1.0\n0 2 1 0. 1.\n1.0 1.0\n0 3 1 4. 1.\n1.0 1.0\n99 0\n'
    single = read_basis(deck)[0].resolved()
    job = Job('C', Geometry(500.0 * np.eye(3), 0, (Site(6, (0.0, 0.0, 0.0)),)), (single,))
    one = OneElectron(job)
    dipole = one.outward(one.pyscf.intor('int1e_r')[0])[0].real
    from_px = np.abs(dipole[1, 4:9])  # <p_x| x |d>: with z2 (half weight) and x2-y2
    assert np.flatnonzero(from_px > 1e-8).tolist() == [0, 3]
    from_pz = np.abs(dipole[3, 4:9])
    assert np.flatnonzero(from_pz > 1e-8).tolist() == [1]


def test_slab_levels_do_not_depend_on_the_vacuum(monkeypatch):
    """Levels of a slab are measured from the vacuum: the same for 10 and 14 Å of it (H square lattice)."""
    geometry = Geometry(np.diag([2.0, 2.0, 500.0]), 2, (Site(1, (0.0, 0.0, 0.0)), Site(1, (0.0, 0.0, 0.9))))
    job = Job('H', geometry, (basis(1), basis(1)), PBE, (2, 2, 1), scf=ScfSettings(smear=0.01))
    near = run_scf(job)
    monkeypatch.setattr('aiida_crystalmath.standin.system.SLAB_VACUUM_ANGSTROM', 14.0)
    far = run_scf(job)
    assert near.spherical_shift != pytest.approx(far.spherical_shift, abs=1e-3)
    assert near.fermi == pytest.approx(far.fermi, abs=1e-4)
    assert near.energy == pytest.approx(far.energy, abs=1e-4)


def test_too_many_orbitals_are_refused_with_the_cost(monkeypatch):
    monkeypatch.setenv('CRYSTALMATH_STANDIN_MAX_AO', '13')
    with pytest.raises(NotSupported, match=r'14 ATOMIC ORBITALS.*predicted') as caught:
        run_scf(mgo())
    assert caught.value.keyword == '14 ATOMIC ORBITALS'


def test_linear_dependence_stops_the_run():
    shells = '1 0 3 1. 0.\n' + '0 0 1 0. 1.\n0.2 1.0\n0 0 1 0. 1.\n0.20001 1.0\n'
    one = read_basis('1 3\n' + shells + '99 0\n')[0].resolved()
    job = Job('H2', Geometry(500.0 * np.eye(3), 0, (Site(1, (0, 0, 0.0)), Site(1, (0, 0, 0.7)))), (one, one))
    with pytest.raises(StandinError, match='BASIS SET LINEARLY DEPENDENT'):
        run_scf(job)


def test_density_of_atoms_holds_all_electrons():
    system = System(mgo(method=replace(PBE, unrestricted=True), scf=ScfSettings(atomspin={1: 1})))
    density = system.atomic_density()
    assert density.shape == (2, 8, 14, 14)
    assert system.trace(system.overlap, density) == pytest.approx(20.0, abs=1e-9)
    # oxygen starts as a triplet, 2 unpaired electrons by Hund's rule
    spin = density[0] - density[1]
    assert np.einsum('kij,kji->', spin, system.overlap).real / 8 == pytest.approx(2.0, abs=0.1)
