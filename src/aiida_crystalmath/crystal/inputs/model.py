"""Base of the models of decks: strict, immutable, and helpful about misspelt keys."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from pydantic import AllowInfNan, BaseModel, BeforeValidator, ConfigDict, StrictBool, model_validator


def _number(value: object) -> object:
    """Refuse what Python would quietly turn into a number."""
    if isinstance(value, bool | str):
        raise ValueError(f'must be a number, it is {value!r}')
    return value


Integer = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number), AllowInfNan(False)]
Flag = StrictBool


class Model(BaseModel):
    """A part of a deck.

    Unknown keys are refused with the nearest known one.
    """

    model_config = ConfigDict(frozen=True, extra='forbid', populate_by_name=True, validate_default=False)

    @model_validator(mode='before')
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = [field.alias or name for name, field in cls.model_fields.items()]
        accepted = {*known, *cls.model_fields}
        unknown = [key for key in data if key not in accepted]
        if unknown:
            raise ValueError('; '.join(_unknown(str(key), known) for key in unknown))
        return data


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    hint = f'did you mean {near[0]!r}?' if near else f'known are {", ".join(known)}'
    return f'unknown key {key!r}: {hint}'
