"""Decks into jobs: what is honoured, what is noted, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.inputs.d12 import read_d12
from aiida_crystalmath.standin.model import NotSupported, StandinError
from aiida_crystalmath.standin.system import limit_of
from aiida_crystalmath.standin.translate import job_from_d12

MGO = 'MgO\nCRYSTAL\n0 0 0\n225\n4.21\n2\n12 0. 0. 0.\n8 .5 .5 .5\n{geometry}END\n'
BASIS = '12 3\n1 0 3 2. 0.\n1 1 3 8. 0.\n1 1 3 2. 0.\n8 2\n1 0 3 2. 0.\n1 1 3 6. 0.\n99 0\n{basis}END\n'
CO = 'CO\nMOLECULE\n1\n2\n6 0. 0. 0.\n8 0. 0. 1.13\n{geometry}END\n'
CO_BASIS = '6 2\n1 0 3 2. 0.\n1 1 3 4. 0.\n8 2\n1 0 3 2. 0.\n1 1 3 6. 0.\n99 0\n{basis}END\n'


def solid(section='', geometry='', basis='', shrink='SHRINK\n2 2\n'):
    text = (MGO + BASIS).format(geometry=geometry, basis=basis) + section + shrink + 'END\n'
    return job_from_d12(read_d12(text))


def molecule(section='', geometry=''):
    return job_from_d12(read_d12((CO + CO_BASIS).format(geometry=geometry, basis='') + section + 'END\n'))


def test_rock_salt():
    job = solid()
    assert [site.number for site in job.geometry.sites] == [12, 8]
    assert [one.n_functions for one in job.basis] == [9, 5]
    assert all(shell.primitives for one in job.basis for shell in one.shells)
    assert (job.kmesh, job.shrink, job.isp) == ((2, 2, 2), (2, 2, 2), 2)
    assert len(job.rotations) == 48
    assert job.method.is_hf
    assert not job.method.unrestricted
    assert (job.scf.toldee, job.scf.maxcycle, job.scf.fmixing, job.scf.diis) == (6, 50, 30, True)
    assert job.notes == ()


@pytest.mark.parametrize(
    ('block', 'xc', 'percent', 'names'),
    [
        ('SVWN\n', 'LDA_X, LDA_C_VWN', 0, ('DIRAC-SLATER LDA', 'VOSKO-WILK-NUSAIR')),
        ('PBEXC\n', 'GGA_X_PBE, GGA_C_PBE', 0, ('PERDEW-BURKE-ERNZERHOF', 'PERDEW-BURKE-ERNZERHOF')),
        ('PBESOLXC\n', 'GGA_X_PBE_SOL, GGA_C_PBE_SOL', 0, ('PBEsol GGA', 'PBEsol')),
        ('BLYP\n', 'GGA_X_B88, GGA_C_LYP', 0, ('BECKE 88', 'LEE-YANG-PARR')),
        ('PBE0\n', '0.25*HF + 0.75*GGA_X_PBE, GGA_C_PBE', 25, ('PERDEW-BURKE-ERNZERHOF', 'PERDEW-BURKE-ERNZERHOF')),
        ('B3LYP\n', 'b3lyp5', 20, ('BECKE 88', 'LEE-YANG-PARR')),
        ('EXCHANGE\nLDA\nCORRELAT\nVWN\n', 'LDA_X, LDA_C_VWN', 0, ('DIRAC-SLATER LDA', 'VOSKO-WILK-NUSAIR')),
        ('PBEXC\nHYBRID\n10\n', '0.1*HF + 0.9*GGA_X_PBE, GGA_C_PBE', 10, ('PERDEW-BURKE-ERNZERHOF',) * 2),
    ],
)
def test_functionals(block, xc, percent, names):
    method = molecule(f'DFT\n{block}END\n').method
    assert (method.xc, method.hybrid_percent, (method.exchange, method.correlation)) == (xc, percent, names)
    assert method.grid == 'XLGRID'


@pytest.mark.standin
@pytest.mark.parametrize(
    'block', ['SVWN\n', 'PBEXC\n', 'PBESOLXC\n', 'BLYP\n', 'PBE0\n', 'B3LYP\n', 'HSE06\n', 'PBEXC\nHYBRID\n50\n']
)
def test_functionals_are_known_to_libxc(block):
    """The share of exact exchange that PySCF reads is the one that is printed."""
    from pyscf.dft import libxc

    method = molecule(f'DFT\n{block}END\n').method
    omega, alpha, beta = libxc.rsh_coeff(method.xc)
    if method.omega:
        # short range only: alpha + beta, and nothing far away
        assert (abs(omega), alpha, alpha + beta) == pytest.approx((method.omega, 0.0, method.hybrid_percent / 100))
    else:
        assert libxc.hybrid_coeff(method.xc) == pytest.approx(method.hybrid_percent / 100)


def test_scf_controls():
    section = (
        'UHF\nTOLDEE\n9\nMAXCYCLE\n7\nFMIXING\n60\nNODIIS\nLEVSHIFT\n5 1\nSMEAR\n0.01\nSPINLOCK\n2 5\n'
        'ATOMSPIN\n2\n1 1\n2 -1\nGUESSP\n'
    )
    job = solid(section)
    scf = job.scf
    assert job.method.unrestricted
    assert (scf.toldee, scf.maxcycle, scf.fmixing, scf.diis, scf.smear) == (9, 7, 60, False, 0.01)
    assert (scf.levshift, scf.levshift_lock, scf.spinlock, dict(scf.atomspin)) == (0.5, True, (2, 5), {0: 1, 1: -1})
    assert job.guessp
    assert scf.guess_path is not None
    assert scf.guess_path.name == 'fort.20'


def test_starting_spins_lower_the_symmetry():
    text = 'Fe\nCRYSTAL\n0 0 0\n221\n2.87\n2\n26 0. 0. 0.\n26 .5 .5 .5\nEND\n26 1\n0 0 1 26. 1.\n1.0 1.0\n99 0\nEND\n'
    both = job_from_d12(read_d12(text + 'UHF\nSHRINK\n2 2\nEND\n'))
    apart = job_from_d12(read_d12(text + 'UHF\nATOMSPIN\n2\n1 1\n2 -1\nSHRINK\n2 2\nEND\n'))
    assert len(both.rotations) == 96
    assert len(apart.rotations) == 48
    assert [site.spin for site in apart.geometry.sites] == [1, -1]


def test_shrink_is_reduced_and_said(monkeypatch):
    hf = solid(shrink='SHRINK\n8 8\n')
    assert (hf.kmesh, hf.shrink) == ((3, 3, 3), (8, 8, 8))
    assert 'SHRINK 8 8 8 IS REDUCED TO 3 3 3' in hf.notes[0]
    assert solid('DFT\nPBEXC\nEND\n', shrink='SHRINK\n0 8\n8 8 4\n').kmesh == (4, 4, 2)
    monkeypatch.setenv('CRYSTALMATH_STANDIN_MAX_SHRINK', '8')
    assert solid(shrink='SHRINK\n8 8\n').notes == ()


def test_ignored_keywords_are_noted():
    job = solid('TOLINTEG\n7 7 7 7 14\nBIPOSIZE\n4000000\nANDERSON\nMPP\n', geometry='EXTPRT\n')
    assert any('TOLINTEG' in note for note in job.notes)
    assert any('ANDERSON IS REPLACED BY DIIS' in note for note in job.notes)
    assert {'MPP IS IGNORED', 'EXTPRT IS IGNORED'} <= set(job.notes)


def test_optimisation_settings():
    block = 'OPTGEOM\nCELLONLY\nTOLDEG\n0.001\nTOLDEX\n0.002\nMAXCYCLE\n12\nRESTART\nEND\n'
    job = solid(geometry=block)
    found = job.optimisation
    assert found is not None
    assert (found.type, found.toldeg, found.toldex, found.maxcycle, found.restart) == (
        'CELLONLY',
        0.001,
        0.002,
        12,
        True,
    )
    # CRYSTAL tightens the SCF of an optimisation
    assert job.scf.toldee == 7
    assert job.notes == ()


@pytest.mark.parametrize('keyword', ['TOLDEE', 'FINALRUN'])
def test_what_an_optimisation_ignores_is_noted(keyword):
    (note,) = solid(geometry=f'OPTGEOM\n{keyword}\n4\nEND\n').notes
    assert note.startswith(f'{keyword} ')
    assert 'IS IGNORED' in note


def test_testgeom_needs_no_basis():
    job = job_from_d12(read_d12(MGO.format(geometry='TESTGEOM\n')))
    assert job.testgeom
    assert job.basis == ()
    assert len(job.geometry.sites) == 2


@pytest.mark.parametrize(
    ('keyword', 'parts'),
    [
        ('FREQCALC', {'geometry': 'FREQCALC\nEND\n'}),
        ('ELASTCON', {'geometry': 'ELASTCON\nEND\n'}),
        ('SUPERCEL', {'geometry': 'SUPERCEL\n2 0 0\n0 2 0\n0 0 2\n'}),
        ('EXTPRESS', {'geometry': 'OPTGEOM\nEXTPRESS\n0.001\nEND\n'}),
        ('FRAGMENT', {'geometry': 'OPTGEOM\nFRAGMENT\n1\n1\nEND\n'}),
        ('CHARGED', {'basis': 'CHARGED\n'}),
        ('DFTD3', {'section': 'DFT\nPBEXC\nEND\nDFTD3\nEND\n'}),
        ('HF3C', {'section': 'HF3C\nEND\n'}),
        ('ROHF', {'section': 'ROHF\n'}),
        ('M06', {'section': 'DFT\nM06\nEND\n'}),
        ('EXCHANGE WCGGA', {'section': 'DFT\nEXCHANGE\nWCGGA\nCORRELAT\nPBE\nEND\n'}),
        ('TESTRUN', {'section': 'TESTRUN\n'}),
        ('EXTFIELD', {'section': 'EXTFIELD\n'}),
    ],
)
def test_what_is_out_of_scope_is_refused_by_its_name(keyword, parts):
    with pytest.raises(NotSupported) as caught:
        solid(**parts)
    assert caught.value.keyword == keyword
    assert caught.value.reason


def test_polymers_and_slabs_with_exact_exchange_are_refused():
    polymer = 'x\nPOLYMER\n1\n3.0\n1\n1 0. 0. 0.\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\nSHRINK\n2 2\nEND\n'
    with pytest.raises(NotSupported, match='POLYMER'):
        job_from_d12(read_d12(polymer))
    slab = 'x\nSLAB\n1\n3.0 3.0 90.\n1\n1 0. 0. 0.\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\n{}SHRINK\n2 2\nEND\n'
    with pytest.raises(NotSupported, match='EXACT EXCHANGE'):
        job_from_d12(read_d12(slab.format('UHF\n')))
    job = job_from_d12(read_d12(slab.format('DFT\nPBEXC\nSPIN\nEND\n')))
    assert job.kmesh == (2, 2, 1)
    assert 'VACUUM' in job.notes[0]


def test_half_electrons_in_a_molecule_are_refused():
    with pytest.raises(NotSupported, match=r'SPINLOCK 1 .*14 electrons'):
        molecule('UHF\nSPINLOCK\n1 10\n')
    assert molecule('UHF\nSPINLOCK\n2 10\n').scf.spinlock == (2, 10)
    atom = 'H\nMOLECULE\n1\n1\n1 0. 0. 0.\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\n{}END\n'
    with pytest.raises(NotSupported, match='1 electrons: use UHF'):
        job_from_d12(read_d12(atom.format('')))
    assert job_from_d12(read_d12(atom.format('UHF\n'))).method.unrestricted


def test_what_crystal_refuses_is_refused_in_its_words():
    with pytest.raises(StandinError, match='CLOSED SHELL RUN-SPIN POLARIZATION NOT ALLOWED'):
        solid('SPINLOCK\n2 5\n')
    with pytest.raises(StandinError, match='SHRINK'):
        solid(shrink='')
    with pytest.raises(StandinError, match='ATOM 3 DOES NOT EXIST'):
        solid('UHF\nATOMSPIN\n1\n3 1\n')
    text = MGO.format(geometry='') + '12 1\n1 0 3 2. 0.\n99 0\nEND\nSHRINK\n2 2\nEND\n'
    with pytest.raises(StandinError, match='NO BASIS SET FOR ATOM 2'):
        job_from_d12(read_d12(text))


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('run', 'formula', 'n_ao'), [('mgo_sto3g_scf/INPUT', 'MgO', 14), ('si_scf_dft/si.d12', 'Si2', 18)]
)
def test_real_decks(corpus, run, formula, n_ao):
    job = job_from_d12(read_d12((corpus / run).read_text()))
    assert job.geometry.formula == formula
    assert sum(one.n_functions for one in job.basis) == n_ao
    assert job.geometry.volume_angstrom3 > 10
    assert np.abs(np.linalg.det(job.rotations)).tolist() == [1.0] * 48


@pytest.mark.parametrize('text', ['many', '-3', '0', '2.5', ''])
def test_limit_that_is_no_number_is_refused_in_words(monkeypatch, text):
    monkeypatch.setenv('CRYSTALMATH_STANDIN_MAX_AO', text)
    with pytest.raises(StandinError, match='CRYSTALMATH_STANDIN_MAX_AO MUST BE A POSITIVE INTEGER'):
        limit_of('CRYSTALMATH_STANDIN_MAX_AO', 40)


def test_limit_from_the_environment(monkeypatch):
    monkeypatch.delenv('CRYSTALMATH_STANDIN_MAX_AO', raising=False)
    assert limit_of('CRYSTALMATH_STANDIN_MAX_AO', 40) == 40
    monkeypatch.setenv('CRYSTALMATH_STANDIN_MAX_AO', '60')
    assert limit_of('CRYSTALMATH_STANDIN_MAX_AO', 40) == 60
