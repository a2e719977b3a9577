"""Whether a deck is the one an output was made from, and the structure the run was given."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from ..geometry import Geometry
from ..inputs.d12 import D12
from ..inputs.edits import edits_structure
from ..inputs.geometry_block import FROM_FILE
from ..outputs.printed_basis import agrees
from ..structure_files import read_gui
from ..symmetry import SymmetryError, align, expand
from .decks import decode
from .runs import OutputFacts

SAME_ANGSTROM = 1e-4
"""Decks and outputs give coordinates with at least as many digits."""
SAME_MEASURE = 1e-3
"""Relative difference of volumes (areas, lengths) above which cells need not be compared at length."""
TITLE_LENGTH = 80


def misfit(deck: D12, facts: OutputFacts, *, title: bool = True) -> str:
    """Return in what a deck and an output differ, an empty string if nothing speaks against them belonging together.

    Compared are title, kind of Hamiltonian, k-mesh and basis sets and, unless the deck edits the structure, the atoms.

    :param title: whether the title is compared: noise of MPI may stand in its place in the output.
    """
    if title and facts.title and _words(deck.title) != _words(facts.title):
        return f'its title is "{deck.title}", that of the output is "{facts.title}"'
    if reason := _method_misfit(deck, facts):
        return reason
    printed = facts.initial
    if printed is None or edited(deck):
        return ''
    if deck.geometry.keyword not in FROM_FILE:
        try:
            written = expand(deck.geometry)
        except ValueError:
            return ''
        if Counter(written.numbers) != Counter(printed.numbers):
            return f'it describes {written.formula}, the output {printed.formula}'
    return _basis_misfit(deck, facts, printed)


def _method_misfit(deck: D12, facts: OutputFacts) -> str:
    """Compare Hartree-Fock or DFT, and the k-mesh."""
    parameters = deck.parameters
    printed = (facts.hamiltonian or '').upper()
    is_dft = parameters.hamiltonian.dft is not None
    if is_dft and 'HARTREE-FOCK' in printed:
        return 'it asks for DFT, the output is Hartree-Fock'
    if not is_dft and 'KOHN-SHAM' in printed and not any(line.startswith('DFT') for line in parameters.scf.extra):
        return 'it asks for Hartree-Fock, the output is DFT'
    mesh = parameters.scf.shrink
    if mesh is not None and isinstance(mesh.is_, int) and mesh.is_ and facts.shrink and facts.shrink[0] != mesh.is_:
        return f'its k-mesh is {mesh.is_}, that of the output {facts.shrink[0]}'
    return ''


def _basis_misfit(deck: D12, facts: OutputFacts, printed: Geometry) -> str:
    """Compare the number of basis functions."""
    functions = {basis.conventional_number: basis.n_functions for basis in deck.basis}
    numbers = [site.conventional_number for site in printed.sites]
    if facts.n_ao is None or not functions or any(number not in functions for number in numbers):
        return ''
    expected = sum(functions[number] for number in numbers)
    if expected != facts.n_ao:
        return f'its basis has {expected} functions, that of the output {facts.n_ao}'
    if deck.parameters.scf.guessp:
        # The basis of the old wavefunction is printed too, with its coefficients normalised.
        return ''
    basis = {basis.conventional_number: basis for basis in deck.basis}
    for species in facts.basis.species if facts.basis is not None and facts.basis.complete else ():
        found = basis.get(species.conventional_number or 0)
        if found is not None and not agrees(species, found):
            return f'its basis set of {species.label} is not the one that the output prints'
    return ''


def _words(title: str) -> list[str]:
    return title[:TITLE_LENGTH].upper().split()


def edited(deck: D12) -> bool:
    """Whether the deck changes cell or atoms behind its geometry block."""
    return edits_structure(vars(deck.parameters.geometry))


def restarts(deck: D12) -> bool:
    """Whether the run goes on with an earlier optimisation, so that it begins elsewhere than the deck says."""
    optgeom = deck.parameters.geometry.optgeom
    return bool(optgeom is not None and optgeom.restart)


def deck_structure(deck: D12, facts: OutputFacts) -> tuple[Geometry | None, str]:
    """Return the structure that a deck itself describes, and why it is not the one the run began with.

    The structure is None if the symmetry of the deck is not covered.
    """
    try:
        written = expand(deck.geometry)
    except ValueError as exception:
        return None, str(exception)
    if facts.initial is None or edited(deck) or restarts(deck) or same_structure(written, facts.initial):
        return written, ''
    return written, 'the deck describes another geometry than the output began with'


def matching_geometry_file(paths: list[Path], deck: D12, facts: OutputFacts) -> tuple[Geometry | None, Path | None]:
    """Return the geometry of the file that a run with EXTERNAL took, and that file.

    The scripts overwrite ``X.gui`` with the geometry that a run ended with: only a file that has the geometry that the
    output began with is taken; where the output does not tell, the first one.
    """
    for path in paths:
        try:
            geometry = read_gui(decode(path.read_bytes()))
        except (OSError, ValueError):
            continue
        if facts.initial is None or edited(deck) or restarts(deck) or same_structure(geometry, facts.initial):
            return geometry, path
    return None, None


def same_structure(first: Geometry, second: Geometry, tolerance: float = SAME_ANGSTROM) -> bool:
    """Whether two primitive cells hold the same structure, in whatever orientation, origin and order."""
    if first.dimensionality != second.dimensionality or Counter(first.numbers) != Counter(second.numbers):
        return False
    if same_geometry(first, second, tolerance):
        return True
    if abs(first.measure - second.measure) > SAME_MEASURE * max(first.measure, second.measure):
        return False
    try:
        align(_bare(first), _bare(second), tolerance=tolerance)
    except SymmetryError:
        return False
    return True


def same_geometry(first: Geometry, second: Geometry, tolerance: float = SAME_ANGSTROM) -> bool:
    """Whether two geometries have the same cell, in the same orientation, and the same atoms in the same order.

    An atom may be shifted by lattice vectors.
    """
    if first.dimensionality != second.dimensionality or first.numbers != second.numbers or first.pbc != second.pbc:
        return False
    if not np.allclose(first.periodic_cell, second.periodic_cell, atol=tolerance, rtol=0):
        return False
    change = first.fractional - second.fractional
    periodic = np.array(first.pbc)
    change[:, periodic] -= np.rint(change[:, periodic])
    return bool(np.linalg.norm(change @ first.frame, axis=1).max(initial=0.0) < tolerance)


def _bare(geometry: Geometry) -> Geometry:
    """Return the geometry with elements only: an output does not tell kinds."""
    return Geometry.from_arrays(geometry.cell, geometry.positions, geometry.numbers, geometry.dimensionality)
