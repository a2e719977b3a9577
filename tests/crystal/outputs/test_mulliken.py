"""Mulliken analyses: atoms, orbitals, shells and overlaps of real outputs, and of outputs that stop inside them."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.outputs.models import OverlapPopulation
from aiida_crystalmath.crystal.outputs.ppan import read_ppan
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


@pytest.fixture(scope='module')
def texts(corpus, truth):
    found = {run: (corpus / run / v['file']).read_text(errors='replace') for run, v in truth.items()}
    return {run: text for run, text in found.items() if 'MULLIKEN POPULATION ANALYSIS - NO' in text}


@pytest.fixture(scope='module')
def outputs(texts):
    return {run: parse_stdout(text) for run, text in texts.items()}


def test_sums(outputs, truth):
    """Orbitals and shells add up to their atom, atoms to the number of the title; every spin has its density."""
    assert len(outputs) > 15
    for run, output in outputs.items():
        analysis = output.population
        assert analysis is not None and analysis.complete, run
        for density in (analysis.total, analysis.spin):
            if density is None:
                continue
            n_atoms = len(density.atoms)
            assert sum(density.atoms) == pytest.approx(density.n_electrons, abs=6e-4 * n_atoms), run
            for electrons, orbitals, shells in zip(density.atoms, density.orbitals, density.shells, strict=True):
                assert sum(orbitals) == pytest.approx(electrons, abs=6e-4 * (len(orbitals) + 1)), run
                assert sum(shells) == pytest.approx(electrons, abs=6e-4 * (len(shells) + 1)), run
        if run == 'fe_opt_c09':
            continue  # The truth has the analysis of properties, which follows in the file, of a density of its own.
        if truth[run]['mulliken_electrons'] is not None:
            assert analysis.total.n_electrons == pytest.approx(truth[run]['mulliken_electrons']), run
        if truth[run]['mulliken_spin'] is not None:
            assert analysis.spin.n_electrons == pytest.approx(truth[run]['mulliken_spin'], abs=1e-6), run


def test_orbitals_are_those_of_the_basis(outputs):
    """As many orbitals and shells per atom as the basis printed before has."""
    compared = 0
    for run, output in outputs.items():
        if output.basis is None or not output.basis.complete or output.program != 'crystal':
            continue
        for species in output.basis.species:
            n_orbitals = species.shells[-1].last_orbital - species.shells[0].first_orbital + 1
            for atom in species.atoms:
                assert len(output.population.total.orbitals[atom - 1]) == n_orbitals, run
                assert len(output.population.total.shells[atom - 1]) == len(species.shells), run
                compared += 1
    assert compared > 100


def test_magnesia_by_hand(outputs):
    """mgo.out, lines 538-569."""
    analysis = outputs['mgo_scf_c14'].population
    assert analysis.spin is None and analysis.is_final and analysis.line == 538
    total = analysis.total
    assert (total.symbols, total.numbers, total.atoms) == (['Mg', 'O'], [12, 8], [10.021, 9.979])
    assert total.orbitals[0] == [2.000, 1.999, 1.995, 1.995, 1.995, 0.006, 0.010, 0.010, 0.010]
    assert total.shells == [[2.000, 7.986, 0.035], [2.007, 4.617, 3.355]]
    assert total.overlap[0] == OverlapPopulation(1, 2, (-1, 0, 0), 3.978, 2.105, -0.011)
    assert total.overlap[7] == OverlapPopulation(2, 2, (-1, 0, 0), 5.626, 2.977, -0.013)
    assert len(total.overlap) == 12


def test_iron_by_hand(outputs):
    """Fe.out, lines 2926 and 2950, after the optimisation; what properties prints at 3237 is not the run's own."""
    analysis = outputs['fe_opt_c09'].population
    assert analysis.line == 2926 and analysis.is_final
    assert analysis.total.orbitals[0][:6] == [2.000, 1.923, 2.057, 2.057, 2.057, 0.416]
    assert len(analysis.total.orbitals[0]) == 27 and len(analysis.total.shells[0]) == 7
    assert (analysis.total.n_electrons, analysis.spin.n_electrons) == (26, 2.853494)


