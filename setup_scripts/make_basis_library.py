"""Make the shipped basis-set library anew from Basis Set Exchange (needs ``pip install "aiida-crystalmath[basis]"``).

python setup_scripts/make_basis_library.py            # write src/aiida_crystalmath/crystal/basis_library
python setup_scripts/make_basis_library.py --check    # only say whether the files are what it would write
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from aiida_crystalmath.crystal.basis import write_basis
from aiida_crystalmath.crystal.basis_exchange import citation_of, convert_element, fetch
from aiida_crystalmath.crystal.elements import SYMBOLS

FOLDER = Path(__file__).parents[1] / 'src' / 'aiida_crystalmath' / 'crystal' / 'basis_library'
SETS = {
    'sto-3g': ('STO-3G', 'Minimal basis: three Gaussians fitted to each Slater orbital; H to Xe'),
    'pob-tzvp-rev2': (
        '',
        # The exchange's sulfur lacks its D shell: see KNOWN_DEFECTS.
        'Triple-zeta valence with polarization, made for solids with CRYSTAL; H to Br, not S and noble gases',
    ),
}


def make_set(name: str, internal: str, description: str) -> tuple[dict[str, object], str]:
    """Return the index entry and the text of one set."""
    document = fetch(name)
    references: dict[str, None] = {}
    blocks = []
    for number, element in document['elements'].items():
        references.update(dict.fromkeys(citation_of(element).split('; ')))
        blocks.append(f'! {SYMBOLS[int(number)]}\n' + write_basis(convert_element(int(number), element)))
    head = f'! {document["name"]}, version {document["version"]} of Basis Set Exchange, with formal shell charges\n'
    entry = {
        'title': document['name'],
        'description': description,
        'file': f'{name}.basis',
        'internal': internal,
        'version': f'{document["version"]} ({document["revision_description"]}, {document["revision_date"]})',
        'source': 'Basis Set Exchange, https://www.basissetexchange.org, doi:10.1021/acs.jcim.9b00725',
        'licence': 'BSD-3-Clause (basis_set_exchange)',
        'references': list(references),
    }
    return entry, head + ''.join(blocks) + '99 0\n'


def main() -> int:
    """Write or check the library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='write nothing, fail if a file would change')
    check = parser.parse_args().check
    index = {}
    texts = {}
    for name, (internal, description) in SETS.items():
        index[name], texts[f'{name}.basis'] = make_set(name, internal, description)
    texts['index.yaml'] = yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=118)
    changed = [name for name, text in texts.items() if not _same(FOLDER / name, text)]
    for name in changed:
        print(f'{"differs" if check else "written"}: {name}')
        if not check:
            (FOLDER / name).write_text(texts[name], encoding='utf-8')
    return int(check and bool(changed))


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding='utf-8') == text


if __name__ == '__main__':
    sys.exit(main())
