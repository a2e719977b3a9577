"""Charge density, spin density and electrostatic potential with CRYSTAL: maps on a plane, cubes on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.maps_input import (
    QUANTITIES,
    MapRequest,
    cube_of,
    map_blocks,
    points_of_atoms,
    points_of_structure,
)
from aiida_crystalmath.workflows.crystal.properties_prepared import PreparedPropertiesWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_properties, positive
from aiida_crystalmath.workflows.functions.densities import cube_integrals, difference_maps
from aiida_crystalmath.workflows.protocols.merge import did_you_mean

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('CrystalMapsWorkChain',)

MAX_SIZE_MB = 200.0
"""Largest cube files that are made, in all, if nothing else is asked for."""


class CrystalMapsWorkChain(PreparedPropertiesWorkChain):
    """Compute charge density, spin density and electrostatic potential on a plane and, on request, in a box.

    The plane is chosen so that it holds the shortest bonds, unless atoms or points of the structure are given. The
    density is compared with that of superposed atoms, in the basis set of the calculation: the difference shows the
    bonds. Cubes are large: they are made and kept only where ``cubes_quantities`` names them.
    """

    _protocol_file: ClassVar[str] = 'crystal/maps.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        names = ' and '.join(QUANTITIES)
        _list(spec, 'maps_quantities', validate_quantities, f'On the plane: {names}; empty for no plane.')
        _list(spec, 'maps_atoms', validate_atoms, 'Three atoms of the structure, from 1, in the plane.')
        _list(
            spec,
            'maps_points_angstrom',
            validate_points,
            'Three points of the plane, Å, in the axes of the structure; instead of atoms.',
        )
        _number(spec, 'maps_margin_angstrom', f'Around atoms and points, Å (default {MapRequest.margin}).')
        _number(spec, 'maps_spacing_angstrom', f'Between points of the plane, Å (default {MapRequest.spacing}).')
        spec.input(
            'maps_difference',
            valid_type=orm.Bool,
            required=False,
            serializer=orm.to_aiida_type,
            help='Whether to compute the density of superposed atoms as well, and subtract it (default True).',
        )
        _list(spec, 'cubes_quantities', validate_quantities, f'In the box: {names} (default none).')
        _number(spec, 'cubes_spacing_angstrom', f'Between points of the box, Å (default {MapRequest.cube_spacing}).')
        spec.input(
            'cubes_n_points',
            valid_type=orm.Int,
            required=False,
            serializer=orm.to_aiida_type,
            validator=at_least_two,
            help='Points along the first edge of the box; then `cubes_spacing_angstrom` is not looked at.',
        )
        _number(
            spec,
            'cubes_vacuum_angstrom',
            f'Beyond the atoms, along directions that do not repeat, Å (default {MapRequest.vacuum}).',
        )
        _number(spec, 'cubes_max_size_mb', f'Largest size of the cube files, MB (default {MAX_SIZE_MB:g}).')
        spec.inputs.validator = validate_inputs
        spec.output(
            'output_maps',
            valid_type=orm.ArrayData,
            required=False,
            help="Fields on the plane, atomic units, in CRYSTAL's axes, with its cell and atoms.",
        )
        spec.output(
            'output_difference_maps',
            valid_type=orm.ArrayData,
            required=False,
            help='Charge (and spin) density minus that of superposed atoms, on the plane.',
        )
        spec.output_namespace(
            'output_cubes', valid_type=orm.SinglefileData, dynamic=True, required=False, help='`dens`, `spin`, `pot`.'
        )
        spec.output(
            'output_cube_integrals',
            valid_type=orm.Dict,
            required=False,
            help='Electrons counted on the grid, and its step.',
        )
        spec.output('map_parameters', valid_type=orm.Dict, required=False, help='Numbers of the properties run.')
        spec.exit_code(206, 'ERROR_CUBE_TOO_LARGE', message='The cube files would be too large: {reason}')

    def request(self) -> MapRequest:
        """Return what is asked for, the plane in CRYSTAL's axes.

        :raises ValueError: if atoms or points of the plane mean nothing.
        """
        points = None
        if 'maps_atoms' in self.inputs:
            points = points_of_atoms(self.ctx.folder, self.inputs.maps_atoms.get_list())
        elif 'maps_points_angstrom' in self.inputs:
            points = points_of_structure(self.ctx.folder, self.inputs.maps_points_angstrom.get_list())
        return request_of(self.inputs, points)

    def make_input(self) -> ExitCode | None:
        """Refuse cubes that are too large, then make the input."""
        if 'parameters' not in self.inputs.properties:
            parent = Parent.of(self.ctx.folder)
            try:
                geometry = parent.wavefunction_geometry()
            except ValueError:
                geometry = None
            n_spin = 2 if parent.results.get('is_spin_polarised') else 1
            message = None if geometry is None else size_message(geometry, self.inputs, n_spin)
            if message is not None:
                self.report(message)
                return self.exit_codes.ERROR_CUBE_TOO_LARGE.format(reason=message)  # type: ignore[no-any-return]
        return super().make_input()

    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks of densities and potentials."""
        return map_blocks(Parent.of(self.ctx.folder).wavefunction_geometry(), self.request())

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """Keep the cubes that are asked for."""
        return {**given, 'retrieve_cubes': True} if self.value('cubes_quantities', []) else given

    def analyse(self) -> ExitCode | None:
        """Subtract the atoms, and count the electrons of the cubes."""
        outputs = self.ctx.properties.outputs
        if 'output_maps' in outputs and any(outputs.output_maps.base.attributes.get('is_atomic', None) or []):
            difference, node = difference_maps.run_get_node(
                outputs.output_maps,
                metadata={'call_link_label': 'difference_maps'},  # type: ignore[call-arg]
            )
            if node.is_finished_ok:
                self.ctx.difference = difference
            else:
                self.report(f'no difference of densities: {node.exit_message}')
        if 'output_cubes' in outputs:
            cubes = {label: node for label, node in outputs.output_cubes.items() if label in ('dens', 'spin')}
            scf = Parent.of(self.ctx.folder).node.outputs
            if cubes and 'output_parameters' in scf:
                self.ctx.integrals = cube_integrals(
                    scf.output_parameters,
                    metadata={'call_link_label': 'cube_integrals'},  # type: ignore[arg-type]
                    **cubes,
                )
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.properties)
        self.attach(
            output_maps=outputs.get('output_maps'),
            output_difference_maps=self.ctx.get('difference'),
            output_cube_integrals=self.ctx.get('integrals'),
            map_parameters=outputs.get('output_parameters'),
        )
        for label, node in outputs.items():
            if label.startswith('output_cubes__'):
                self.out(label.replace('__', '.'), node)


