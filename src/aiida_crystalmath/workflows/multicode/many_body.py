"""What the chains of GW, BSE and convergence share: from a structure to a SAVE folder that is set up.

::

    structure ─┬─ (as it is) ───────────────┐
               ├─ crystal_results ──────────┤  crystal_to_qe     scf ─ nscf      qe_to_yambo     p2y, set-up
               └─ crystal: optimisation ────┴─ primitive cell ── pw.x, twice ─── is it usable? ─── SAVE ── GW, BSE ...

* **Where it begins.** With a structure alone it is taken as it is. With ``crystal_results`` it is that of a finished
  run of CRYSTAL, whose gap is compared in the end. With ``crystal``, CRYSTAL optimises it first. Only the structure and
  a few numbers travel; pw.x computes its own wavefunctions (``converters.crystal_to_qe``).
* **What pw.x is told.** Structure, k-points, ``calculation``, ``nbnd``, ``force_symmorphic`` and
  ``occupations = 'fixed'`` are set here: p2y refuses fractional translations, and everything downstream was proven on
  insulators without spin. What contradicts that is refused before anything runs, as are pseudopotentials that are not
  norm-conserving (``converters.pseudopotentials``, the one place that looks). There are at least as many bands as the
  largest calculation asks for. SCF and NSCF have the same mesh, through Γ.
* **Nothing is made up.** Each step has an exit code of its own, and so has each code that is not given. Outputs are
  attached in the last step only: a chain that failed has none, and what its steps left is found below it
  (``verdi process status``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext

from aiida_crystalmath.calculations.p2y import P2yCalculation
from aiida_crystalmath.workflows.crystal.chain import CallingWorkChain, node_outputs
from aiida_crystalmath.workflows.crystal.geopt import CrystalGeometryOptimizationWorkChain
from aiida_crystalmath.workflows.multicode.base import YamboBaseWorkChain, mpi_as_code
from aiida_crystalmath.workflows.multicode.converters.compare_gaps import compare_gaps
from aiida_crystalmath.workflows.multicode.converters.crystal_to_qe import crystal_to_qe
from aiida_crystalmath.workflows.multicode.converters.pseudopotentials import not_norm_conserving
from aiida_crystalmath.workflows.multicode.converters.qe_to_yambo import qe_to_yambo
from aiida_crystalmath.workflows.multicode.converters.quasiparticle_edges import quasiparticle_edges
from aiida_crystalmath.workflows.multicode.many_body_parameters import (
    GW_KINDS,
    bands_needed,
    parameters_message,
    resolve,
)
from aiida_crystalmath.workflows.multicode.wannier90 import pw_base_work_chain
from aiida_crystalmath.workflows.protocols.mixin import ProtocolMixin
from aiida_crystalmath.workflows.restart import formatted

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('ManyBodyWorkChain', 'validate_inputs')

PW_EXCLUDES = (
    'clean_workdir',
    'kpoints',
    'kpoints_distance',
    'kpoints_force_parity',
    'pw.code',
    'pw.parent_folder',
    'pw.structure',
)
YAMBO_EXCLUDES = (
    'clean_workdir',
    'yambo.code',
    'yambo.parameters',
    'yambo.parent_folder',
    'yambo.qp_database',
    'yambo.restart_folder',
)
PHYSICS = ('ecutwfc', 'ecutrho', 'input_dft', 'tot_charge')
"""Entries of SYSTEM that SCF and NSCF must share."""
HYBRIDS = ('pbe0', 'b3lyp', 'b3lyp-v1r', 'x3lyp', 'hse', 'gaup', 'gaupbe', 'hf', 'b86bpbex', 'bhahlyp', 'bhandhlyp')
"""Names of hybrid functionals in `input_dft`; "hybrid XC not allowed in non-scf calculations" (pw.x 6.7)."""
WITHOUT_WAVEFUNCTIONS = ('none', 'nowf', 'minimal')
"""Values of `disk_io` with which pw.x keeps its wavefunctions to itself."""
CODES = {
    'crystal': (411, 'of `crystalmath.crystal23`, for the optimisation'),
    'pw': (412, 'of `quantumespresso.pw`'),
    'p2y': (413, 'of `crystalmath.p2y`'),
    'yambo': (414, 'of `crystalmath.yambo`'),
    'ypp': (415, 'of `crystalmath.ypp`, for the excitons of a BSE that writes its wavefunctions'),
}
"""By name the exit code without it, and what it is."""

STEPS = {
    'crystal': (421, 'optimisation with CRYSTAL'),
    'scf': (422, 'self-consistent run of pw.x'),
    'nscf': (423, 'non-self-consistent run of pw.x'),
    'p2y': (424, 'run of p2y and of the set-up'),
    'gw': (425, 'run of GW'),
    'bse': (426, 'run of the Bethe-Salpeter equation'),
    'ypp': (427, 'run of ypp'),
}
"""By name the exit code if it fails, and what it is."""


class ManyBodyWorkChain(ProtocolMixin, CallingWorkChain):
    """From a structure to a SAVE folder of Yambo; subclasses go on from there."""

    PLACES: ClassVar[int] = 4
    OVERRIDABLE: ClassVar[tuple[str, ...]] = (
        'meta_inputs', 'clean_workdir', 'kpoints_distance', 'crystal', 'scf', 'nscf', 'p2y', 'gw', 'gw_parameters',
    )  # fmt: skip
    """What overrides may change; other inputs are arguments of the builder, or set on it."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define what all of them share."""
        super().define(spec)
        spec.input(
            'structure',
            valid_type=orm.StructureData,
            help='A crystal, in any cell: to begin with, or that of `crystal_results`.',
        )
        for name, (status, what) in CODES.items():
            spec.input(f'codes.{name}', valid_type=orm.AbstractCode, required=False, help=f'Code {what}.')
            spec.exit_code(status, f'ERROR_CODE_ABSENT_{name.upper()}', f'There is no code {what} (`codes.{name}`).')
        spec.expose_inputs(
            CrystalGeometryOptimizationWorkChain,
            namespace='crystal',
            exclude=('structure', 'clean_workdir', 'base.crystal.code', 'base_final_scf'),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'The optimisation with CRYSTAL before. Left out, the structure is taken as it is.',
            },
        )
        results: dict[str, Any] = {'valid_type': orm.Dict, 'required': False}
        spec.input('crystal_results.parameters', **results, help='`output_parameters` of a finished run of CRYSTAL.')
        spec.input('crystal_results.input_parameters', **results, help='Its input: SHRINK is the mesh without another.')
        spec.input('crystal_results.kinds', **results, help='`kinds` of its input: ghosts.')
        spec.input('crystal_results.bands', valid_type=orm.BandsData, required=False, help='Its bands: edges with k.')
        for name in ('scf', 'nscf'):
            spec.expose_inputs(
                pw_base_work_chain(), namespace=name, exclude=PW_EXCLUDES, namespace_options={'help': STEPS[name][1]}
            )
        spec.expose_inputs(P2yCalculation, namespace='p2y', exclude=('code', 'code_yambo', 'parent_folder'))
        spec.expose_inputs(
            YamboBaseWorkChain,
            namespace='gw',
            exclude=YAMBO_EXCLUDES,
            namespace_options={'help': 'How the jobs of GW are run.'},
        )
        spec.input(
            'kpoints',
            valid_type=orm.KpointsData,
            required=False,
            help='Mesh through Γ in the standard primitive cell, of SCF and NSCF.',
        )
        spec.input(
            'kpoints_distance',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            help='Instead, the largest distance between k-points, 1/Å (with the factor 2π).',
        )
        spec.input(
            'gw_parameters',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=_gw_message,
            help='What GW is to calculate (``workflows.multicode.many_body_parameters``).',
        )
        spec.inputs.validator = validate_inputs
        spec.exit_code(
            401, 'ERROR_HANDOFF_TO_QE', message='The structure cannot be handed to a plane-wave code: {reason}'
        )
        spec.exit_code(402, 'ERROR_HANDOFF_TO_YAMBO', message='Yambo cannot go on from this run of pw.x: {reason}')
        spec.exit_code(403, 'ERROR_NOT_AN_INSULATOR', message='This is no insulator without spin: {reason}')
        for name, (status, what) in STEPS.items():
            message = f'The {what} <{{pk}}> failed with exit status {{status}}: {{reason}}'
            spec.exit_code(status, f'ERROR_SUB_PROCESS_FAILED_{name.upper()}', message=message)
        spec.exit_code(431, 'ERROR_COMPARISON', message='The gaps could not be put side by side: {reason}')
        spec.output('output_structure', valid_type=orm.StructureData, required=False, help='In the primitive cell.')
        spec.output(
            'crystal_handoff',
            valid_type=orm.Dict,
            required=False,
            help='What came with it: which atom became which, cell, symmetry, gap of CRYSTAL (``crystal_to_qe``).',
        )
        spec.output('dft_bands', valid_type=orm.BandsData, required=False, help='Of the NSCF.')
        spec.output('save_folder', valid_type=orm.RemoteData, required=False, help='With SAVE, for more of Yambo.')

    # ------------------------------------------------------------------------------------------------ what is asked for

    def needed_codes(self) -> list[str]:
        """Return the names of the codes that this run needs."""
        return [*(['crystal'] if 'crystal' in self.inputs else []), 'pw', 'p2y', 'yambo']

    def asked(self) -> list[dict[str, Any]]:
        """Return the parameters of all calculations with Yambo, before bands and k-points are known."""
        return [self.inputs.gw_parameters.get_dict()] if 'gw_parameters' in self.inputs else []

    # ------------------------------------------------------------------------------------------------ the steps

    def setup(self) -> ExitCode | None:
        """Initialise the context; stop if a code is not there."""
        self.ctx.structure = self.inputs.structure
        results = self.inputs.get('crystal_results') or {}
        self.ctx.crystal_results = {
            'parameters': results.get('parameters'),
            'crystal_parameters': results.get('input_parameters'),
            'kinds': results.get('kinds'),
            'bands': results.get('bands'),
        }
        given = self.inputs.get('codes') or {}
        for name in self.needed_codes():
            if name not in given:
                return self.exit_code_of(f'ERROR_CODE_ABSENT_{name.upper()}')
        return None

    def exit_code_of(self, label: str, **values: object) -> ExitCode:
        """Return an exit code with its message filled in."""
        code: ExitCode = self.exit_codes[label]
        return formatted(code, **values) if values else code

    def launch_step(self, process: Any, inputs: Mapping[str, Any], name: str) -> Any:
        """Submit a step; if its inputs are refused, that is its failure."""
        try:
            node = self.launch(process, inputs, name)
        except ValueError as exception:
            self.report(f'{name} was not submitted: {exception}')
            label = f'ERROR_SUB_PROCESS_FAILED_{name.upper()}'
            return self.exit_code_of(label, pk='not submitted', status='none', reason=exception)
        return ToContext(**{name: node})

    def failed(self, name: str) -> ExitCode | None:
        """Return the exit code of a step that did not end well."""
        return self.failure(self.ctx[name], self.exit_codes[f'ERROR_SUB_PROCESS_FAILED_{name.upper()}'])

    def convert(
        self, function: Any, name: str, *, checked: bool = True, **inputs: Any
    ) -> tuple[dict[str, Any], str | None]:
        """Carry a converter out; return its outputs, and why there are none.

        Checks that it declares are made: those that refuse are a reason, those that warn are reported.

        :param checked: whether they are; not where nothing of CRYSTAL was given that they could look at.
        """
        given = {key: value for key, value in inputs.items() if value is not None}
        results, node = function.run_get_node(**given, metadata={'call_link_label': name})
        if not node.is_finished_ok:
            return {}, str(node.exit_message)
        for check in function.declaration.checks if checked else ():
            reason = None if check.severity == 'off' else check.find(results)
            if reason is not None and check.severity == 'refuse':
                return {}, reason
            if reason is not None:
                self.report(f'{name}: {reason}')
        return dict(results), None

    def should_run_crystal(self) -> bool:
        """Tell whether CRYSTAL optimises the structure first."""
        return 'crystal' in self.inputs

    def run_crystal(self) -> Any:
        """Optimise the structure with CRYSTAL."""
        inputs = AttributeDict(self.exposed_inputs(CrystalGeometryOptimizationWorkChain, namespace='crystal'))
        inputs.structure = self.inputs.structure
        inputs.base = AttributeDict({**inputs.base, 'crystal': AttributeDict(inputs.base['crystal'])})
        inputs.base.crystal.code = self.inputs.codes.crystal
        return self.launch_step(CrystalGeometryOptimizationWorkChain, inputs, 'crystal')

    def inspect_crystal(self) -> ExitCode | None:
        """Take structure and results."""
        if (failure := self.failed('crystal')) is not None:
            return failure
        outputs, given = node_outputs(self.ctx.crystal), self.inputs.crystal.base.crystal
        self.ctx.structure = outputs['output_structure']
        self.ctx.crystal_results = {
            'parameters': outputs['output_parameters'],
            'crystal_parameters': given.get('parameters'),
            'kinds': given.get('kinds'),
            'bands': None,
        }
        return None

    def prepare_cell(self) -> ExitCode | None:
        """Make the standard primitive cell and the mesh, and count electrons and bands."""
        known = dict(self.ctx.crystal_results)
        self.ctx.has_crystal = known['parameters'] is not None
        known['parameters'] = known['parameters'] if self.ctx.has_crystal else orm.Dict({})
        if 'kpoints' in self.inputs or 'kpoints_distance' in self.inputs:
            known['crystal_parameters'] = None
        results, reason = self.convert(
            crystal_to_qe,
            'crystal_to_qe',
            checked=self.ctx.has_crystal,
            structure=self.ctx.structure,
            **known,
            kpoints_distance=self.inputs.get('kpoints_distance'),
            **self.inputs.scf.pw.pseudos,
        )
        if reason is not None:
            return self.exit_code_of('ERROR_HANDOFF_TO_QE', reason=reason)
        self.ctx.cell, self.ctx.handoff = results['structure'], results['handoff']
        self.ctx.kpoints = self.inputs.get('kpoints') or results.get('kpoints')
        if self.ctx.kpoints is None:
            return self.exit_code_of('ERROR_HANDOFF_TO_QE', reason='neither inputs nor CRYSTAL say which k-points')
        filled = self.ctx.handoff.get('n_filled_bands', None)
        if filled is None:
            said = self.ctx.handoff.get('n_electrons_valence', None)
            reason = (
                'a kind of atom has no pseudopotential, or its header tells no charge'
                if said is None
                else f'{said} electrons outside the pseudopotentials fill no whole number of bands, or there is spin'
            )
            return self.exit_code_of('ERROR_NOT_AN_INSULATOR', reason=reason)
        self.ctx.n_filled = int(filled)
        self.ctx.n_bands = max(bands_needed(content, self.ctx.n_filled) for content in self.asked())
        return None

    def pw_inputs(self, name: str, **system: Any) -> AttributeDict:
        """Return the inputs of a run of pw.x."""
        inputs = AttributeDict(self.exposed_inputs(pw_base_work_chain(), namespace=name))
        inputs.pw = AttributeDict(inputs.pw)
        given = _namelists(inputs.pw.parameters)
        given['CONTROL'] = {**given.get('CONTROL', {}), 'calculation': name}
        forced = {'force_symmorphic': True, 'occupations': 'fixed'}
        given['SYSTEM'] = {**given.get('SYSTEM', {}), **forced, **system}
        inputs.pw.parameters = orm.Dict(given)
        inputs.pw.structure, inputs.pw.code = self.ctx.cell, self.inputs.codes.pw
        inputs.kpoints = self.ctx.kpoints
        mpi_as_code(inputs.pw)
        return inputs

    def run_scf(self) -> Any:
        """Compute the density."""
        return self.launch_step(pw_base_work_chain(), self.pw_inputs('scf'), 'scf')

    def run_nscf(self) -> Any:
        """Compute as many bands as will be needed."""
        if (failure := self.failed('scf')) is not None:
            return failure
        given = _namelists(self.inputs.nscf.pw.parameters).get('SYSTEM', {}).get('nbnd', 0)
        inputs = self.pw_inputs('nscf', nbnd=max(self.ctx.n_bands, int(given)))
        inputs.pw.parent_folder = self.ctx.scf.outputs.remote_folder
        return self.launch_step(pw_base_work_chain(), inputs, 'nscf')

    def inspect_nscf(self) -> ExitCode | None:
        """Check that Yambo can use it."""
        if (failure := self.failed('nscf')) is not None:
            return failure
        outputs = node_outputs(self.ctx.nscf)
        missing = [name for name in ('output_parameters', 'output_band', 'remote_folder') if name not in outputs]
        if missing:
            return self.exit_code_of('ERROR_HANDOFF_TO_YAMBO', reason=f'it has no `{missing[0]}`')
        results, reason = self.convert(
            qe_to_yambo,
            'qe_to_yambo',
            parameters=outputs['output_parameters'],
            bands=outputs['output_band'],
            inputs=self.ctx.nscf.inputs.pw.parameters,
            settings=orm.Dict({'n_bands': self.ctx.n_bands}),
            **self.inputs.nscf.pw.pseudos,
        )
        if reason is not None:
            return self.exit_code_of('ERROR_HANDOFF_TO_YAMBO', reason=reason)
        self.ctx.dft = results['handoff']
        if self.ctx.dft['edges'].get('is_metal'):
            return self.exit_code_of('ERROR_NOT_AN_INSULATOR', reason='pw.x found bands that cross the Fermi energy')
        return None

    def run_p2y(self) -> Any:
        """Make SAVE and set it up."""
        inputs = AttributeDict(self.exposed_inputs(P2yCalculation, namespace='p2y'))
        inputs.code, inputs.code_yambo = self.inputs.codes.p2y, self.inputs.codes.yambo
        inputs.parent_folder = self.ctx.nscf.outputs.remote_folder
        mpi_as_code(inputs, inputs.code_yambo)
        return self.launch_step(P2yCalculation, inputs, 'p2y')

    def inspect_p2y(self) -> ExitCode | None:
        """Check that Yambo counts the bands as we do."""
        if (failure := self.failed('p2y')) is not None:
            return failure
        said = self.ctx.p2y.outputs.output_parameters
        filled, n_kpoints = said.get('filled_bands', None), said.get('n_kpoints', None)
        if filled != self.ctx.n_filled or n_kpoints is None:
            reason = f'Yambo counts {filled} filled bands, and the pseudopotentials leave {self.ctx.n_filled}'
            return self.exit_code_of('ERROR_HANDOFF_TO_YAMBO', reason=reason)
        self.ctx.n_kpoints = int(n_kpoints)
        return None

    def yambo_inputs(self, namespace: str, parameters: Mapping[str, Any]) -> AttributeDict:
        """Return the inputs of YamboBaseWorkChain; bands and k-points of the parameters are filled in."""
        inputs = AttributeDict(self.exposed_inputs(YamboBaseWorkChain, namespace=namespace))
        inputs.yambo = AttributeDict(inputs.get('yambo') or {})
        inputs.yambo.code = self.inputs.codes.yambo
        inputs.yambo.parent_folder = self.ctx.p2y.outputs.remote_folder
        inputs.yambo.parameters = orm.Dict(resolve(parameters, self.ctx.n_filled, self.ctx.n_kpoints))
        return inputs

    def run_gw(self) -> Any:
        """Correct the states."""
        inputs = self.yambo_inputs('gw', self.inputs.gw_parameters.get_dict())
        return self.launch_step(YamboBaseWorkChain, inputs, 'gw')

    def inspect_gw(self) -> ExitCode | None:
        """Check that there are quasi-particles."""
        return self.failed('gw') or self._lacks('gw', 'output_quasiparticles', 'qp_database')

    def _lacks(self, name: str, *labels: str) -> ExitCode | None:
        """Return the exit code of a step that ended well, but without an output that it is run for."""
        node = self.ctx[name]
        outputs = node_outputs(node)
        for label in labels:
            if label not in outputs:
                step = f'ERROR_SUB_PROCESS_FAILED_{name.upper()}'
                return self.exit_code_of(step, pk=node.pk, status=node.exit_status, reason=f'it has no `{label}`')
        return None

    # ------------------------------------------------------------------------------------------------ the comparison

    def compare(self) -> ExitCode | None:
        """Put the gaps side by side."""
        edges, reason = None, None
        if 'gw' in self.ctx:
            outputs = node_outputs(self.ctx.gw)
            states = outputs['output_quasiparticles']
            told = 'kpoints_rlu' in states.get_arraynames()
            found, reason = self.convert(
                quasiparticle_edges,
                'quasiparticle_edges',
                quasiparticles=states,
                kpoints=None if told else node_outputs(self.ctx.p2y).get('output_kpoints'),
                settings=orm.Dict({'n_filled': self.ctx.n_filled}),
            )
            edges = found.get('edges')
        if reason is None:
            found, reason = self.convert(
                compare_gaps,
                'compare_gaps',
                crystal=self.ctx.handoff if self.ctx.has_crystal else None,
                dft=self.ctx.dft,
                quasiparticle=edges,
                structure=self.ctx.cell,
                **self.more_to_compare(),
            )
        if reason is not None:
            return self.exit_code_of('ERROR_COMPARISON', reason=reason)
        self.ctx.comparison = found['comparison']
        for line in self.ctx.comparison['warnings']:
            self.report(f'compare_gaps: {line}')
        return None

    def more_to_compare(self) -> dict[str, Any]:
        """Return further inputs of ``compare_gaps``."""
        return {}

    def attach_common(self) -> None:
        """Attach what all chains give; only the last step calls it."""
        self.attach(
            output_structure=self.ctx.cell,
            crystal_handoff=self.ctx.handoff,
            dft_bands=node_outputs(self.ctx.nscf).get('output_band'),
            save_folder=self.ctx.p2y.outputs.remote_folder,
        )


