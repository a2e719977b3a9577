"""From a structure file to a structure node, so that every result can be walked back to the file it came from."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def structure_from_file(file: orm.SinglefileData, external: orm.SinglefileData | None = None) -> orm.StructureData:
    """Read a CIF, POSCAR, xyz, .gui/fort.34 or .d12 file into a ``StructureData``.

    :param file: the file; its name tells the format.
    :param external: the fort.34 (``.gui``) that a ``.d12`` with EXTERNAL takes its geometry from.
    :raises aiida_crystalmath.data.structure_files.StructureFileError: if it cannot be read.
    """
    from aiida_crystalmath.data.structure import from_geometry
    from aiida_crystalmath.data.structure_files import file_format, read_structure

    # Not every file is UTF-8: names of authors in a CIF may be in any encoding.
    text, beside = (
        None if node is None else node.get_content(mode='rb').decode(errors='replace') for node in (file, external)
    )
    return from_geometry(read_structure(text or '', file_format(file.filename), file.filename, beside))
