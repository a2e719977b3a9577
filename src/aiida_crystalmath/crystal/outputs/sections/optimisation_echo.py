"""What is optimised and how: the echo of OPTGEOM before the first point."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import OptSettings
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler

_CONTROL = re.compile(r' (\S.*?)\s+OPTIMIZATION CONTROL')
_STEPS = re.compile(r' (?:MAXIMUM ALLOWED NUMBER OF STEPS|DEFAULT MAX NUM OF POINTS)\s+(\d+)')
_MAXIMA = re.compile(r' MAXIMUM GRADIENT COMPONENT\s+(\S+)\s+MAXIMUM DISPLACEMENT COMPONENT\s+(\S+)')
_MEANS = re.compile(r' R\.M\.S\. OF GRADIENT COMPONENT\s*(\S+)\s+R\.M\.S\. OF DISPLACEMENT COMPONENTS\s+(\S+)')
_FINALRUN = re.compile(r'FINALRUN\s+(\d)')
_CONSTRAINTS = (
    'ATOMONLY',
    'CELLONLY',
    'CVOLOPT',
    'EXTPRESS',
    'FIXCELL',
    'FIXDEFO',
    'FIXINDEX',
    'FRAGMENT',
    'FREEZDIH',
    'FREEZINT',
    'INTREDUN',
    'ITATOCEL',
    'LNGSFROZEN',
    'ANGSFROZEN',
    'ANGSTOZERO',
    'TSOPT',
)
"""Keywords of OPTGEOM (manual of CRYSTAL17 and CRYSTAL23, geometry optimisation) that narrow or change what is sought;
the program names a keyword that acts in a line ``INFORMATION **** KEYWORD ****``. Seen in real files: CVOLOPT; users of
CRYSTAL23 published such lines of ATOMONLY, CELLONLY and ITATOCEL (MACE). No line of TSOPT was found anywhere."""


_RESTARTS = (
    ' RESTARTING FROM A PREVIOUS GEOMETRY OPT',
    ' HESSIAN MATRIX INPUT FROM EXTERNAL FILE',
    ' INITIAL HESSIAN FROM PREVIOUS OPTIMIZATION',
)
"""CRYSTAL23 centres the first one, and prints the last one below the title of the first point (public runs of MACE)."""


class OptimisationEcho:
    """Collects settings until the first point takes them; a part of the section of optimisations."""

    def __init__(self, context: Context) -> None:
        """Start without settings."""
        self.context = context
        self.output = context.output
        self.settings = OptSettings()

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of the echo."""
        return {
            ' COMB': self.read_control,
            ' EXTE': self.read_stress,
            ' MAXI': self.read_maxima,
            ' DEFA': self.read_maxima,
            ' R.M.': self.read_maxima,
            ' HESS': self.read_restart,
            ' REST': self.read_restart,
        }

    def read_control(self, line: str) -> None:
        """Read the title of the echo."""
        if found := _CONTROL.match(line):
            self.settings.control = found[1]

    def read_maxima(self, line: str) -> None:
        """Read thresholds and the largest number of points."""
        if found := _STEPS.match(line):
            self.settings.max_points = int(found[1])
            return
        for pattern, names in (
            (_MAXIMA, ('max_gradient', 'max_displacement')),
            (_MEANS, ('rms_gradient', 'rms_displacement')),
        ):
            if found := pattern.match(line):
                values = (number(found[1]), number(found[2]))
                known = {name: value for name, value in zip(names, values, strict=True) if value is not None}
                self.settings.thresholds = {**self.settings.thresholds, **known}

    def read_threshold(self, name: str, text: str) -> None:
        """Read a threshold where it is told again beside its criterion, if the echo was not seen."""
        value = number(text)
        if name not in self.settings.thresholds and value is not None:
            self.settings.thresholds = {**self.settings.thresholds, name: value}

    def read_stress(self, line: str) -> None:
        """Read the external stress: three rows below words and the order of the elements."""
        if not line.startswith(' EXTERNAL STRESS APPLIED'):
            return
        settings = self.settings
        rows: list[list[float]] = []

        def row(text: str) -> bool:
            values = numbers(text)
            if text.count('.') == len(values) == 3:
                rows.append(values)
            elif rows:
                return False
            if len(rows) == 3:
                settings.external_stress_hartree_per_bohr3 = np.array(rows)
            return len(rows) < 3 and not text.startswith((' ***', ' TTTT', ' EEEE'))

        self.context.capture(row)

    def read_restart(self, line: str) -> None:
        """Read that an optimisation of before goes on."""
        if line.startswith(_RESTARTS):
            self.settings.restarted = True

    def take(self) -> OptSettings:
        """Return the settings for the optimisation that begins; a later one without an echo has the same."""
        return self.settings

    def finish(self) -> None:
        """Read the keywords that the messages of the program name."""
        messages = self.output.information
        routines = {message.routine.upper() for message in messages}
        for optimisation in self.output.optimisations:
            settings = optimisation.settings
            settings.constraints = tuple(name for name in _CONSTRAINTS if name in routines and name != 'TSOPT')
            if 'TSOPT' in routines or (settings.control or '').startswith(('SADDLE', 'TRANSITION')):
                optimisation.target = 'transition_state'
            finalruns = [found for message in messages if (found := _FINALRUN.search(message.raw))]
            if finalruns:
                settings.finalrun = int(finalruns[-1][1])
