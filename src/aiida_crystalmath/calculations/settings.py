"""What may be said about how a job is prepared, beyond CRYSTAL's own input: the port ``settings``.

Free of AiiDA, so that the command line shares it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ('CrystalSettings', 'PropertiesSettings')


class CrystalSettings(BaseModel):
    """Settings of :class:`~aiida_crystalmath.calculations.crystal23.Crystal23Calculation`."""

    model_config = ConfigDict(extra='forbid', frozen=True, strict=True)

    symmetry: Literal['auto', 'space_group', 'external', 'none'] = Field(
        default='auto',
        description='How the structure is written: `space_group` reduces it to the asymmetric unit, `external` writes '
        'cell, atoms and operators to fort.34, `none` writes all atoms without symmetry, `auto` takes the space group '
        'for crystals and fort.34 for slabs, polymers and molecules.',
    )
    symprec: float = Field(default=1e-5, gt=0, lt=1, description='Tolerance of the symmetry search in Å.')
    parent_link: Literal['symlink', 'copy'] = Field(
        default='symlink',
        description='How the wavefunction of `parent_folder` is brought: CRYSTAL only reads it, so a link does.',
    )
    guess_file: Literal['fort.9', 'fort.79'] = Field(
        default='fort.9',
        description='The file of `parent_folder` that GUESSP starts from: fort.79 is what SAVEWF wrote before a kill.',
    )
    stdin: bool | None = Field(
        default=None,
        description='Whether the program reads its input on stdin (serial `crystal`) or from the file INPUT '
        '(`Pcrystal`, `MPPcrystal`). Left out, it is stdin without MPI and the file with MPI.',
    )


class PropertiesSettings(BaseModel):
    """Settings of :class:`~aiida_crystalmath.calculations.properties23.Crystal23PropertiesCalculation`."""

    model_config = ConfigDict(extra='forbid', frozen=True, strict=True)

    parent_link: Literal['symlink', 'copy'] = Field(
        default='symlink',
        description='How fort.9 of `parent_folder` is brought: properties only reads it, so a link does.',
    )
    first_band: int = Field(
        default=1, ge=1, description='First band of the path in `kpoints`; 1 is the deepest core band.'
    )
    last_band: int | None = Field(
        default=None, ge=1, description='Last band of the path in `kpoints`; left out, all bands of the basis set.'
    )
    retrieve_cubes: bool = Field(
        default=False,
        description='Whether to keep the grids of ECH3, POT3 and the like (cube files, often of many MB) as '
        '`output_cubes`. Otherwise they stay in the remote folder.',
    )
    stdin: bool | None = Field(
        default=None,
        description='Whether the program reads its input on stdin (serial `properties`) or from the file INPUT '
        '(`Pproperties`). Left out, it is stdin without MPI and the file with MPI.',
    )
