"""FORCES.DAT, fort.33 and PPAN.DAT, and what outputs tell of processes, threads, memory and components."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.forces_dat import read_forces_dat
from aiida_crystalmath.crystal.outputs.fort33 import read_fort33
from aiida_crystalmath.crystal.outputs.models import Resources
from aiida_crystalmath.crystal.outputs.ppan import read_ppan
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus

START = ' EEEEEEEEEE STARTING  DATE 04 09 2018 TIME 23:27:06.5\n title\n'


@pytest.fixture(scope='module')
def walltime(corpus):
    return corpus / 'nio_opt_walltime'


@pytest.fixture(scope='module')
def output(walltime):
    return parse_stdout(walltime / 'main.out')


def test_forces_dat(walltime, output):
    """Every gradient of the run; the first one is the table of the main output, with the energy of its geometry."""
    found = read_forces_dat((walltime / 'FORCES.DAT').read_text())
    first = found.frames[0]
    assert found.complete and len(found.frames) == 16
    assert np.array_equal(first.forces, output.forces)
    assert first.energy_hartree == output.scf[0].energy_hartree == -3128.2821705578
    assert (first.title, first.labels, first.scf_cycles) == ('NiO Bulk with AFM spin', ('NI', 'NI', 'O', 'O'), 15)
    cells = (first.positions - output.initial_geometry.positions) @ np.linalg.inv(output.initial_geometry.cell)
    assert np.allclose(cells, np.rint(cells), atol=1e-9)
    energies = [point.energy_hartree for point in output.optimisation.points]
    assert all(frame.energy_hartree in energies for frame in found.frames)


def test_fort33(walltime, output):
    """A frame per geometry; its energy is that of the geometry before."""
    found = read_fort33((walltime / 'fort.33').read_text())
    assert found.complete and len(found.frames) == 20 == len(output.optimisation.points)
    assert found.frames[0].energy_hartree is None and found.frames[0].title == 'NiO Bulk with AFM spin'
    assert found.frames[1].energy_hartree == output.optimisation.points[0].energy_hartree
    for frame, point in zip(found.frames[1:], output.optimisation.points[1:], strict=True):
        cells = (frame.positions - point.geometry.positions) @ np.linalg.inv(point.geometry.cell)
        assert np.allclose(cells, np.rint(cells), atol=1e-6)
    assert found.frames[0].forces is None


@pytest.mark.parametrize(('name', 'parse'), [('FORCES.DAT', read_forces_dat), ('fort.33', read_fort33)])
def test_frames_that_stop(walltime, name, parse):
    """A cut gives the whole frames before it."""
    text = (walltime / name).read_text()
    lines = text.splitlines(keepends=True)
    for n in range(len(lines)):
        found = parse(''.join(lines[:n]))
        assert len(found.frames) == n // 6
        assert found.complete == (n % 6 == 0 and n > 0)
    starred = parse(text.replace('1.558339404969E+00', '******************', 1))
    assert len(starred.frames) == 1 and not starred.complete
    for foreign in ('', '\n', 'a\nb\n', '-3\n', '9' * 30 + '\n', '\0'):
        assert parse(foreign).frames == () and not parse(foreign).complete


def test_ppan(corpus):
    text = (corpus / 'nio_walltime2_restart_opt' / 'PPAN.DAT').read_text()
    found = read_ppan(text)
    assert found.total.atoms == [27.637, 27.637, 8.363, 8.363] and found.total.symbols == ['Ni', 'Ni', 'O', 'O']
    assert found.spin.atoms == [3.234, -3.234, -0.172, 0.172]
    assert found.total.shells[2] == [1.999, 6.364] and len(found.total.orbitals[0]) == 18
    assert found.positions_bohr[1].tolist() == [2.904, 2.904, 4.251]
    closed = '\n'.join(text.splitlines()[:7]) + '\n 1 1\n 1 1\n 0.000 0.000 0.000\n 1.000 1.000\n 1\n 1.000\n'
    assert read_ppan(closed.replace(text.splitlines()[7], '')).spin is None


def test_ppan_that_stops(corpus):
    text = (corpus / 'nio_walltime2_restart_opt' / 'PPAN.DAT').read_text().rstrip()
    for stop in range(0, len(text) - 8, 83):
        with pytest.raises(OutputFileError):
            read_ppan(text[:stop])
    for foreign in ('\0', '3 1\n', '1 0\n', '1 1\n 1 99999999\n', '1 1\n -5 1 0 0 0 1 1 1 1'):
        with pytest.raises(OutputFileError):
            read_ppan(foreign)


def test_processes_and_threads(corpus):
    """Told before the banner, or among the first lines."""
    truth = json.loads((corpus / 'truth.json').read_text())
    expected = {
        'mgo_opt_c22': Resources(n_processes=6, n_threads=1),
        'wse2_soc_prop': Resources(n_processes=64),
        'fes_scf_spin': Resources(n_processes=16),
        'mgo_scf_c14': Resources(),
        'si_supercell_grad': Resources(n_processes=72, diis_memory_mb=11.001),
    }
    for run, resources in expected.items():
        assert parse_stdout(corpus / run / truth[run]['file']).resources == resources, run


def test_memory_of_timing_lines():
    """CRYSTAL23 adds USED MEM(MB); no file that may be kept here has it, so that its place is taken as users tell."""
    line = ' TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT {} TELAPSE        4.11 TCPU        4.10 USED MEM(MB) {}\n'
    text = START + line.format('SHELLX     ', '   171.5') + line.format('MONMO3     ', '    80.2')
    assert parse_stdout(text).resources.peak_memory_mb == 171.5
    assert parse_stdout(START + line.format('SHELLX     ', '********')).resources.peak_memory_mb is None


def test_two_components(corpus):
    """relt_WSe2.out, line 160: DENSITY MATRIX FROM A TWO-COMPONENT SCF."""
    assert parse_stdout(corpus / 'wse2_soc_prop' / 'relt_WSe2.out').two_component is True
    assert parse_stdout(corpus / 'mgo_scf_c14' / 'mgo.out').two_component is None
