"""Cycles, settings, states and energies of SCF runs: real outputs by eye, other versions' lines in short texts."""

from __future__ import annotations

import json

import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

START = ' EEEEEEEEEE STARTING  DATE 04 09 2018 TIME 23:27:06.5\n MgO bulk\n'
END = ' EEEEEEEEEE TERMINATION  DATE 24 11 2014 TIME 16:30:46.5\n'
CYCLES = (
    ' CYC   0 ETOT(AU) -2.740000000000E+02 DETOT -2.74E+02 tst  0.00E+00 PX  1.00E+00\n'
    ' CYC   1 ETOT(AU) -2.754485911377E+02 DETOT -3.96E-09 tst  3.43E-11 PX  2.25E-04\n'
)
ENDED = ' == SCF ENDED - CONVERGENCE ON ENERGY      E(AU) -2.7544859113772E+02 CYCLES   1\n'


def of_lines(*lines):
    return parse_stdout(START + ''.join(f'{line}\n' for line in lines) + CYCLES + ENDED + END)


@pytest.fixture(scope='module')
def outputs(corpus):
    truth = json.loads((corpus / 'truth.json').read_text())
    runs = (
        'mgo_opt_c22',
        'si_scf_dft',
        'fes_scf_spin',
        'nio_sto3g_afm_opt',
        'paracetamol_freq',
        'quartz_hf_freq',
        'graphene_mv_saddle_scf',
        'lafeo3_opt_c09',
        'hfs2_grad_scf',
        'corundum_qha',
    )
    return {run: parse_stdout(corpus / run / truth[run]['file']) for run in runs}


@pytest.mark.corpus
def test_every_cycle(outputs):
    """mgo_opt_c22: eight cycles; the last line is CYC 7 ... DETOT -3.96E-09 tst 3.43E-11 PX 2.25E-04."""
    run = outputs['mgo_opt_c22'].scf[0]
    assert [cycle.n for cycle in run.cycles] == list(range(8)) and run.n_dropped_cycles == 0
    last = run.cycles[-1]
    assert (last.energy_hartree, last.delta_hartree, last.tester, last.px) == (
        -275.4485911377,
        -3.96e-9,
        3.43e-11,
        2.25e-4,
    )
    assert [cycle.gap_ev for cycle in run.cycles[1:4]] == [8.4379, 6.6125, 7.0513]
    assert (run.point, run.geometry_file) == (1, 'optc001')


@pytest.mark.corpus
def test_parts_of_the_energy(outputs):
    """The parts of mgo_opt_c22 (lines +++ ENERGIES) add up: electrons, electrons and nuclei, nuclei, kinetic energy."""
    parts = outputs['mgo_opt_c22'].scf[0].components_hartree
    assert parts['EXCHANGE ENERGY'] == -19.4382533918 and parts['CORRELATION ENERGY'] == -0.928607846807
    attracting = parts['TOTAL E-E'] + parts['TOTAL E-N + N-E'] + parts['TOTAL N-N'] + parts['KINETIC ENERGY']
    assert attracting == pytest.approx(parts['PSEUDO TOTAL ENERGY'], abs=1e-8)
    with_functional = attracting + parts['EXCHANGE ENERGY'] + parts['CORRELATION ENERGY']
    assert with_functional == pytest.approx(outputs['mgo_opt_c22'].scf[0].energy_hartree, abs=1e-6)


@pytest.mark.corpus
def test_eigenvalues(outputs):
    """si_scf_dft prints them at eight points; those of point 4, (1 1 0), by eye; the gap is the one of the levels."""
    run = outputs['si_scf_dft'].scf[0]
    assert [each.k for each in run.eigenvalues] == list(range(1, 9))
    point = run.eigenvalues[3]
    assert (point.coordinates, point.spin, len(point.values_hartree)) == ((1, 1, 0), '', 18)
    assert point.values_hartree[-4:] == (0.13141, 0.18118, 0.27585, 0.27585) and point.symmetries[-4:] == (1, 2, 3, 3)
    assert max(each.values_hartree[13] for each in run.eigenvalues) == pytest.approx(run.state.vbm_hartree, abs=1e-5)
    assert min(each.values_hartree[14] for each in run.eigenvalues) == pytest.approx(run.state.cbm_hartree, abs=1e-5)


