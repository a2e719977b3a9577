"""Finding finished runs of CRYSTAL in a tree of folders: which files there are, and which belong together.

:func:`discover` walks folders, tells the files apart by name and content, and puts them together to runs: output, deck,
geometry file and what lies beside them; ``properties`` with the run whose wavefunction it used; runs that started from
the geometry another one ended with. Whatever is left over keeps the reason why.
"""

from __future__ import annotations

from .files import FileKind, FoundFile, classify
from .parts import part_of
from .plan import Plan, discover
from .runs import Deck, FoundRun, OutputFacts

__all__ = ('Deck', 'FileKind', 'FoundFile', 'FoundRun', 'OutputFacts', 'Plan', 'classify', 'discover', 'part_of')
