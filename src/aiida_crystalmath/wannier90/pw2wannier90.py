"""The deck of pw2wannier90.x (``&inputpp``), and what it says that it has done.

The names are those that pw2wannier90.x of QE 6.7 took when each was given to it by itself; it stops at all others.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aiida_crystalmath.espresso.namelist import Scalar, check_names, write_namelist
from aiida_crystalmath.espresso.stdout import EspressoOutput

__all__ = ('Pw2Wannier90Deck', 'Pw2Wannier90Summary', 'summary', 'write_pw2wannier90')

NAMES = frozenset(
    """
    write_mmn write_amn write_unk write_eig write_dmn write_spn write_uhu write_uiu write_unkg reduce_unk
    spin_component wan_mode wvfn_formatted uhu_formatted uiu_formatted spn_formatted regular_mesh scdm_proj
    scdm_entanglement scdm_mu scdm_sigma read_sym
    """.split()
)
"""Names that a deck may have, beside ``outdir``, ``prefix`` and ``seedname``."""


class Pw2Wannier90Deck(BaseModel):
    """A deck.

    :param values: names of ``&inputpp``, other than the three that have fields.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')
    outdir: str = './out'
    prefix: str = 'aiida'
    seedname: str = 'aiida'
    values: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator('values', mode='before')
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = {str(key).lower(): item for key, item in value.items()}
        check_names(value, NAMES, 'pw2wannier90.x')
        spin = value.get('spin_component', 'none')
        if spin not in ('none', 'up', 'down'):
            raise ValueError(f"`spin_component` is 'none', 'up' or 'down', not {spin!r}")
        return value


def write_pw2wannier90(deck: Pw2Wannier90Deck) -> str:
    """Return a deck as text; overlaps and projections are written unless it says otherwise."""
    own = {'outdir': deck.outdir, 'prefix': deck.prefix, 'seedname': deck.seedname}
    return write_namelist('inputpp', {**own, 'write_mmn': True, 'write_amn': True, **deck.values})


class Pw2Wannier90Summary(BaseModel):
    """What the program says of its work.

    :param spin: 'none', 'up', 'down', or 'noncollinear'.
    :param n_kpoints: k-points that overlaps were computed for; None if none were.
    """

    model_config = ConfigDict(frozen=True)
    spin: Literal['none', 'up', 'down', 'noncollinear'] | None = None
    n_wannier: int | None = None
    n_kpoints: int | None = None
    amn_calculated: bool = False
    mmn_calculated: bool = False


def summary(output: EspressoOutput) -> Pw2Wannier90Summary:
    """Return what the lines of an output say."""
    text = '\n'.join(output.lines)
    spin = next((name for words, name in _SPINS.items() if words in text), None)
    functions = re.search(r'Number of wannier functions is ok \( *(\d+)\)', text)
    points = re.search(r'MMN: iknum = +(\d+)', text)
    return Pw2Wannier90Summary.model_validate(
        {
            'spin': spin,
            'n_wannier': int(functions[1]) if functions else None,
            'n_kpoints': int(points[1]) if points else None,
            'amn_calculated': 'AMN calculated' in text,
            'mmn_calculated': 'MMN calculated' in text,
        }
    )


_SPINS = {
    'Spin CASE ( up )': 'up',
    'Spin CASE ( down )': 'down',
    'Spin CASE ( non-collinear )': 'noncollinear',
    'Spin CASE ( default = unpolarized )': 'none',
}
"""The words for spins, of which only the last was seen; the others are those of the program's source."""
