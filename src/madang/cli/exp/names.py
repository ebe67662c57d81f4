"""`madang exp list`, `rename`, `remove` and `clean`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, repository
from madang.cli.exp.selecting import chosen_experiments, selection_options
from madang.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.queue import Known, Queue
    from madang.workspace.experiments.refs import Experiment


@click.command("list", cls=DataCommand)
@click.argument("git_remote", default="")
@selection_options("List")
@click.option("--name-only", "--names-only", is_flag=True, help="Names only.")
@click.option("--sha-only", "--shas-only", is_flag=True, help="Hashes of commits only.")
@output.json_option
def list_(
    git_remote: str, rev: tuple[str, ...], num: int, all_commits: bool, name_only: bool, sha_only: bool, as_json: bool
) -> None:
    """List the experiments of the present commit, or of others; or those of a git remote.

    \b
    Examples:
      madang exp list -A
      madang exp list origin --name-only
    """
    if name_only and sha_only:
        raise click.UsageError("--name-only and --sha-only exclude each other.")
    from madang.workspace.experiments import table

    with repository() as repo:
        found = chosen_experiments(repo, (), rev, num, all_commits, git_remote)
        called = table.names_of_commits(repo)
    by_commit: dict[str, list[Experiment]] = {}
    for one in found:
        by_commit.setdefault(one.baseline, []).append(one)
    if as_json:
        output.data(
            {
                commit: [{"name": one.name, "commit": one.commit, "ref": one.ref} for one in held]
                for commit, held in by_commit.items()
            }
        )
        return
    for commit, held in by_commit.items():
        if not (name_only or sha_only):
            click.echo(f"{called.get(commit, commit[:7])}:")
        for one in held:
            line = one.name if name_only else one.commit if sha_only else f"\t{one.commit[:7]} [{one.name}]"
            click.echo(line)


@click.command(cls=DataCommand)
@click.argument("experiment")
@click.argument("name")
@click.option("-g", "--git-remote", default="", metavar="REMOTE", help="Rename it in a git remote instead.")
@click.option("-f", "--force", is_flag=True, help="Replace an experiment of this name.")
def rename(experiment: str, name: str, git_remote: str, force: bool) -> None:
    """Give an experiment another name.

    \b
    Examples:
      madang exp rename amber-otter lr-0.1
      madang exp rename -g origin amber-otter lr-0.1
    """
    from madang.workspace.experiments import refs, sharing

    with repository() as repo:
        known = refs.remote_experiments(repo, git_remote) if git_remote else None
        (one,) = refs.named(repo, [experiment], known)
        if git_remote:
            sharing.rename(repo, git_remote, one, name, force=force)
        else:
            refs.rename(repo, one, name, force=force)
    click.echo(f"Renamed experiment '{one.name}' to '{name}'.")


@click.command(cls=DataCommand)
@click.argument("experiments", nargs=-1)
@selection_options("Remove")
@click.option("--keep", is_flag=True, help="Remove all others instead.")
@click.option("--queue", "queued", is_flag=True, help="Remove all that wait in the queue.")
@click.option("-g", "--git-remote", default="", metavar="REMOTE", help="Remove from a git remote instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the names of what was removed as JSON.")
def remove(
    experiments: tuple[str, ...], rev: tuple[str, ...], num: int, all_commits: bool, keep: bool, queued: bool,
    git_remote: str, as_json: bool,
) -> None:  # fmt: skip
    """Remove experiments, those that wait in the queue included. Their data stays until madang gc.

    \b
    Examples:
      madang exp remove amber-otter
      madang exp remove --keep lr-0.1
      madang exp remove -A -g origin
    """
    if not (experiments or rev or all_commits or queued):
        raise InvalidInput("Name experiments, or use --rev, --all-commits or --queue.")
    if queued and (keep or git_remote):
        raise InvalidInput("--queue goes neither with --keep nor with --git-remote.")
    from madang.workspace.experiments import refs, sharing
    from madang.workspace.experiments.queue import QUEUED, Queue

    with repository() as repo:
        queue = Queue(repo)
        names, tasks = _split(repo, queue, () if git_remote else experiments)
        names += experiments if git_remote else ()
        found = (
            chosen_experiments(repo, names, rev, num, all_commits, git_remote) if names or rev or all_commits else []
        )
        if keep:
            kept = {one.ref for one in found}
            found = [one for one in chosen_experiments(repo, (), (), 1, True, git_remote) if one.ref not in kept]
        tasks += [one for one in queue.tasks() if queued and one.state == QUEUED]
        if git_remote:
            sharing.remove(repo, git_remote, found)
        else:
            refs.remove(repo, found)
        queue.remove([] if keep else tasks)
    gone = [*(one.name for one in found), *(one.task.name for one in tasks if not keep)]
    if as_json:
        output.data({"removed": gone})
    elif gone:
        click.echo(f"Removed experiments: {', '.join(map(repr, gone))}")
    else:
        click.echo("No experiments to remove.")


def _split(repo: Repository, queue: Queue, names: Sequence[str]) -> tuple[list[str], list[Known]]:
    """Names of experiments, and the tasks of the queue that the others name."""
    from madang.workspace.experiments import refs

    made: list[str] = []
    tasks: list[Known] = []
    for name in names:
        try:
            refs.named(repo, [name])
        except NotFound as error:
            try:
                tasks += queue.named([name])
            except NotFound:
                raise error from None
        else:
            made.append(name)
    return made, tasks


@click.command(cls=DataCommand)
def clean() -> None:
    """Remove work trees and notes of experiments whose processes were killed. Nothing that waits or was kept is lost.

    \b
    Examples:
      madang exp clean
    """
    from madang.wiring import git as open_git
    from madang.workspace.experiments import work_trees
    from madang.workspace.experiments.queue import Queue

    with repository() as repo:
        queue = Queue(repo)
        queue.clean()
        work_trees.temporary(repo, open_git(queue.root)).clean()
    click.echo("Done.")
