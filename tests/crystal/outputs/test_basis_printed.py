"""The basis as printed, against the decks beside the outputs, and of outputs that stop inside it."""

from __future__ import annotations

from itertools import zip_longest

import pytest

from aiida_crystalmath.crystal.basis_models import BasisSet, Shell
from aiida_crystalmath.crystal.basis_text import read_element_basis
from aiida_crystalmath.crystal.inputs.d12 import read_d12
from aiida_crystalmath.crystal.outputs.printed_basis import PRINTED_PRECISION, agrees, basis_sets
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus

DECKS = {
    'mgo_scf_b3lyp': 'mgo.d12',
    'si_scf_dft': 'si.d12',
    'mgo_scf_c14': 'mgo.d12',
    'mgo_sto3g_scf': 'INPUT',
    'nio_sto3g_afm_scf': 'INPUT',
    'h_bulk_scf': 'h_bulk.d12',
    'nio_sto3g_restart_scf': 'INPUT',
    'nacl_freq_band_doss': 'NaCl.d12',
}


@pytest.mark.parametrize('run', DECKS)
def test_it_is_that_of_the_deck(corpus, outputs, run):
    """Same shells, exponents and coefficients to four digits, STO-3G shells of CRYSTAL's tables included."""
    deck = read_d12((corpus / run / DECKS[run]).read_text())
    printed = outputs[run].basis
    assert printed.complete and not printed.is_normalised
    by_number = {basis.conventional_number: basis for basis in deck.basis}
    for species in printed.species:
        assert agrees(species, by_number.pop(species.conventional_number))
    assert by_number == {}


def test_another_basis_does_not_agree(corpus, outputs):
    deck = read_d12((corpus / 'mgo_scf_c14' / 'mgo.d12').read_text())
    magnesium = outputs['mgo_scf_c14'].basis.species[0]
    assert magnesium.conventional_number == 12
    oxygen = next(basis for basis in deck.basis if basis.number == 8)
    assert not agrees(magnesium, oxygen)
    good = next(basis for basis in deck.basis if basis.number == 12)
    exponent, s, p = good.shells[1].primitives[2]
    rows = list(good.shells[1].primitives)
    for changed in ((exponent * 1.002, s, p), (exponent, s, (p or 0) * 1.002)):
        rows[2] = changed
        shells = list(good.shells)
        shells[1] = Shell('SP', good.shells[1].charge, primitives=tuple(rows))
        assert not agrees(magnesium, BasisSet(12, 12, tuple(shells)))


def test_every_output(outputs):
    """As many orbitals as the output says, in one row of numbers without gaps; every atom has a species."""
    compared = 0
    for run, output in outputs.items():
        if output.program != 'crystal' or output.basis is None or not output.basis.species:
            continue
        assert output.basis.complete, run
        atoms = sorted(atom for species in output.basis.species for atom in species.atoms)
        assert atoms == list(range(1, output.n_atoms + 1)), run
        orbitals = 0
        for species in output.basis.species:
            orbitals += sum(shell.last_orbital - shell.first_orbital + 1 for shell in species.shells) * len(
                species.atoms
            )
            for before, after in zip(species.shells, species.shells[1:], strict=False):
                assert after.first_orbital == before.last_orbital + 1, run
        assert orbitals == output.n_ao, run
        compared += 1
    assert compared > 45


def test_magnesia_by_hand(outputs):
    """mgo.out, lines 175-213."""
    magnesium, oxygen = outputs['mgo_scf_c14'].basis.species
    assert (magnesium.label, magnesium.conventional_number, magnesium.atoms) == ('MG', 12, [1])
    assert [(shell.type, shell.first_orbital, shell.last_orbital) for shell in magnesium.shells] == [
        ('S', 1, 1),
        ('SP', 2, 5),
        ('SP', 6, 9),
    ]
    shell = oxygen.shells[1]
    assert shell.exponents == [52.19, 10.33, 3.210, 1.235, 0.5364]
    assert shell.coefficients[2] == (-0.04079, 0.2043, 0.0)


