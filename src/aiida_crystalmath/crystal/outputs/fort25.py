"""Curves of fort.25: bands, densities of states, COOP and COHP, phonon bands and densities of states.

What the general block (:mod:`~aiida_crystalmath.crystal.outputs.fort25_blocks`) means for each type; source: CRYSTAL23
user manual, appendix D "Format of unit 25", checked on the real files of the test corpus:

- BAND: NROW bands, NCOL k-points, DY the step between k-points (bohr^-1), the third number the Fermi energy; the
  integers are the ends of the segment in units 1/ISS, and ISS itself is *not* in the file. A segment that starts where
  the one before ended leaves its first point out. Energies are absolute, hartree. In an open shell (IHFERM 1 or 3)
  all alpha segments come first, then all beta ones.
- DOSS: NCOL energies from Y0 in steps DY, absolute, hartree; densities in states/hartree/cell; beta densities are
  negative; the last projection of each spin is the total density.
- COOP and COHP: as DOSS (manual; no real file seen).
- PDOS and the BAND of phonons, whose Fermi energy is exactly zero: frequencies in cm^-1. The stdout of real runs shows
  that they are written (``-%-0PDOS``); the unit is what CRYSTALpytools (MIT) reads them in, no real file seen.

Maps (MAPN) are read by :mod:`~aiida_crystalmath.crystal.outputs.fort25_maps`; other types (PROF ...) are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_blocks import FILE, WIDTH, Block, fixed_columns, read_blocks
from aiida_crystalmath.crystal.outputs.models import Array, Bands, Dos

CurveKind = Literal['DOSS', 'COOP', 'COHP', 'PDOS']
_KINDS = ('BAND', 'DOSS', 'COOP', 'COHP', 'PDOS')


@dataclass(frozen=True)
class Fort25Bands:
    """One segment of a band structure, one spin; or of a phonon band structure.

    :param energies_hartree: absolute, shape (n_points, n_bands); frequencies in cm^-1 if :attr:`is_phonon`.
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

    @property
    def is_phonon(self) -> bool:
        """Whether these are phonons: their blocks have a Fermi energy of exactly zero."""
        return self.fermi_energy_hartree == 0.0


