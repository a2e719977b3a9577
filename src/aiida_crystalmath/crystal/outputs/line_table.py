"""Who reads a line: known by its first five characters, and by the longer start a reader may name.

Who wants which start is the same for all programs with sections of the same classes, and is found once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aiida_crystalmath.crystal.outputs.sections.base import KEY_LENGTH, Handler

Route = tuple[str, int, Callable[[Any, str], None]]
"""Start of the line, number of the section, and its method."""

_NOISE_STARTS = frozenset('=[abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
"""First characters of the machine's lines; CRYSTAL's own lines start with a blank, a digit or a round bracket."""
_MOST_KEYS = 20_000


class Anchored(Protocol):
    """Whoever reads lines by their start."""

    def anchors(self) -> Mapping[str, Handler]:
        """Return the reader, one of its own methods, of each line start."""


class Driver(Anchored, Protocol):
    """Reads the machine's lines, too, which may start with any letter."""

    def read_noise(self, line: str) -> None:
        """Read a line that may be of the machine."""


class Routes(dict[str, tuple[Route, ...]]):
    """The routes of each start of five characters; what nobody wants is learnt on the way."""

    def __init__(self, sections: Sequence[Anchored], driver: Driver) -> None:
        """Ask the sections, and the driver, which comes last."""
        super().__init__()
        self.noise: tuple[Route, ...] = (('', len(sections), type(driver).read_noise),)
        for i, section in enumerate((*sections, driver)):
            for start, handler in section.anchors().items():
                key = start[:KEY_LENGTH]
                method = getattr(type(section), handler.__name__)
                self[key] = (*self.get(key, ()), (start, i, method))

    def __missing__(self, key: str) -> tuple[Route, ...]:
        """Return who reads an unknown start: nobody, or the reader of noise."""
        routes = self.noise if key[:1] in _NOISE_STARTS else ()
        if len(self) < _MOST_KEYS:
            self[key] = routes
        return routes


_KNOWN: dict[tuple[type, ...], Routes] = {}


def routes_of(sections: Sequence[Anchored], driver: Driver) -> Routes:
    """Return the routes of sections; those of the same classes have the same ones."""
    kinds = tuple(map(type, sections))
    if kinds not in _KNOWN:
        _KNOWN[kinds] = Routes(sections, driver)
    return _KNOWN[kinds]
