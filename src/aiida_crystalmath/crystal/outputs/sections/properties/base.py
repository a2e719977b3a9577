"""What the readers of single keywords share: the run so far."""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Properties, PropertyResult
from aiida_crystalmath.crystal.outputs.sections.base import Context, Section
from aiida_crystalmath.crystal.outputs.sections.messages import Messages

KEYWORDS = frozenset(
    """
    ADFT ACOR ANBD ANGSTROM ANISOTRO ATOMIRR ATOMSYMM BAND BASE BIDIERD BOHR BOLTZTRA BWIDTH CHARGED CLAS CNHOMO COHP
    COMMENS COOP COORPRT CRYAPI_OUT DENSMAT DIEL DLV_BAND DOSS ECH3 ECHG EDFT ELFM EMDL EMDLDM EMDP EMDPDM ENECOR
    EXTPRT FMWF FRACTION GRID3D HIRSHCHG INFOGUI ISOTROPIC KINETEMD KNETOUT LOCALI LOCALWF LSP MAPNET MOPAC MULPOPAN
    NEIGHBOR NEWK NOSYMADA PARAMPRT PATO PBAN PDBAN PDIDE PGEOMW POLARI POLI POLS POLSPIN POT3 POTC POTM PPAN PRINTOUT
    PROF PROFCHAN PROPS2COMP PSCF RAYCOV RDFMWF ROTREF SETINF SETPRINT SPOLBP SPOLWF SYMADAPT SYMMOPS TENSOR TOPO XFAC
    XRDSPEC
    """.split()
)
"""Keywords of the properties program (CRYSTAL17 and 23 manuals), as its time lines and decks name them."""


RESULT_LIMIT = 10_000
"""Keywords, maps and the like kept of one run: no deck is that long, a text of a gigabyte may seem to be."""

ROW_LIMIT = 1 << 18
"""Rows kept of one table."""


class Run:
    """The keywords of one run of properties.

    :ivar properties: None until the title says that this is properties.
    """

    def __init__(self, context: Context) -> None:
        """Begin before the title."""
        self.context = context
        self.output: CrystalOutput = context.output
        self.messages = Messages(context)
        self.current: PropertyResult | None = None

    @property
    def properties(self) -> Properties | None:
        """What is filled; None in the crystal program."""
        return self.output.properties

    def begin(self, keyword: str, line: int | None = None) -> bool:
        """Note the first words of a keyword; False when it goes on (two spins, several titles) or this is crystal."""
        properties = self.properties
        if properties is None or len(properties.results) >= RESULT_LIMIT:
            return False
        if self.current is not None and self.current.keyword == keyword and not self.current.complete:
            return False
        self.close()
        self.current = PropertyResult(keyword, line=self.context.line if line is None else line)
        properties.results.append(self.current)
        return True

    def end(self, keyword: str, wall_s: float | None = None, cpu_s: float | None = None) -> None:
        """Note the end of a keyword; of one whose first words are unknown it is all that is seen."""
        if self.properties is None:
            return
        if self.current is None or self.current.keyword != keyword or self.current.complete:
            self.begin(keyword)
        if self.current is not None:
            self.current.complete = True
            self.current.wall_s, self.current.cpu_s = wall_s, cpu_s

    def close(self) -> None:
        """End the current keyword: the program, which works on one after the other, went on without an error."""
        if self.current is not None and not self.output.errors:
            self.current.complete = True

    def interrupts(self, line: str) -> bool:
        """Return whether a line ends any table; a message within one is kept without ending it."""
        if line.startswith((' WARN', ' INFO')):
            self.messages.read(line)
            return False
        return line.startswith((' TTTT', ' ENDP'))


class Part(Section):
    """The reader of one keyword or of a few akin ones."""

    def __init__(self, run: Run) -> None:
        """Keep the run."""
        super().__init__(run.context)
        self.run = run

    def end(self, keyword: str) -> None:
        """Conclude when the time line of a keyword was read."""
