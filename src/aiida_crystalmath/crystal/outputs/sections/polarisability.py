"""Coupled-perturbed calculations (CPHF, CPKS): cycles, polarisability, hyperpolarisabilities.

Layouts proven by real files: CRYSTAL14 (``COMPONENT ALPHA(REAL, IMAGINARY)``) and CRYSTAL17, 22 (``FR.(eV) COMP.``) in
3D, both before IR and Raman intensities; a slab (``POLARIZABILITY TENSOR ALPHA``, no dielectric tensor) and a dynamic
field with Pockels and second-harmonic tables in the public test files of qcip_tools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from aiida_crystalmath.crystal.outputs.models import (
    Array,
    CoupledPerturbedCycles,
    HyperComponent,
    LinearResponse,
    OpticalResponse,
    Polarisability,
)
from aiida_crystalmath.crystal.outputs.numbers import NUMBER, number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.captures import capture_rows

_TOLERANCE = re.compile(r' INFORMATION \*{4} CP(2?)_DRIVER \*{4} CONVERGENCE ON .*?:\s*10\*\*\s*(-?\d+)')
_FIELD = re.compile(r' ELECTRIC FIELD APPLIED ALONG CARTESIAN DIRECTIONS?\s+([XYZ]{1,3})\s*$')
_MULTIPLE = re.compile(rf'\s*Frequency multiple:\s*({NUMBER})', re.IGNORECASE)
_CYCLE = re.compile(r' CYCLE\s+(\d+)\s+(ALPHA|PSEUDO-ENERGY DERIVATIVE)\s*(\S+)\s.*DELTA\s*(\S+)')
_ALPHA = re.compile(rf'\s*(?:({NUMBER})\s+)?([XYZ]{{2}})(?=[\s\d.+*-])(.*)$')
_HYPER = re.compile(r'\s*([XYZ]{3,4})(?=[\s\d.+*-])(.*)$')
_VALUE = re.compile(rf'\*+|NaN|{NUMBER}', re.IGNORECASE)
_PRINCIPAL = re.compile(r' AA\s*(\S+)\s+BB\s*(\S+)\s+CC\s*(\S+)')
_BIREFRINGENCE = re.compile(rf'\s*BIREFRINGENCE\s*=\s*({NUMBER})\s*$')
_OMEGA = re.compile(rf'with omega=\s*({NUMBER})', re.IGNORECASE)
_AXES = {'X': 0, 'Y': 1, 'Z': 2}
_LIMIT = 10_000


class PolarisabilitySection(Section):
    """Reads CPHF and CPKS; ``output.polarisability`` exists from the driver's first line on.

    :ivar pending: something was begun whose table has not come.
    """

    def __init__(self, context: Context) -> None:
        """Start without response."""
        super().__init__(context)
        self.pending = False
        self.omega: float | None = None
        self.frequency: float | None = None

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of the block."""
        return {
            ' INFO': self.read_driver,
            ' ELEC': self.read_field,
            '  Fre': self.read_frequency,
            ' CYCL': self.read_cycle,
            ' POLA': self.read_alpha,
            ' FIRS': self.read_beta,
            ' SECO': self.read_second,
            ' DC-P': self.read_pockels,
            '  Poc': self.read_omega,
            '  SHG': self.read_omega,
        }

    def _start(self) -> Polarisability:
        """Return the result."""
        output = self.output
        output.is_coupled_perturbed_run = True
        if output.polarisability is None:
            output.polarisability = Polarisability(line=self.context.line)
        return output.polarisability

    def read_driver(self, line: str) -> None:
        """Read the tolerance, the first line of the block."""
        if found := _TOLERANCE.match(line):
            self._start().tolerance[2 if found[1] else 1] = 10.0 ** int(found[2])
            self.pending = True

    def read_field(self, line: str) -> None:
        """Read the direction of a field: its cycles follow."""
        if (found := _FIELD.match(line)) and self.output.polarisability is not None:
            cycles = self.output.polarisability.cycles
            if len(cycles) < _LIMIT:
                cycles.append(CoupledPerturbedCycles(found[1], len(found[1]), self.frequency))
            self.pending = True

    def read_frequency(self, line: str) -> None:
        """Read the frequency of the fields that follow."""
        if found := _MULTIPLE.match(line):
            self.frequency = number(found[1])

    def read_cycle(self, line: str) -> None:
        """Read one cycle."""
        result, found = self.output.polarisability, _CYCLE.match(line)
        if result is None or not result.cycles or found is None:
            return
        value, change, cycles = number(found[3]), number(found[4]), result.cycles[-1]
        if value is not None and len(cycles.values) < _LIMIT:
            cycles.values.append(value)
            cycles.last_change = change

    def read_alpha(self, line: str) -> None:
        """Read the polarisability and what stands below it, up to a rule."""
        if not line.startswith((' POLARIZABILITY (ALPHA)', ' POLARIZABILITY TENSOR')):
            return
        result = self._start()
        self.pending = True
        rows: dict[float, dict[str, list[float]]] = {}
        responses: list[LinearResponse] = []
        principal: list[tuple[float, float, float]] = []
        indices: list[tuple[float, float, float]] = []
        birefringences: list[float] = []
        target = principal

        def row(text: str) -> bool:
            nonlocal target
            if text.startswith((' ***', ' TTTT')):
                return False
            if responses:
                target = indices if text.startswith(' REFRACTIVE') else target
                if (found := _PRINCIPAL.match(text)) and (axes := _three(found.groups())):
                    target.append(axes)
                elif found := _BIREFRINGENCE.match(text):
                    birefringences.append(float(found[1]))
            elif found := _ALPHA.match(text):
                values = [number(word) for word in _VALUE.findall(found[3])]
                frequency = number(found[1] or '0')
                if frequency is not None:
                    components = rows.setdefault(frequency, {})
                    components[found[2]] = [float('nan') if value is None else value for value in values]
            elif rows:
                responses.extend(_linear(frequency, components) for frequency, components in rows.items())
            return True

        def end() -> None:
            if len(principal) == len(indices) == len(responses):
                for response, epsilon, index in zip(responses, principal, indices, strict=True):
                    response.epsilon_principal, response.refractive_indices = epsilon, index
            if len(birefringences) == len(responses):
                for response, value in zip(responses, birefringences, strict=True):
                    response.birefringence = value
            for response in responses:
                known = [old for old in result.responses if old.frequency_ev == response.frequency_ev]
                for old in known:
                    result.responses.remove(old)
            result.responses.extend(responses)
            self.pending = not responses

        capture_rows(self.context, row, end)

    def read_beta(self, line: str) -> None:
        """Read the first hyperpolarisability; the table of a second-order calculation replaces the first."""
        if line.startswith(' FIRST HYPERPOLARIZABILITY'):
            self._hyper(3, self._start().beta)

    def read_second(self, line: str) -> None:
        """Read the second hyperpolarisability, or the one of second-harmonic generation."""
        if line.startswith(' SECOND HYPERPOLARIZABILITY (GAMMA) AND') or line.startswith(
            ' SECOND HYPERPOLARIZABILITY TENSOR'
        ):
            self._hyper(4, self._start().gamma)
        elif line.startswith(' SECOND HARMONIC GENERATION'):
            self._optical(OpticalResponse('shg', self.omega))

    def read_pockels(self, line: str) -> None:
        """Read the hyperpolarisability of Pockels' effect."""
        if line.startswith(' DC-POCKELS'):
            self._optical(OpticalResponse('pockels', self.omega))

    def read_omega(self, line: str) -> None:
        """Read the frequency of the table that follows."""
        if found := _OMEGA.search(line):
            self.omega = number(found[1])
            self.pending = True

    def _optical(self, response: OpticalResponse) -> None:
        """Read a table of 27 components."""
        self._start().optical.append(response)
        self._hyper(3, response.components)

    def _hyper(self, order: int, target: dict[str, HyperComponent]) -> None:
        """Read a table of components between two rules; it is taken at the second."""
        self.pending = True
        found: dict[str, HyperComponent] = {}

        def row(text: str) -> bool:
            component = _HYPER.match(text)
            if component and len(component[1]) == order:
                found[component[1]] = _component(component[2])
                return True
            if text.startswith(' ***') and found:
                return False
            return not text.startswith((' TTTT', ' EEEE'))

        def end() -> None:
            target.clear()
            target.update(found)
            self.pending = not found

        capture_rows(self.context, row, end, limit=100)

    def finish(self) -> None:
        """Conclude on convergence, method and completeness."""
        result = self.output.polarisability
        if result is None:
            return
        for cycles in result.cycles:
            tolerance = result.tolerance.get(min(cycles.order, 2))
            if tolerance is not None and cycles.last_change is not None:
                cycles.converged = abs(cycles.last_change) <= tolerance
        hamiltonian = self.output.hamiltonian or ''
        if hamiltonian:
            result.method = 'CPKS' if 'KOHN-SHAM' in hamiltonian else 'CPHF'
        result.complete = bool(result.responses) and (self.output.terminated or not self.pending)


