"""The executable ``crystalmath-crystal``: its files, its errors, and what it leaves when it is stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.standin

PROGRAM = Path(sys.executable).parent / 'crystalmath-crystal'
Runner = Callable[..., 'subprocess.CompletedProcess[str]']
Deck = Callable[..., str]


def fort87(folder: Path) -> str:
    return (folder / 'fort.87').read_text()


def test_single_point_leaves_output_and_wavefunction(mgo_run: Path) -> None:
    ours = parse_stdout(mgo_run / 'crystal.out')
    assert ours.engine == 'STAND-IN'
    assert ours.version == 'CRYSTAL23'
    assert ours.terminated
    assert ours.energy_hartree == pytest.approx(-271.76624, abs=2e-4)  # bare PySCF, the same settings
    assert ours.scf[0].status == 'converged_energy'
    assert ours.scf[0].cycles[0].n == 0
    assert ours.gap_kind == 'indirect'
    assert ours.space_group == 'F M 3 M'
    assert ours.n_symmops == 48
    assert (mgo_run / 'fort.9').stat().st_size > 1000
    assert (mgo_run / 'PPAN.DAT').read_text().splitlines()[0].split() == ['1', '2']
    assert not (mgo_run / 'fort.87').exists()
    assert not (mgo_run / 'fort.34').exists()


def test_first_lines_say_stand_in(mgo_run: Path) -> None:
    head = (mgo_run / 'crystal.out').read_text().splitlines()[:6]
    assert any('STAND-IN' in line and 'NOT CRYSTAL' in line for line in head)


def test_optimisation_leaves_its_files(mgo_opt: Path) -> None:
    ours = parse_stdout(mgo_opt / 'crystal.out')
    points = ours.optimisation.points
    for number in range(1, len(points) + 1):
        assert (mgo_opt / f'optc{number:03d}').is_file()
    assert (mgo_opt / 'OPTINFO.DAT').stat().st_size > 0
    assert (mgo_opt / 'fort.34').is_file()
    assert (mgo_opt / 'fort.9').stat().st_size > 1000
    log = (mgo_opt / 'SCFOUT.LOG').read_text()
    assert log.count('== SCF ENDED') >= len(points) - 1
    text = (mgo_opt / 'crystal.out').read_text()
    assert text.count('== SCF ENDED') == 1
    assert re.search(r'^   BAND GAP: +\d+\.\d{4}  eV $', text, re.MULTILINE)
    assert 'CELL OPTIMIZATION - POINT    2' in text
    # MgO PBE/STO-3G on 2x2x2: a fit through energies of PySCF alone has its minimum at 3.980 Å
    assert ours.final_geometry.cell[0][1] * 2 == pytest.approx(3.980, abs=0.003)


def test_molecule_is_optimised_with_analytical_forces(h2_opt: Path) -> None:
    text = (h2_opt / 'crystal.out').read_text()
    assert 'COORDINATE OPTIMIZATION - POINT    1' in text
    assert 'CARTESIAN FORCES IN HARTREE/BOHR (ANALYTICAL)' in text
    assert (h2_opt / 'opta01').is_file()  # MAXCYCLE 60: two digits
    forces = parse_stdout(h2_opt / 'crystal.out').forces
    assert forces is None or np.allclose(np.sum(forces, axis=0), 0.0, atol=1e-8)


def test_too_many_cycles_ends_normally_and_can_go_on(crystal: Runner, deck: Deck, tmp_path: Path) -> None:
    first = crystal(deck('CO', scf='MAXCYCLE\n3\n'), tmp_path)
    assert first.returncode == 0
    assert '== SCF ENDED - TOO MANY CYCLES' in first.stdout
    assert 'EEEEEEEEEE TERMINATION' in first.stdout
    os.replace(tmp_path / 'fort.9', tmp_path / 'fort.20')
    second = crystal(deck('CO', scf='GUESSP\n'), tmp_path)
    assert second.returncode == 0
    ours = parse_stdout(second.stdout.splitlines(keepends=True))
    assert ours.scf[0].status == 'converged_energy'
    assert ours.energy_hartree == pytest.approx(-111.2245, abs=1e-3)  # RHF/STO-3G near the minimum
    begun = parse_stdout(first.stdout.splitlines(keepends=True))
    assert abs(ours.scf[0].cycles[0].energy_hartree - ours.energy_hartree) < abs(
        begun.scf[0].cycles[0].energy_hartree - ours.energy_hartree
    )


@pytest.mark.parametrize(
    ('change', 'line'),
    [
        (('', ''), None),
        (('TOLDEE\n', 'NONSENSE\nTOLDEE\n'), ' ERROR **** READM2 **** KEYWORD NOT ALLOWED'),
        (('END\n1 1\n', 'ELASTCON\nEND\nEND\n1 1\n'), ' ERROR **** STANDIN **** ELASTCON NOT SUPPORTED'),
        (('1 0 3 1.0 0.0', '1 0 3 2.0 0.0'), ' ERROR **** LoadBa **** UNIT CELL NOT NEUTRAL'),
        (('TOLDEE\n', 'GUESSP\nTOLDEE\n'),
         ' ERROR **** GUESSP **** COPY OF WAVEFUNCTION FILE fort.20 CAN NOT BE FOUND'),
        (('MOLECULE\n1\n2\n1 0.0 0.0 0.0\n1 0.0 0.0 0.80\n', 'EXTERNAL\n'),
         ' ERROR **** EXTERNAL **** GEOMETRY DATA FILE NOT FOUND'),
        (('99 0\nEND\nTOLDEE\n8\nEND\n', ''), ' ERROR **** INPUT **** END OF DATA IN INPUT DECK'),
        (('1 0 3 1.0 0.0', '1 0 3 x 0.0'), ' ERROR **** INPBAS **** FORMAT ERROR IN INPUT DECK'),
    ],
)  # fmt: skip
def test_errors_are_crystals(
    crystal: Runner, deck: Deck, tmp_path: Path, change: tuple[str, str], line: str | None
) -> None:
    text = deck('H2')
    assert change[0] in text
    done = crystal(text.replace(*change) if change[0] else text, tmp_path)
    if line is None:
        assert done.returncode == 0
        return
    assert done.returncode == 1, done.stdout[-1500:] + done.stderr
    assert line in done.stdout.splitlines()
    assert fort87(tmp_path) == line + '\n'
    assert 'EEEEEEEEEE TERMINATION' not in done.stdout
    assert parse_stdout(done.stdout.splitlines(keepends=True)).errors


def test_no_input_is_end_of_data(crystal: Runner, tmp_path: Path) -> None:
    done = crystal('', tmp_path)
    assert done.returncode == 1
    assert 'END OF DATA IN INPUT DECK' in fort87(tmp_path)


def test_input_file_is_read_without_standard_input(deck: Deck, tmp_path: Path) -> None:
    (tmp_path / 'INPUT').write_text(deck('H2'))
    done = subprocess.run(
        [PROGRAM], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert '== SCF ENDED - CONVERGENCE ON ENERGY' in done.stdout


def test_testgeom_stops_after_the_geometry(crystal: Runner, deck: Deck, tmp_path: Path) -> None:
    done = crystal(deck('MGO', geometry='TESTGEOM\n'), tmp_path)
    assert done.returncode == 0
    assert 'TESTGEOM  DIRECTIVE - GEOMETRY EDITING COMPLETE' in done.stdout
    assert 'CYC ' not in done.stdout
    assert (tmp_path / 'fort.34').is_file()


def test_killed_run_leaves_a_cut_output_and_no_wavefunction(deck: Deck, tmp_path: Path) -> None:
    (tmp_path / 'INPUT').write_text(deck('MGO', geometry='OPTGEOM\nENDOPT\n'))
    with (tmp_path / 'crystal.out').open('w') as output:
        process = subprocess.Popen([PROGRAM], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=output)
        deadline = time.monotonic() + 60
        while 'CYC   0' not in (tmp_path / 'crystal.out').read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGTERM
    ours = parse_stdout(tmp_path / 'crystal.out')
    assert ours.scf[0].cycles, 'each cycle is flushed as it comes'
    assert not ours.terminated
    assert ours.energy_hartree is None
    assert (tmp_path / 'fort.9').stat().st_size == 0


def test_restart_of_an_optimisation_repeats_nothing(crystal: Runner, deck: Deck, mgo_opt: Path, tmp_path: Path) -> None:
    (tmp_path / 'OPTINFO.DAT').write_bytes((mgo_opt / 'OPTINFO.DAT').read_bytes())
    done = crystal(deck('MGO', geometry='OPTGEOM\nFULLOPTG\nRESTART\nENDOPT\n'), tmp_path)
    assert done.returncode == 0, done.stdout[-1500:]
    before, after = parse_stdout(mgo_opt / 'crystal.out'), parse_stdout(tmp_path / 'crystal.out')
    assert 'RESTARTING FROM A PREVIOUS GEOMETRY OPTIMIZATION RUN' in done.stdout
    assert after.energy_hartree == pytest.approx(before.energy_hartree, abs=1e-5)
    assert len(after.optimisation.points) < len(before.optimisation.points)
