"""Every key of output_parameters is documented, and no other."""

from __future__ import annotations

import json

import pytest

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.calculations.parent import UnknownParent
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.parsers.crystal_results import crystal_parameters, method_parameters
from aiida_crystalmath.parsers.output_keys import BOTH_KEYS, CRYSTAL_KEYS, PROPERTIES_KEYS
from aiida_crystalmath.parsers.properties_results import OF_THE_PARENT, properties_parameters

pytestmark = pytest.mark.corpus


def flat(parameters, prefix=''):
    """Return all keys, inner ones with dots."""
    keys = set()
    for key, value in parameters.items():
        keys |= flat(value, f'{prefix}{key}.') if isinstance(value, dict) else {f'{prefix}{key}'}
    return keys


@pytest.fixture(scope='module')
def emitted(corpus):
    """Return the keys of all real outputs: (of crystal, of properties)."""
    crystal, properties = set(), set()
    for run, values in json.loads((corpus / 'truth.json').read_text()).items():
        output = parse_stdout(corpus / run / values['file'])
        if output.program == 'crystal':
            crystal |= flat(crystal_parameters(output, CellMap(None, output.initial_geometry)))
        elif output.program == 'properties':
            parent = UnknownParent(output.wave_function.geometry if output.wave_function else None)
            properties |= flat(properties_parameters(output, None, None, parent))
    return crystal, properties


def test_every_emitted_key_is_documented(emitted):
    crystal, properties = emitted
    assert crystal <= {*BOTH_KEYS, *CRYSTAL_KEYS}
    assert properties <= {*BOTH_KEYS, *PROPERTIES_KEYS}
    assert set(method_parameters({})) | set(OF_THE_PARENT) <= set(BOTH_KEYS)


def test_every_documented_key_is_emitted(emitted):
    """Those that need inputs or other files are written by the parsers themselves; of some no real file is there."""
    elsewhere = {
        'functional',
        'basis_set',
        'diagnoses',
        'dry_run',
        'optimisation.last_scf',
        'primitive_cells_in_structure',
    }
    unseen = {'piezoelectric.complete', 'photoelastic.complete', 'elastic.pressure_gpa', 'two_component'}
    # Only CRYSTAL23 of October 2022 prints it, of which the corpus may hold no file.
    unseen |= {'peak_memory_mb'}
    assert {*BOTH_KEYS, *CRYSTAL_KEYS} - emitted[0] == elsewhere | unseen


def test_units_are_those_in_the_names():
    endings = {'_hartree': 'hartree', '_ev': 'eV', '_s': 's', '_hartree_per_bohr': 'hartree/bohr'}
    for name, key in {**BOTH_KEYS, **CRYSTAL_KEYS, **PROPERTIES_KEYS}.items():
        unit = next((endings[ending] for ending in sorted(endings, key=len, reverse=True) if name.endswith(ending)), '')
        assert key.unit.startswith(unit), name
        assert key.meaning.endswith('.'), name
