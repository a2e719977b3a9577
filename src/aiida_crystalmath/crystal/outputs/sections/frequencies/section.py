"""The section of frequencies: its parts, and which run counts."""

from __future__ import annotations

from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.frequencies.dos import DosPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.lo_to import LoToPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.modes import ModesPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.parts import Part, Runs
from aiida_crystalmath.crystal.outputs.sections.frequencies.raman import RamanPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.responses import ResponsesPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.setup import SetupPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.thermo import ThermoPart
from aiida_crystalmath.crystal.outputs.sections.frequencies.vectors import VectorsPart


class FrequenciesSection(Section):
    """Reads FREQCALC; of several runs (volumes of a quasi-harmonic one) the first one is kept."""

    def __init__(self, context: Context) -> None:
        """Set up the parts."""
        super().__init__(context)
        self.runs = Runs(context)
        vectors = VectorsPart(context, self.runs)
        lo_to = LoToPart(context, self.runs)
        self.parts: list[Part] = [
            SetupPart(context, self.runs),
            vectors,
            lo_to,
            ModesPart(context, self.runs, vectors, lo_to),
            RamanPart(context, self.runs),
            ResponsesPart(context, self.runs),
            DosPart(context, self.runs),
            ThermoPart(context, self.runs),
        ]

    def anchors(self) -> Mapping[str, Handler]:
        """Nothing: the parts have their own."""
        return {}

    def finish(self) -> None:
        """Let the parts conclude, eigenvectors before the modes they confirm."""
        for part in self.parts:
            part.finish()
        self.output.frequencies = self.runs.chosen
