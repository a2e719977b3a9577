"""How much time, how many ranks and how much memory to ask for: rules of ``resources.yaml``, from the size of a job.

Starting points, not promises: see the head of that file for what they rest on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from aiida_crystalmath.crystal.inputs.errors import reasons
from aiida_crystalmath.workflows.arguments import AUTO, load_basis_family
from aiida_crystalmath.workflows.job_size import JobSize, size_of
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge

if TYPE_CHECKING:
    from aiida import orm

__all__ = (
    'AUTO',
    'PROPERTY',
    'Rules',
    'Suggestion',
    'kind_of',
    'read_rules',
    'set_suggested_options',
    'suggest',
    'suggest_resources',
)

PROPERTY = 'crystalmath_resources'
"""Property of a computer with rules for it."""

PARALLEL = ('pcrystal', 'mppcrystal', 'pproperties')
"""Starts of the names of CRYSTAL's parallel programs, in small letters."""

_STRICT = ConfigDict(extra='forbid', frozen=True)


class CycleRule(BaseModel):
    """Seconds of one SCF cycle."""

    model_config = _STRICT
    prefactor_s: float = Field(gt=0)
    exponent: float = Field(gt=0)
    spin_factor: float = Field(ge=1)
    parallel_exponent: float = Field(ge=0, le=1)
    diagonalisation_s: float = Field(ge=0)
    cycles: int = Field(ge=1)
    start_s: float = Field(ge=0)


class KindRule(BaseModel):
    """How many SCF a kind of calculation is worth."""

    model_config = _STRICT
    scf: float = Field(ge=0)
    per_atom: float = Field(0.0, ge=0)
    gradient: float = Field(0.0, ge=0)
    diagonalisations: int = Field(0, ge=0)
    serial: bool = False


class RankRule(BaseModel):
    """How many ranks are of use."""

    model_config = _STRICT
    functions_per_rank: float = Field(gt=0)


class MemoryRule(BaseModel):
    """Memory of one rank."""

    model_config = _STRICT
    base_mb: float = Field(ge=0)
    matrices: float = Field(ge=0)


class Limits(BaseModel):
    """What may be asked for at most."""

    model_config = _STRICT
    max_ranks: int = Field(ge=1)
    max_machines: int = Field(ge=1)
    max_memory_mb: float | None = Field(None, gt=0)
    max_walltime_h: float = Field(gt=0)
    min_walltime_h: float = Field(ge=0)


class Rules(BaseModel):
    """The content of ``resources.yaml``, where each field is explained."""

    model_config = _STRICT
    cycle: CycleRule
    kinds: dict[str, KindRule]
    ranks: RankRule
    memory: MemoryRule
    limits: Limits
    margin: float = Field(ge=1)


@dataclass(frozen=True)
class Suggestion:
    """What to ask for.

    :param options: of the job, as AiiDA's ``metadata.options``.
    :param reasons: a line for each of them.
    """

    kind: str
    size: JobSize
    ranks: int
    memory_mb: float
    walltime_s: int
    options: dict[str, Any]
    reasons: tuple[str, ...]


@cache
def _shipped() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_name('resources.yaml').read_text(encoding='utf-8'))
    return content


def read_rules(own: Mapping[str, Any] | str | Path | None = None, computer: orm.Computer | None = None) -> Rules:
    """Return the rules: those of this package, changed by the computer's property, changed by the user's own.

    :param own: what differs, or the path of a YAML file with it.
    :raises ValueError: if the rules make no sense, or the file is not there.
    """
    content = _shipped()
    if computer is not None:
        content = _changed(content, computer.get_property(PROPERTY, None) or {}, f'property of {computer.label}')
    if isinstance(own, str | Path):
        path = Path(own)
        try:
            content = _changed(content, yaml.safe_load(path.read_text(encoding='utf-8')) or {}, str(path))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as exception:
            raise ValueError(f'{path}: the rules cannot be read: {" ".join(str(exception).split())}') from exception
    elif own is not None:
        content = _changed(content, own, 'rules')
    return Rules.model_validate(content)


def _changed(content: dict[str, Any], changes: Any, where: str) -> dict[str, Any]:
    """Lay changes over rules and check the result.

    :raises ValueError: naming where the changes come from.
    """
    if not isinstance(changes, Mapping):
        raise ValueError(f'{where}: expected a mapping as in resources.yaml, not {type(changes).__name__}.')
    changed = merge(content, changes)
    try:
        Rules.model_validate(changed)
    except ValueError as exception:
        raise ValueError(f'{where}: {reasons(exception)}') from exception
    return changed


