"""From a structure file to a structure node, so that every result can be walked back to the file it came from."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def structure_from_file(file: orm.SinglefileData) -> orm.StructureData:
    """Read a CIF, POSCAR, xyz, .gui/fort.34 or .d12 file into a ``StructureData``.

    :param file: the file; its name tells the format.
    :raises aiida_crystalmath.data.structure_files.StructureFileError: if it cannot be read.
    """
    from aiida_crystalmath.data.structure import from_geometry
    from aiida_crystalmath.data.structure_files import file_format, read_structure

    text = file.get_content(mode='r')
    return from_geometry(read_structure(text, file_format(file.filename), file.filename))
