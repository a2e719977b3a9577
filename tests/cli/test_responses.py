"""What is shown and drawn of vibrations, phonons and elastic constants: nodes of CRYSTAL's recorded outputs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from aiida import orm
from rich.console import Console

from aiida_crystalmath.cli.summaries import further_rows, further_tables
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.plotting.figure import Request
from aiida_crystalmath.plotting.figures import draw, has_figures
from aiida_crystalmath.workflows.functions.elasticity import summarise_elastic
from aiida_crystalmath.workflows.functions.vibrations import infrared_spectrum, summarise_vibrations, thermal_properties


def shown(tables) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=120)
    for table in tables:
        console.print(table)
    return stream.getvalue()


def is_picture(path) -> bool:
    """Tell whether a file is a PNG that has more on it than paper."""
    from matplotlib import image

    return float(np.ptp(image.imread(path)[..., :3])) > 0.5


@pytest.fixture
def nacl(corpus):
    """Return the nodes of CRYSTAL14's NaCl as the chain of frequencies makes them."""
    from aiida_crystalmath.calculations.cells import CellMap
    from aiida_crystalmath.parsers.further_results import further_parameters
    from aiida_crystalmath.parsers.vibrations import Frame, modes_node

    output = parse_stdout(corpus / 'nacl_freq_band_doss' / 'NaCl.out')
    cells = CellMap(None, output.initial_geometry)
    modes = modes_node(output.frequencies, Frame.of(cells, output.initial_geometry, 2)).store()
    parameters = orm.Dict({'frequencies': further_parameters(output, cells)['frequencies']}).store()
    return {
        'output_modes': modes,
        'output_parameters': parameters,
        'output_vibrations': summarise_vibrations(modes, parameters),
        'output_ir_broadened': infrared_spectrum(modes, orm.Float(10.0)),
        'output_thermal': thermal_properties(modes, orm.List([0.0, 500.0, 51])),
    }


def summary_of(nodes, process):
    results = nodes['output_parameters'].get_dict() if 'output_parameters' in nodes else {}
    return {'process': process, 'results': results, 'outputs': {name: node.pk for name, node in nodes.items()}}


def test_vibrations_are_shown(nacl):
    summary = summary_of(nacl, 'CrystalFrequenciesWorkChain')
    rows = {name: value for name, value, _ in further_rows(summary)}
    assert rows['vibrations'] == '6 modes, 3 of them translations (at most 0.0 cm⁻¹)'
    assert rows['minimum'] == 'yes, no imaginary frequency'
    assert rows['zero-point energy'] == '0.03369 eV  (3.251 kJ/mol)'  # E0 as printed: 0.033692772 eV, 3.25085866 kJ/mol
    lines = shown(further_tables(summary)).splitlines()
    assert lines[1].split() == ['1', '0.0', 'Fu', '0.00', 'rigid']
    assert lines[-1].split() == ['6', '181.2', 'Fu', '205.13']


def test_imaginary_modes_are_not_hidden(nacl):
    """A mode made imaginary is counted, shown with an i, and warned of."""
    modes = nacl['output_modes'].clone()
    frequencies = modes.get_array('frequencies_cm1').copy()
    frequencies[4] = -55.5
    modes.set_array('frequencies_cm1', frequencies)
    found = summarise_vibrations(modes.store(), nacl['output_parameters'])
    assert found['n_imaginary'] == 1
    assert found['imaginary_modes'] == [5]
    assert found['is_minimum'] is False
    assert '55.5i' in found['warnings'][0]
    rows = {name: value for name, value, _ in further_rows(summary_of({**nacl, 'output_vibrations': found}, ''))}
    assert rows['minimum'] == 'no: 55.5i cm⁻¹'


def test_vibrations_are_drawn(nacl, tmp_path):
    assert has_figures('CrystalFrequenciesWorkChain', nacl)
    paths = draw('CrystalFrequenciesWorkChain', nacl, Request(tmp_path, 'NaCl'))
    assert sorted(path.name for path in paths) == ['NaCl_infrared.png', 'NaCl_thermal.png']
    assert all(is_picture(path) for path in paths)


def test_phonons_are_drawn_and_shown(corpus, tmp_path):
    """Graphene's bands (CRYSTAL22): six branches on a path with three segments, and the density of states beside."""
    from aiida_crystalmath.calculations.cells import CellMap
    from aiida_crystalmath.parsers.vibrations import Frame, phonon_bands_node, phonon_dos_node, vibrating_geometry

    outputs = [next((corpus / f'graphene_phonon_{name}').glob('*.out')) for name in ('band', 'dos')]
    bands, dos = (parse_stdout(path) for path in outputs)
    geometry = vibrating_geometry(bands)
    frame = Frame.of(CellMap(None, geometry), geometry, 2)
    nodes = {
        'output_phonon_bands': phonon_bands_node(bands.frequencies, frame, None).store(),
        'output_phonon_dos': phonon_dos_node(dos.frequencies.phonon_dos, [6, 6]).store(),
    }
    (path,) = draw('CrystalPhononWorkChain', nodes, Request(tmp_path, 'graphene'))
    assert is_picture(path)
    rows = {name: value for name, value, _ in further_rows(summary_of(nodes, 'CrystalPhononWorkChain'))}
    assert rows['phonon bands'].startswith('6 branches at 123 points')
    assert rows['phonon bands'].endswith('to 1691.4 cm⁻¹')


@pytest.mark.parametrize(('name', 'stable', 'drawn'), [('mgo_elastic_c14', True, 1), ('e1674_elastic', False, 0)])
def test_elastic_constants_are_shown_and_drawn(corpus, tmp_path, name, stable, drawn):
    from aiida_crystalmath.calculations.cells import CellMap
    from aiida_crystalmath.parsers.responses import elastic_node

    output = parse_stdout(next((corpus / name).glob('*.out')))
    node = elastic_node(output.elastic, CellMap(None, output.initial_geometry)).store()
    properties = summarise_elastic(node, orm.Dict({}).store())
    nodes = {'output_elastic': node, 'output_elastic_properties': properties}
    summary = summary_of(nodes, 'CrystalElasticWorkChain')
    rows = {name: value for name, value, _ in further_rows(summary)}
    assert rows['mechanically stable'].startswith('yes' if stable else 'NO')
    assert ('not fulfilled: C44 > 0' in rows['mechanically stable']) is not stable
    table = shown(further_tables(summary)).splitlines()
    assert table[0].split()[:3] == ['C', '(GPa)', 'xx']
    assert float(table[1].split()[1]) == pytest.approx(output.elastic.constants[0, 0], abs=0.01)
    assert len(draw('CrystalElasticWorkChain', nodes, Request(tmp_path, name))) == drawn
