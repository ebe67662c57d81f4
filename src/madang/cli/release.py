"""`madang release`: name one tuple of code, data, models and environment, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.domain.releases import Release


@click.command()
@click.argument("name")
@click.option(
    "--run", "run", default="", help="The run whose environment is released. Default: the models' own, if one."
)
@click.option("-p", "--project", default="", help="Whose models. Default: this folder's project.")
@click.option("-m", "--message", default="", help="What is to be said about it.")
@click.option("--show", is_flag=True, help="Show a release instead of making one.")
@output.json_option
def release(name: str, run: str, project: str, message: str, show: bool, as_json: bool) -> None:
    """Release the present commit: its data, the models that aliases point at, and the environment, as a tag of git.

    The tag holds every digest, goes with `git push --tags` and never changes; `madang rollback NAME` goes back to it.

    \b
    Examples:
      madang release v1.2.0 -m "first model for customers"
      madang release v1.2.0 --show --json
    """
    from madang.domain import releases
    from madang.errors import NotAWorkspace, NotFound
    from madang.formats.store import find_store
    from madang.wiring import git as open_git
    from madang.workspace.releases import find

    places = find_store()
    if not places.root:
        raise NotAWorkspace("This is no git repository.", hint="git init")
    git = open_git(places.root)
    if show:
        found = find(git, name)
        if found is None:
            raise NotFound(f"The tag {name!r} is no release.", hint="git tag lists the tags.")
        made = found
    else:
        made = _made(name, run, project, message, git)
        git.add_tag(name, made.commit, releases.message(made), for_good=True)
    if as_json:
        output.data(records.plain_json(made))
    else:
        _print(made)


def _made(name: str, run: str, project: str, message: str, git: Any) -> Release:
    from madang.domain.releases import Release
    from madang.errors import NotFound, Refused
    from madang.services.model_registry import pointer_states
    from madang.workspace.rollback import data_at

    status = git.status()
    if status.changed:
        raise Refused(
            f"Not committed: {', '.join(status.changed[:5])}.", hint="A release is of a commit: commit first."
        )
    if not status.head.commit:
        raise NotFound("There is no commit yet.", hint="git commit")
    with records.opened_reader() as reader:
        models = pointer_states.current(reader.models(project or records.current_project()), reader)
        made_by = run or next(
            (v.run for m in models if (v := reader.resolve(m.project, f"{m.name}:v{m.number}")).run), ""
        )
        found = reader.run(made_by) if made_by else None
    packages, digest = _environment(found.environment if found is not None else None)
    return Release(
        name,
        status.head.commit,
        data_at(git, status.head.commit),
        models,
        digest,
        packages,
        found.id if found is not None else "",
        message,
    )


def _environment(recorded: Any) -> tuple[tuple[str, ...], str]:
    """The packages of a run, else those of the Python that is at work here, and one digest over them."""
    import os
    import sys

    from blake3 import blake3

    if recorded is None:
        from madang.workspace.environment import capture

        recorded = capture(sys.executable, dict(os.environ))
    packages = tuple(sorted(f"{name}=={version}" for name, version, _ in recorded.packages))
    body = "\n".join([f"python=={recorded.python}", *packages])
    return packages, f"blake3:{blake3(body.encode()).hexdigest()}"


def _print(made: Release) -> None:
    click.echo(f"{made.name}: commit {made.commit[:12]}")
    for path, digest in made.data.items():
        click.echo(f"  data   {output.printable(path)}  {digest}")
    for model in made.models:
        click.echo(f"  model  {model.name}@{model.alias}  v{model.number}  {model.digest[:20]}")
    click.echo(f"  environment  {len(made.packages)} packages, {made.environment[:20]}")
    if made.note:
        click.echo(f"  {output.printable(made.note)}")