def _namelists(node: orm.Dict | None) -> dict[str, dict[str, Any]]:
    """Return the deck of pw.x, namelists in capitals and their names in small letters."""
    content = {} if node is None else node.get_dict()
    return {
        str(name).upper(): {str(key).lower(): value for key, value in (values or {}).items()}
        for name, values in content.items()
    }


# ------------------------------------------------------------------------------------------------ validation


def _gw_message(node: orm.Dict | None, _: Any) -> str | None:
    return None if node is None else parameters_message(node.get_dict(), GW_KINDS)


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the inputs against each other."""
    return next(_problems(inputs), None)


def _problems(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the inputs that all chains share."""
    if 'crystal' in inputs and inputs.get('crystal_results'):
        yield 'either `crystal` or `crystal_results`: the structure is optimised, or it is that of a finished run.'
    if 'kpoints' in inputs and 'kpoints_distance' in inputs:
        yield 'either `kpoints` or `kpoints_distance`.'
    if 'kpoints' in inputs:
        mesh = inputs['kpoints'].base.attributes.get('mesh', None)
        if mesh is None or any(inputs['kpoints'].base.attributes.get('offset', [0, 0, 0])):
            yield '`kpoints`: Yambo needs a mesh through Γ, not a list and not a mesh that is moved.'
    computers = {
        name: code.computer.uuid for name, code in (inputs.get('codes') or {}).items() if code.computer is not None
    }
    if len({uuid for name, uuid in computers.items() if name != 'crystal'}) > 1:
        yield '`codes`: pw, p2y, yambo and ypp must be on one computer, as wavefunctions are not moved.'
    runs = {name: (inputs.get(name) or {}).get('pw') or {} for name in ('scf', 'nscf')}
    for name, pw in runs.items():
        yield from (f'{name}.pw.{line}' for line in _pw_problems(pw))
    if _namelists(runs['nscf'].get('parameters')).get('CONTROL', {}).get('disk_io') in WITHOUT_WAVEFUNCTIONS:
        yield 'nscf.pw.parameters: CONTROL.disk_io must let pw.x write its wavefunctions, which p2y reads'
    potentials = [
        {kind: getattr(node, 'md5', node.uuid) for kind, node in (pw.get('pseudos') or {}).items()}
        for pw in runs.values()
    ]
    if potentials[0] != potentials[1]:
        yield '`scf.pw.pseudos` and `nscf.pw.pseudos` differ: pw.x would take the density of other potentials.'
    systems = [_namelists(pw.get('parameters')).get('SYSTEM', {}) for pw in runs.values()]
    for key in PHYSICS:
        if systems[0].get(key) != systems[1].get(key):
            yield f'SYSTEM.{key} is {systems[0].get(key)} in `scf` and {systems[1].get(key)} in `nscf`.'


