"""Writes the reference pages that come from the code: failures, keywords, and the tables of output keys."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any


def write_all(folder: Path) -> None:
    """Write every generated page into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'diagnoses.md').write_text(diagnoses_page())
    (folder / 'yambo_diagnoses.md').write_text(yambo_diagnoses_page())
    (folder / 'remedies.md').write_text(proofs().remedies_page())
    (folder / 'keywords.md').write_text(keywords_page())
    (folder / 'output_keys.md').write_text(output_keys_tables())
    (folder / 'output_arrays.md').write_text(output_arrays_tables())
    (folder / 'read_keys.md').write_text(read_keys_table())
    (folder / 'sequences.md').write_text(sequences_page())
    (folder / 'handoffs.md').write_text(handoffs_page())
    (folder / 'plans.md').write_text(plans_page())


def proofs() -> ModuleType:
    """Return the module beside this one that collects what the tests prove."""
    spec = spec_from_file_location('crystalmath_docs_proofs', Path(__file__).with_name('proofs.py'))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cell(text: object) -> str:
    """Return text that fits a cell of a Markdown table."""
    return ' '.join(str(text if text is not None else '').split()).replace('|', '\\|')


def diagnoses_page() -> str:
    """Return the page of failures of CRYSTAL."""
    from aiida_crystalmath.crystal.diagnosis import CATALOGUE

    return catalogue_page('Failures and what to do', 'crystal', CATALOGUE)


def yambo_diagnoses_page() -> str:
    """Return the page of failures of Yambo."""
    from aiida_crystalmath.yambo.diagnosis import CATALOGUE

    return catalogue_page('Failures of Yambo and what to do', 'yambo', CATALOGUE.entries)


def catalogue_page(title: str, folder: str, catalogue: Iterable[Any]) -> str:
    """Return a page of failures, one section each, in the order of their exit codes."""
    lines = [
        f'# {title}',
        '',
        f'Made from the catalogue `{folder}/diagnoses.yaml`, as are the exit codes and the decisions of the parsers.',
        '',
        '| exit status | name | seen as | recoverable |',
        '|---|---|---|---|',
    ]
    entries = sorted(catalogue, key=lambda entry: (entry.exit_code is None, entry.exit_code or 0, entry.name))
    for entry in entries:
        lines.append(
            f'| {cell(entry.exit_code or "–")} | {cell(entry.name)} | `{cell(entry.marker or "a rule")}` '
            f'| {"yes" if entry.recoverable else "no"} |'
        )
    for entry in entries:
        label = f' ({entry.exit_code} {entry.exit_label})' if entry.exit_code else ''
        lines += ['', f'## {entry.name}{label}', '', cell(entry.message)]
        if entry.remedy:
            lines += ['', f'**What to do:** {cell(entry.remedy)}']
        if entry.reference:
            lines += ['', f'*Known from:* {cell(entry.reference)}']
    return '\n'.join(lines) + '\n'


def keywords_page() -> str:
    """Return the page of keywords known by name."""
    from aiida_crystalmath.crystal.inputs import keywords

    lines = ['# Keywords known by name', '', 'Others are kept verbatim, in their place.', '']
    for title, rows in keywords.tables().items():
        lines += [f'## {title}', '', '| keyword | arguments | meaning |', '|---|---|---|']
        lines += [f'| `{cell(name)}` | {cell(arguments)} | {cell(meaning)} |' for name, arguments, meaning in rows]
        lines.append('')
    return '\n'.join(lines)


def output_keys_tables() -> str:
    """Return the tables of keys of ``output_parameters``, which ``reference/outputs.md`` includes."""
    from aiida_crystalmath.parsers import output_keys

    lines: list[str] = []
    for title, keys in (
        ('Both programs', output_keys.BOTH_KEYS),
        ('`crystal` only', output_keys.CRYSTAL_KEYS),
        ('`properties` only', output_keys.PROPERTIES_KEYS),
    ):
        lines += [f'### {title}', '', '| key | unit | meaning |', '|---|---|---|']
        lines += [f'| `{name}` | {cell(key.unit or "–")} | {cell(key.meaning)} |' for name, key in keys.items()]
        lines.append('')
    return '\n'.join(lines)


def read_keys_table() -> str:
    """Return the table of keys of ``crystalmath read --json``, which ``reference/read.md`` includes."""
    from aiida_crystalmath.crystal.summary import schema

    lines = ['| key | unit | meaning |', '|---|---|---|']
    lines += [f'| `{key.name}` | {cell(key.unit or "–")} | {cell(key.meaning)} |' for key in schema()]
    return '\n'.join(lines) + '\n'


def output_arrays_tables() -> str:
    """Return the tables of the arrays of every output node, which ``reference/outputs.md`` includes."""
    from aiida_crystalmath.parsers.array_keys import ARRAYS

    lines: list[str] = []
    for port, arrays in ARRAYS.items():
        lines += [f'### `{port}`', '', '| array | shape | unit | meaning |', '|---|---|---|---|']
        lines += [
            f'| `{name}` | {cell(key.shape)} | {cell(key.unit or "–")} | {cell(key.meaning)} |'
            for name, key in arrays.items()
        ]
        lines.append('')
    return '\n'.join(lines)


