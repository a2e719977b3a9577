"""The Hamiltonian: Hartree-Fock, density functionals, dispersion and composite methods."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from .block import Block, Item, Items, choice, flag, integer, nested, real, reals, word
from .model import Flag, Integer, Model, Real
from .text import Cursor, is_end

#: Functionals that CRYSTAL knows by one keyword (CRYSTAL17 and CRYSTAL23).
FUNCTIONALS: tuple[str, ...] = (
    *('SVWN', 'BLYP', 'PBEXC', 'PBESOLXC', 'SOGGAXC', 'PBE0', 'PBESOL0', 'B3PW', 'B3LYP', 'B1WC', 'WC1LYP', 'B97H'),
    *('PBE0-13', 'PBE0-1/3', 'SOGGA11X', 'X3LYP', 'O3LYP', 'MPW1PW91', 'MPW1K', 'B1LYP', 'BH-HLYP', 'BHANDHLYP'),
    *('HSE06', 'HSESOL', 'SC-BLYP', 'HISS', 'RSHXLDA', 'WB97', 'WB97X', 'LC-WPBE', 'LC-WPBESOL', 'LC-WBLYP', 'LC-BLYP'),
    *('LC-PBE', 'CAM-B3LYP', 'M05', 'M052X', 'M06', 'M062X', 'M06HF', 'M06L', 'REVM06', 'REVM06L', 'MN15', 'MN15L'),
    *('SCAN', 'R2SCAN', 'RSCAN', 'SCAN0', 'R2SCAN0', 'R2SCANH', 'R2SCAN50', 'B1B95', 'BB1K', 'MPW1B95', 'MPW1B1K'),
    *('PW6B95', 'PWB6K', 'TPSS', 'B97', 'B97-D', 'PBEH3C', 'PBEH-3C', 'HSE3C', 'HSE-3C', 'B973C', 'B97-3C'),
    *('PBESOL03C', 'PBESOL0-3C', 'HSESOL3C', 'HSESOL-3C', 'PBE0DH', 'B2PLYP', 'B2GPPLYP', 'MPW2PLYP'),
)
_WITH_D3 = tuple(f'{name}-D3' for name in FUNCTIONALS if '3C' not in name)

#: Names that people use for a functional that CRYSTAL spells in another way.
ALIASES = {'PBE': 'PBEXC', 'PBESOL': 'PBESOLXC', 'SOGGA': 'SOGGAXC', 'LDA': 'SVWN', 'PBE-D3': 'PBEXC-D3'}
ALIASES['PBESOL-D3'] = 'PBESOLXC-D3'

#: Composite methods with a block of their own, and those that are functionals.
COMPOSITE_BLOCKS = ('HF3C', 'HFSOL3C')
COMPOSITE_FUNCTIONALS = ('PBEH3C', 'HSE3C', 'B973C', 'PBESOL03C', 'HSESOL3C')

_NAME = re.compile(r'[A-Z0-9][A-Z0-9/.*+-]*')


class Dft(Block):
    """DFT: the functional, by one keyword or by its parts.

    :param functional: CRYSTAL's keyword; PBE, PBESOL, SOGGA and LDA are understood as PBEXC, PBESOLXC, SOGGAXC, SVWN.
    :param exchange: exchange functional.
    :param correlation: correlation functional.
    :param hybrid: exact exchange in percent.
    :param nonlocal_: weights of the non-local exchange and correlation (key ``nonlocal``).
    :param grid: integration grid; CRYSTAL's default is XLGRID.
    :param spin: spin-polarised.
    """

    functional: str | None = None
    exchange: str | None = None
    correlation: str | None = None
    hybrid: Real | None = Field(None, ge=0, le=100)
    nonlocal_: tuple[Real, Real] | None = Field(None, alias='nonlocal')
    grid: Literal['OLDGRID', 'LGRID', 'XLGRID', 'XXLGRID', 'XXXLGRID', 'HUGEGRID'] | None = None
    spin: Flag = False

    items: ClassVar[Items] = {
        'functional': choice(*FUNCTIONALS, *_WITH_D3),
        'exchange': word('EXCHANGE'),
        'correlation': word('CORRELAT'),
        'hybrid': real('HYBRID'),
        'nonlocal_': reals('NONLOCAL', 2),
        'spin': flag('SPIN'),
        'grid': choice('OLDGRID', 'LGRID', 'XLGRID', 'XXLGRID', 'XXXLGRID', 'HUGEGRID'),
    }

    @field_validator('functional')
    @classmethod
    def _functional(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name = ALIASES.get(value.upper(), value.upper())
        if name not in (*FUNCTIONALS, *_WITH_D3):
            near = difflib.get_close_matches(name, [*FUNCTIONALS, *ALIASES], n=1)
            hint = f'did you mean {near[0]}?' if near else 'give its parts (exchange, correlation, hybrid)'
            raise ValueError(f'{value!r} is not a functional known by one keyword: {hint}')
        return name

    @field_validator('exchange', 'correlation')
    @classmethod
    def _part(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name = value.upper()
        if not _NAME.fullmatch(name) or is_end(name):
            raise ValueError(f'{value!r} is not the name of a functional')
        return name

    @model_validator(mode='after')
    def _one_way(self) -> Dft:
        if self.functional and (self.exchange or self.correlation):
            raise ValueError('functional already names exchange and correlation: keep one of the two ways')
        return self


class Dispersion(Block):
    """DFTD3: Grimme's dispersion correction.

    :param version: 2 (D2), 3 (zero damping), 4 (Becke-Johnson), 5 and 6 (their modified forms).
    :param functional: name whose parameters are taken.
    :param abc: three-body term.
    """

    version: Integer | None = Field(None, ge=2, le=6)
    functional: str | None = None
    abc: Flag = False

    items: ClassVar[Items] = {
        # A run of CRYSTAL14 has `VERSION 3` on one line, which is kept as it stands.
        'version': replace(integer('VERSION'), accepts=lambda behind: ' ' not in behind.lines[behind.line - 1].strip()),
        'functional': word('FUNC'),
        'abc': flag('ABC'),
    }

    @field_validator('functional')
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        if value is not None and not _NAME.fullmatch(value.upper()):
            raise ValueError(f'{value!r} is not the name of a functional')
        return value.upper() if value is not None else None


class Hamiltonian(Model):
    """The Hamiltonian of the third section.

    :param method: RHF, UHF or ROHF; without it CRYSTAL takes RHF.
    :param dft: density functional; without it, Hartree-Fock.
    :param dispersion: the block DFTD3.
    :param composite: HF3C or HFSOL3C; the composite methods that are functionals may be named here too.
    """

    method: Literal['RHF', 'UHF', 'ROHF'] | None = None
    dft: Dft | None = None
    dispersion: Dispersion | None = None
    composite: Literal['HF3C', 'HFSOL3C'] | None = None

    @model_validator(mode='before')
    @classmethod
    def _composite(cls, data: Any) -> Any:
        """Put composite methods that are functionals where CRYSTAL wants them."""
        if not isinstance(data, dict) or not isinstance(data.get('composite'), str):
            return data
        name = data['composite'].upper().replace('-', '')
        if name not in COMPOSITE_FUNCTIONALS:
            return {**data, 'composite': name}
        rest = {key: value for key, value in data.items() if key != 'composite'}
        dft = rest.get('dft') or {}
        given = dft.get('functional') if isinstance(dft, dict) else getattr(dft, 'functional', None)
        if given not in (None, name):
            raise ValueError(f'composite {name} is a functional, and dft.functional is {given}: keep one')
        return {**rest, 'dft': {**dict(dft), 'functional': name}}


def _composite_item() -> Item:
    """Make the block of a composite method, which is verbatim if it has options."""

    def empty(cursor: Cursor) -> bool:
        return is_end(cursor.peek())

    def read(cursor: Cursor, keyword: str) -> str:
        cursor.take('END')
        return keyword

    return Item(COMPOSITE_BLOCKS, read, lambda value: [value, 'END'], empty)


#: Hamiltonian keywords in the order they are written.
HAMILTONIAN_ITEMS: Mapping[str, Item] = {
    'dft': nested('DFT', lambda: Dft, 'ENDDFT'),
    'composite': _composite_item(),
    'dispersion': nested('DFTD3', lambda: Dispersion),
    'method': choice('RHF', 'UHF', 'ROHF'),
}
