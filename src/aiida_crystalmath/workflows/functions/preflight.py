"""What a dry run told."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

__all__ = ('preflight_report',)

SIZES = ('n_ao', 'n_electrons', 'n_kpoints', 'n_symmetry_operators', 'symmetry_group')


@calcfunction
def preflight_report(output_parameters: orm.Dict) -> orm.Dict:
    """Return the sizes of a calculation, from the ``output_parameters`` of its dry run.

    :return: ``dry_run`` (the keyword), ``engine``, ``warnings``, and of the primitive cell what the program printed of
        ``n_ao`` (basis functions), ``n_electrons``, ``n_kpoints`` (irreducible), ``n_symmetry_operators``,
        ``symmetry_group``. TESTGEOM ends before basis and mesh.
    """
    told = output_parameters.get_dict()
    names = ('dry_run', 'engine', 'version', *SIZES, 'warnings')
    return orm.Dict({name: told[name] for name in names if told.get(name) is not None})
