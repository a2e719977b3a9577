"""From pw.x to BerkeleyGW: the folder as it is, and the mesh that pw2bgw wants to be told."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_crystalmath.workflows.multicode.converters.declaration import Check, Converter, Stays, Travels, declared
from aiida_crystalmath.workflows.multicode.converters.qe_common import (
    BANDS_TRAVEL,
    NscfError,
    check_plane_waves,
    nscf_content,
)

__all__ = ('qe_to_berkeleygw',)


def _has_gap(outputs: Any) -> str | None:
    return 'pw.x found a metal' if outputs['handoff']['edges']['is_metal'] else None


@declared(
    Converter(
        source='qe',
        target='berkeleygw',
        summary='The wavefunctions of an nscf run for pw2bgw. BerkeleyGW itself was never run here.',
        travels=(
            Travels('folder with aiida.save', 'as is: remote_folder', 'linked: pw2bgw reads it where it is'),
            Travels('mesh (wfng_nk1-3)', 'handoff.kpoints_mesh', 'as pw.x was told, or given in the settings'),
            Travels('its shift (wfng_dk1-3)', 'handoff.kpoints_offset', 'in steps of the mesh'),
            *BANDS_TRAVEL,
        ),
        stays=(
            Stays('projectors of ultrasoft and PAW potentials', 'BerkeleyGW has norm-conserving ones only'),
            Stays('the mesh shifted by a small q', 'it is a run of pw.x of its own, on points of its own'),
        ),
        outputs={'handoff': orm.Dict},
        usual={
            'parameters': ('output_parameters',),
            'bands': ('output_band',),
            'pseudos': ('inputs.pw.pseudos', 'inputs.pseudos'),
        },
        checks=(Check('insulator', 'pw.x found a gap.', _has_gap, 'warn'),),
    )
)
@calcfunction
def qe_to_berkeleygw(
    parameters: orm.Dict, bands: orm.BandsData, settings: orm.Dict | None = None, **pseudos: orm.Data
) -> dict[str, orm.Data] | ExitCode:
    """Return what pw2bgw must be told of a run of pw.x, if BerkeleyGW can use it at all.

    :param parameters: ``output_parameters`` of the nscf run.
    :param bands: its ``output_band``.
    :param settings: ``n_bands``: how many are needed; ``kpoints_mesh`` and ``kpoints_offset`` (in steps of the mesh),
        where pw.x was given the points one by one.
    :param pseudos: by kind.
    """
    said = parameters.get_dict()
    chosen = {} if settings is None else settings.get_dict()
    mesh = chosen.get('kpoints_mesh') or said.get('monkhorst_pack_grid')
    offset = chosen.get('kpoints_offset')
    if offset is None and said.get('monkhorst_pack_offset') is not None:
        offset = [0.5 * float(value) for value in said['monkhorst_pack_offset']]  # pw.x counts half steps
    try:
        check_plane_waves(said, pseudos, 'BerkeleyGW')
        if not mesh or offset is None:
            raise NscfError(
                'pw.x was given its points one by one: say `kpoints_mesh` and `kpoints_offset` in the settings'
            )
        left = qe_to_berkeleygw.declaration.left_behind()
        content = nscf_content(parameters, bands, chosen.get('n_bands'), left)
    except NscfError as exception:
        return ExitCode(402, f'BerkeleyGW cannot go on from this run: {exception}')
    except ValueError as exception:
        return ExitCode(400, f'no band edges: {exception}')
    mesh_content = {'kpoints_mesh': [int(n) for n in mesh], 'kpoints_offset': [float(value) for value in offset]}
    return {'handoff': orm.Dict({**content, **mesh_content})}