def test_basis_sets(outputs):
    """They keep the printed digits, have no charges, and say so by their name."""
    sets = basis_sets(outputs['mgo_scf_c14'].basis)
    assert sets[8].name == PRINTED_PRECISION and sets[8].n_functions == 9 and sets[8].n_electrons == 0
    assert sets[8].shells[2].primitives == ((0.21, 1.0, 1.0),)
    titanate = outputs['srtio3_opt_c06']
    assert [species.conventional_number for species in titanate.basis.species] == [238, 222, 8]
    assert list(basis_sets(titanate.basis)) == [238, 222, 8]
    assert {z: potential.charge for z, potential in titanate.basis.potentials.items()} == {38: 10, 22: 12}
    assert titanate.basis.potentials[38].name == 'GIVEN IN INPUT'


@pytest.mark.parametrize(
    ('run', 'numbers'),
    [
        ('srtio3_opt_c06', {238, 222, 8}),
        ('lafeo3_opt_c09', {257, 26, 8}),
        ('hfs2_grad_scf', {272, 16}),
        ('srhfo3_y4h4_opt', {8, 1, 272, 238}),
    ],
)
def test_potentials_are_those_of_the_echoed_deck(corpus, outputs, truth, run, numbers):
    """The job scripts of these outputs echo the deck: shells, charge and every term of the potentials agree."""
    lines = (corpus / run / truth[run]['file']).read_text(errors='replace').splitlines()
    printed = outputs[run].basis
    sets = basis_sets(printed)
    assert sets.keys() == numbers
    for species in printed.species:
        ours = sets[species.conventional_number]
        head = [str(species.conventional_number), str(len(species.shells))]
        start = next(i for i, line in enumerate(lines) if line.split() == head)
        deck, _ = read_element_basis(lines, start)
        assert agrees(species, deck) and deck.has_ecp == ours.has_ecp
        if deck.ecp is None:
            continue
        assert ours.ecp.charge == deck.ecp.charge
        for group, expected in zip_longest(ours.ecp.terms, deck.ecp.terms, fillvalue=()):
            assert len(group) == len(expected)
            for row, wanted in zip(group, expected, strict=True):
                assert row == (pytest.approx(wanted[0], abs=6e-8), pytest.approx(wanted[1], abs=6e-8), wanted[2])


def test_potential_by_hand(outputs):
    """failed_elastic.out, lines 223-247: groups over several lines, and l = 4."""
    gadolinium, thallium = (outputs['failed_elastic'].basis.potentials[z] for z in (64, 81))
    assert (gadolinium.charge, dict(gadolinium.terms)['P4']) == (36, ((22.131887, -27.57963, 0),))
    assert [(name, len(rows)) for name, rows in thallium.terms] == [
        ('W0', 6),
        ('P0', 5),
        ('P1', 6),
        ('P2', 6),
        ('P3', 6),
    ]
    assert len(basis_sets(outputs['failed_elastic'].basis)[264].ecp.terms) == 6


def test_a_potential_that_stops(corpus, truth):
    """Terms that are cut or overflow are not told; the charge is."""
    text = (corpus / 'failed_elastic' / truth['failed_elastic']['file']).read_text()
    start, end = text.index(' ATOMIC NUMBER  81'), text.index('2.5347097')
    for stop in range(start + 80, end, 97):
        basis = parse_stdout(text[:stop]).basis
        assert basis.potentials[64].terms and basis.potentials[81].terms == ()
        assert basis.potentials[81].charge == 13
    starred = parse_stdout(text.replace('-28.5214719', '***********')).basis
    assert starred.potentials[81].terms == () and 281 not in basis_sets(starred) and 264 in basis_sets(starred)


