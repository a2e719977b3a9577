"""Which density functional is used.

Lines of real files of CRYSTAL06 to 23: ``(EXCHANGE)[CORRELATION] FUNCTIONAL:(BECKE 88)[LEE-YANG-PARR]``, then weights,
the range separation, and ``HYBRID EXCHANGE - PERCENTAGE OF FOCK EXCHANGE  20.0000``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models.functional import Functional
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import KEY_LENGTH, Context, Handler, Section

_FUNCTIONAL = re.compile(r' \(EXCHANGE\)\[CORRELATION\] FUNCTIONAL:\((.+?)\)\[(.+)\]\s*$')
_FOCK = re.compile(r' HYBRID EXCHANGE - PERCENTAGE OF FOCK EXCHANGE\s+(\S+)')
_WEIGHT = re.compile(r' NON-LOCAL WEIGHTING FACTOR ([([])(?:EXCHANGE|CORRELATION)[)\]] =\s*(\S+)')
_OMEGA = re.compile(r' OMEGA \(SHORT-RANGE\)\[LONG-RANGE\]:\(\s*(\S+?)\s*\)\[\s*(\S+?)\s*\]')


class FunctionalSection(Section):
    """Reads the functional; the lines after it add to it, until another subject begins."""

    def __init__(self, context: Context) -> None:
        """Start without functional."""
        super().__init__(context)
        self.complete = False

    def anchors(self) -> Mapping[str, Handler]:
        """Its lines."""
        return {
            ' (EXC': self.read_functional,
            ' HYBR': self.read_fock,
            ' NON-': self.read_weight,
            ' RANG': self.read_range,
            ' OMEG': self.read_omega,
        }

    def read_functional(self, line: str) -> None:
        """Read exchange and correlation."""
        if found := _FUNCTIONAL.match(line):
            self.output.functional = Functional(found[1].strip(), found[2].strip())
            self.complete = False
            readers = self.anchors()

            def following(text: str) -> bool:
                if reader := readers.get(text[:KEY_LENGTH]):
                    reader(text)
                self.complete = reader is None and bool(text.strip())
                return not self.complete

            self.context.capture(following)

    def read_fock(self, line: str) -> None:
        """Read the part of Fock exchange."""
        if (found := _FOCK.match(line)) and self.output.functional is not None:
            self.output.functional.fock_exchange_percent = number(found[1])

    def read_weight(self, line: str) -> None:
        """Read a weight of the non-local part."""
        functional, found = self.output.functional, _WEIGHT.match(line)
        if found is None or functional is None:
            return
        if found[1] == '(':
            functional.exchange_weight = number(found[2])
        else:
            functional.correlation_weight = number(found[2])

    def read_range(self, line: str) -> None:
        """Read that the hybrid is range-separated."""
        if line.startswith(' RANGE-SEPARATED HYBRID') and self.output.functional is not None:
            self.output.functional.range_separated = True

    def read_omega(self, line: str) -> None:
        """Read the ranges."""
        if (found := _OMEGA.match(line)) and self.output.functional is not None:
            self.output.functional.omega_short, self.output.functional.omega_long = number(found[1]), number(found[2])

    def finish(self) -> None:
        """Withdraw a functional whose hybrid part may have been cut off."""
        if not (self.complete or self.output.terminated or self.output.errors):
            self.output.functional = None
