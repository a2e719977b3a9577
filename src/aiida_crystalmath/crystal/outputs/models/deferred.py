"""Fields of results that are converted when they are first looked at.

What most readers of an output never ask for (a basis set, the details of a population analysis) costs more to convert
than to find. The sections keep its lines, and the field converts them at the first access.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar('T')
Made_co = TypeVar('Made_co', covariant=True)

_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What converting damaged lines may raise."""


class Later(Generic[Made_co]):
    """A value on its way: a function of a module (so that it can be pickled) and what it is called with."""

    __slots__ = ('arguments', 'make')

    def __init__(self, make: Callable[..., Made_co], *arguments: Any) -> None:
        """Keep what makes the value."""
        self.make = make
        self.arguments = arguments


class Deferred(Generic[T]):
    """A field of a dataclass (without slots) that may be given a :class:`Later`.

    The value is made at the first access, which comparing, printing and ``dataclasses.replace`` are too, and takes the
    place of the lines it is made of. A copied or pickled object that was not looked at stays as it is. Lines that
    cannot be converted never raise: the field then has its default, for good.

    :param default: makes the value of an object that is given none.
    """

    def __init__(self, default: Callable[[], T]) -> None:
        """Keep the default."""
        self.default = default
        self.name = ''

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the name of the field."""
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        """Return the value."""
        if instance is None:
            return self
        value: T | Later[T] = instance.__dict__[self.name]
        if isinstance(value, Later):
            try:
                value = value.make(*value.arguments)
            except _ERRORS:
                value = self.default()
            instance.__dict__[self.name] = value
        return value

    def __set__(self, instance: object, value: T | Later[T]) -> None:
        """Keep a value, or how to make it."""
        unset: object = self
        instance.__dict__[self.name] = self.default() if value is unset else value


def none() -> None:
    """Return the default of fields that may be missing."""
