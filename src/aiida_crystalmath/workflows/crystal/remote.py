"""What a finished calculation left on the machine that ran it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import RemoteData

__all__ = ('OPTIMISER_FILE', 'RESTART_FILES', 'SAVED', 'WAVEFUNCTION', 'is_same_file', 'non_empty_files')

WAVEFUNCTION = 'fort.9'
"""CRYSTAL's wavefunction: empty if the program was killed in the middle of an optimisation."""

SAVED = 'fort.79'
"""The wavefunction that SAVEWF writes while the SCF is running."""

OPTIMISER_FILE = 'OPTINFO.DAT'
"""State of the geometry optimiser, what RESTART reads."""

RESTART_FILES = {
    'freqcalc': ('FREQINFO.DAT', 'fort.13'),
    'elastcon': ('ELASINFO.DAT',),
    'eos': ('EOSINFO.DAT',),
}
"""What RESTART in a block cannot do without (CRYSTAL User's Manual, RESTART of FREQCALC, ELASTCON and EOS)."""


def is_same_file(one: RemoteData, other: RemoteData, name: str) -> bool:
    """Tell whether a file is byte for byte the same in two remote folders; not if one of them cannot be read."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        contents = []
        for number, remote in enumerate((one, other)):
            path = Path(folder) / str(number)
            try:
                remote.getfile(name, str(path))
            except OSError:
                return False
            contents.append(path.read_bytes())
    return contents[0] == contents[1]


def non_empty_files(folder: RemoteData) -> set[str]:
    """Return the names of the files in a remote folder that hold something.

    :return: nothing at all if the folder was cleaned or cannot be reached.
    """
    try:
        listing = folder.listdir_withattributes()
    except OSError:
        return set()
    return {item['name'] for item in listing if not item['isdir'] and item['attributes'].st_size > 0}
