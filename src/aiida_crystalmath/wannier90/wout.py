"""``seedname.wout`` (and ``seedname.werr``): what wannier90.x prints.

Recorded with Wannier90 3.1.0. Nothing but the text says how a run ended: the program exits with status 0 after every
error, and ``seedname.wout`` is not even made if the deck cannot be read; the message is in ``seedname.werr`` then. A
run has succeeded if it says ``All done: wannier90 exiting``, or with ``-pp`` that the ``.nnkp`` was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from aiida_crystalmath.crystal.outputs.numbers import NUMBER, integer, number
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

__all__ = ('Disentanglement', 'Spreads', 'WannierFunction', 'WannierOutput', 'read_wout')

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class WannierFunction:
    """One function: centre in Å, spread in Å²; None where asterisks were printed."""

    centre_angstrom: tuple[float | None, float | None, float | None]
    spread_angstrom2: float | None


@dataclass
class Spreads:
    """The spread functional in Å²: gauge-invariant part, diagonal and off-diagonal rest, and the whole."""

    omega_i: float | None = None
    omega_d: float | None = None
    omega_od: float | None = None
    omega_total: float | None = None


@dataclass
class Disentanglement:
    """The subspace search.

    :param outer_window_ev: energies of the outer window; None if not printed.
    :param frozen_window_ev: likewise of the inner one; None if there is none.
    :param converged: as the program says; None if it says nothing.
    :param omega_i_angstrom2: at the end.
    """

    outer_window_ev: tuple[float, float] | None = None
    frozen_window_ev: tuple[float, float] | None = None
    converged: bool | None = None
    n_iterations: int = 0
    omega_i_angstrom2: float | None = None


@dataclass
class WannierOutput:
    """One output.

    :param release: version; None if the banner is not there.
    :param end: 'all_done', 'nnkp_written', 'error', or None where the text just stops.
    :param errors: what the program gave as reason, with the lines before that explain it.
    :param initial, final: the functions before and after the minimisation; empty if not reached.
    :param converged: whether the minimisation met its criterion; False if it had one (``conv_window`` above 0) and
        ended without; None if it had none, and nobody knows.
    :param changes_angstrom2: change of the total spread in every iteration printed, and
        ``spreads_angstrom2`` the total itself.
    """

    release: str | None = None
    end: str | None = None
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    num_wann: int | None = None
    num_bands: int | None = None
    mp_grid: tuple[int, int, int] | None = None
    length_unit: str = 'Ang'
    conv_window: int | None = None
    n_iterations_asked: int | None = None
    initial: list[WannierFunction] = field(default_factory=list)
    final: list[WannierFunction] = field(default_factory=list)
    spreads: Spreads = field(default_factory=Spreads)
    disentanglement: Disentanglement | None = None
    converged: bool | None = None
    changes_angstrom2: list[float | None] = field(default_factory=list)
    spreads_angstrom2: list[float | None] = field(default_factory=list)
    n_iterations: int = 0
    max_imaginary_ratio: float | None = None
    total_time_s: float | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Whether the minimisation came to its end: all functions of the last state were printed, and their sum."""
        return self.num_wann is not None and len(self.final) == self.num_wann and self.spreads.omega_total is not None


def read_wout(text: str) -> WannierOutput:
    """Return what an output holds; never raises, as a job may be stopped anywhere.

    Lengths are converted to Å where the deck had them in bohr. A last line without its end is left out: its numbers may
    be cut.
    """
    output = WannierOutput(lines=text[: text.rfind('\n') + 1].splitlines())
    reader = _Reader(output)
    for line in output.lines:
        reader.take(line)
    reader.finish()
    return output


_FUNCTION = re.compile(r'WF centre and spread\s+\d+\s+\(\s*([^,]+),\s*([^,]+),\s*([^)]+)\)\s*(\S+)')
_ITERATION = re.compile(rf'^\s*(\d+)\s+({NUMBER}|\*+)\s+({NUMBER}|\*+)\s+({NUMBER}|\*+)\s+{NUMBER}\s+<-- CONV')
_DIS = re.compile(rf'^\s*(\d+)\s+({NUMBER}|\*+)\s+({NUMBER}|\*+)\s+({NUMBER}|\*+)\s+{NUMBER}\s+<-- DIS')
_WINDOW = re.compile(rf'(Outer|Inner):\s+({NUMBER})\s+to\s+({NUMBER})\s+\(eV\)')
_BOX = re.compile(r'^ *\|\s*(.+?)\s*:\s*(\S+)\s*\|')
_OMEGA = re.compile(r'Omega (I|D|OD|Total)\s+=\s+(\S+)')
_GRID = re.compile(r'Grid size =\s*(\d+)\s*x\s*(\d+)\s*x\s*(\d+)')
_RATIO = re.compile(rf'Maximum Im/Re Ratio\s*=\s*({NUMBER})')


