"""Putting the files of one folder together to runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..inputs.d12 import D12
from ..inputs.geometry_block import FROM_FILE
from . import fitting
from .decks import echoed_deck, read_deck
from .files import FileKind, FoundFile, stems
from .outputs import ReadOutput, read_outputs
from .runs import Deck, FoundRun

PROPERTIES_FILES = frozenset(
    """
    fort.25 BAND.DAT DOSS.DAT COOP.DAT COHP.DAT DENS_CUBE.DAT SPIN_CUBE.DAT POT_CUBE.DAT SIGMA.DAT SIGMAS.DAT
    SEEBECK.DAT KAPPA.DAT TDF.DAT POTC.DAT XRDSPEC.DAT
    """.split()
)
"""Files that ``properties`` writes; the others are of ``crystal``. Both write fort.87."""
ANY_PROGRAM = frozenset(('fort.87', 'PPAN.DAT'))
STEP_PATTERNS = ('optc*', 'opta*')


class Folder:
    """The files of one folder, and what was found out about them.

    :param files: as they were classified.
    :param stories: folders ``X.optstory`` beside them, by X: names of the files in it.
    """

    def __init__(self, files: Sequence[FoundFile], stories: Mapping[str, Sequence[str]] | None = None) -> None:
        self.files = files
        self.stories = stories or {}
        self.runs: list[FoundRun] = []
        self.reasons: dict[Path, str] = {}
        self.used: set[Path] = set()
        self._decks: dict[tuple[Path, str], Deck] = {}

    def pair(self) -> list[FoundRun]:
        """Make the runs of the folder."""
        read: dict[Path, list[ReadOutput]] = {}
        for file in self._of_kind(FileKind.OUTPUT):
            try:
                read[file.path] = read_outputs(file.path)
            except OSError as exception:
                self.reasons[file.path] = f'cannot be read: {exception.strerror or exception}'
        for file in self._of_kind(FileKind.OUTPUT):
            parts = read.get(file.path, [])
            for number, part in enumerate(parts):
                self.runs.append(FoundRun(file, part.facts, number, len(parts)))
        for run in self.runs:
            part = read[run.output.path][run.part]
            self._give_deck(run, echoed_deck(part.preamble, run.program))
            if run.program == 'crystal':
                self._give_structure(run)
            self._give_files(run)
            self.used |= {run.output.path, *([run.deck.path] if run.deck and run.deck.path else [])}
            run.digest = _digest(run, part)
        return self.runs

    def _of_kind(self, kind: FileKind) -> list[FoundFile]:
        return [file for file in self.files if file.kind is kind]

    # -------------------------------------------------------------------------------------------------------- decks

    def _give_deck(self, run: FoundRun, echo: Deck | None) -> None:
        """Choose the deck of a run: the file if it is what the output echoes, the echo if they differ."""
        file = self._fitting_file(run)
        if echo is None or (file is not None and file.content == echo.content):
            run.deck = file
            return
        if isinstance(echo.content, D12) and (reason := fitting.misfit(echo.content, run.facts)):
            other = run.facts.n_ao is None or fitting.misfit(echo.content, run.facts, title=False)
            run.notes.append(f'the deck echoed in front of the output {"is another" if other else "differs"}: {reason}')
            if other:
                run.deck = file
                return
        run.deck = echo
        if file is not None and file.path is not None:
            run.notes.append(f'{file.path.name} is not the deck that the output echoes, which is taken')
            self.reasons[file.path] = f'another input than the one that {run.output.path.name} echoes'

    def _fitting_file(self, run: FoundRun) -> Deck | None:
        """Return the first deck in a file that fits; why others do not is noted."""
        for path in self._deck_files(run):
            deck = self._read(path, run.program)
            if deck.content is None:
                reason = f'cannot be read: {deck.problem}'
            elif isinstance(deck.content, D12):
                reason = fitting.misfit(deck.content, run.facts)
            else:
                reason = ''
            if not reason:
                return deck
            run.notes.append(f'{path.name} is not taken: {reason}')
            self.reasons[path] = reason
        return None

    def _read(self, path: Path, program: str) -> Deck:
        if (path, program) not in self._decks:
            try:
                self._decks[path, program] = read_deck(path, program)
            except OSError as exception:
                self._decks[path, program] = Deck('file', '', None, path, problem=str(exception.strerror))
        return self._decks[path, program]

    def _deck_files(self, run: FoundRun) -> list[Path]:
        """Return the decks that may be a run's: of its name, INPUT, or the only one there."""
        kind = FileKind.DECK if run.program == 'crystal' else FileKind.PROPERTIES_DECK
        decks = self._of_kind(kind)
        own = set(stems(run.output.path.name))
        named = [file for file in decks if own & set(stems(file.path.name))]
        rest = [file for file in decks if file not in named]
        alone = len([other for other in self.runs if other.program == run.program]) == 1
        inputs = [file for file in rest if file.path.name == 'INPUT' and (alone or not named)]
        only = [file for file in rest if len(decks) == 1 and not named and alone]
        return list(dict.fromkeys(file.path for file in (*named, *inputs, *only)))

    # ------------------------------------------------------------------------------------------------- structure

    def _give_structure(self, run: FoundRun) -> None:
        """Find the structure that a run of ``crystal`` was given."""
        deck = run.deck.content if run.deck is not None else None
        if isinstance(deck, D12):
            if deck.geometry.keyword in FROM_FILE:
                self._take_geometry_file(run, deck)
            else:
                structure, reason = fitting.deck_structure(deck, run.facts)
                if structure is not None and not reason:
                    run.structure, run.structure_from = structure, 'deck'
                else:
                    run.notes.append(reason)
        if run.structure is None and run.facts.initial is not None:
            run.structure, run.structure_from = run.facts.initial, 'output'
        if run.structure is None:
            run.problem = 'its structure is not known: no deck tells it, and the output ends before it is printed'

    def _take_geometry_file(self, run: FoundRun, deck: D12) -> None:
        """Take the structure from the geometry file of EXTERNAL."""
        own = _stems_of(run)
        files = self._of_kind(FileKind.GEOMETRY)
        named = sorted((file for file in files if file.stem in own), key=lambda file: '_inp' not in file.path.name)
        unit = [file for file in files if file.path.name == 'fort.34']
        paths = list(dict.fromkeys(file.path for file in (*named, *unit, *files)))
        structure, path = fitting.matching_geometry_file(paths, deck, run.facts)
        if structure is not None and path is not None:
            run.structure, run.structure_from, run.geometry_file = structure, 'geometry file', path
            self.used.add(path)
        elif paths:
            run.notes.append(f'{paths[0].name} does not hold the geometry that the output began with')
        else:
            run.notes.append('the geometry file that the deck asks for is not there')

    # ----------------------------------------------------------------------------------------------------- files

    def _give_files(self, run: FoundRun) -> None:
        """Give a run the files beside it, by the names CRYSTAL gives them."""
        own = _stems_of(run)
        for file in self.files:
            if not file.standard or file.kind in (FileKind.OUTPUT, FileKind.EMPTY):
                continue
            if (file.stem in own) if file.stem else self._is_only(run, file.standard):
                if self._belongs(run, file.standard, bool(file.stem)):
                    self._add(run, file)
        for stem in own & set(self.stories):
            for pattern in STEP_PATTERNS:
                run.files[pattern] = f'{stem}.optstory/{pattern}'
        for file in self._of_kind(FileKind.SCHEDULER):
            if len({other.output.path for other in self.runs}) == 1:
                self.used.add(file.path)
                name = 'scheduler_stderr' if 'err' in file.path.name else 'scheduler_stdout'
                run.files.setdefault(name, file.path.name)

    def _add(self, run: FoundRun, file: FoundFile) -> None:
        step = file.standard.lower()
        standard = next((pattern for pattern in STEP_PATTERNS if step.startswith(pattern[:4])), file.standard)
        is_step = standard in STEP_PATTERNS
        self.used.add(file.path)
        # Of several files of one kind (mgo.gui, mgo_inp.gui) the plain one is what the run wrote.
        if standard not in run.files or (file.path.name == f'{file.stem}{file.path.suffix}'):
            run.files[standard] = standard if is_step else file.path.name

    def _is_only(self, run: FoundRun, standard: str) -> bool:
        """Whether a file with a name of CRYSTAL's own can be of no other run of the folder."""
        others = [other for other in self.runs if other is not run]
        if standard in ANY_PROGRAM:
            return not others
        return not any(other.program == run.program for other in others)

    def _belongs(self, run: FoundRun, standard: str, named: bool) -> bool:
        """Whether the program of a run writes such a file, or nobody else is there that could."""
        others = {other.program for other in self.runs if other is not run}
        writer = 'properties' if standard in PROPERTIES_FILES else 'crystal'
        if standard in ANY_PROGRAM and named:
            return True
        return run.program == writer or (writer not in others and run.program == 'crystal')


def _stems_of(run: FoundRun) -> set[str]:
    """Return the stems that files of a run may have: of its output, and of its deck unless that is INPUT."""
    own = set(stems(run.output.path.name))
    if run.deck is not None and run.deck.path is not None and run.deck.path.name != 'INPUT':
        own |= set(stems(run.deck.path.name))
    return own


def _digest(run: FoundRun, part: ReadOutput) -> str:
    """Return the SHA-256 of what decides the results: program, output, deck, geometry file."""
    pieces = [run.program, part.digest, run.deck.text if run.deck is not None else '']
    if run.geometry_file is not None:
        pieces.append(hashlib.sha256(run.geometry_file.read_bytes()).hexdigest())
    return hashlib.sha256('\0'.join(pieces).encode()).hexdigest()
