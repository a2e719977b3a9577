"""fort.25: plot data of the properties program (formatted Fortran unit 25).

Every block has a header ``-%-`` IHFERM(I1) TYPE(A4) NROW(I5) NCOL(I5) DX(E12.5) DY(E12.5) COSXY(E12.5), then X0 and
Y0 (2E12.5), then six integers (6I5), then NROW*NCOL values (6E12.5), columns glued. Source: CRYSTAL23 user manual,
appendix D "Format of unit 25", checked on the real files of the test corpus:

- BAND: NROW bands, NCOL k-points, DY the step between k-points (bohr^-1), the third number the Fermi energy; the
  integers are the ends of the segment in units 1/ISS, and ISS itself is *not* in the file. A segment that starts where
  the one before ended leaves its first point out. Energies are absolute, hartree. In an open shell (IHFERM 1 or 3)
  all alpha segments come first, then all beta ones.
- DOSS: NCOL energies from Y0 in steps DY, absolute, hartree; densities in states/hartree/cell; beta densities are
  negative; the last projection of each spin is the total density.
- Other types (MAPN, PROF, COOP ...) are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array, Bands, Dos

_FILE = 'fort.25'
_WIDTH = 12
_LONG_EXPONENT = re.compile(r'(\d)([-+]\d{3})\s*$')


@dataclass(frozen=True)
class Fort25Bands:
    """One segment of a band structure, one spin.

    :param energies_hartree: absolute, shape (n_points, n_bands).
    :param start: integer coordinates in units 1/ISS of the primitive reciprocal vectors.
    :param step: distance between neighbouring points, bohr^-1.
    :param open_shell: the file says two spins.
    """

    energies_hartree: Array
    start: tuple[int, int, int]
    end: tuple[int, int, int]
    step: float
    fermi_energy_hartree: float
    open_shell: bool
    conducting: bool


@dataclass(frozen=True)
class Fort25Doss:
    """One projection of a density of states, one spin.

    :param energies_hartree: absolute, shape (n_e,).
    :param densities: as in the file (beta negative), states/hartree/cell.
    :param index: number of the projection in its run, from 1; the last one is the total.
    :param n_orbitals: orbitals it projects on.
    """

    energies_hartree: Array
    densities: Array
    index: int
    n_orbitals: int
    fermi_energy_hartree: float
    open_shell: bool
    conducting: bool


def read_fort25(text: str) -> list[Fort25Bands | Fort25Doss]:
    """Return the BAND and DOSS blocks of a fort.25, in order.

    :raises OutputFileError: a block is cut or not readable.
    """
    lines = text.splitlines()
    blocks: list[Fort25Bands | Fort25Doss] = []
    for start, line in enumerate(lines):
        if line.startswith('-%-') and line[4:8] in ('BAND', 'DOSS'):
            blocks.append(_read_block(lines, start))
    return blocks


def _read_block(lines: list[str], start: int) -> Fort25Bands | Fort25Doss:
    """Read the block whose header is line ``start`` (0 is the first)."""
    header = lines[start]
    try:
        flag, kind = int(header[3]), header[4:8]
        n_rows, n_columns = int(header[8:13]), int(header[13:18])
        _, dy, fermi = (float(header[18 + _WIDTH * i : 30 + _WIDTH * i]) for i in range(3))
        origin = [float(lines[start + 1][:_WIDTH]), float(lines[start + 1][_WIDTH : 2 * _WIDTH])]
        integers = [int(lines[start + 2][5 * i : 5 * i + 5]) for i in range(6)]
    except (ValueError, IndexError) as exc:
        raise OutputFileError(f'the header of a block cannot be read ({exc})', _FILE, start + 1) from exc
    values = _read_values(lines, start + 3, n_rows * n_columns)
    open_shell, conducting = flag in (1, 3), flag in (2, 3)
    if kind == 'BAND':
        first, last = integers[:3], integers[3:]
        return Fort25Bands(
            energies_hartree=values.reshape(n_columns, n_rows),
            start=(first[0], first[1], first[2]),
            end=(last[0], last[1], last[2]),
            step=dy,
            fermi_energy_hartree=fermi,
            open_shell=open_shell,
            conducting=conducting,
        )
    return Fort25Doss(
        energies_hartree=origin[1] + dy * np.arange(values.size, dtype=np.float64),
        densities=values,
        index=integers[0],
        n_orbitals=integers[1],
        fermi_energy_hartree=fermi,
        open_shell=open_shell,
        conducting=conducting,
    )


def _read_values(lines: list[str], start: int, count: int) -> Array:
    """Read ``count`` numbers of 12 columns, six a line."""
    words: list[str] = []
    for number in range(start, min(start + (count + 5) // 6, len(lines))):
        line = lines[number].rstrip()
        words.extend(line[i : i + _WIDTH] for i in range(0, len(line), _WIDTH))
    # Fortran leaves the E out when an exponent has three digits: -9.28819-311.
    words = [_LONG_EXPONENT.sub(r'\1E\2', word) for word in words]
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as exc:
        raise OutputFileError(f'a value of the block cannot be read ({exc})', _FILE, start + 1) from exc
    if values.size != count:
        raise OutputFileError(f'the block announces {count} values but has {values.size}', _FILE, start)
    return values


def bands_from_fort25(
    blocks: Sequence[Fort25Bands | Fort25Doss], iss: int | None = None, n_segments: int | None = None
) -> Bands | None:
    """Join the segments of the last BAND run of a fort.25; None if there is none.

    :param iss: the shrinking factor of the BAND input, in whose units the ends of the segments are; without it the
        result has no k-points. (The stdout of properties tells the ends as fractions, see
        :func:`find_iss`.)
    :param n_segments: segments of the run, from its input or stdout. fort.25 is appended to by every BAND: without
        this number all segments of the file are taken for one run, but a run repeated word for word counts once.
    :raises OutputFileError: the spins of an open shell have not the same segments.
    """
    segments = [block for block in blocks if isinstance(block, Fort25Bands)]
    if not segments:
        return None
    n_spin = 2 if segments[-1].open_shell else 1
    if n_segments:
        segments = segments[-n_segments * n_spin :]
    elif n_spin == 1:
        segments = _drop_repeated_run(segments)
    per_spin = len(segments) // n_spin
    channels = [segments[i * per_spin : (i + 1) * per_spin] for i in range(n_spin)]
    if any(_path(channel) != _path(channels[0]) for channel in channels) or len(segments) != per_spin * n_spin:
        raise OutputFileError('alpha and beta bands do not follow the same path', _FILE)
    kpoints, distances, ranges = _walk(channels[0], iss)
    try:
        energies = np.array([np.concatenate([part.energies_hartree for part in channel]) for channel in channels])
    except ValueError as exc:
        raise OutputFileError('the segments have not the same number of bands', _FILE) from exc
    return Bands(
        kpoints=kpoints,
        distances=distances,
        energies_hartree=energies,
        fermi_energy_hartree=segments[-1].fermi_energy_hartree,
        segments=ranges,
    )


def _path(channel: Sequence[Fort25Bands]) -> list[tuple[tuple[int, int, int], tuple[int, int, int], int]]:
    """Return what must be equal between spins."""
    return [(part.start, part.end, len(part.energies_hartree)) for part in channel]


def _drop_repeated_run(segments: list[Fort25Bands]) -> list[Fort25Bands]:
    """Return the second half if it says the same as the first (properties run twice on one file)."""
    half = len(segments) // 2
    if not half or len(segments) % 2 or _path(segments[:half]) != _path(segments[half:]):
        return segments
    pairs = zip(segments[:half], segments[half:], strict=True)
    same = all(np.array_equal(a.energies_hartree, b.energies_hartree) for a, b in pairs)
    return segments[half:] if same else segments


def _walk(channel: Sequence[Fort25Bands], iss: int | None) -> tuple[Array | None, Array, list[tuple[int, int]]]:
    """Return k-points (fractional), distances and the index ranges of the segments."""
    kpoints: list[Array] = []
    distances: list[Array] = []
    ranges: list[tuple[int, int]] = []
    travelled, count = 0.0, 0
    previous_end: tuple[int, int, int] | None = None
    for part in channel:
        n_points = len(part.energies_hartree)
        # A continued segment shares its first point with the end of the one before.
        shared = previous_end == part.start
        steps = n_points if shared else n_points - 1
        fractions = np.arange(1 if shared else 0, steps + 1) / max(steps, 1)
        ends = np.array([part.start, part.end], dtype=np.float64) / (iss or 1)
        kpoints.append(ends[0] + fractions[:, None] * (ends[1] - ends[0]))
        distances.append(travelled + fractions * steps * part.step)
        ranges.append((count - 1 if shared else count, count + n_points - 1))
        travelled += steps * part.step
        count += n_points
        previous_end = part.end
    return (np.concatenate(kpoints) if iss else None), np.concatenate(distances), ranges


def find_iss(blocks: Sequence[Fort25Bands | Fort25Doss], fractional_ends: Sequence[Sequence[float]]) -> int | None:
    """Return ISS from the ends of segments told as fractions (stdout of properties prints two decimals).

    :param fractional_ends: end of each segment of the last run, fractional, in order.
    """
    segments = [block for block in blocks if isinstance(block, Fort25Bands)]
    n_spin = 2 if segments and segments[-1].open_shell else 1
    last_run = segments[-len(fractional_ends) * n_spin :][: len(fractional_ends)]
    for candidate in range(1, 1000):
        if last_run and all(
            abs(integer / candidate - fraction) < 0.0051
            for part, end in zip(last_run, fractional_ends, strict=False)
            for integer, fraction in zip(part.end, end, strict=True)
        ):
            return candidate
    return None


def dos_from_fort25(blocks: Sequence[Fort25Bands | Fort25Doss], n_projections: int | None = None) -> Dos | None:
    """Join the projections of the last DOSS run of a fort.25; None if there is none.

    :param n_projections: projections of the run with the total one; found from the numbering of the blocks if absent.
    :raises OutputFileError: the blocks do not belong together.
    """
    blocks_dos = [block for block in blocks if isinstance(block, Fort25Doss)]
    if not blocks_dos:
        return None
    n_spin = 2 if blocks_dos[-1].open_shell else 1
    count = n_projections or max(blocks_dos[-1].index, 1)
    run = blocks_dos[-count * n_spin :]
    if len(run) != count * n_spin or any(block.densities.size != run[0].densities.size for block in run):
        raise OutputFileError(f'{count} projections of {n_spin} spin(s) expected in a DOSS run', _FILE)
    densities = np.array([block.densities for block in run]).reshape(n_spin, count, -1)
    if n_spin == 2:
        densities[1] *= -1.0
    labels = [f'projection {block.index}' for block in run[: count - 1]] + ['total']
    return Dos(run[0].energies_hartree, densities, run[0].fermi_energy_hartree, labels)