def test_analysis_of_properties_in_the_same_job(outputs):
    """LaFeO3: only properties, which follows in the file, prints the analysis (line 3347)."""
    analysis = outputs['lafeo3_opt_c09'].population
    assert analysis.total.n_electrons == 244 and not analysis.is_final
    assert analysis.total.numbers[0] == 257 and analysis.total.atoms[0] == 8.276


def test_what_is_not_final(outputs):
    """A failed optimisation and an SCF that used up its cycles have an analysis, and no charges."""
    for run in ('mackinawite_opt_failed', 'nio_scf_maxcyc'):
        assert outputs[run].population.complete and not outputs[run].population.is_final, run
        assert outputs[run].mulliken is None, run


def test_net_charges_of_ghosts(corpus, truth):
    """adsorbate.out: four of its six atoms are ghosts, which have no nuclear charge."""
    mulliken = parse_stdout(corpus / 'co_adsorbate_scf' / truth['co_adsorbate_scf']['file']).mulliken
    assert mulliken.net_charges[0] == -mulliken.electrons[0]
    assert mulliken.net_charges[4] == 8 - mulliken.electrons[4]
    assert sum(mulliken.net_charges) == pytest.approx(0, abs=1e-5)


def test_net_charges_of_a_neutral_cell(outputs):
    """With the printed charges of potentials the net charges add up to nothing."""
    compared = 0
    for run, output in outputs.items():
        mulliken = output.mulliken
        if mulliken is not None and None not in mulliken.net_charges and output.program == 'crystal':
            assert sum(mulliken.net_charges) == pytest.approx(0, abs=2e-3 * len(mulliken.numbers)), run
            compared += any(number > 200 for number in mulliken.numbers)
    assert compared >= 2


def test_file_and_output_tell_the_same(corpus, outputs):
    """PPAN.DAT against the output beside it (NiO, open shell)."""
    ppan = read_ppan((corpus / 'nio_walltime2_restart_opt' / 'PPAN.DAT').read_text())
    analysis = outputs['nio_walltime2_restart_opt'].population
    for ours, other in ((analysis.total, ppan.total), (analysis.spin, ppan.spin)):
        assert ours.atoms == other.atoms and ours.shells == other.shells and ours.orbitals == other.orbitals


def test_an_analysis_that_stops(texts):
    """Cut anywhere inside it, it is not complete and not final; nothing of a table is invented."""
    text = texts['mgo_scf_c14']
    start = text.index(' MULLIKEN POPULATION ANALYSIS - NO')
    end = text.index(' TTTT', start)
    for stop in range(start + 80, end, 61):
        output = parse_stdout(text[:stop])
        assert output.mulliken is None
        assert output.population is None or (not output.population.complete and not output.population.is_final)
    assert parse_stdout(text[: end + 80]).population.complete


def test_interleaved_and_overflowing_rows(texts):
    text = texts['mgo_scf_c14']
    row = '   2 O    8  9.979  2.007  1.176'
    noisy = text.replace(row, ' PROCESS   3 OF   8 WORKING\n' + row)
    assert parse_stdout(noisy).population.total == parse_stdout(text).population.total
    starred = parse_stdout(text.replace(row, '   2 O    8 *******  2.007  1.176'))
    assert not starred.population.complete and starred.population.total.atoms == [10.021]
    # The charges of the last SCF cycle are in order.
    assert len(starred.mulliken.electrons) == 2


def test_spins_are_never_taken_for_charges(texts):
    """Without the rule above them, or their partner, the numbers of the second density stay spins."""
    text = texts['fes_scf_spin']
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(' MMMM')]
    analysis = parse_stdout(''.join(lines)).population
    assert (analysis.total.n_electrons, analysis.spin.n_electrons) == (26, 2.22826)
    lost = parse_stdout(text.replace(' MULLIKEN POPULATION ANALYSIS - NO. OF ELECTRONS   26.000000', ' LOST'))
    assert lost.population is None
