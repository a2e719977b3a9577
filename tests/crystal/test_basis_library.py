"""The shipped sets, CRYSTAL's internal STO-3G, and the conversion from Basis Set Exchange."""

from __future__ import annotations

import re

import numpy as np
import pytest

from aiida_crystalmath.crystal import basis_exchange, basis_library
from aiida_crystalmath.crystal.basis import BasisError, BasisSet, Shell, read_basis
from aiida_crystalmath.crystal.basis_occupations import configuration, occupy
from aiida_crystalmath.crystal.basis_pople import standard_zeta

STO_3G = basis_library.load('sto-3g')
POB = basis_library.load('pob-tzvp-rev2')


# ---------------------------------------------------------------------------------------------------- what is shipped


def test_what_is_shipped():
    assert basis_library.available() == ['sto-3g', 'pob-tzvp-rev2']
    assert sorted(STO_3G) == list(range(1, 55))
    assert sorted(POB) == [z for z in range(1, 36) if z not in (2, 10, 16, 18)]
    assert '10.1063/1.1672392' in basis_library.citation('STO-3G')
    assert 'Vilela Oliveira' in basis_library.citation('pob-TZVP-rev2')
    assert '10.1002/jcc.26013' in basis_library.citation('pob-TZVP-rev2')
    assert STO_3G[12].name == 'STO-3G' and '1969' in STO_3G[12].citation
    for name in basis_library.available():
        entry = basis_library.entry(name)
        assert all((entry.title, entry.version, entry.source, entry.licence, entry.description))
    with pytest.raises(BasisError, match='sto-3g, pob-tzvp-rev2'):
        basis_library.load('6-31G')


@pytest.mark.parametrize('basis', [*STO_3G.values(), *POB.values()], ids=lambda basis: f'{basis.name}-{basis.number}')
def test_shipped_sets_are_neutral_and_within_capacity(basis):
    basis.check()
    assert basis.n_electrons == basis.number
    assert not basis.has_ecp and not basis.is_internal
    # Every contraction is sensibly normalised: an s, p, d overlap within a few per cent of one.
    for shell in basis.shells:
        if len(shell.primitives) > 1:
            for column, momentum in _columns(shell):
                assert self_overlap(shell, column, momentum) > 0.01


def _columns(shell: Shell) -> list[tuple[int, int]]:
    return [(1, 0), (2, 1)] if shell.type == 'SP' else [(1, 'SPDFG'.index(shell.type))]


def self_overlap(shell: Shell, column: int, momentum: int) -> float:
    """Overlap with itself of a contraction of normalised primitives."""
    a = np.array([row[0] for row in shell.primitives])
    c = np.array([row[column] for row in shell.primitives], dtype=float)
    overlap = (2 * np.sqrt(np.outer(a, a)) / np.add.outer(a, a)) ** (momentum + 1.5)
    return float(c @ overlap @ c)


@pytest.mark.parametrize('number', STO_3G)
def test_sto_3g_contractions_are_normalised(number):
    for shell in STO_3G[number].shells:
        for column, momentum in _columns(shell):
            assert self_overlap(shell, column, momentum) == pytest.approx(1.0, abs=2e-6)


@pytest.mark.parametrize(
    ('number', 'charges'),
    [
        (1, [1]),
        (3, [2, 1]),
        (8, [2, 6]),
        (12, [2, 8, 2]),
        (20, [2, 8, 8, 2]),
        (24, [2, 8, 8, 1, 5]),
        (26, [2, 8, 8, 2, 6]),
        (28, [2, 8, 8, 2, 8]),
        (29, [2, 8, 8, 1, 10]),
        (31, [2, 8, 8, 3, 10]),
        (46, [2, 8, 8, 8, 0, 10, 10]),
        (54, [2, 8, 8, 8, 8, 10, 10]),
    ],
)
def test_charges_of_sto_3g(number, charges):
    assert [shell.charge for shell in STO_3G[number].shells] == charges
    # Shells of s and p come before those of d, each from the core outwards.
    exponents = [shell.primitives[0][0] for shell in STO_3G[number].shells if shell.type != 'D']
    assert exponents == sorted(exponents, reverse=True)


def test_charges_of_pob_for_nickel():
    by_type = {t: [s.charge for s in POB[28].shells if s.type == t] for t in 'SPDF'}
    assert by_type == {'S': [2, 2, 2, 2, 0, 0], 'P': [6, 6, 0, 0], 'D': [8, 0, 0], 'F': [0]}