@dataclass(frozen=True)
class Fort25Doss:
    """One projection of a density of states, one spin; or one COOP, COHP or phonon density of states.

    :param energies_hartree: absolute, shape (n_e,); frequencies in cm^-1 if ``kind`` is PDOS.
    :param densities: as in the file (beta negative), states/hartree/cell; states/cm^-1/cell if ``kind`` is PDOS.
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
    kind: CurveKind = 'DOSS'


def read_fort25(text: str) -> list[Fort25Bands | Fort25Doss]:
    """Return the bands and densities of a fort.25, in order.

    :raises OutputFileError: a block is cut or not readable.
    """
    return [_read_bands(block) if block.kind == 'BAND' else _read_doss(block) for block in read_blocks(text, _KINDS)]


def _integers(block: Block) -> list[int]:
    """Return the six integers below the header."""
    try:
        return [int(block.head[1][5 * i : 5 * i + 5]) for i in range(6)]
    except ValueError as exc:
        raise OutputFileError(f'the header of a block cannot be read ({exc})', FILE, block.line + 2) from exc


def _read_bands(block: Block) -> Fort25Bands:
    """Read a segment of bands."""
    first, last = _integers(block)[:3], _integers(block)[3:]
    return Fort25Bands(
        energies_hartree=block.values,
        start=(first[0], first[1], first[2]),
        end=(last[0], last[1], last[2]),
        step=block.numbers[1],
        fermi_energy_hartree=block.numbers[2],
        open_shell=block.open_shell,
        conducting=block.conducting,
    )


def _read_doss(block: Block) -> Fort25Doss:
    """Read a density."""
    integers = _integers(block)
    try:
        origin = float(fixed_columns(block.head[0], 2, WIDTH)[1])
    except ValueError as exc:
        raise OutputFileError(f'the header of a block cannot be read ({exc})', FILE, block.line + 1) from exc
    kind: CurveKind = 'DOSS'
    if block.kind in ('COOP', 'COHP', 'PDOS'):
        kind = block.kind  # type: ignore[assignment]  # the test above narrows it for people only
    return Fort25Doss(
        energies_hartree=origin + block.numbers[1] * np.arange(block.values.size, dtype=np.float64),
        densities=block.values.ravel(),
        index=integers[0],
        n_orbitals=integers[1],
        fermi_energy_hartree=block.numbers[2],
        open_shell=block.open_shell,
        conducting=block.conducting,
        kind=kind,
    )


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
    segments = [block for block in blocks if isinstance(block, Fort25Bands) and not block.is_phonon]
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
        raise OutputFileError('alpha and beta bands do not follow the same path', FILE)
    kpoints, distances, ranges = _walk(channels[0], iss)
    try:
        energies = np.array([np.concatenate([part.energies_hartree for part in channel]) for channel in channels])
    except ValueError as exc:
        raise OutputFileError('the segments have not the same number of bands', FILE) from exc
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

    Two decimals leave a choice where ISS is large, or all ends are at the centre: then it is None.

    :param fractional_ends: end of each segment of the last run, fractional, in order.
    """
    segments = [block for block in blocks if isinstance(block, Fort25Bands) and not block.is_phonon]
    n_spin = 2 if segments and segments[-1].open_shell else 1
    last_run = segments[-len(fractional_ends) * n_spin :][: len(fractional_ends)]
    known = [
        (integer, fraction)
        for part, end in zip(last_run, fractional_ends, strict=False)
        for integer, fraction in zip(part.end, end, strict=True)
    ]
    fitting = [iss for iss in range(1, 1000) if all(abs(integer / iss - value) < 0.0051 for integer, value in known)]
    return fitting[0] if len(fitting) == 1 else None


def dos_from_fort25(
    blocks: Sequence[Fort25Bands | Fort25Doss], n_projections: int | None = None, kind: CurveKind = 'DOSS'
) -> Dos | None:
    """Join the projections of the last run of one kind in a fort.25; None if there is none.

    :param n_projections: projections of the run with the total one; found from the numbering of the blocks if absent.
    :param kind: DOSS, COOP or COHP; or PDOS, of which the result's energies are frequencies in cm^-1.
    :raises OutputFileError: the blocks do not belong together.
    """
    blocks_dos = [block for block in blocks if isinstance(block, Fort25Doss) and block.kind == kind]
    if not blocks_dos:
        return None
    n_spin = 2 if blocks_dos[-1].open_shell and kind != 'PDOS' else 1
    count = n_projections or max(blocks_dos[-1].index, 1)
    run = blocks_dos[-count * n_spin :]
    if len(run) != count * n_spin or any(block.densities.size != run[0].densities.size for block in run):
        raise OutputFileError(f'{count} projections of {n_spin} spin(s) expected in a {kind} run', FILE)
    densities = np.array([block.densities for block in run]).reshape(n_spin, count, -1)
    if n_spin == 2 and kind == 'DOSS':
        densities[1] *= -1.0
    labels = [f'projection {block.index}' for block in run[: count - 1]] + ['total']
    if kind in ('COOP', 'COHP'):
        labels = [f'interaction {block.index}' for block in run[:count]]
    return Dos(run[0].energies_hartree, densities, run[0].fermi_energy_hartree, labels)


def phonon_segments(blocks: Sequence[Fort25Bands | Fort25Doss]) -> list[Fort25Bands]:
    """Return the segments of the phonon bands of a fort.25, in order; their "energies" are frequencies in cm^-1."""
    return [block for block in blocks if isinstance(block, Fort25Bands) and block.is_phonon]
