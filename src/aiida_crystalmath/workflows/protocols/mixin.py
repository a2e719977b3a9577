"""What work chains need to offer protocols."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from aiida_crystalmath.workflows.protocols.merge import META_INPUTS, check_keys, did_you_mean, merge

__all__ = ('ProtocolMixin',)

PROTOCOLS = Path(__file__).parent


class ProtocolMixin:
    """Gives a process class protocols that are read from a YAML file.

    The file holds ``default_inputs`` (what all protocols share), ``default_protocol`` and ``protocols``, each with a
    ``description`` and only what differs from ``default_inputs``. A key ``meta_inputs`` holds settings of the builder
    that are not ports of the process.
    """

    _protocol_file: ClassVar[str]
    """Path of the YAML file below ``workflows/protocols``."""

    _protocol_aliases: ClassVar[Mapping[str, str]] = {'moderate': 'balanced', 'precise': 'stringent'}
    """Names of before 2025 that aiida-quantumespresso still accepts."""

    @classmethod
    def get_protocol_filepath(cls) -> Path:
        """Return the path of the YAML file that defines the protocols."""
        return PROTOCOLS / cls._protocol_file

    @classmethod
    def _load_protocol_file(cls) -> dict[str, Any]:
        import yaml

        content: dict[str, Any] = yaml.safe_load(cls.get_protocol_filepath().read_text(encoding='utf-8'))
        return content

    @classmethod
    def get_default_protocol(cls) -> str:
        """Return the name of the protocol that is used when none is asked for."""
        return str(cls._load_protocol_file()['default_protocol'])

    @classmethod
    def get_available_protocols(cls) -> dict[str, dict[str, str]]:
        """Return the name and description of each protocol."""
        protocols = cls._load_protocol_file()['protocols']
        return {name: {'description': content['description']} for name, content in protocols.items()}

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: Mapping[str, Any] | str | Path | None = None
    ) -> dict[str, Any]:
        """Return the inputs of a protocol as nested dictionaries.

        :param protocol: ``fast``, ``balanced`` or ``stringent``; ``None`` is the default one.
        :param overrides: what to change: nested mapping, or path of a YAML file with one. They have the last word.
        :raises ValueError: for an unknown protocol, or a key in the overrides that is no input of the process.
        """
        content = cls._load_protocol_file()
        name = protocol if protocol is not None else content['default_protocol']
        name = cls._protocol_aliases.get(name, name)
        if name not in content['protocols']:
            known = [*content['protocols'], *cls._protocol_aliases]
            raise ValueError(f'unknown protocol "{name}" for {cls.__name__}: {did_you_mean(str(name), known)}')
        chosen = {key: value for key, value in content['protocols'][name].items() if key != 'description'}
        inputs = merge(content['default_inputs'], chosen)
        changes = read_overrides(overrides)
        check_keys(changes, cls.spec().inputs, meta=inputs.get(META_INPUTS, {}))  # type: ignore[attr-defined]
        return merge(inputs, changes)


def read_overrides(overrides: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Return overrides as a dictionary; a path is read as YAML.

    :raises ValueError: if they are not a mapping, or the file is not there.
    """
    if overrides is None:
        return {}
    if isinstance(overrides, str | Path):
        import yaml

        path = Path(overrides)
        if not path.is_file():
            raise ValueError(f'there is no file of overrides {path}: give the path of a YAML file, or a dictionary.')
        overrides = yaml.safe_load(path.read_text(encoding='utf-8')) or {}
    if not isinstance(overrides, Mapping):
        raise ValueError(f'overrides must be a mapping of input names to values, not {type(overrides).__name__}.')
    return dict(overrides)
