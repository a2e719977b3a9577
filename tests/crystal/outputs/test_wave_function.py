"""The wave function that properties echoes: it leads to the run that wrote it."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


def test_every_properties_output(outputs):
    compared = 0
    for run, output in outputs.items():
        if output.program != 'properties':
            assert output.wave_function is None, run
            continue
        found = output.wave_function
        assert found.complete and found.cell.shape == (3, 3) and found.total_energy_hartree < 0, run
        assert len(found.numbers) == len(found.labels) == len(found.positions) == len(found.n_shells), run
        assert sum(found.electrons) == pytest.approx(output.n_electrons, abs=6e-4 * len(found.numbers)), run
        compared += 1
    assert compared == 21


def test_it_leads_to_its_run(outputs):
    """mgo.outp reads what out_mgoSCF.out wrote: energy to the last digit, cycles, cell and atoms."""
    found, run = outputs['mgo_prop_newk'].wave_function, outputs['mgo_scf_b3lyp']
    assert found.total_energy_hartree == run.energy_hartree == -275.44859113743
    assert found.n_scf_cycles == run.scf[-1].n_cycles == 7
    assert np.allclose(found.cell, run.final_geometry.cell, atol=1e-5)
    assert found.numbers == run.cell_report.numbers
    cells = (found.positions - run.final_geometry.positions) @ np.linalg.inv(run.final_geometry.cell)
    assert np.allclose(cells, np.rint(cells), atol=1e-3)
    assert found.electrons == pytest.approx(run.mulliken.electrons, abs=6e-4)


def test_potentials(outputs):
    """relt_WSe2.out, lines 147-149."""
    found = outputs['wse2_soc_prop'].wave_function
    assert (found.numbers, found.labels, found.n_shells) == ([274, 234, 234], ['W', 'SE', 'SE'], [14, 9, 9])
    assert found.positions[2].tolist() == [-0.942, 1.631, -1.673] and found.electrons[0] == 13.849
    assert found.cell[0].tolist() == [2.82505, -1.63104, 0]


def test_a_table_that_stops(corpus, truth):
    lines = (corpus / 'wse2_soc_prop' / truth['wse2_soc_prop']['file']).read_text().splitlines(keepends=True)
    title = next(i for i, line in enumerate(lines) if 'N.AT.' in line)
    for n in range(title, title + 5):
        assert parse_stdout(''.join(lines[:n])).wave_function is None
    found = parse_stdout(''.join(lines[: title + 6])).wave_function
    assert found.complete and found.total_energy_hartree is None
    starred = parse_stdout(''.join(lines).replace('   13.849', ' ********')).wave_function
    assert not starred.complete and starred.positions is None and starred.total_energy_hartree == -813.96915507131
