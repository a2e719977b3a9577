"""The calculation job of pw2bgw.x: wavefunctions, density and exchange-correlation for BerkeleyGW, from pw.x."""

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

if TYPE_CHECKING:
    from aiida_crystalmath.berkeleygw.pw2bgw import Pw2BgwDeck

__all__ = ('Pw2BgwCalculation', 'build_deck')


class Pw2BgwCalculation(AfterPwCalcJob):
    """Run ``pw2bgw.x`` on a run of pw.x.

    What it writes (WFN, RHO, ... in ``out/``) is large and stays in the remote folder; ``vxc.dat`` is read. BerkeleyGW
    itself is not run by this package.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.pw2bgw')
        spec.input('metadata.options.input_filename', valid_type=str, default='pw2bgw.in')
        spec.input('metadata.options.output_filename', valid_type=str, default='pw2bgw.out')
        parent: Any = spec.inputs['parent_folder']
        parent.help = 'Remote folder of a run of pw.x with norm-conserving pseudopotentials.'
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help="Names of `&input_pw2bgw`, for example `{'real_or_complex': 2, 'wfng_flag': True, 'wfng_kgrid': True, "
            "'wfng_nk1': 4, ...}`. `real_or_complex` is required; names of files follow from the flags; unknown names "
            'are refused.',
        )
        spec.output(
            'output_vxc',
            valid_type=orm.ArrayData,
            required=False,
            help='Diagonal elements of the exchange-correlation potential: `kpoints`, `bands` (from 1), `vxc_ev` '
            '(n_spin, n_k, n_bands), complex.',
        )
        spec.inputs.validator = join_validators(spec.inputs.validator, _validate_inputs)

    @classmethod
    def catalogued_exit_codes(cls) -> Iterable[tuple[int, str, str]]:
        """Give (status, label, message) of the exit codes in the catalogue of failures."""
        from aiida_crystalmath.berkeleygw.pw2bgw import CATALOGUE

        return CATALOGUE.exit_codes()

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the deck, and link to what pw.x saved."""
        from aiida_crystalmath.berkeleygw.pw2bgw import write_pw2bgw

        deck = build_deck(self.inputs)
        info = self.one_program(folder, write_pw2bgw(deck))
        small = [name for name in deck.outputs.values() if name.endswith('.dat')]
        info.retrieve_temporary_list = [(f'{OUTPUT_FOLDER}/{name}', '.', 0) for name in small]
        return info


def build_deck(inputs: Mapping[str, Any]) -> Pw2BgwDeck:
    """Build the deck of a job from its input nodes.

    :raises ValueError: if they do not make a deck; the message says why.
    """
    from aiida_crystalmath.berkeleygw.pw2bgw import Pw2BgwDeck

    return Pw2BgwDeck(outdir=f'./{OUTPUT_FOLDER}', prefix=PREFIX, values=plain_dict(inputs.get('parameters')))


def _validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the deck, and against the run of pw.x what the program itself does not check."""
    from aiida_crystalmath.crystal.inputs.errors import reasons

    if 'parameters' not in inputs:
        return None  # a wrapping work chain sets them
    try:
        deck = build_deck(inputs)
    except ValueError as exception:
        return f'`parameters`: {reasons(exception)}'
    if 'parent_folder' not in inputs:
        return None
    try:
        run = PwRun.of(inputs['parent_folder'])
    except ValueError as exception:
        return str(exception)
    message = _run_message(run, deck) if run is not None else None
    return message or remote_message('parent_folder', inputs['parent_folder'], inputs)


def _run_message(run: PwRun, deck: Pw2BgwDeck) -> str | None:
    """Return why a deck does not fit a run; None where nothing is known of it."""
    last, n_bands = deck.values.get('vxc_diag_nmax', 0), run.n_bands
    if n_bands is not None and isinstance(last, int) and last > n_bands:
        return f'`vxc_diag_nmax` is {last}, but the run has {n_bands} bands'
    if not deck.values.get('wfng_kgrid'):
        return None
    asked = [deck.values.get(f'wfng_nk{axis}') for axis in (1, 2, 3)]
    moved = [deck.values.get(f'wfng_dk{axis}', 0.0) for axis in (1, 2, 3)]
    if run.mesh is not None and (run.mesh[0] != asked or run.mesh[1] != moved):
        return f'the run had the grid {run.mesh[0]}, moved by {run.mesh[1]}; the deck says {asked} and {moved}'
    points = run.kpoints
    if points is None or any(moved):
        return None
    return _list_message(points, asked)


def _list_message(points: Any, asked: list[Any]) -> str | None:
    """Return why a list of k-points is no part of a grid through Gamma."""
    import numpy as np

    steps = np.asarray(points) * asked
    if np.abs(steps - np.rint(steps)).max() > 1e-4:
        return f'k-points of the run do not lie on the grid {asked} through Gamma that the deck tells BerkeleyGW'
    return None
