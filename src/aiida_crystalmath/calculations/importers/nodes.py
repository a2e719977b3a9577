"""Input nodes of a found run."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_crystalmath.calculations.imported import INPUT_FILENAME
from aiida_crystalmath.crystal.basis import BasisError, BasisSet
from aiida_crystalmath.crystal.discovery import FoundRun, discover
from aiida_crystalmath.crystal.discovery.fitting import edited
from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.inputs.d3 import D3
from aiida_crystalmath.crystal.inputs.d12 import D12
from aiida_crystalmath.data.basis_set import BasisSetData
from aiida_crystalmath.data.structure import from_geometry

__all__ = (
    'ImportRefusedError',
    'crystal_inputs',
    'find_run',
    'is_exact',
    'job_options',
    'properties_inputs',
)

OUTPUT_FILENAMES = {'crystal': 'crystal.out', 'properties': 'properties.out'}

BasisNodes = Callable[[Sequence[BasisSet]], Sequence[BasisSetData]]
"""Returns the nodes of basis sets."""


class ImportRefusedError(ValueError):
    """A run that cannot be imported; the message says why."""


def find_run(remote: orm.RemoteData, program: str, output: str | None = None, part: int | None = None) -> FoundRun:
    """Find the run in a folder.

    :param program: ``crystal`` or ``properties``.
    :param output: name of its output, needed if there are several runs of the program in the folder.
    :param part: which program of the output, from 0, likewise.
    :raises ImportRefusedError: if there is none, more than one, or one that cannot be imported.
    """
    folder = Path(remote.get_remote_path())
    if not folder.is_dir():
        raise ImportRefusedError(f'{folder} is no folder on this machine: AiiDA imports runs from local folders only')
    plan = discover([folder], recursive=False)
    found = [
        run
        for run in (*plan.runs, *plan.refused)
        if run.program == program and output in (None, run.output.path.name) and part in (None, run.part)
    ]
    if not found:
        raise ImportRefusedError(f'{folder} has no output of {program}{f" called {output}" if output else ""}')
    if len(found) > 1:
        names = ', '.join(Path(run.name).name for run in found)
        raise ImportRefusedError(
            f'{folder} has {len(found)} runs of {program} ({names}): say which by `output` (and `part`)'
        )
    if glob.has_magic(str(found[0].output.path)):
        raise ImportRefusedError(
            f'{found[0].output.path}: AiiDA takes the characters * ? [ in a path for a pattern and finds nothing; use '
            '`crystalmath import`, or rename'
        )
    if found[0].program == 'crystal' and found[0].problem:
        raise ImportRefusedError(f'{found[0].name}: {found[0].problem}')
    return found[0]


def crystal_inputs(run: FoundRun, basis_nodes: BasisNodes | None = None) -> dict[str, Any]:
    """Return the input nodes of a run of ``crystal``, as far as they are known, none of them invented.

    Without a deck, the parameters have the title only, and are marked with the extra ``incomplete``.

    :raises ImportRefusedError: if the structure is not known.
    """
    if run.structure is None:
        raise ImportRefusedError(run.problem or 'its structure is not known')
    deck = run.deck.content if run.deck is not None else None
    if not isinstance(deck, D12):
        parameters = orm.Dict({'title': run.facts.title.strip()})
        parameters.base.extras.set('incomplete', True)
        return {'structure': from_geometry(with_kinds(run.structure)), 'parameters': parameters}
    structure, values = marked_atoms(run.structure, deck)
    geometry = with_kinds(structure)
    inputs: dict[str, Any] = {'structure': from_geometry(geometry), 'parameters': orm.Dict(values)}
    if marks := kinds_data(geometry):
        inputs['kinds'] = orm.Dict(marks)
    basis = {basis.conventional_number: basis for basis in deck.basis}
    kinds = {kind: site.conventional_number for site, kind in zip(geometry.sites, geometry.kinds, strict=True)}
    wanted = {kind: basis[number] for kind, number in kinds.items() if number in basis}
    try:
        nodes = (basis_nodes or BasisSetData.get_or_create_many)(list(wanted.values()))
    except BasisError as exception:
        run.notes.append(f'no basis sets: {exception}')
        nodes, wanted = [], {}
    if wanted:
        inputs['basis_sets'] = dict(zip(wanted, nodes, strict=True))
    return inputs


def properties_inputs(run: FoundRun) -> dict[str, Any]:
    """Return the input nodes of a run of ``properties`` but ``parent_folder``."""
    deck = run.deck.content if run.deck is not None else None
    return {'parameters': orm.Dict(deck.to_dict())} if isinstance(deck, D3) else {}


def marked_atoms(structure: Geometry, deck: D12) -> tuple[Geometry, dict[str, Any]]:
    """Move starting spins and ghosts from the numbers of atoms in a deck to the atoms themselves.

    The numbers count CRYSTAL's atoms, which may come in another order when the structure is written anew.

    :return: the structure with spins and ghosts, and the parameters without; both as they are if the deck edits the
        structure, since the numbers are those of the edited one then.
    """
    values = deck.parameters.to_dict()
    spins = dict(deck.parameters.scf.atomspin or ())
    ghosts = set(deck.parameters.basis.ghosts or ())
    if not (spins or ghosts) or edited(deck) or max({*spins, *ghosts}) > len(structure):
        return structure, values
    values.get('scf', {}).pop('atomspin', None)
    values.get('basis', {}).pop('ghosts', None)
    sites = (
        replace(site, spin=spins.get(number, 0), ghost=number in ghosts or site.ghost)
        for number, site in enumerate(structure.sites, start=1)
    )
    return structure.with_sites(sites), values


def with_kinds(geometry: Geometry) -> Geometry:
    """Name the kinds: by the element, and numbered (``Ni1``, ``Ni2``) where one is not enough.

    Atoms of one element are of different kinds if conventional number, starting spin or ghost differ.
    """
    marks: dict[str, list[tuple[int, int, bool]]] = {}
    for site in geometry.sites:
        known = marks.setdefault(site.symbol, [])
        if _mark(site) not in known:
            known.append(_mark(site))

    def kind(site: Site) -> str:
        known = marks[site.symbol]
        return site.symbol if len(known) == 1 else f'{site.symbol}{known.index(_mark(site)) + 1}'

    return geometry.with_sites(replace(site, kind=kind(site)) for site in geometry.sites)


def _mark(site: Site) -> tuple[int, int, bool]:
    return site.conventional_number, site.spin, site.ghost


def kinds_data(geometry: Geometry) -> dict[str, dict[str, Any]]:
    """Return what is special about the kinds: the input ``kinds``."""
    found: dict[str, dict[str, Any]] = {}
    for site, kind in zip(geometry.sites, geometry.kinds, strict=True):
        if site.spin:
            found.setdefault(kind, {})['spin'] = site.spin
        if site.ghost:
            found.setdefault(kind, {})['ghost'] = True
    return found


def is_exact(run: FoundRun) -> bool:
    """Whether the inputs are those that the run had: only then it may stand for another run with the same inputs."""
    deck = run.deck.content if run.deck is not None else None
    if deck is None:
        return False
    return run.program == 'properties' or run.structure_from in ('deck', 'geometry file')


def job_options(run: FoundRun) -> dict[str, Any]:
    """Return the options of the job: the names of the run's files in its folder."""
    files = {OUTPUT_FILENAMES[run.program]: run.output.path.name, **run.files}
    if run.deck is not None and run.deck.path is not None:
        files[INPUT_FILENAME] = run.deck.path.name
    streams: dict[str, Any] = {
        name: files.pop(name) for name in ('scheduler_stdout', 'scheduler_stderr') if name in files
    }
    imported: dict[str, Any] = {'files': files}
    if run.n_parts > 1:
        imported['part'] = run.part
    return {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'import_from': imported, **streams}
