"""Parser of :class:`~aiida_crystalmath.calculations.crystal23.Crystal23Calculation`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.calculations.crystal23 import reduced_from_inputs
from aiida_crystalmath.crystal.diagnosis import Finding, diagnose
from aiida_crystalmath.crystal.outputs.models import CrystalOutput
from aiida_crystalmath.crystal.outputs.scf_log import read_scf_log
from aiida_crystalmath.parsers.base import CrystalParserBase, describe, drop_none
from aiida_crystalmath.parsers.crystal_nodes import CrystalNodes
from aiida_crystalmath.parsers.crystal_results import add_scf_log, crystal_parameters, method_parameters
from aiida_crystalmath.parsers.vibrations import vibrating_geometry

__all__ = ('Crystal23Parser', 'missing_results')

RESULTS = {
    'freqcalc': 'frequencies',
    'elastcon': 'elastic',
    'eos': 'equation_of_state',
    'cphf': 'polarisability',
}
"""Blocks of ``parameters['geometry']``, and the result that each of them asks for."""


class Crystal23Parser(CrystalParserBase):
    """Read the output of ``crystal``: numbers, geometry, vibrations and responses, and what went wrong.

    All outputs that can be had are attached before any exit code is returned, so that a restart has them.
    """

    CACHE_VERSION = 2

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        output = self.output('crystal.out')
        if output is None or output.program != 'crystal':
            return self.conclude_without_program(output)
        findings = diagnose(output, fort87=self.text('fort.87') or '', stderr=self.scheduler_stderr())
        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        self._attach_results(output, findings, inputs, retrieved_temporary_folder)
        return self.conclude(findings, self._unexplained(output, inputs))

    def _cells(self, inputs: dict[str, Any], output: CrystalOutput) -> tuple[CellMap, CellMap]:
        """Find the ways back to the user's cell, from the cell that was printed and from the one that vibrates.

        Without a way, results stay in CRYSTAL's cell.
        """
        parameters = inputs['parameters'].get_dict() if 'parameters' in inputs else {}
        try:
            reduced = reduced_from_inputs(inputs)
        except ValueError as exception:
            self.logger.warning(f'results stay in the cell of CRYSTAL: {exception}')
            reduced = None
        cells = CellMap.of_run(reduced, output.initial_geometry, parameters)
        vibrating = cells
        if output.frequencies is not None and output.frequencies.is_dispersion:
            vibrating = CellMap.of_run(reduced, vibrating_geometry(output), parameters)
        edited = bool((parameters.get('geometry') or {}).get('edits'))
        if reduced is not None and not cells.is_users and not vibrating.is_users and not edited:
            self.logger.warning('the run began with another geometry than its input: results stay in its cell')
        return cells, vibrating

    def _attach_results(
        self, output: CrystalOutput, findings: list[Finding], inputs: dict[str, Any], temporary: str | None
    ) -> None:
        """Build and attach every output node.

        :param temporary: folder of the temporarily retrieved files.
        """
        cells, vibrating = self._cells(inputs, output)
        parameters: dict[str, Any] = {
            **crystal_parameters(output, cells),
            **method_parameters(inputs),
            **drop_none({'dry_run': dry_run_of(inputs)}),
            'diagnoses': describe(findings),
        }
        log = Path(temporary) / 'SCFOUT.LOG' if temporary and output.optimisation else None
        if log is not None and log.is_file():
            add_scf_log(parameters, output, read_scf_log(log))
        self.attach_parameters(parameters, output.engine)
        nodes = CrystalNodes(output, cells, vibrating, inputs.get('structure'), temporary)
        for label, build in nodes:
            try:
                node = build()
            except ValueError as exception:
                # Mostly a geometry that is too far from the structure for the order of its atoms to be certain.
                self.logger.error(f'no `{label}`: {exception}')
                continue
            if node is not None:
                self.attach(label, node, output.engine)

    def _unexplained(self, output: CrystalOutput, inputs: dict[str, Any]) -> ExitCode | None:
        """Return the exit code of a run that did not do what it was asked to, when the catalogue does not know why."""
        asked = (inputs['parameters'].get_dict().get('geometry') or {}) if 'parameters' in inputs else {}
        if not output.terminated:
            return self.failure('ERROR_INTERRUPTED')
        if output.scf and not output.scf_converged:
            return self.failure('ERROR_SCF_NOT_CONVERGED')
        if asked.get('optgeom') is not None and dry_run_of(inputs) is None:
            optimisation = output.optimisation
            if optimisation is None or optimisation.status != 'converged':
                return self.failure('ERROR_GEOMETRY_NOT_CONVERGED')
        missing = missing_results(output, {} if dry_run_of(inputs) else asked)
        # Taken up again at their end, these need no SCF any more.
        many = output.is_frequency_run or output.is_elastic_run or output.is_equation_of_state_run
        may_lack = many or dry_run_of(inputs) or not MANY_SCF.isdisjoint(asked)
        if not output.scf and 'parameters' in inputs and not may_lack:
            missing.append('scf')  # lost in the output: TERMINATION alone is no success
        if missing:
            self.logger.error(f'the run ended without the whole of: {", ".join(missing)}')
            return self.failure('ERROR_RESULT_MISSING')
        return None if output.succeeded else self.failure('ERROR_UNKNOWN')


MANY_SCF = frozenset({'freqcalc', 'elastcon', 'eos'})
"""Blocks that run many SCF."""


def dry_run_of(inputs: dict[str, Any]) -> str | None:
    """Return the keyword that makes a run end before its SCF; such a run that ends well has no results to miss."""
    parameters = inputs['parameters'].get_dict() if 'parameters' in inputs else {}
    geometry, scf = parameters.get('geometry') or {}, parameters.get('scf') or {}
    asked = {**geometry, **scf}
    return next((name.upper() for name in ('testgeom', 'testpdim', 'testrun') if asked.get(name)), None)


def missing_results(output: CrystalOutput, asked: dict[str, Any]) -> list[str]:
    """Return the results that were asked for or begun, and whose end was not printed.

    :param asked: ``parameters['geometry']``; nothing of a dry run.
    """
    wanted = [name for block, name in RESULTS.items() if asked.get(block) is not None]
    absent = [name for name in wanted if not getattr(getattr(output, name), 'complete', False)]
    return list(dict.fromkeys([*absent, *output.missing_results, *output.incomplete_results]))
