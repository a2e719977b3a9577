"""Finding and reading sequences: the ready-made ones by name, others by the path of their file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida_crystalmath.workflows.protocols.merge import did_you_mean
from aiida_crystalmath.workflows.sequences.model import Sequence, SequenceError

__all__ = ('READY_MADE', 'find_file', 'read_sequence', 'ready_made')

READY_MADE = Path(__file__).parent
"""Folder of the ready-made sequences."""


def ready_made() -> list[str]:
    """Return the names of the ready-made sequences."""
    return sorted(path.stem for path in READY_MADE.glob('*.yaml'))


def find_file(name: str | Path) -> Path:
    """Return the file of a sequence, given by the name of a ready-made one or by its path.

    :raises SequenceError: if there is none.
    """
    path = Path(name)
    if str(name) in ready_made():
        return READY_MADE / f'{name}.yaml'
    if path.is_file():
        return path
    if path.suffix in ('.yaml', '.yml') or len(path.parts) > 1:
        raise SequenceError(f'there is no file {path}.')
    raise SequenceError(
        f'there is no sequence "{name}": {did_you_mean(str(name), ready_made())} Or give the path of a YAML file.'
    )


def read_sequence(source: str | Path | Mapping[str, Any]) -> tuple[str, Sequence]:
    """Return the name and the sequence of a ready-made one, a YAML file, or a mapping.

    :raises SequenceError: if it is not there, or not right.
    """
    if isinstance(source, Mapping):
        return 'sequence', Sequence.parse(source)
    import yaml

    path = find_file(source)
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as exception:
        raise SequenceError(f'{path.name}: not valid YAML: {" ".join(str(exception).split())}') from exception
    return path.stem, Sequence.parse(content, path.name)
