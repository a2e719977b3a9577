"""NEWK: the mesh, its points, and the state computed on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import Literal

import numpy as np

from aiida_crystalmath.crystal.outputs.models import BandEdges, Newk
from aiida_crystalmath.crystal.outputs.sections.base import Handler
from aiida_crystalmath.crystal.outputs.sections.electronic import Electronic
from aiida_crystalmath.crystal.outputs.sections.properties.base import ROW_LIMIT, Part, Run

_MESH = re.compile(r' SHRINK FACTORS\(MONK\.\)\s+(\d+)\s+(\d+)\s+(\d+)\s+SHRINK FACTOR\(GILAT\)\s+(\d+)')
_POINTS = re.compile(r' POINTS IN THE IBZ\s+(\d+)(?:\s+POINTS\(GILAT NET\)\s+(\d+))?')
_KPOINT = re.compile(r'\d+-[RC]\(\s*(-?\d+)\s*(-?\d+)\s*(-?\d+)\)')
_SPINS: dict[str, Literal['', 'alpha', 'beta']] = {'': '', 'alpha': 'alpha', 'beta': 'beta'}


class NewkPart(Part):
    """Reads NEWK into ``properties.newk_result``, the last one into the older fields too."""

    def __init__(self, run: Run, electronic: Electronic) -> None:
        """Start without NEWK.

        :param electronic: the reader of the electronic state, which NEWK prints as the SCF does.
        """
        super().__init__(run)
        self.electronic = electronic
        self.result: Newk | None = None
        self.lines: list[str] = []

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of NEWK."""
        return {
            ' REST': self.read_title,
            ' POIN': self.read_points,
            ' SHRI': self.read_mesh,
            ' *** ': self.read_table,
        }

    def read_title(self, line: str) -> None:
        """Read that NEWK was begun."""
        properties = self.run.properties
        if line.startswith(' RESTART WITH NEW K POINTS NET') and properties is not None and self.run.begin('NEWK'):
            self.electronic.restart()
            self.result = properties.newk_result = Newk()
            properties.newk = True

    def read_points(self, line: str) -> None:
        """Read the numbers of points."""
        if self.result is not None and (found := _POINTS.match(line)):
            self.result.n_kpoints = int(found[1])
            self.result.n_kpoints_gilat = int(found[2]) if found[2] else None

    def read_mesh(self, line: str) -> None:
        """Read the mesh."""
        properties = self.run.properties
        if properties is not None and (found := _MESH.match(line)):
            values = [int(group) for group in found.groups()]
            properties.shrink = (values[0], values[1], values[2], values[3])
            if self.result is not None:
                self.result.shrink, self.result.gilat = (values[0], values[1], values[2]), values[3]

    def read_table(self, line: str) -> None:
        """Read the points of the irreducible zone."""
        if self.result is None or 'K POINTS COORDINATES' not in line:
            return
        result, self.lines = self.result, []
        lines = self.lines

        def row(text: str) -> bool:
            if '(' in text and len(lines) < ROW_LIMIT:
                lines.append(text)
                return True
            found = _KPOINT.findall('\n'.join(lines))
            if result.n_kpoints is not None and len(found) == result.n_kpoints:
                result.kpoints = np.array(list(map(float, chain.from_iterable(found)))).reshape(-1, 3)
            return False

        self.context.capture(row)

    def end(self, keyword: str) -> None:
        """Take the state that was printed."""
        if keyword != 'NEWK' or self.result is None:
            return
        self.result.complete = True
        for name, channel in self.electronic.state.items():
            edges = BandEdges(spin=_SPINS.get(name, ''), conducting=channel.conducting)
            if not channel.shifted:
                edges.fermi_energy_hartree = channel.fermi if channel.fermi is not None else channel.vbm
                edges.vbm_hartree, edges.cbm_hartree = channel.vbm, channel.cbm
                edges.gap_ev, edges.gap_kind = channel.gap_ev, channel.gap_kind
            self.result.channels.append(edges)
