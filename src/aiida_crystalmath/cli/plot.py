"""``crystalmath plot``: the results of a calculation or work chain as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from aiida_crystalmath.cli.common import fail, load_process, load_profile

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.plotting.data import Caption


@click.command()
@click.argument('pk', metavar='PK')
@click.option(
    '-o', '--output', type=click.Path(path_type=Path, file_okay=False), default=Path(), help='Folder for the pictures.'
)
@click.option('--format', 'suffix', type=click.Choice(['png', 'pdf', 'svg']), default='png', show_default=True)
@click.option(
    '--window',
    nargs=2,
    type=float,
    default=(-10.0, 15.0),
    show_default=True,
    help='Energies drawn, eV around the zero.',
)
@click.pass_context
def plot(ctx: click.Context, pk: str, output: Path, suffix: str, window: tuple[float, float]) -> None:
    """Plot what the calculation or work chain PK has to draw.

    Bands, densities of states, phonons, spectra, thermodynamic functions, equations of state, convergence, densities,
    bonding analyses, transport coefficients, surfaces, magnetic orderings, quasi-particles against DFT, absorption with
    and without excitons: one picture each. --window is of bands and densities of states.

    The zero of bands is the top of the valence bands, or the Fermi energy of a metal.
    """
    load_profile(ctx)
    if window[0] >= window[1]:
        fail(f'--window {window[0]} {window[1]}: the first energy must be below the second.')
    node = load_process(pk)
    from aiida_crystalmath.plotting.figure import MissingExtraError

    try:
        paths = draw(node, output, suffix, window)
    except (MissingExtraError, ValueError) as exception:
        fail(str(exception))
    except OSError as exception:
        fail(f'cannot write into {output}: {exception.strerror or exception}')
    if not paths:
        explain_nothing(node)
    for path in paths:
        click.echo(f'wrote {path}')


def explain_nothing(node: ProcessNode) -> NoReturn:
    """Say why there is nothing to plot, and leave."""
    from aiida_crystalmath.cli.summary import input_structure

    what = f'PK {node.pk} ({node.process_label})'
    structure = input_structure(node)
    if not node.is_terminated:
        fail(f'{what} has not finished yet: there is nothing to plot.', f'Later: crystalmath plot {node.pk}')
    if node.is_finished_ok and structure is not None and not any(structure.pbc):
        fail(
            f'{what} is of a molecule, which has no bands and no density of states, and there is nothing else to plot.',
            f'Its results: crystalmath show {node.pk}',
        )
    hint = 'Plot a work chain of "crystalmath run --chain characterise" (or bands, dos, eos).'
    if not node.is_finished_ok:
        hint = f'It did not finish well: crystalmath show {node.pk}'
    fail(f'{what} has nothing to plot.', hint)


def draw(node: ProcessNode, folder: Path, suffix: str, window: tuple[float, float]) -> list[Path]:
    """Draw what there is into ``folder``; return the paths written.

    :raises ValueError: where a picture would be wrong.
    """
    from aiida_crystalmath.plotting import figures
    from aiida_crystalmath.plotting.figure import Request

    if node.process_label == 'CrystalSequenceWorkChain':
        from aiida_crystalmath.workflows.sequences.redo import all_steps

        steps = [step for step in all_steps(node).values() if step.is_finished_ok]
        return [path for step in steps for path in draw(step, folder, suffix, window)]
    outputs: dict[str, Any] = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    results = results_of(node, outputs)
    caption = make_caption(node, results)
    request = Request(folder, f'{caption.formula or "plot"}_{node.pk}', suffix, caption, window, results)
    return figures.draw(str(node.process_label), outputs, request)


def results_of(node: ProcessNode, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return the results of the self-consistent field: of the process itself, or of its parent wavefunction."""
    from aiida.orm import RemoteData

    from aiida_crystalmath.calculations.parent import Parent

    for link in node.base.links.get_incoming().all():
        if isinstance(link.node, RemoteData) and link.link_label == 'parent_folder':
            try:
                return Parent.of(link.node).results
            except ValueError:  # a folder from elsewhere: nothing more is known
                break
    return outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}


def make_caption(node: ProcessNode, results: dict[str, Any]) -> Caption:
    """Say what the picture shows: formula, method and basis, engine, PK."""
    from aiida_crystalmath.cli.common import formula_of
    from aiida_crystalmath.cli.summary import input_structure
    from aiida_crystalmath.plotting.data import Caption

    outgoing: dict[str, Any] = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    structure = outgoing.get('output_structure') or input_structure(node)
    method = ' / '.join(str(results[key]) for key in ('functional', 'basis_set') if results.get(key))
    return Caption(
        formula=formula_of(structure) if structure else '',
        method=method or str(results.get('hamiltonian') or ''),
        engine=str(results.get('engine') or 'unknown engine'),
        pk=node.pk,
    )
