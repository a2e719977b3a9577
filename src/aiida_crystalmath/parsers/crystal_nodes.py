"""The output nodes of a ``crystal`` run beside ``output_parameters``: which there are, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiida import orm

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Frequencies
from aiida_crystalmath.parsers import frequency_files, optimisations, responses, vibrations
from aiida_crystalmath.parsers.further_results import frequencies_of

__all__ = ('CrystalNodes',)


@dataclass(frozen=True)
class CrystalNodes:
    """Builds the nodes of an output; a result whose end is missing has none.

    :param output: what was printed.
    :param cells: way back to the user's cell.
    :param vibrating: likewise, from the cell that modes belong to: not the one printed, where a supercell was made.
    :param structure: of the input, None if there is none.
    :param temporary: folder of the temporarily retrieved files, None if there is none.
    """

    output: CrystalOutput
    cells: CellMap
    vibrating: CellMap
    structure: orm.StructureData | None
    temporary: str | None = None

    def __iter__(self) -> Iterator[tuple[str, Callable[[], orm.Data | None]]]:
        """Give the label of every port and what builds its node, None if there is nothing to attach."""
        output, cells = self.output, self.cells
        yield 'output_structure', self._structure
        yield 'output_trajectory', self._trajectory
        yield 'output_forces', lambda: responses.forces_node(output, cells)
        found = frequencies_of(output)
        if found is not None:
            frame = self._frame(found)
            yield 'output_modes', lambda: vibrations.modes_node(found, frame)
            yield 'output_born_charges', lambda: vibrations.born_charges_node(found, self.vibrating)
            yield 'output_dielectric', lambda: vibrations.dielectric_node(found, self.vibrating)
            yield 'output_phonon_bands', lambda: vibrations.phonon_bands_node(found, frame, self._last_structure())
            yield 'output_phonon_dos', lambda: vibrations.phonon_dos_node(found.phonon_dos, self._numbers())
            yield 'output_thermodynamics', lambda: vibrations.thermodynamics_node(found)
            yield 'output_hessian', lambda: frequency_files.hessian_node(self.temporary, frame)
            yield 'output_ir_spectrum', lambda: frequency_files.ir_spectrum_node(self.temporary)
            yield 'output_raman_spectrum', lambda: frequency_files.raman_spectrum_node(self.temporary)
        yield 'output_quasi_harmonic', lambda: vibrations.quasi_harmonic_node(output.quasi_harmonic)
        yield 'output_elastic', lambda: responses.elastic_node(output.elastic, cells, self._area())
        yield 'output_piezoelectric', lambda: responses.piezoelectric_node(output, cells)
        yield 'output_photoelastic', lambda: responses.photoelastic_node(output, cells)
        yield 'output_eos', lambda: responses.equation_of_state_node(output.equation_of_state)
        yield 'output_polarisability', lambda: responses.polarisability_node(output.polarisability, cells)

    def _geometry(self) -> Geometry | None:
        """Return CRYSTAL's geometry that the results after an optimisation belong to."""
        return self.output.final_geometry or (None if self.output.optimisation else self.output.initial_geometry)

    def _structure(self) -> orm.StructureData | None:
        from aiida_crystalmath.data.structure import from_geometry

        printed = optimisations.geometry_to_go_on_from(self.output)
        geometry = printed or optimisations.last_step_file(self.temporary, self.output)
        return None if geometry is None else from_geometry(self.cells.restore(geometry))

    def _last_structure(self) -> orm.StructureData | None:
        """Return the structure that results of the end belong to: the optimised one, else the input's."""
        return self._structure() if self.output.optimisation is not None else self.structure

    def _trajectory(self) -> orm.TrajectoryData | None:
        optimisation = None if optimisations.spans_volumes(self.output) else self.output.optimisation
        points = [point for point in optimisation.points if point.snapshot is not None] if optimisation else []
        return optimisations.trajectory(points, self.cells) if points else None

    def _frame(self, found: Frequencies) -> vibrations.Frame:
        """Return whose cell, axes and order of atoms the modes are told in."""
        geometry = vibrations.vibrating_geometry(self.output)
        return vibrations.Frame.of(self.vibrating, geometry, vibrations.n_atoms_of(found))

    def _numbers(self) -> list[int]:
        """Return the atomic numbers in CRYSTAL's order, empty if they are not known."""
        geometry = self._geometry()
        return [] if geometry is None else geometry.numbers

    def _area(self) -> float | None:
        """Return the area (Å^2) of a slab's cell."""
        geometry = self._geometry()
        return geometry.measure if geometry is not None and geometry.dimensionality == 2 else None
