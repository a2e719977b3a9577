"""Reader and writer of CRYSTAL's basis-set text.

Numbers are read as Fortran's free format does (D exponents, commas, repeat counts, anything after the last number
wanted is ignored), except that a record never spreads over two lines. Text after ``!`` or ``#`` is a comment here, and
so is a line that starts with ``*`` (Basis Set Exchange writes such lines).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .basis_models import (
    ECP,
    ECP_EXPLICIT,
    ECP_KEYWORDS,
    ECP_TABULATED,
    GENERAL,
    SHELL_TYPES,
    BasisError,
    BasisSet,
    Shell,
    check_conventional_number,
    conventional_has_ecp,
)

_NUMBER = re.compile(r'[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?')
_COMMENT = re.compile(r'^\s*\*.*|[!#].*')
_INTEGER = re.compile(r'[+-]?\d+\.?0*')


def read_basis(text: str, where: str = 'basis set') -> list[BasisSet]:
    """Read the basis sets of one or many elements, up to ``99 0`` or the end of the text.

    :param text: element blocks of a d12, with or without the closing ``99 0``.
    :param where: name of the source, for messages.
    :raises BasisError: with the line at fault.
    """
    lines = text.splitlines()
    found: list[BasisSet] = []
    position = _next_line(lines, 0)
    while position < len(lines) and not is_terminator(lines[position]):
        basis, position = read_element_basis(lines, position, where)
        found.append(basis)
        position = _next_line(lines, position)
    return found


def is_terminator(line: str) -> bool:
    """Whether a line is ``99 0``, the end of the basis input."""
    fields = _COMMENT.sub('', line).replace(',', ' ').split()
    return fields[:2] == ['99', '0']


def read_element_basis(lines: Sequence[str], start: int, where: str = 'basis set') -> tuple[BasisSet, int]:
    """Read one element of a basis input.

    :param lines: the lines of the deck.
    :param start: index (from 0) of the line ``NAT NSHL``.
    :param where: name of the source, for messages.
    :return: the basis set, and the index of the first line after it.
    :raises BasisError: with the line (counted from 1) at fault.
    """
    conventional, n_shells = (_integer(text, where, start) for text in _fields(lines, start, 2, where, 'NAT NSHL'))
    if conventional < 0 or n_shells < 0:
        raise _error(where, start, lines, 'NAT and NSHL must not be negative')
    position = start + 1
    ecp = None
    if conventional_has_ecp(conventional):
        ecp, position = _read_ecp(lines, _next_line(lines, position), where)
    shells: list[Shell] = []
    for _ in range(n_shells):
        shell, position = _read_shell(lines, _next_line(lines, position), where)
        shells.append(shell)
    try:
        basis = BasisSet(conventional % 100, conventional, tuple(shells), ecp)
    except BasisError as exception:
        raise _error(where, start, lines, str(exception)) from exception
    return basis, position


def write_basis(basis: BasisSet, conventional_number: int | None = None) -> str:
    """Write the block of one element, without the closing ``99 0``.

    Numbers are written with the digits needed to read them back exactly.

    :param conventional_number: NAT to write instead of the basis set's own.
    :raises BasisError: if that number does not stand for the element, or for a potential.
    """
    conventional = basis.conventional_number if conventional_number is None else conventional_number
    check_conventional_number(conventional, basis.number, basis.has_ecp)
    lines = [f'{conventional} {len(basis.shells)}']
    if basis.ecp is not None:
        lines.extend(_write_ecp(basis.ecp))
    for shell in basis.shells:
        head = f'{shell.kind} {SHELL_TYPES.index(shell.type)} {shell.n_gaussians}'
        lines.append(f'{head} {_text(shell.charge)} {_text(shell.scale)}')
        for exponent, first, second in shell.primitives:
            row = f'{_text(exponent):>20} {_text(first):>20}'
            lines.append(row if second is None else f'{row} {_text(second):>20}')
    return '\n'.join(lines) + '\n'


def _write_ecp(ecp: ECP) -> list[str]:
    lines = [ecp.keyword, *ecp.raw]
    if ecp.keyword in ECP_EXPLICIT:
        counts = ' '.join(str(len(group)) for group in ecp.terms)
        lines.append(f'{_text(ecp.charge or 0.0)} {counts}')
        lines.extend(f'{_text(a):>20} {_text(c):>20} {n:d}' for group in ecp.terms for a, c, n in group)
    return lines


def _text(value: float) -> str:
    return repr(float(value))


def _next_line(lines: Sequence[str], position: int) -> int:
    """Index of the next line that is neither blank nor a comment."""
    while position < len(lines) and not _COMMENT.sub('', lines[position]).strip():
        position += 1
    return position


def _read_shell(lines: Sequence[str], position: int, where: str) -> tuple[Shell, int]:
    head = position
    fields = _fields(lines, position, 5, where, 'ITYB LAT NG CHE SCAL')
    kind, code, n_gaussians = (_integer(text, where, position) for text in fields[:3])
    if not 0 <= code < len(SHELL_TYPES):
        raise _error(where, head, lines, f'shell type LAT = {code}: 0 S, 1 SP, 2 P, 3 D, 4 F and 5 G exist')
    shell_type = SHELL_TYPES[code]
    primitives: list[tuple[float, float, float | None]] = []
    position += 1
    if kind == GENERAL:
        columns, names = (3, 'EXP COE1 COE2') if shell_type == 'SP' else (2, 'EXP COE')
        for _ in range(n_gaussians):
            position = _next_line(lines, position)
            row = [_real(text) for text in _fields(lines, position, columns, where, names)]
            primitives.append((row[0], row[1], row[2] if columns == 3 else None))
            position += 1
    try:
        shell = Shell(shell_type, _real(fields[3]), _real(fields[4]), kind, n_gaussians, tuple(primitives))
    except BasisError as exception:
        raise _error(where, head, lines, str(exception)) from exception
    return shell, position


def _read_ecp(lines: Sequence[str], position: int, where: str) -> tuple[ECP, int]:
    keyword = lines[position].split()[0].upper() if position < len(lines) else ''
    if keyword not in ECP_KEYWORDS:
        raise _error(
            where, position, lines,
            f'a pseudopotential keyword was expected (the conventional number is above 200): {", ".join(ECP_KEYWORDS)}',
        )  # fmt: skip
    if keyword in ECP_TABULATED:
        return ECP(keyword), position + 1
    # INPSOC has one more record than INPUT between the keyword and the counts.
    first = position + 1
    header = _next_line(lines, first if keyword in ECP_EXPLICIT else _next_line(lines, first) + 1)
    charge, counts = _ecp_header(lines, header, where)
    rows: list[tuple[float, float, int]] = []
    position = header + 1
    for _ in range(sum(counts)):
        position = _next_line(lines, position)
        exponent, coefficient, power = _fields(lines, position, 3, where, 'ALFKL CGKL NKL')
        rows.append((_real(exponent), _real(coefficient), _integer(power, where, position)))
        position += 1
    if keyword not in ECP_EXPLICIT:
        return ECP(keyword, charge, raw=tuple(line.rstrip() for line in lines[first:position])), position
    remaining = iter(rows)
    terms = tuple(tuple(next(remaining) for _ in range(count)) for count in counts)
    return ECP(keyword, charge, terms), position


def _ecp_header(lines: Sequence[str], position: int, where: str) -> tuple[float, list[int]]:
    """Read ``ZNUC M M0 M1 M2 M3 [M4]``: CRYSTAL09 added the sixth count."""
    fields = _split(lines[position]) if position < len(lines) else []
    if len(fields) not in (6, 7):
        raise _error(where, position, lines, 'a potential starts with ZNUC M M0 M1 M2 M3 [M4]: 6 or 7 numbers')
    counts = [_integer(text, where, position) for text in fields[1:]]
    if min(counts) < 0:
        raise _error(where, position, lines, 'the numbers of terms M ... must not be negative')
    return _real(fields[0]), counts


def _fields(lines: Sequence[str], position: int, count: int, where: str, names: str) -> list[str]:
    """Return the first ``count`` numbers of a line; more may follow, as for Fortran's free format."""
    fields = _split(lines[position]) if position < len(lines) else []
    if len(fields) < count:
        found = f'{len(fields)} numbers' if position < len(lines) else 'the end of the text'
        raise _error(where, position, lines, f'expected {names} ({count} numbers), found {found}')
    return fields[:count]


