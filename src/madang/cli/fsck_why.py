"""`madang fsck --why`: who needs an object."""

from __future__ import annotations

from dataclasses import asdict

import click

from madang.cli import output
from madang.cli.data_command import repository
from madang.cli.records import size
from madang.cli.run_roots import runs_around
from madang.workspace.data.keeping import explaining
from madang.workspace.data.keeping.checking import all_roots
from madang.workspace.data.keeping.explaining import Why


def explain(text: str, *, runs: bool, as_json: bool) -> int:
    """Show who needs the object or the objects of a path. Returns the exit code: 1 when nobody needs any.

    Raises:
        NotFound: the text names no object and no recorded data.
    """
    with repository() as repo:
        names = explaining.names_of(repo, text)
        roots = all_roots(repo)
        if runs:
            roots.found.extend(explaining.concerned(repo, names, runs_around(repo.root)))
        tips = explaining.tips(repo)
        found = [explaining.why(repo, name, roots, tips) for name in names]
    if as_json:
        output.data([asdict(one) for one in found])
    else:
        for failed in roots.failed:
            output.note(f"The records of {failed.label} cannot be read: {failed.error.message}")
        for one in found:
            _show(one)
    return 0 if any(one.uses for one in found) else 1


def _show(why: Why) -> None:
    where = f"{size(why.size)} in {why.place}" if why.size is not None else "not in the cache"
    click.echo(f"{why.name}: {where}")
    if not why.uses:
        click.echo("  Nothing needs it: madang gc may remove it.")
        return
    rows = [[use.label, use.path, use.record, ", ".join(use.names)] for use in why.uses]
    output.table(["needed by", "for", "recorded in", "known as"], rows)
    if why.copies:
        click.echo(
            f"If it goes, {', '.join(why.copies)} still hold{'s' if len(why.copies) == 1 else ''} the bytes here."
        )
    else:
        click.echo("If it goes, these cannot be restored without a remote that has it.")
