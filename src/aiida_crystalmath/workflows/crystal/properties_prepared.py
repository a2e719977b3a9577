"""What chains share that prepare the input of ``properties`` themselves, from inputs in the words of physics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ExitCode, if_

from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.workflows.crystal.properties_chain import PropertiesWorkChain
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('PreparedPropertiesWorkChain',)


class PreparedPropertiesWorkChain(PropertiesWorkChain):
    """Compute a wavefunction if none is given, prepare the input of ``properties``, run it and look at the results.

    A subclass gives the blocks of the input (:meth:`blocks`), and may change the settings (:meth:`settings`) and derive
    results from the finished run (:meth:`analyse`).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define the inputs of ``properties``, the outline and the exit code of an input that cannot be made."""
        super().define(spec)
        spec.expose_inputs(Crystal23PropertiesCalculation, namespace='properties', exclude=('parent_folder', 'kpoints'))
        spec.inputs['properties']['parameters'].required = False  # type: ignore[index]
        spec.inputs['properties']['parameters'].help = (  # type: ignore[index]
            'The whole input of properties. By default it is made from the other inputs of the work chain.'
        )
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_scf)(
                steps.run_scf,
                steps.inspect_scf,
            ),
            steps.make_input,
            steps.run_properties,
            steps.inspect_properties,
            steps.analyse,
            steps.results,
        )
        spec.exit_code(205, 'ERROR_NO_PROPERTIES_INPUT', message='No input could be made for properties: {reason}')

    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks of the input of ``properties``.

        :raises ValueError: if none can be made, with the reason.
        """
        raise NotImplementedError

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of the calculation from those that were given."""
        return given

    def make_input(self) -> ExitCode | None:
        """Take the input of ``properties`` given, or make one."""
        given = self.inputs.properties.get('settings')
        before: dict[str, Any] = {} if given is None else given.get_dict()
        if (settings := self.settings(dict(before))) != before:
            self.ctx.properties_inputs['settings'] = orm.Dict(settings)
        if 'parameters' in self.inputs.properties:
            return None
        try:
            blocks = self.blocks()
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NO_PROPERTIES_INPUT, reason=exception)
        self.ctx.properties_inputs['parameters'] = orm.Dict({'blocks': blocks})
        return None

    def analyse(self) -> ExitCode | None:
        """Derive results from those of the calculation; nothing by default."""
        return None

    def value(self, name: str, default: Any) -> Any:
        """Return the plain value of an input, or a default where it is not given."""
        node = self.inputs.get(name)
        if node is None:
            return default
        return node.get_list() if isinstance(node, orm.List) else node.value

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str | None,
        structure: orm.StructureData | None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        properties_code: orm.AbstractCode | str,
        parent_folder: orm.RemoteData | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: of ``crystal``; ``None`` with a ``parent_folder``.
        :param structure: ``None`` with a ``parent_folder``.
        :param properties_code: of ``properties``.
        :param parent_folder: of a finished run of ``crystal``: its wavefunction is taken and none computed.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        builder: ProcessBuilder = cls._builder(
            code,
            structure,
            protocol,
            overrides,
            properties_code=properties_code,
            parent_folder=parent_folder,
            electronic_type=electronic_type,
            spin_type=spin_type,
            initial_magnetic_moments=initial_magnetic_moments,
            options=options,
        )
        return builder
