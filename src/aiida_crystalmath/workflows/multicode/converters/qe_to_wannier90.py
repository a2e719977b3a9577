"""From pw.x to Wannier90: the folder as it is, and the complete mesh of k-points in the order of pw.x."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_crystalmath.workflows.multicode.converters.declaration import Check, Converter, Stays, Travels, declared
from aiida_crystalmath.workflows.multicode.converters.qe_common import (
    BANDS_TRAVEL,
    NscfError,
    full_mesh,
    nscf_content,
)

__all__ = ('qe_to_wannier90',)


def _has_gap(outputs: Any) -> str | None:
    return 'pw.x found a metal: a frozen window is needed' if outputs['handoff']['edges']['is_metal'] else None


@declared(
    Converter(
        source='qe',
        target='wannier90',
        summary='The wavefunctions of an nscf run on a complete mesh, for pw2wannier90 and wannier90.',
        travels=(
            Travels('folder with aiida.save', 'as is: remote_folder', 'linked: pw2wannier90 reads it where it is'),
            Travels('k-points', 'kpoints', 'every point of the mesh, exact fractions, in the order of pw.x'),
            Travels('mesh (mp_grid)', 'handoff.kpoints_mesh'),
            *BANDS_TRAVEL,
        ),
        stays=(
            Stays('projections and energy windows', 'they are a choice: nothing that pw.x computed says which'),
            Stays('symmetry', 'every k-point is there, none is made from another'),
        ),
        outputs={'handoff': orm.Dict, 'kpoints': orm.KpointsData},
        usual={
            'parameters': ('output_parameters',),
            'bands': ('output_band',),
            'structure': ('inputs.pw.structure', 'inputs.structure'),
        },
        checks=(Check('insulator', 'pw.x found a gap.', _has_gap, 'warn'),),
    )
)
@calcfunction
def qe_to_wannier90(
    parameters: orm.Dict, bands: orm.BandsData, structure: orm.StructureData, settings: orm.Dict | None = None
) -> dict[str, orm.Data] | ExitCode:
    """Return what Wannier90 must know of a run of pw.x.

    :param parameters: ``output_parameters`` of the nscf run.
    :param bands: its ``output_band``, on a complete mesh.
    :param structure: that was computed.
    :param settings: ``n_bands``: how many are needed.
    """
    chosen = {} if settings is None else settings.get_dict()
    try:
        mesh, points = full_mesh(bands.get_kpoints())
        left = qe_to_wannier90.declaration.left_behind()
        content = nscf_content(parameters, bands, chosen.get('n_bands'), left)
    except NscfError as exception:
        return ExitCode(402, f'Wannier90 cannot go on from this run: {exception}')
    except ValueError as exception:
        return ExitCode(400, f'no band edges: {exception}')
    kpoints = orm.KpointsData()
    kpoints.set_cell_from_structure(structure)
    kpoints.set_kpoints(points, weights=np.full(len(points), 1.0 / len(points)))
    return {'handoff': orm.Dict({**content, 'kpoints_mesh': mesh}), 'kpoints': kpoints}