def test_atoms_share_the_basis_of_their_number(outputs):
    basis = outputs['lafeo3_opt_c09'].basis
    assert [(species.label, len(species.atoms)) for species in basis.species] == [('LA', 4), ('FE', 4), ('O', 12)]


def test_basis_of_a_wave_function(corpus, outputs):
    """Properties prints coefficients of its own functions; turned back they are those of the run's deck."""
    printed = outputs['mgo_prop_newk'].basis
    assert printed.is_normalised and printed.species[0].shells[0].coefficients[0][0] == 1.634
    deck = read_d12((corpus / 'mgo_prop_newk' / 'mgo.d12').read_text())
    magnesium, oxygen = (next(basis for basis in deck.basis if basis.number == z) for z in (12, 8))
    assert [species.conventional_number for species in printed.species] == [12, 8] and printed.complete
    assert agrees(printed.species[0], magnesium, normalised=True)
    assert agrees(printed.species[1], oxygen, normalised=True)
    assert not agrees(printed.species[0], magnesium)


def test_a_restart_keeps_the_basis_of_its_deck(corpus, truth):
    """main.out of the restarted NiO prints two tables; the second (line 395) is that of the wave function."""
    text = (corpus / 'nio_sto3g_restart_scf' / truth['nio_sto3g_restart_scf']['file']).read_text()
    first, second = (i for i in range(len(text)) if text.startswith(' LOCAL ATOMIC FUNCTIONS', i))
    given = parse_stdout(text).basis
    own = parse_stdout(text[:first] + ' LOST' + text[first + 5 :]).basis
    assert own.is_normalised and not given.is_normalised and second > first
    nickel, other = given.species[0], own.species[0]
    assert [shell.type for shell in nickel.shells] == ['S', 'SP', 'SP', 'SP', 'D']
    back, sets = basis_sets(own)[28], basis_sets(given)[28]
    for ours, expected in zip(back.shells, sets.shells, strict=True):
        for row, wanted in zip(ours.primitives, expected.primitives, strict=True):
            assert row[0] == wanted[0]
            assert row[1:] == pytest.approx(wanted[1:], rel=2e-3) or (row[2] is None and wanted[2] is None)
            assert row[1] == pytest.approx(wanted[1], rel=2e-3)
    assert other.shells[0].coefficients[0][0] == 70.19


def test_a_table_that_stops(corpus, truth):
    """Cut at any line inside it, it is not complete."""
    lines = (corpus / 'mgo_scf_c14' / truth['mgo_scf_c14']['file']).read_text().splitlines(keepends=True)
    title = next(i for i, line in enumerate(lines) if 'LOCAL ATOMIC FUNCTIONS' in line)
    end = next(i for i in range(title, len(lines)) if 'INFORMATION' in lines[i])
    for n in range(title, end + 1):
        basis = parse_stdout(''.join(lines[:n])).basis
        assert basis is None or not basis.complete, n
        assert basis is None or basis_sets(basis) == {}, n
    assert parse_stdout(''.join(lines[: end + 1])).basis.complete
    for broken in ('  6.837E+04 **********', ' 6.837E+04'):
        text = ''.join(lines).replace(' 6.837E+04 2.226E-04', broken)
        assert not parse_stdout(text).basis.complete
    lost = [line for i, line in enumerate(lines) if not (title < i < end and line.startswith('   2 O '))]
    assert not parse_stdout(''.join(lost)).basis.complete


def test_two_potentials_of_one_element():
    """238 and 338 with other charges: the output does not say which is whose, so neither is told."""
    line = ' ATOMIC NUMBER  38, NUCLEAR CHARGE {}, GIVEN IN INPUT       PSEUDOPOTENTIAL\n'
    start = ' EEEEEEEEEE STARTING  DATE 1 TIME 2\n title\n'
    assert parse_stdout(start + line.format('10.000')).basis.potentials[38].charge == 10
    assert parse_stdout(start + line.format('10.000') + line.format(' 2.000')).basis is None
