"""pw2bgw.x: its deck (``&input_pw2bgw``), what it prints, and the ``vxc.dat`` it writes.

Recorded with QE 6.7. Two of its mistakes do not stop it: with ``real_or_complex = 1`` and no inversion about the origin
it warns on stderr and writes wavefunctions that are wrong, and a grid (``wfng_nk1``...) that is not the run's goes
into WFN without a word. Everything it writes goes to ``outdir``, beside the wavefunctions of pw.x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aiida_crystalmath.crystal.catalogue import Finding, load_catalogue
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.numbers import integer, number
from aiida_crystalmath.espresso.findings import Line, conclude, noise
from aiida_crystalmath.espresso.namelist import Scalar, check_names, write_namelist
from aiida_crystalmath.espresso.stdout import EspressoOutput

__all__ = (
    'CATALOGUE',
    'FILES',
    'MatrixElements',
    'Pw2BgwDeck',
    'diagnose_pw2bgw',
    'read_vxc',
    'write_pw2bgw',
    'written',
)

NAMES = frozenset(
    """
    real_or_complex symm_type wfng_flag wfng_file wfng_kgrid wfng_nk1 wfng_nk2 wfng_nk3 wfng_dk1 wfng_dk2 wfng_dk3
    wfng_occupation wfng_nvmin wfng_nvmax rhog_flag rhog_file rhog_nvmin rhog_nvmax vxcg_flag vxcg_file vxc0_flag
    vxc0_file vxc_flag vxc_file vxc_integral vxc_diag_nmin vxc_diag_nmax vxc_offdiag_nmin vxc_offdiag_nmax
    vxc_zero_rho_core vscg_flag vscg_file vkbg_flag vkbg_file
    """.split()
)
"""Names that pw2bgw.x of QE 6.7 took; ``vhub_flag`` and ``kih_flag`` of later versions it refused."""

FILES = {
    'wfng': 'WFN', 'rhog': 'RHO', 'vxcg': 'VXC', 'vxc0': 'vxc0.dat', 'vxc': 'vxc.dat', 'vscg': 'VSC', 'vkbg': 'VKB',
}  # fmt: skip
"""What is written when ``<key>_flag`` is set, and the names BerkeleyGW reads it under."""

_RULES = ('unclassified_error', 'interrupted')
CATALOGUE = load_catalogue('aiida_crystalmath.berkeleygw', _RULES)

_WRITERS = {'vxc': r'write_vxc_[gr]', 'wfng': 'write_wfng'}


class Pw2BgwDeck(BaseModel):
    """A deck. Names of files follow from the flags, and are those BerkeleyGW looks for."""

    model_config = ConfigDict(frozen=True, extra='forbid')
    outdir: str = './out'
    prefix: str = 'aiida'
    values: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator('values', mode='before')
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = {str(key).lower(): item for key, item in value.items()}
        check_names(value, NAMES, 'pw2bgw.x')
        if own := [name for name in value if name.endswith('_file')]:
            raise ValueError(f'`{own[0]}` is not set: the files have the names that BerkeleyGW looks for')
        return value

    @model_validator(mode='after')
    def _check(self) -> Pw2BgwDeck:
        if self.values.get('real_or_complex') not in (1, 2):
            raise ValueError('`real_or_complex` is 1 (inversion about the origin) or 2, and has to be given')
        if not self.outputs:
            raise ValueError(f'nothing to write: set one of {", ".join(f"`{name}_flag`" for name in FILES)}')
        grid = [self.values.get(f'wfng_nk{axis}', 0) for axis in (1, 2, 3)]
        if self.values.get('wfng_kgrid') and not all(isinstance(size, int) and size > 0 for size in grid):
            raise ValueError('`wfng_kgrid` needs the grid: `wfng_nk1`, `wfng_nk2`, `wfng_nk3`')
        return self

    @property
    def outputs(self) -> dict[str, str]:
        """What is written: key of :data:`FILES`, name of the file."""
        return {key: name for key, name in FILES.items() if self.values.get(f'{key}_flag') is True}


def write_pw2bgw(deck: Pw2BgwDeck) -> str:
    """Return a deck as text."""
    files = {f'{key}_file': name for key, name in deck.outputs.items()}
    return write_namelist('input_pw2bgw', {'outdir': deck.outdir, 'prefix': deck.prefix, **deck.values, **files})


def written(output: EspressoOutput) -> set[str]:
    """Return the keys of :data:`FILES` that an output says are done."""
    text = '\n'.join(output.lines)
    return {key for key in FILES if re.search(rf'^ *done {_WRITERS.get(key, f"write_{key}")} *$', text, re.MULTILINE)}


def diagnose_pw2bgw(output: EspressoOutput, *, stderr: str = '') -> list[Finding]:
    """Return the entries that fit a run, the most decisive first.

    :param output: of stdout, with stderr joined to it or not.
    :param stderr: of the scheduler.
    """
    failed, stopped = bool(output.errors), not output.done and not output.errors
    lines = [Line(f'{error.text} (in {error.routine})', 'stdout', error.line) for error in output.errors]
    lines += [Line(text, 'stdout') for text in output.warnings]
    lines += [line for line in noise(stderr, 'stderr') if failed or stopped or line.text.startswith('WARNING')]
    return conclude(CATALOGUE, lines, (), failed=failed, stopped=stopped)


@dataclass(frozen=True)
class MatrixElements:
    """Diagonal elements of the exchange-correlation potential.

    :param kpoints: (n_k, 3), fractional.
    :param bands: (n_bands,), numbers from 1.
    :param values_ev: (n_spin, n_k, n_bands), complex.
    """

    kpoints: NDArray[np.float64]
    bands: NDArray[np.int64]
    values_ev: NDArray[np.complex128]


def read_vxc(text: str) -> MatrixElements:
    """Return the diagonal elements of a ``vxc.dat``; off-diagonal ones are skipped.

    Each k-point has a line with its place and the numbers of diagonal and off-diagonal rows; a diagonal row has spin,
    band, real and imaginary part in eV.

    :raises OutputFileError: the file is cut, or its k-points have different bands.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    kpoints: list[list[float | None]] = []
    rows: list[list[tuple[int, int, float, float]]] = []
    position = 0
    while position < len(lines):
        words = lines[position].split()
        place = [number(word) for word in words[:3]]
        counts = [integer(word) for word in words[3:5]]
        if len(words) != 5 or None in place or None in counts:
            raise OutputFileError('no k-point with its two numbers of rows', 'vxc.dat', position + 1)
        n_diagonal, n_other = (count or 0 for count in counts)
        block = lines[position + 1 : position + 1 + n_diagonal]
        position += 1 + n_diagonal + n_other
        if position > len(lines):
            raise OutputFileError(f'rows of k-point {len(kpoints) + 1} are missing', 'vxc.dat')
        kpoints.append(place)
        rows.append([_element(line) for line in block])
    if not rows or not rows[0] or any([row[:2] for row in block] != [row[:2] for row in rows[0]] for block in rows):
        raise OutputFileError('the k-points do not have the same bands', 'vxc.dat')
    spins = sorted({spin for spin, *_ in rows[0]})
    values = np.array([[complex(real, imaginary) for *_, real, imaginary in block] for block in rows])
    bands = np.array([band for spin, band, *_ in rows[0] if spin == spins[0]], dtype=np.int64)
    shaped = values.reshape(len(kpoints), len(spins), len(bands)).transpose(1, 0, 2)
    return MatrixElements(np.array(kpoints, dtype=float), bands, shaped)


def _element(line: str) -> tuple[int, int, float, float]:
    words = line.split()
    spin, band = (integer(word) for word in words[:2]) if len(words) == 4 else (None, None)
    real, imaginary = (number(word) for word in words[2:]) if len(words) == 4 else (None, None)
    if spin is None or band is None or real is None or imaginary is None:
        raise OutputFileError(f'no row of spin, band and two numbers: {line.strip()!r}', 'vxc.dat')
    return spin, band, real, imaginary