@pytest.mark.corpus
def test_settings(outputs):
    """What is echoed before the SCF of four runs."""
    settings = outputs['nio_sto3g_afm_opt'].scf_settings
    assert (settings.max_cycles, settings.toldee, settings.tolinteg) == (50, 7, (6, 6, 6, 6, 12))
    assert (settings.fmixing_percent, settings.accelerator) == (30, 'DIIS')
    assert (settings.spin_lock, settings.spin_lock_cycles, settings.spin_lock_tolerance) == (0, 15, None)
    settings = outputs['fes_scf_spin'].scf_settings
    assert (settings.fmixing_percent, settings.accelerator, settings.tolinteg[2]) == (80, 'ANDERSON', -20)
    shifted = outputs['quartz_hf_freq'].scf_settings
    assert (shifted.level_shift_hartree, shifted.level_shift_locked) == (0.4, True)
    free = outputs['corundum_qha'].scf_settings
    assert (free.level_shift_hartree, free.level_shift_locked) == (0.6, False)
    assert outputs['graphene_mv_saddle_scf'].scf_settings.smearing_hartree == 1e-4


@pytest.mark.corpus
def test_corrections(outputs):
    """D3 and gCP of paracetamol_freq (lines 1416 to 1418) are the difference between the two energies."""
    output, run = outputs['paracetamol_freq'], outputs['paracetamol_freq'].scf[-1]
    assert (run.dispersion_hartree, run.gcp_hartree) == (-0.12569847523676, 0.19359460978688)
    assert run.energy_hartree + run.dispersion_hartree + run.gcp_hartree == pytest.approx(
        output.energy_hartree, abs=1e-9
    )
    assert run.final_energy_hartree == output.energy_hartree
    assert (output.scf_settings.dispersion, output.scf_settings.gcp) == ('D3', True)
    assert output.energy_source == 'TOTAL ENERGY + DISP + GCP'
    assert outputs['hfs2_grad_scf'].energy_source == 'TOTAL ENERGY + DISP'


@pytest.mark.corpus
def test_locked_spin(outputs):
    """While the spin is locked there are no levels; versions before 17 print -1 and +1 hartree in their place."""
    assert outputs['nio_sto3g_afm_opt'].scf[0].spin_locked_cycles == 15
    assert outputs['graphene_mv_saddle_scf'].scf[0].spin_locked_cycles == 5
    run = outputs['lafeo3_opt_c09'].scf[0]
    assert run.spin_locked_cycles == 36 and (run.state.vbm_hartree, run.state.cbm_hartree) == (None, None)


@pytest.mark.corpus
def test_metal(outputs):
    """fes_scf_spin conducts: gap 0 and the Fermi energy of the last line POSSIBLY CONDUCTING STATE."""
    output = outputs['fes_scf_spin']
    assert (output.is_conducting, output.gap_ev, output.fermi_energy_hartree) == (True, 0.0, -0.17786404)
    assert output.scf[0].spin_total == 2.22826001


def test_spin_lock_by_energy():
    """The line of CRYSTAL23 on which other readers fail."""
    settings = of_lines(' ALPHA-BETA ELECTRONS LOCKED TO   0 WHILE ENE DIFF BETWEEN CYCS GT 10** -5').scf_settings
    assert (settings.spin_lock, settings.spin_lock_cycles, settings.spin_lock_tolerance) == (0, None, 5)


def test_smearing_and_restart():
    """Lines as in fe_opt_c09, nio_walltime2_restart_opt and paracetamol_freq."""
    output = of_lines(
        ' INFORMATION **** SAVEPRED **** WRITING REDUCIBLE DENSITY MATRIX IN UNIT 13',
        ' FERMI SMEARING - TEMPERATURE SMEARING OF FERMI SURFACE  0.500000E-02',
        ' RESTART FROM A PREVIOUS DENSITY MATRIX - DEP ACTIVE',
        ' NO MIXING OF F MATRICES           CONVERGENCE ON ENERGY        10**-10',
    )
    settings = output.scf_settings
    assert (settings.smearing_hartree, settings.restarts_from_density) == (0.005, True)
    assert (settings.fmixing_percent, settings.toldee, settings.saves) == (0, 10, ('SAVEPRED',))


