"""Parser of :class:`~aiida_crystalmath.calculations.properties23.Crystal23PropertiesCalculation`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.parent import Parent, UnknownParent
from aiida_crystalmath.calculations.properties23 import CUBE_FILES
from aiida_crystalmath.crystal.diagnosis import diagnose
from aiida_crystalmath.crystal.inputs.d3 import D3
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import (
    Bands,
    CrystalOutput,
    Dos,
    PlaneMap,
    Profile,
    TransportDistribution,
    TransportTensor,
)
from aiida_crystalmath.parsers import properties_nodes as nodes
from aiida_crystalmath.parsers.base import CrystalParserBase, describe
from aiida_crystalmath.parsers.plot_files import (
    asked_keywords,
    read_bands,
    read_dos,
    read_maps,
    read_populations,
    read_potential,
    read_transport_files,
)
from aiida_crystalmath.parsers.properties_results import (
    bands_node,
    dos_node,
    end_names,
    interaction_names,
    projected_dos_node,
    properties_parameters,
)

__all__ = ('Crystal23PropertiesParser',)

T = TypeVar('T')


@dataclass
class PlotFiles:
    """What was read from the plot files of a run.

    :param unreadable: whether a file was there but could not be read.
    """

    bands: Bands | None = None
    dos: Dos | None = None
    coop: Dos | None = None
    cohp: Dos | None = None
    maps: list[PlaneMap] = field(default_factory=list)
    transport: list[TransportTensor] = field(default_factory=list)
    distribution: TransportDistribution | None = None
    potential: Profile | None = None
    unreadable: bool = False

    def missing(self, asked: set[str]) -> list[str]:
        """Return the keywords of an input that left nothing."""
        left: dict[str, Any] = {
            'BAND': self.bands,
            'DOSS': self.dos,
            'COOP': self.coop,
            'COHP': self.cohp,
            'ECHG': self.maps,
            'POTM': self.maps,
            'BOLTZTRA': self.transport or self.distribution,
            'POTC': self.potential,
        }
        return [keyword for keyword, found in left.items() if keyword in asked and not found]


class Crystal23PropertiesParser(CrystalParserBase):
    """Read the output of ``properties`` and its plot files, and bring k-points back to the structure's cell."""

    CACHE_VERSION = 2

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files."""
        output = self.output('properties.out')
        if output is None or output.program != 'properties':
            return self.conclude_without_program(output)
        findings = diagnose(output, fort87=self.text('fort.87') or '', stderr=self.scheduler_stderr())
        deck = self._deck()
        parent = self._parent(output)
        files = self._plot_files(deck, output, retrieved_temporary_folder)
        parameters = properties_parameters(output, files.bands, files.dos, parent)
        self.attach_parameters({**parameters, 'diagnoses': describe(findings)}, output.engine)
        self._attach_curves(files, parent, output, deck)
        self._attach_fields(files, parent, output)
        self._attach_cubes(retrieved_temporary_folder, output.engine)
        return self.conclude(findings, self._unexplained(output, deck, files))

    def _parent(self, output: CrystalOutput) -> Parent | UnknownParent:
        """Return the run that made the wavefunction; of an imported run it may not be known."""
        folder = self.node.inputs.parent_folder
        if folder.creator is not None:
            return Parent.of(folder)
        found = output.wave_function
        results = {} if output.n_electrons is None else {'n_electrons': output.n_electrons}
        return UnknownParent(found.geometry if found else None, results)

    def _deck(self) -> D3:
        """Read the input of the run back from its own repository: it holds the numbers of bands and segments."""
        from aiida_crystalmath.crystal.inputs.d3 import read_d3

        name = str(self.node.get_option('input_filename'))
        if name in self.node.base.repository.list_object_names():
            return read_d3(self.node.base.repository.get_object_content(name, mode='r'))
        from aiida_crystalmath.calculations.properties23 import build_d3

        return build_d3(self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested())

    def _plot_files(self, deck: D3, output: CrystalOutput, temporary: str | None) -> PlotFiles:
        """Read what is there; a file that cannot be read is told, and stands in the way of no other."""
        fort25 = self.text('fort.25')
        files = PlotFiles()

        def read(reader: Callable[[], T], otherwise: T) -> T:
            try:
                return reader()
            except OutputFileError as exception:
                self.logger.error(str(exception))
                files.unreadable = True
                return otherwise

        files.bands = read(lambda: read_bands(deck, output, fort25, temporary), None)
        files.dos = read(lambda: read_dos(deck, output, fort25, temporary), None)
        files.coop = read(lambda: read_populations(deck, 'COOP', fort25, temporary), None)
        files.cohp = read(lambda: read_populations(deck, 'COHP', fort25, temporary), None)
        files.maps = read(lambda: read_maps(deck, output, fort25), [])
        nothing: tuple[list[TransportTensor], TransportDistribution | None] = ([], None)
        files.transport, files.distribution = read(lambda: read_transport_files(temporary), nothing)
        files.potential = read(lambda: read_potential(temporary), None)
        return files

    def _attach_curves(self, files: PlotFiles, parent: Parent | UnknownParent, output: CrystalOutput, deck: D3) -> None:
        """Attach bands and everything over energy."""
        engine = output.engine
        if files.bands is not None:
            self._attach_bands(files.bands, parent, output, deck)
        if files.dos is not None:
            self.attach('output_dos', dos_node(files.dos), engine)
            if files.dos.n_projections > 1:
                kinds = self._kinds(parent)
                self.attach('output_dos_projected', projected_dos_node(files.dos, deck, kinds), engine)
        for keyword, curves, unit in (
            ('COOP', files.coop, 'electrons/eV/cell'),
            ('COHP', files.cohp, 'eV/eV/cell'),
        ):
            if curves is not None:
                names = interaction_names(deck, keyword, curves.n_projections, self._kinds(parent))
                self.attach(f'output_{keyword.lower()}', nodes.populations_node(curves, unit, names), engine)

    def _kinds(self, parent: Parent | UnknownParent) -> list[str]:
        """Return the kind of every atom in CRYSTAL's order; none if it is not known how the structure was written."""
        try:
            return parent.kinds()
        except ValueError as exception:
            self.logger.warning(f'projections are named by numbers of atoms: {exception}')
            return []

    def _attach_fields(self, files: PlotFiles, parent: Parent | UnknownParent, output: CrystalOutput) -> None:
        """Attach everything that is a tensor or a function of position."""
        found = {
            'output_maps': nodes.maps_node(files.maps, output.properties.maps if output.properties else ()),
            'output_transport': nodes.transport_node(files.transport, files.distribution, parent.cells())
            if files.transport or files.distribution
            else None,
            'output_potential': nodes.potential_node(files.potential),
            'output_xrd': nodes.xrd_node(output.properties.xray_spectrum if output.properties else None),
        }
        for label, node in found.items():
            if node is not None:
                self.attach(label, node, output.engine)

    def _attach_cubes(self, temporary: str | None, engine: str) -> None:
        """Attach the grids that were brought because the settings ask for them."""
        if temporary is None:
            return
        for pattern in CUBE_FILES:
            for path in sorted(Path(temporary).glob(pattern)):
                if path.stat().st_size:
                    label = path.stem.lower().removesuffix('_cube').replace('.', '_')
                    self.attach(f'output_cubes.{label}', orm.SinglefileData(str(path.absolute())), engine)

    def _attach_bands(self, bands: Bands, parent: Parent | UnknownParent, output: CrystalOutput, deck: D3) -> None:
        """Attach the band structure; without k-points, or the cell they refer to, there is nothing to attach it to."""
        if bands.kpoints is None or (isinstance(parent, UnknownParent) and parent.geometry is None):
            lacking = 'k-points' if bands.kpoints is None else 'cell'
            self.logger.warning(f'the {lacking} of the bands are not known: no `output_bands`')
            return
        kpoints = self.node.inputs.kpoints if 'kpoints' in self.node.inputs else None
        self.attach('output_bands', bands_node(bands, parent, end_names(deck, kpoints)), output.engine)

    def _unexplained(self, output: CrystalOutput, deck: D3, files: PlotFiles) -> ExitCode | None:
        """Return the exit code of a run that left out what it was asked for, when the catalogue does not know why."""
        if not output.terminated:
            return self.failure('ERROR_INTERRUPTED')
        missing = files.missing(asked_keywords(deck, output))
        if files.unreadable or missing:
            return self.failure('ERROR_PLOT_FILES')
        if output.missing_results:
            return self.failure('ERROR_RESULT_MISSING')
        return None if output.succeeded else self.failure('ERROR_UNKNOWN')