def _split(line: str) -> list[str]:
    """Split a line into numbers, up to the first thing that is not one.

    Columns that touch (``1.25-0.5``) are taken apart where a sign makes that unambiguous.
    """
    found: list[str] = []
    for word in _COMMENT.sub('', line).replace(',', ' ').split():
        times, star, rest = word.partition('*')
        # No record has more numbers than a few: a slip such as 99999999*0 must not fill the memory.
        repeat = min(int(times), 20) if star and times.isdigit() else 1
        numbers = _touching(rest if star else word)
        if not numbers:
            break
        found.extend(numbers * repeat)
    return found


def _touching(word: str) -> list[str]:
    """Numbers of a word, or nothing if anything in it is not a number or the split would be a guess."""
    numbers: list[str] = []
    position = 0
    while position < len(word):
        match = _NUMBER.match(word, position)
        if match is None or (numbers and match.group()[0] not in '+-'):
            return []
        numbers.append(match.group())
        position = match.end()
    return numbers


def _real(text: str) -> float:
    return float(text.replace('d', 'e').replace('D', 'e'))


def _integer(text: str, where: str, position: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise BasisError(f'{where}, line {position + 1}: {text!r} is not a whole number')
    return int(text.partition('.')[0])


def _error(where: str, position: int, lines: Sequence[str], message: str) -> BasisError:
    shown = f' (the line reads {lines[position].strip()!r})' if position < len(lines) else ''
    return BasisError(f'{where}, line {position + 1}: {message}{shown}')