def sequences_page() -> str:
    """Return the page of what may stand in the file of a sequence."""
    from aiida_crystalmath.workflows.crystal.steps import KINDS
    from aiida_crystalmath.workflows.sequences.files import read_sequence, ready_made
    from aiida_crystalmath.workflows.sequences.model import Sequence, Settings, Step
    from aiida_crystalmath.workflows.sequences.progress import STATES

    lines = [
        '# Files of sequences',
        '',
        'Made from the model that checks them. {doc}`../../howto/sequences` has examples.',
    ]
    for title, model, inherited in (
        ('The file', Sequence, {}),
        ('`defaults`, and any step', Settings, {}),
        ('A step', Step, Settings.model_fields),
    ):
        lines += ['', f'## {title}', '', '| key | type | default | meaning |', '|---|---|---|---|']
        for name, key in model.model_fields.items():
            if name not in inherited:
                default = 'needed' if key.is_required() else '–'
                kind = str(model.__annotations__.get(name, '')).replace('Any', 'any')
                lines.append(f'| `{name}` | {cell(kind)} | {default} | {cell(key.description)} |')
    lines += [
        '',
        '## Kinds of step',
        '',
        '| kind | what | work chain | takes | gives | dimensionalities |',
        '|---|---|---|---|---|---|',
    ]
    lines += [
        f'| `{kind.name}` | {kind.text} | `{kind.entry_point}` | {kind.takes} | {", ".join(kind.gives) or "–"} '
        f'| {", ".join(map(str, kind.dimensionalities))} |'
        for kind in KINDS.values()
    ]
    lines += ['', '## What a step can be', '', '| state | meaning |', '|---|---|']
    lines += [f'| {state} | {meaning} |' for state, meaning in STATES.items()]
    lines += ['', '## Ready-made sequences', '', '| name | steps | for |', '|---|---|---|']
    for name in ready_made():
        sequence = read_sequence(name)[1]
        lines.append(f'| `{name}` | {", ".join(sequence.order())} | {cell(sequence.description)} |')
    return '\n'.join(lines) + '\n'


def handoffs_page() -> str:
    """Return the page of converters: what travels, what does not, what is checked."""
    from aiida_crystalmath.workflows.multicode.converters import converter_names, load_converter

    lines = [
        '# Hand-offs',
        '',
        'Made from what the converters of the entry-point group `crystalmath.converters` declare; the tests hold them '
        'to it. {doc}`../../topics/handoffs` says why, {doc}`../../howto/several_codes` how they are used.',
        '',
        '| converter | from | to | what |',
        '|---|---|---|---|',
    ]
    known = {name: load_converter(name) for name in converter_names()}
    lines += [
        f'| [`{name}`](#{name.replace("_", "-")}) | {declared.source} | {declared.target or "–"} '
        f'| {cell(declared.summary)} |'
        for name, (_, declared) in known.items()
    ]
    for name, (function, declared) in known.items():
        lines += ['', f'({name.replace("_", "-")})=', f'## {name}', '', declared.summary]
        if declared.refused:
            lines += ['', f'**There is no such hand-off.** {declared.refused}']
            continue
        ports = function.spec().inputs
        lines += ['', '| input | type | needed | usually |', '|---|---|---|---|']
        lines += [
            f'| `{port}` | {input_type(ports[port])} | {"yes" if ports[port].required else "–"} '
            f'| {" or ".join(f"`{path}`" for path in declared.usual.get(port, ())) or "–"} |'
            for port in ports
            if port != 'metadata'
        ]
        lines += ['', '| what travels | arrives as | how | unit |', '|---|---|---|---|']
        lines += [
            f'| {cell(item.what)} | `{cell(item.arrives)}` | {cell(item.how) or "–"} | {cell(item.unit) or "–"} |'
            for item in declared.travels
        ]
        lines += ['', '| what does not | why |', '|---|---|']
        lines += [f'| {cell(item.what)} | {cell(item.why)} |' for item in declared.stays]
        if declared.checks:
            lines += ['', '| check | what must hold | otherwise |', '|---|---|---|']
            lines += [f'| `{check.name}` | {cell(check.text)} | {check.severity} |' for check in declared.checks]
    return '\n'.join(lines) + '\n'


def input_type(port: object) -> str:
    """Return the type of an input of a converter in words."""
    from aiida_crystalmath.workflows.multicode.ports import type_names, types_of

    return f'`{type_names(types_of(port))}`'


def plans_page() -> str:
    """Return the page of what may stand in a plan over several codes."""
    from aiida_crystalmath.workflows.multicode.plan import POLICIES, Handoff, Plan, PlanStep

    lines = [
        '# Plans over several codes',
        '',
        'Made from the model that checks them: the input `plan` of `crystalmath.multicode`, which '
        '`MultiCodeBuilder` writes. {doc}`../../howto/several_codes` has examples.',
    ]
    for title, model in (('The plan', Plan), ('A step', PlanStep), ('A hand-off', Handoff)):
        lines += ['', f'## {title}', '', '| key | type | default | meaning |', '|---|---|---|---|']
        for name, key in model.model_fields.items():
            kind = str(model.__annotations__.get(name, '')).replace('Any', 'any')
            default = 'needed' if key.is_required() else cell(key.default) or '–'
            lines.append(f'| `{name}` | {cell(kind)} | {default} | {cell(key.description)} |')
    lines += ['', '## What a failure does', '', '| policy | meaning |', '|---|---|']
    lines += [f'| `{policy.value}` | {cell(text)} |' for policy, text in POLICIES.items()]
    return '\n'.join(lines) + '\n'
