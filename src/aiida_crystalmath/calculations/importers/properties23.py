"""Importer of :class:`~aiida_crystalmath.calculations.properties23.Crystal23PropertiesCalculation`."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import CalcJobImporter

__all__ = ('Crystal23PropertiesCalculationImporter',)


class Crystal23PropertiesCalculationImporter(CalcJobImporter):
    """Rebuilds the inputs of a finished run of ``properties`` from its folder."""

    @staticmethod
    def parse_remote_data(
        remote_data: orm.RemoteData,
        *,
        parent_folder: orm.RemoteData | None = None,
        output: str | None = None,
        part: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Return the inputs with which the job is imported: ``run(Crystal23PropertiesCalculation, **inputs)``.

        :param remote_data: folder of the run, on this machine.
        :param parent_folder: folder of the run whose wavefunction was used: the ``remote_folder`` of a
            ``Crystal23Calculation``, or ``remote_data`` itself if that run is not known. Left out, add it to the
            inputs.
        :param output: name of the output, if the folder has several runs.
        :param part: which program of the output, from 0, if it holds several runs of ``properties``.
        :raises ImportRefusedError: if there is no such run.
        """
        from aiida_crystalmath.calculations.importers.nodes import find_run, job_options, properties_inputs

        run = find_run(remote_data, 'properties', output, part)
        metadata = {'computer': remote_data.computer, 'options': job_options(run)}
        inputs = {**properties_inputs(run), 'remote_folder': remote_data, 'metadata': metadata}
        return inputs if parent_folder is None else {**inputs, 'parent_folder': parent_folder}
