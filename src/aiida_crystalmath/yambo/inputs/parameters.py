"""From plain dictionaries, as they are stored, to decks.

Two forms are taken. A calculation by what it is, ``{"kind": "g0w0_ppa", "screening_bands": 30, ...}``
(:mod:`~aiida_crystalmath.yambo.inputs.models`); or by Yambo's own words, as users of aiida-yambo know it:
``{"arguments": ["gw0", "ppa", ...], "variables": {"NGsBlkXp": [2, "Ry"], "BndsRnXp": [[1, 30], ""], "WRbsWF": true}}``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from aiida_crystalmath.yambo.inputs.deck import Block, Deck, Number, Text, Value
from aiida_crystalmath.yambo.inputs.errors import YamboInputError
from aiida_crystalmath.yambo.inputs.models import read_calculation
from aiida_crystalmath.yambo.inputs.variables import Kind, Program, suggestion, unknown_names, variables_of

__all__ = ('deck_from_parameters', 'parallel_message', 'value_of')


def deck_from_parameters(
    parameters: Mapping[str, Any], program: Program = 'yambo', allowed: Collection[str] = ()
) -> Deck:
    """Return the deck that plain parameters ask for.

    :param allowed: names that are written although they are not known, for programs newer than the list.
    :raises YamboInputError: they ask for something that Yambo would not obey; all that is wrong, in one message.
    """
    if 'kind' in parameters:
        if program != 'yambo':
            raise YamboInputError(
                f'a `kind` of calculation is for yambo; give `arguments` and `variables` to {program}'
            )
        try:
            model = read_calculation(parameters)
        except ValidationError as exception:
            raise YamboInputError(_reasons(exception)) from None
        return _added(model.base_deck(), model.variables, program, allowed)
    stray = sorted(set(parameters) - {'arguments', 'variables'})
    if stray:
        raise YamboInputError(
            f'{", ".join(f"`{name}`" for name in stray)}: parameters are either a `kind` with its fields, or '
            '`arguments` and `variables`'
        )
    deck = Deck()
    arguments = parameters.get('arguments') or []
    if isinstance(arguments, str) or not all(isinstance(word, str) for word in arguments):
        raise YamboInputError('`arguments` must be a list of words')
    problems = unknown_names(arguments, program, allowed)
    kinds = variables_of(program)
    problems += [
        f'`{word}` needs a value: give it among `variables`'
        for word in arguments
        if kinds.kind(word) in ('number', 'text', 'block')
    ]
    if problems:
        raise YamboInputError('; '.join(problems))
    flags = tuple(word for word in arguments if kinds.kind(word) == 'flag')
    deck = replace(deck, runlevels=tuple(word for word in arguments if word not in flags), flags=flags)
    return _added(deck, parameters.get('variables') or {}, program, allowed)


def _added(deck: Deck, variables: Mapping[str, Any], program: Program, allowed: Collection[str]) -> Deck:
    """Return a deck with further variables, which replace those of the same name."""
    problems = unknown_names(variables, program, allowed)
    if problems:
        raise YamboInputError('; '.join(problems))
    kinds = variables_of(program)
    flags = list(deck.flags)
    runlevels = list(deck.runlevels)
    values = dict(deck.variables)
    for name, raw in variables.items():
        kind = kinds.kind(name)
        if kind in ('flag', 'runlevel') or (kind is None and isinstance(raw, bool)):
            if not isinstance(raw, bool):
                raise YamboInputError(f'`{name}` is switched on by `true`, it is {raw!r}')
            words = runlevels if kind == 'runlevel' else flags
            if raw and name not in words:
                words.append(name)
            elif not raw and name in words:
                words.remove(name)
        else:
            values[name] = value_of(name, raw, kind)
    return Deck(tuple(runlevels), tuple(flags), values)


def parallel_message(deck: Deck, n_processes: int) -> str | None:
    """Return what is wrong with how a deck shares the work out among processes; None if nothing is.

    Each ``*_CPU`` has a number for each role of ``*_ROLEs``, and their product is the number of processes.
    """
    for name, value in deck.variables.items():
        if not name.endswith('_CPU') or not isinstance(value, Text):
            continue
        part = name.removesuffix('_CPU')
        shares = value.value.replace('.', ' ').replace(',', ' ').split()
        roles = (deck.text(f'{part}_ROLEs') or '').replace('.', ' ').replace(',', ' ').split()
        if not all(share.isdigit() for share in shares) or len(roles) != len(shares):
            words = ' '.join(roles)
            return f'`{name}` is "{value.value}" and `{part}_ROLEs` "{words}": one number for each role is needed'
        if math.prod(int(share) for share in shares) != n_processes:
            return (
                f'the roles of {part} share out {math.prod(int(share) for share in shares)} processes and the job has '
                f'{n_processes}: Yambo would replace them without a word'
            )
    return None


def value_of(name: str, raw: Any, kind: Kind | None) -> Value:
    """Return the value that plain data stand for: ``2``, ``[2, "Ry"]``, ``"n"``, ``[[1, 30], ""]``, ``[1, 30]``.

    :param kind: of the name; None: it is not known, and what the data look like counts.
    :raises YamboInputError: the data are of another kind than the name.
    """
    value = _guess(raw)
    if value is None:
        raise YamboInputError(f'`{name}`: {raw!r} is no number, text or row of numbers')
    wanted = {'number': Number, 'text': Text, 'block': Block}.get(kind or '')
    if wanted is not None and not isinstance(value, wanted):
        raise YamboInputError(f'`{name}` takes a {kind}, it is {raw!r}')
    return value


def _guess(raw: Any) -> Value | None:
    """Return the value that plain data look like; None if they look like none."""
    unit = ''
    if isinstance(raw, Sequence) and not isinstance(raw, str) and len(raw) == 2 and isinstance(raw[1], str):
        raw, unit = raw
        if isinstance(raw, str) and not unit:
            return Text(raw)
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str) and not unit:
        return Text(raw)
    if isinstance(raw, int | float):
        return Number(raw, unit)
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
        return None
    rows = raw if isinstance(raw[0], Sequence) and not isinstance(raw[0], str) else [raw]
    if not all(_is_row(row) for row in rows):
        return None
    return Block(tuple(tuple(row) for row in rows), unit)


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, Sequence)
        and not isinstance(row, str)
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in row)
    )


def _reasons(exception: ValidationError) -> str:
    """Return what is wrong with a model, in one line; for names that it does not have, those that may be meant."""
    from aiida_crystalmath.crystal.inputs.errors import reasons
    from aiida_crystalmath.yambo.inputs import models

    text = reasons(exception)
    fields = {
        name
        for model in vars(models).values()
        if isinstance(model, type) and issubclass(model, models._Model)
        for name in model.model_fields
    }
    for error in exception.errors(include_url=False):
        if error['type'] == 'extra_forbidden':
            likely = suggestion(str(error['loc'][-1]), fields)
            if likely:
                text += f'; for `{error["loc"][-1]}`, did you mean {" or ".join(f"`{name}`" for name in likely)}?'
    return text
