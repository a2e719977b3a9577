"""What the parsers of Quantum ESPRESSO's programs share: their standard output, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from aiida.engine import ExitCode

from aiida_crystalmath.parsers.guarded import GuardedParser, drop_none

if TYPE_CHECKING:
    from aiida_crystalmath.espresso.stdout import EspressoOutput

__all__ = ('ENGINE', 'EspressoParserBase', 'espresso_parameters')

ENGINE = 'quantum-espresso'


class EspressoParserBase(GuardedParser):
    """Base of the parsers of Quantum ESPRESSO's programs."""

    PROGRAM: ClassVar[str]
    """The name that the program gives itself in its first lines."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Parse the retrieved files, if the program printed them."""
        from aiida_crystalmath.espresso.stdout import read_stdout

        text = self.text(str(self.node.get_option('output_filename')))
        if text is None:
            return self.scheduler_verdict() or self.failure('ERROR_STDOUT_MISSING')
        output = read_stdout(text)
        if output.program != self.PROGRAM:
            self.logger.error(f'no output of {self.PROGRAM}: {text[:500]!r}')
            return self.scheduler_verdict() or self.failure('ERROR_NOT_PROGRAM_OUTPUT')
        return self.parse_output(output, retrieved_temporary_folder)

    def parse_output(self, output: EspressoOutput, temporary: str | None) -> ExitCode | None:
        """Attach what the program did, and conclude.

        :param temporary: folder of the files that only the parser sees.
        """
        raise NotImplementedError


def espresso_parameters(output: EspressoOutput) -> dict[str, Any]:
    """Return what all programs of Quantum ESPRESSO tell: version, times, messages."""
    return drop_none(
        {
            'engine': ENGINE,
            'program': output.program,
            'version': output.version,
            'terminated': output.done,
            'n_processes': output.n_processes,
            'cpu_time_s': output.cpu_time_s,
            'wall_time_s': output.wall_time_s,
            'warnings': output.warnings,
            'errors': [f'{error.routine} ({error.code}): {error.text}' for error in output.errors],
        }
    )
