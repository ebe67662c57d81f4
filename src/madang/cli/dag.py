"""`madang dag`: show the graph of stages."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, repository
from madang.errors import InvalidInput


@click.command(cls=DataCommand)
@click.argument("target", required=False, type=click.Path())
@click.option("--dot", is_flag=True, help="Print it for Graphviz.")
@click.option("--mermaid", is_flag=True, help="Print it for Mermaid.")
@click.option("--md", "markdown", is_flag=True, help="Print it for Mermaid, as a block of Markdown.")
@click.option("--full", is_flag=True, help="All that is connected with the target, not only what comes before it.")
@click.option("-o", "--outs", is_flag=True, help="Show outputs instead of stages.")
@click.option("--collapse-foreach-matrix", "collapse", is_flag=True, help="Show each group of stages as one.")
@click.option("--json", "as_json", is_flag=True, help="Print nodes and edges as JSON.")
def dag(
    target: str | None, dot: bool, mermaid: bool, markdown: bool, full: bool, outs: bool, collapse: bool, as_json: bool
) -> None:
    """Show which stages read what others make.

    \b
    Examples:
      madang dag
      madang dag train --mermaid
      madang dag --outs --dot | dot -Tsvg -o dag.svg
    """
    from madang.workspace.data.records.outs import chosen, stages
    from madang.workspace.pipelines import boxes
    from madang.workspace.pipelines import dag as work
    from madang.workspace.pipelines.graph import Graph

    if outs and collapse:
        raise InvalidInput("--outs and --collapse-foreach-matrix cannot be together.", hint="Choose one.")
    with repository() as repo:
        graph = Graph(stages(repo))
        drawing = work.of_outs(repo, graph) if outs else work.of_stages(graph)
        drawing = work.narrowed(drawing, repo, chosen(repo, [target]) if target else (), outs=outs, full=full)
    if collapse:
        drawing = work.collapsed(drawing)
    if as_json:
        output.data({"nodes": drawing.nodes, "edges": [list(edge) for edge in drawing.edges]})
    elif dot:
        click.echo(work.as_dot(drawing))
    elif mermaid or markdown:
        click.echo(work.as_mermaid(drawing, markdown=markdown))
    elif drawing.nodes:
        click.echo(boxes.as_text(drawing, output.width))
