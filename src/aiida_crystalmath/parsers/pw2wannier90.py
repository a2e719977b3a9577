"""Parser of :class:`~aiida_crystalmath.calculations.pw2wannier90.Pw2Wannier90Calculation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.pw2wannier90 import build_deck
from aiida_crystalmath.calculations.wannier90 import SEEDNAME
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.parsers.base import temporary_file
from aiida_crystalmath.parsers.espresso import ENGINE, EspressoParserBase, espresso_parameters
from aiida_crystalmath.parsers.guarded import describe, drop_none

if TYPE_CHECKING:
    from aiida_crystalmath.espresso.stdout import EspressoOutput

__all__ = ('Pw2Wannier90Parser',)


class Pw2Wannier90Parser(EspressoParserBase):
    """Read what pw2wannier90.x printed, and the energies that it wrote."""

    CACHE_VERSION = 1
    PROGRAM = 'PW2WANNIER'

    def parse_output(self, output: EspressoOutput, temporary: str | None) -> ExitCode | None:
        """Attach what was written, and conclude."""
        from aiida_crystalmath.wannier90.diagnosis import diagnose_pw2wannier90
        from aiida_crystalmath.wannier90.pw2wannier90 import summary

        findings = diagnose_pw2wannier90(output, stderr=self.scheduler_stderr())
        told = summary(output)
        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        asked = {'write_amn': True, 'write_mmn': True, 'write_eig': True, **build_deck(inputs).values}
        done = {'write_amn': told.amn_calculated, 'write_mmn': told.mmn_calculated}
        missing = [name for name, is_done in done.items() if asked[name] and not is_done]
        if output.done and asked['write_eig'] and not self._attach_bands(inputs, temporary):
            missing.append('write_eig')
        parameters = {
            **espresso_parameters(output),
            'spin': told.spin,
            'n_wannier_functions': told.n_wannier,
            'n_kpoints': told.n_kpoints,
            'diagnoses': describe(findings),
        }
        self.attach_parameters(drop_none(parameters), ENGINE)
        return self.conclude(findings, self.failure('ERROR_RESULT_MISSING') if missing else None)

    def _attach_bands(self, inputs: dict[str, Any], temporary: str | None) -> bool:
        """Attach the energies on the grid; tell whether they are there, and whole."""
        from aiida_crystalmath.wannier90.files import read_eig, read_nnkp

        text = temporary_file(temporary, f'{SEEDNAME}.eig')
        if text is None:
            return False
        try:
            energies = read_eig(text)
            nnkp = read_nnkp(inputs['nnkp_file'].get_content(mode='r'))
        except OutputFileError as exception:
            self.logger.error(str(exception))
            return False
        if len(energies) != len(nnkp.kpoints):
            self.logger.error(f'{len(energies)} k-points with energies, not {len(nnkp.kpoints)}')
            return False
        node = orm.BandsData()
        node.set_cell(nnkp.cell_angstrom.tolist())
        node.set_kpoints(nnkp.kpoints)
        node.set_bands(energies, units='eV')
        self.attach('output_bands', node, ENGINE)
        return True
