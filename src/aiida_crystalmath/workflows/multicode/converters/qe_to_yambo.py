"""From pw.x to Yambo: the folder with the wavefunctions as it is, and what the plan needs to know of it."""

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

__all__ = ('qe_to_yambo',)


def _is_symmorphic(outputs: Any) -> str | None:
    if outputs['handoff'].get('force_symmorphic', None):
        return None
    return (
        'SYSTEM.force_symmorphic is not known to be set: p2y stops if an operation has a fractional translation. '
        'Set it in scf and nscf'
    )


def _has_gap(outputs: Any) -> str | None:
    return 'pw.x found a metal' if outputs['handoff']['edges']['is_metal'] else None


@declared(
    Converter(
        source='qe',
        target='yambo',
        summary='The wavefunctions of an nscf run for p2y, after what p2y and Yambo would refuse was ruled out.',
        travels=(
            Travels('folder with aiida.save', 'as is: remote_folder', 'linked, never copied: p2y reads it where it is'),
            *BANDS_TRAVEL,
            Travels('whether fractional translations were forbidden', 'handoff.force_symmorphic'),
        ),
        stays=(
            Stays('the potential of a hybrid functional other than PBE0, B3LYP, Gau-PBE', 'p2y refuses it'),
            Stays('projectors of ultrasoft and PAW potentials', 'p2y refuses them'),
        ),
        outputs={'handoff': orm.Dict},
        usual={
            'parameters': ('output_parameters',),
            'bands': ('output_band',),
            'inputs': ('inputs.pw.parameters', 'inputs.parameters'),
            'pseudos': ('inputs.pw.pseudos', 'inputs.pseudos'),
        },
        checks=(
            Check('symmorphic', 'No operation has a fractional translation.', _is_symmorphic),
            Check('insulator', 'pw.x found a gap.', _has_gap, 'warn'),
        ),
    )
)
@calcfunction
def qe_to_yambo(
    parameters: orm.Dict,
    bands: orm.BandsData,
    inputs: orm.Dict | None = None,
    settings: orm.Dict | None = None,
    **pseudos: orm.Data,
) -> dict[str, orm.Data] | ExitCode:
    """Return what Yambo must know of a run of pw.x, if it can use it at all.

    :param parameters: ``output_parameters`` of the nscf run.
    :param bands: its ``output_band``.
    :param inputs: its input ``parameters``, for ``force_symmorphic``.
    :param settings: ``n_bands``: how many the many-body run will ask for.
    :param pseudos: by kind.
    """
    said = parameters.get_dict()
    chosen = {} if settings is None else settings.get_dict()
    system = _system(inputs)
    try:
        check_plane_waves(said, pseudos, 'Yambo')
        functional = str(system.get('input_dft') or said.get('dft_exchange_correlation') or '')
        if 'HSE' in functional.upper():
            raise NscfError(f'p2y refuses {functional}: begin from PBE, or from PBE0 or B3LYP')
        content = nscf_content(parameters, bands, chosen.get('n_bands'), qe_to_yambo.declaration.left_behind())
    except NscfError as exception:
        return ExitCode(402, f'Yambo cannot go on from this run: {exception}')
    except ValueError as exception:
        return ExitCode(400, f'no band edges: {exception}')
    if 'force_symmorphic' in system:
        content['force_symmorphic'] = bool(system['force_symmorphic'])
    return {'handoff': orm.Dict(content)}


def _system(inputs: orm.Dict | None) -> dict[str, Any]:
    """Return the namelist SYSTEM of an input, its names in small letters."""
    if inputs is None:
        return {}
    lists = {str(name).upper(): values for name, values in inputs.get_dict().items()}
    return {str(name).lower(): value for name, value in (lists.get('SYSTEM') or {}).items()}
