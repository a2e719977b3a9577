"""Equations of state through the work chain: real physics of the stand-in, and CRYSTAL's own EOS by a recorded run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.inputs.d12 import read_d12
from aiida_crystalmath.workflows.crystal.eos_inputs import scale_factors_of

CHAIN = 'crystalmath.crystal.eos'
HF = {'base': {'crystal': {'parameters': {'hamiltonian': {'dft': None, 'method': 'RHF'}}}}}

FAILS_ONCE = """\
import subprocess, sys

# Plays a computer that loses the run of one volume: the one whose cell is longest.
deck = sys.stdin.read()
if {mark!r} in deck:
    sys.exit(1)
sys.exit(subprocess.run([{program!r}], input=deck, text=True).returncode)
"""


@pytest.fixture
def builder(shipped_family):
    shipped_family('sto-3g')
    return WorkflowFactory(CHAIN).get_builder_from_protocol


def fcc(a: float, first: str, second: str | None = None) -> orm.StructureData:
    half = a / 2
    structure = orm.StructureData(cell=[[0, half, half], [half, 0, half], [half, half, 0]])
    structure.append_atom(position=(0, 0, 0), symbols=first)
    if second:
        structure.append_atom(position=(half, half, half), symbols=second)
    return structure


def children(node) -> dict[str, orm.ProcessNode]:
    return {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()}


# -- real physics ------------------------------------------------------------------------------------------------------


@pytest.fixture
def flaky_code(tmp_path, aiida_code_installed, crystal_code):
    """Return a factory of the stand-in that fails on decks with a text."""

    def factory(mark: str):
        path = tmp_path / 'flaky'
        source = FAILS_ONCE.format(mark=mark, program=str(crystal_code.filepath_executable))
        path.write_text(f'#!{sys.executable}\n{source}')
        path.chmod(0o755)
        return aiida_code_installed(
            label='flaky',
            default_calc_job_plugin='crystalmath.crystal23',
            filepath_executable=str(path),
            prepend_text='export OMP_NUM_THREADS=1',
        )

    return factory


@pytest.mark.standin
@pytest.mark.slow
def test_helium_that_is_pressed_with_one_volume_lost(flaky_code, builder):
    """Hartree-Fock with one function an atom: helium repels itself at any distance, so that no volume is a minimum.

    Five of six volumes are enough to see that; the chain says where to widen the range, and hands on the energies.
    """
    a, scales = 2.6, [0.9, 0.95, 1.0, 1.05, 1.1, 1.5]
    structure = fcc(a, 'He')
    lost = f'{a * 1.5 ** (1 / 3):.10f}'[:7]
    results, node = run_get_node(builder(flaky_code(lost), structure, 'fast', HF, scale_factors=scales))
    assert node.exit_status == 432, node.exit_message
    assert 'scale factors above' in node.exit_message
    told = results['output_parameters'].get_dict()
    assert told['scale_factors_missing'] == [1.5]
    assert told['n_points'] == 5
    assert told['engine'] == 'STAND-IN'
    energies, volumes = (results['output_eos'].get_array(x) for x in ('energies_hartree', 'volumes_angstrom3'))
    assert volumes == pytest.approx(np.array(scales[:5]) * a**3 / 4)
    assert np.all(np.diff(energies) < 0)
    runs = children(node)
    assert runs['scale_1p5'].exit_status
    # One mesh for all, that of the structure given: left to itself a larger cell could get a coarser one.
    meshes = [child.inputs.crystal.parameters['scf']['shrink'] for child in runs.values()]
    assert all(mesh == meshes[0] for mesh in meshes)


@pytest.mark.standin
@pytest.mark.slow
def test_magnesium_oxide_is_that_of_crystal(crystal_code, builder):
    """Hartree-Fock and STO-3G; CRYSTAL17 optimised it to 14.6521 Å³ (corpus, mgo_sto3g_opt), and CRYSTAL14 got 470.57
    GPa from its elastic constants there (mgo_elastic_c14). The stand-in's mesh is coarser: 2 x 2 x 2.
    """
    inputs = builder(crystal_code, fcc(3.8844, 'Mg', 'O'), 'fast', HF, scale_factors=[0.94, 0.97, 1.0, 1.03, 1.06])
    results, node = run_get_node(inputs)
    assert node.is_finished_ok, node.exit_message
    told = results['output_parameters'].get_dict()
    assert told['volume_angstrom3'] == pytest.approx(14.6521, rel=0.005)
    assert told['bulk_modulus_gpa'] == pytest.approx(470.57, rel=0.03)
    assert 3 < told['bulk_modulus_prime'] < 5
    assert told['residual_rms_mev_per_atom'] < 0.05
    assert told['warnings'] == []
    assert results['output_structure'].get_cell_volume() == pytest.approx(told['volume_angstrom3'])
    assert [site.kind_name for site in results['output_structure'].sites] == ['Mg', 'O']


def hydrogen(c: float = 3.4, bond: float = 0.9) -> orm.StructureData:
    """Return hydrogen molecules on a tetragonal lattice: their length and c/a are free."""
    structure = orm.StructureData(cell=[[2.4, 0, 0], [0, 2.4, 0], [0, 0, c]])
    structure.append_atom(position=(0, 0, 0), symbols='H')
    structure.append_atom(position=(0, 0, bond), symbols='H')
    return structure


# -- CRYSTAL's own -----------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_own_eos_of_crystal(replay, corpus, builder):
    """The recorded run of corundum has an EOS in it; its deck has the block, its fits come out under our names."""
    from aiida_crystalmath.crystal.symmetry import expand
    from aiida_crystalmath.data.structure import from_geometry

    path = corpus / 'corundum_qha' / 'propinp_Al2O3crys.out'
    lines = path.read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith('Wed'))
    structure = from_geometry(expand(read_d12('\n'.join(lines[:end]) + '\n').geometry))
    code = replay(replay.files(stdout=whole_eos(path)))
    results, node = run_get_node(builder(code, structure, 'fast', crystal_eos=True))
    assert node.is_finished_ok, node.exit_message
    assert 'EOS\nRANGE\n0.94 1.06 7\nEND\n' in replay.decks[0]
    told = results['output_parameters'].get_dict()
    assert told['source'] == 'crystal_eos'
    assert told['equation'] == 'birch_murnaghan'
    assert told['volume_angstrom3'] == 264.8959
    assert told['bulk_modulus_gpa'] == 230.78
    assert told['bulk_modulus_prime'] == 4.02
    assert {fit['name'] for fit in told['fits']} >= {'birch_murnaghan', 'murnaghan', 'vinet', 'poirier_tarantola'}
    assert results['output_eos'].get_array('energies_hartree').min() == pytest.approx(-4263.443949744)
    assert (
        'output_structure' not in results
    )  # CRYSTAL relaxed the atoms at every volume, and printed them at none of V0


def whole_eos(path: Path) -> bytes:
    """Return the recorded output from its beginning to its end, without the tables of thermodynamics in between."""
    content = path.read_bytes()
    end = content.index(b' EOSEOS', content.index(b'SORTING VOLUMES/ENERGIES'))
    after = content.index(b'\n', end) + 1
    last = content.rindex(b' TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT END')
    return content[:after] + content[last:]


@pytest.mark.corpus
def test_too_few_volumes_end_the_chain(replay, corpus, generate_structure, builder):
    """Every volume meets an input error: the reason of the first, and no numbers."""
    code = replay(corpus / 'mgo100_itol_error', repeat=True)
    results, node = run_get_node(builder(code, generate_structure('MgO'), 'fast', HF))
    assert node.exit_status == 421
    assert 'too few are left for a fit' in node.exit_message
    assert len(children(node)) == 7
    assert 'output_parameters' not in results


# -- inputs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dummy(fixture_code):
    return fixture_code('crystalmath.crystal23')


@pytest.fixture
def builder_of(dummy, builder, generate_structure):
    """Return a factory of inputs that are never run, for a structure by its name."""

    def factory(name: str, **arguments):
        structure = hydrogen() if name == 'H2-crystal' else generate_structure(name)
        return builder(dummy, structure, 'fast', **arguments)

    return factory


@pytest.mark.parametrize(
    ('structure', 'arguments', 'expected'),
    [
        ('MgO', {}, None),
        ('graphene', {}, None),
        ('H2-crystal', {}, 'CVOLOPT'),
        ('H2-crystal', {'relax_type': 'positions'}, 'ATOMONLY'),
        ('H2-crystal', {'relax_type': 'none'}, None),
    ],
)
def test_what_is_free_is_relaxed(builder_of, structure, arguments, expected):
    """By symmetry, unless said otherwise."""
    inputs = builder_of(structure, **arguments)
    geometry = inputs.base.crystal.parameters.get_dict().get('geometry') or {}
    assert (geometry.get('optgeom') or {}).get('type') == expected
    assert inputs.scale_count.value == 7


def test_volumes_of_the_protocols(dummy, builder, generate_structure):
    mgo = generate_structure('MgO')
    assert scale_factors_of(builder(dummy, mgo, 'fast')) == [0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06]
    own = builder(dummy, mgo, 'fast', scale_factors=[1.1, 0.9, 0.95, 1.0, 1.05])
    assert scale_factors_of(own) == [0.9, 0.95, 1.0, 1.05, 1.1]
    assert 'scale_count' not in own
    eos = builder(dummy, mgo, 'fast', crystal_eos=True)
    assert eos.base.crystal.parameters['geometry']['eos'] == {'range': [0.94, 1.06, 7]}
    assert not {'scale_count', 'scale_increment', 'scale_factors'} & set(eos)


@pytest.mark.parametrize(
    ('structure', 'arguments', 'words'),
    [
        ('H2', {}, 'a molecule has no volume'),
        ('MgO', {'relax_type': 'positions_cell'}, 'would change the volumes'),
        ('graphene', {'crystal_eos': True}, 'for slabs and polymers'),
        ('MgO', {'scale_factors': [0.9, 1.0, 1.1]}, 'at least 5'),
        ('MgO', {'scale_factors': [0.9, 0.9, 1.0, 1.1, 1.2]}, 'a volume twice'),
        ('MgO', {'scale_factors': [-1, 0.9, 1.0, 1.1, 1.2]}, 'must be positive'),
        ('MgO', {'overrides': {'scale_count': 4}}, 'at least 5'),
        ('MgO', {'overrides': {'scale_increment': 0.4}}, 'no volume at all'),
        ('MgO', {'overrides': {'scale_counts': 4}}, 'did you mean "scale_count"'),
        (
            'MgO',
            {'overrides': {'base': {'crystal': {'parameters': {'geometry': {'optgeom': {'type': 'FULLOPTG'}}}}}}},
            'would change the volumes',
        ),
        (
            'MgO',
            {'overrides': {'base': {'crystal': {'parameters': {'geometry': {'edits': ['SUPERCEL', '2 0 0']}}}}}},
            'edit the structure before',
        ),
    ],
)
def test_wrong_inputs_are_refused(builder_of, structure, arguments, words):
    with pytest.raises(ValueError, match=words):
        run_get_node(builder_of(structure, **arguments))
