"""Parser of :class:`~aiida_crystalmath.calculations.crystal23.Crystal23Calculation`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.calculations.crystal23 import reduced_from_inputs
from aiida_crystalmath.crystal.diagnosis import Finding, diagnose
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, OptPoint
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.parsers.base import CrystalParserBase, describe, temporary_file
from aiida_crystalmath.parsers.crystal_results import crystal_parameters, method_parameters, scf_results

__all__ = ('Crystal23Parser',)


class Crystal23Parser(CrystalParserBase):
    """Read the output of ``crystal``: numbers, geometry, and what went wrong.

    All outputs that can be had are attached before any exit code is returned, so that a restart has them.
    """

    CACHE_VERSION = 1

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        text = self.text(self.node.get_option('output_filename') or 'crystal.out')
        if text is None:
            return self.scheduler_verdict() or self.failure('ERROR_STDOUT_MISSING')
        output = parse_stdout(text)
        findings = diagnose(output, fort87=self.text('fort.87') or '', stderr=self.scheduler_stderr())
        if output.program != 'crystal':
            return self.conclude(findings, self.failure('ERROR_NOT_CRYSTAL_OUTPUT'))
        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        cells = self._cells(inputs, output)
        log = temporary_file(retrieved_temporary_folder, 'SCFOUT.LOG') if output.optimisation else None
        last_scf = scf_results(parse_stdout(log)) if log else None
        last = last_geometry(output) or last_step_file(retrieved_temporary_folder, output)
        self._attach_results(output, findings, cells, inputs, last_scf=last_scf, last=last)
        return self.conclude(findings, self._unexplained(output, inputs))

    def _cells(self, inputs: dict[str, Any], output: CrystalOutput) -> CellMap:
        """Find the way back to the user's cell; without one, results stay in CRYSTAL's."""
        parameters = inputs['parameters'].get_dict() if 'parameters' in inputs else {}
        try:
            reduced = reduced_from_inputs(inputs)
        except ValueError as exception:
            self.logger.warning(f'results stay in the cell of CRYSTAL: {exception}')
            reduced = None
        cells = CellMap.of_run(reduced, output.initial_geometry, parameters)
        edited = bool((parameters.get('geometry') or {}).get('edits'))
        if reduced is not None and not cells.is_users and not edited:
            self.logger.warning('the run began with another geometry than its input: results stay in its cell')
        return cells

    def _attach_results(
        self,
        output: CrystalOutput,
        findings: list[Finding],
        cells: CellMap,
        inputs: dict[str, Any],
        *,
        last_scf: dict[str, Any] | None,
        last: Geometry | None,
    ) -> None:
        """Build and attach every output node.

        :param last_scf: the last SCF of an optimisation, as SCFOUT.LOG tells it.
        :param last: geometry the optimisation came to.
        """
        parameters: dict[str, Any] = {
            **crystal_parameters(output, cells),
            **method_parameters(inputs),
            'diagnoses': describe(findings),
        }
        if last_scf is not None and 'optimisation' in parameters:
            parameters['optimisation']['last_scf'] = last_scf
        self.attach('output_parameters', orm.Dict(parameters), output.engine)
        if output.optimisation is None:
            return
        from aiida_crystalmath.data.structure import from_geometry

        points = [point for point in output.optimisation.points if point.geometry is not None]
        try:
            if last is not None:
                self.attach('output_structure', from_geometry(cells.restore(last)), output.engine)
            if points:
                self.attach('output_trajectory', trajectory(points, cells), output.engine)
        except ValueError as exception:
            self.logger.error(f'a geometry of the optimisation cannot be told in the cell of the input: {exception}')

    def _unexplained(self, output: CrystalOutput, inputs: dict[str, Any]) -> ExitCode | None:
        """Return the exit code of a run that did not do what it was asked to, when the catalogue does not know why."""
        asked = (inputs['parameters'].get_dict().get('geometry') or {}) if 'parameters' in inputs else {}
        if not output.terminated:
            return self.failure('ERROR_INTERRUPTED')
        if output.scf and not output.scf_converged:
            return self.failure('ERROR_SCF_NOT_CONVERGED')
        if asked.get('optgeom') is not None and not asked.get('testgeom'):
            optimisation = output.optimisation
            if optimisation is None or optimisation.status != 'converged':
                return self.failure('ERROR_GEOMETRY_NOT_CONVERGED')
        return None if output.succeeded else self.failure('ERROR_UNKNOWN')


def last_geometry(output: CrystalOutput) -> Geometry | None:
    """Return the geometry an optimisation ended with, or the last one it came to; CRYSTAL's primitive cell."""
    optimisation = output.optimisation
    if optimisation is None:
        return None
    if optimisation.status == 'converged' and output.final_geometry is not None:
        return output.final_geometry
    printed = [point.geometry for point in optimisation.points if point.geometry is not None]
    return printed[-1] if printed else None


def last_step_file(folder: str | None, output: CrystalOutput) -> Geometry | None:
    """Return the geometry of the last optc or opta file, for a run that was stopped before it printed any.

    The files are numbered by point and have the format of fort.34 (CRYSTAL User's Manual, OPTGEOM).
    """
    if folder is None or output.optimisation is None:
        return None
    for path in sorted(Path(folder).glob('opt[ac]*'), key=lambda path: path.name[4:], reverse=True):
        try:
            return read_fort34(path.read_text(encoding='utf-8', errors='replace')).geometry
        except ValueError:
            # The file that was being written when the run was stopped: the one before it is whole.
            continue
    return None


def trajectory(points: list[OptPoint], cells: CellMap) -> orm.TrajectoryData:
    """Return the points of an optimisation in the user's cell.

    Arrays: ``positions`` and ``cells`` (Å), ``steps`` (CRYSTAL's numbers), ``energies_hartree`` (of CRYSTAL's primitive
    cell, NaN if not printed), ``max_gradients_hartree_per_bohr`` (likewise).
    """
    geometries = [cells.restore(point.geometry) for point in points if point.geometry is not None]
    node = orm.TrajectoryData()
    node.set_trajectory(
        symbols=geometries[0].symbols,
        positions=np.array([geometry.positions for geometry in geometries]),
        stepids=np.array([point.n for point in points]),
        cells=np.array([geometry.cell for geometry in geometries]),
        pbc=list(geometries[0].pbc),
    )
    for name, values in (
        ('energies_hartree', [point.energy_hartree for point in points]),
        ('max_gradients_hartree_per_bohr', [point.max_gradient for point in points]),
    ):
        node.set_array(name, np.array([np.nan if value is None else value for value in values], dtype=float))
    return node
