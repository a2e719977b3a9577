"""Finding again what was asked for before: the same file is stored once, the same chain is computed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.orm import ProcessNode, SinglefileData, StructureData

    from aiida_crystalmath.crystal.geometry import Geometry

FINGERPRINT = 'crystalmath_fingerprint'
"""Extra of a work chain: hash of what was asked for, so that asking twice computes once."""
CONTENT_HASH = 'crystalmath_content_sha256'
"""Extra of a structure file: hash of name and content, so that it is stored once."""


def read_file(file: Path) -> Geometry:
    """Read a structure file without storing anything.

    :raises aiida_crystalmath.data.structure_files.StructureFileError: if it cannot be read.
    """
    from aiida_crystalmath.data.structure_files import file_format, geometry_file_beside, read_structure

    kind = file_format(file.name)
    beside = geometry_file_beside(file)
    external = beside.read_text(errors='replace') if beside else None
    return read_structure(file.read_text(errors='replace'), kind, file.name, external)


def stored_structure(file: Path) -> StructureData:
    """Store the file and the structure read from it, or find both where they were stored before."""
    from aiida import orm

    from aiida_crystalmath.calculations.functions.structure_from_file import structure_from_file
    from aiida_crystalmath.data.structure_files import geometry_file_beside

    beside = geometry_file_beside(file)
    digests = {label: _digest(path) for label, path in (('file', file), ('external', beside)) if path is not None}
    query = orm.QueryBuilder()
    query.append(orm.CalcFunctionNode, filters={'attributes.exit_status': 0}, tag='reader')
    for label, digest in digests.items():
        query.append(
            orm.SinglefileData,
            filters={f'extras.{CONTENT_HASH}': digest},
            with_outgoing='reader',
            edge_filters={'label': label},
        )
    query.append(orm.StructureData, with_incoming='reader', tag='structure', project='*')
    found = query.first(flat=True)
    if found is not None:
        return found  # type: ignore[no-any-return]
    structure: StructureData = structure_from_file(
        **{label: _stored_file(path) for label, path in _parts(file, beside)}
    )
    structure.label = file.name
    return structure


def _parts(file: Path, beside: Path | None) -> list[tuple[str, Path]]:
    """Return the arguments of the reader."""
    return [('file', file)] + ([('external', beside)] if beside else [])


def _digest(file: Path) -> str:
    """Return the hash of the name and content of a file."""
    return hashlib.sha256(file.name.encode() + b'\0' + file.read_bytes()).hexdigest()


def _stored_file(file: Path) -> SinglefileData:
    """Store a file, marked so that it is found again; a file stored before is taken as it is."""
    from aiida import orm

    digest = _digest(file)
    query = orm.QueryBuilder().append(orm.SinglefileData, filters={f'extras.{CONTENT_HASH}': digest})
    found: SinglefileData | None = query.first(flat=True)
    if found is not None:
        return found
    node = orm.SinglefileData(file.resolve())
    node.label = file.name
    node.base.extras.set(CONTENT_HASH, digest)
    return node


def fingerprint_of(builder: Any, chain: str) -> str:
    """Hash what a builder asks for: node UUIDs stand for stored nodes, contents for new ones."""
    from aiida.orm import Node

    from aiida_crystalmath import __version__

    def plain(value: Any) -> Any:
        if isinstance(value, Node):
            return value.uuid if value.is_stored else [value.node_type, plain(value.base.attributes.all)]
        if hasattr(value, 'items'):
            return {str(key): plain(item) for key, item in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return repr(value)

    inputs = builder._inputs(prune=True)
    content = json.dumps({'chain': chain, 'version': __version__, 'inputs': plain(inputs)}, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def find_finished(fingerprint: str) -> ProcessNode | None:
    """Return the newest work chain that did the same: finished well, or still going."""
    going = {'attributes.process_state': {'in': ['created', 'running', 'waiting']}}
    return _newest(fingerprint, {'or': [{'attributes.exit_status': 0}, going]})


def find_failed(fingerprint: str) -> ProcessNode | None:
    """Return the newest work chain that tried the same and ended badly."""
    stopped = {'attributes.process_state': {'in': ['excepted', 'killed']}}
    return _newest(fingerprint, {'or': [{'attributes.exit_status': {'>': 0}}, stopped]})


def runs_of(fingerprints: Iterable[str]) -> dict[str, ProcessNode]:
    """Return the newest work chain of each fingerprint that finished well or goes on, else that failed; one query."""
    from aiida import orm

    wanted = sorted(set(fingerprints))
    if not wanted:
        return {}
    query = orm.QueryBuilder()
    filters = {f'extras.{FINGERPRINT}': {'in': wanted}}
    query.append(orm.ProcessNode, filters=filters, project=[f'extras.{FINGERPRINT}', '*'], tag='node')
    query.order_by({'node': {'ctime': 'asc'}})
    found: dict[str, ProcessNode] = {}
    for fingerprint, node in query.iterall():
        if fingerprint not in found or not has_failed(node) or has_failed(found[fingerprint]):
            found[fingerprint] = node
    return found


def has_failed(node: ProcessNode) -> bool:
    """Tell whether a process is over and did not end well."""
    return bool(node.is_terminated and not node.is_finished_ok)


def _newest(fingerprint: str, filters: dict[str, Any]) -> ProcessNode | None:
    """Return the newest process with a fingerprint that also passes ``filters``."""
    from aiida import orm

    query = orm.QueryBuilder()
    query.append(orm.ProcessNode, filters={f'extras.{FINGERPRINT}': fingerprint, **filters}, tag='node')
    query.order_by({'node': {'ctime': 'desc'}})
    found: ProcessNode | None = query.first(flat=True)
    return found