def _pw_problems(pw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what p2y or Yambo would refuse after hours."""
    wrong = not_norm_conserving(pw.get('pseudos') or {})
    if wrong:
        names = ', '.join(f'{kind} ({name})' for kind, name in sorted(wrong.items()))
        yield f'pseudos: Yambo needs norm-conserving pseudopotentials; these are not: {names}'
    system = _namelists(pw.get('parameters')).get('SYSTEM', {})
    if system.get('occupations', 'fixed') != 'fixed':
        yield "parameters: SYSTEM.occupations must be 'fixed': these chains are for insulators"
    if not system.get('force_symmorphic', True):
        yield 'parameters: SYSTEM.force_symmorphic must be true: p2y refuses fractional translations'
    if system.get('nspin', 1) != 1 or system.get('noncolin') or system.get('lspinorb'):
        yield 'parameters: spin and spin-orbit coupling were never proven on outputs of Yambo: not in these chains'
    if (functional := str(system.get('input_dft', '')).lower()) in HYBRIDS:
        yield f'parameters: SYSTEM.input_dft is {functional!r}: pw.x refuses hybrid functionals in an NSCF'
    if system.get('lda_plus_u') or 'hubbard_u' in ' '.join(system):
        yield 'parameters: Yambo cannot go on from DFT+U'
    settings = pw.get('settings')
    words = {} if settings is None else {str(key).upper(): value for key, value in settings.get_dict().items()}
    if words.get('GAMMA_ONLY'):
        yield 'settings: p2y cannot read `gamma_only`'


# ------------------------------------------------------------------------------------------------ builders


def load_codes(codes: Mapping[str, orm.AbstractCode | str]) -> dict[str, orm.AbstractCode]:
    """Return codes by name.

    :raises ValueError: for a name that no step has, or a code that is not there.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_crystalmath.workflows.protocols.merge import did_you_mean

    found: dict[str, orm.AbstractCode] = {}
    for name, code in codes.items():
        if name not in CODES:
            raise ValueError(f'codes: there is no "{name}": {did_you_mean(name, list(CODES))}')
        try:
            found[name] = orm.load_code(code) if isinstance(code, str) else code
        except (NotExistent, MultipleObjectsError, ValueError) as exception:
            raise ValueError(f'codes.{name}: {exception}') from exception
    return found


def crystal_results_of(chain: orm.ProcessNode) -> tuple[orm.StructureData, dict[str, Any]]:
    """Return structure and results of a finished run of CRYSTAL.

    :raises ValueError: if it did not end well, or has no results.
    """
    if not chain.is_finished_ok:
        raise ValueError(f'{chain.process_label}<{chain.pk}> did not end well: there is nothing to begin with.')
    outputs, inputs = node_outputs(chain), chain.base.links.get_incoming().nested()
    outputs.setdefault('output_structure', _input_of(inputs, 'structure'))
    if outputs.get('output_structure') is None or 'output_parameters' not in outputs:
        raise ValueError(f'{chain.process_label}<{chain.pk}> has no structure, or no `output_parameters`.')
    given = {'input_parameters': _input_of(inputs, 'parameters'), 'kinds': _input_of(inputs, 'kinds')}
    results = {'parameters': outputs['output_parameters'], **{key: node for key, node in given.items() if node}}
    if isinstance(outputs.get('output_bands'), orm.BandsData):
        results['bands'] = outputs['output_bands']
    return outputs['output_structure'], results


def _input_of(inputs: Any, name: str) -> Any:
    """Return an input of a job of CRYSTAL, of a base chain, or of a chain that has one; None without it."""
    for path in (('base', 'crystal', name), ('scf', 'crystal', name), ('crystal', name), (name,)):
        place: Any = inputs
        for key in path:
            place = place.get(key) if isinstance(place, Mapping) else None
        if isinstance(place, orm.Data):
            return place
    return None


def pw_builders(  # noqa: PLR0917 (given by name)
    code: orm.AbstractCode | None,
    structure: orm.StructureData,
    protocol: str,
    pseudos: Mapping[str, Any],
    cutoff_ry: float,
    overrides: Mapping[str, Any],
    options: Mapping[str, Any] | None,
) -> dict[str, dict[str, Any]]:
    """Return inputs of SCF and NSCF, parameters of the protocols of aiida-quantumespresso where ours say nothing."""
    from aiida_crystalmath.workflows.protocols.merge import merge

    made = {}
    for name in ('scf', 'nscf'):
        chain = pw_base_work_chain()
        upstream = chain.get_protocol_inputs(protocol)
        meta = upstream['meta_parameters']
        parameters = {
            'CONTROL': {'calculation': name},
            'SYSTEM': {'ecutwfc': float(cutoff_ry), 'ecutrho': 4.0 * float(cutoff_ry), 'occupations': 'fixed'},
            'ELECTRONS': {'conv_thr': len(structure.sites) * float(meta['conv_thr_per_atom'])},
        }
        given = dict(overrides.get(name) or {})
        one = merge({'pw': {'parameters': parameters, 'metadata': {'options': dict(options or {})}}}, given)
        one['pw']['parameters'] = orm.Dict(one['pw']['parameters'])
        one['pw'].setdefault('pseudos', dict(pseudos))
        if not one['pw']['metadata']['options']:
            one['pw'].pop('metadata')
        made[name] = one
    return made


def family_of(label: str, structure: orm.StructureData) -> tuple[dict[str, Any], float | None]:
    """Return the pseudopotentials of a family (aiida-pseudo), and the cutoff that it recommends, Ry.

    :raises ValueError: if it is not installed, or has not all elements.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        family: Any = orm.load_group(label)
        pseudos = family.get_pseudos(structure=structure)
    except (NotExistent, MultipleObjectsError, ValueError) as exception:
        raise ValueError(f'pseudo_family: {exception}; install it with `aiida-pseudo install`') from exception
    try:
        cutoff, _ = family.get_recommended_cutoffs(structure=structure, unit='Ry')
    except (AttributeError, ValueError):
        return dict(pseudos), None
    return dict(pseudos), float(cutoff)


def filled_bands(structure: orm.StructureData, pseudos: Mapping[str, Any]) -> int:
    """Return the filled bands of the standard primitive cell.

    :raises ValueError: if they are no whole number, or not known.
    """
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.multicode.converters.common import primitive_of
    from aiida_crystalmath.workflows.multicode.converters.pseudopotentials import n_valence_electrons

    electrons = n_valence_electrons(pseudos, primitive_of(to_geometry(structure), {}).geometry)
    if electrons is None or electrons % 2:
        raise ValueError(f'{electrons} electrons outside the pseudopotentials fill no whole number of bands.')
    return round(electrons / 2)


Overrides = Mapping[str, Any] | str | Path | None
Codes = Mapping[str, orm.AbstractCode | str]
Sizes = Sequence[int]
