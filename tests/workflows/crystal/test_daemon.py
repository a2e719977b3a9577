"""The main job of the project: from a CIF to relaxed structure, bands and density of states, through a real daemon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import WorkflowFactory

pytestmark = [pytest.mark.standin, pytest.mark.daemon]

CIF = Path(__file__).parents[3] / 'examples' / 'MgO.cif'
MEGABYTE = 1024**2


@pytest.fixture(scope='module')
def finished(request):
    """Hold what the one long run of this module left; filled by the first test that needs it."""
    return {}


@pytest.fixture
def builder_for(crystal_code, properties_code, shipped_family):
    """Return a factory of builders of the characterisation of a structure, protocol fast."""
    shipped_family('sto-3g')

    def factory(structure):
        return WorkflowFactory('crystalmath.crystal.characterise').get_builder_from_protocol(
            crystal_code, structure, 'fast', properties_code=properties_code
        )

    return factory


@pytest.fixture
def node(finished, started_daemon_client, submit_and_await, builder_for):
    """Return the finished characterisation of MgO, protocol fast, from the conventional cell of a CIF."""
    if 'node' not in finished:
        from aiida_crystalmath.calculations.functions.structure_from_file import structure_from_file

        structure = structure_from_file(orm.SinglefileData(CIF))
        finished['node'] = submit_and_await(builder_for(structure), timeout=240)
        finished['file'] = structure.creator.inputs.file
    return finished['node']


def test_everything_is_there(node):
    assert node.is_finished_ok, f'{node.exit_status}: {node.exit_message}'
    assert set(node.outputs) >= {
        'output_structure',
        'output_trajectory',
        'output_parameters',
        'remote_folder',
        'output_bands',
        'band_parameters',
        'output_dos',
        'output_dos_projected',
        'dos_parameters',
    }


def test_calls_are_labelled(node):
    """What a person sees in ``verdi process status``."""
    calls = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    assert sorted(call.link_label for call in calls) == ['bands', 'dos', 'geopt', 'scf']
    assert all(called.is_finished_ok for called in node.called_descendants)


def test_relaxed_structure(node):
    """The user's own cell and atoms, cubic still, at the lattice constant of PBE/STO-3G (3.98 Å by PySCF alone)."""
    before, after = node.inputs.structure, node.outputs.output_structure
    assert [site.kind_name for site in after.sites] == [site.kind_name for site in before.sites]
    lengths, angles = np.array(after.cell_lengths), np.array(after.cell_angles)
    assert lengths / np.array(before.cell_lengths) == pytest.approx(3.98 / 4.21, abs=0.01)
    assert angles == pytest.approx(np.array(before.cell_angles), abs=1e-4)


def test_numbers_say_where_they_come_from(node):
    parameters = node.outputs.output_parameters
    assert parameters['engine'] == 'STAND-IN'
    assert parameters['scf']['converged'] is True
    assert parameters['gap_ev'] > 1


def test_bands(node):
    """Labels at every end of a segment, k-points in the cell of the user's structure, a gap at the Fermi energy."""
    bands = node.outputs.output_bands
    labels = [label for _, label in bands.labels]
    assert labels[:4] == ['GAMMA', 'X', 'U', 'K']
    assert np.array(bands.cell) == pytest.approx(np.array(node.outputs.output_structure.cell), abs=1e-6)
    energies = np.array(bands.get_bands())
    energies = energies.reshape(-1, *energies.shape[-2:])[0]
    n_occupied = 10  # 20 electrons
    top, bottom = energies[:, n_occupied - 1].max(), energies[:, n_occupied].min()
    assert bottom - top > 1
    assert top == pytest.approx(node.outputs.output_parameters['fermi_energy_ev'], abs=0.3)


def test_dos(node):
    """Integrates to the electrons of the window; the projections on kinds add up to the total."""
    x, y = node.outputs.output_dos.get_x()[1], np.array(node.outputs.output_dos.get_y()[0][1])
    assert y.min() > -1e-6
    fermi = node.outputs.output_parameters['fermi_energy_ev']
    valence = (x > fermi - 10) & (x < fermi + 0.5)
    assert np.trapezoid(y[valence], x[valence]) == pytest.approx(6, abs=0.6)  # the 2p shell of oxygen
    projected = [np.array(values) for _, values, _ in node.outputs.output_dos_projected.get_y()]
    assert len(projected) == 2
    assert np.sum(projected, axis=0) == pytest.approx(y, abs=0.05 * y.max())


def test_bands_and_dos_share_the_wavefunction(node):
    folders = {name: node.outputs[name].creator.inputs.parent_folder.pk for name in ('output_bands', 'output_dos')}
    assert set(folders.values()) == {node.outputs.remote_folder.pk}


def test_provenance_from_the_bands_to_the_file(node, finished):
    """Walk back from the bands by what created each node, and arrive at the CIF."""
    ancestors = orm.QueryBuilder()
    ancestors.append(orm.BandsData, filters={'uuid': node.outputs.output_bands.uuid}, tag='bands')
    ancestors.append(orm.SinglefileData, with_descendants='bands', project='uuid')
    assert finished['file'].uuid in ancestors.all(flat=True)
    step = node.outputs.output_bands.creator.inputs.parent_folder.creator.inputs.structure
    assert step.uuid == node.outputs.output_structure.uuid
    assert step.creator.inputs.structure.uuid == node.inputs.structure.uuid
    assert node.inputs.structure.creator.inputs.file.get_content() == CIF.read_bytes().decode()


def test_nothing_is_stored_twice(node):
    """One calculation for each thing computed, and no file twice in the repository."""
    jobs = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    assert (
        sorted(job.process_label for job in jobs)
        == ['Crystal23Calculation'] * 2 + ['Crystal23PropertiesCalculation'] * 2
    )


def test_repository_is_small(node):
    """Less than 2 MB for the whole run: wavefunctions stay where they were written."""
    total = 0
    for called in node.called_descendants:
        for data in [called, *called.base.links.get_outgoing(link_type=LinkType.CREATE).all_nodes()]:
            repository = data.base.repository
            for path, _, names in repository.walk():
                assert 'fort.9' not in names
                total += sum(len(repository.get_object_content(str(path / name), 'rb')) for name in names)
    assert 0 < total < 2 * MEGABYTE
