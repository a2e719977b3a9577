"""The functional, against what real outputs say of their Hamiltonian."""

from __future__ import annotations

import json

import pytest

from aiida_crystalmath.crystal.outputs.models import Functional
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('run', 'expected'),
    [
        ('mgo_scf_b3lyp', Functional('BECKE 88', 'LEE-YANG-PARR', 20.0, 0.9, 0.81)),
        ('fes_scf_spin', Functional('PERDEW-BURKE-ERNZERHOF', 'PERDEW-BURKE-ERNZERHOF')),
        ('srtio3_opt_c06', Functional('PERDEW-BURKE-ERNZERHOF', 'PERDEW-BURKE-ERNZERHOF', 25.0)),
        ('mgo222_freq', Functional('DIRAC-SLATER LDA', 'VOSKO-WILK-NUSAIR')),
        ('toluene_opt', Functional('M06-2X', 'M06-2X', 54.0)),
        ('nacl_fsurf', Functional('PBEsol GGA', 'PBEsol')),
        (
            'graphene_elastic',
            Functional(
                'HSE06 SR/GGA',
                'PERDEW-BURKE-ERNZERHOF',
                25.0,
                range_separated=True,
                omega_short=0.11,
                omega_long=0.0,
            ),
        ),
        ('mgo_scf_c14', None),
    ],
)
def test_functional(corpus, run, expected):
    truth = json.loads((corpus / 'truth.json').read_text())
    assert parse_stdout(corpus / run / truth[run]['file']).functional == expected


@pytest.mark.corpus
def test_every_kohn_sham_run_has_one_and_no_other(corpus):
    truth = json.loads((corpus / 'truth.json').read_text())
    for run, values in truth.items():
        output = parse_stdout(corpus / run / values['file'])
        assert (output.functional is not None) == ('KOHN-SHAM' in (values['hamiltonian'] or '')), run


def test_asterisks_are_no_numbers():
    text = (
        ' EEEEEEEEEE STARTING  DATE 01 01 2020 TIME 00:00:00.0\n TITLE\n'
        ' HYBRID EXCHANGE - PERCENTAGE OF FOCK EXCHANGE    20.0000\n'
        ' (EXCHANGE)[CORRELATION] FUNCTIONAL:(BECKE 88)[LEE-YANG-PARR]\n'
        ' HYBRID EXCHANGE - PERCENTAGE OF FOCK EXCHANGE    *******\n\n'
        ' CAPPA:IS1  4\n'
    )
    assert parse_stdout(text).functional == Functional('BECKE 88', 'LEE-YANG-PARR')


@pytest.mark.corpus
def test_a_file_cut_before_the_hybrid_part_has_none(corpus):
    """Without the line of the Fock exchange B3LYP would be told as a pure functional."""
    text = (corpus / 'mgo_scf_b3lyp' / 'out_mgoSCF.out').read_text()
    start = text.index(' (EXCHANGE)[CORRELATION]')
    end = text.index(' CAPPA', start)
    for size in range(0, end - start, 10):
        assert parse_stdout(text[: start + size]).functional is None, size
    assert parse_stdout(text[: end + 100]).functional == Functional('BECKE 88', 'LEE-YANG-PARR', 20.0, 0.9, 0.81)
