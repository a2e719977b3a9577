"""Parser of :class:`~aiida_crystalmath.calculations.wannier90.Wannier90Calculation`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.pw_run import plain_dict
from aiida_crystalmath.calculations.wannier90 import BAND_FILES, SEEDNAME, STDOUT, Wannier90Settings, build_win
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.parsers.arrays import array_node, floats
from aiida_crystalmath.parsers.base import temporary_file
from aiida_crystalmath.parsers.guarded import GuardedParser, describe, drop_none

if TYPE_CHECKING:
    from aiida_crystalmath.wannier90.files import InterpolatedBands
    from aiida_crystalmath.wannier90.win import Win
    from aiida_crystalmath.wannier90.wout import WannierFunction, WannierOutput

__all__ = ('Wannier90Parser',)

ENGINE = 'wannier90'


class Wannier90Parser(GuardedParser):
    """Read what wannier90.x printed; nothing but its words tells how it ended."""

    CACHE_VERSION = 1

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        from aiida_crystalmath.wannier90.diagnosis import diagnose_wannier90
        from aiida_crystalmath.wannier90.wout import read_wout

        text = self.text(f'{SEEDNAME}.wout') or self.text(f'{SEEDNAME}.werr')
        stdout = self.text(STDOUT) or ''
        if text is None:
            self.logger.error(f'there is neither {SEEDNAME}.wout nor {SEEDNAME}.werr; stdout: {stdout[:500]!r}')
            return self.scheduler_verdict() or self.failure('ERROR_STDOUT_MISSING')
        output = read_wout(text)
        findings = diagnose_wannier90(output, stderr=self.scheduler_stderr(), stdout=stdout)
        win = self._deck()
        missing = self._attach_results(output, win, retrieved_temporary_folder)
        parameters = {**wannier_parameters(output), 'diagnoses': describe(findings)}
        self.attach_parameters(drop_none(parameters), ENGINE)
        if missing:
            self.logger.error(f'missing: {", ".join(missing)}')
        return self.conclude(findings, self.failure('ERROR_RESULT_MISSING') if missing else None)

    def _deck(self) -> Win:
        """Build the deck of the run again from its inputs."""
        return build_win(self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested())

    def _attach_results(self, output: WannierOutput, win: Win, temporary: str | None) -> list[str]:
        """Attach what is there; return what should be, and is not, of a run that says it is done."""
        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        if Wannier90Settings.model_validate(plain_dict(inputs.get('settings'))).postproc_setup:
            return self._attach_nnkp(output, temporary)
        missing = []
        if output.is_final:
            self.attach('output_wannier_functions', functions_node(output), ENGINE)
        spreads = [function.spread_angstrom2 for function in output.final]
        if not output.is_final or len(spreads) != win.num_wann or None in spreads:
            missing.append('Wannier functions')
        if win.kpoint_path:
            bands = self._bands(temporary) if output.end == 'all_done' else None
            if bands is None or bands.energies_ev.shape[1] != win.num_wann:
                missing.append('bands')
            else:
                self.attach('output_bands', bands_node(bands, inputs['structure'], output), ENGINE)
        return missing

    def _attach_nnkp(self, output: WannierOutput, temporary: str | None) -> list[str]:
        """Attach the input of pw2wannier90.x, if it is whole."""
        from aiida_crystalmath.wannier90.files import read_nnkp

        text = temporary_file(temporary, f'{SEEDNAME}.nnkp')
        try:
            if text is None or output.end != 'nnkp_written':
                return ['nnkp']
            read_nnkp(text)
        except OutputFileError as exception:
            self.logger.error(str(exception))
            return ['nnkp']
        path = Path(str(temporary)) / f'{SEEDNAME}.nnkp'
        self.attach('output_nnkp', orm.SinglefileData(str(path.absolute())), ENGINE)
        return []

    def _bands(self, temporary: str | None) -> InterpolatedBands | None:
        """Read the bands; None if they are not there, or not whole."""
        from aiida_crystalmath.wannier90.files import read_band_files

        texts = [temporary_file(temporary, f'{SEEDNAME}{end}') for end in BAND_FILES]
        if texts[0] is None or texts[1] is None:
            return None
        try:
            return read_band_files(texts[0], texts[1], texts[2] or '')
        except OutputFileError as exception:
            self.logger.error(str(exception))
            return None


def wannier_parameters(output: WannierOutput) -> dict[str, Any]:
    """Return all numbers of an output; those of functions only if the minimisation came to its end."""
    subspace = output.disentanglement
    disentanglement = None
    if subspace is not None:
        disentanglement = drop_none(
            {
                'outer_window_ev': list(subspace.outer_window_ev) if subspace.outer_window_ev else None,
                'frozen_window_ev': list(subspace.frozen_window_ev) if subspace.frozen_window_ev else None,
                'converged': subspace.converged,
                'n_iterations': subspace.n_iterations,
                'omega_i_angstrom2': subspace.omega_i_angstrom2,
            }
        )
    done = output.is_final
    spreads = output.spreads
    return drop_none(
        {
            'engine': ENGINE,
            'version': output.release,
            'terminated': output.end in ('all_done', 'nnkp_written'),
            'n_wannier_functions': output.num_wann,
            'n_bands': output.num_bands,
            'mp_grid': list(output.mp_grid) if output.mp_grid else None,
            'spread_total_angstrom2': spreads.omega_total if done else None,
            'spread_invariant_angstrom2': spreads.omega_i if done else None,
            'spread_diagonal_angstrom2': spreads.omega_d if done else None,
            'spread_off_diagonal_angstrom2': spreads.omega_od if done else None,
            'spread_converged': output.converged if done else None,
            'spread_last_change_angstrom2': output.changes_angstrom2[-1] if done and output.changes_angstrom2 else None,
            'n_iterations': output.n_iterations if done else None,
            'disentanglement': disentanglement,
            'max_imaginary_ratio': output.max_imaginary_ratio,
            'wall_time_s': output.total_time_s,
            'warnings': output.warnings,
            'errors': output.errors,
        }
    )


def functions_node(output: WannierOutput) -> orm.ArrayData:
    """Return centres and spreads, before and after the minimisation; NaN where none was printed."""

    def centres(functions: list[WannierFunction]) -> Any:
        return np.array([floats(function.centre_angstrom) for function in functions]).reshape(-1, 3)

    return array_node(
        {
            'centres_angstrom': centres(output.final),
            'spreads_angstrom2': floats(function.spread_angstrom2 for function in output.final),
            'initial_centres_angstrom': centres(output.initial) if output.initial else None,
            'initial_spreads_angstrom2': floats(function.spread_angstrom2 for function in output.initial)
            if output.initial
            else None,
        },
        {'converged': output.converged},
    )


def bands_node(bands: InterpolatedBands, structure: orm.StructureData, output: WannierOutput) -> orm.BandsData:
    """Return the interpolated bands in eV, with the windows that they hold in."""
    node = orm.BandsData()
    node.set_cell_from_structure(structure)
    node.set_kpoints(bands.kpoints)
    node.labels = [(index, 'GAMMA' if label == 'G' else label) for index, label in bands.labels]
    node.set_bands(bands.energies_ev, units='eV')
    subspace = output.disentanglement
    for name in ('outer_window_ev', 'frozen_window_ev'):
        window = getattr(subspace, name) if subspace is not None else None
        if window is not None:
            node.base.attributes.set(name, list(window))
    return node
