"""What a finished calculation left on the machine that ran it, and which structure its wavefunction is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida import orm
from aiida.common.links import LinkType

if TYPE_CHECKING:
    from aiida.orm import RemoteData, StructureData

__all__ = ('OPTIMISER_FILE', 'WAVEFUNCTION', 'non_empty_files', 'parameters_of', 'structure_of')

WAVEFUNCTION = 'fort.9'
"""CRYSTAL's wavefunction: empty if the program was killed in the middle of an optimisation."""

OPTIMISER_FILE = 'OPTINFO.DAT'
"""State of the geometry optimiser, what RESTART reads."""


def non_empty_files(folder: RemoteData) -> set[str]:
    """Return the names of the files in a remote folder that hold something.

    :return: nothing at all if the folder was cleaned or cannot be reached.
    """
    try:
        listing = folder.listdir_withattributes()
    except OSError:
        return set()
    return {item['name'] for item in listing if not item['isdir'] and item['attributes'].st_size > 0}


def _creator(folder: RemoteData) -> orm.CalcJobNode:
    """Return the calculation that made a remote folder.

    :raises ValueError: if none did.
    """
    creator = folder.creator
    if not isinstance(creator, orm.CalcJobNode):
        raise ValueError(
            f'RemoteData<{folder.pk}> was not made by a calculation: the structure of its wavefunction is not known. '
            'Give the remote folder of a finished Crystal23Calculation.'
        )
    return creator


def structure_of(folder: RemoteData) -> StructureData:
    """Return the structure of the wavefunction in ``folder``: the optimised one where there is one.

    :raises ValueError: if no calculation made the folder, or it had no structure.
    """
    creator = _creator(folder)
    for label, link_type, incoming in (
        ('output_structure', LinkType.CREATE, False),
        ('structure', LinkType.INPUT_CALC, True),
    ):
        links = creator.base.links
        found = links.get_incoming(link_type=link_type) if incoming else links.get_outgoing(link_type=link_type)
        nodes = [entry.node for entry in found.all() if entry.link_label == label]
        if nodes:
            structure: StructureData = nodes[0]
            return structure
    raise ValueError(f'{creator.process_label}<{creator.pk}>, which made the wavefunction, has no structure.')


def parameters_of(folder: RemoteData) -> orm.Dict | None:
    """Return the ``output_parameters`` of the calculation that made ``folder``, if it has them."""
    for entry in _creator(folder).base.links.get_outgoing(link_type=LinkType.CREATE).all():
        if entry.link_label == 'output_parameters':
            parameters: orm.Dict = entry.node
            return parameters
    return None
