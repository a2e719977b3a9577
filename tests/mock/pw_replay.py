#!/usr/bin/env python3
"""Be pw.x by playing two recorded runs of silicon (6.7, LDA, 16 Ry, 4x4x4), and refuse whatever was not recorded.

Called as ``pw_replay.py CORPUS -in FILE``. The SCF is the one in ``tests/fixtures/pw/si_scf``; the NSCF with 30 bands
is ``qe67_si_nscf`` of the corpus. What they wrote is written again, byte for byte, in the folder of the deck and under
its prefix. A deck is refused if it asks for another calculation, size, mesh, pseudopotential or volume.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'pw' / 'si_scf'
REFUSED = 99
VOLUME_A3 = (10.2 * 0.529177210903) ** 3 / 4
WANTED = {
    'ecutwfc': 16.0,
    'force_symmorphic': '.true.',
    'nat': 2.0,
    'occupations': "'fixed'",
    'prefix': "'aiida'",
}


def main() -> int:
    """Play; return the exit status."""
    corpus, arguments = Path(sys.argv[1]), sys.argv[2:]
    text = Path(arguments[arguments.index('-in') + 1]).read_text()
    values = {
        name.lower(): plain(value) for name, value in re.findall(r'^\s*(\w+(?:\(\d+\))?)\s*=\s*(.+?)\s*$', text, re.M)
    }
    calculation = values.get('calculation')
    wanted = {**WANTED, 'nbnd': 30.0 if calculation == "'nscf'" else None}
    wrong = [
        f'{name} is {values.get(name)}, recorded is {value}'
        for name, value in wanted.items()
        if values.get(name) != value
    ]
    if calculation not in ("'scf'", "'nscf'"):
        wrong.append(f'calculation is {calculation}')
    mesh = re.search(r'K_POINTS\s+automatic\s+([\d ]+)', text)
    if mesh is None or mesh[1].split() != ['4', '4', '4', '0', '0', '0']:
        wrong.append('the k-points are not 4 4 4')
    if re.search(r'^Si\s+[\d.]+\s+Si\.pz-vbc\.UPF', text, re.M) is None:
        wrong.append('the pseudopotential is not Si.pz-vbc.UPF')
    if abs(volume(text) - VOLUME_A3) > 1e-3 * VOLUME_A3:
        wrong.append(f'the volume is {volume(text)}')
    if wrong:
        sys.stderr.write(f'REPLAY: there is no recording of this: {"; ".join(wrong)}\n')
        return REFUSED
    scf = calculation == "'scf'"
    folder = FIXTURE if scf else corpus / 'qe67_si_nscf'
    saved = Path('out') / 'aiida.save'
    if not scf and not (saved / 'data-file-schema.xml').is_file():
        sys.stderr.write('REPLAY: no density of an SCF\n')
        return REFUSED
    saved.mkdir(parents=True, exist_ok=True)
    (saved / 'data-file-schema.xml').write_bytes(gzip.decompress((folder / 'data-file-schema.xml.gz').read_bytes()))
    sys.stdout.write((folder / ('scf.out' if scf else 'nscf.out')).read_text())
    return 0


def plain(text: str) -> object:
    """Return a number as such."""
    try:
        return float(text.rstrip(',').replace('d', 'e'))
    except ValueError:
        return text.rstrip(',')


def volume(text: str) -> float:
    """Return the volume of the cell of a deck, Å³."""
    found = re.search(r'CELL_PARAMETERS\s+angstrom\s*\n((?:.+\n){3})', text)
    if found is None:
        return 0.0
    (a, b, c), (d, e, f), (g, h, i) = ([float(x) for x in line.split()] for line in found[1].splitlines())
    return abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


if __name__ == '__main__':
    sys.exit(main())
