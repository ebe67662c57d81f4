"""`madang status`: what differs from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, external_dependencies, meter, repository
from madang.errors import ConfigError, InvalidInput, MadangError

if TYPE_CHECKING:
    from madang.workspace.data.files.comparing import StageState
    from madang.workspace.data.records.gathering import History
    from madang.workspace.data.repo.repository import Repository


class _StatusCommand(PlainCommand):
    """A missing remote is a failure like others, as with dvc."""

    def _code(self, error: MadangError) -> int:
        from madang.workspace.data.repo.settings import UnreadableConfig

        is_plain = isinstance(error, ConfigError) and not isinstance(error, UnreadableConfig)
        return self.failure_code if is_plain else super()._code(error)


@click.command(cls=_StatusCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-c", "--cloud", is_flag=True, help="Compare the cache with the remote.")
@click.option("-r", "--remote", help="The remote to compare with (implies --cloud).")
@click.option("-a", "--all-branches", is_flag=True, help="With --cloud: data of all branches.")
@click.option("-T", "--all-tags", is_flag=True, help="With --cloud: data of all tags.")
@click.option("-A", "--all-commits", is_flag=True, help="With --cloud: data of all commits.")
@click.option("-d", "--with-deps", is_flag=True, help="Also the stages that make what the targets read.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="With --cloud: objects asked for at once.")
@click.option("--no-updates", is_flag=True, help="Do not ask the sources of imports for newer versions.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing; exit 1 when something differs.")
def status(
    targets: tuple[str, ...],
    cloud: bool,
    remote: str | None,
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    with_deps: bool,
    recursive: bool,
    jobs: int | None,
    no_updates: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Show which tracked data and stages of pipelines are not as recorded, and which imports have a newer version.

    \b
    Examples:
      madang status
      madang status data/train.csv --json
      madang status train pipelines/dvc.yaml:prepare
      madang status --cloud --all-branches
    """
    from madang.workspace.data.records.gathering import History

    history = History(all_branches, all_tags, all_commits)
    if not (cloud or remote) and (history or jobs):
        raise InvalidInput("--all-branches, --all-tags, --all-commits and --jobs need --cloud.", hint="Add --cloud.")
    with repository() as repo:
        if cloud or remote:
            differs = _show_cloud(repo, targets, history, remote, recursive, with_deps, as_json, quiet)
        else:
            differs = _show_local(repo, targets, recursive, with_deps, not no_updates, as_json, quiet)
    return 1 if quiet and differs else 0


def _show_local(
    repo: Repository,
    targets: tuple[str, ...],
    recursive: bool,
    with_deps: bool,
    check_updates: bool,
    as_json: bool,
    quiet: bool,
) -> bool:
    from madang.workspace.data.files.comparing import hidden_deps, states
    from madang.workspace.data.records.outs import chosen as named

    chosen = named(repo, targets, recursive=recursive, with_deps=with_deps)
    found = states(
        repo, chosen, check_updates=check_updates, external=external_dependencies(repo), meter=meter(quiet or as_json)
    )
    if not quiet:
        for one in chosen:
            if hidden_deps(one.stage):
                output.note(f"note: {one.stage.address} is frozen, so its dependencies are not looked at.")
        for state in found:
            for name in state.skipped:
                output.note(f"note: {state.stage.address} reads {name}, which is not looked at here.")
    found = [state for state in found if state]
    if as_json:
        output.data({state.stage.address: _entries(state) for state in found})
    elif not quiet:
        for state in found:
            _print(state)
        if not found:
            click.echo("Data and pipelines are up to date." if chosen else "No data is tracked here yet (madang add).")
    return bool(found)


def _entries(state: StageState) -> list[object]:
    """The state of a stage in dvc's form."""
    entries: list[object] = []
    if state.deps:
        entries.append({"changed deps": state.deps})
    if state.outs:
        entries.append({"changed outs": state.outs})
    return [*entries, *state.other]


def _print(state: StageState) -> None:
    click.echo(f"{state.stage.address}:")
    for title, states in (("changed deps", state.deps), ("changed outs", state.outs)):
        if states:
            click.echo(f"\t{title}:")
        for name, value in states.items():
            if isinstance(value, str):
                click.echo(f"\t\t{value + ':':<20}{name}")
                continue
            click.echo(f"\t\t{name}:")
            for key, what in value.items():
                click.echo(f"\t\t\t{what + ':':<20}{key}")
    for sentence in state.other:
        click.echo(f"\t{sentence}")


def _show_cloud(
    repo: Repository,
    targets: tuple[str, ...],
    history: History,
    remote: str | None,
    recursive: bool,
    with_deps: bool,
    as_json: bool,
    quiet: bool,
) -> bool:
    from madang.wiring_data import open_remote
    from madang.workspace.data.records.gathering import gather
    from madang.workspace.data.remotes.cloud_status import cloud_changes

    gathered = gather(repo, targets, recursive=recursive, history=history, with_deps=with_deps)
    found = cloud_changes(repo, gathered.targets, open_remote, remote)
    if as_json:
        output.data(found)
    elif not quiet:
        for path, state in found.items():
            click.echo(f"\t{state + ':':<20}{path}")
        if not gathered.targets:
            click.echo("No data is tracked here yet (madang add).")
        elif not found:
            name = repo.settings.remote(remote).name
            click.echo(f"Cache and remote '{name}' are in sync.")
    if gathered.skipped:
        raise InvalidInput(
            "The records of some commits cannot be read, so this is not all.", hint="; ".join(gathered.skipped)
        )
    return bool(found)
