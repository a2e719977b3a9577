"""What is shown and drawn of surfaces, magnetic orderings and interaction energies."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from aiida_crystalmath.cli import summaries
from aiida_crystalmath.cli.summaries import further_rows, further_tables
from aiida_crystalmath.plotting.figure import Request
from aiida_crystalmath.plotting.figures import draw, has_figures

ORDERINGS = {
    'orderings': {
        'fm': {
            'name': 'FM',
            'initial_moments': [2, 2, 0],
            'final_moments': [1.7, 1.7, 0.1],
            'gap_ev': 3.0,
            'energy_above_lowest_ev_per_formula_unit': 0.05,
            'is_kept': True,
        },
        'afm1': {
            'name': 'AFM',
            'initial_moments': [2, -2, 0],
            'final_moments': [1.6, -1.6, 0.0],
            'energy_above_lowest_ev_per_formula_unit': 0.0,
            'is_kept': True,
        },
        'afm2': {'name': 'AFM', 'initial_moments': [2, -2, 0], 'final_moments': [0.0, 0.0, 0.0], 'is_kept': False},
    },
    'lowest': 'afm1',
    'notes': ['afm2: the ordering was lost'],
}
SLABS = {
    'slabs': [
        {'layers': n, 'planes': ['HLi'] * n, 'thickness_angstrom': 2.0 * n, 'surface_energy_j_per_m2': 0.5 + 0.1 * n}
        for n in (1, 2)
    ],
    'surface_energy_j_per_m2': 0.7,
    'surface_energy_ev_per_angstrom2': 0.0437,
    'work_function_ev': 4.25,
    'notes': [],
}
INTERACTION = {
    f'{key}_{unit}': value * factor
    for key, value in (('interaction_energy', -0.2), ('superposition_error', 0.03))
    for unit, factor in (('ev', 1.0), ('kj_per_mol', 96.485))
} | {
    'fragments': {
        'A': {'energy_alone_hartree': -1.0, 'energy_in_whole_basis_hartree': -1.1, 'superposition_error_ev': 0.01}
    }
}


def _summary(process: str, results: dict) -> dict:
    return {'process': process, 'results': results, 'outputs': {'output_parameters': 1}}


@pytest.mark.parametrize(
    ('process', 'results', 'wanted'),
    [
        ('CrystalMagneticOrderingWorkChain', ORDERINGS, ('lowest ordering', 'afm1 of 3')),
        ('CrystalSlabWorkChain', SLABS, ('work function', '4.250 eV')),
        ('CrystalSlabWorkChain', SLABS, ('surface energy', '0.700 J/m²  (0.04370 eV/Å²)  thickest slab, as cut')),
        (
            'CrystalCounterpoiseWorkChain',
            INTERACTION,
            ('interaction energy', '-0.2000 eV  (-19.30 kJ/mol)  corrected for superposition'),
        ),
    ],
)
def test_rows(process, results, wanted):
    assert wanted in [row[:2] for row in further_rows(_summary(process, results))]
    assert len(further_tables(_summary(process, results))) == 1


@pytest.mark.parametrize('process', [name for name in summaries.MODULES if name.startswith('Crystal')])
def test_a_failed_process_has_no_rows(process):
    """It has no results: nothing is shown and nothing breaks."""
    assert further_rows({**_summary(process, {}), 'outputs': {}}) == []


def test_lost_orderings_are_called_lost():
    (table,) = further_tables(_summary('CrystalMagneticOrderingWorkChain', ORDERINGS))
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == ['afm1', 'fm', 'afm2']
    assert columns[1] == ['0.00', '50.00', 'lost']
    assert columns[3][0] == '+1.60 -1.60'


@pytest.mark.parametrize(
    ('process', 'results', 'names'),
    [
        ('CrystalMagneticOrderingWorkChain', ORDERINGS, ['x_orderings.png']),
        ('CrystalSlabWorkChain', SLABS, ['x_surface_energy.png', 'x_potential.png']),
        ('CrystalMagneticOrderingWorkChain', {}, []),
    ],
)
def test_pictures(tmp_path, process, results, names):
    heights = np.linspace(-10, 10, 21)
    arrays = {'distances_angstrom': heights, 'potential': np.exp(-(heights**2))}
    outputs = {'output_parameters': SimpleNamespace(get_dict=lambda: results)}
    if process == 'CrystalSlabWorkChain':
        outputs['output_potential'] = SimpleNamespace(get_array=arrays.__getitem__)
    assert has_figures(process, outputs)
    paths = draw(process, outputs, Request(tmp_path, 'x'))
    assert [path.name for path in paths] == names
    assert all(path.stat().st_size > 5000 for path in paths)
