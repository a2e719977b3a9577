"""Control of the self-consistent field: k-mesh, thresholds, convergence tools, starting guess, output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, StrictBool, field_validator, model_validator

from .block import Item, flag, integer, integers, listed, real
from .model import Flag, Integer, Model, Real
from .text import Cursor, record

#: W0, IMIX, ISTART of the manual's example, used if Broyden's method is asked for without them.
BROYDEN_DEFAULT = (0.0001, 50, 2)


class Shrink(Model):
    """SHRINK: the k-mesh of Monkhorst and Pack, and the mesh of Gilat's net for metals.

    :param is_: points along all reciprocal vectors, or along each of the three (key ``is``). The vectors are those of
        CRYSTAL's primitive cell, which may be others, and in another order, than those of the cell of a structure file.
    :param isp: points of the finer net; without it, as many as the largest of ``is``.
    """

    model_config = ConfigDict(frozen=True, extra='forbid', populate_by_name=True)

    is_: Integer | tuple[Integer, Integer, Integer] = Field(alias='is')
    isp: Integer

    @model_validator(mode='before')
    @classmethod
    def _net(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get('isp') is None:
            given = data.get('is', data.get('is_'))
            factors = given if isinstance(given, list | tuple) else [given]
            if factors and all(isinstance(factor, int) for factor in factors):
                return {**data, 'isp': max(factors)}
        return data

    @field_validator('is_', 'isp')
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if min(value if isinstance(value, tuple) else (value,)) < 1:
            raise ValueError(f'shrinking factors must be positive integers; given {value}')
        return value

    @property
    def factors(self) -> tuple[int, int, int]:
        """The three shrinking factors."""
        return self.is_ if isinstance(self.is_, tuple) else (self.is_, self.is_, self.is_)


def take_shrink(cursor: Cursor, _: str = 'SHRINK') -> Shrink:
    """Read ``IS ISP``, or ``0 ISP`` and three factors."""
    first, isp = cursor.integers(2, 'the shrinking factors IS ISP')
    if first:
        return Shrink.model_validate({'is': first, 'isp': isp})
    return Shrink.model_validate({'is': cursor.integers(3, 'the shrinking factors IS1 IS2 IS3'), 'isp': isp})


def shrink_lines(shrink: Shrink) -> list[str]:
    """Write the records of the shrinking factors, without a keyword."""
    if isinstance(shrink.is_, tuple):
        return [f'0 {shrink.isp}', record(shrink.is_)]
    return [f'{shrink.is_} {shrink.isp}']


def _take_accelerator(cursor: Cursor, keyword: str) -> bool | tuple[float, int, int] | str:
    if keyword == 'BROYDEN':
        weight, mixing, start = cursor.reals(3, 'W0 IMIX ISTART of BROYDEN')
        return weight, int(mixing), int(start)
    return {'DIIS': True, 'NODIIS': False}.get(keyword, keyword)


def _accelerator_lines(value: bool | str | tuple[float, int, int]) -> list[str]:
    if isinstance(value, tuple):
        return ['BROYDEN', record(value)]
    if isinstance(value, str):
        return [value]
    return ['DIIS' if value else 'NODIIS']


class Scf(Model):
    """Control of the SCF.

    :param shrink: k-mesh; not for molecules.
    :param tolinteg: five thresholds 10**-n of the Coulomb and exchange series.
    :param toldee: change of the energy between cycles, 10**-toldee hartree.
    :param maxcycle: largest number of cycles.
    :param fmixing: share of the previous Fock matrix in the next one, percent.
    :param diis: true (CRYSTAL's default), false, or another accelerator: ANDERSON, BROYDEN.
    :param broyden: W0, IMIX (percent), ISTART of Broyden's method.
    :param levshift: shift in units of 0.1 hartree, and 1 to lock the state insulating, 0 not to.
    :param smear: Fermi smearing, hartree.
    :param spinlock: alpha minus beta electrons, and for how many cycles.
    :param betalock: beta electrons, and for how many cycles.
    :param atomspin: pairs of an atom (from 1, in the order of CRYSTAL's primitive cell) and its starting spin, 1, 0 or
        -1. ``kinds`` of a calculation sets them in the structure's own terms.
    :param guessp: start from the density matrix in fort.20.
    :param biposize: buffer of the bipolar expansion, Coulomb.
    :param exchsize: buffer of the bipolar expansion, exchange.
    :param ldremo: remove basis functions with overlap eigenvalues below ldremo * 10**-5.
    :param savewf: write the wavefunction at every cycle (fort.79).
    :param ppan: Mulliken populations at the end.
    :param testpdim: stop behind the dimensions.
    :param testrun: stop behind the screening of the integrals.
    :param extra: lines of other keywords of the third section, as they stand.
    """

    shrink: Shrink | None = None
    tolinteg: tuple[Integer, ...] | None = None
    toldee: Integer | None = Field(None, ge=1, le=20)
    maxcycle: Integer | None = Field(None, ge=1)
    fmixing: Integer | None = Field(None, ge=0, le=100)
    diis: StrictBool | Literal['ANDERSON', 'BROYDEN'] | None = None
    broyden: tuple[Real, Integer, Integer] | None = None
    levshift: tuple[Integer, Integer] | None = None
    smear: Real | None = Field(None, gt=0)
    spinlock: tuple[Integer, Integer] | None = None
    betalock: tuple[Integer, Integer] | None = None
    atomspin: tuple[tuple[Integer, Integer], ...] | None = None
    guessp: Flag = False
    biposize: Integer | None = Field(None, ge=1)
    exchsize: Integer | None = Field(None, ge=1)
    ldremo: Integer | None = Field(None, ge=1)
    savewf: Flag = False
    ppan: Flag = False
    testpdim: Flag = False
    testrun: Flag = False
    extra: tuple[str, ...] = ()

    @model_validator(mode='before')
    @classmethod
    def _accelerator(cls, data: Any) -> Any:
        """Complete Broyden's method: the name without numbers, or the numbers without the name."""
        if not isinstance(data, dict):
            return data
        if data.get('diis') == 'BROYDEN' and data.get('broyden') is None:
            return {**data, 'broyden': BROYDEN_DEFAULT}
        if data.get('broyden') is not None and data.get('diis') is None:
            return {**data, 'diis': 'BROYDEN'}
        return data

    @field_validator('tolinteg')
    @classmethod
    def _five(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is None:
            return None
        if len(value) != 5:
            raise ValueError(f'TOLINTEG takes five integers, {len(value)} are given')
        if min(value) < 1:
            raise ValueError(f'the thresholds 10**-n need positive n; given {list(value)}')
        return value

    @field_validator('levshift')
    @classmethod
    def _shift(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and (value[0] < 0 or value[1] not in (0, 1)):
            raise ValueError(f'must be [shift >= 0, lock 0 or 1]; it is {list(value)}')
        return value

    @field_validator('spinlock', 'betalock')
    @classmethod
    def _cycles(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and value[1] < 0:
            raise ValueError(f'must be [electrons, cycles >= 0]; it is {list(value)}')
        return value

    @field_validator('betalock')
    @classmethod
    def _beta(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and value[0] < 0:
            raise ValueError(f'the number of beta electrons is {value[0]}: it cannot be negative')
        return value

    @field_validator('atomspin')
    @classmethod
    def _spins(cls, value: tuple[tuple[int, int], ...] | None) -> tuple[tuple[int, int], ...] | None:
        if value is None:
            return None
        if not value:
            raise ValueError('atomspin is empty: leave it out')
        for label, spin in value:
            if label < 1:
                raise ValueError(f'atom {label}: atoms are numbered from 1')
            if spin not in (-1, 0, 1):
                raise ValueError(f'the starting spin of atom {label} is {spin}: it must be 1, 0 or -1')
        if len({label for label, _ in value}) < len(value):
            raise ValueError('atomspin gives the spin of an atom twice')
        return value

    @model_validator(mode='after')
    def _consistent(self) -> Scf:
        if self.broyden is not None and self.diis != 'BROYDEN':
            raise ValueError(f'broyden is given, but diis is {self.diis!r}: remove one of the two')
        if self.broyden is not None and not (0 <= self.broyden[1] <= 100 and self.broyden[2] >= 1):
            raise ValueError(f'broyden must be [W0, IMIX 0-100, ISTART >= 1]; it is {list(self.broyden)}')
        return self


#: Keywords of the SCF in the order they are written. The accelerator is one field here, ``diis``: see ``accelerator``.
SCF_ITEMS: Mapping[str, Item] = {
    'shrink': Item(('SHRINK',), take_shrink, lambda value: ['SHRINK', *shrink_lines(value)]),
    'tolinteg': integers('TOLINTEG', 5),
    'toldee': integer('TOLDEE'),
    'maxcycle': integer('MAXCYCLE'),
    'fmixing': integer('FMIXING'),
    'diis': Item(('DIIS', 'NODIIS', 'ANDERSON', 'BROYDEN'), _take_accelerator, _accelerator_lines),
    'levshift': integers('LEVSHIFT', 2),
    'smear': real('SMEAR'),
    'spinlock': integers('SPINLOCK', 2),
    'betalock': integers('BETALOCK', 2),
    'atomspin': listed('ATOMSPIN', 2),
    'guessp': flag('GUESSP'),
    'biposize': integer('BIPOSIZE'),
    'exchsize': integer('EXCHSIZE'),
    'ldremo': integer('LDREMO'),
    'savewf': flag('SAVEWF'),
    'ppan': flag('PPAN'),
    'testpdim': flag('TESTPDIM'),
    'testrun': flag('TESTRUN'),
}


def written_values(scf: Scf) -> dict[str, Any]:
    """Return the fields as :data:`SCF_ITEMS` write them: Broyden's numbers in the place of its name."""
    values = dict(scf.__dict__)
    if scf.broyden is not None:
        values['diis'] = scf.broyden
    return values


def model_values(read: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was read by :data:`SCF_ITEMS` as input of :class:`Scf`."""
    values = dict(read)
    if isinstance(values.get('diis'), tuple):
        values.update(broyden=values['diis'], diis='BROYDEN')
    return values
