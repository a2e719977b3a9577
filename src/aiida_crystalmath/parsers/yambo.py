"""Parser of :class:`~aiida_crystalmath.calculations.yambo.YamboCalculation`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.yambo import EXCITON_DATABASE, QP_DATABASE, deck_of_inputs
from aiida_crystalmath.calculations.yambo_base import JOB, SAVE
from aiida_crystalmath.parsers.yambo_base import YamboParserBase, level_keys
from aiida_crystalmath.parsers.yambo_nodes import (
    bands_node,
    exciton_keys,
    excitons_node,
    gap_keys,
    quasiparticles_node,
    spectrum_keys,
    spectrum_node,
)

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.catalogue import Finding
    from aiida_crystalmath.yambo.inputs import Deck
    from aiida_crystalmath.yambo.outputs.run import YamboRun
    from aiida_crystalmath.yambo.outputs.tables import Quasiparticles

__all__ = ('YamboParser',)

ENGINE = 'yambo'
WRONG_ENERGIES = 'ERROR_QP_DATABASE_NOT_READ'


class YamboParser(YamboParserBase):
    """Read report, logs, tables and databases, and decide by them: exit statuses of yambo tell nothing.

    A run that ended well, but with other energies than those that were asked for, has no spectrum.
    """

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        from aiida_crystalmath.yambo.diagnosis import diagnose
        from aiida_crystalmath.yambo.inputs import compare
        from aiida_crystalmath.yambo.outputs.run import read_yambo_run

        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        asked = deck_of_inputs(inputs)
        run = read_yambo_run(self.texts(retrieved_temporary_folder))
        differences = compare(asked, run.used) if run.used is not None else []
        findings = diagnose(run, asked=asked, differences=differences, ran=self.ran())
        parameters = self.told(
            'yambo', run.status, run.report, messages=run.messages, findings=findings, differences=differences
        )
        parameters |= self._levels(run, asked, findings)
        missing: list[str] = []
        if run.status == 'finished':
            parameters |= self._quasiparticles(run, asked, missing)
            if not _has(findings, WRONG_ENERGIES):
                parameters |= self._spectrum(run, asked, missing)
        if missing:
            parameters['missing_results'] = missing
        self.attach_parameters(parameters, ENGINE)
        if missing:
            self.logger.error(f'the run ended without the whole of: {"; ".join(missing)}')
        return self.conclude(findings, self.failure('ERROR_RESULT_MISSING') if missing else None)

    def _levels(self, run: YamboRun, asked: Deck, findings: list[Finding]) -> dict[str, Any]:
        """Return the gaps of DFT, and those that the BSE started from; where bands lack, how many are needed."""
        if run.report is None:
            return {}
        told = level_keys(run.report.dft, 'dft_')
        if 'K+QP' in run.report.levels:
            told |= level_keys(run.report.levels['K+QP'], 'starting_')
        elif asked.is_bse and not _has(findings, WRONG_ENERGIES):
            told |= level_keys(run.report.dft, 'starting_')
        if 'Hartree-Fock' in run.report.levels and asked.runlevels == ('HF_and_locXC',):
            told |= level_keys(run.report.levels['Hartree-Fock'])
        if _has(findings, 'ERROR_TOO_FEW_BANDS'):
            told |= {'bands_needed': asked.max_band, 'bands_available': run.report.n_bands}
        if run.report.haydock_accuracy_percent is not None:
            told['haydock_accuracy_percent'] = run.report.haydock_accuracy_percent
            told['haydock_iterations'] = run.report.haydock_iterations
        if run.report.kernel_size is not None:
            told['kernel_size'] = run.report.kernel_size
        # What is written into SAVE belongs to the set-up: nothing that a run could go on from.
        written = [path for path in run.report.databases_written if not path.startswith(f'./{SAVE}/')]
        told['databases_written'] = [path.rpartition('/')[2] for path in written]
        told['went_on_from_databases'] = run.n_calls > 1 or 'restart_folder' in self.node.inputs
        return told

    def _quasiparticles(self, run: YamboRun, asked: Deck, missing: list[str]) -> dict[str, Any]:
        """Attach what was corrected; the database and the table have to agree.

        :param missing: what lacks is added to it.
        """
        from aiida_crystalmath.yambo.outputs.databases import read_ndb_qp
        from aiida_crystalmath.yambo.outputs.tables import read_quasiparticles

        if not asked.wants_quasiparticles or run.report is None:
            return {}
        content = self._database(QP_DATABASE)
        table = run.table('qp')
        if content is None or table is None:
            missing.append('quasi-particles (ndb.QP and its table)')
            return {}
        try:
            states = read_ndb_qp(io.BytesIO(content))
            printed = read_quasiparticles(table)
        except (ValueError, ImportError) as exception:
            missing.append(f'quasi-particles ({exception})')
            return {}
        # What the table of a self-consistent run starts its columns from was never recorded.
        if not asked.iterates and not _agree(states, printed):
            missing.append('quasi-particles (ndb.QP is not that of the table)')
            return {}
        self.attach('output_quasiparticles', quasiparticles_node(states, run.report), ENGINE)
        bands = bands_node(states, run.report)
        if bands is not None:
            self.attach('output_bands', bands, ENGINE)
        self.attach('qp_database', orm.SinglefileData(io.BytesIO(content), filename=QP_DATABASE), ENGINE)
        return gap_keys(states, run.report)

    def _spectrum(self, run: YamboRun, asked: Deck, missing: list[str]) -> dict[str, Any]:
        """Attach spectrum and excitons.

        :param missing: what lacks is added to it.
        """
        from aiida_crystalmath.yambo.outputs.databases import read_bs_diago
        from aiida_crystalmath.yambo.outputs.tables import read_spectrum

        if not asked.wants_spectrum:
            return {}
        eps, eel = run.table('eps'), run.table('eel')
        if eps is None:
            missing.append('the spectrum (o-*.eps_*)')
            return {}
        told: dict[str, Any] = {}
        try:
            spectrum = read_spectrum(eps)
            loss = read_spectrum(eel, 'eel') if eel is not None else None
            self.attach('output_spectrum', spectrum_node(spectrum, loss), ENGINE)
            told |= spectrum_keys(spectrum)
        except ValueError as exception:
            missing.append(f'the spectrum ({exception})')
        content = self._database(EXCITON_DATABASE)
        if content is not None:
            try:
                excitons = read_bs_diago(io.BytesIO(content))
            except (ValueError, ImportError) as exception:
                missing.append(f'the excitons ({exception})')
            else:
                self.attach('output_excitons', excitons_node(excitons), ENGINE)
                told |= exciton_keys(excitons)
        return told

    def _database(self, name: str) -> bytes | None:
        """Return a retrieved database; None if it is not there."""
        try:
            content: bytes = self.files.base.repository.get_object_content(f'{JOB}/{name}', mode='rb')
        except FileNotFoundError:
            return None
        return content


TOLERANCE_EV = 1e-4
"""Tables have six digits, of energies of tens of eV at most."""


def _agree(states: Quasiparticles, printed: Quasiparticles) -> bool:
    """Tell whether a database has the states and energies of a table."""
    return (
        len(states) == len(printed)
        and bool((states.kpoint == printed.kpoint).all() and (states.band == printed.band).all())
        and bool(abs(states.energies_ev - printed.energies_ev).max() <= TOLERANCE_EV)
    )


def _has(findings: list[Finding], label: str) -> bool:
    """Tell whether a finding has an exit code."""
    return any(finding.diagnosis.exit_label == label for finding in findings)
