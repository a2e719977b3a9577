"""The calculations that Yambo is asked for, as typed models with units in their names; each makes its deck.

The decks of G0W0 and of the BSE are those of recorded runs of Yambo 5.2.4, variable by variable. Those of HF, COHSEX,
evGW, the SLEPc solver and of optics in reciprocal space take names and runlevels from Yambo's own sources and were not
run when this was written (docs/howto/yambo.md says which). What these sources switch off or replace without a word
(src/interface/INIT_barriers.F, INIT_activate.F) is not asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from aiida_crystalmath.yambo.inputs.deck import Block, Deck, Number, Text, Value

__all__ = (
    'BetheSalpeter',
    'Calculation',
    'Cohsex',
    'EigenvalueGW',
    'HartreeFock',
    'Optics',
    'Parallel',
    'PlasmonPoleG0W0',
    'Setup',
    'read_calculation',
)

Positive = Annotated[float, Field(gt=0)]
Band = Annotated[int, Field(ge=1)]
Range = tuple[Band, Band]
Direction = tuple[float, float, float]


ROLES: Mapping[str, tuple[str, ...]] = {
    'DIP': ('k', 'c', 'v'),
    'X_and_IO': ('q', 'g', 'k', 'c', 'v'),
    'X': ('q', 'g', 'k', 'c', 'v'),
    'BS': ('k', 'eh', 't'),
    'SE': ('q', 'qp', 'b'),
}
"""Over what the processes of a part can be shared out, as Yambo's own inputs say (``[PARALLEL] CPUs roles``).

