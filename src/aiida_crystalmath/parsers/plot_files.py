"""Choosing among the plot files of ``properties``: fort.25 first, BAND.DAT and DOSS.DAT when it is not there.

fort.25 has one digit more, absolute energies and the Fermi energy; the other two may be relative to it.
"""

from __future__ import annotations

from typing import Any

from aiida_crystalmath.crystal.inputs.d3 import D3
from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.doss_dat import read_doss_dat
from aiida_crystalmath.crystal.outputs.fort25 import bands_from_fort25, dos_from_fort25, find_iss, read_fort25
from aiida_crystalmath.crystal.outputs.models import Bands, CrystalOutput, Dos
from aiida_crystalmath.parsers.base import temporary_file

__all__ = ('last_block', 'read_bands', 'read_dos')


def last_block(deck: D3, keyword: str) -> Any | None:
    """Return the last block of a keyword, None if there is none: plot files hold the last run."""
    blocks = [block for block in deck.blocks if block.keyword == keyword]
    return blocks[-1] if blocks else None


def read_bands(deck: D3, output: CrystalOutput, fort25: str | None, temporary: str | None) -> Bands | None:
    """Read the bands of the last BAND block, None if there is none or nothing was written.

    :param temporary: folder of the temporarily retrieved files.
    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    block = last_block(deck, 'BAND')
    if block is None:
        return None
    if fort25:
        blocks = read_fort25(fort25)
        ends = [segment.end for segment in output.properties.segments] if output.properties else []
        iss = block.iss or find_iss(blocks, ends)
        bands = bands_from_fort25(blocks, iss=iss, n_segments=len(block.segments) or len(block.labels))
        if bands is not None:
            return bands
    text = temporary_file(temporary, 'BAND.DAT')
    return read_band_dat(text) if text else None


def read_dos(deck: D3, fort25: str | None, temporary: str | None) -> Dos | None:
    """Read the densities of states of the last DOSS block, None if there is none or nothing was written.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    block = last_block(deck, 'DOSS')
    if block is None:
        return None
    if fort25:
        dos = dos_from_fort25(read_fort25(fort25), n_projections=len(block.projections) + 1)
        if dos is not None:
            return dos
    text = temporary_file(temporary, 'DOSS.DAT')
    return read_doss_dat(text) if text else None
