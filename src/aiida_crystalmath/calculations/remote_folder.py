"""Remote folders that a job takes files from: whether they are still there, and on its machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

__all__ = ('remote_message',)


def remote_message(
    port: str, parent: orm.RemoteData, inputs: Mapping[str, Any], what: str = 'wavefunctions are'
) -> str | None:
    """Return why a job cannot take the files of a folder: it was cleaned, or lies on another machine; None if it can.

    :param port: input that has the folder.
    :param inputs: inputs of the job, whose ``code`` or ``metadata.computer`` says where it runs.
    :param what: what is not moved between machines, with its verb.
    """
    if parent.is_cleaned:
        return f'`{port}` <{parent.pk}> has been cleaned: its files are gone; repeat the run that made it'
    code = inputs.get('code')
    computer = (inputs.get('metadata') or {}).get('computer') or getattr(code, 'computer', None)
    home = parent.computer
    if computer is not None and home is not None and home.uuid != computer.uuid:
        return (
            f'`{port}` lies on {home.label}, but the job runs on {computer.label}: {what} not moved between machines; '
            'use a code on the same computer'
        )
    return None
