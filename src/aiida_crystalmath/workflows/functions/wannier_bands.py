"""How well Wannier90's bands repeat those of density-functional theory."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

__all__ = ('compare_wannier_bands', 'explicit_grid', 'points_of_bands')

SAME_KPOINT = 1e-4


@calcfunction
def compare_wannier_bands(
    wannier_bands: orm.BandsData, dft_bands: orm.BandsData, parameters: orm.Dict
) -> orm.Dict | ExitCode:
    """Compare interpolated bands with those of pw.x at the same k-points: largest and mean error in eV, and where.

    Of entangled bands only those energies of pw.x are compared that lie within the frozen window, up to whose top the
    functions span them; of an isolated group all are. Bands that are entangled without a frozen window are compared
    only up to a limit that was asked for.

    :param wannier_bands: ``output_bands`` of a ``Wannier90Calculation``.
    :param dft_bands: ``output_band`` of a PwCalculation on its k-points.
    :param parameters: ``n_excluded_bands`` below the first function (0), ``spin_index`` of the bands of pw.x (0), and
        ``upper_ev``, which replaces the top of the frozen window.
    :return: ``max_error_ev``, ``rms_error_ev``, ``kpoint`` (fractional, of the largest error), ``band`` (of pw.x, from
        1), ``n_energies``, ``upper_ev``, ``within`` (words), ``max_error_of_bands_ev``. An exit code, if the k-points
        are not the same, or nothing can be compared.
    """
    from aiida_crystalmath.wannier90.comparison import compare_bands

    asked = parameters.get_dict()
    unknown = sorted(set(asked) - {'n_excluded_bands', 'spin_index', 'upper_ev'})
    if unknown:
        return ExitCode(400, f'`parameters` has unknown keys: {", ".join(unknown)}')
    ours, theirs = wannier_bands.get_kpoints(), dft_bands.get_kpoints()
    if ours.shape != theirs.shape or np.abs(ours - theirs).max() > SAME_KPOINT:
        return ExitCode(401, 'the two sets of bands are not on the same k-points')
    reference = np.asarray(dft_bands.get_bands())
    if reference.ndim == 3:
        reference = reference[int(asked.get('spin_index', 0))]
    attributes = wannier_bands.base.attributes
    frozen = attributes.get('frozen_window_ev', None)
    upper, within = asked.get('upper_ev'), 'the limit asked for'
    if upper is None and frozen is not None:
        upper, within = frozen[1], 'the frozen window'
    elif upper is None and attributes.get('outer_window_ev', None) is None:
        within = 'all bands of the group'
    elif upper is None:
        return ExitCode(402, 'the bands are entangled and there is no frozen window: give `upper_ev`')
    interpolated = np.asarray(wannier_bands.get_bands())
    try:
        found = compare_bands(interpolated, reference, n_excluded=int(asked.get('n_excluded_bands', 0)), upper_ev=upper)
    except ValueError as exception:
        return ExitCode(403, str(exception))
    told: dict[str, Any] = {
        'max_error_ev': found.max_error_ev,
        'rms_error_ev': found.rms_error_ev,
        'kpoint': ours[found.kpoint].tolist(),
        'band': found.band,
        'n_energies': found.n_compared,
        'within': within,
        'max_error_of_bands_ev': {str(band): error for band, error in found.max_error_of_band_ev.items()},
    }
    return orm.Dict(told if upper is None else {**told, 'upper_ev': upper})


@calcfunction
def explicit_grid(kpoints: orm.KpointsData) -> orm.KpointsData | ExitCode:
    """Return the points of a mesh through Gamma one by one, in the order of ``wannier90.win.mesh_kpoints``.

    pw.x reduces a mesh by symmetry; Wannier90 needs all of it.
    """
    from aiida_crystalmath.wannier90.win import mesh_kpoints

    try:
        mesh, offset = kpoints.get_kpoints_mesh()
    except AttributeError:
        return ExitCode(400, 'the k-points are no mesh')
    if any(offset):
        return ExitCode(401, 'the mesh does not go through Gamma')
    points = mesh_kpoints(mesh)
    node = orm.KpointsData()
    if 'cell' in kpoints.base.attributes:
        node.set_cell(kpoints.cell)
    node.set_kpoints(points, weights=[1.0 / len(points)] * len(points))
    return node


@calcfunction
def points_of_bands(bands: orm.BandsData) -> orm.KpointsData:
    """Return the k-points of bands, in their cell, for another program to compute bands there."""
    node = orm.KpointsData()
    node.set_cell(bands.cell)
    node.set_kpoints(bands.get_kpoints())
    if bands.labels:
        node.labels = bands.labels
    return node
