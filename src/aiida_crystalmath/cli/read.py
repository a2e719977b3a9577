"""``crystalmath read``: what outputs of CRYSTAL say, for people and for scripts, without AiiDA."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.summary import Reading, Summary

MANY = 10
"""From so many files on, the progress is shown to somebody who watches."""


@click.command()
@click.argument('files', metavar='FILE...', nargs=-1, required=True)
@click.option('--json', 'as_json', is_flag=True, help='Print one JSON object per file, each on a line of its own.')
@click.option('--full', is_flag=True, help='Show every atom, mode and matrix, not only the first and most important.')
def read(files: tuple[str, ...], *, as_json: bool, full: bool) -> None:
    """Read outputs of CRYSTAL 06 to 23 (crystal or properties) and say what they hold.

    FILE is an output; a folder stands for all outputs in it and below; "-" is standard input. Of one file a summary is
    printed, of several a table. AiiDA is not needed and not touched.

    The exit status is 0 if every file is a finished, converged run, 1 if any is not, and 2 if the command was
    misused: "crystalmath read X.out && next-step". In the JSON, a value that the file does not say, or not for
    certain, is null; the keys are described in the reference.
    """
    print_anywhere()
    try:
        sys.exit(0 if _read_all(list(expand(files)), as_json=as_json, full=full) else 1)
    except BrokenPipeError:
        leave_quietly()


def _read_all(names: list[str], *, as_json: bool, full: bool) -> bool:
    """Read and print all files; returns whether all are good."""
    from aiida_crystalmath.cli.read_report import print_summary, print_table

    summaries = (reading.summary for reading in _readings(names))
    if as_json:
        return _print_json(summaries, pretty=len(names) == 1 and sys.stdout.isatty())
    found = list(summaries)
    if full:
        for summary in found:
            print_summary(summary, full=True)
    elif len(found) == 1:
        print_summary(found[0])
    else:
        print_table(found)
    sys.stdout.flush()
    return all(summary.is_good for summary in found)


def _print_json(summaries: Iterable[Summary], *, pretty: bool) -> bool:
    """Print each summary as soon as it is known, so that a pipe can work on it."""
    good = True
    for summary in summaries:
        text = json.dumps(summary.as_dict(), indent=2 if pretty else None, ensure_ascii=False, allow_nan=False)
        sys.stdout.buffer.write(text.encode('utf-8', errors='replace') + b'\n')
        sys.stdout.flush()
        good = good and summary.is_good
    return good


def _readings(names: list[str]) -> Iterator[Reading]:
    """Read file after file, telling somebody who watches how far it is."""
    watched = len(names) >= MANY and sys.stderr.isatty()
    for number, name in enumerate(names, start=1):
        if watched:
            click.echo(f'\r\x1b[Kreading {number} of {len(names)}: {name[-60:]}', nl=False, err=True)
        try:
            yield read_one(name)
        finally:
            if watched and number == len(names):
                click.echo('\r\x1b[K', nl=False, err=True)


def read_one(name: str) -> Reading:
    """Read one file, or standard input."""
    from aiida_crystalmath.crystal.summary import read_file, read_lines

    return read_lines(standard_input()) if name == '-' else read_file(Path(name))


def standard_input() -> TextIO:
    """Return standard input as lines that no byte can break; a lone CR ends no line."""
    return io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', errors='replace', newline='\n')


def expand(names: Iterable[str]) -> Iterator[str]:
    """Replace folders by the outputs in them, in the order of their paths; a folder without any stays itself."""
    from aiida_crystalmath.crystal.run_files import looks_like_output

    for name in names:
        if name == '-' or not os.path.isdir(name):
            yield name
            continue
        found = False
        for folder, folders, files in os.walk(name):
            folders.sort()
            for file in sorted(files):
                path = os.path.join(folder, file)
                if os.path.isfile(path) and looks_like_output(Path(path)):
                    found = True
                    yield path
        if not found:
            yield name


def print_anywhere() -> None:
    """Let no character of a title or a unit break a terminal that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='replace')


def leave_quietly() -> None:
    """Leave as a program whose reader went away: without words, and without Python's complaint at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)
