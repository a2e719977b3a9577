"""``crystalmath plot``: bands and density of states of a work chain as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from aiida_crystalmath.cli.common import fail, load_process, load_profile

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.plotting.data import BandsPlotData, Caption, DosPlotData


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
    """Plot what the work chain PK has of bands and density of states.

    The zero is the top of the valence bands, or the Fermi energy of a metal.
    """
    load_profile(ctx)
    if window[0] >= window[1]:
        fail(f'--window {window[0]} {window[1]}: the first energy must be below the second.')
    node = load_process(pk)
    from aiida_crystalmath.plotting.mpl import MissingExtraError

    try:
        paths = draw(node, output, suffix, window)
    except MissingExtraError as exception:
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
            f'{what} is of a molecule: it has levels, but no bands and no density of states to plot.',
            f'Its results: crystalmath show {node.pk}',
        )
    hint = 'Plot a work chain of "crystalmath run --chain characterise" (or bands, dos).'
    if not node.is_finished_ok:
        hint = f'It did not finish well: crystalmath show {node.pk}'
    fail(f'{what} has neither bands nor a density of states.', hint)


def draw(node: ProcessNode, folder: Path, suffix: str, window: tuple[float, float]) -> list[Path]:
    """Draw what there is into ``folder``; return the paths written."""
    from aiida_crystalmath.plotting import mpl

    bands, dos = plot_data(node)
    stem = f'{(bands or dos).caption.formula or "plot"}_{node.pk}' if bands or dos else ''  # type: ignore[union-attr]
    paths = []
    if bands:
        paths.append(mpl.plot_bands(bands, folder / f'{stem}_bands.{suffix}', window))
    if dos:
        zero = bands.zero() if bands else None
        paths.append(mpl.plot_dos(dos, folder / f'{stem}_dos.{suffix}', window, zero))
    if bands and dos:
        paths.append(mpl.plot_bands_and_dos(bands, dos, folder / f'{stem}_bands_dos.{suffix}', window))
    return paths


def plot_data(node: ProcessNode) -> tuple[BandsPlotData | None, DosPlotData | None]:
    """Collect what the outputs of ``node`` give to draw."""
    from aiida_crystalmath.plotting.data import bands_from_node, dos_from_nodes

    outputs: dict[str, Any] = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    results = results_of(node, outputs)
    caption = make_caption(node, results)
    bands_node, dos_node = outputs.get('output_bands'), outputs.get('output_dos')
    bands = dos = None
    if bands_node is not None:
        fermi = fermi_of(bands_node, results)
        bands = bands_from_node(bands_node, fermi, caption, occupied_of(results, len(_spins(bands_node))))
    if dos_node is not None:
        dos = dos_from_nodes(dos_node, fermi_of(dos_node, results), outputs.get('output_dos_projected'), caption)
    return bands, dos


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


def _spins(bands_node: Any) -> list[Any]:
    array = bands_node.get_bands()
    return list(array) if array.ndim == 3 else [array]


def fermi_of(node: Any, results: dict[str, Any]) -> float:
    """Return the Fermi energy in eV that belongs to a bands or density node."""
    value = node.base.attributes.get('fermi_energy_ev', None)
    if value is None:
        value = results.get('fermi_energy_ev')
    if value is None:
        fail(f'no Fermi energy is stored with node {node.pk}: the energies cannot be aligned.')
    return float(value)


def occupied_of(results: dict[str, Any], n_spin: int) -> tuple[int, ...] | None:
    """Return the occupied bands for each spin of an insulator, () for a metal, ``None`` when it is not known."""
    if results.get('is_conducting'):
        return ()
    n_electrons = results.get('n_electrons')
    if not n_electrons or results.get('gap_ev') is None:
        return None
    if n_spin == 1:
        return (round(n_electrons / 2),)
    spin = results.get('total_spin')
    if spin is None:
        return None
    return (round((n_electrons + spin) / 2), round((n_electrons - spin) / 2))


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