def _list(spec: WorkChainSpec, name: str, validator: Any, text: str) -> None:
    """Define an optional list."""
    spec.input(name, valid_type=orm.List, required=False, serializer=orm.to_aiida_type, validator=validator, help=text)


def _number(spec: WorkChainSpec, name: str, text: str) -> None:
    """Define an optional positive number."""
    spec.input(name, valid_type=orm.Float, required=False, serializer=orm.to_aiida_type, validator=positive, help=text)


def request_of(inputs: Mapping[str, Any], points: np.ndarray | None = None) -> MapRequest:
    """Return what the inputs ask for, with the plane given in CRYSTAL's axes."""

    def value(name: str, default: Any) -> Any:
        node = inputs.get(name)
        return default if node is None else node.get_list() if isinstance(node, orm.List) else node.value

    return MapRequest(
        quantities=value('maps_quantities', MapRequest.quantities),
        points=points,
        margin=value('maps_margin_angstrom', MapRequest.margin),
        spacing=value('maps_spacing_angstrom', MapRequest.spacing),
        difference=value('maps_difference', MapRequest.difference),
        cube_quantities=value('cubes_quantities', MapRequest.cube_quantities),
        cube_spacing=value('cubes_spacing_angstrom', MapRequest.cube_spacing),
        cube_points=value('cubes_n_points', None),
        vacuum=value('cubes_vacuum_angstrom', MapRequest.vacuum),
    )


