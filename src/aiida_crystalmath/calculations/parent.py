"""The run that made a wavefunction, as far as ``properties`` and those who read what it made need to know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_crystalmath.calculations.crystal23 import Crystal23Calculation, reduced_from_inputs
from aiida_crystalmath.calculations.retrieved import read_retrieved
from aiida_crystalmath.calculations.stash import run_behind

if TYPE_CHECKING:
    from aiida_crystalmath.calculations.cells import CellMap
    from aiida_crystalmath.crystal.geometry import Geometry
    from aiida_crystalmath.crystal.outputs.models import CrystalOutput
    from aiida_crystalmath.crystal.symmetry import ReducedGeometry

__all__ = ('Parent', 'UnknownParent')


@dataclass(frozen=True)
class Parent:
    """The calculation that made the wavefunction.

    :param node: its process node.
    :param structure: the structure the wavefunction belongs to: the optimised one after an optimisation.
    :param results: its ``output_parameters``, empty if it has none.
    """

    node: orm.CalcJobNode
    structure: orm.StructureData
    results: dict[str, Any]

    @classmethod
    def of(cls, folder: orm.RemoteData) -> Parent:
        """Find the parent of a remote folder, which may have been brought back from a stash.

        :raises ValueError: if no ``Crystal23Calculation`` made the folder.
        """
        node = run_behind(folder)
        if node is None or getattr(node, 'process_class', None) is not Crystal23Calculation:
            made = (
                'was not made by any calculation' if node is None else f'was made by {node.process_label} <{node.pk}>'
            )
            raise ValueError(
                f'the folder <{folder.pk}> {made}: the wavefunction, fort.9, comes from a Crystal23Calculation; '
                'give the `remote_folder` of one'
            )
        outputs = node.base.links.get_outgoing(link_type=LinkType.CREATE).nested()
        structure = outputs.get('output_structure') or node.inputs.structure
        results = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
        return cls(node, structure, results)

    def reduced(self) -> ReducedGeometry:
        """Return the way between the structure's cell and the primitive cell the wavefunction is in."""
        return reduced_from_inputs(self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested())

    def cells(self) -> CellMap:
        """Return the way between the structure's cell and the one that the parent printed, to which k-points refer.

        A restarted optimisation printed another point than its input holds; an edited geometry has another cell, and
        no way leads there.
        """
        from aiida_crystalmath.calculations.cells import CellMap

        inputs = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
        parameters = inputs['parameters'].get_dict() if 'parameters' in inputs else {}
        try:
            reduced = self.reduced()
        except ValueError:
            reduced = None
        return CellMap.of_run(reduced, self.printed, parameters)

    @cached_property
    def printed(self) -> Geometry | None:
        """The starting geometry as the parent printed it; None if its output is gone."""
        output = self._output
        return None if output is None else output.initial_geometry

    @cached_property
    def _output(self) -> CrystalOutput | None:
        """What the parent printed; None if its output is gone."""
        name = self.node.get_option('output_filename') or 'crystal.out'
        outputs = self.node.base.links.get_outgoing(link_type=LinkType.CREATE).nested()
        return read_retrieved(self.node, outputs['retrieved'], name) if 'retrieved' in outputs else None

    def wavefunction_geometry(self) -> Geometry:
        """Return primitive cell and atoms of the wavefunction, in CRYSTAL's axes and order, with the user's kinds.

        These are the axes in which ``properties`` takes and gives positions.

        :raises ValueError: if the parent's output is gone, and it was no plain run of its input structure.
        """
        output = self._output
        printed = None if output is None else output.final_geometry or output.initial_geometry
        if printed is None:
            if self.is_optimised:
                raise ValueError(
                    f'the output of {self.node.process_label} <{self.node.pk}>, which has the atoms, is gone'
                )
            return self.reduced().crystal_geometry
        try:
            expected = self.reduced().crystal_geometry
        except ValueError:
            return printed
        from aiida_crystalmath.calculations.cells import dressed

        return dressed(printed, expected)

    def kinds(self) -> list[str]:
        """Return the kind of every atom in CRYSTAL's order.

        :raises ValueError: if it is not known how the structure was written.
        """
        return self.reduced().crystal_geometry.kinds

    def frame(self) -> Geometry | None:
        """Return the geometry in whose reciprocal cell k-points are told: the structure's, if a way leads there.

        Where the input edits the geometry there is none: then it is CRYSTAL's own.
        """
        from aiida_crystalmath.data.structure import to_geometry

        if self.is_optimised or self.cells().is_users:
            return to_geometry(self.structure)
        return self.printed

    @property
    def is_optimised(self) -> bool:
        """Whether :attr:`structure` is what the parent made, in the cell it worked in if that is not the input's."""
        return bool(self.structure.uuid != self.node.inputs.structure.uuid)

    @property
    def has_wavefunction(self) -> bool:
        """Whether the run can have left a wavefunction worth using: it finished well, or at least its SCF converged."""
        if self.node.is_finished_ok:
            return True
        scf = self.results.get('scf') or {}
        return bool(self.node.is_finished and self.results.get('terminated') and scf.get('converged'))


@dataclass(frozen=True)
class UnknownParent:
    """Stands for the run that made a wavefunction where only ``properties`` was imported: what that itself printed.

    :param geometry: primitive cell and atoms as printed; None if they were not.
    :param results: what :attr:`Parent.results` would have, as far as it is known.
    """

    geometry: Geometry | None
    results: dict[str, Any] = field(default_factory=dict)

    def cells(self) -> CellMap:
        """Return the way to a cell of the user, of which there is none."""
        from aiida_crystalmath.calculations.cells import CellMap

        return CellMap(None, self.geometry)

    def kinds(self) -> list[str]:
        """Return the element of every atom in CRYSTAL's order; empty if they are not known."""
        return [] if self.geometry is None else self.geometry.kinds

    def frame(self) -> Geometry | None:
        """Return the geometry in whose reciprocal cell k-points are told: CRYSTAL's."""
        return self.geometry
