"""Fields that are converted at the first access."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path

from aiida_crystalmath.crystal.outputs.models import CrystalOutput, PrintedBasis
from aiida_crystalmath.crystal.outputs.models.deferred import Later
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

FILE = 'si_scf_dft/output.out'


def read(corpus: Path) -> CrystalOutput:
    """Return an output nobody has looked at."""
    return parse_stdout(corpus / FILE)


def fail(text: str) -> PrintedBasis:
    """Fail like the reading of damaged lines."""
    raise ValueError(text)


def test_first_access_converts(corpus: Path) -> None:
    output = read(corpus)
    assert isinstance(vars(output)['basis'], Later)
    basis = output.basis
    assert basis is not None and basis.complete
    assert output.basis is basis


def test_copies_give_the_same(corpus: Path) -> None:
    output = read(corpus)
    copies = copy.deepcopy(output), pickle.loads(pickle.dumps(output)), dataclasses.replace(output, title='other')
    assert output.basis is not None
    assert all(other.basis == output.basis for other in copies)


def test_comparison_converts(corpus: Path) -> None:
    first, second = read(corpus), read(corpus)
    second.basis = None
    assert first.basis != second.basis
    assert CrystalOutput() == CrystalOutput()
    assert CrystalOutput().basis is None


def test_failure_is_none_for_good() -> None:
    output = CrystalOutput(basis=Later(fail, 'damaged'))
    assert output.basis is None
    assert vars(output)['basis'] is None
