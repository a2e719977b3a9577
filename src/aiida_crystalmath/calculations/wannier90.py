"""The calculation job of wannier90.x: ``.nnkp`` for pw2wannier90.x first (``-pp``), then the Wannier functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec
from pydantic import BaseModel, ConfigDict, Field

from aiida_crystalmath.calculations.base import join_validators, model_validator
from aiida_crystalmath.calculations.guarded import GuardedCalcJob
from aiida_crystalmath.calculations.pw_run import plain_dict
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.stash import run_behind

if TYPE_CHECKING:
    from aiida_crystalmath.wannier90.win import Win

__all__ = ('SEEDNAME', 'Wannier90Calculation', 'Wannier90Settings', 'build_win', 'validate_wannier_inputs')

SEEDNAME = 'aiida'
OVERLAPS = ('mmn', 'amn', 'eig')
BAND_FILES = ('_band.dat', '_band.kpt', '_band.labelinfo.dat')
STDOUT = 'wannier90.out'
PW2WANNIER90 = 'aiida.calculations:crystalmath.pw2wannier90'

DEFAULTS = {'conv_window': 3}
"""Without it Wannier90 does not look whether the spread converges, and says nothing of it."""


class Wannier90Settings(BaseModel):
    """Settings of :class:`Wannier90Calculation`."""

    model_config = ConfigDict(extra='forbid', frozen=True, strict=True)

    postproc_setup: bool = Field(
        default=False,
        description='Whether only the file for pw2wannier90.x is written (`wannier90.x -pp`): `output_nnkp`.',
    )


class Wannier90Calculation(GuardedCalcJob):
    """Run ``wannier90.x``: with ``settings.postproc_setup`` up to the ``.nnkp``, otherwise on what pw2wannier90.x left.

    Deck and ``.nnkp`` come from the same inputs, so that the two runs of a chain share structure, k-points, projections
    and parameters.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['withmpi'].default = False
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.wannier90')
        spec.input('metadata.options.input_filename', valid_type=str, default=f'{SEEDNAME}.win')
        spec.input('metadata.options.output_filename', valid_type=str, default=f'{SEEDNAME}.wout')
        spec.input('structure', valid_type=orm.StructureData, help='The crystal, in the cell that pw.x had.')
        spec.input(
            'kpoints',
            valid_type=orm.KpointsData,
            help='The grid of the non-self-consistent run: its list of points, or a mesh through Gamma, whose points '
            'are then listed as `wannier90.win.mesh_kpoints` does.',
        )
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help="Keywords of the deck, for example `{'num_wann': 8, 'num_bands': 12, 'dis_froz_max': 9.0}`, energies "
            'in eV. `num_wann` is required. Unknown names are refused.',
        )
        spec.input(
            'projections',
            valid_type=orm.List,
            required=False,
            serializer=orm.to_aiida_type,
            help="Lines of the block `projections`, for example `['Si:sp3']`.",
        )
        spec.input(
            'bands_kpoints',
            valid_type=orm.KpointsData,
            required=False,
            help='A path with labels where its lines end: bands are interpolated along these lines (`output_bands`). '
            'How densely is told by `bands_num_points` in `parameters`, not by the points between.',
        )
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            required=False,
            help='Remote folder of the Pw2Wannier90Calculation; not with `settings.postproc_setup`.',
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=model_validator(Wannier90Settings),
            help='How the job is prepared (``calculations.wannier90.Wannier90Settings``).',
        )
        spec.output('output_nnkp', valid_type=orm.SinglefileData, required=False, help='Input of pw2wannier90.x.')
        spec.output(
            'output_wannier_functions',
            valid_type=orm.ArrayData,
            required=False,
            help='`centres_angstrom` (n, 3) and `spreads_angstrom2` (n) of the functions, also of the initial ones.',
        )
        spec.output('output_bands', valid_type=orm.BandsData, required=False, help='Interpolated bands in eV.')
        spec.inputs.validator = join_validators(spec.inputs.validator, validate_wannier_inputs)

    @classmethod
    def catalogued_exit_codes(cls) -> Iterable[tuple[int, str, str]]:
        """Give (status, label, message) of the exit codes in the catalogue of failures."""
        from aiida_crystalmath.wannier90.diagnosis import CATALOGUE

        return CATALOGUE.exit_codes()

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the deck, and link to overlaps, projections and energies."""
        from aiida_crystalmath.wannier90.win import write_win

        options = self.inputs.metadata.options
        win = build_win(self.inputs)
        with folder.open(options.input_filename, 'w', encoding='utf-8') as handle:
            handle.write(write_win(win))
        setup = Wannier90Settings.model_validate(plain_dict(self.inputs.get('settings'))).postproc_setup
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = ['-pp', SEEDNAME] if setup else [SEEDNAME]
        code.stdout_name, code.join_files = STDOUT, True
        info = self.guarded_info()
        info.codes_info = [code]
        info.retrieve_list = [options.output_filename, f'{SEEDNAME}.werr', STDOUT]
        info.retrieve_temporary_list = [f'{SEEDNAME}.nnkp'] if setup else [f'{SEEDNAME}{end}' for end in BAND_FILES]
        if not setup:
            parent = self.inputs.parent_folder
            names = [f'{SEEDNAME}.{end}' for end in OVERLAPS]
            path = parent.get_remote_path()
            info.remote_symlink_list = [(parent.computer.uuid, f'{path}/{name}', name) for name in names]
            if win.keywords.get('wannier_plot'):
                info.remote_symlink_list.append((parent.computer.uuid, f'{path}/UNK*', '.'))
        return info


def build_win(inputs: Mapping[str, Any]) -> Win:
    """Build the deck of a job from its input nodes.

    :raises ValueError: if they do not make a deck; the message says why.
    """
    from aiida_crystalmath.wannier90.win import Win

    keywords = {str(key).lower(): value for key, value in {**DEFAULTS, **plain_dict(inputs.get('parameters'))}.items()}
    path = _path(inputs['bands_kpoints']) if 'bands_kpoints' in inputs else []
    if path:
        if keywords.get('bands_plot', True) is not True:
            raise ValueError('`bands_kpoints` is a path, and `bands_plot` in `parameters` says no: keep one')
        keywords['bands_plot'] = True
    elif keywords.get('bands_plot'):
        raise ValueError('`bands_plot` needs a path: give `bands_kpoints`')
    grid, points = _grid(inputs['kpoints'])
    structure = inputs['structure']
    return Win.model_validate(
        {
            'num_wann': keywords.pop('num_wann', None),
            'mp_grid': grid,
            'cell_angstrom': structure.cell,
            'atoms': _atoms(structure),
            'kpoints': points,
            'projections': inputs['projections'].get_list() if 'projections' in inputs else [],
            'kpoint_path': path,
            'keywords': {key: tuple(value) if isinstance(value, list) else value for key, value in keywords.items()},
        }
    )


def _grid(kpoints: orm.KpointsData) -> tuple[tuple[int, int, int], list[Any]]:
    """Return the grid and its points in the order of the non-self-consistent run."""
    from aiida_crystalmath.wannier90.win import grid_of, mesh_kpoints

    try:
        points = kpoints.get_kpoints().tolist()
    except AttributeError:
        mesh, offset = kpoints.get_kpoints_mesh()
        if any(offset):
            raise ValueError('`kpoints`: the mesh has to go through Gamma, this one is moved') from None
        return (mesh[0], mesh[1], mesh[2]), list(mesh_kpoints(mesh))
    return grid_of(points), points


def _atoms(structure: orm.StructureData) -> list[dict[str, Any]]:
    """Return the atoms by the names of their kinds, which projections use too; positions are fractional.

    :raises ValueError: for a structure that is not periodic in all directions, or disordered.
    """
    import numpy as np

    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(structure)
    if not all(geometry.pbc):
        raise ValueError('the structure is not periodic in all three directions, as pw.x has it')
    fractional = np.asarray(geometry.positions) @ np.linalg.inv(np.asarray(geometry.cell))
    return [
        {'symbol': kind, 'position': position}
        for kind, position in zip(geometry.kinds, fractional.tolist(), strict=True)
    ]


def _path(kpoints: orm.KpointsData) -> list[dict[str, Any]]:
    """Return the lines of a path.

    :raises ValueError: if it is a mesh, or has no lines.
    """
    from aiida_crystalmath.calculations.band_path import path_segments

    try:
        points = kpoints.get_kpoints()
    except AttributeError:
        raise ValueError('`bands_kpoints`: a mesh is no path, list the points (`KpointsData.set_kpoints`)') from None
    lines = path_segments(points, kpoints.labels)
    return [
        {
            'first_label': line.start_label or 'K',
            'first': line.start,
            'last_label': line.end_label or 'K',
            'last': line.end,
        }
        for line in lines
    ]


def validate_wannier_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the deck, and that the folder is what the mode of the run needs."""
    if not {'structure', 'kpoints', 'parameters'} <= set(inputs):
        return None  # a wrapping work chain sets them
    try:
        win = build_win(inputs)
    except ValueError as exception:
        from aiida_crystalmath.crystal.inputs.errors import reasons

        return f'the deck: {reasons(exception)}'
    setup = Wannier90Settings.model_validate(plain_dict(inputs.get('settings'))).postproc_setup
    if setup and not win.projections and not {'auto_projections', 'use_bloch_phases'} & set(win.keywords):
        return '`projections` are missing: give lines such as `Si:sp3`, or `auto_projections` in `parameters`'
    if setup or ctx.name != 'inputs':
        return None
    return _parent_message(inputs)


def _parent_message(inputs: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the folder of overlaps."""
    if 'parent_folder' not in inputs:
        return '`parent_folder` is missing: the remote folder of a Pw2Wannier90Calculation'
    parent = inputs['parent_folder']
    node = run_behind(parent)
    if node is not None and node.process_type != PW2WANNIER90:
        return f'`parent_folder` was made by {node.process_label} <{node.pk}>, not by a Pw2Wannier90Calculation'
    if node is not None and not node.is_finished_ok:
        return f'{node.process_label} <{node.pk}> did not end well (exit status {node.exit_status}): repeat it first'
    return remote_message('parent_folder', parent, inputs)
