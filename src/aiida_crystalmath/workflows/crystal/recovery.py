"""What the handlers of CrystalBaseWorkChain may do: the configuration of recovery, and its check.

The defaults are in ``recovery.yaml``, with a comment on each; the models here have none of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aiida_crystalmath.crystal.inputs.errors import reasons
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge
from aiida_crystalmath.workflows.protocols.mixin import read_overrides

if TYPE_CHECKING:
    from aiida import orm

__all__ = ('Recovery', 'default_recovery', 'read_recovery', 'validate_recovery')

Percent = Annotated[int, Field(ge=0, le=99)]
Factor = Annotated[float, Field(ge=1.0, le=100.0)]


class Section(BaseModel):
    """What all handlers have."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    enabled: bool
    priority: int | None = Field(ge=1, le=999)


class Bounded(Section):
    """A remedy that may be used so many times in one work chain."""

    retries: int = Field(ge=0, le=50)


class OutOfMemory(Bounded):
    """More memory, or fewer processes that share it."""

    memory_factor: Factor
    max_memory_kb: int = Field(gt=0)
    fewer_ranks: bool


class Interrupted(Bounded):
    """Going on after a time limit, a kill, a truncated output."""

    restarts: int = Field(ge=0, le=100)
    walltime_factor: Factor
    max_walltime_seconds: int = Field(gt=0)
    savewf_from_seconds: int = Field(ge=0)


class Cycles(Bounded):
    """More cycles, of the SCF or of the optimisation."""

    maxcycle_factor: Factor
    max_maxcycle: int = Field(gt=0)
    default_maxcycle: int = Field(gt=0)


class SmallGap(Bounded):
    """LEVSHIFT for an insulator with a small gap."""

    gap_ev: float = Field(gt=0)
    levshift: tuple[Annotated[int, Field(ge=1)], Literal[0, 1]]


class Oscillation(Section):
    """Steps against an SCF that goes nowhere."""

    fmixing: tuple[Percent, ...]
    accelerators: tuple[Literal['DIIS', 'BROYDEN', 'ANDERSON'], ...]
    broyden: tuple[float, Percent, Annotated[int, Field(ge=1)]]
    broyden_fmixing: Percent


class Conductor(Bounded):
    """A denser k-mesh, then smeared occupations."""

    shrink_factor: int = Field(ge=2, le=4)
    max_shrink: int = Field(ge=1)
    smear: bool
    smear_hartree: float = Field(gt=0, le=0.1)


class Buffers(Section):
    """Sizes of the buffers of integrals."""

    max_words: int = Field(gt=0)


class LinearDependence(Bounded):
    """LDREMO, in units of 1e-5."""

    ldremo: int = Field(ge=1)


class Recovery(BaseModel):
    """The whole configuration: a section for each handler, by its name without ``handle_``."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    guess_missing: Bounded
    node_failure: Bounded
    out_of_memory: OutOfMemory
    interrupted: Interrupted
    stale_hessian: Bounded
    geometry_not_converged: Cycles
    scf_cycles_exhausted: Cycles
    small_gap: SmallGap
    scf_oscillation: Oscillation
    conducting_scf: Conductor
    fermi_energy: Conductor
    level_shift: Bounded
    small_buffers: Buffers
    unexpected_conductor: Conductor
    anisotropic_shrink: Bounded
    linear_dependence: LinearDependence

    def section(self, handler: str) -> Section | None:
        """Return the section of a handler by its name, ``None`` for one that has none."""
        section: Section | None = getattr(self, handler.removeprefix('handle_'), None)
        return section

    def max_iterations(self) -> int:
        """Return how many runs are needed if every remedy is used up: the sensible value of ``max_iterations``.

        With less the chain may end with 401, which tells less than the calculation's own exit code.
        """
        runs = 1
        for name in type(self).model_fields:
            section: Section = getattr(self, name)
            if not section.enabled:
                continue
            runs += getattr(section, 'retries', 0) + getattr(section, 'restarts', 0)
            runs += int(getattr(section, 'smear', False))
            if isinstance(section, Oscillation):
                runs += len(section.fmixing) + len(section.accelerators)
        return runs


@cache
def _defaults() -> dict[str, Any]:
    import yaml

    text = files('aiida_crystalmath.workflows.crystal').joinpath('recovery.yaml').read_text(encoding='utf-8')
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def default_recovery() -> dict[str, Any]:
    """Return the defaults as plain data, a copy."""
    return merge(_defaults(), {})


def read_recovery(changes: Mapping[str, Any] | orm.Dict | str | Path | None = None) -> Recovery:
    """Return the configuration: the defaults with ``changes`` laid over them.

    :param changes: sections and keys to change: mapping, node, or path of a YAML file.
    :raises ValueError: with every problem, and the nearest known name for an unknown one.
    """
    from aiida import orm

    plain = changes.get_dict() if isinstance(changes, orm.Dict) else read_overrides(changes)
    _check_names(plain)
    try:
        return Recovery.model_validate(merge(_defaults(), plain))
    except ValueError as exception:
        raise ValueError(f'recovery: {reasons(exception)}') from exception


def _check_names(changes: Mapping[str, Any]) -> None:
    """Check that every section and key is one of the defaults'.

    :raises ValueError: for the first that is not.
    """
    defaults = _defaults()
    for name, section in changes.items():
        if name not in defaults:
            raise ValueError(f'recovery: there is no section "{name}": {did_you_mean(str(name), [*defaults])}')
        if not isinstance(section, Mapping):
            raise ValueError(
                f'recovery: section "{name}" must be a mapping such as {{enabled: false}}, not {section!r}.'
            )
        for key in section:
            if key not in defaults[name]:
                raise ValueError(f'recovery: {name} has no "{key}": {did_you_mean(str(key), [*defaults[name]])}')


def validate_recovery(value: orm.Dict | None, _: Any) -> str | None:
    """Validate the port ``recovery``."""
    try:
        read_recovery(value)
    except ValueError as exception:
        return str(exception)
    return None
