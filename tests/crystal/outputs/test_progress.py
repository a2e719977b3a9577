"""How far a run has come, from a part of its output."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.outputs.progress import Progress, Tails, progress_of

pytestmark = pytest.mark.corpus
OPTIMISATION = 'mgo_opt_c22/conv_mgoOpt.out'


def tail(corpus, name: str, upto: str, size: int = 20_000) -> str:
    """Return the last ``size`` characters of a real file before the second time it says ``upto``."""
    text = (corpus / name).read_text(errors='replace')
    end = text.index(upto) + len(upto)
    return text[max(0, end - size) : end]


def test_in_the_middle_of_an_scf(corpus):
    text = tail(
        corpus, OPTIMISATION, ' CYC   4 ETOT(AU) -2.754485864235E+02 DETOT -5.29E-05 tst  3.38E-06 PX  5.00E-03\n'
    )
    progress = progress_of(Tails.read(text))
    assert (progress.scf_cycle, progress.energy_hartree) == (4, -275.4485864235)
    assert progress.log10_delta == pytest.approx(-4.28, abs=0.01)
    assert (progress.scf_converged, progress.terminated, progress.point) == (False, False, 1)


def test_in_the_middle_of_an_optimisation(corpus):
    """Point 3 has a title only; what point 2 had printed is known, with its thresholds."""
    progress = progress_of(Tails.read(tail(corpus, OPTIMISATION, ' CELL OPTIMIZATION - POINT    3\n', 6000)))
    assert (progress.point, progress.point_energy_hartree) == (3, pytest.approx(-275.44869, abs=1e-5))
    assert progress.gradients['max_gradient'] == 0.004694
    assert progress.thresholds['rms_displacement'] == 0.0012
    assert Progress.of(progress.as_dict()) == progress


def test_later_points_have_their_scf_in_the_log(corpus):
    """The SCF that is running is the one of the log, whatever the output has."""
    folder = corpus / 'nio_opt_walltime'
    tails = Tails.read((folder / 'main.out').read_text()[-20_000:], (folder / 'SCFOUT.LOG').read_text()[-20_000:])
    assert tails.current_scf is tails.log.runs[-1]
    assert progress_of(tails).scf_cycle == tails.log.runs[-1].cycles[-1].n


@pytest.mark.parametrize(('cut', 'ended'), [(None, True), (-3000, False)])
def test_the_end_is_seen_without_the_banner(corpus, cut, ended):
    text = (corpus / OPTIMISATION).read_text()[:cut]
    assert progress_of(Tails.read(text[-5000:])).terminated is ended


def test_any_part_of_any_output_can_be_read(corpus, truth):
    """No cut, wherever it falls, is an error, and the reading survives the database."""
    for run, values in truth.items():
        text = (corpus / run / values['file']).read_text(errors='replace')
        for part in range(1, 6):
            end = len(text) * part // 5
            progress = progress_of(Tails.read(text[max(0, end - 10_007) : end]))
            assert Progress.of(progress.as_dict()) == progress


def test_nothing_is_known_of_nothing():
    assert progress_of(Tails.read('')) == Progress()
