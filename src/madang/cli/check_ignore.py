"""`madang check-ignore`: which paths .dvcignore hides, and by which rule."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, repository
from madang.errors import InvalidInput


@click.command("check-ignore", cls=DataCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-d", "--details", is_flag=True, help="Show the rule beside each path: file, line and pattern.")
@click.option("-a", "--all", "every", is_flag=True, help="Show every rule that fits, not only the last.")
@click.option("-n", "--non-matching", is_flag=True, help="With --details: show paths that no rule fits, too.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read paths from standard input, one a line.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing; only the exit code tells.")
@output.json_option
def check_ignore(
    targets: tuple[str, ...],
    details: bool,
    every: bool,
    non_matching: bool,
    from_stdin: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Say which paths data commands do not see because of .dvcignore. Exits 0 when one is ignored, else 1.

    \b
    Examples:
      madang check-ignore logs/a.tmp
      madang check-ignore -d data/*
      find data | madang check-ignore --stdin
    """
    from madang.workspace.data.repo.ignoring import ask

    _check(targets, details, every, non_matching, from_stdin, quiet)
    with repository() as repo:
        answers = [ask(repo, path) for path in (_lines(sys.stdin) if from_stdin else targets)]
    if as_json:
        output.data([{"path": one.path, "ignored": one.ignored, "rules": one.rules} for one in answers])
    for one in () if as_json or quiet else answers:
        if details:
            rules = one.rules or (("::",) if non_matching else ())
            for rule in rules if every else rules[-1:]:
                click.echo(f"{rule}\t{one.path}")
        elif one.ignored:
            click.echo(one.path)
    found = any(one.rules if details else one.ignored for one in answers)
    return 0 if found else 1


def _lines(stream: Iterable[str]) -> Iterable[str]:
    for line in stream:
        name = line.rstrip("\n")
        if not name:
            return
        yield name


def _check(
    targets: tuple[str, ...], details: bool, every: bool, non_matching: bool, from_stdin: bool, quiet: bool
) -> None:
    problem = ""
    if not from_stdin and not targets:
        problem = "Neither targets nor --stdin are given."
    elif from_stdin and targets:
        problem = "Targets and --stdin exclude each other."
    elif (non_matching or every) and not details:
        problem = "--non-matching and --all need --details."
    elif quiet and details:
        problem = "--details and --quiet exclude each other."
    if problem:
        raise InvalidInput(problem, hint="madang check-ignore --help")