def suggest(kind: str, size: JobSize, rules: Rules, *, ranks_per_machine: int | None = None) -> Suggestion:
    """Return what a job of this kind and size needs, within the limits.

    :param ranks_per_machine: how many ranks one machine takes; None where that is not known: all on one.
    :raises ValueError: for a kind that the rules do not know.
    """
    if kind not in rules.kinds:
        raise ValueError(f'there are no resources for the kind "{kind}": {did_you_mean(kind, list(rules.kinds))}')
    rule, limits = rules.kinds[kind], rules.limits
    per_machine = min(ranks_per_machine or limits.max_ranks, limits.max_ranks)
    useful = 1 if rule.serial else max(round(size.n_functions / rules.ranks.functions_per_rank), 1)
    memory = _memory_mb(size, rules)
    if limits.max_memory_mb is not None:
        per_machine = max(min(per_machine, int(limits.max_memory_mb // memory)), 1)
    ranks = min(useful, per_machine * limits.max_machines, limits.max_ranks)
    machines = math.ceil(ranks / per_machine)
    per_machine = ranks // machines  # the same on each
    ranks = machines * per_machine
    seconds = _seconds(rule, size, rules, ranks)
    asked_h = max(math.ceil(2 * rules.margin * seconds / 3600) / 2, limits.min_walltime_h)
    hours = min(asked_h, limits.max_walltime_h)
    needed_mb = memory * per_machine
    asked_mb = min(needed_mb, limits.max_memory_mb or needed_mb)
    told = (
        size.words,
        f'{ranks} rank{"s" if ranks > 1 else ""}: '
        + (
            'the program is serial'
            if rule.serial
            else f'about {rules.ranks.functions_per_rank:g} basis functions for each'
        )
        + ('' if ranks >= useful else f', and no more than the limit allows ({useful} would be of use)'),
        f'{asked_mb:.0f} MB a machine: {memory:.0f} MB a rank'
        + ('' if asked_mb == needed_mb else f', cut to the limit ({needed_mb:.0f} MB would be safe)'),
        f'{hours:g} h: about {_about(seconds)}, times {rules.margin:g}'
        + ('' if hours == asked_h else f', cut to the limit ({asked_h:g} h would be safe)'),
    )
    options = {
        'resources': {'num_machines': machines, 'num_mpiprocs_per_machine': per_machine},
        'max_wallclock_seconds': round(hours * 3600),
        'max_memory_kb': math.ceil(asked_mb * 1024),
        'withmpi': ranks > 1,
    }
    return Suggestion(kind, size, ranks, asked_mb, round(hours * 3600), options, told)


def _memory_mb(size: JobSize, rules: Rules) -> float:
    """Return the memory of a rank in MB: complex matrices of 16 bytes an element."""
    matrices = rules.memory.matrices * (2 if size.spin_polarised else 1)
    return rules.memory.base_mb + matrices * 16 * size.n_functions**2 / 1e6


def _seconds(rule: KindRule, size: JobSize, rules: Rules, ranks: int) -> float:
    """Return the time a job will take, s."""
    cycle = rules.cycle
    spin = cycle.spin_factor if size.spin_polarised else 1.0
    integrals: float = cycle.prefactor_s * size.n_functions**cycle.exponent * spin / ranks**cycle.parallel_exponent
    one: float = cycle.diagonalisation_s * size.n_functions**3 * (2 if size.spin_polarised else 1) / ranks
    n_scf: float = rule.scf + rule.per_atom * size.n_irreducible_atoms
    cycles = n_scf * (cycle.cycles + rule.gradient)
    return cycle.start_s + cycles * (integrals + one * size.n_kpoints) + rule.diagonalisations * one


def _about(seconds: float) -> str:
    """Return a time in one unit."""
    for unit, name in ((3600.0, 'h'), (60.0, 'min')):
        if seconds >= unit:
            return f'{seconds / unit:.1f} {name}'
    return f'{seconds:.0f} s'


def suggest_resources(
    structure: orm.StructureData,
    basis_sets: Mapping[str, Any],
    kind: str = 'SP',
    *,
    code: orm.AbstractCode | None = None,
    computer: orm.Computer | None = None,
    shrink: Mapping[str, Any] | None = None,
    kpoints_distance: float | None = None,
    spin_polarised: bool = False,
    settings: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | str | Path | None = None,
) -> Suggestion:
    """Return what to ask for a calculation on a structure: time, ranks, memory, with reasons.

    :param basis_sets: ``BasisSetData`` of each kind or element.
    :param kind: ``SP``, ``OPT``, ``FREQ``, ... : a key of ``kinds`` in the rules.
    :param code: tells the computer, and whether the program is parallel.
    :param computer: where it runs, if there is no code.
    :param shrink: ``{'is': n or [n1, n2, n3], ...}``; else the mesh is that of ``kpoints_distance`` (1/Å).
    :param rules: what differs from the rules of the package, or the path of a YAML file with it.
    :raises ValueError: for unknown kinds, rules that make no sense, and a basis set that is missing.
    """
    computer = computer or (code.computer if code is not None else None)
    size = size_of(
        structure,
        basis_sets,
        shrink=shrink,
        kpoints_distance=kpoints_distance,
        spin_polarised=spin_polarised,
        settings=settings or {},
    )
    known = read_rules(rules, computer)
    if code is not None and not is_parallel(code):
        known = _serial(known)
    memory_kb = computer.get_default_memory_per_machine() if computer is not None else None
    if memory_kb and (known.limits.max_memory_mb is None or memory_kb / 1024 < known.limits.max_memory_mb):
        known = _limited(known, max_memory_mb=memory_kb / 1024)
    ranks_per_machine = computer.get_default_mpiprocs_per_machine() if computer is not None else None
    suggestion = suggest(kind, size, known, ranks_per_machine=ranks_per_machine)
    return _for_scheduler(suggestion, computer)


def is_parallel(code: orm.AbstractCode) -> bool:
    """Tell whether a code may run on several ranks: as its setting ``with_mpi`` says, else by its program's name."""
    if code.with_mpi is not None:
        return bool(code.with_mpi)
    return Path(str(getattr(code, 'filepath_executable', ''))).name.lower().startswith(PARALLEL)


def _serial(rules: Rules) -> Rules:
    return _limited(rules, max_ranks=1, max_machines=1)


def _limited(rules: Rules, **limits: Any) -> Rules:
    return rules.model_copy(update={'limits': rules.limits.model_copy(update=limits)})


def _for_scheduler(suggestion: Suggestion, computer: orm.Computer | None) -> Suggestion:
    """Put the options in the words of the computer's scheduler; leave out what it cannot keep."""
    if computer is None:
        return suggestion
    from dataclasses import replace

    from aiida.schedulers.datastructures import ParEnvJobResource

    options = dict(suggestion.options)
    if computer.scheduler_type == 'core.direct':
        options.pop('max_memory_kb')  # it only warns
    if issubclass(computer.get_scheduler().job_resource_class, ParEnvJobResource):
        # The parallel environment has a name that only the user knows.
        options['resources'] = {'tot_num_mpiprocs': suggestion.ranks}
    return replace(suggestion, options=options)


Kind = Literal['SP', 'OPT', 'FREQ', 'ELAST', 'EOS', 'CPHF']
BLOCKS: Mapping[str, Kind] = {
    'freqcalc': 'FREQ',
    'scelphono': 'FREQ',
    'elastcon': 'ELAST',
    'eos': 'EOS',
    'optgeom': 'OPT',
    'cphf': 'CPHF',
}


def kind_of(parameters: Mapping[str, Any]) -> Kind:
    """Return the kind of a calculation from its parameters; the most expensive block counts."""
    geometry = parameters.get('geometry') or {}
    return next((kind for block, kind in BLOCKS.items() if geometry.get(block) is not None), 'SP')


def suggested_options(
    code: orm.AbstractCode, structure: orm.StructureData, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options for the inputs of a base chain, plain as a protocol makes them.

    :param inputs: ``crystal`` with ``parameters``, ``basis_sets`` or a ``basis_family``, ``kpoints_distance``.
    :raises ValueError: if the basis is one of CRYSTAL's internal libraries, whose size is not known here.
    """
    crystal = inputs['crystal']
    parameters = crystal['parameters']
    family = inputs.get('basis_family')
    if 'basis_sets' in crystal:
        basis_sets = crystal['basis_sets']
    elif family is not None and not (parameters.get('basis') or {}).get('library'):
        label = family if isinstance(family, str) else family.value
        basis_sets = load_basis_family(label).get_basis_sets(structure=structure)
    else:
        raise ValueError('options="auto" needs basis sets of known size: use a basis-set family, or give the options.')
    method, scf = parameters.get('hamiltonian') or {}, parameters.get('scf') or {}
    distance = inputs.get('kpoints_distance')
    polarised = method.get('method') in ('UHF', 'ROHF') or bool((method.get('dft') or {}).get('spin'))
    suggestion = suggest_resources(
        structure,
        basis_sets,
        kind_of(parameters),
        code=code,
        shrink=scf.get('shrink'),
        kpoints_distance=None if distance is None else float(getattr(distance, 'value', distance)),
        spin_polarised=polarised,
        settings=crystal.get('settings'),
    )
    return suggestion.options


def set_suggested_options(
    inputs: dict[str, Any], code: orm.AbstractCode, structure: orm.StructureData, overrides: Mapping[str, Any]
) -> None:
    """Put the suggested options into the inputs of a base chain; what the overrides say of them stays.

    :param inputs: plain as a protocol makes them, changed in place.
    :param overrides: as given to ``get_builder_from_protocol``.
    """
    metadata = inputs['crystal'].setdefault('metadata', {})
    own = ((overrides.get('crystal') or {}).get('metadata') or {}).get('options') or {}
    metadata['options'] = {**(metadata.get('options') or {}), **suggested_options(code, structure, inputs), **own}
