"""Types: a deck, what is needed of an output to pair it, and a run with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ..geometry import Geometry
from ..inputs.d3 import D3
from ..inputs.d12 import D12
from ..outputs.models.basis_printed import PrintedBasis
from .files import FoundFile

Program = Literal['crystal', 'properties']
InputsFrom = Literal['d12', 'd3', 'echo', 'output']
StructureFrom = Literal['deck', 'geometry file', 'output']


@dataclass
class Deck:
    """A deck.

    :param origin: a file of its own, or an echo in the output.
    :param text: as it stands.
    :param content: what was read; None if it cannot be read.
    :param path: the file.
    :param problem: why it cannot be read.
    """

    origin: Literal['file', 'echo']
    text: str
    content: D12 | D3 | None
    path: Path | None = None
    problem: str = ''


@dataclass(frozen=True)
class OutputFacts:
    """What an output tells that is needed to pair it.

    :param energies_hartree: energies that its wavefunction may bear: of the last SCF, with corrections, of the
        optimisation; of the header for ``properties``.
    :param initial: primitive cell at the start, ``final``: that of an optimisation that converged, as printed.
    :param wavefunctions: stems of the wavefunction files that the run script says it took (``mgo`` of ``mgo.f9``).
    :param has_wavefunction: whether ``properties`` prints the atoms of the wavefunction that it read.
    """

    program: Program
    title: str = ''
    version: str | None = None
    engine: str = 'CRYSTAL'
    started: datetime | None = None
    ended: datetime | None = None
    finished: bool = False
    n_atoms: int | None = None
    n_electrons: float | None = None
    n_ao: int | None = None
    energies_hartree: tuple[float, ...] = ()
    initial: Geometry | None = None
    final: Geometry | None = None
    is_optimisation: bool = False
    basis: PrintedBasis | None = None
    hamiltonian: str | None = None
    shrink: tuple[int, ...] | None = None
    wavefunctions: tuple[str, ...] = ()
    has_wavefunction: bool = False


@dataclass(eq=False)
class FoundRun:
    """A run with all that belongs to it.

    :param output: the file with its output.
    :param part: which program of the file, from 0; ``n_parts`` programs are in it.
    :param deck: its input; None if there is none that fits.
    :param geometry_file: file of the geometry, for EXTERNAL.
    :param files: files beside it by the name that CRYSTAL gives them (``fort.25``; ``optc*``, ``opta*`` are patterns).
    :param parent: for ``properties``, the run whose wavefunction it used; ``parent_by`` says how that is known.
    :param started_from: the optimisation whose final geometry it started from.
    :param problem: why it cannot be imported.
    :param notes: what a person should know.
    :param digest: SHA-256 of what decides its results: output, deck, geometry file.
    """

    output: FoundFile
    facts: OutputFacts
    part: int = 0
    n_parts: int = 1
    deck: Deck | None = None
    geometry_file: Path | None = None
    structure: Geometry | None = None
    structure_from: StructureFrom | None = None
    files: dict[str, str] = field(default_factory=dict)
    parent: FoundRun | None = None
    parent_by: str = ''
    started_from: FoundRun | None = None
    problem: str = ''
    notes: list[str] = field(default_factory=list)
    digest: str = ''

    @property
    def program(self) -> Program:
        """The program that ran."""
        return self.facts.program

    @property
    def lacks_parent(self) -> bool:
        """Whether the run whose wavefunction ``properties`` used is not among those found."""
        return self.program == 'properties' and self.parent is None

    @property
    def folder(self) -> Path:
        """The folder of the output."""
        return self.output.path.parent

    @property
    def name(self) -> str:
        """The path of the output, with the number of the program if the file holds several."""
        return f'{self.output.path}{f"#{self.part + 1}" if self.n_parts > 1 else ""}'

    @property
    def inputs_from(self) -> InputsFrom:
        """Where the inputs are from."""
        if self.deck is None or self.deck.content is None:
            return 'output'
        if self.deck.origin == 'echo':
            return 'echo'
        return 'd12' if self.program == 'crystal' else 'd3'