@pytest.mark.parametrize(
    ('number', 'expected'),
    [(6, '1s2 2s2 2p2'), (24, '3d5 4s1'), (29, '3d10 4s1'), (46, '4d10'), (79, '4f14 5d10 6s1'), (64, '4f7 5d1 6s2')],
)
def test_configurations_of_atoms(number, expected):
    found = configuration(number)
    assert sum(found.values()) == number
    for word in expected.split():
        assert found[word[:2]] == int(word[2:])
    if number == 46:
        assert found.get('5s', 0) == 0


def test_occupation_of_a_valence_basis():
    shells = [Shell('S', 0.0, primitives=((a, 1.0, None),)) for a in (0.5, 3.0, 9.0)]
    shells += [Shell('P', 0.0, primitives=((2.0, 1.0, None),)), Shell('D', 0.0, primitives=((5.0, 1.0, None),))]
    # Hf with a core of 60: 5s2 5p6 5d2 6s2.
    assert [shell.charge for shell in occupy(shells, 72, 60)] == [0, 2, 2, 6, 2]
    with pytest.raises(BasisError, match='cannot hold'):
        occupy(shells[:3], 72, 60)
    with pytest.raises(BasisError, match='core of 17'):
        occupy(shells, 72, 17)


# ---------------------------------------------------------------------------------------------------- against CRYSTAL


def printed_shells(text: str) -> dict[str, list[list[list[float]]]]:
    """Primitives of each shell of each element of CRYSTAL's table LOCAL ATOMIC FUNCTIONS BASIS SET (4 digits)."""
    table = text[text.index('LOCAL ATOMIC FUNCTIONS BASIS SET') :]
    found: dict[str, list[list[list[float]]]] = {}
    symbol = ''
    for line in table.splitlines()[4:]:
        numbers = re.findall(r'-?\d\.\d{3}E[+-]\d\d', line)
        if atom := re.match(r' +\d+ ([A-Z]{1,2}) +(?:-?\d+\.\d+ *){3}$', line):
            symbol = atom.group(1).capitalize()
            if symbol in found:
                symbol = ''
            else:
                found[symbol] = []
        elif re.match(r' +(?:\d+- +)?\d+ (?:S|SP|P|D) *$', line):
            if symbol:
                found[symbol].append([])
        elif len(numbers) == 4:
            if symbol:
                found[symbol][-1].append([float(number) for number in numbers])
        else:
            break
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize(
    ('case', 'elements'),
    [
        ('mgo_sto3g_scf/crystal.out', {'Mg': 12, 'O': 8}),
        ('nio_sto3g_afm_scf/nio_sto3g_afm.crystal.out', {'Ni': 28, 'O': 8}),
    ],
)
def test_sto_3g_is_what_crystal_prints(corpus, case, elements):
    printed = printed_shells((corpus / case).read_text(errors='replace'))
    assert set(elements) <= set(printed)
    for symbol, number in elements.items():
        shells = STO_3G[number].shells
        assert len(shells) == len(printed[symbol])
        for shell, rows in zip(shells, printed[symbol], strict=True):
            for (exponent, first, second), (p_exponent, s, p, d) in zip(shell.primitives, rows, strict=True):
                assert exponent == pytest.approx(p_exponent, rel=6e-4)
                assert first == pytest.approx(d if shell.type == 'D' else s, rel=6e-4, abs=1e-5)
                if shell.type == 'SP':
                    assert second == pytest.approx(p, rel=6e-4, abs=1e-5)


def test_sto_3g_is_what_crystalpytools_took_from_the_exchange(corpus):
    text = (corpus / 'misc_inputs_pytools_S' / 'crysinp_BASISSETS.DAT').read_text()
    oxygen, magnesium = read_basis(text.partition('\n')[2])
    for basis in (oxygen, magnesium):
        for mine, theirs in zip(STO_3G[basis.number].shells, basis.shells, strict=True):
            # Their file has ten decimals.
            np.testing.assert_allclose(
                np.array(mine.primitives, dtype=float), np.array(theirs.primitives, dtype=float), atol=6e-11, rtol=1e-9
            )


# ---------------------------------------------------------------------------------------------------- internal STO-3G


def internal(number: int, *shells: tuple[str, float, float]) -> BasisSet:
    return BasisSet(number, shells=tuple(Shell(t, charge, scale, 1, 3) for t, charge, scale in shells))  # type: ignore[arg-type]


