"""Handlers of what is wrong with the input, or with the machine, and needs a person or their leave."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessHandlerReport, process_handler

from aiida_crystalmath.workflows.crystal.handlers.common import HandlersBase
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy, remedy_of
from aiida_crystalmath.workflows.crystal.verdict import Verdict

__all__ = ('InputHandlers',)


class InputHandlers(HandlersBase):
    """Stop where running again cannot help; change the input only on request."""

    @process_handler(priority=1000)
    def handle_unrecoverable_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop at once where no other handler knows a remedy.

        Cause: input, basis set, structure or set-up is wrong, the disk is full, the program crashed: the same input
        would fail again, and changing it would change what is computed. What the program said decides over what the
        machine did to it afterwards. Strategy: stop at once with the calculation's own exit code; the report has the
        next step. A remedy that is there on request only is named.
        """
        if not node.is_failed:
            return None
        name = Verdict.of(node).name
        helpers = [handler for handler in self.get_process_handlers() if name in _diagnoses(handler)]
        if any(not remedy_of(handler).on_request or self._is_on(handler) for handler in helpers):  # type: ignore[union-attr]
            return None
        words = self.suggest(node)
        for handler in helpers:
            section = handler.__name__.removeprefix('handle_')
            words = f'{words} With `{section}: {{enabled: true}}` in `recovery` the chain does it: {_summary(handler)}'
        return self.give_up(node, words)

    def _is_on(self, handler: object) -> bool:
        """Tell whether a handler is switched on, by configuration or override."""
        name = getattr(handler, '__name__', '')
        section = self.recovery.section(name)
        override = (self.ctx.handler_overrides.get(name) or {}).get('enabled')
        return bool(section and section.enabled) if override is None else bool(override)

    @remedy('anisotropic_shrink', priority=520, changes=('SHRINK',), on_request=True)
    def handle_anisotropic_shrink(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Take one shrinking factor for all directions, on request.

        Cause: the program refuses different shrinking factors along the axes in this kind of calculation. Strategy: the
        largest of them for all, so that no direction is sampled worse than was asked for; once.
        """
        shrink = self.scf.get('shrink') or {}
        divisions = shrink.get('is')
        if not isinstance(divisions, list | tuple) or not self.once(
            'anisotropic_shrink', self.recovery.anisotropic_shrink.retries
        ):
            return self.end(node)
        self.scf['shrink'] = {'is': max(divisions), 'isp': shrink.get('isp') or max(divisions)}
        return self.record(node, cause='anisotropic shrinking factors', action='the largest one for all directions')

    @remedy(
        'basis_linearly_dependent',
        priority=510,
        changes=('LDREMO', 'GUESSP', 'structure'),
        physics=('LDREMO',),
        on_request=True,
    )
    def handle_linear_dependence(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Remove the dependent combinations of basis functions (LDREMO), on request.

        Cause: the basis set is too diffuse for this geometry. Strategy: LDREMO once. It makes the basis another one,
        and not the same at every geometry, which is why it is never done unasked, and is recorded as a change of the
        physics.
        """
        section = self.recovery.linear_dependence
        if self.scf.get('ldremo') or not self.once('linear_dependence', section.retries):
            return self.end(node)
        self.scf['ldremo'] = section.ldremo
        self.begin_again_from(node)
        self.note(
            'Dependent basis functions were removed (LDREMO): compare energies only with runs that removed as many.'
        )
        return self.record(
            node, cause='linearly dependent basis set', action='remove the dependent combinations', physics=('LDREMO',)
        )


def _summary(handler: object) -> str:
    """Return the first line of a docstring."""
    return (handler.__doc__ or '').strip().splitlines()[0]


def _diagnoses(handler: object) -> tuple[str, ...]:
    """Return the entries of the catalogue that a handler is for."""
    found = remedy_of(handler)
    return () if found is None or found.on_success else found.diagnoses
