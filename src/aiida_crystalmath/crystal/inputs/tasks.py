"""The blocks of the geometry section: optimisation, frequencies, elastic constants, equation of state, response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from .block import Block, Item, Items, choice, flag, integer, listed, nested, real, reals, rows
from .model import Flag, Integer, Real

OptimisationType = Literal['FULLOPTG', 'ATOMONLY', 'CELLONLY', 'INTREDUN', 'ITATOCEL', 'CVOLOPT']
Hessian = Literal['HESSIDEN', 'HESSMOD1', 'HESSMOD2', 'HESSNUM', 'HESSOPT']

Matrix = tuple[tuple[Real, ...], ...]


def check_labels(labels: tuple[int, ...] | None, what: str) -> tuple[int, ...] | None:
    """Check a list of atoms, numbered from 1.

    :raises ValueError: if it is empty, or a number is below 1 or given twice.
    """
    if labels is None:
        return None
    if not labels:
        raise ValueError(f'{what} is empty: leave it out')
    if min(labels) < 1:
        raise ValueError(f'{what} has the atom {min(labels)}: atoms are numbered from 1')
    if len(set(labels)) < len(labels):
        raise ValueError(f'{what} names an atom twice')
    return labels


def check_square(matrix: Matrix | None, what: str) -> Matrix | None:
    """Check a matrix of 1 to 3 rows.

    :raises ValueError: if it is not square.
    """
    if matrix is not None and not (1 <= len(matrix) <= 3 and all(len(row) == len(matrix) for row in matrix)):
        raise ValueError(f'{what} must be a square matrix of 1, 2 or 3 rows')
    return matrix


class Optgeom(Block):
    """OPTGEOM: geometry optimisation.

    :param type: what moves; CRYSTAL's default is FULLOPTG.
    :param toldeg: root mean square of the gradient, hartree/bohr.
    :param toldex: root mean square of the displacement, bohr.
    :param toldee: change of the energy, 10**-toldee hartree.
    :param maxcycle: largest number of steps, apart from the cycles of the SCF.
    :param finalrun: what follows the optimisation, 0 to 4.
    :param maxtradius: largest trust radius, bohr.
    :param hessian: the first Hessian.
    :param extpress: external pressure, hartree/bohr³.
    :param restart: go on from OPTINFO.DAT.
    :param fragment: the atoms that may move.
    """

    type: OptimisationType | None = None
    hessian: Hessian | None = None
    toldeg: Real | None = Field(None, gt=0)
    toldex: Real | None = Field(None, gt=0)
    toldee: Integer | None = Field(None, ge=1, le=20)
    maxcycle: Integer | None = Field(None, ge=1)
    finalrun: Integer | None = Field(None, ge=0, le=4)
    maxtradius: Real | None = Field(None, gt=0)
    extpress: Real | None = None
    restart: Flag = False
    fragment: tuple[Integer, ...] | None = None

    items: ClassVar[Items] = {
        'type': choice('FULLOPTG', 'ATOMONLY', 'CELLONLY', 'INTREDUN', 'ITATOCEL', 'CVOLOPT'),
        'restart': flag('RESTART'),
        'hessian': choice('HESSIDEN', 'HESSMOD1', 'HESSMOD2', 'HESSNUM', 'HESSOPT'),
        'toldeg': real('TOLDEG'),
        'toldex': real('TOLDEX'),
        'toldee': integer('TOLDEE'),
        'maxcycle': integer('MAXCYCLE'),
        'maxtradius': real('MAXTRADIUS'),
        'finalrun': integer('FINALRUN'),
        'extpress': real('EXTPRESS'),
        'fragment': listed('FRAGMENT'),
    }

    @field_validator('fragment')
    @classmethod
    def _labels(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return check_labels(value, 'fragment')


def _temperatures(keyword: str) -> Item:
    """Make ``n first last``."""

    def write(value: tuple[float, float, float]) -> list[str]:
        from .text import record

        return [keyword, record([int(value[0]), *value[1:]])]

    plain = reals(keyword, 3)
    return Item((keyword,), plain.read, write)


class Freqcalc(Block):
    """FREQCALC: vibrational frequencies at Gamma, or with ``dispersi`` at the k-points of the supercell of SCELPHONO.

    :param numderiv: 1: one displacement per coordinate, 2: two.
    :param stepsize: displacement, Å.
    :param intens: infrared intensities.
    :param intraman: Raman intensities (with INTCPHF, verbatim in ``extra``).
    :param dieltens: dielectric tensor.
    :param dieliso: dielectric constant.
    :param dispersi: phonon dispersion.
    :param temperat: number of temperatures, first and last (K).
    :param pressure: number of pressures, first and last (MPa).
    :param fragment: atoms that are displaced.
    :param preoptgeom: an optimisation before.
    """

    restart: Flag = False
    preoptgeom: Optgeom | None = None
    numderiv: Integer | None = Field(None, ge=1, le=2)
    stepsize: Real | None = Field(None, gt=0)
    intens: Flag = False
    intraman: Flag = False
    dieltens: Matrix | None = None
    dieliso: Real | None = Field(None, gt=0)
    dispersi: Flag = False
    temperat: tuple[Integer, Real, Real] | None = None
    pressure: tuple[Integer, Real, Real] | None = None
    fragment: tuple[Integer, ...] | None = None

    items: ClassVar[Items] = {
        'restart': flag('RESTART'),
        'preoptgeom': nested('PREOPTGEOM', lambda: Optgeom),
        'numderiv': integer('NUMDERIV'),
        'stepsize': real('STEPSIZE'),
        'fragment': listed('FRAGMENT'),
        'intens': flag('INTENS'),
        'intraman': flag('INTRAMAN'),
        'dieltens': rows('DIELTENS'),
        'dieliso': real('DIELISO'),
        'dispersi': flag('DISPERSI'),
        'temperat': _temperatures('TEMPERAT'),
        'pressure': _temperatures('PRESSURE'),
    }

    @field_validator('fragment')
    @classmethod
    def _labels(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return check_labels(value, 'fragment')

    @field_validator('dieltens')
    @classmethod
    def _square(cls, value: Matrix | None) -> Matrix | None:
        return check_square(value, 'dieltens')

    @field_validator('temperat', 'pressure')
    @classmethod
    def _count(cls, value: tuple[int, float, float] | None) -> tuple[int, float, float] | None:
        if value is not None and value[0] < 1:
            raise ValueError(f'the number of values is {value[0]}: it must be positive')
        return value


class Elastcon(Block):
    """ELASTCON: elastic constants.

    :param numderiv: points of the numerical derivative, the central one included.
    :param stepsize: size of the strain.
    :param restart: go on from ELASINFO.DAT.
    :param clampion: keep the fractional positions.
    :param preoptgeom: an optimisation before.
    """

    restart: Flag = False
    preoptgeom: Optgeom | None = None
    numderiv: Integer | None = Field(None, ge=1)
    stepsize: Real | None = Field(None, gt=0)
    clampion: Flag = False

    items: ClassVar[Items] = {
        'restart': flag('RESTART'),
        'preoptgeom': nested('PREOPTGEOM', lambda: Optgeom),
        'numderiv': integer('NUMDERIV'),
        'stepsize': real('STEPSIZE'),
        'clampion': flag('CLAMPION'),
    }


def _range(keyword: str) -> Item:
    """Make ``minimum maximum n``."""

    def write(value: tuple[float, float, int]) -> list[str]:
        from .text import record

        return [keyword, record([*value[:2], int(value[2])])]

    return Item((keyword,), reals(keyword, 3).read, write)


class Eos(Block):
    """EOS: equation of state.

    :param range: smallest and largest volume relative to the first one, and number of volumes.
    :param prange: lowest and highest pressure, and number of pressures.
    :param restart: go on from EOSINFO.DAT.
    :param preoptgeom: an optimisation before.
    """

    restart: Flag = False
    preoptgeom: Optgeom | None = None
    range: tuple[Real, Real, Integer] | None = None
    prange: tuple[Real, Real, Integer] | None = None

    items: ClassVar[Items] = {
        'restart': flag('RESTART'),
        'preoptgeom': nested('PREOPTGEOM', lambda: Optgeom),
        'range': _range('RANGE'),
        'prange': _range('PRANGE'),
    }

    @field_validator('range', 'prange')
    @classmethod
    def _ordered(cls, value: tuple[float, float, int] | None) -> tuple[float, float, int] | None:
        if value is not None and (value[0] >= value[1] or value[2] < 3):
            raise ValueError(f'must be minimum < maximum and at least three points; it is {list(value)}')
        return value


class Qha(Block):
    """QHA: quasi-harmonic approximation, of the supercell of SCELPHONO if there is one.

    TEMPERAT is that of a real input of CRYSTAL14. STEP and POINTS stand in inputs that other programs write for
    CRYSTAL23; the volumes of the CRYSTAL14 output agree with their defaults, 3 % and 4.

    :param step: of the volumes, percent: they go from -step to 2 step.
    :param points: number of volumes, 4, 7 or 13.
    :param temperat: number of temperatures, first and last (K).
    :param restart: go on with a run that was cut short.
    """

    restart: Flag = False
    step: Real | None = Field(None, gt=0)
    points: Literal[4, 7, 13] | None = None
    temperat: tuple[Integer, Real, Real] | None = None

    items: ClassVar[Items] = {
        'restart': flag('RESTART'),
        'step': real('STEP'),
        'points': integer('POINTS'),
        'temperat': _temperatures('TEMPERAT'),
    }

    @field_validator('temperat')
    @classmethod
    def _count(cls, value: tuple[int, float, float] | None) -> tuple[int, float, float] | None:
        if value is not None and value[0] < 1:
            raise ValueError(f'the number of temperatures is {value[0]}: it must be positive')
        return value


class Cphf(Block):
    """CPHF or CPKS: linear and non-linear polarisabilities.

    :param keyword: the spelling: CPHF and CPKS mean the same.
    :param fmixing: mixing of the cycles in percent.
    :param maxcycle: largest number of cycles.
    :param tolalpha: change of the polarisability, 10**-tolalpha.
    :param tolgamma: change of the second hyperpolarisability, 10**-tolgamma.
    :param third: first hyperpolarisability as well.
    :param fourth: second hyperpolarisability as well.
    """

    keyword: Literal['CPHF', 'CPKS'] = 'CPHF'
    fmixing: Integer | None = Field(None, ge=0, le=100)
    maxcycle: Integer | None = Field(None, ge=1)
    tolalpha: Integer | None = Field(None, ge=1, le=20)
    tolgamma: Integer | None = Field(None, ge=1, le=20)
    third: Flag = False
    fourth: Flag = False

    items: ClassVar[Items] = {
        'fmixing': integer('FMIXING'),
        'maxcycle': integer('MAXCYCLE'),
        'tolalpha': integer('TOLALPHA'),
        'tolgamma': integer('TOLGAMMA'),
        'third': flag('THIRD'),
        'fourth': flag('FOURTH'),
    }


def _cphf() -> Item:
    plain = nested('CPHF', lambda: Cphf)

    def write(value: Cphf) -> list[str]:
        return [value.keyword, *value.lines(), 'END']

    return Item(
        ('CPHF', 'CPKS'),
        lambda cursor, keyword: Cphf.model_validate({**dict(plain.read(cursor, keyword)), 'keyword': keyword}),
        write,
    )


#: The blocks and keywords of the geometry section that have fields, in the order they are written.
TASK_ITEMS: Mapping[str, Item] = {
    'scelphono': rows('SCELPHONO', whole=True),
    'optgeom': nested('OPTGEOM', lambda: Optgeom, 'ENDOPT'),
    'freqcalc': nested('FREQCALC', lambda: Freqcalc, 'ENDFREQ'),
    'elastcon': nested('ELASTCON', lambda: Elastcon),
    'eos': nested('EOS', lambda: Eos),
    'qha': nested('QHA', lambda: Qha),
    'cphf': _cphf(),
    'testgeom': flag('TESTGEOM'),
}

TASKS = tuple(name for name in TASK_ITEMS if name != 'testgeom')
"""Those that compute more than one SCF; without any the calculation is a single point."""
