"""Parser of :class:`~aiida_crystalmath.calculations.ypp.YppCalculation`."""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.ypp import SORTED_EXCITONS
from aiida_crystalmath.parsers.yambo_base import YamboParserBase
from aiida_crystalmath.parsers.yambo_nodes import exciton_keys, excitons_node

__all__ = ('YppParser',)

ENGINE = 'ypp'
LIST = 'exc_qpt1_E_sorted'


class YppParser(YamboParserBase):
    """Read report, logs and the list of excitons."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        from aiida_crystalmath.yambo.diagnosis import diagnose
        from aiida_crystalmath.yambo.inputs import compare, deck_from_parameters
        from aiida_crystalmath.yambo.outputs.run import read_yambo_run
        from aiida_crystalmath.yambo.outputs.tables import read_excitons

        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        plain = inputs['parameters'].get_dict() if 'parameters' in inputs else dict(SORTED_EXCITONS)
        allowed = inputs['settings'].get_dict().get('unknown_variables') or [] if 'settings' in inputs else []
        asked = deck_from_parameters(plain, 'ypp', allowed)
        run = read_yambo_run(self.texts(retrieved_temporary_folder), 'ypp')
        differences = compare(asked, run.used, 'ypp') if run.used is not None else []
        findings = diagnose(run, asked=asked, differences=differences, ran=self.ran())
        parameters = self.told(
            'ypp', run.status, run.report, messages=run.messages, findings=findings, differences=differences
        )
        missing = False
        if run.status == 'finished' and _lists_excitons(asked.runlevels):
            try:
                excitons = read_excitons(run.tables[LIST])
            except (KeyError, ValueError) as exception:
                self.logger.error(f'the run ended without the whole list of excitons: {exception}')
                parameters['missing_results'] = [f'the excitons ({exception})']
                missing = True
            else:
                self.attach('output_excitons', excitons_node(excitons), ENGINE)
                parameters |= exciton_keys(excitons)
        self.attach_parameters(parameters, ENGINE)
        return self.conclude(findings, self.failure('ERROR_RESULT_MISSING') if missing else None)


def _lists_excitons(runlevels: tuple[str, ...]) -> bool:
    """Tell whether the deck asks for the list of excitons, and not for plots of them."""
    return 'excitons' in runlevels and not {'amplitude', 'wavefunction', 'interp', 'spin'} & set(runlevels)
