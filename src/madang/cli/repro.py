"""`madang repro`: bring the stages of pipelines up to date."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, meter, repository, tell_git
from madang.errors import MadangError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from madang.domain.events import Pipeline
    from madang.ports.executor import Executor, Result, Task
    from madang.workspace.pipelines.repro import StageResult
    from madang.workspace.pipelines.selecting import Options


F = TypeVar("F", bound="Callable[..., Any]")
_ON_ERROR = {"keep_going": "keep-going", "ignore_errors": "ignore"}


def stage_options(function: F) -> F:
    """The options that say what is to be done with which stages: those of `repro` and of `exp run`."""
    options = (
        click.argument("targets", nargs=-1, type=click.Path()),
        click.option("-f", "--force", is_flag=True, help="Run stages whose inputs did not change, too."),
        click.option("-i", "--interactive", is_flag=True, help="Ask before each stage."),
        click.option("-s", "--single-item", is_flag=True, help="Only the targets, not what they depend on."),
        click.option("-p", "--pipeline", is_flag=True, help="All of the pipelines that the targets belong to."),
        click.option("-P", "--all-pipelines", is_flag=True, help="All pipelines of the repository."),
        click.option("-R", "--recursive", is_flag=True, help="A folder means all stages in it."),
        click.option("--downstream", is_flag=True, help="The targets and what depends on them."),
        click.option("--force-downstream", is_flag=True, help="Run all that depends on a stage that ran."),
        click.option(
            "--pull/--no-pull",
            default=None,
            envvar="MADANG_PULL",
            help="Bring missing data and others' results from the remote [default: when there is a default remote].",
        ),
        click.option("--allow-missing", is_flag=True, help="Leave out stages that only lack data."),
        click.option("--dry", is_flag=True, help="Only print what would run."),
        click.option("-k", "--keep-going", is_flag=True, help="After a failure go on with what does not depend on it."),
        click.option("--ignore-errors", is_flag=True, help="After a failure go on with everything."),
        click.option("--glob", is_flag=True, help="Targets are patterns of stage names."),
        click.option("--no-commit", is_flag=True, help="Do not take outputs into the cache."),
        click.option("--no-run-cache", is_flag=True, help="Run, whatever earlier runs gave."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def options_of(given: Mapping[str, Any], group: str) -> Options:
    """What `stage_options` were given, but the targets and --interactive; ``group`` is that of the runs."""
    from madang.workspace.pipelines.selecting import Options

    plain = {name: value for name, value in given.items() if not name.startswith("no_") and name not in _ON_ERROR}
    return Options(
        **plain,
        commit=not given["no_commit"],
        run_cache=not given["no_run_cache"],
        on_error=next((text for name, text in reversed(_ON_ERROR.items()) if given[name]), "fail"),
        group=group,
    )


@click.command(cls=DataCommand)
@stage_options
@click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, help="Independent stages that run side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each stage as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def repro(targets: tuple[str, ...], interactive: bool, jobs: int, as_json: bool, quiet: bool, **given: bool) -> None:
    """Run the stages whose inputs, command or outputs are not as recorded, in order. Each execution is a run.

    What a stage gave before for the same inputs comes from the cache. The outputs of a stage that fails stay as they
    were.

    \b
    Examples:
      madang repro
      madang repro train --downstream
      madang repro -j 4 --keep-going
      madang repro --pull --allow-missing
    """
    _reproduce(targets, options_of(given, group_name()), jobs, interactive=interactive, as_json=as_json, quiet=quiet)


def run_one(name: str, quiet: bool) -> None:
    """Run one stage of the present folder's pipeline, as `stage add --run` does."""
    from madang.workspace.pipelines.selecting import Options

    options = Options(single_item=True, force=True, group=group_name())
    _reproduce((name,), options, 1, interactive=False, as_json=False, quiet=quiet)


def _reproduce(
    targets: tuple[str, ...], options: Options, jobs: int, *, interactive: bool, as_json: bool, quiet: bool
) -> None:
    from madang.wiring_data import open_remote
    from madang.workspace.pipelines import repro as work
    from madang.workspace.pipelines.unchanged import UP_TO_DATE

    silent = quiet or as_json
    say = _nothing if silent else click.echo
    with repository() as repo:
        with local_executor(jobs, quiet=as_json) as executor:
            results = work.reproduce(
                repo,
                targets,
                options,
                executor,
                say,
                open_remote=open_remote,
                ask=click.confirm if interactive else None,
                tell=tell,
                meter=meter(silent),
            )
        _tell(results, as_json, quiet)
        tell_git(repo, [path for result in results for path in result.git_files], silent)
    failures = [result.error or MadangError("A stage failed.") for result in results if result.status == work.FAILED]
    for failure in failures[:-1]:
        output.error(failure)
    if failures and options.on_error != "ignore":
        raise failures[-1]
    if failures:
        output.error(failures[-1])
    if not silent:
        ran = any(result.status not in (work.UNCHANGED, work.SKIPPED) for result in results)
        click.echo("Use `madang push` to send your updates to remote storage." if ran else UP_TO_DATE)


def tell(run: str, news: Pipeline) -> None:
    """Record with the last run what became of the stages after it."""
    from madang.cli import stage_runs

    stage_runs.tell(run, news)


def _nothing(text: str) -> None:
    return


def group_name() -> str:
    """The group of all runs of one reproduction."""
    import os

    return os.environ.get("MADANG_GROUP") or f"repro-{os.urandom(4).hex()}"


@contextmanager
def local_executor(jobs: int, *, quiet: bool = False) -> Iterator[Executor]:
    """Runs stages on this machine; side by side, lines of output begin with the stage's name."""
    import signal

    from madang.workspace.pipelines.executing import InPlace, SideBySide

    def execute(task: Task) -> Result:
        from madang.cli import stage_runs  # not needed when there is nothing to do

        ran.append(stage_runs.settle)
        return stage_runs.execute(task, quiet)

    def settle() -> None:
        for step in ran[:1]:
            step()

    def show(name: str, line: bytes) -> None:
        click.echo(f"{name} | ".encode() + line)

    ran: list[Callable[[], None]] = []
    executor = InPlace(execute) if jobs == 1 else SideBySide(execute, jobs, show, settle)
    # With one job its command gets the signals that come to us; with several all of them are ended from here.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if jobs > 1 else None
    try:
        yield executor
    finally:
        executor.close()
        settle()
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _tell(results: list[StageResult], as_json: bool, quiet: bool) -> None:
    from madang.workspace.pipelines.repro import told

    for result in results:
        if result.brought is not None:
            output.note(told(result.brought, "failed"))
        if result.kept and not quiet:
            output.note(
                f"Outputs of {result.stage.address} that were saved nowhere lie in {result.kept} (madang undo)."
            )
    if as_json:
        output.data([_as_json(result) for result in results])


def _as_json(result: StageResult) -> dict[str, Any]:
    found: dict[str, Any] = {"stage": result.stage.address, "status": result.status}
    if result.run:
        found["run"] = result.run
        found["exit_code"] = result.code
    if result.error is not None:
        found["error"] = result.error.message
    return found