A response function that is stored for something else (GW, BSE) is ``X_and_IO``; that of optics is ``X``.
"""

THREADS = {'DIP': 'DIP_Threads', 'X_and_IO': 'X_Threads', 'X': 'X_Threads', 'BS': 'K_Threads', 'SE': 'SE_Threads'}


class _Model(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)


class Parallel(_Model):
    """How the processes of each part are shared out; what is not said, Yambo decides.

    A distribution that does not fit the number of processes is replaced by Yambo without a word (facts, 4), so it is
    checked before (``parallel_message``).
    """

    roles: dict[str, dict[str, Annotated[int, Field(ge=1)]]] = Field(
        default_factory=dict, description='Of each part (DIP, X_and_IO, X, BS, SE) the processes of each role.'
    )
    threads: Annotated[int, Field(ge=1)] | None = Field(
        None, description='Threads of each process; Yambo without OpenMP does not know them.'
    )

    @field_validator('roles')
    @classmethod
    def _known(cls, roles: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        for part, shares in roles.items():
            if part not in ROLES:
                raise ValueError(f'`{part}` is no part that is shared out; those are {", ".join(ROLES)}')
            stray = [role for role in shares if role not in ROLES[part]]
            if stray:
                raise ValueError(f'`{part}` has no role {", ".join(stray)}; it has {", ".join(ROLES[part])}')
        return roles

    def variables(self, parts: tuple[str, ...]) -> dict[str, Value]:
        """Return the variables of the parts that a calculation has."""
        made: dict[str, Value] = {}
        for part in parts:
            if part in self.roles:
                shares = self.roles[part]
                made[f'{part}_CPU'] = Text('.'.join(str(share) for share in shares.values()))
                made[f'{part}_ROLEs'] = Text('.'.join(shares))
            if self.threads is not None:
                made[THREADS[part]] = Number(self.threads)
        return made


class _Calculation(_Model):
    """What all calculations share."""

    parallel: Parallel = Field(default_factory=Parallel)
    variables: dict[str, Any] = Field(
        default_factory=dict,
        description='Further variables of Yambo, by their own names: `{"NLogCPUs": 1, "BDmERef": [0.1, "eV"]}`.',
    )

    def base_deck(self) -> Deck:
        """Return the deck, without what `variables` adds."""
        raise NotImplementedError


class Setup(_Calculation):
    """The set-up that has to come first in every SAVE folder; in an input of its own only with another number of G."""

    kind: Literal['setup'] = 'setup'
    max_gvectors: Annotated[int, Field(ge=1)] | None = None

    def base_deck(self) -> Deck:
        """Return the deck."""
        variables: dict[str, Value] = {}
        if self.max_gvectors is not None:
            variables['MaxGvecs'] = Number(self.max_gvectors, 'RL')
        return Deck(('setup',), (), variables)


class _SelfEnergy(_Calculation):
    """What the calculations of quasi-particles share."""

    exchange_cutoff_ry: Positive = Field(description='EXXRLvcs: plane waves of the exchange self-energy.')
    xc_cutoff_ry: Positive | None = Field(None, description='VXCRLvcs; by default as the exchange.')
    qp_kpoints: Range = Field(description='First and last k-point whose states are corrected (from 1, as set-up says).')
    qp_bands: Range = Field(description='First and last band whose states are corrected.')

    @model_validator(mode='after')
    def _ordered(self) -> _SelfEnergy:
        _check_range('qp_kpoints', self.qp_kpoints)
        _check_range('qp_bands', self.qp_bands)
        return self

    def _exchange(self) -> dict[str, Value]:
        return {
            'EXXRLvcs': _cutoff(self.exchange_cutoff_ry),
            'VXCRLvcs': _cutoff(self.xc_cutoff_ry or self.exchange_cutoff_ry),
        }

    def _states(self) -> dict[str, Value]:
        return {'QPkrange': Block(((*self.qp_kpoints, *self.qp_bands),))}


class HartreeFock(_SelfEnergy):
    """Exchange self-energy and exchange-correlation potential on top of DFT."""

    kind: Literal['hf'] = 'hf'

    def base_deck(self) -> Deck:
        """Return the deck."""
        variables = {**self._exchange(), **self._states(), **self.parallel.variables(('SE',))}
        return Deck(('HF_and_locXC',), (), variables)


class Cohsex(_SelfEnergy):
    """Coulomb hole and screened exchange, with static screening."""

    kind: Literal['cohsex'] = 'cohsex'
    screening_bands: Band = Field(description='BndsRnXs: bands of the response function.')
    response_block_ry: Positive = Field(description='NGsBlkXs: size of the response function.')
    field_direction: Direction = (1.0, 1.0, 1.0)

    def base_deck(self) -> Deck:
        """Return the deck."""
        variables = {
            **self._exchange(),
            **_response('Xs', self.screening_bands, self.response_block_ry, self.field_direction),
            **self._states(),
            **self.parallel.variables(('DIP', 'X_and_IO', 'SE')),
        }
        return Deck(('gw0', 'cohsex', 'el_el_corr', 'dyson', 'HF_and_locXC', 'em1s'), (), variables)


class PlasmonPoleG0W0(_SelfEnergy):
    """One-shot GW with the plasmon-pole approximation of Godby and Needs."""

    kind: Literal['g0w0_ppa'] = 'g0w0_ppa'
    screening_bands: Band = Field(description='BndsRnXp: bands of the response function.')
    self_energy_bands: Band | None = Field(None, description='GbndRnge: bands of G; by default as the response.')
    response_block_ry: Positive = Field(description='NGsBlkXp: size of the response function.')
    plasmon_pole_ev: Positive = Field(27.21138, description='PPAPntXp: the imaginary frequency.')
    field_direction: Direction = (1.0, 1.0, 1.0)
    terminator: Literal['none', 'BG', 'BRS'] = Field('none', description='GTermKind.')
    solver: Literal['n'] = Field(
        'n', description='DysSolver: Newton; with plasmon poles Yambo replaces the secant method by it without a word.'
    )

    def base_deck(self) -> Deck:
        """Return the deck."""
        variables = {
            **self._exchange(),
            **_response('Xp', self.screening_bands, self.response_block_ry, self.field_direction),
            'PPAPntXp': Number(self.plasmon_pole_ev, 'eV'),
            'GbndRnge': Block(((1, self.self_energy_bands or self.screening_bands),)),
            'GTermKind': Text(self.terminator),
            'DysSolver': Text(self.solver),
            **self._iterations(),
            **self._states(),
            **self.parallel.variables(('DIP', 'X_and_IO', 'SE')),
        }
        return Deck(('gw0', 'ppa', 'el_el_corr', 'dyson', 'HF_and_locXC', 'em1d'), (), variables)

    def _iterations(self) -> dict[str, Value]:
        return {}


class EigenvalueGW(PlasmonPoleG0W0):
    """GW that goes on with its own eigenvalues, in G and W (evGW) or in G alone (evGW0); of every k-point."""

    kind: Literal['evgw_ppa'] = 'evgw_ppa'  # type: ignore[assignment]
    iterations: Annotated[int, Field(ge=1)] = Field(description='GWIter, or GWoIter with W kept.')
    update_screening: bool = Field(True, description='Whether W changes too (evGW) or not (evGW0).')
    threshold_ev: Positive | None = Field(None, description='SCEtresh.')

    def _iterations(self) -> dict[str, Value]:
        made: dict[str, Value] = {'GWIter' if self.update_screening else 'GWoIter': Number(self.iterations)}
        if self.threshold_ev is not None:
            made['SCEtresh'] = Number(self.threshold_ev, 'eV')
        return made


class Scissor(_Model):
    """Rigid correction of the energies that the BSE starts from (KfnQP_E)."""

    shift_ev: float = Field(description='Added to the conduction bands.')
    conduction_stretch: Positive = 1.0
    valence_stretch: Positive = 1.0


NEEDED_BY_KERNEL: Mapping[str, tuple[str, ...]] = {
    'SEX': ('screened_cutoff_ry', 'screening_bands', 'response_block_ry'),
    'HF': ('screened_cutoff_ry',),
}
"""Fields of a BSE that only some kernels have."""


class BetheSalpeter(_Calculation):
    """Optical absorption with excitons, at vanishing momentum.

    Only the kernel ``SEX`` has a screened interaction, and takes the fields of the response function; with another one
    they are left out of the deck.
    """

    kind: Literal['bse'] = 'bse'
    solver: Literal['diago', 'haydock', 'slepc'] = Field('diago', description='BSSmod; `slepc` is not in every Yambo.')
    bands: Range = Field(description='BSEBands: valence and conduction bands of the electron-hole pairs.')
    exchange_cutoff_ry: Positive = Field(description='BSENGexx.')
    screened_cutoff_ry: Positive | None = Field(None, description='BSENGBlk: size of W in the kernel (SEX, HF).')
    screening_bands: Band | None = Field(None, description='BndsRnXs: bands of the response function (SEX).')
    response_block_ry: Positive | None = Field(None, description='NGsBlkXs: size of the response function (SEX).')
    kernel: Literal['SEX', 'HF', 'HARTREE', 'IP'] = Field('SEX', description='BSKmod.')
    coupling: Literal['resonant', 'retarded', 'coupling'] = Field('resonant', description='BSEmod.')
    screened_coupling: bool = Field(
        False, description='WehCpl: W in the coupling too; without it, only the exchange couples.'
    )
    energy_range_ev: tuple[float, float] = (0.0, 10.0)
    damping_ev: tuple[Positive, Positive] = (0.1, 0.1)
    energy_steps: Annotated[int, Field(ge=2)] = 201
    field_direction: Direction = (1.0, 1.0, 1.0)
    scissor: Scissor | None = None
    write_wavefunctions: bool = Field(False, description='WRbsWF: ypp needs it; ndb.BS_diago grows as its square.')
    haydock_threshold_percent: float = Field(-0.02, description='BSHayTrs; negative: on the average.')
    n_eigenvalues: Annotated[int, Field(ge=1)] | None = Field(None, description='BSSNEig, of SLEPc.')
    target_ev: float | None = Field(None, description='BSSEnTarget, of SLEPc.')

    @model_validator(mode='after')
    def _consistent(self) -> BetheSalpeter:
        _check_range('bands', self.bands)
        if self.energy_range_ev[0] >= self.energy_range_ev[1]:
            raise ValueError('`energy_range_ev` must rise')
        if self.solver != 'slepc' and (self.n_eigenvalues is not None or self.target_ev is not None):
            raise ValueError('`n_eigenvalues` and `target_ev` are of the solver `slepc`')
        if self.solver == 'slepc' and self.n_eigenvalues is None:
            raise ValueError('the solver `slepc` needs `n_eigenvalues`')
        if self.screened_coupling and self.coupling != 'coupling':
            raise ValueError('`screened_coupling` belongs to `coupling` = `coupling`')
        missing = [name for name in NEEDED_BY_KERNEL.get(self.kernel, ()) if getattr(self, name) is None]
        if missing:
            raise ValueError(f'the kernel {self.kernel} needs {", ".join(f"`{name}`" for name in missing)}')
        return self

    def base_deck(self) -> Deck:
        """Return the deck."""
        screened = self.kernel == 'SEX'
        variables: dict[str, Value] = {
            **({'Chimod': Text('HARTREE')} if screened else {}),
            'BSKmod': Text(self.kernel),
            'BSEmod': Text(self.coupling),
            'BSSmod': Text(self.solver[0]),
            'BSENGexx': _cutoff(self.exchange_cutoff_ry),
            **self._interaction(),
            'BSEQptR': Block(((1, 1),)),
            'BSEBands': Block((self.bands,)),
            'BEnRange': Block((self.energy_range_ev,), 'eV'),
            'BDmRange': Block((self.damping_ev,), 'eV'),
            'BEnSteps': Number(self.energy_steps),
            'BLongDir': Block((self.field_direction,)),
            'BSEprop': Text('abs'),
            'BSEdips': Text('none'),
            **self._screening(),
            **self._solver(),
            **self.parallel.variables(('DIP', 'X_and_IO', 'BS') if screened else ('DIP', 'BS')),
        }
        if self.scissor is not None:
            scissor = self.scissor
            row = (scissor.shift_ev, scissor.conduction_stretch, scissor.valence_stretch)
            variables['KfnQP_E'] = Block((row,))
        wanted = {'WRbsWF': self.write_wavefunctions, 'WehCpl': self.screened_coupling}
        flags = tuple(name for name, on in wanted.items() if on)
        return Deck((*(('em1s',) if screened else ()), 'optics', 'bss', 'bse', 'dipoles'), flags, variables)

    def _interaction(self) -> dict[str, Value]:
        if self.kernel not in NEEDED_BY_KERNEL or self.screened_cutoff_ry is None:
            return {}
        return {'BSENGBlk': _cutoff(self.screened_cutoff_ry)}

    def _screening(self) -> dict[str, Value]:
        if self.kernel != 'SEX' or self.screening_bands is None or self.response_block_ry is None:
            return {}
        return _response('Xs', self.screening_bands, self.response_block_ry, self.field_direction, chimod=False)

    def _solver(self) -> dict[str, Value]:
        if self.solver == 'haydock':
            return {'BSHayTrs': Number(self.haydock_threshold_percent)}
        made: dict[str, Value] = {}
        if self.n_eigenvalues is not None:
            made['BSSNEig'] = Number(self.n_eigenvalues)
        if self.target_ev is not None:
            made['BSSEnTarget'] = Number(self.target_ev, 'eV')
        return made


class Optics(_Calculation):
    """Optical absorption without excitons, in reciprocal space: independent particles, or with local fields (RPA)."""

    kind: Literal['optics'] = 'optics'
    level: Literal['ip', 'rpa'] = 'rpa'
    bands: Band = Field(description='BndsRnXd: bands of the response function.')
    response_block_ry: Positive | None = Field(None, description='NGsBlkXd: local fields of the RPA.')
    energy_range_ev: tuple[float, float] = (0.0, 10.0)
    damping_ev: tuple[Positive, Positive] = (0.1, 0.1)
    energy_steps: Annotated[int, Field(ge=2)] = 201
    field_direction: Direction = (1.0, 1.0, 1.0)

    @model_validator(mode='after')
    def _consistent(self) -> Optics:
        if (self.level == 'rpa') != (self.response_block_ry is not None):
            raise ValueError('`response_block_ry` belongs to the level `rpa`, and that needs it')
        return self

    def base_deck(self) -> Deck:
        """Return the deck."""
        variables: dict[str, Value] = {'Chimod': Text('IP' if self.level == 'ip' else 'HARTREE')}
        if self.response_block_ry is not None:
            variables['NGsBlkXd'] = _cutoff(self.response_block_ry)
        variables |= {
            'QpntsRXd': Block(((1, 1),)),
            'BndsRnXd': Block(((1, self.bands),)),
            'EnRngeXd': Block((self.energy_range_ev,), 'eV'),
            'DmRngeXd': Block((self.damping_ev,), 'eV'),
            'ETStpsXd': Number(self.energy_steps),
            'LongDrXd': Block((self.field_direction,)),
            **self.parallel.variables(('DIP', 'X')),
        }
        return Deck(('optics', 'chi', 'dipoles'), (), variables)


Calculation = Annotated[
    Setup | HartreeFock | Cohsex | PlasmonPoleG0W0 | EigenvalueGW | BetheSalpeter | Optics,
    Field(discriminator='kind'),
]
"""Any of them; ``kind`` tells which."""

_ADAPTER: TypeAdapter[Any] = TypeAdapter(Calculation)


def read_calculation(content: Mapping[str, Any]) -> _Calculation:
    """Return the model that a dictionary with a ``kind`` describes.

    :raises pydantic.ValidationError: it describes none.
    """
    model: _Calculation = _ADAPTER.validate_python(dict(content))
    return model


def _cutoff(energy_ry: float) -> Number:
    """Return a cutoff as a whole number, as Yambo itself writes them: in Ry, else in mHa (500 a Ry), rounded up."""
    if float(energy_ry).is_integer():
        return Number(int(energy_ry), 'Ry')
    return Number(math.ceil(energy_ry * 500 - 1e-9), 'mHa')


def _response(
    which: str, bands: int, block_ry: float, direction: Direction, *, chimod: bool = True
) -> dict[str, Value]:
    """Return the variables of a response function (Xs: static, Xp: plasmon pole)."""
    made: dict[str, Value] = {'Chimod': Text('HARTREE')} if chimod else {}
    return made | {
        f'BndsRn{which}': Block(((1, bands),)),
        f'NGsBlk{which}': _cutoff(block_ry),
        f'LongDr{which}': Block((direction,)),
    }


def _check_range(name: str, value: Range) -> None:
    if value[0] > value[1]:
        raise ValueError(f'`{name}` begins with {value[0]} and ends with {value[1]}')
