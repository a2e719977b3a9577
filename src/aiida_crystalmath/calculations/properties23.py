"""The calculation job of ``properties``: bands, densities of states and the like, from a finished wavefunction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec

from aiida_crystalmath.calculations.base import (
    ERROR_FILENAME,
    WAVEFUNCTION,
    CrystalCalcJob,
    join_validators,
    model_message,
    model_validator,
)
from aiida_crystalmath.calculations.imported import has_file, name_in
from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.calculations.properties_outputs import define_outputs
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.settings import PropertiesSettings

if TYPE_CHECKING:
    from aiida_crystalmath.calculations.band_path import PathSegment
    from aiida_crystalmath.crystal.inputs.d3 import D3

__all__ = ('Crystal23PropertiesCalculation', 'atoms_of_kinds')

PLOT_FILENAME = 'fort.25'
RETRIEVED = (PLOT_FILENAME, ERROR_FILENAME)
TEMPORARY = ('BAND.DAT', 'DOSS.DAT', 'COOP.DAT', 'COHP.DAT')
"""The same data as fort.25, in fewer digits: read when fort.25 is not there, never stored twice."""

TABLES = ('SIGMA.DAT', 'SIGMAS.DAT', 'SEEBECK.DAT', 'KAPPA.DAT', 'TDF.DAT', 'POTC.DAT')
"""Text files that become arrays."""

CUBE_FILES = ('*_CUBE.DAT', '3D*.CUBE')
"""Grids in space, which are large: brought only when the settings ask for them."""


class Crystal23PropertiesCalculation(CrystalCalcJob):
    """Run ``properties`` (or ``Pproperties``, or the stand-in) on the wavefunction of a ``Crystal23Calculation``."""

    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.properties23')
        spec.input('metadata.options.output_filename', valid_type=str, default='properties.out')
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            validator=_validate_parent_port,
            help='Remote folder of the Crystal23Calculation whose wavefunction is used. Of an imported run whose SCF '
            'is not known, the folder it ran in.',
        )
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help='`{"blocks": [...]}`: the keywords of the input in order, as '
            "``crystal.inputs.d3.D3`` holds them. Numbers of atoms and bands are CRYSTAL's.",
        )
        spec.input(
            'kpoints',
            valid_type=orm.KpointsData,
            required=False,
            validator=validate_kpoints,
            help="Path of a band structure: listed points, fractional in the structure's reciprocal cell, "
            'with labels where its lines end. It makes a BAND block after the other blocks.',
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=model_validator(PropertiesSettings),
            help='How the job is prepared (``calculations.settings.PropertiesSettings``).',
        )
        spec.inputs.validator = join_validators(spec.inputs.validator, validate_inputs)
        spec.exit_code(
            360,
            'ERROR_PLOT_FILES',
            'The run ended, but bands, densities, maps or coefficients that were asked for are missing or unreadable.',
        )
        define_outputs(spec)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input and say where the wavefunction comes from."""
        from aiida_crystalmath.crystal.inputs.d3 import write_d3

        if self.is_import:
            return self.import_info(folder, 'properties', retrieve=RETRIEVED, temporary=(*TEMPORARY, *TABLES))
        with folder.open(self.inputs.metadata.options.input_filename, 'w', encoding='utf-8') as handle:
            handle.write(write_d3(build_d3(self.inputs)))
        settings = PropertiesSettings.model_validate(_dict(self.inputs.get('settings')))
        parent = self.inputs.parent_folder
        path = f'{parent.get_remote_path()}/{name_in(parent, WAVEFUNCTION)}'
        wavefunction = [(parent.computer.uuid, path, WAVEFUNCTION)]
        links = settings.parent_link == 'symlink'
        return self.calc_info(
            stdin=settings.stdin,
            retrieve=RETRIEVED,
            temporary=(*TEMPORARY, *TABLES, *(CUBE_FILES if settings.retrieve_cubes else ())),
            copies=[] if links else wavefunction,
            links=wavefunction if links else [],
        )


def build_d3(inputs: Mapping[str, Any]) -> D3:
    """Build the input of a job from its input nodes.

    :param inputs: ``parent_folder``, and ``parameters`` or ``kpoints`` or both, optionally ``settings``.
    :raises ValueError: if a band path is asked for and the number of bands is not known.
    """
    from aiida_crystalmath.crystal.inputs.d3 import D3

    data = _dict(inputs.get('parameters'))
    blocks = list(data.get('blocks') or [])
    if 'kpoints' in inputs:
        settings = PropertiesSettings.model_validate(_dict(inputs.get('settings')))
        blocks.append(band_block(inputs['kpoints'], Parent.of(inputs['parent_folder']), settings))
    return D3.model_validate({**data, 'blocks': blocks})


def band_block(kpoints: orm.KpointsData, parent: Parent, settings: PropertiesSettings) -> dict[str, Any]:
    """Return the BAND block of a path given in the structure's reciprocal cell.

    :raises ValueError: if the number of bands is not known.
    """
    from aiida_crystalmath.calculations.band_path import integer_path

    last_band = settings.last_band or parent.results.get('n_ao')
    if last_band is None:
        raise ValueError('the number of bands is not known from the parent calculation: give `settings.last_band`')
    iss, lines = integer_path(crystal_path(kpoints, parent))
    return {
        'keyword': 'BAND',
        'title': 'band structure',
        'iss': iss,
        'n_points': max(len(kpoints.get_kpoints()), 2 * len(lines)),
        'first_band': settings.first_band,
        'last_band': int(last_band),
        'segments': lines,
    }


