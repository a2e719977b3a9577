"""Outputs: one :class:`OutputFacts` for each program of a file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..outputs.models import CrystalOutput
from ..outputs.numbers import number
from ..outputs.stdout import parse_stdout
from .decks import decode
from .parts import part_of, parts_of
from .runs import OutputFacts

STREAM_BYTES = 200 << 20
"""Larger outputs are read as a stream and taken for one program."""
_DATE = re.compile(r'DATE\s+(\d\d?) +(\d\d?) +(\d{4})\s+TIME\s+(\d\d?):(\d\d):(\d\d)')
_HEADER_ENERGY = re.compile(r'^ TOTAL ENERGY\s+(-?\d\S+)\s+CONVERGENCE', re.MULTILINE)
_WAVEFUNCTION = re.compile(
    r'^(?:wave function (?:formatted )?data from|Find input reference:|file|wave function binary file)\s+'
    r'(?:\S*/)?([^/\s]+)\.f(?:9|98|20)\b(?! not found)',
    re.MULTILINE,
)
HEADER_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class ReadOutput:
    """One program of an output file.

    :param preamble: text up to the banner (and a little more), where run scripts copy the deck to.
    :param digest: SHA-256 of the bytes of this program.
    """

    facts: OutputFacts
    preamble: str
    digest: str


def read_outputs(path: Path) -> list[ReadOutput]:
    """Return what each program of a file tells.

    :raises OSError: if the file cannot be read.
    """
    if path.stat().st_size > STREAM_BYTES:
        with path.open('rb') as handle:
            digest = hashlib.file_digest(handle, 'sha256').hexdigest()
            handle.seek(0)
            head = decode(handle.read(1 << 20))
        return [ReadOutput(_facts(parse_stdout(path), head), head, digest)]
    content = path.read_bytes()
    found = []
    for first, end in parts_of(content):
        part = content[first:end]
        text = decode(part)
        start = max(text.find(' EEEEEEEEEE STARTING'), 0) + HEADER_CHARACTERS
        found.append(ReadOutput(_facts(parse_stdout(text), text), text[:start], hashlib.sha256(part).hexdigest()))
    return found


def read_preamble(path: Path, part: int = 0) -> str:
    """Return the text of one program of a file up to a little behind its banner."""
    if path.stat().st_size > STREAM_BYTES:
        with path.open('rb') as handle:
            return decode(handle.read(1 << 20))
    text = part_of(path.read_bytes(), part)
    return decode(text[: max(text.find(b' EEEEEEEEEE STARTING'), 0) + HEADER_CHARACTERS])


def _facts(output: CrystalOutput, text: str) -> OutputFacts:
    program = output.program or 'crystal'
    start = max(text.find(' EEEEEEEEEE STARTING'), 0)
    header = text[start : start + HEADER_CHARACTERS]
    if program == 'properties':
        energies = [number(found[1]) for found in _HEADER_ENERGY.finditer(header)]
    else:
        energies = [output.energy_hartree, *_scf_energies(output)]
    return OutputFacts(
        program=program,
        title=_title(output, header),
        version=output.version,
        engine=output.engine,
        started=printed_time(output.timings.started),
        ended=printed_time(output.timings.ended),
        finished=output.terminated,
        n_atoms=output.n_atoms or (len(output.initial_geometry) if output.initial_geometry else None),
        n_electrons=output.n_electrons,
        n_ao=output.n_ao,
        energies_hartree=tuple(dict.fromkeys(energy for energy in energies if energy is not None)),
        initial=output.initial_geometry,
        final=output.final_geometry if output.is_optimisation else None,
        is_optimisation=output.is_optimisation,
        basis=output.basis,
        hamiltonian=output.hamiltonian,
        shrink=output.shrink,
        wavefunctions=tuple(dict.fromkeys(_WAVEFUNCTION.findall(text[:start]))) if program == 'properties' else (),
        has_wavefunction=output.wave_function is not None and output.wave_function.complete,
    )


def _scf_energies(output: CrystalOutput) -> list[float | None]:
    """Return the energies of the last SCF, without and with corrections."""
    last = output.scf[-1] if output.scf else None
    return [output.energy_scf_hartree, getattr(last, 'energy_hartree', None)]


def _title(output: CrystalOutput, header: str) -> str:
    """Return the title; ``properties`` prints the one of the wavefunction above its type of calculation."""
    if output.program == 'properties':
        lines = header[: header.find(' - PROPERTIES - ')].rstrip().splitlines()
        return lines[-2].strip() if len(lines) > 2 else ''
    return output.title or ''


def printed_time(text: str | None) -> datetime | None:
    """Return a time as the programs print it (``DATE 26 05 2016 TIME 13:13:06.5``), of the machine's own clock."""
    found = _DATE.search(text or '')
    if found is None:
        return None
    day, month, year, hour, minute, second = (int(value) for value in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
