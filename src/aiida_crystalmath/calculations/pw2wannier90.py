"""The calculation job of pw2wannier90.x: overlaps, projections and energies for wannier90.x, from a run of pw.x."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec

from aiida_crystalmath.calculations.after_pw import AfterPwCalcJob
from aiida_crystalmath.calculations.base import join_validators
from aiida_crystalmath.calculations.pw_run import OUTPUT_FOLDER, PREFIX, PwRun, plain_dict
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.wannier90 import SEEDNAME

if TYPE_CHECKING:
    from aiida_crystalmath.wannier90.files import Nnkp
    from aiida_crystalmath.wannier90.pw2wannier90 import Pw2Wannier90Deck

__all__ = ('Pw2Wannier90Calculation', 'build_deck')

SAME_KPOINT = 1e-5


class Pw2Wannier90Calculation(AfterPwCalcJob):
    """Run ``pw2wannier90.x`` on a non-self-consistent run of pw.x.

    The wavefunctions are linked to, not copied, and nothing is written beside them. Overlaps and projections, which may
    be large, stay in the remote folder, from which a ``Wannier90Calculation`` goes on.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.pw2wannier90')
        spec.input('metadata.options.input_filename', valid_type=str, default='pw2wannier90.in')
        spec.input('metadata.options.output_filename', valid_type=str, default='pw2wannier90.out')
        parent: Any = spec.inputs['parent_folder']
        parent.help = 'Remote folder of the non-self-consistent run of pw.x, on the full grid of the `.nnkp`.'
        spec.input('nnkp_file', valid_type=orm.SinglefileData, help='`output_nnkp` of a Wannier90Calculation.')
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            help="Names of `&inputpp`, for example `{'spin_component': 'up'}`. Overlaps and projections are written "
            'unless it says otherwise; unknown names are refused.',
        )
        spec.output(
            'output_bands',
            valid_type=orm.BandsData,
            required=False,
            help='Energies in eV of the bands on the grid, as wannier90.x is given them.',
        )
        spec.inputs.validator = join_validators(spec.inputs.validator, _validate_inputs)

    @classmethod
    def catalogued_exit_codes(cls) -> Iterable[tuple[int, str, str]]:
        """Give (status, label, message) of the exit codes in the catalogue of failures."""
        from aiida_crystalmath.wannier90.diagnosis import CATALOGUE

        return CATALOGUE.exit_codes()

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write deck and ``.nnkp``, and link to what pw.x saved."""
        from aiida_crystalmath.wannier90.pw2wannier90 import write_pw2wannier90

        info = self.one_program(folder, write_pw2wannier90(build_deck(self.inputs)))
        nnkp = self.inputs.nnkp_file
        info.local_copy_list = [(nnkp.uuid, nnkp.filename, f'{SEEDNAME}.nnkp')]
        info.retrieve_temporary_list = [f'{SEEDNAME}.eig']
        return info


def build_deck(inputs: Mapping[str, Any]) -> Pw2Wannier90Deck:
    """Build the deck of a job from its input nodes.

    :raises ValueError: if they do not make a deck; the message says why.
    """
    from aiida_crystalmath.wannier90.pw2wannier90 import Pw2Wannier90Deck

    values = plain_dict(inputs.get('parameters'))
    return Pw2Wannier90Deck(outdir=f'./{OUTPUT_FOLDER}', prefix=PREFIX, seedname=SEEDNAME, values=values)


def _validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the deck, and that folder and ``.nnkp`` belong together."""
    from aiida_crystalmath.crystal.inputs.errors import reasons
    from aiida_crystalmath.wannier90.files import read_nnkp

    try:
        build_deck(inputs)
    except ValueError as exception:
        return f'`parameters`: {reasons(exception)}'
    if not {'parent_folder', 'nnkp_file'} <= set(inputs):
        return None  # a wrapping work chain sets them
    try:
        nnkp = read_nnkp(inputs['nnkp_file'].get_content(mode='r'))
        run = PwRun.of(inputs['parent_folder'])
    except ValueError as exception:
        return str(exception)
    message = _grid_message(run, nnkp) if run is not None else None
    return message or remote_message('parent_folder', inputs['parent_folder'], inputs)


def _grid_message(run: PwRun, nnkp: Nnkp) -> str | None:
    """Return why the k-points of a run are not those of the ``.nnkp``; None where its own are not known."""
    import numpy as np

    if run.parameter('control', 'calculation') not in ('nscf', 'bands'):
        return (
            f'{run.node.process_label} <{run.node.pk}> was no non-self-consistent run: Wannier90 needs the full grid, '
            'listed, with `calculation` nscf'
        )
    points = run.kpoints
    if points is None:
        return f'{run.node.process_label} <{run.node.pk}> was given a mesh, which pw.x reduces: list the points'
    if points.shape != nnkp.kpoints.shape or np.abs(points - nnkp.kpoints).max() > SAME_KPOINT:
        return (
            f'the {len(points)} k-points of {run.node.process_label} <{run.node.pk}> are not the '
            f'{len(nnkp.kpoints)} of the `.nnkp`, or in another order'
        )
    return None