def size_message(geometry: Geometry, inputs: Mapping[str, Any], n_spin: int = 1) -> str | None:
    """Return why the cubes of a primitive cell are too large, ``None`` if they are not."""
    request = request_of(inputs)
    if not request.cube_quantities:
        return None
    cube = cube_of(geometry, request)
    n_fields = sum(n_spin if quantity == 'density' else 1 for quantity in request.cube_quantities)
    size, limit = cube.megabytes(n_fields), inputs.get('cubes_max_size_mb')
    allowed = MAX_SIZE_MB if limit is None else limit.value
    if size <= allowed:
        return None
    shape = ' x '.join(str(count) for count in cube.shape)
    return (
        f'{n_fields} field(s) on {shape} points make {size:.0f} MB, the limit is {allowed:g} MB; ask for a coarser '
        'grid (`cubes_spacing_angstrom`, `cubes_n_points`), less vacuum, or raise `cubes_max_size_mb`'
    )


def validate_quantities(value: orm.List | None, _: Any) -> str | None:
    """Validate a list of quantities."""
    for name in [] if value is None else value.get_list():
        if name not in QUANTITIES:
            return f'"{name}" is not known: {did_you_mean(str(name), list(QUANTITIES))}'
    return None


def validate_atoms(value: orm.List | None, _: Any) -> str | None:
    """Validate three atoms: numbers from 1."""
    atoms = None if value is None else value.get_list()
    if atoms is not None and (len(atoms) != 3 or any(not isinstance(atom, int) or atom < 1 for atom in atoms)):
        return f'must be the numbers of three atoms of the structure, from 1, not {atoms}.'
    return None


def validate_points(value: orm.List | None, _: Any) -> str | None:
    """Validate three points."""
    if value is None:
        return None
    try:
        points = np.array(value.get_list(), dtype=float)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.shape != (3, 3):
        return f'must be three points of three coordinates, Å, not {value.get_list()}.'
    if np.linalg.norm(np.cross(points[1] - points[0], points[2] - points[0])) < 1e-3:
        return 'the three points are on a line: they make no plane.'
    return None


def at_least_two(value: orm.Int | None, _: Any) -> str | None:
    """Validate a number of points."""
    return None if value is None or value.value >= 2 else f'must be at least 2, not {value.value}.'


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other; a wrapping chain gives wavefunction and structure itself."""
    if 'maps_atoms' in inputs and 'maps_points_angstrom' in inputs:
        return '`maps_atoms` and `maps_points_angstrom` both give the plane: keep one.'
    request = request_of(inputs)
    if not request.quantities and not request.cube_quantities and 'parameters' not in (inputs.get('properties') or {}):
        return 'nothing to compute: name quantities in `maps_quantities` or `cubes_quantities`.'
    if 'parent_folder' not in ctx:
        return None
    message = check_properties(inputs, 'a density')
    if message is None and 'structure' in inputs:
        message = _check_structure(inputs['structure'], inputs)
    return message


def _check_structure(structure: orm.StructureData, inputs: Mapping[str, Any]) -> str | None:
    """Check the plane and the size of the cubes as far as the structure before any run tells them."""
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    atoms: Sequence[int] = inputs['maps_atoms'].get_list() if 'maps_atoms' in inputs else ()
    if any(atom > len(structure.sites) for atom in atoms):
        return f'`maps_atoms`: the structure has {len(structure.sites)} atoms, not {max(atoms)}.'
    settings = ((inputs.get('scf') or {}).get('crystal') or {}).get('settings')
    geometry = reduce_geometry(to_geometry(structure), settings.get_dict() if settings is not None else {})
    message = size_message(geometry.crystal_geometry, inputs)
    return None if message is None else f'`cubes_quantities`: {message}.'
