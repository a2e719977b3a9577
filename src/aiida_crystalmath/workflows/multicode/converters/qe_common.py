"""What the hand-offs from pw.x share: the mesh that its k-points are, bands, electrons, and what others refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import ArrayLike

from aiida_crystalmath.workflows.multicode.converters.common import code_of, edges_of, known, source_of
from aiida_crystalmath.workflows.multicode.converters.declaration import Travels
from aiida_crystalmath.workflows.multicode.converters.pseudopotentials import not_norm_conserving

__all__ = ('BANDS_TRAVEL', 'NscfError', 'check_plane_waves', 'full_mesh', 'nscf_content')

RYDBERG_EV = 13.605693122990
"""CODATA 2022; the unit of cutoffs in the inputs of pw.x."""


class NscfError(ValueError):
    """A run of pw.x that cannot be handed on; the message says why, and what to do."""


BANDS_TRAVEL = (
    Travels('bands', 'handoff.n_bands'),
    Travels('k-points', 'handoff.n_kpoints', 'in the irreducible wedge, or as many as were given'),
    Travels('electrons', 'handoff.n_electrons', 'outside the pseudopotentials', 'per cell'),
    Travels('filled bands', 'handoff.n_filled_bands', 'of each spin'),
    Travels('cutoff of the wavefunctions', 'handoff.cutoff_wavefunction_ry', unit='Ry'),
    Travels('cutoff of the density', 'handoff.cutoff_density_ry', unit='Ry'),
    Travels('functional', 'handoff.functional', "in Quantum ESPRESSO's words"),
    Travels('spin components', 'handoff.n_spin'),
    Travels('whether there are spinors', 'handoff.is_spinor'),
    Travels('DFT gap', 'handoff.gap_ev', 'on the k-points of this run', 'eV'),
    Travels('its kind', 'handoff.gap_kind'),
    Travels('band edges with their k-points', 'handoff.edges', unit='eV'),
    Travels('code', 'handoff.code', '`qe`'),
    Travels('version of pw.x', 'handoff.version'),
    Travels('what does not travel', 'handoff.left_behind', 'this list'),
    Travels('nodes that it is from', 'handoff.sources'),
)
"""What every hand-off from pw.x tells."""


def nscf_content(
    parameters: orm.Dict, bands: orm.BandsData, n_bands_needed: int | None, left_behind: list[str]
) -> dict[str, Any]:
    """Return what every hand-off from pw.x tells.

    :param parameters: ``output_parameters`` of PwCalculation.
    :raises NscfError: if the bands are too few.
    :raises ValueError: if there are no band edges to be told.
    """
    said = parameters.get_dict()
    n_bands = int(said['number_of_bands']) if 'number_of_bands' in said else int(np.shape(bands.get_bands())[-1])
    if n_bands_needed is not None and n_bands < n_bands_needed:
        raise NscfError(
            f'there are {n_bands} bands and {n_bands_needed} are needed: set SYSTEM.nbnd and run pw.x again'
        )
    edges = edges_of(bands, said).to_dict()
    return known(
        {
            'n_bands': n_bands,
            'n_kpoints': len(bands.get_kpoints()),
            'n_electrons': said.get('number_of_electrons'),
            'n_filled_bands': edges.get('n_filled'),
            'cutoff_wavefunction_ry': _rydberg(said, 'wfc_cutoff'),
            'cutoff_density_ry': _rydberg(said, 'rho_cutoff'),
            'functional': said.get('dft_exchange_correlation'),
            'n_spin': said.get('number_of_spin_components'),
            'is_spinor': said.get('non_colinear_calculation'),
            'gap_ev': edges.get('gap_ev'),
            'gap_kind': edges.get('gap_kind'),
            'edges': edges,
            'code': code_of(bands) or 'qe',
            'version': said.get('creator_version'),
            'left_behind': left_behind,
            'sources': {'parameters': source_of(parameters), 'bands': source_of(bands)},
        }
    )


def _rydberg(said: Mapping[str, Any], key: str) -> float | None:
    """Return a cutoff, which aiida-quantumespresso gives in eV, in Ry."""
    value = said.get(key)
    if value is None or said.get(f'{key}_units', 'eV') != 'eV':
        return None
    return round(float(value) / RYDBERG_EV, 6)


def check_plane_waves(parameters: Mapping[str, Any], pseudos: Mapping[str, Any], code: str) -> None:
    """Check what Yambo and BerkeleyGW cannot do with a run of pw.x.

    :raises NscfError: for pseudopotentials that are not norm-conserving, and for DFT+U.
    """
    wrong = not_norm_conserving(pseudos)
    if wrong:
        names = ', '.join(f'{kind} ({name})' for kind, name in sorted(wrong.items()))
        raise NscfError(f'{code} needs norm-conserving pseudopotentials; these are not: {names}')
    if parameters.get('lda_plus_u_calculation'):
        raise NscfError(f'{code} cannot go on from DFT+U')


def full_mesh(kpoints: ArrayLike) -> tuple[list[int], np.ndarray]:
    """Return the mesh through Γ that explicit k-points are, complete, and the points as exact fractions.

    :param kpoints: (n, 3), fractional; their order is kept.
    :raises NscfError: if they are no complete mesh: reduced by symmetry, shifted, doubled or a path.
    """
    points = np.asarray(kpoints, dtype=float).reshape(-1, 3)
    folded = points - np.floor(points + 1e-6)
    mesh = [len(np.unique(folded[:, axis].round(5))) for axis in range(3)]
    steps = folded * mesh
    whole = np.rint(steps)
    is_mesh = bool(np.abs(steps - whole).max() < 1e-3) if len(points) else False
    distinct = {tuple(int(value) for value in row) for row in whole % mesh}
    if not is_mesh or len(points) != int(np.prod(mesh)) or len(distinct) != len(points):
        raise NscfError(
            f'{len(points)} k-points are no complete mesh through Γ: Wannier functions need every point of it, not '
            'only those that symmetry leaves. Run nscf with the points written out and `nosym`, `noinv`'
        )
    return mesh, (whole % mesh) / mesh
