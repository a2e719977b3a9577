"""Parser of :class:`~aiida_crystalmath.calculations.properties23.Crystal23PropertiesCalculation`."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.properties23 import Parent
from aiida_crystalmath.crystal.diagnosis import diagnose
from aiida_crystalmath.crystal.inputs.d3 import D3
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Bands, CrystalOutput, Dos
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.parsers.base import CrystalParserBase, describe
from aiida_crystalmath.parsers.plot_files import read_bands, read_dos
from aiida_crystalmath.parsers.properties_results import (
    bands_node,
    dos_node,
    end_names,
    projected_dos_node,
    properties_parameters,
)

__all__ = ('Crystal23PropertiesParser',)


class Crystal23PropertiesParser(CrystalParserBase):
    """Read the output of ``properties`` and its plot files, and bring k-points back to the structure's cell."""

    CACHE_VERSION = 1

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        text = self.text(self.node.get_option('output_filename') or 'properties.out')
        if text is None:
            return self.scheduler_verdict() or self.failure('ERROR_STDOUT_MISSING')
        output = parse_stdout(text)
        findings = diagnose(output, fort87=self.text('fort.87') or '', stderr=self.scheduler_stderr())
        if output.program != 'properties':
            return self.conclude(findings, self.failure('ERROR_NOT_CRYSTAL_OUTPUT'))
        deck = self._deck()
        parent = Parent.of(self.node.inputs.parent_folder)
        bands, dos, unreadable = self._plots(deck, output, retrieved_temporary_folder)
        parameters = properties_parameters(output, bands, dos, parent)
        self.attach('output_parameters', orm.Dict({**parameters, 'diagnoses': describe(findings)}), output.engine)
        if bands is not None:
            self._attach_bands(bands, parent, output, deck)
        if dos is not None:
            self.attach('output_dos', dos_node(dos), output.engine)
            if dos.n_projections > 1:
                kinds = parent.reduced().crystal_geometry.kinds
                self.attach('output_dos_projected', projected_dos_node(dos, deck, kinds), output.engine)
        return self.conclude(findings, self._unexplained(output, deck, bands, dos, unreadable))

    def _deck(self) -> D3:
        """Read the input of the run back from its own repository: it holds the numbers of bands and segments."""
        from aiida_crystalmath.crystal.inputs.d3 import read_d3

        name = str(self.node.get_option('input_filename'))
        if name in self.node.base.repository.list_object_names():
            return read_d3(self.node.base.repository.get_object_content(name, mode='r'))
        from aiida_crystalmath.calculations.properties23 import build_d3

        return build_d3(self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested())

    def _plots(self, deck: D3, output: CrystalOutput, temporary: str | None) -> tuple[Bands | None, Dos | None, bool]:
        """Read bands and densities; the last value tells whether a file was there but could not be read."""
        fort25 = self.text('fort.25')
        unreadable = False
        bands: Bands | None = None
        dos: Dos | None = None
        try:
            bands = read_bands(deck, output, fort25, temporary)
        except OutputFileError as exception:
            self.logger.error(str(exception))
            unreadable = True
        try:
            dos = read_dos(deck, fort25, temporary)
        except OutputFileError as exception:
            self.logger.error(str(exception))
            unreadable = True
        return bands, dos, unreadable

    def _attach_bands(self, bands: Bands, parent: Parent, output: CrystalOutput, deck: D3) -> None:
        """Attach the band structure; without k-points there is nothing to attach it to."""
        if bands.kpoints is None:
            self.logger.warning('the k-points of the bands are not known: no `output_bands`')
            return
        kpoints = self.node.inputs.kpoints if 'kpoints' in self.node.inputs else None
        self.attach('output_bands', bands_node(bands, parent, end_names(deck, kpoints)), output.engine)

    def _unexplained(
        self, output: CrystalOutput, deck: D3, bands: Bands | None, dos: Dos | None, unreadable: bool
    ) -> ExitCode | None:
        """Return the exit code of a run that left out what it was asked for, when the catalogue does not know why."""
        if not output.terminated:
            return self.failure('ERROR_INTERRUPTED')
        asked = {block.keyword for block in deck.blocks}
        if unreadable or ('BAND' in asked and bands is None) or ('DOSS' in asked and dos is None):
            return self.failure('ERROR_PLOT_FILES')
        return None if output.succeeded else self.failure('ERROR_UNKNOWN')
