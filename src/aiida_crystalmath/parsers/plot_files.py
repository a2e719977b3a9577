"""Choosing among the plot files of ``properties``: fort.25 first, BAND.DAT and DOSS.DAT when it is not there.

fort.25 has one digit more, absolute energies and the Fermi energy; the other two may be relative to it.
"""

from __future__ import annotations

from typing import Any

from aiida_crystalmath.crystal.inputs.d3 import D3
from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.boltztra import read_tdf, read_transport
from aiida_crystalmath.crystal.outputs.coop_dat import read_coop_dat
from aiida_crystalmath.crystal.outputs.doss_dat import read_doss_dat
from aiida_crystalmath.crystal.outputs.fort25 import (
    CurveKind,
    bands_from_fort25,
    dos_from_fort25,
    find_iss,
    read_fort25,
)
from aiida_crystalmath.crystal.outputs.fort25_maps import UNITS, read_fort25_maps
from aiida_crystalmath.crystal.outputs.models import (
    Bands,
    CrystalOutput,
    Dos,
    PlaneMap,
    Profile,
    TransportDistribution,
    TransportTensor,
)
from aiida_crystalmath.crystal.outputs.potc import read_potc
from aiida_crystalmath.parsers.base import temporary_file

__all__ = (
    'asked_keywords',
    'last_block',
    'read_bands',
    'read_dos',
    'read_maps',
    'read_populations',
    'read_potential',
    'read_transport_files',
)

TRANSPORT_FILES = ('SIGMA.DAT', 'SIGMAS.DAT', 'SEEBECK.DAT', 'KAPPA.DAT')


def last_block(deck: D3, keyword: str) -> Any | None:
    """Return the last block of a keyword, None if there is none: plot files hold the last run."""
    blocks = [block for block in deck.blocks if block.keyword == keyword]
    return blocks[-1] if blocks else None


def asked_keywords(deck: D3, output: CrystalOutput) -> set[str]:
    """Return the keywords that were asked for: of the deck, or, of an import without one, those the output tells."""
    told = output.properties.keywords if output.properties else []
    return {block.keyword for block in deck.blocks} or set(told)


def read_bands(deck: D3, output: CrystalOutput, fort25: str | None, temporary: str | None) -> Bands | None:
    """Read the bands of the last BAND block, None if there is none or nothing was written.

    Without deck the output tells number and ends of the segments.

    :param temporary: folder of the temporarily retrieved files.
    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    if 'BAND' not in asked_keywords(deck, output):
        return None
    block = last_block(deck, 'BAND')
    if fort25:
        blocks = read_fort25(fort25)
        ends = [segment.end for segment in output.properties.segments] if output.properties else []
        iss = (block.iss if block else None) or find_iss(blocks, ends)
        n_segments = len(block.segments) or len(block.labels) if block else len(ends)
        bands = bands_from_fort25(blocks, iss=iss, n_segments=n_segments)
        if bands is not None:
            return bands
    text = temporary_file(temporary, 'BAND.DAT')
    return read_band_dat(text) if text else None


def read_dos(deck: D3, output: CrystalOutput, fort25: str | None, temporary: str | None) -> Dos | None:
    """Read the densities of states of the last DOSS block, None if there is none or nothing was written.

    Without deck the file itself tells how many projections there are.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    if 'DOSS' not in asked_keywords(deck, output):
        return None
    block = last_block(deck, 'DOSS')
    if fort25:
        dos = dos_from_fort25(read_fort25(fort25), n_projections=len(block.projections) + 1 if block else None)
        if dos is not None:
            return dos
    text = temporary_file(temporary, 'DOSS.DAT')
    return read_doss_dat(text) if text else None


def read_populations(deck: D3, keyword: CurveKind, fort25: str | None, temporary: str | None) -> Dos | None:
    """Read the curves of the last COOP or COHP block, None if there is none or nothing was written.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    block = last_block(deck, keyword)
    if block is None:
        return None
    if fort25:
        curves = dos_from_fort25(read_fort25(fort25), n_projections=len(block.interactions), kind=keyword)
        if curves is not None:
            return curves
    text = temporary_file(temporary, f'{keyword}.DAT')
    return read_coop_dat(text) if text else None


def read_maps(deck: D3, output: CrystalOutput, fort25: str | None) -> list[PlaneMap]:
    """Read the fields on planes, named by what stdout tells of them, else by the input; empty if there are none.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    if not fort25:
        return []
    echo = output.properties.maps if output.properties else ()
    maps = read_fort25_maps(fort25, echo)
    if any(found.quantity == 'unknown' for found in maps):
        _name_by_deck(maps, deck)
    return maps


def _name_by_deck(maps: list[PlaneMap], deck: D3) -> None:
    """Name the maps after the ECHG and POTM blocks of the input, if these explain all maps there are.

    ECHG writes the charge density and, in an open shell, the spin density behind it; POTM the potential. What stdout
    says of POTM is not known from a real file, so that its maps get their names here.
    """
    names: list[str] = []
    for block in deck.blocks:
        if block.keyword not in ('ECHG', 'POTM'):
            continue
        if getattr(block, 'order', 0):
            return
        is_open = len(names) < len(maps) and maps[len(names)].open_shell
        names += ['potential'] if block.keyword == 'POTM' else ['charge', 'spin'] if is_open else ['charge']
    if len(names) == len(maps):
        for found, name in zip(maps, names, strict=True):
            found.quantity, found.unit = name, UNITS[name]


def read_transport_files(temporary: str | None) -> tuple[list[TransportTensor], TransportDistribution | None]:
    """Read the files of BOLTZTRA that are there.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if one cannot be read.
    """
    texts = [temporary_file(temporary, name) for name in TRANSPORT_FILES]
    distribution = temporary_file(temporary, 'TDF.DAT')
    return [read_transport(text) for text in texts if text], read_tdf(distribution) if distribution else None


def read_potential(temporary: str | None) -> Profile | None:
    """Read POTC.DAT, None if it is not there.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if it cannot be read.
    """
    text = temporary_file(temporary, 'POTC.DAT')
    return read_potc(text) if text else None
