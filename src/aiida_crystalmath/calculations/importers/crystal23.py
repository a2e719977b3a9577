"""Importer of :class:`~aiida_crystalmath.calculations.crystal23.Crystal23Calculation`."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import CalcJobImporter

__all__ = ('Crystal23CalculationImporter',)


class Crystal23CalculationImporter(CalcJobImporter):
    """Rebuilds the inputs of a finished run of ``crystal`` from its folder."""

    @staticmethod
    def parse_remote_data(
        remote_data: orm.RemoteData, *, output: str | None = None, part: int | None = None, **_: Any
    ) -> dict[str, Any]:
        """Return the inputs with which the job is imported: ``run(Crystal23Calculation, **inputs)``.

        :param remote_data: folder of the run, on this machine.
        :param output: name of the output, if the folder has several runs.
        :param part: which program of the output, from 0, if it holds several runs of ``crystal``.
        :raises ImportRefusedError: if there is no such run, or its structure is not known.
        """
        from aiida_crystalmath.calculations.importers.nodes import crystal_inputs, find_run, job_options

        run = find_run(remote_data, 'crystal', output, part)
        metadata = {'computer': remote_data.computer, 'options': job_options(run)}
        return {**crystal_inputs(run), 'remote_folder': remote_data, 'metadata': metadata}