def crystal_path(kpoints: orm.KpointsData, parent: Parent) -> list[PathSegment]:
    """Return the lines of a path in the reciprocal cell of CRYSTAL's primitive cell, with their labels.

    :raises ValueError: if the parent edited its geometry, so that its cell is not that of the structure.
    """
    from aiida_crystalmath.calculations.band_path import path_segments

    listed = path_segments(kpoints.get_kpoints(), kpoints.labels)
    ends = np.array([[line.start, line.end] for line in listed], dtype=float).reshape(-1, 3)
    turned = parent.cells().to_crystal_k(ends).reshape(-1, 2, 3).tolist()
    return [
        replace(line, start=(a, b, c), end=(d, e, f))
        for line, ((a, b, c), (d, e, f)) in zip(listed, turned, strict=True)
    ]


def atoms_of_kinds(parent_folder: orm.RemoteData) -> dict[str, list[int]]:
    """Return the atoms of each kind, numbered from 1 in CRYSTAL's order, as projections of DOSS want them.

    :raises ValueError: if no ``Crystal23Calculation`` made the folder.
    """
    kinds: dict[str, list[int]] = {}
    for number, kind in enumerate(Parent.of(parent_folder).kinds(), start=1):
        kinds.setdefault(kind, []).append(number)
    return kinds


def _validate_parent_port(value: orm.RemoteData | None, _: Any) -> str | None:
    """Check who made the folder; that nobody did is in order for imports, and found out by :func:`validate_inputs`."""
    return None if value is None or value.creator is None else validate_parent_folder(value, _)


def validate_parent_folder(value: orm.RemoteData | None, _: Any) -> str | None:
    """Check that a calculation made the folder which leaves a wavefunction."""
    if value is None:
        return None
    try:
        Parent.of(value)
    except ValueError as exception:
        return str(exception)
    return None


def _wavefunction_message(folder: orm.RemoteData) -> str | None:
    """Return why there is no wavefunction worth using in the folder of a run; of an imported run it was used."""
    parent = Parent.of(folder)
    if not has_file(parent.node, WAVEFUNCTION):
        return (
            f'the imported run {parent.node.process_label} <{parent.node.pk}> has no wavefunction (fort.9, or X.f9) in '
            f'{folder.get_remote_path()}; repeat it (`get_builder_restart`)'
        )
    if not parent.has_wavefunction:
        return (
            f'{parent.node.process_label} <{parent.node.pk}> left no wavefunction to use: exit status '
            f'{parent.node.exit_status} ({parent.node.exit_message or parent.node.process_state}); repeat it until it '
            'converges'
        )
    return None


def validate_parameters(value: orm.Dict | None, _: Any) -> str | None:
    """Check the parameters against the keywords of properties."""
    from aiida_crystalmath.crystal.inputs.d3 import D3

    return None if value is None else model_message(D3, value.get_dict())


def validate_kpoints(value: orm.KpointsData | None, _: Any) -> str | None:
    """Check that the k-points are a path."""
    from aiida_crystalmath.calculations.band_path import path_segments

    if value is None:
        return None
    try:
        path_segments(value.get_kpoints(), value.labels)
    except AttributeError:
        return 'a mesh is no band path: list the points (`KpointsData.set_kpoints`)'
    except ValueError as exception:
        return str(exception)
    return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the inputs against each other; what a wrapping work chain leaves out is not missed."""
    if 'parent_folder' not in inputs or 'remote_folder' in inputs:
        return None
    folder = inputs['parent_folder']
    if (message := validate_parent_folder(folder, ctx)) is not None:
        return f'`parent_folder`: {message}'
    if (message := _wavefunction_message(folder)) is not None:
        return message
    blocks = _dict(inputs.get('parameters')).get('blocks') or []
    has_band = any(isinstance(block, Mapping) and block.get('keyword') == 'BAND' for block in blocks)
    if 'kpoints' in inputs and has_band:
        return '`kpoints` and a BAND block in `parameters` both give a path: keep one'
    if 'kpoints' not in inputs and not blocks and ctx.name == 'inputs':
        return 'nothing to compute: give `parameters` with blocks (NEWK, DOSS, ...), or `kpoints` for a band structure'
    if 'kpoints' in inputs:
        parent = Parent.of(inputs['parent_folder'])
        settings = PropertiesSettings.model_validate(_dict(inputs.get('settings')))
        if not parent.cells().is_users:
            return (
                '`kpoints` belong to the structure, but the parent calculation had another cell, as after edits of the '
                'geometry in its input: give the path as a BAND block in `parameters`'
            )
        if parent.results.get('n_ao') is None and settings.last_band is None:
            return '`settings`: the number of bands is not known from the parent calculation: give `last_band`'
    return remote_message('parent_folder', inputs['parent_folder'], inputs, 'a wavefunction is')


def _dict(node: orm.Dict | None) -> dict[str, Any]:
    """Return the content of an optional ``Dict``."""
    return {} if node is None else node.get_dict()