class _Reader:
    """Reads line by line; knows whether it is before or after the minimisation."""

    def __init__(self, output: WannierOutput) -> None:
        self.output = output
        self.functions: list[WannierFunction] | None = None
        self.stopped: list[str] | None = None
        self.recent: list[str] = []
        self.takers: list[Callable[[str], bool]] = [self._end, self._state, self._numbers, self._box]

    def take(self, line: str) -> None:
        """Take one line."""
        if self.stopped is not None:
            self.stopped.append(line.strip())
            return
        if not any(taker(line) for taker in self.takers) and line.strip():
            self.recent = [*self.recent[-9:], line.strip()]

    def _end(self, line: str) -> bool:
        output = self.output
        text = line.strip()
        if text.startswith('Exiting....'):
            output.end, self.stopped = 'error', []
        elif text.startswith('Exiting...') and text.endswith('written.'):
            output.end = 'nnkp_written'
        elif text.startswith('All done: wannier90 exiting'):
            output.end = 'all_done'
        elif found := re.search(r'Release:\s+(\S+)', text):
            output.release = found[1]
        elif re.match(r'(<+ *)?warning', text, re.IGNORECASE):
            output.warnings.append(text.strip('<> '))
        else:
            return False
        return True

    def _state(self, line: str) -> bool:
        output = self.output
        text = line.strip()
        if text == 'Initial State':
            self.functions = output.initial
        elif text == 'Final State':
            self.functions = output.final
        elif text.startswith('Cycle:'):
            self.functions = None
        elif found := _FUNCTION.search(text):
            if self.functions is not None:
                x, y, z, spread = (number(word.strip()) for word in found.groups())
                self.functions.append(WannierFunction((x, y, z), spread))
        elif 'Wannierisation convergence criteria satisfied' in text:
            output.converged = True
        elif text.startswith('<<< Disentanglement convergence criteria'):
            self._disentanglement.converged = 'not satisfied' not in text
        else:
            return False
        return True

    def _numbers(self, line: str) -> bool:
        output = self.output
        if found := _ITERATION.match(line):
            output.n_iterations = int(found[1])
            if output.n_iterations:
                output.changes_angstrom2.append(number(found[2]))
            output.spreads_angstrom2.append(number(found[4]))
        elif found := _DIS.match(line):
            self._disentanglement.n_iterations = int(found[1])
            self._disentanglement.omega_i_angstrom2 = number(found[3])
        elif found := _OMEGA.search(line):
            setattr(output.spreads, f'omega_{found[1].lower()}', number(found[2]))
        elif found := _WINDOW.search(line):
            window = float(found[2]), float(found[3])
            name = 'outer_window_ev' if found[1] == 'Outer' else 'frozen_window_ev'
            setattr(self._disentanglement, name, window)
        elif found := _GRID.search(line):
            output.mp_grid = int(found[1]), int(found[2]), int(found[3])
        elif found := _RATIO.search(line):
            ratio = number(found[1])
            output.max_imaginary_ratio = max(ratio or 0.0, output.max_imaginary_ratio or 0.0)
        elif line.strip().startswith('Total Execution Time'):
            output.total_time_s = number(line.split()[3])
        else:
            return False
        return True

    def _box(self, line: str) -> bool:
        """Take a line of the summary of the deck."""
        found = _BOX.match(line)
        if found is None:
            return False
        output = self.output
        match found[1]:
            case 'Number of Wannier Functions':
                output.num_wann = integer(found[2])
            case 'Number of input Bloch states':
                output.num_bands = integer(found[2])
            case 'Length Unit':
                output.length_unit = found[2]
            case 'Convergence window' if output.conv_window is None:  # of the minimisation, which is told first
                output.conv_window = integer(found[2])
            case 'Total number of iterations' if output.n_iterations_asked is None:
                output.n_iterations_asked = integer(found[2])
            case _:
                pass
        return True

    @property
    def _disentanglement(self) -> Disentanglement:
        if self.output.disentanglement is None:
            self.output.disentanglement = Disentanglement()
        return self.output.disentanglement

    def finish(self) -> None:
        """Conclude what the absence of words says, and convert lengths."""
        output = self.output
        if self.stopped is not None:
            reasons = [text for text in self.stopped if text]
            output.errors = [*reasons, *(text for text in self.recent if _explains(text))]
        if output.final and output.converged is None and (output.conv_window or 0) > 0:
            output.converged = False
        if output.length_unit.lower().startswith('bohr'):
            _to_angstrom(output)


def _explains(text: str) -> bool:
    """Tell whether a line before the end belongs to the error."""
    return bool(
        re.search(r'error|mismatch|Wanted|common cause|unrecognised|number of bands|^\w+ *=', text, re.IGNORECASE)
    )


def _to_angstrom(output: WannierOutput) -> None:
    """Convert everything that was printed in bohr."""
    square = BOHR_ANGSTROM**2

    def length(value: float | None, factor: float) -> float | None:
        return None if value is None else value * factor

    def convert(function: WannierFunction) -> WannierFunction:
        x, y, z = (length(value, BOHR_ANGSTROM) for value in function.centre_angstrom)
        return WannierFunction((x, y, z), length(function.spread_angstrom2, square))

    output.initial = [convert(function) for function in output.initial]
    output.final = [convert(function) for function in output.final]
    output.changes_angstrom2 = [length(value, square) for value in output.changes_angstrom2]
    output.spreads_angstrom2 = [length(value, square) for value in output.spreads_angstrom2]
    for name in ('omega_i', 'omega_d', 'omega_od', 'omega_total'):
        setattr(output.spreads, name, length(getattr(output.spreads, name), square))
    if output.disentanglement is not None:
        output.disentanglement.omega_i_angstrom2 = length(output.disentanglement.omega_i_angstrom2, square)
