"""The electronic state: insulating or conducting, band edges, gaps, Fermi energy, per spin channel.

The state is printed once in every SCF cycle, before the energy of that cycle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiida_crystalmath.crystal.outputs.models import ElectronicState, GapKind
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.units import HARTREE_EV

_EDGE = re.compile(r'BAND\s+\d+;\s*K\s*(\d+);\s*EIG\s*(\S+)\s*AU')
_OLD_EDGE = re.compile(r'TOP OF VALENCE BANDS \(A\.U\.\)\s*(\S+)')
_EFERMI = re.compile(r'EFERMI\(AU\)\s*(\S+)')
_GAP = re.compile(r'GAP:\s*(\S+)\s*eV')

_NO_LEVELS = (-1.0, 1.0)
"""What versions before CRYSTAL17 print for the band edges while the spin is locked."""


@dataclass(slots=True)
class Channel:
    """One spin channel (or the closed shell); energies hartree."""

    conducting: bool | None = None
    fermi: float | None = None
    vbm: float | None = None
    vbm_k: int | None = None
    cbm: float | None = None
    cbm_k: int | None = None
    gap_ev: float | None = None
    gap_kind: GapKind | None = None
    shifted: bool = False


State = dict[str, Channel]
"""Channels by name: '' (closed shell, or one statement for both spins), 'alpha', 'beta'."""


def _agrees(channel: Channel) -> bool:
    """Say whether the printed gap is that of the printed band edges (4 and 8 digits, CODATA values of 1986 to now)."""
    if channel.gap_ev is None:
        return True
    if channel.conducting is None or channel.vbm is None or channel.cbm is None:
        # No version prints a gap without the state and both edges before it.
        return False
    return abs((channel.cbm - channel.vbm) * HARTREE_EV - channel.gap_ev) < 1e-4 + 2e-5 * abs(channel.gap_ev)


def gap_of(state: State) -> tuple[float | None, GapKind | None]:
    """Return the gap (eV) of a state and its kind; 0 for a conductor."""
    channels = list(state.values())
    if any(channel.conducting for channel in channels):
        return 0.0, None
    if not all(map(_agrees, channels)) or ('alpha' in state) != ('beta' in state):
        # Lines of different cycles, or half a statement: the text is broken here.
        return None, None
    gaps = [channel for channel in channels if channel.gap_ev is not None]
    if 0 < len(gaps) < len(channels):
        return None, None
    if len(channels) == 2 and len(gaps) == 2:
        edges = [(c.vbm, c.vbm_k, c.cbm, c.cbm_k) for c in channels]
        if all(vbm is not None and cbm is not None for vbm, _, cbm, _ in edges):
            vbm, vbm_k = max((e[0], e[1]) for e in edges if e[0] is not None)
            cbm, cbm_k = min((e[2], e[3]) for e in edges if e[2] is not None)
            gap = (cbm - vbm) * HARTREE_EV
            if gap < min(c.gap_ev for c in gaps if c.gap_ev is not None) - 1e-3:
                return max(gap, 0.0), 'direct' if vbm_k == cbm_k else 'indirect'
    if not gaps:
        return None, None
    smallest = min(gaps, key=lambda channel: channel.gap_ev or 0.0)
    return smallest.gap_ev, smallest.gap_kind


def summarise(state: State, *, shifted: bool) -> ElectronicState | None:
    """Return what a state tells, None if it tells nothing.

    :param shifted: a locked level shifter acts, so that gaps and levels are none of the system's.
    """
    channels = list(state.values())
    shifted = shifted or any(channel.shifted for channel in channels)
    if not channels:
        return None
    told = [channel.conducting for channel in channels if channel.conducting is not None]
    result = ElectronicState(is_conducting=any(told) if told else None, level_shifted=shifted)
    if shifted:
        return result
    result.gap_ev, result.gap_kind = gap_of(state)
    if result.gap_ev is not None:
        result.gap_alpha_ev, result.gap_beta_ev = (
            state[name].gap_ev if name in state else None for name in ('alpha', 'beta')
        )
    # Edges that are not those of the printed gap are of different cycles, or one of them is missing.
    certain = channels if all(map(_agrees, channels)) else []
    edges = [channel.cbm for channel in certain if channel.cbm is not None and not channel.conducting]
    result.cbm_hartree = min(edges) if edges and len(edges) == len(channels) else None
    tops = [channel.vbm for channel in certain if channel.vbm is not None]
    fermis = [channel.fermi for channel in channels if channel.fermi is not None]
    if fermis:
        result.fermi_hartree = max(fermis)
    elif tops:
        result.vbm_hartree = result.fermi_hartree = max(tops)
    return result


class Electronic(Section):
    """Follows the state through the cycles.

    :ivar state: the state printed last.
    :ivar locked_cycles: cycles with a locked spin since :meth:`restart`.
    """

    def __init__(self, context: Context) -> None:
        """Start without knowledge."""
        super().__init__(context)
        self.state: State = {}
        self.channel = ''
        self.fresh = True
        self.locked_cycles = 0

    def restart(self) -> None:
        """Forget everything: another SCF begins."""
        self.forget()
        self.locked_cycles = 0

    def forget(self) -> None:
        """Forget the state."""
        self.state = {}
        self.channel = ''
        self.fresh = True

    def anchors(self) -> Mapping[str, Handler]:
        """Statements on the state."""
        return {
            ' INSU': self.read_state,
            ' POSS': self.read_state,
            '    A': self.read_channel,
            '    B': self.read_channel,
            ' TOP ': self.read_valence,
            ' BOTT': self.read_conduction,
            ' DIRECT ENERGY BAND': self.read_gap,
            ' INDIRECT ENERGY BAND': self.read_gap,
            ' SPIN LOCKING': self.read_spin_locking,
            ' LOCK': self.read_level_shift,
        }

    def end_cycle(self) -> None:
        """Mark that the next statement belongs to another cycle."""
        self.fresh = True
        fillers = [channel for channel in self.state.values() if (channel.vbm, channel.cbm) == _NO_LEVELS]
        for channel in fillers:
            channel.vbm = channel.cbm = channel.vbm_k = channel.cbm_k = None
        self.locked_cycles += bool(fillers)

    def _start(self) -> None:
        """Forget the state of the cycle before."""
        if self.fresh:
            self.state = {}
            self.channel = ''
            self.fresh = False

    def read_channel(self, line: str) -> None:
        """Read the title of a spin channel."""
        words = line.split()
        if words[-1] != 'ELECTRONS' or words[0] not in ('ALPHA', 'BETA'):
            return
        if words[0] == 'ALPHA':
            self.fresh = True
        self._start()
        self.channel = words[0].lower()
        # One statement for both channels: the earlier nameless one is of this cycle no more.
        self.state.pop('', None)
        self.state[self.channel] = Channel()

    def _current(self) -> Channel:
        """Return the channel that is told of."""
        return self.state.setdefault(self.channel, Channel())

    def read_state(self, line: str) -> None:
        """Read INSULATING or POSSIBLY CONDUCTING."""
        if 'STATE' not in line:
            return
        if not self.channel:
            self.fresh = True
        self._start()
        channel = self._current()
        channel.conducting = line.startswith(' POSS')
        channel.shifted = 'LEVEL SHIFTER' in line
        if found := _EFERMI.search(line):
            channel.fermi = number(found[1])
        if found := _OLD_EDGE.search(line):
            channel.vbm = number(found[1])

    def read_valence(self, line: str) -> None:
        """Read the top of the valence bands; a second one above an indirect gap is that of the other edge's k."""
        if (found := _EDGE.search(line)) and line.startswith(' TOP OF VALENCE'):
            self._start()
            channel, top = self._current(), number(found[2])
            if channel.vbm is None or (top is not None and top > channel.vbm):
                channel.vbm_k, channel.vbm = int(found[1]), top

    def read_conduction(self, line: str) -> None:
        """Read the bottom of the virtual bands; a second one below an indirect gap is that of the valence top's k."""
        found = _EDGE.search(line)
        if found and line.startswith(' BOTTOM OF VIRTUAL') and self._current().cbm is None:
            channel = self._current()
            channel.cbm_k, channel.cbm = int(found[1]), number(found[2])

    def read_gap(self, line: str) -> None:
        """Read a gap with its kind."""
        if found := _GAP.search(line):
            channel = self._current()
            channel.gap_ev = number(found[1])
            channel.gap_kind = 'direct' if line.startswith(' DIRECT') else 'indirect'

    def read_spin_locking(self, line: str) -> None:
        """Read that no gap is computed while the spin is locked."""
        self.locked_cycles += 1
        self.fresh = True
        self._start()

    def read_level_shift(self, line: str) -> None:
        """Read that a locked level shifter moves the levels that are printed.

        Without locking (``EIGENVALUE LEVEL SHIFTING OF`` alone) the printed levels are not shifted: a real run with
        0.6 hartree prints a gap of 5.9 eV.
        """
        if 'FERMI ENERGY ALTERED BY LEVEL SHIFTER' in line:
            self.output.level_shifted = True
