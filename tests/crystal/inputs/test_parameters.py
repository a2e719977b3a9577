"""Parameters: what is accepted, and what is refused with the field and the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aiida_crystalmath.crystal.inputs.parameters import CrystalParameters, validate_parameters

FULL: dict[str, Any] = {
    'title': 'NiO',
    'geometry': {
        'edits': ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2'],
        'optgeom': {'type': 'FULLOPTG', 'maxcycle': 50, 'toldeg': 0.0003, 'fragment': [1, 2], 'extra': ['ONELOG']},
    },
    'basis': {'ghosts': [2]},
    'hamiltonian': {'dft': {'functional': 'PBE0', 'grid': 'XLGRID', 'spin': True}, 'dispersion': {'version': 4}},
    'scf': {
        'shrink': {'is': [8, 8, 4], 'isp': 16},
        'tolinteg': [7, 7, 7, 7, 14],
        'toldee': 8,
        'diis': 'BROYDEN',
        'atomspin': [[1, 1], [2, -1]],
        'extra': ['SETPRINT', '1', '66 -999'],
    },
}


def test_goes_to_json_and_back() -> None:
    parameters = CrystalParameters.model_validate(FULL)
    stored = json.loads(json.dumps(parameters.to_dict()))
    assert stored['scf']['shrink'] == {'is': [8, 8, 4], 'isp': 16}
    assert stored['scf']['broyden'] == [0.0001, 50, 2]
    assert CrystalParameters.model_validate(stored) == parameters
    assert 'layout' not in stored and 'eos' not in stored['geometry']


def test_nothing_is_a_valid_set_of_parameters() -> None:
    assert validate_parameters({}) is None
    assert validate_parameters({'scf': None, 'hamiltonian': {}}) is None
    assert CrystalParameters().to_dict() == {}


def test_isp_follows_is() -> None:
    shrink = CrystalParameters.model_validate({'scf': {'shrink': {'is': [4, 6, 2]}}}).scf.shrink
    assert shrink is not None
    assert (shrink.factors, shrink.isp) == ((4, 6, 2), 6)


@pytest.mark.parametrize(
    ('given', 'name'),
    [('PBE', 'PBEXC'), ('pbesol', 'PBESOLXC'), ('B3LYP-D3', 'B3LYP-D3'), ('HSEsol', 'HSESOL')],
)
def test_functionals_by_their_common_names(given: str, name: str) -> None:
    dft = CrystalParameters.model_validate({'hamiltonian': {'dft': {'functional': given}}}).hamiltonian.dft
    assert dft is not None and dft.functional == name


def test_composite_functionals_become_functionals() -> None:
    hamiltonian = CrystalParameters.model_validate({'hamiltonian': {'composite': 'HSEsol-3c'}}).hamiltonian
    assert hamiltonian.composite is None
    assert hamiltonian.dft is not None and hamiltonian.dft.functional == 'HSESOL3C'


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        ({'scff': {}}, "unknown key 'scff': did you mean 'scf'"),
        ({'scf': {'TOLDE': 7}}, "scf: unknown key 'TOLDE': did you mean 'toldee'"),
        ({'scf': {'fmixing': 120}}, 'scf.fmixing: .*100, it is 120'),
        ({'scf': {'fmixing': True}}, 'scf.fmixing: must be a number, it is True'),
        ({'scf': {'toldee': '8'}}, "scf.toldee: must be a number, it is '8'"),
        ({'scf': {'toldee': 21}}, 'scf.toldee: .*20'),
        ({'scf': {'toldee': 7.5}}, 'scf.toldee: .*integer'),
        ({'scf': {'tolinteg': [7, 7, 7, 14]}}, 'scf.tolinteg: .*five integers, 4 are given'),
        ({'scf': {'shrink': {'is': 0, 'isp': 4}}}, 'scf.shrink.is: .*positive integers; given 0'),
        ({'scf': {'shrink': {'is': [4, 4], 'isp': 4}}}, 'scf.shrink.is'),
        ({'scf': {'levshift': [6, 2]}}, 'scf.levshift: .*lock 0 or 1'),
        ({'scf': {'smear': 0}}, 'scf.smear: .*greater than 0'),
        ({'scf': {'atomspin': [[1, 2]]}}, 'scf.atomspin: the starting spin of atom 1 is 2'),
        ({'scf': {'atomspin': [[0, 1]]}}, 'scf.atomspin: .*numbered from 1'),
        ({'scf': {'atomspin': [[1, 1], [1, -1]]}}, 'scf.atomspin: .*twice'),
        ({'scf': {'diis': 'ANDERSEN'}}, 'scf.diis'),
        ({'scf': {'diis': True, 'broyden': [0.0001, 50, 2]}}, 'scf: broyden is given, but diis is True'),
        ({'scf': {'broyden': [0.0001, 150, 2]}}, 'scf: broyden must be'),
        ({'scf': {'spinlock': [2, -1]}}, 'scf.spinlock: .*cycles >= 0'),
        ({'scf': {'extra': ['FMIXING', '30']}}, "scf.extra: FMIXING has a field of its own: use 'fmixing'"),
        ({'scf': {'extra': ['END']}}, 'scf.extra: END would close the block'),
        ({'scf': {'extra': ['12 3']}}, "scf.extra: '12 3' stands where a keyword is expected"),
        ({'scf': {'extra': ['A\nB']}}, 'scf.extra: .*one line'),
        ({'geometry': {'edits': ['BASISSET', 'STO-3G']}}, 'geometry: edits: BASISSET would close the block'),
        ({'geometry': {'optgeom': {'type': 'ATOMSONLY'}}}, 'geometry.optgeom.type'),
        ({'geometry': {'optgeom': {'toldeg': -1}}}, 'geometry.optgeom.toldeg: .*greater than 0'),
        ({'geometry': {'optgeom': {'finalrun': 5}}}, 'geometry.optgeom.finalrun'),
        ({'geometry': {'optgeom': {'fragment': [1, 1]}}}, 'geometry.optgeom.fragment: .*twice'),
        ({'geometry': {'scelphono': [[1, 0], [0]]}}, 'geometry.scelphono: .*square'),
        ({'geometry': {'eos': {'range': [1.1, 0.9, 5]}}}, 'geometry.eos.range: .*minimum < maximum'),
        ({'hamiltonian': {'dft': {'functional': 'B3LPY'}}}, 'hamiltonian.dft.functional: .*did you mean B3LYP'),
        ({'hamiltonian': {'dft': {'functional': 'PBE', 'exchange': 'PBE'}}}, 'hamiltonian.dft: functional already'),
        ({'hamiltonian': {'dft': {'hybrid': 101}}}, 'hamiltonian.dft.hybrid'),
        ({'hamiltonian': {'dispersion': {'version': 7}}}, 'hamiltonian.dispersion.version'),
        ({'basis': {'ghosts': [0]}}, 'basis.ghosts: .*numbered from 1'),
        ({'basis': {'library': 'STO-3G', 'extra': ['NODIRECT']}}, 'basis: extra: NODIRECT cannot follow'),
        ({'basis': {'library': 'STO-3G'}, 'scf': {'extra': ['GHOSTS', '1', '2']}}, 'GHOSTS belongs to the basis set'),
        ({'title': 'a\nb'}, 'title: .*one line'),
        ({'layout': ['sideways:1']}, None),
        ({'layout': ['extra:x']}, "layout: 'extra:x'"),
    ],
)
def test_refuses_with_field_and_reason(parameters: dict[str, Any], reason: str | None) -> None:
    message = validate_parameters(parameters)
    if reason is None:
        assert message is None
        return
    assert message is not None and '\n' not in message
    import re

    assert re.search(reason, message), message


def test_a_stale_layout_does_no_harm() -> None:
    # Restart handlers change single keys of parameters whose layout was made by a reader.
    parameters = CrystalParameters.model_validate(
        {'scf': {'toldee': 7, 'maxcycle': 9}, 'layout': ['guessp', 'maxcycle', 'extra:2']}
    )
    assert parameters.layout == ('maxcycle', 'toldee')