@pytest.mark.parametrize(
    ('words', 'status', 'converged'),
    [
        ('CONVERGENCE ON ENERGY', 'converged_energy', True),
        ('CONVERGENCE ON TESTER', 'converged_tester', True),
        ('CONVERGENCE ON DENSITY MATRIX', 'converged_other', True),
        ('TOO MANY CYCLES', 'too_many_cycles', False),
        ('SOMETHING NEW', None, False),
    ],
)
def test_ends(words, status, converged):
    """Words that no real file showed are kept; only those of convergence count as such."""
    output = parse_stdout(START + CYCLES + ENDED.replace('CONVERGENCE ON ENERGY', words) + END)
    assert (output.scf[0].status, output.scf[0].criterion, output.scf_converged) == (status, words, converged)
    assert (output.energy_hartree is not None, output.succeeded) == (converged, converged)


def test_a_correction_without_its_total_is_no_energy():
    """The SCF energy of a run with dispersion is not its energy."""
    corrected = ' D3 DISPERSION ENERGY (AU)       -5.1734242764165E-02\n'
    total = ' TOTAL ENERGY + DISP (AU)        -2.7550032537772E+02\n'
    assert parse_stdout(START + CYCLES + ENDED + corrected + END).energy_hartree is None
    assert parse_stdout(START + CYCLES + ENDED + corrected + total + END).energy_hartree == -275.50032537772
    stars = total.replace('-2.7550032537772E+02', '*' * 20)
    assert parse_stdout(START + CYCLES + ENDED + corrected + stars + END).energy_hartree is None


def test_many_runs_in_little_memory():
    """3000 SCF of three cycles: the first and the last ones are kept, and how many are not is told."""
    lines = []
    for i in range(3000):
        lines.append(' CRYSTAL - SCF - TYPE OF CALCULATION :  RESTRICTED CLOSED SHELL\n TOTAL ATOMIC CHARGES:\n')
        lines.append('  ' + ' '.join(['12.0000000'] * 100) + '\n' + CYCLES)
        lines.append(ENDED.replace('-2.7544859113772', f'-2.{i:013d}'))
    output = parse_stdout(START + ''.join(lines) + END)
    assert len(output.scf) + output.n_dropped_scf == 3000 and len(output.scf) <= 1000
    assert output.scf[0].energy_hartree == -200 and output.scf[-1].energy_hartree == pytest.approx(-200.00000002999)
    assert sum(len(run.charges) for run in output.scf) <= 110_000 and len(output.scf[-1].charges) == 100
    # Nothing says which of so many is the energy of the run.
    assert (output.status, output.missing_results) == ('incomplete', ['energy'])


def test_many_cycles_in_little_memory():
    """50,000 cycles of one SCF: the first and the last ones are kept."""
    cycle = ' CYC{:4d} ETOT(AU) -2.740000000000E+02 DETOT -2.74E-02 tst  0.00E+00 PX  1.00E+00\n'
    output = parse_stdout(START + ''.join(cycle.format(n) for n in range(50_000)) + ENDED + END)
    run = output.scf[0]
    assert len(output.scf) == 1 and len(run.cycles) <= 20_000
    assert len(run.cycles) + run.n_dropped_cycles == 50_000
    assert (run.cycles[0].n, run.cycles[-1].n) == (0, 49_999)


@pytest.mark.corpus
def test_state_of_a_cycle_that_is_not_the_last_one(corpus):
    """e1674_elastic without lines 551 to 681: the gap before cycle 3 (6.1685 eV) is not the last one (6.2317 eV)."""
    lines = (corpus / 'e1674_elastic' / '1674.out').read_text(errors='replace').split('\n')
    assert parse_stdout('\n'.join(lines)).gap_ev == 6.2317
    output = parse_stdout('\n'.join(lines[:550] + lines[681:]))
    assert output.energy_hartree == -622.38169993737 and [cycle.n for cycle in output.scf[0].cycles][-2:] == [2, 10]
    assert output.gap_ev is None and output.scf[0].charges == () and output.mulliken is None
