"""The properties program: its title, the keywords it worked on, and the readers of each.

Nearly every keyword ends with a time line that names it (``TTTT... DOSS TELAPSE``); the program works on one keyword
after the other and stops at the first error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Properties
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.electronic import Electronic
from aiida_crystalmath.crystal.outputs.sections.properties.bands import BandPart
from aiida_crystalmath.crystal.outputs.sections.properties.base import KEYWORDS, Part, Run
from aiida_crystalmath.crystal.outputs.sections.properties.density import DensityPart
from aiida_crystalmath.crystal.outputs.sections.properties.dos import DosPart
from aiida_crystalmath.crystal.outputs.sections.properties.newk import NewkPart
from aiida_crystalmath.crystal.outputs.sections.properties.topond import TopondPart
from aiida_crystalmath.crystal.outputs.sections.properties.xray import XrayPart

_NO_FERMI_ENERGY = -1.0
"""Stored with the wavefunction when the spin was locked to the end, where the program computes none."""
_CYCLES = re.compile(r' N\. OF SCF CYCLES\s+\d+\s+FERMI ENERGY\s+(\S+)')
_TIME = re.compile(r' T+ (\S+(?: START| END)?)\s+TELAPSE\s*(\S+)\s+TCPU\s*(\S+)')


class PropertiesSection(Section):
    """Reads what properties tells; nothing happens in an output of the crystal program.

    :ivar deck: keywords of the deck echoed before this program; set by the driver.
    """

    def __init__(self, context: Context, electronic: Electronic) -> None:
        """Start without properties."""
        super().__init__(context)
        self.fermi_of_wavefunction: float | None = None
        self.run = Run(context)
        self.deck: list[str] = []
        self.formatted_line = 0
        self.parts: list[Part] = [
            NewkPart(self.run, electronic),
            BandPart(self.run),
            DosPart(self.run),
            DensityPart(self.run),
            XrayPart(self.run),
            TopondPart(self.run),
        ]

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of properties; the parts have their own."""
        return {
            ' CRYSTAL - PROPERTIES': self.read_title,
            ' N. OF SCF CYCLES': self.read_fermi,
            ' ENDP': self.read_end,
            ' *   ': self.read_formatted,
            ' INFO': self.read_information,
            ' MULLIKEN POPULATION ANALYSIS': self.read_population,
            ' ERRO': self.read_error,
            'ERROR': self.read_error,
        }

    def read_title(self, line: str) -> None:
        """Notice that this is properties; RDFMWF prints the title twice."""
        self.output.program = 'properties'
        if self.output.properties is None:
            self.output.properties = Properties(title=self.output.title or '', deck_keywords=self.deck)
            if self.formatted_line:
                self.run.begin('RDFMWF', self.formatted_line)

    def read_formatted(self, line: str) -> None:
        """Read the box of RDFMWF, which comes before the title."""
        if 'FORMATTED WAVE FUNCTION DATA FROM FILE' in line:
            self.formatted_line = self.context.line

    def read_fermi(self, line: str) -> None:
        """Read the Fermi energy stored with the wavefunction (three decimals)."""
        if found := _CYCLES.match(line):
            self.fermi_of_wavefunction = number(found[1])

    def read_time(self, line: str) -> None:
        """Read the time line that ends a keyword."""
        if self.output.properties is None or not (found := _TIME.match(line)):
            return
        keyword, *edge = found[1].split()
        if edge:
            # ``ECH3 START`` and ``ECH3 END``, before the line with the name alone.
            if edge == ['START'] and keyword in KEYWORDS:
                self.run.begin(keyword)
            return
        if keyword in KEYWORDS:
            self.run.end(keyword, number(found[2]), number(found[3]))
        for part in self.parts:
            part.end(keyword)

    def read_end(self, line: str) -> None:
        """Read that the deck was worked through."""
        if self.output.properties is not None and line.startswith(' ENDPROP'):
            self.run.close()
            self.output.properties.finished = True

    def read_information(self, line: str) -> None:
        """Read that densities of a two-component wavefunction were asked for."""
        if '**** CALCULATION OF ' in line and 'DENSITY ON A GRID OF POINTS' in line:
            self.run.begin('PROPS2COMP')

    def read_population(self, line: str) -> None:
        """Read that PPAN was begun."""
        self.run.begin('PPAN')

    def read_error(self, line: str) -> None:
        """Give an error to the keyword it stopped."""
        current = self.run.current
        if 'ERROR ****' in line and current is not None and not current.complete and current.error is None:
            current.error = line.strip()

    def finish(self) -> None:
        """Fill in what NEWK or the wavefunction tells better than the sections."""
        if self.output.properties is None and self.output.program == 'properties':
            # It failed before its title, for want of a wavefunction.
            self.output.properties = Properties(title=self.output.title or '', deck_keywords=self.deck)
        properties = self.output.properties
        if properties is None:
            return
        # TOPO ends the program without ENDPROP.
        properties.finished = (properties.finished or self.output.terminated) and not self.output.errors
        if properties.finished:
            self.run.close()
        for part in self.parts:
            part.finish()
        properties.keywords = [result.keyword for result in properties.results]
        properties.n_electrons, properties.n_ao = self.output.n_electrons, self.output.n_ao
        properties.n_kpoints = self.output.n_kpoints
        properties.fermi_wavefunction_hartree = self.fermi_of_wavefunction
        if self.output.fermi_energy_hartree is not None:
            properties.fermi_energy_hartree = self.output.fermi_energy_hartree
        elif properties.fermi_energy_hartree is None and self.fermi_of_wavefunction != _NO_FERMI_ENERGY:
            properties.fermi_energy_hartree = self.fermi_of_wavefunction
        if self.output.terminated:
            self.output.fermi_energy_hartree = properties.fermi_energy_hartree
