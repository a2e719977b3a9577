"""Rows of a phonon dispersion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_crystalmath.cli.summaries import Row


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the range of frequencies, and what is doubtful."""
    from aiida import orm

    outputs = summary['outputs']
    result: list[Row] = []
    if 'output_phonon_bands' in outputs:
        bands = orm.load_node(outputs['output_phonon_bands']).get_bands()
        text = f'{bands.shape[1]} branches at {len(bands)} points, {bands.min():.1f} to {bands.max():.1f} cm⁻¹'
        result.append(('phonon bands', text.replace(' -', ' −'), True))
    found = summary['results']
    if 'gamma_frequencies_cm1' in found:
        gamma = ', '.join(f'{value:.1f}' for value in found['gamma_frequencies_cm1'][-6:])
        result.append(('highest at Gamma', f'{gamma} cm⁻¹', True))
        result.append(('zero-point energy', f'{found["zero_point_energy_ev"]:.5f} eV per primitive cell', True))
        text = f'{found["n_displacements"]} displacements in supercells of {found["n_atoms_supercell"]} atoms'
        result.append(('force constants', text, False))
        result += [('warning', warning, False) for warning in found['warnings']]
    return result