def _three(words: tuple[str, ...]) -> tuple[float, float, float] | None:
    """Return three numbers, None if one is none."""
    values = [value for value in map(number, words) if value is not None]
    return (values[0], values[1], values[2]) if len(values) == 3 else None


def _component(text: str) -> HyperComponent:
    """Return the numbers of one component: value, (before symmetrisation), chi, mks, cgs."""
    values = [number(word) for word in _VALUE.findall(text)]
    before = values.pop(1) if '(' in text and len(values) > 1 else None
    values += [None] * (4 - len(values))
    return HyperComponent(values[0], before, *values[1:4])


def _linear(frequency: float, components: dict[str, list[float]]) -> LinearResponse:
    """Return the tensors of one frequency; how many numbers a row holds tells what they are."""
    width = {len(values) for values in components.values()}
    columns = [_tensor(components, column) for column in range(width.pop())] if len(width) == 1 else []
    response = LinearResponse(frequency)
    if len(columns) >= 2:
        response.alpha_bohr3, response.alpha_imaginary_bohr3 = columns[0], columns[1]
    if len(columns) == 4:
        response.epsilon, response.chi1 = columns[2], columns[3]
    elif len(columns) == 5:
        response.epsilon, response.epsilon_imaginary, response.chi1 = columns[2:]
    return response


def _tensor(components: dict[str, list[float]], column: int) -> Array:
    """Return the symmetric tensor of one column; NaN where nothing was printed."""
    tensor = np.full((3, 3), np.nan)
    for name, values in components.items():
        i, j = _AXES[name[0]], _AXES[name[1]]
        tensor[i, j] = tensor[j, i] = values[column]
    return tensor
