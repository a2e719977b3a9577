"""Reports: ``r_setup`` and ``r-*``, which yambo and ypp write on their way.

A report is whole if it ends with "Game Over" and the echoed input. That of a run that was killed stops anywhere, even
within a number: every fact is taken from lines that are whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiida_crystalmath.yambo.inputs.deck import Deck, read_echo
from aiida_crystalmath.yambo.inputs.errors import YamboInputError
from aiida_crystalmath.yambo.inputs.variables import Program
from aiida_crystalmath.yambo.outputs.messages import Message, messages_in

__all__ = ('Levels', 'Report', 'read_report')

_NUMBER = r'-?\d+(?:\.\d*)?(?:[Ee][-+]?\d+)?'


@dataclass(frozen=True)
class Levels:
    """Gaps and edges at one level of theory; energies in eV, k-points counted from 1. What is not printed is None."""

    fermi_level_ev: float | None = None
    conduction_minimum_ev: float | None = None
    valence_maximum_ev: float | None = None
    filled_bands: int | None = None
    gap_direct_ev: float | None = None
    gap_direct_kpoint: int | None = None
    gap_indirect_ev: float | None = None
    gap_indirect_kpoints: tuple[int, int] | None = None


@dataclass(frozen=True)
class Report:
    """What a report says.

    :param levels: by the tag of the report: ``X`` (what was read: DFT), ``K+QP`` (what the BSE starts from),
        ``Hartree-Fock``.
    :param cell_bohr: lattice vectors, as rows.
    :param lattice_iru: the same in units of the lattice constants, which turn Yambo's k-points into fractions.
    :param kpoints_rlu: irreducible k-points as fractions of the reciprocal lattice vectors, where they are printed.
    :param databases_read: paths of the databases that were read, as they are printed; likewise ``..._written``.
    :param used: the echoed input: what was used; None if the report does not come to it.
    """

    program: Program
    version: str | None = None
    revision: str | None = None
    n_processes: int | None = None
    n_threads: int | None = None
    job: str | None = None
    n_bands: int | None = None
    n_kpoints: int | None = None
    n_electrons: float | None = None
    n_spinors: int | None = None
    n_spins: int | None = None
    n_symmetries: int | None = None
    cell_bohr: tuple[tuple[float, float, float], ...] | None = None
    lattice_iru: tuple[tuple[float, float, float], ...] | None = None
    grid: tuple[int, int, int] | None = None
    kpoints_rlu: tuple[tuple[float, float, float], ...] = ()
    kpoint_weights: tuple[float, ...] = ()
    levels: Mapping[str, Levels] = field(default_factory=dict)
    databases_read: tuple[str, ...] = ()
    databases_written: tuple[str, ...] = ()
    qp_action: str | None = None
    haydock_accuracy_percent: float | None = None
    haydock_threshold_percent: float | None = None
    haydock_iterations: int | None = None
    kernel_size: int | None = None
    memory_peak_mb: float | None = None
    started: datetime | None = None
    ended: datetime | None = None
    wall_time_s: float | None = None
    last_section: str | None = None
    game_over: bool = False
    messages: tuple[Message, ...] = ()
    used: Deck | None = None

    @property
    def dft(self) -> Levels:
        """Gaps and edges of the calculation that was read."""
        return self.levels.get('X', Levels())


def read_report(text: str, where: str = 'report', program: Program | None = None) -> Report:
    """Read a report.

    :param where: name of the file, for messages.
    :param program: who wrote it; by default as it says itself.
    """
    program = program or ('ypp' if re.search(r'^\s*\d\d/\d\d/\d{4} at .* ypp @', text, re.MULTILINE) else 'yambo')
    # A line that a killed run did not finish may hold half a number.
    whole = text if text.endswith('\n') else text.rpartition('\n')[0] + '\n'
    facts: dict[str, Any] = {}
    for name, pattern, convert in _FACTS:
        match = re.search(pattern, whole, re.MULTILINE)
        if match is not None:
            facts[name] = convert(match)
    facts |= _crystal(whole)
    facts['levels'] = _levels(whole)
    facts['databases_read'] = tuple(re.findall(r'^\s*\[RD(\./[^\]]*)\]', whole, re.MULTILINE))
    facts['databases_written'] = tuple(re.findall(r'^\s*\[WR(\./[^\]]*)\]', whole, re.MULTILINE))
    sections = re.findall(r'^\s*(\[\d\d(?:\.\d\d)*\]\s+\S.*?)\s*$', whole, re.MULTILINE)
    try:
        used = read_echo(text, program)
    except YamboInputError:
        used = None  # cut off within
    return Report(
        program,
        messages=tuple(messages_in(text, where)),
        last_section=sections[-1] if sections else None,
        game_over='Game Over' in whole,
        used=used,
        **facts,
    )


def _first_int(match: re.Match[str]) -> int:
    return int(match[1])


def _first_float(match: re.Match[str]) -> float:
    return float(match[1])


def _time(match: re.Match[str]) -> datetime | None:
    try:
        return datetime.strptime(match[1], '%m/%d/%Y at %H:%M')
    except ValueError:
        return None  # no date, whatever it is


_MEGABYTES = {'Kb': 1e-3, 'Mb': 1.0, 'Gb': 1e3, 'Tb': 1e6}


def _memory(match: re.Match[str]) -> float:
    return float(match[1]) * _MEGABYTES[match[2]]


def _seconds(match: re.Match[str]) -> float:
    """Return the longest time of ``Timing [Min/Max/Average]: 02s/02s/02s``; hours and minutes are divided by ``-``."""
    units = {'d': 86400, 'h': 3600, 'm': 60, 's': 1}
    return float(sum(int(number) * units[unit] for number, unit in re.findall(r'(\d+)([dhms])', match[1])))


_FACTS: tuple[tuple[str, str, Any], ...] = (
    ('version', r'Version (\S+) Revision \S+', lambda match: match[1]),
    ('revision', r'Version \S+ Revision (\S+)', lambda match: match[1]),
    ('n_processes', r'^ (?:MPI )?Cores\s*:\s*(\d+)\s*$', _first_int),
    ('n_threads', r'^ Threads per core\s*:\s*(\d+)\s*$', _first_int),
    ('job', r'^ Job\s+string\s*:\s*(\S+)', lambda match: match[1]),
    ('n_bands', r'^\s*Bands\s*:\s*(\d+)\s*$', _first_int),
    ('n_kpoints', r'^\s*K-points\s*:\s*(\d+)\s*$', _first_int),
    ('n_electrons', rf'^\s*Electrons\s*:\s*({_NUMBER})\s*$', _first_float),
    ('n_spinors', r'^\s*Spinor components\s*:\s*(\d+)\s*$', _first_int),
    ('n_spins', r'^\s*Spin polarizations\s*:\s*(\d+)\s*$', _first_int),
    ('n_symmetries', r'^\s*Symmetries\s*:\s*(\d+)', _first_int),
    ('qp_action', r'\[QP_apply\] Action to be applied:\s*(\S.*?)\s*$', lambda match: match[1]),
    ('haydock_accuracy_percent', rf'^\s*Accuracy \(reached\)\s*:\s*({_NUMBER})', _first_float),
    ('haydock_threshold_percent', rf'^\s*Accuracy \(requested\)\s*:\s*({_NUMBER})', _first_float),
    ('haydock_iterations', r'^\s*Iterations\s*:\s*(\d+)\s*$', _first_int),
    ('kernel_size', r'^\s*\[BSK\]\s+\(total\)\s*:\s*(\d+)', _first_int),
    ('memory_peak_mb', rf'Max memory used\s*:\s*({_NUMBER})\s*\[(Kb|Mb|Gb|Tb)\]', _memory),
    ('started', r'^\s*(\d\d/\d\d/\d{4} at \d\d:\d\d) (?:yambo|ypp) @', _time),
    ('ended', r'^\s*(\d\d/\d\d/\d{4} at \d\d:\d\d)\s+\[end\]', _time),
    ('wall_time_s', r'^\s*Timing\s+\[Min/Max/Average\]:\s*[^/]+/([^/]+)/', _seconds),
)


def _crystal(text: str) -> dict[str, Any]:
    """Read the lattice, the grid and the k-points."""
    found: dict[str, Any] = {}
    vector = rf'\s*({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})'
    alat = re.search(rf'^\s*Alat factors\s*:{vector}\s+\[a\.u\.\]', text, re.MULTILINE)
    rows = re.findall(rf'^\s*A\[ \d \]:{vector}\s+\[iru\]', text, re.MULTILINE)
    if alat is not None and len(rows) == 3:
        lattice = tuple(tuple(float(x) for x in row) for row in rows)
        found['lattice_iru'] = lattice
        lengths = [float(x) for x in alat.groups()]
        found['cell_bohr'] = tuple(tuple(x * length for x, length in zip(row, lengths, strict=True)) for row in lattice)
    grid = re.search(r'^\s*Grid dimensions\s*:\s*(\d+)\s+(\d+)\s+(\d+)', text, re.MULTILINE)
    if grid is not None:
        found['grid'] = tuple(int(n) for n in grid.groups())
    points = re.findall(rf'^\s*K \[\s*\d+\]:{vector} \[rlu\]\s*\n\s*: weight :\s*({_NUMBER})\s*$', text, re.MULTILINE)
    found['kpoints_rlu'] = tuple((float(x), float(y), float(z)) for x, y, z, _ in points)
    found['kpoint_weights'] = tuple(float(weight) for *_, weight in points)
    return found


_LEVEL_LINE = re.compile(r'^\s*\[(?P<tag>[^\]]+)\]\s+(?P<name>[A-Z][^:]*?)\s*:\s*(?P<value>.*?)\s*(?:\[eV\])?\s*$')
_LEVEL_NAMES: Mapping[str, str] = {
    'Fermi Level': 'fermi_level_ev',
    'Conduction Band Min': 'conduction_minimum_ev',
    'Valence Band Max': 'valence_maximum_ev',
    'Filled Bands': 'filled_bands',
    'Direct Gap': 'gap_direct_ev',
    'Direct Gap localized at k': 'gap_direct_kpoint',
    'Indirect Gap': 'gap_indirect_ev',
    'Indirect Gap between kpts': 'gap_indirect_kpoints',
}


def _levels(text: str) -> dict[str, Levels]:
    """Read gaps and edges by their tags; the last ones of a tag count."""
    found: dict[str, dict[str, Any]] = {}
    for tag, name, value in _level_lines(text):
        numbers = re.findall(_NUMBER, value)
        if not numbers:
            continue
        if name.endswith('_ev'):
            found.setdefault(tag, {})[name] = float(numbers[0])
        elif name == 'gap_indirect_kpoints':
            if len(numbers) == 2:
                found.setdefault(tag, {})[name] = (int(numbers[0]), int(numbers[1]))
        else:
            found.setdefault(tag, {})[name] = int(numbers[0])
    return {tag: Levels(**values) for tag, values in found.items()}


def _level_lines(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.splitlines():
        match = _LEVEL_LINE.match(line)
        name = _LEVEL_NAMES.get(match['name']) if match is not None else None
        if match is not None and name is not None:
            yield match['tag'], name, match['value']
