"""Logs of p2y, which has no report: ``l_p2y``, or ``LOG/l_p2y_CPU_N`` under MPI."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiida_crystalmath.yambo.outputs.messages import Message, messages_in

__all__ = ('P2yLog', 'read_p2y_log')

_PREFIX = re.compile(r'^\s*<[^>]*>\s?(?:P\d+:)?\s*')


@dataclass(frozen=True)
class P2yLog:
    """What a log of p2y says; what it does not come to is None.

    :param last_line: the last line that has any words.
    :param found_save: whether p2y came further than its start: it found what pw.x has saved.
    """

    completed: bool = False
    found_save: bool = False
    data_format: str | None = None
    functional: str | None = None
    n_electrons: float | None = None
    n_kpoints: int | None = None
    n_bands: int | None = None
    n_spinors: int | None = None
    n_spins: int | None = None
    spin_orbit: bool | None = None
    n_symmetries: int | None = None
    n_gvectors_wavefunctions: int | None = None
    n_gvectors_density: int | None = None
    n_species: int | None = None
    last_line: str = ''
    messages: tuple[Message, ...] = ()


def read_p2y_log(text: str, where: str = 'l_p2y') -> P2yLog:
    """Read a log of p2y.

    :param where: name of the file, for messages.
    """
    lines = [_PREFIX.sub('', line).strip() for line in text.splitlines()]
    values = {}
    for line in lines:
        name, colon, value = line.partition(':')
        if colon:
            values[name.strip()] = value.strip()
    spoken = [line for line in lines if line]
    return P2yLog(
        completed='P2Y completed' in text,
        found_save='detected QE data format' in values,
        data_format=values.get('detected QE data format'),
        functional=values.get('XC potential'),
        n_electrons=_float(values.get('Electrons')),
        n_kpoints=_int(values.get('K-points')),
        n_bands=_int(values.get('Bands')),
        n_spinors=_int(values.get('Spinor components')),
        n_spins=_int(values.get('Spin polarizations')),
        spin_orbit={'yes': True, 'no': False}.get(values.get('Spin orbit coupling', '')),
        n_symmetries=_int(values.get('Symmetries   [spatial]')),
        n_gvectors_wavefunctions=_int(values.get('RL vectors        (WF)')),
        n_gvectors_density=_int(values.get('RL vectors    (CHARGE)')),
        n_species=_int(values.get('Atomic species')),
        last_line=spoken[-1] if spoken else '',
        messages=tuple(messages_in(text, where)),
    )


def _int(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _float(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
