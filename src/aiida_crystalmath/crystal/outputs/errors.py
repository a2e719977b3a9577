"""The error of the data-file readers."""

from __future__ import annotations


class OutputFileError(ValueError):
    """A data file of CRYSTAL is not what its reader expects.

    :param what: what is wrong.
    :param where: file kind, for example 'fort.25'.
    :param line: line number, 1 is the first; 0 when no single line is to blame.
    """

    def __init__(self, what: str, where: str, line: int = 0) -> None:
        place = f'{where}, line {line}' if line else where
        super().__init__(f'{place}: {what}. The program may have been stopped while it wrote the file: run it again.')
        self.line = line
