"""`madang tag`: a tag of git at the code of a run."""

from __future__ import annotations

import click

from madang.cli import output, records


@click.command()
@click.argument("run")
@click.argument("name")
@click.option("-m", "--message", default="", help="The text of the tag. Default: the run and its metrics.")
def tag(run: str, name: str, message: str) -> None:
    """Tag the commit of a run in git, and the run with the tag's name.

    \b
    Examples:
      madang tag 1f3a v1.2.0
      madang runs --filter "tags.`git tag` = 'v1.2.0'"
    """
    from madang.domain.compare import value_of
    from madang.domain.runs import RunChange
    from madang.errors import NotAWorkspace, NotFound
    from madang.formats.store import find_store
    from madang.wiring import git as open_git

    places = find_store()
    if not places.root:
        raise NotAWorkspace("This is no git repository.", hint="git init")
    with records.opened_reader() as reader:
        found = reader.run(run)
        if found.code is None or not found.code.commit:
            raise NotFound(f"The code of run {found.id[:8]} was not recorded.", hint="Tag a commit: git tag")
        lines = [
            f"{key} {records.number(value_of(found, key))}" for key in sorted(found.metrics) if "system/" not in key
        ]
        text = message or "\n".join([f"run {found.id} {found.name}", "", *lines[:50]])
        open_git(places.root).add_tag(name, found.code.commit, text + "\n")
        reader.change(found.id, RunChange(tags={"git tag": name}))
    click.echo(f"{name} is commit {found.code.commit[:12]}, the code of run {found.id[:8]} {found.name}.")
    if found.code.diff is not None or found.code.untracked:
        output.note("note: the run had changes that were not committed; the tag does not hold them.")
