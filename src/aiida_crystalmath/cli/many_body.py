"""``crystalmath run --chain gw|bse``: from a structure, or a finished chain of CRYSTAL, to the builder of a chain."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import fail
from aiida_crystalmath.cli.many_body_codes import find_codes

if TYPE_CHECKING:
    from aiida.orm import ProcessNode, StructureData

__all__ = ('CHAINS', 'OPTION_NAMES', 'check_options', 'make_builder')

CHAINS = {
    'gw': 'quasi-particle energies by pw.x and Yambo',
    'bse': 'absorption spectrum and excitons by pw.x and Yambo',
}

OPTION_NAMES = {
    'pw_code': '--pw-code',
    'p2y_code': '--p2y-code',
    'yambo_code': '--yambo-code',
    'ypp_code': '--ypp-code',
    'pseudo_family': '--pseudo-family',
    'from_chain': '--from',
}
"""Options that only these chains have, by the parameters of the command."""

NOT_TAKEN = {
    'moments': ('--moment', 'these chains are for insulators without spin'),
    'metal': ('--metal', 'these chains are for insulators without spin'),
    'properties_code': ('--properties-code', 'nothing here is done by properties'),
    'resources': ('--resources auto', 'it knows the costs of CRYSTAL only: use --walltime, --mpi, --max-memory-gb'),
}
MODULES = {'aiida_quantumespresso': 'aiida-quantumespresso', 'aiida_pseudo': 'aiida-pseudo', 'h5py': 'h5py'}
GIVEN = ('codes', 'structure', 'protocol', 'overrides', 'options', 'crystal_chain', 'pseudos', 'pseudo_family')
"""Arguments of the builders that have options of their own, or none."""

INSTALL_FAMILY = (
    'Install one from a folder of UPF files (one for each element): aiida-pseudo install family FOLDER LABEL -P '
    'pseudo.upf\nor, with a connection, PseudoDojo: aiida-pseudo install pseudo-dojo -f upf'
)


def check_options(options: Mapping[str, Any]) -> None:
    """Exit with an explanation if options and chain do not go together."""
    chain = options['chain']
    if chain not in CHAINS:
        stray = [name for key, name in OPTION_NAMES.items() if options.get(key)]
        if stray:
            fail(f'{", ".join(stray)}: only for --chain {" and --chain ".join(CHAINS)}.')
        return
    for key, (name, reason) in NOT_TAKEN.items():
        if options.get(key):
            fail(f'{name} does not go with --chain {chain}: {reason}.')
    missing = [name for module, name in MODULES.items() if find_spec(module) is None]
    if missing:
        fail(
            f'--chain {chain} needs {", ".join(missing)}, which {"are" if len(missing) > 1 else "is"} not installed.',
            'pip install "aiida-crystalmath[yambo]"',
        )


def make_builder(structure: StructureData | None, chain: str, options: dict[str, Any]) -> Any:
    """Make the builder of ``crystalmath.yambo.CHAIN`` by a protocol.

    :param structure: ``None`` to begin with the finished chain of CRYSTAL that ``options['from_chain']`` names.
    :raises ValueError: if the file or an option is wrong.
    """
    from aiida_crystalmath.cli.chains import DEFAULT_PROTOCOL, find_code, job_options, own_arguments, read_overrides
    from aiida_crystalmath.workflows.arguments import check_relax_type
    from aiida_crystalmath.workflows.multicode.many_body import crystal_results_of

    process = _load(chain)
    known = inspect.signature(process.get_builder_from_protocol).parameters
    own = own_arguments(options['arguments'], {name: item for name, item in known.items() if name not in GIVEN})
    wrong = [name for name in ('cutoff_ry', 'scissor_ev') if not isinstance(own.get(name, 0.0), int | float)]
    if wrong:
        raise ValueError(f'--set {wrong[0]}={own[wrong[0]]}: write a number.')
    if structure is not None and not all(structure.pbc):
        raise ValueError(f'--chain {chain}: plane waves need a structure that repeats in three directions.')
    codes = find_codes(options, chain)
    before = None
    if options.get('from_chain'):
        before = _finished(str(options['from_chain']))
        structure = crystal_results_of(before)[0]
    assert structure is not None
    if check_relax_type(own.get('relax_type', 'none')).value != 'none':
        codes['crystal'] = find_code(options['code'], 'crystalmath.crystal23')
    elif options['code']:
        raise ValueError(
            '--code names the code of CRYSTAL, which runs nothing here: with --set relax_type=positions_cell it '
            'optimises the structure first. The others are named with --pw-code, --p2y-code, --yambo-code.'
        )
    protocol, overrides = options['protocol'] or DEFAULT_PROTOCOL, read_overrides(options['overrides'])
    meta = process.get_protocol_inputs(protocol, overrides)['meta_inputs']
    asked = options.get('pseudo_family') or ((overrides or {}).get('meta_inputs') or {}).get('pseudo_family')
    family = str(asked) if asked else choose_family(structure, str(meta['pseudo_family']))
    cutoff = own.get('cutoff_ry') or meta['cutoff_ry']
    _check_family(family, structure, bool(cutoff))
    given = None if before is not None else structure
    shared: dict[str, Any] = {'crystal_chain': before, 'pseudo_family': family, 'options': job_options(options)}
    try:
        builder = process.get_builder_from_protocol(codes, given, protocol, overrides, **shared, **own)
    except (TypeError, AttributeError) as exception:
        if not own:
            raise
        kinds = '; '.join(f'{name}: {known[name].annotation}' for name in own)
        raise ValueError(
            f'--set {", ".join(options["arguments"])}: a value is not of the kind expected ({exception}): {kinds}.'
        ) from exception
    return _checked(process, builder, codes, chain)


def _load(chain: str) -> Any:
    """Return the class of a chain; exits with an explanation if it cannot be loaded."""
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins import WorkflowFactory

    try:
        return WorkflowFactory(f'crystalmath.yambo.{chain}')
    except EntryPointError as exception:
        fail(f'the work chain crystalmath.yambo.{chain} cannot be loaded: {str(exception).splitlines()[0]}')


def _checked(process: Any, builder: Any, codes: Mapping[str, Any], chain: str) -> Any:
    """Return the builder if its inputs go together and no code is missing.

    :raises ValueError: if they do not.
    """
    inputs = builder._inputs(prune=True)
    if chain == 'bse' and 'ypp' not in codes:
        writes = inputs['bse_parameters'].get_dict().get('write_wavefunctions', False)
        lists = inputs['list_excitons'].value if 'list_excitons' in inputs else True
        if writes and lists:
            raise ValueError(
                'a BSE that writes its wavefunctions leaves the list of excitons to ypp, and there is no code of it on '
                'that computer (crystalmath setup code COMPUTER ypp)'
            )
    problem = process.spec().inputs.validate(inputs)
    if problem is not None:
        raise ValueError(str(problem.message))
    return builder


def _finished(identifier: str) -> ProcessNode:
    """Load the chain of CRYSTAL to begin with.

    :raises ValueError: if it is none.
    """
    from aiida_crystalmath.cli.common import load_process

    node = load_process(identifier)
    kind = (node.process_type or '').rpartition(':')[2]
    if not kind.startswith('crystalmath.crystal'):
        raise ValueError(f'--from {identifier}: {node.process_label} is no calculation or work chain of CRYSTAL.')
    return node


# -- pseudopotentials --------------------------------------------------------------------------------------------------


def choose_family(structure: StructureData, preferred: str) -> str:
    """Return the family of norm-conserving pseudopotentials for a structure, and say which it is.

    The protocol's own if it is installed, else the only one that has all elements. Exits with an explanation if there
    is none, or if one must choose.

    :param preferred: label of the protocol's family.
    """
    from aiida import orm

    kind: Any = import_module('aiida_pseudo.groups.family').PseudoPotentialFamily
    families: list[Any] = orm.QueryBuilder().append(kind).all(flat=True)
    refused = {str(family.label): _unfit(family, structure) for family in families}
    fit = sorted(label for label, reason in refused.items() if not reason)
    if preferred in fit:
        return preferred
    if not fit:
        reasons = '; '.join(f'"{label}": {reason}' for label, reason in sorted(refused.items()))
        fail(
            'no family of norm-conserving pseudopotentials that has all elements is installed'
            f'{f" ({reasons})" if reasons else ""}.',
            INSTALL_FAMILY,
        )
    if len(fit) > 1:
        fail(f'there are several families of pseudopotentials: {", ".join(fit)}.', 'Choose one with --pseudo-family.')
    if structure.is_stored:  # a builder is tried before, with a draft
        click.echo(f'Pseudopotentials: family "{fit[0]}", the only norm-conserving one with all elements.', err=True)
    return fit[0]


def _check_family(label: str, structure: StructureData, has_cutoff: bool) -> None:
    """Exit with an explanation if a family is not installed, unfit, or tells no cutoff where none is given."""
    from aiida_crystalmath.workflows.multicode.converters.pseudopotentials import not_norm_conserving
    from aiida_crystalmath.workflows.multicode.many_body import family_of

    try:
        pseudos, cutoff = family_of(label, structure)
    except ValueError as exception:
        reason = str(exception).removeprefix('pseudo_family: ').partition('; install')[0]
        fail(f'family "{label}" of pseudopotentials: {reason}', INSTALL_FAMILY)
    wrong = ', '.join(f'{kind} ({name})' for kind, name in sorted(not_norm_conserving(pseudos).items()))
    if wrong:
        fail(
            f'family "{label}": Yambo needs norm-conserving pseudopotentials, and these are not: {wrong}.',
            INSTALL_FAMILY,
        )
    if cutoff is None and not has_cutoff:
        fail(
            f'family "{label}" recommends no cutoff of the wavefunctions.',
            'Give it in Ry: --set cutoff_ry=NUMBER (what its makers say, or a convergence of your own).',
        )


def _unfit(family: Any, structure: StructureData) -> str:
    """Return why a family cannot be taken; empty if it can."""
    from aiida_crystalmath.workflows.multicode.converters.pseudopotentials import not_norm_conserving

    try:
        pseudos = family.get_pseudos(structure=structure)
    except ValueError as exception:
        return str(exception)
    wrong = not_norm_conserving(pseudos)
    return '; '.join(f'{kind} is {name}, not norm-conserving' for kind, name in sorted(wrong.items()))
