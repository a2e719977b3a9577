"""Parser of :class:`~aiida_crystalmath.calculations.pw2bgw.Pw2BgwCalculation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.pw2bgw import build_deck
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.parsers.arrays import array_node
from aiida_crystalmath.parsers.base import temporary_file
from aiida_crystalmath.parsers.espresso import ENGINE, EspressoParserBase, espresso_parameters
from aiida_crystalmath.parsers.guarded import describe, drop_none

if TYPE_CHECKING:
    from aiida_crystalmath.espresso.stdout import EspressoOutput

__all__ = ('Pw2BgwParser',)


class Pw2BgwParser(EspressoParserBase):
    """Read what pw2bgw.x printed, and the matrix elements that it wrote."""

    CACHE_VERSION = 1
    PROGRAM = 'PW2BGW'

    def parse_output(self, output: EspressoOutput, temporary: str | None) -> ExitCode | None:
        """Attach what was written, and conclude."""
        from aiida_crystalmath.berkeleygw.pw2bgw import FILES, diagnose_pw2bgw, written

        findings = diagnose_pw2bgw(output, stderr=self.scheduler_stderr())
        deck = build_deck(self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested())
        done = written(output)
        missing = sorted(set(deck.outputs) - done)
        wrong = any(finding.diagnosis.exit_code for finding in findings)
        if output.done and not wrong and 'vxc' in deck.outputs and not self._attach_vxc(temporary):
            missing.append('vxc')
        parameters = {
            **espresso_parameters(output),
            'files': [FILES[name] for name in deck.outputs if name in done],
            'real_or_complex': deck.values.get('real_or_complex'),
            'diagnoses': describe(findings),
        }
        self.attach_parameters(drop_none(parameters), ENGINE)
        return self.conclude(findings, self.failure('ERROR_RESULT_MISSING') if missing else None)

    def _attach_vxc(self, temporary: str | None) -> bool:
        """Attach the matrix elements; tell whether they are there, and whole."""
        from aiida_crystalmath.berkeleygw.pw2bgw import FILES, read_vxc

        text = temporary_file(temporary, FILES['vxc'])
        if text is None:
            return False
        try:
            elements = read_vxc(text)
        except OutputFileError as exception:
            self.logger.error(str(exception))
            return False
        arrays = {'kpoints': elements.kpoints, 'bands': elements.bands, 'vxc_ev': elements.values_ev}
        self.attach('output_vxc', array_node(arrays), ENGINE)
        return True
