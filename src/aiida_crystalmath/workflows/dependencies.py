"""What needs what: circles, order and followers of named items. Plain dictionaries; no AiiDA here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ('circle', 'followers', 'ordered')


def circle(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return items that need each other in a circle, the first one again at the end; empty if there are none.

    :param needs: by item, those that it needs; those that are not items themselves are ignored.
    """
    for name in needs:
        path = _path(name, name, needs, set())
        if path:
            return path
    return []


def _path(start: str, goal: str, needs: Mapping[str, Collection[str]], seen: set[str]) -> list[str]:
    """Return a way from ``start`` along ``needs`` to ``goal``; empty if there is none."""
    for name in needs.get(start, ()):
        if name == goal:
            return [start, name]
        if name not in seen:
            seen.add(name)
            path = _path(name, goal, needs, seen)
            if path:
                return [start, *path]
    return []


def followers(name: str, needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return ``name`` and all that needs it, directly or not, in the order of ``needs``."""
    found = {name}
    while True:
        more = {item for item, its in needs.items() if found.intersection(its)} - found
        if not more:
            return [item for item in needs if item in found]
        found |= more


def ordered(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return the items, each after those that it needs.

    :raises ValueError: if they need each other in a circle, or something that is not there.
    """
    done: list[str] = []
    while len(done) < len(needs):
        ready = [name for name, its in needs.items() if name not in done and set(its) <= set(done)]
        if not ready:
            raise ValueError(f'no order: {", ".join(name for name in needs if name not in done)} wait for each other')
        done += ready
    return done