def test_internal_shells_of_a_real_deck_resolve(corpus):
    text = (corpus / 'misc_d12_aiida_dft_S' / 'nio_sto3g_afm.crystal.d12').read_text()
    nickel, oxygen = read_basis(text[text.index('28 5') :])
    resolved = nickel.resolved()
    assert resolved == STO_3G[28]
    # The deck's charges are kept, not the neutral atom's.
    assert [shell.charge for shell in oxygen.resolved().shells] == [2.0, 6.0]
    assert not resolved.is_internal


def test_scale_factors():
    zeta = internal(1, ('S', 1.0, 1.24)).resolved()
    np.testing.assert_allclose(
        np.array(zeta.shells[0].primitives, dtype=float),
        np.array(STO_3G[1].shells[0].primitives, dtype=float),
        rtol=1e-9,
    )
    # The fit at zeta = 1 of Hehre, Stewart and Pople (1969), table I.
    unit = internal(1, ('S', 1.0, 1.0)).resolved().shells[0]
    assert [row[0] for row in unit.primitives] == pytest.approx([2.22766, 0.405771, 0.109818], rel=1e-5)
    assert unit.scale == 1.0
    # An explicit shell takes the square of its scale factor into its exponents.
    explicit = BasisSet(1, shells=(Shell('S', 1.0, 2.0, primitives=((0.5, 1.0, None),)),)).resolved()
    assert explicit.shells[0].primitives == ((2.0, 1.0, None),)


@pytest.mark.parametrize('number', STO_3G)
def test_every_element_has_zetas_of_two_decimals(number):
    """The published zetas have two decimals: the constants at zeta = 1 are right for every element and shell."""
    for shell in STO_3G[number].shells:
        zeta = standard_zeta(shell)
        assert zeta == pytest.approx(round(zeta, 2), abs=2e-8)


def test_published_zetas():
    assert [round(standard_zeta(shell), 2) for shell in STO_3G[6].shells] == [5.67, 1.72]
    assert [round(standard_zeta(shell), 2) for shell in STO_3G[14].shells] == [13.53, 4.83, 1.75]


@pytest.mark.parametrize(
    ('number', 'n', 'momenta', 'index'), [(3, 2, (0, 1), 1), (12, 3, (0, 1), 2), (19, 4, (0, 1), 3)]
)
def test_fits_are_least_squares_fits_of_slater_orbitals(number, n, momenta, index):
    """The three Gaussians at zeta = 1 are a stationary point of the squared error summed over s and p."""
    shell = STO_3G[number].shells[index]
    scale = standard_zeta(shell) ** 2
    exponents = np.array([row[0] / scale for row in shell.primitives])
    r = np.linspace(1e-6, 60.0, 30001)
    weight = r**2 * (r[1] - r[0])
    slater = r ** (n - 1) * np.exp(-r)
    slater /= np.sqrt(weight @ slater**2)

    def error(a):
        total = 0.0
        for momentum in momenta:
            gaussians = r**momentum * np.exp(-np.outer(a, r**2))
            gaussians /= np.sqrt((gaussians**2) @ weight)[:, None]
            overlap, projection = (gaussians * weight) @ gaussians.T, (gaussians * weight) @ slater
            total += 2.0 - 2.0 * np.sqrt(projection @ np.linalg.solve(overlap, projection))
        return total

    best = error(exponents)
    for step in (-1e-3, 1e-3):
        for which in range(3):
            moved = exponents.copy()
            moved[which] *= 1 + step
            assert error(moved) > best


@pytest.mark.parametrize(
    ('basis', 'message'),
    [
        (BasisSet(6, shells=(Shell('S', 2.0, 0.0, 2, 6),)), 'ITYB 2'),
        (BasisSet(6, shells=(Shell('S', 2.0, 0.0, 1, 6),)), 'STO-6G'),
        (internal(6, ('S', 2.0, 0.0), ('SP', 4.0, 0.0), ('D', 0.0, 0.8)), 'D shell number 1'),
        (internal(72, ('S', 2.0, 0.0)), 'ends at Z = 54'),
        (internal(6, ('S', 2.0, -1.0)), 'scale factor -1'),
        (BasisSet(6, shells=(Shell('S', 2.0, 0.0, primitives=((1.0, 1.0, None),)),)), 'scale factor 0'),
    ],
)
def test_what_cannot_be_resolved_is_refused(basis, message):
    with pytest.raises(BasisError, match=message):
        basis.resolved()


# ---------------------------------------------------------------------------------------------------- the exchange


