"""Parser of :class:`~aiida_crystalmath.calculations.p2y.P2yCalculation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.parsers.guarded import drop_none
from aiida_crystalmath.parsers.yambo_base import YamboParserBase, level_keys

if TYPE_CHECKING:
    from aiida_crystalmath.yambo.outputs.p2y import P2yLog
    from aiida_crystalmath.yambo.outputs.report import Report

__all__ = ('P2yParser',)


class P2yParser(YamboParserBase):
    """Read the logs of p2y and the report of the set-up, and decide by their words."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        from aiida_crystalmath.yambo.diagnosis import diagnose
        from aiida_crystalmath.yambo.outputs.run import read_p2y_run, read_yambo_run

        texts = self.texts(retrieved_temporary_folder)
        printed = self.text(str(self.node.get_option('output_filename')))
        run = read_p2y_run(texts, printed or '')
        setup = read_yambo_run(texts, setup=True)
        findings = diagnose(run)
        if run.status == 'finished':
            findings += [finding for finding in diagnose(setup) if finding.diagnosis.exit_code != 350]
        status = run.status if run.status != 'finished' else setup.status
        parameters = self.told(
            'p2y', status, setup.report, messages=(*run.messages, *setup.messages), findings=findings
        )
        parameters |= {**_p2y_keys(run.log), **(level_keys(setup.report.dft) if setup.report is not None else {})}
        if setup.report is not None:
            parameters |= drop_none(
                {
                    'filled_bands': setup.report.dft.filled_bands,
                    'fermi_level_ev': setup.report.dft.fermi_level_ev,
                }
            )
        self.attach_parameters(parameters, 'p2y')
        if setup.status == 'finished' and setup.report is not None:
            points = _kpoints(setup.report)
            if points is not None:
                self.attach('output_kpoints', points, 'p2y')
        incomplete = run.status == 'finished' and setup.status != 'finished'
        if incomplete:
            decisive = [finding for finding in findings if finding.diagnosis.exit_code not in (None, 404)]
            self.conclude(findings)
            return self.scheduler_verdict() or self._of(decisive) or self.failure('ERROR_SETUP_INCOMPLETE')
        return self.conclude(findings)

    def _of(self, findings: list[Any]) -> ExitCode | None:
        """Return the exit code of the first finding; None without any."""
        return self.exit_codes(findings[0].diagnosis.exit_code) if findings else None


def _p2y_keys(log: P2yLog | None) -> dict[str, Any]:
    """Return what p2y itself says of the DFT calculation."""
    if log is None:
        return {}
    return drop_none(
        {
            'n_bands': log.n_bands,
            'n_kpoints': log.n_kpoints,
            'n_electrons': log.n_electrons,
            'n_spins': log.n_spins,
            'n_spinors': log.n_spinors,
            'spin_orbit': log.spin_orbit,
            'functional': log.functional,
            'n_gvectors_density': log.n_gvectors_density,
            'n_gvectors_wavefunctions': log.n_gvectors_wavefunctions,
        }
    )


def _kpoints(report: Report) -> orm.KpointsData | None:
    """Return the irreducible k-points; None where the report does not list them all."""
    if report.cell_bohr is None or len(report.kpoints_rlu) != report.n_kpoints:
        return None
    node = orm.KpointsData()
    node.set_cell((np.array(report.cell_bohr) * BOHR_ANGSTROM).tolist())
    node.set_kpoints(np.array(report.kpoints_rlu), weights=np.array(report.kpoint_weights))
    return node
