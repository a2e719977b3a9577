"""Checks of the arguments that builders take. Wrong ones are errors with a way out, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent

from aiida_crystalmath.workflows.protocols.merge import did_you_mean
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida_crystalmath.data.basis_family import BasisSetFamily

__all__ = (
    'check_code',
    'check_electronic_type',
    'check_options',
    'check_relax_type',
    'check_spin',
    'check_structure',
    'load_basis_family',
)

AUTO = 'auto'
"""As ``options``: take what ``workflows.resources`` suggests."""

CRYSTAL = 'crystalmath.crystal23'
PROPERTIES = 'crystalmath.properties23'

OPTGEOM_TYPES: Mapping[RelaxType, str] = {
    RelaxType.POSITIONS: 'ATOMONLY',
    RelaxType.CELL: 'CELLONLY',
    RelaxType.POSITIONS_CELL: 'FULLOPTG',
    RelaxType.POSITIONS_SHAPE: 'CVOLOPT',
}
"""CRYSTAL's keyword for each relaxation that it can do."""


def check_code(code: orm.AbstractCode | str, entry_point: str = CRYSTAL) -> orm.AbstractCode:
    """Return the code, loaded if its label was given.

    :raises ValueError: if there is no such code, or it is set up for another program.
    """
    if isinstance(code, str):
        try:
            code = orm.load_code(code)
        except (NotExistent, MultipleObjectsError, ValueError) as exception:
            raise ValueError(
                f'there is no code "{code}": {exception}. List the codes with `verdi code list`.'
            ) from exception
    if not isinstance(code, orm.AbstractCode):
        raise ValueError(f'code must be an AiiDA code or its label, not {type(code).__name__}.')
    plugin = code.default_calc_job_plugin
    if plugin is not None and plugin != entry_point:
        raise ValueError(
            f'code "{code.full_label}" is set up for {plugin}, but {entry_point} is needed here: '
            'were the two codes swapped?'
        )
    return code


def check_structure(structure: orm.StructureData) -> int:
    """Return the dimensionality (0-3) of a structure that CRYSTAL can take.

    :raises ValueError: if it is not a structure, or CRYSTAL cannot take it.
    """
    from aiida_crystalmath.data.structure import to_geometry

    if not isinstance(structure, orm.StructureData):
        raise ValueError(f'structure must be a StructureData node, not {type(structure).__name__}.')
    return to_geometry(structure).dimensionality


E = TypeVar('E', bound=Enum)


def _member(value: E | str, kind: type[E], name: str) -> E:
    try:
        return kind(value)
    except ValueError as exception:
        known = [str(item.value) for item in kind]
        raise ValueError(f'{name} "{value}" is not known: {did_you_mean(str(value), known)}') from exception


def check_electronic_type(value: ElectronicType | str) -> ElectronicType:
    """Return the electronic type.

    :raises ValueError: for an unknown one.
    """
    return _member(value, ElectronicType, 'electronic_type')


def check_relax_type(value: RelaxType | str) -> RelaxType:
    """Return the relaxation type.

    :raises ValueError: for one that is unknown, or that CRYSTAL cannot do.
    """
    relax_type = _member(value, RelaxType, 'relax_type')
    if relax_type is not RelaxType.NONE and relax_type not in OPTGEOM_TYPES:
        known = ', '.join(f'"{item.value}"' for item in OPTGEOM_TYPES)
        raise ValueError(f'relax_type "{relax_type.value}": CRYSTAL has no such optimisation; it has {known}.')
    return relax_type


def check_spin(
    spin_type: SpinType | str, moments: Mapping[str, float] | None, structure: orm.StructureData
) -> tuple[SpinType, dict[str, float]]:
    """Return the spin type and the starting moments of the kinds.

    :param moments: spin moment of one atom of each kind, in unpaired electrons; kinds left out start without one.
    :raises ValueError: for what this package does not do, for kinds that the structure has not, for moments without
        spin polarisation.
    """
    spin_type = _member(spin_type, SpinType, 'spin_type')
    if spin_type in (SpinType.NON_COLLINEAR, SpinType.SPIN_ORBIT):
        raise ValueError(f'spin_type "{spin_type.value}" is not supported yet: use "none" or "collinear".')
    if not moments:
        return spin_type, {}
    if spin_type is SpinType.NONE:
        raise ValueError('initial_magnetic_moments need spin_type=SpinType.COLLINEAR.')
    known = {kind.name for kind in structure.kinds}
    for kind, value in moments.items():
        if kind not in known:
            raise ValueError(
                f'initial_magnetic_moments: the structure has no kind "{kind}": {did_you_mean(kind, list(known))} '
                'Atoms of one element with different moments need kinds of their own.'
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f'initial_magnetic_moments: the moment of "{kind}" must be a number, not {value!r}.')
    return spin_type, {kind: float(value) for kind, value in moments.items()}


def check_options(options: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return options of the scheduler as a dictionary; none of its own for ``'auto'``, which base chains fill in.

    :raises ValueError: for an option that AiiDA's jobs do not have, and any other word.
    """
    if not options or options == AUTO:
        return {}
    if isinstance(options, str):
        raise ValueError(f'options "{options}": give a mapping, or "{AUTO}" to take what is suggested.')
    from aiida.engine import CalcJob

    known = list(CalcJob.spec_options)
    for key in options:
        if key not in known:
            raise ValueError(f'unknown option "{key}": {did_you_mean(key, known)}')
    return dict(options)


def refuse_auto(options: Mapping[str, Any] | str | None, why: str) -> None:
    """Refuse ``'auto'`` where the jobs are of another size than one on the structure given.

    :param why: the jobs, and why they are more than is known: "jobs on supercells are larger".
    :raises ValueError: if it was asked for.
    """
    if options == AUTO:
        raise ValueError(
            f'options "{AUTO}" suggests what a job on the structure given needs, and {why}: give the options yourself '
            '(on the command line --walltime, --mpi, --max-memory-gb).'
        )


def load_basis_family(label: str) -> BasisSetFamily:
    """Return an installed basis-set family.

    :raises ValueError: if it is not installed.
    """
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    family = orm.QueryBuilder().append(BasisSetFamily, filters={'label': label}).first(flat=True)
    if family is None:
        installed = orm.QueryBuilder().append(BasisSetFamily, project='label').all(flat=True)
        raise ValueError(
            f'the basis-set family "{label}" is not installed: run `verdi data crystalmath.basis install {label}`. '
            f'Installed are: {", ".join(sorted(installed)) or "none"}.'
        )
    return family  # type: ignore[no-any-return]
