"""Where an imported run is from: the extra ``crystalmath_import`` of its calculation."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiida_crystalmath import __version__

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.discovery import FoundRun

IMPORTER_VERSION = 1
"""Raise it when a run would be imported as other nodes."""


def describe_origin(
    run: FoundRun, started_from: str | None = None, parent_by: str = '', *, lacks_parent: bool = False
) -> dict[str, Any]:
    """Return the extra of a run.

    Keys: ``digest`` (SHA-256 of program, output, deck and geometry file), ``inputs_from`` (``d12``, ``d3``, ``echo`` in
    the output, or ``output``: no deck), ``structure_from`` (``deck``, ``geometry file``, ``output``), ``output``,
    ``deck``, ``geometry_file`` (absolute paths), ``part`` of ``parts`` programs in the output, ``host``, ``mtime`` of
    the output (UTC), ``started`` and ``ended`` as printed (clock of the machine that ran), ``parent_by`` (how the run
    whose wavefunction was used is known), ``parent`` (``not found``, if it is not), ``started_from`` (UUID of the
    calculation whose final geometry this one began with), ``notes``, ``importer_version``, ``version`` of this package.
    """
    facts = run.facts
    origin: dict[str, Any] = {
        'digest': run.digest,
        'inputs_from': run.inputs_from,
        'structure_from': run.structure_from,
        'output': str(run.output.path),
        'deck': str(run.deck.path) if run.deck is not None and run.deck.path is not None else None,
        'geometry_file': str(run.geometry_file) if run.geometry_file is not None else None,
        'part': run.part if run.n_parts > 1 else None,
        'parts': run.n_parts if run.n_parts > 1 else None,
        'host': socket.gethostname(),
        'mtime': datetime.fromtimestamp(run.output.mtime, tz=UTC).isoformat(),
        'started': facts.started.isoformat() if facts.started is not None else None,
        'ended': facts.ended.isoformat() if facts.ended is not None else None,
        'parent_by': parent_by or None,
        'parent': 'not found' if lacks_parent else None,
        'started_from': started_from,
        'notes': run.notes or None,
        'importer_version': IMPORTER_VERSION,
        'version': __version__,
    }
    return {key: value for key, value in origin.items() if value is not None}
