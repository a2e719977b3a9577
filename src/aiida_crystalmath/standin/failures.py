"""FatalError errors of the stand-in's programs, in CRYSTAL's words."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aiida_crystalmath.crystal.basis import BasisError
from aiida_crystalmath.crystal.inputs.errors import DeckError
from aiida_crystalmath.crystal.outputs.fort34 import Fort34Error
from aiida_crystalmath.crystal.symmetry import SymmetryError

from .model import NotSupported, StandinError
from .writers.fort87 import write_fort87
from .writers.frame import Output

KNOWN_FAILURES = (NotSupported, StandinError, DeckError, BasisError, Fort34Error, SymmetryError)
"""What a program reports as an error of its input or its run; anything else is a bug and leaves a traceback."""

_ENDS_EARLY = ('the deck ends', 'the deck is empty', 'END is missing', 'is not closed')


class FatalError(Exception):
    """An error of CRYSTAL's own, to be printed as ``ERROR **** <routine> **** <message>``.

    :param details: further lines for people, printed above.
    """

    def __init__(self, routine: str, message: str, details: str = '') -> None:
        super().__init__(f'{routine}: {message}')
        self.routine = routine
        self.message = message
        self.details = details


def report(out: Output, folder: Path, error: Exception) -> int:
    """Print an error, leave its line in fort.87 and return the exit status."""
    fatal = translate(error)
    if fatal.details:
        out.lines(f' {line}' for line in fatal.details.splitlines())
    write_fort87(folder, out.error(fatal.routine, fatal.message))
    return 1


@cache
def _known_keywords() -> frozenset[str]:
    from aiida_crystalmath.crystal.inputs.keywords import KEYWORDS

    return frozenset(keyword.name.upper() for keyword in KEYWORDS)


def translate(error: Exception) -> FatalError:
    """Return the error in CRYSTAL's words."""
    if isinstance(error, FatalError):
        return error
    if isinstance(error, NotSupported):
        if error.keyword.isalnum() and error.keyword not in _known_keywords():
            return FatalError('READM2', 'KEYWORD NOT ALLOWED', f'{error.keyword}: {error.reason}')
        return FatalError('STANDIN', f'{error.keyword} NOT SUPPORTED', error.reason)
    if isinstance(error, StandinError):
        return FatalError(error.routine, error.message)
    if isinstance(error, DeckError):
        text = str(error)
        if any(words in text for words in _ENDS_EARLY):
            return FatalError('INPUT', 'END OF DATA IN INPUT DECK', text)
        routine = 'INPBAS' if isinstance(error.__cause__, BasisError) else 'INPUT'
        return FatalError(routine, 'FORMAT ERROR IN INPUT DECK', text)
    if isinstance(error, BasisError):
        return FatalError('INPBAS', 'FORMAT ERROR IN INPUT DECK', str(error))
    if isinstance(error, Fort34Error):
        return FatalError('EXTERNAL', 'FORMAT ERROR IN GEOMETRY DATA FILE', str(error))
    if isinstance(error, SymmetryError):
        return FatalError('CRYSTA', 'GEOMETRY NOT CONSISTENT WITH THE GROUP', str(error))
    raise error
