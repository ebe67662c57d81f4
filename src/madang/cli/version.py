"""`madang version` and `madang doctor`: what is installed, and what works here."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import DataCommand


@click.command(cls=DataCommand)
@output.json_option
def version(as_json: bool) -> None:
    """Print the version and the machine.

    \b
    Examples:
      madang version
    """
    from madang.workspace.data.keeping.doctor import machine

    facts = machine().facts
    if as_json:
        output.data(facts)
        return
    for name, value in facts.items():
        click.echo(f"{name}: {value}")


@click.command(cls=DataCommand)
@click.option("--offline", is_flag=True, help="Ask no remote.")
@output.json_option
def doctor(offline: bool, as_json: bool) -> int:
    """Say what is installed and what works here: git, links, disk, locks, remotes. Exits 1 when something is wrong.

    \b
    Examples:
      madang doctor
      madang doctor --offline --json
    """
    from madang.cli.data_command import repository
    from madang.wiring_data import open_remote
    from madang.workspace.data.keeping import doctor
    from madang.workspace.data.repo.repository import find_root

    found = doctor.machine()
    if find_root(".") is not None:
        with repository() as repo:
            doctor.repository(repo, found)
            if not offline:
                doctor.remotes(repo, open_remote, found)
    if as_json:
        output.data({"facts": found.facts, "problems": found.problems})
    else:
        for name, value in found.facts.items():
            click.echo(f"{name}: {value}")
        for problem in found.problems:
            click.echo(f"problem: {problem}")
    return 1 if found.problems else 0
