"""`madang exp save`: the work tree as an experiment."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, meter, repository


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-n", "--name", default="", help="The experiment's name; otherwise one is made up.")
@click.option("-I", "--include-untracked", multiple=True, metavar="PATH", help="File that git does not know.")
@click.option("-m", "--message", default="", help="Of the experiment's commit.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("-f", "--force", is_flag=True, help="Replace an experiment of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print the experiment's commit as JSON.")
def save(
    targets: tuple[str, ...],
    name: str,
    include_untracked: tuple[str, ...],
    message: str,
    recursive: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Keep code, parameters, data and results as they are under a name. Nothing is run.

    TARGETS are the data and stages whose present state is recorded; all of them when none is named.

    \b
    Examples:
      madang exp save
      madang exp save -n by-hand -I notes.txt
    """
    from madang.workspace.experiments import naming, refs, saving

    with repository() as repo:
        chosen = name or naming.new_name({one.name for one in refs.experiments(repo)})
        refs.check_name(repo, refs.head(repo), chosen, force=force)
        one, _ = saving.save(
            repo,
            chosen,
            targets,
            recursive=recursive,
            include=include_untracked,
            message=message,
            force=force,
            meter=meter(as_json),
        )
    if as_json:
        output.data({"ref": one.commit, "name": one.name})
    else:
        click.echo(f"Experiment has been saved as: {one.name}")
