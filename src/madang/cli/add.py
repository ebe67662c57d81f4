"""`madang add`: track files and folders."""

from __future__ import annotations

import glob as globbing

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, meter, relative, repository, tell_git
from madang.errors import NotFound


@click.command(cls=PlainCommand)
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--glob", "is_glob", is_flag=True, help="The paths are patterns (*, ?, [], **).")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was added as JSON.")
def add(paths: tuple[str, ...], is_glob: bool, quiet: bool, as_json: bool) -> None:
    """Take files or folders into the cache and describe them in small .dvc files that belong into git.

    A path inside a tracked folder updates that folder's record for this path only.

    \b
    Examples:
      madang add data/train.csv
      madang add images models/base.pt
      madang add --glob 'data/*.parquet'
    """
    from madang.workspace.data.adding import add as add_paths

    with repository() as repo:
        chosen = _expanded(paths) if is_glob else list(paths)
        done = add_paths(repo, chosen, meter=meter(quiet))
        tell_git(repo, done.git_files, quiet)
        if as_json:
            output.data(
                [
                    {"path": relative(path), "md5": content.md5, "size": content.size, "nfiles": content.nfiles}
                    for path, content in done.contents.items()
                ]
            )


def _expanded(patterns: tuple[str, ...]) -> list[str]:
    found = []
    for pattern in patterns:
        matches = sorted(name for name in globbing.glob(pattern, recursive=True) if not name.endswith(".dvc"))
        if not matches:
            raise NotFound(
                f"Nothing matches {pattern!r}.", hint="Quote the pattern, so that the shell leaves it alone."
            )
        found.extend(matches)
    return found
