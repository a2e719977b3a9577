"""Everything of a d12 but geometry and basis sets: what is given as the parameters of a calculation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from .block import Item, Items, check_extra, flag, listed, set_layout, verbatim_keywords
from .errors import reasons
from .hamiltonian import HAMILTONIAN_ITEMS, Hamiltonian
from .keywords import LIBRARY_OPTIONS
from .model import Flag, Integer, Model
from .scf import SCF_ITEMS, Scf, written_values
from .tasks import TASK_ITEMS, Cphf, Elastcon, Eos, Freqcalc, Optgeom, Qha, check_labels, check_square
from .text import is_end

#: Keywords of the third section, with the fields of :class:`Hamiltonian` and :class:`Scf`.
SECTION_ITEMS: Mapping[str, Item] = {**HAMILTONIAN_ITEMS, **SCF_ITEMS}

BASIS_ITEMS: Mapping[str, Item] = {'ghosts': listed('GHOSTS'), 'charged': flag('CHARGED')}


class GeometryParameters(Model):
    """What follows the structure in the geometry section.

    :param edits: lines of geometry edits (SUPERCEL, ATOMDISP, EXTPRT, ...) as they stand.
    :param scelphono: supercell of phonons, a matrix of integers.
    :param testgeom: stop behind the geometry.
    :param layout: order of fields and of ``edits`` (``extra:3`` for its next three lines) if it is not the usual one.
    """

    edits: tuple[str, ...] = ()
    scelphono: tuple[tuple[Integer, ...], ...] | None = None
    optgeom: Optgeom | None = None
    freqcalc: Freqcalc | None = None
    elastcon: Elastcon | None = None
    eos: Eos | None = None
    qha: Qha | None = None
    cphf: Cphf | None = None
    testgeom: Flag = False
    layout: tuple[str, ...] | None = None

    items: ClassVar[Items] = TASK_ITEMS
    extra_first: ClassVar[bool] = True

    @field_validator('scelphono')
    @classmethod
    def _square(cls, value: tuple[tuple[int, ...], ...] | None) -> tuple[tuple[int, ...], ...] | None:
        check_square(value, 'scelphono')
        return value

    @model_validator(mode='after')
    def _check_order(self) -> Self:
        layout = check_extra(
            self.items,
            self.__dict__,
            self.edits,
            self.layout,
            extra_first=self.extra_first,
            closing=('BASISSET',),
            label='edits',
        )
        set_layout(self, layout)
        return self


class BasisParameters(Model):
    """What follows the basis sets, or takes their place.

    :param library: name of a basis library inside CRYSTAL (keyword BASISSET), in place of basis sets.
    :param ghosts: atoms without nucleus and electrons, numbered from 1 in the order of CRYSTAL's primitive cell.
    :param charged: the cell may be charged.
    :param extra: lines of other options, as they stand.
    :param layout: order of fields and ``extra`` if it is not the usual one.
    """

    library: str | None = None
    ghosts: tuple[Integer, ...] | None = None
    charged: Flag = False
    extra: tuple[str, ...] = ()
    layout: tuple[str, ...] | None = None

    items: ClassVar[Items] = BASIS_ITEMS

    @field_validator('ghosts', mode='before')
    @classmethod
    def _no_ghosts(cls, value: Any) -> Any:
        return None if value in ([], ()) else value

    @field_validator('ghosts')
    @classmethod
    def _labels(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return check_labels(value, 'ghosts')

    @field_validator('library')
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        if value is not None and (len(value.split()) != 1 or is_end(value) or value != value.strip()):
            raise ValueError(f'{value!r} is not the name of an internal basis library: one word')
        return value

    @model_validator(mode='after')
    def _check_order(self) -> Self:
        set_layout(self, check_extra(self.items, self.__dict__, self.extra, self.layout))
        if self.library is not None:
            self._check_options()
        return self

    def _check_options(self) -> None:
        """With a library nothing closes the options: only those known by name can be told from what follows."""
        for keyword in verbatim_keywords(self.extra):
            if keyword not in LIBRARY_OPTIONS:
                raise ValueError(f'extra: {keyword} cannot follow the name of a library: put it in scf.extra')


class CrystalParameters(Model):
    """Parameters of a CRYSTAL calculation.

    :param title: one free line.
    :param geometry: edits and tasks (optimisation, frequencies, ...).
    :param basis: options of the basis set, or an internal library.
    :param hamiltonian: Hartree-Fock or density functional.
    :param scf: k-mesh, thresholds and convergence; and other keywords of the third section.
    :param layout: order of the keywords of the third section if it is not the usual one: names of the fields of
        ``hamiltonian`` and ``scf``, and ``extra:3`` for the next three lines of ``scf.extra``.
    """

    title: str = ''
    geometry: GeometryParameters = Field(default_factory=GeometryParameters)
    basis: BasisParameters = Field(default_factory=BasisParameters)
    hamiltonian: Hamiltonian = Field(default_factory=Hamiltonian)
    scf: Scf = Field(default_factory=Scf)
    layout: tuple[str, ...] | None = None

    items: ClassVar[Items] = SECTION_ITEMS

    @field_validator('geometry', 'basis', 'hamiltonian', 'scf', mode='before')
    @classmethod
    def _nothing(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator('title')
    @classmethod
    def _one_line(cls, value: str) -> str:
        if len(value.splitlines()) > 1 or value != value.strip():
            raise ValueError('the title must be one line, without blanks around it')
        return value

    @model_validator(mode='after')
    def _check_order(self) -> Self:
        layout = check_extra(self.items, self.section_values, self.scf.extra, self.layout, label='scf.extra')
        set_layout(self, layout)
        if self.basis.library is not None:
            for keyword in verbatim_keywords(self.scf.extra):
                if keyword in LIBRARY_OPTIONS:
                    raise ValueError(f'scf.extra: {keyword} belongs to the basis set: use the fields of basis')
        return self

    @property
    def section_values(self) -> dict[str, Any]:
        """Values of :data:`SECTION_ITEMS`."""
        return {**self.hamiltonian.__dict__, **written_values(self.scf)}

    def to_dict(self) -> dict[str, Any]:
        """Return what was set, as plain lists and dictionaries that can be stored as JSON."""
        return self.model_dump(mode='json', by_alias=True, exclude_unset=True)


def validate_parameters(parameters: Mapping[str, Any]) -> str | None:
    """Check parameters.

    :return: what is wrong, field by field, in one line; None if nothing is.
    """
    try:
        CrystalParameters.model_validate(dict(parameters))
    except ValueError as exception:
        return reasons(exception)
    return None
