"""The folder of a run that was imported: not ours to delete."""

from __future__ import annotations

from typing import Any

from aiida.orm import RemoteData

__all__ = ('ImportedFolderData',)


class ImportedFolderData(RemoteData):
    """A folder that AiiDA did not make: the only copy of somebody's files.

    It can be read and gone on from as any remote folder. What removes working folders leaves it alone: ``verdi calcjob
    cleanworkdir`` does not find a node of this type, and others call :meth:`_clean`. An import is a job to AiiDA, and
    cleaning all jobs of some age would else delete the original data.
    """

    def _clean(self, transport: Any = None) -> None:
        """Leave everything where it is, and say so."""
        self.logger.warning(f'{self.get_remote_path()} holds the files of an imported run: it is not cleaned')
