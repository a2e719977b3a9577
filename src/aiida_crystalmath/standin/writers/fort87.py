"""fort.87: the file in which CRYSTAL leaves the line of its fatal error."""

from __future__ import annotations

from pathlib import Path


def write_fort87(folder: Path, line: str) -> None:
    """Write the error line, as it stands in the output, to ``fort.87`` in ``folder``."""
    (folder / 'fort.87').write_text(line + '\n')
