"""From a self-consistent run of pw.x to Wannier functions, and how well their bands repeat those of pw.x."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.calculations.one_worker import ChainByOneWorker
from aiida_crystalmath.calculations.pw2wannier90 import Pw2Wannier90Calculation
from aiida_crystalmath.calculations.pw_run import validate_pw_folder
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.wannier90 import Wannier90Calculation, build_win
from aiida_crystalmath.workflows.functions.wannier_bands import compare_wannier_bands, explicit_grid, points_of_bands

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('Wannier90WorkChain',)

FAILURES = {
    'grid': (420, 'ERROR_GRID', 'The k-points could not be listed.'),
    'nscf': (421, 'ERROR_SUB_PROCESS_NSCF', 'The non-self-consistent run of pw.x failed.'),
    'setup': (422, 'ERROR_SUB_PROCESS_SETUP', 'The set-up run of Wannier90 failed.'),
    'overlaps': (423, 'ERROR_SUB_PROCESS_OVERLAPS', 'pw2wannier90.x failed.'),
    'functions': (424, 'ERROR_SUB_PROCESS_FUNCTIONS', 'The run of Wannier90 failed.'),
    'bands': (425, 'ERROR_SUB_PROCESS_BANDS', 'The run of pw.x for the bands to compare with failed.'),
    'comparison': (426, 'ERROR_COMPARISON', 'The bands could not be compared.'),
}
"""Exit code of the chain for each step; what the steps before it gave is there all the same."""


def pw_base_work_chain() -> Any:
    """Return the base chain of pw.x.

    :raises ImportError: aiida-quantumespresso is not installed; it says which extra has it.
    """
    try:
        module = import_module('aiida_quantumespresso.workflows.pw.base')
    except ImportError as exception:
        raise ImportError(
            'this work chain runs pw.x by aiida-quantumespresso, which is not installed: '
            "pip install 'aiida-crystalmath[qe]'"
        ) from exception
    return module.PwBaseWorkChain


class Wannier90WorkChain(ChainByOneWorker):
    """Wannier functions on a self-consistent run of pw.x: nscf, ``-pp``, pw2wannier90, wannier90, and a comparison.

    With a path (``wannier90.bands_kpoints``), bands are interpolated, pw.x computes them on the same k-points, and the
    largest difference is told.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData, help='The structure of the self-consistent run.')
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            validator=validate_pw_folder,
            help='Remote folder of the self-consistent run of pw.x.',
        )
        spec.input('kpoints', valid_type=orm.KpointsData, help='The mesh of the functions, through Gamma.')
        spec.input(
            'compare',
            valid_type=orm.Bool,
            default=lambda: orm.Bool(True),
            serializer=orm.to_aiida_type,
            help='Whether pw.x computes the bands too, where there is a path.',
        )
        spec.expose_inputs(
            pw_base_work_chain(),
            namespace='pw',
            exclude=('clean_workdir', 'kpoints', 'kpoints_distance', 'pw.structure', 'pw.parent_folder'),
            namespace_options={
                'help': 'Of both runs of pw.x; `calculation`, and for the grid `nosym` and `noinv`, '
                'are set by the chain, `nbnd` if it is not given.'
            },
        )
        spec.expose_inputs(Pw2Wannier90Calculation, namespace='pw2wannier90', exclude=('parent_folder', 'nnkp_file'))
        left_out = ('structure', 'kpoints', 'parent_folder', 'settings')
        spec.expose_inputs(Wannier90Calculation, namespace='wannier90', exclude=left_out)
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.run_nscf,
            steps.run_setup,
            steps.run_overlaps,
            steps.run_functions,
            steps.take_functions,
            if_(steps.has_path)(steps.run_bands, steps.compare_bands),
        )
        spec.expose_outputs(Wannier90Calculation, exclude=('retrieved', 'output_nnkp'))
        spec.output('dft_bands', valid_type=orm.BandsData, required=False, help='Bands of pw.x on the same k-points.')
        spec.output(
            'comparison',
            valid_type=orm.Dict,
            required=False,
            help='Largest and mean difference of both in eV (``workflows.functions.wannier_bands``).',
        )
        for status, label, message in FAILURES.values():
            spec.exit_code(status, label, message)

    def failure(self, step: str) -> ExitCode:
        """Return the exit code of a step."""
        code: ExitCode = self.exit_codes(FAILURES[step][0])
        return code

    def failed(self, step: str) -> ExitCode | None:
        """Return the exit code of a step whose process did not end well, and report why."""
        node = self.ctx[step]
        if node.is_finished_ok:
            return None
        self.report(f'{node.process_label}<{node.pk}> ({step}): exit status {node.exit_status}: {node.exit_message}')
        return self.failure(step)

    def pw_inputs(self, calculation: str, kpoints: orm.KpointsData, **system: Any) -> dict[str, Any]:
        """Return the inputs of a run of pw.x that goes on from the self-consistent one."""
        inputs: dict[str, Any] = self.exposed_inputs(pw_base_work_chain(), 'pw')
        given = inputs['pw']['parameters'].get_dict() if 'parameters' in inputs['pw'] else {}
        parameters = {str(name).upper(): dict(values) for name, values in given.items()}
        parameters.setdefault('CONTROL', {})['calculation'] = calculation
        parameters['SYSTEM'] = {'nbnd': self.n_bands(), **parameters.get('SYSTEM', {}), **system}
        inputs['pw']['parameters'] = orm.Dict(parameters)
        inputs['pw']['structure'] = self.inputs.structure
        inputs['pw']['parent_folder'] = self.inputs.parent_folder
        inputs['kpoints'] = kpoints
        inputs.setdefault('metadata', {})['call_link_label'] = calculation
        return inputs

    def n_bands(self) -> int:
        """Return the number of bands that Wannier90 is told of."""
        values = {str(key).lower(): value for key, value in self.inputs.wannier90.parameters.get_dict().items()}
        return int(values.get('num_bands') or values['num_wann'])

    def wannier_inputs(self, label: str, **more: Any) -> dict[str, Any]:
        """Return the inputs that both runs of Wannier90 share."""
        inputs: dict[str, Any] = self.exposed_inputs(Wannier90Calculation, 'wannier90')
        inputs.setdefault('metadata', {})['call_link_label'] = label
        return {**inputs, 'structure': self.inputs.structure, 'kpoints': self.ctx.grid, **more}

    def run_nscf(self) -> Any:
        """Run pw.x on the full grid, each point of it."""
        found, node = explicit_grid.run_get_node(
            self.inputs.kpoints,
            metadata={'call_link_label': 'explicit_grid'},  # type: ignore[call-arg]
        )
        if not node.is_finished_ok:
            self.report(f'`kpoints`: {node.exit_message}')
            return self.failure('grid')
        grid: Any = found
        self.ctx.grid = grid
        inputs = self.pw_inputs('nscf', grid, nosym=True, noinv=True)
        return ToContext(nscf=self.submit(pw_base_work_chain(), inputs))

    def run_setup(self) -> Any:
        """Have Wannier90 say which overlaps it needs."""
        if (failure := self.failed('nscf')) is not None:
            return failure
        inputs = self.wannier_inputs('setup', settings=orm.Dict({'postproc_setup': True}))
        return ToContext(setup=self.submit(Wannier90Calculation, inputs))

    def run_overlaps(self) -> Any:
        """Compute overlaps and projections."""
        if (failure := self.failed('setup')) is not None:
            return failure
        inputs: dict[str, Any] = self.exposed_inputs(Pw2Wannier90Calculation, 'pw2wannier90')
        inputs['parent_folder'] = self.ctx.nscf.outputs.remote_folder
        inputs['nnkp_file'] = self.ctx.setup.outputs.output_nnkp
        inputs.setdefault('metadata', {})['call_link_label'] = 'overlaps'
        return ToContext(overlaps=self.submit(Pw2Wannier90Calculation, inputs))

    def run_functions(self) -> Any:
        """Minimise the spread."""
        if (failure := self.failed('overlaps')) is not None:
            return failure
        inputs = self.wannier_inputs('functions', parent_folder=self.ctx.overlaps.outputs.remote_folder)
        return ToContext(functions=self.submit(Wannier90Calculation, inputs))

    def take_functions(self) -> ExitCode | None:
        """Attach what Wannier90 gave, also of a run that did not converge."""
        self.out_many(self.exposed_outputs(self.ctx.functions, Wannier90Calculation))
        return self.failed('functions')

    def has_path(self) -> bool:
        """Tell whether there are bands to compare."""
        return bool(self.inputs.compare) and 'output_bands' in self.ctx.functions.outputs

    def run_bands(self) -> Any:
        """Run pw.x on the k-points of the interpolated bands."""
        points = points_of_bands(
            self.ctx.functions.outputs.output_bands,
            metadata={'call_link_label': 'points_of_bands'},  # type: ignore[call-arg]
        )
        return ToContext(bands=self.submit(pw_base_work_chain(), self.pw_inputs('bands', points)))

    def compare_bands(self) -> ExitCode | None:
        """Say how far the bands are apart."""
        if (failure := self.failed('bands')) is not None:
            return failure
        bands = self.ctx.bands.outputs.output_band
        self.out('dft_bands', bands)
        found, node = compare_wannier_bands.run_get_node(
            self.ctx.functions.outputs.output_bands,
            bands,
            orm.Dict({}).store(),
            metadata={'call_link_label': 'compare_wannier_bands'},  # type: ignore[call-arg]
        )
        if not node.is_finished_ok:
            self.report(f'the bands were not compared: {node.exit_message}')
            return self.failure('comparison')
        self.out('comparison', found)
        return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check that all codes are there, the deck, and that the machine is that of the wavefunctions."""
    from aiida_crystalmath.crystal.inputs.errors import reasons

    wannier = inputs.get('wannier90') or {}
    runs = {'pw.pw': (inputs.get('pw') or {}).get('pw') or {}, 'wannier90': wannier}
    runs['pw2wannier90'] = inputs.get('pw2wannier90') or {}
    for name, run in runs.items():
        if 'code' not in run:
            return f'`{name}.code`: there is no code for this step'
    if 'structure' not in inputs or 'kpoints' not in inputs or 'parameters' not in wannier:
        return None
    try:
        win = build_win({**wannier, 'structure': inputs['structure'], 'kpoints': inputs['kpoints']})
    except ValueError as exception:
        return f'`wannier90`: {reasons(exception)}'
    if 'exclude_bands' in win.keywords:
        return '`exclude_bands` is not supported by this chain: run the calculation jobs one by one'
    given = {str(key).lower(): value for key, value in _system(inputs).items()}.get('nbnd')
    if given is not None and given != win.num_bands:
        return f'`pw`: `nbnd` is {given}, but Wannier90 is told of {win.num_bands} bands (`num_bands`)'
    if 'parent_folder' not in inputs:
        return None
    return remote_message('parent_folder', inputs['parent_folder'], runs['pw2wannier90'])


def _system(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the deck of pw.x has in SYSTEM."""
    node = ((inputs.get('pw') or {}).get('pw') or {}).get('parameters')
    lists = {str(name).upper(): values for name, values in (node.get_dict() if node is not None else {}).items()}
    return dict(lists.get('SYSTEM') or {})
