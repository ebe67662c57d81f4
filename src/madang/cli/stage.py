"""`madang stage`: write and list the stages of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, repository, tell_git

if TYPE_CHECKING:
    from madang.errors import InvalidInput

_WIDTH = 80


@click.group()
def stage() -> None:
    """Write and list the stages of pipelines.

    \b
    Examples:
      madang stage add -n train -d train.py -o model.pkl python train.py
      madang stage list --all
    """


@stage.command(cls=DataCommand, context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-n", "--name", required=True, help="The stage's name.")
@click.option("-f", "--force", is_flag=True, help="Replace a stage of this name.")
@click.option("-d", "--deps", multiple=True, help="A file or folder that it reads.")
@click.option("-p", "--params", multiple=True, help="Parameters that it reads: KEY,KEY or FILE:KEY,KEY.")
@click.option("-o", "--outs", multiple=True, help="A file or folder that it makes.")
@click.option("-O", "--outs-no-cache", multiple=True, help="The same, kept out of the cache.")
@click.option("--outs-persist", multiple=True, help="The same, not removed before the stage runs.")
@click.option("--outs-persist-no-cache", multiple=True, help="Neither.")
@click.option("-m", "--metrics", multiple=True, help="A file of metrics that it makes.")
@click.option("-M", "--metrics-no-cache", multiple=True, help="The same, kept out of the cache.")
@click.option("--plots", multiple=True, help="A file of plots that it makes.")
@click.option("--plots-no-cache", multiple=True, help="The same, kept out of the cache.")
@click.option("-w", "--wdir", default="", help="The folder in which the command runs.")
@click.option("--always-changed", is_flag=True, help="Run it each time.")
@click.option("--desc", default="", help="What it is for.")
@click.option("--run", "is_run", is_flag=True, help="Run it when it is written.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def add(
    command: tuple[str, ...],
    name: str,
    force: bool,
    deps: tuple[str, ...],
    params: tuple[str, ...],
    wdir: str,
    always_changed: bool,
    desc: str,
    is_run: bool,
    quiet: bool,
    **outs: tuple[str, ...],
) -> None:
    """Write a stage into the dvc.yaml of the present folder.

    \b
    Examples:
      madang stage add -n train -d train.py -d data -p lr -o model.pkl -M metrics.json python train.py
      madang stage add -n clean --force -d raw -o clean "./clean.sh raw clean"
    """
    from madang.workspace.pipelines import editing

    made = [
        editing.NewOut(path, kind.split("_")[0], cache="no_cache" not in kind, persist="persist" in kind)
        for kind, paths in outs.items()
        for path in paths
    ]
    new = editing.NewStage(name, _joined(command), wdir, deps, params, made, always_changed, desc)
    with repository() as repo:
        done = editing.add_stage(repo, new, force=force)
        if not quiet:
            click.echo(f"Added stage '{name}' in 'dvc.yaml'")
        tell_git(repo, done.git_files, quiet)
    if is_run:
        from madang.cli.repro import run_one

        run_one(name, quiet)


def _joined(command: tuple[str, ...]) -> str:
    """The words as one command, quoted as dvc quotes them."""
    if len(command) < 2:
        return " ".join(command)
    return " ".join('""' if not word else f'"{word}"' if " " in word and '"' not in word else word for word in command)


@stage.command("list", cls=DataCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("--all", "everything", is_flag=True, help="All stages of the repository.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all stages in it.")
@click.option("--name-only", "--names-only", is_flag=True, help="Only names.")
@click.option("--fail", is_flag=True, help="Stop at a file that cannot be read; otherwise --all leaves it out.")
@output.json_option
def list_(
    targets: tuple[str, ...], everything: bool, recursive: bool, name_only: bool, fail: bool, as_json: bool
) -> None:
    """List stages: those of the present folder's dvc.yaml, of the targets, or all.

    \b
    Examples:
      madang stage list
      madang stage list --all --name-only
    """
    from madang.workspace.data.records.outs import stages
    from madang.workspace.pipelines.editing import describe
    from madang.workspace.pipelines.selecting import Options, chosen_stages

    with repository() as repo:
        skip = None if fail else _skipped
        found = stages(repo, skip=skip) if everything else chosen_stages(repo, targets, Options(recursive=recursive))
        if as_json:
            output.data([{"stage": one.address, "file": one.file, "desc": describe(one)} for one in found])
            return
        names = [one.address for one in found]
        widest = max(map(output.width, names), default=0)
        for one in found:
            text = describe(one)
            text = text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
            pad = " " * (widest - output.width(one.address) + 2)
            click.echo(one.address if name_only else f"{one.address}{pad}{text}")


def _skipped(error: InvalidInput) -> None:
    output.note(f"warning: left out: {error.message}")
