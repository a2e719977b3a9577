"""The names that an input may have; what Yambo does not know, it ignores without a word."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

__all__ = ('Kind', 'Program', 'Variables', 'suggestion', 'unknown_names', 'variables_of')

Program = Literal['yambo', 'ypp']
Kind = Literal['runlevel', 'flag', 'number', 'text', 'block']

_SECTIONS: Mapping[str, Kind] = {
    'runlevels': 'runlevel',
    'flags': 'flag',
    'numbers': 'number',
    'texts': 'text',
    'blocks': 'block',
}


@dataclass(frozen=True)
class Variables:
    """The names of one program.

    :param kinds: what sort of thing each name stands for.
    """

    program: Program
    kinds: Mapping[str, Kind]

    def kind(self, name: str) -> Kind | None:
        """Return the kind of a name; None if there is no such name."""
        return self.kinds.get(name)

    def of_kind(self, *kinds: Kind) -> list[str]:
        """Return the names of some kinds."""
        return [name for name, kind in self.kinds.items() if kind in kinds]


@cache
def variables_of(program: Program) -> Variables:
    """Return the names that a program knows."""
    text = files('aiida_crystalmath.yambo.inputs').joinpath('variables.yaml').read_text(encoding='utf-8')
    content: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    kinds: dict[str, Kind] = {}
    for section, kind in _SECTIONS.items():
        for pattern in content[program][section]:
            # `Xx` is a runlevel and part of names: whoever comes first keeps the name.
            kinds.update({name: kind for name in _expanded(pattern, content) if name not in kinds})
    return Variables(program, kinds)


def _expanded(pattern: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Give the names that a pattern stands for."""
    if '{x}' in pattern:
        yield from (pattern.replace('{x}', name) for name in content['response_functions'])
    elif '{p}' in pattern:
        yield from (pattern.replace('{p}', name) for name in content['parallel_parts'])
    elif '{q}' in pattern:
        # The database and the ways to interpolate are one for all spins.
        spins = content['spins'] if pattern.startswith('{q}_') and 'INTERP' not in pattern else ['']
        for name in content['corrections']:
            yield from (pattern.replace('{q}', f'{name}{spin}') for spin in spins)
    else:
        yield pattern


def suggestion(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that somebody may have meant, the likeliest first."""
    names = list(known)
    other_case = [candidate for candidate in names if candidate.lower() == name.lower()]
    return other_case or difflib.get_close_matches(name, names, n=3, cutoff=0.75 if len(name) > 4 else 0.6)


def unknown_names(names: Iterable[str], program: Program = 'yambo', allowed: Collection[str] = ()) -> list[str]:
    """Return a sentence for every name that a program would ignore.

    :param allowed: names to believe in all the same, for programs that are newer than the list.
    """
    known = variables_of(program)
    sentences = []
    for name in names:
        if known.kind(name) is not None or name in allowed:
            continue
        likely = suggestion(name, known.kinds)
        advice = f'did you mean {" or ".join(f"`{other}`" for other in likely)}?' if likely else 'leave it out'
        sentences.append(
            f'`{name}` is no name that {program} 5.2 knows, and it would ignore it without a word: {advice}'
        )
    return sentences