def test_shipped_sets_are_those_of_the_exchange():
    assert basis_exchange.load_from_exchange('STO-3G', [1, 28, 31, 54]) == {z: STO_3G[z] for z in (1, 28, 31, 54)}
    found = basis_exchange.load_from_exchange('pob-tzvp-rev2', [8, 28])
    assert found == {z: POB[z] for z in (8, 28)}
    assert '10.1002/jcc.26013' in found[8].citation


def test_sets_with_potentials_convert():
    found = basis_exchange.load_from_exchange('LANL2DZ', [8, 38, 79])
    assert not found[8].has_ecp
    strontium, gold = found[38], found[79]
    assert (strontium.conventional_number, strontium.n_core, strontium.n_electrons) == (238, 28, 10.0)
    assert (gold.n_core, gold.n_electrons) == (60, 19.0)
    for basis in found.values():
        basis.check()


def test_potentials_are_those_of_a_real_deck(corpus):
    """The CRENBL potentials of Sr and Ti, as a CRYSTAL06 user typed them in: same terms, powers of r less by two."""
    text = (corpus / 'srtio3_opt_c06' / 'sto140afd_f3.cryst.out').read_text(errors='replace')
    for typed in read_basis(text[text.index('238 6\n') :])[:2]:
        (converted,) = basis_exchange.load_from_exchange('CRENBL', [typed.number]).values()
        assert converted.conventional_number == typed.conventional_number
        assert typed.ecp is not None and converted.ecp is not None
        assert converted.ecp.charge == typed.ecp.charge
        # The exchange's form has one group more (l = 4), as CRYSTAL wants since 2009.
        assert converted.ecp.terms == (*typed.ecp.terms, ())


def test_pob_set_is_that_of_a_real_deck(corpus):
    """A user's deck with pob-TZVP: all of Fe, charges included; of S, the exchange lost the D shell."""
    text = (corpus / 'spin_opt_c17' / 'cry17_spin_opt.out').read_text(errors='replace')
    block = text[text.rindex('\nEND', 0, text.index('60700.928104')) :].split('\n', 2)[2]
    iron, sulfur = read_basis(block)
    assert basis_exchange.load_from_exchange('pob-TZVP', [26])[26] == iron
    assert sulfur.shells[-1].type == 'D'
    with pytest.raises(BasisError, match='lost the D shell of its sulfur'):
        basis_exchange.load_from_exchange('pob-TZVP', [16])
    assert 16 not in basis_exchange.load_from_exchange('pob-TZVP')
    # Should the exchange mend it, this fails: take sulfur up again.
    entry = __import__('basis_set_exchange').get_basis('pob-TZVP', elements=[16])['elements']['16']
    assert len(entry['electron_shells']) == len(sulfur.shells) - 1


def test_generally_contracted_sets_are_segmented():
    carbon = basis_exchange.load_from_exchange('cc-pVDZ', [6])[6]
    assert carbon.n_functions == 14
    assert carbon.n_electrons == 6
    carbon.check()


def test_unknown_names_and_elements():
    with pytest.raises(BasisError, match='pob-TZVP'):
        basis_exchange.fetch('pob-nonsense')
    with pytest.raises(BasisError, match='sr'):
        basis_exchange.fetch('pob-tzvp-rev2', [38])
    with pytest.raises(BasisError, match='beyond G'):
        basis_exchange.load_from_exchange('cc-pV5Z', [6])


def test_missing_exchange_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'basis_set_exchange', None)
    with pytest.raises(ImportError, match=re.escape('pip install "aiida-crystalmath[basis]"')):
        basis_exchange.load_from_exchange('STO-3G')


def test_sto_3g_against_pyscf():
    """The set of another program, up to Kr.

    Its Co has zetas off the line through its neighbours (1s 26.44, not 26.47 between 25.49 of Fe and 27.46 of Ni), and
    from Y on it has slips of the old electronic tables (1.15578745 for 1.115578745): those are not compared.
    """
    from pyscf.gto.basis import load

    from aiida_crystalmath.crystal.elements import SYMBOLS

    for number in (*range(1, 27), *range(28, 37)):
        theirs = sorted((entry[0], [tuple(row) for row in entry[1:]]) for entry in load('sto-3g', SYMBOLS[number]))
        mine = sorted(
            (
                'SPD'.index(letter),
                [(row[0], row[1 + (shell.type == 'SP' and letter == 'P')]) for row in shell.primitives],
            )
            for shell in STO_3G[number].shells
            for letter in shell.type
        )
        assert [momentum for momentum, _ in mine] == [momentum for momentum, _ in theirs]
        for (_, my_rows), (_, their_rows) in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(my_rows, their_rows, rtol=2e-6)
