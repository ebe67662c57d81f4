"""`madang queue`: the experiments that wait, run, or ran from the queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, DvcUsage, repository
from madang.cli.main import LazyGroup
from madang.errors import InvalidInput

if TYPE_CHECKING:
    from madang.workspace.experiments.queue import Known

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("madang.cli.exp.queue:start", "Start workers that run the queue in the background."),
    "stop": ("madang.cli.exp.queue:stop", "Let the workers stop."),
    "status": ("madang.cli.exp.queue:status", "List the experiments of the queue."),
    "logs": ("madang.cli.exp.queue:logs", "Show what an experiment of the queue printed."),
    "remove": ("madang.cli.exp.queue:remove", "Take experiments out of the queue."),
    "kill": ("madang.cli.exp.queue:kill", "End running experiments of the queue."),
}


class _QueueGroup(DvcUsage, LazyGroup):
    """Knows the worker as well, which nobody starts by hand."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """See `LazyGroup.get_command`."""
        return worker if name == "worker" else super().get_command(ctx, name)


@click.group(cls=_QueueGroup, table=COMMANDS)
def queue() -> None:
    """Look after the queue of experiments.

    \b
    Examples:
      madang exp run --queue -S lr=0.1,0.2
      madang queue start -j 2
      madang queue status
    """


@click.command(cls=DataCommand, hidden=True)
def worker() -> None:
    """Run experiments of the queue until none waits."""
    from madang.cli.exp.work import work

    work()


@click.command(cls=DataCommand)
@click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, help="Experiments that run side by side.")
def start(jobs: int) -> None:
    """Start workers. They run in the background until the queue is empty.

    \b
    Examples:
      madang queue start
      madang queue start -j 4
    """
    from madang.cli.exp.work import start_workers

    with repository() as repo:
        count = len(start_workers(repo, jobs))
    click.echo(f"Started {count} worker{'' if count == 1 else 's'}.")


@click.command(cls=DataCommand)
@click.option("--kill", "with_kill", is_flag=True, help="End what runs now; it counts as failed.")
def stop(with_kill: bool) -> None:
    """Begin no further experiment of the queue. What waits stays in it.

    \b
    Examples:
      madang queue stop
      madang queue stop --kill
    """
    from madang.workspace.experiments.queue import RUNNING, Queue

    with repository() as repo:
        tasks = Queue(repo)
        tasks.stop(True)
        if with_kill:
            tasks.kill([one for one in tasks.tasks() if one.state == RUNNING])
    click.echo("The workers stop." if with_kill else "The workers stop when their experiments have ended.")


@click.command(cls=DataCommand)
@output.json_option
def status(as_json: bool) -> None:
    """List the experiments that wait, run or ran.

    \b
    Examples:
      madang queue status
      madang queue status --json
    """
    from madang.workspace.experiments.queue import FAILED, RUNNING, Queue
    from madang.workspace.experiments.workers import live_workers

    with repository() as repo:
        tasks = Queue(repo)
        found, workers = tasks.tasks(), len(live_workers(tasks))
    if as_json:
        output.data([_as_json(one) for one in found])
        return
    rows = [[one.task.start.commit[:7], one.task.name, _time(one.task.at), one.state.capitalize()] for one in found]
    if rows:
        output.table(["Task", "Name", "Created", "Status"], rows)
    else:
        click.echo("No experiment tasks in the queue.")
    for one in found:
        if one.state == FAILED and one.result:
            output.note(f"{one.task.name}: {one.result}")
    active = sum(one.state == RUNNING for one in found)
    click.echo(f"\nWorker status: {active} active, {max(0, workers - active)} idle")


def _time(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at // 1_000_000))


def _as_json(one: Known) -> dict[str, object]:
    task = one.task
    return {
        "task": task.id,
        "name": task.name,
        "state": one.state,
        "result": one.result,
        "created": task.at,
        "baseline": task.start.baseline,
        "commit": task.start.commit,
        "pid": one.pid or None,
    }


@click.command(cls=DataCommand)
@click.argument("task")
@click.option("-f", "--follow", is_flag=True, help="Go on until it has ended.")
@click.option("-e", "--encoding", help="Accepted as by dvc: bytes are printed as they are.")
def logs(task: str, follow: bool, encoding: str | None) -> None:
    """Show what an experiment of the queue printed.

    \b
    Examples:
      madang queue logs amber-otter
      madang queue logs amber-otter --follow
    """
    from madang.cli.exp.work import read_from
    from madang.workspace.experiments.queue import RUNNING, Queue

    with repository() as repo:
        tasks = Queue(repo)
        (found,) = tasks.named([task])
        place = 0
        while True:
            is_running = follow and tasks.named([found.task.id])[0].state == RUNNING
            news = read_from(tasks.log(found.task), place)
            click.echo(news, nl=False)
            place += len(news)
            if not is_running:
                return
            time.sleep(0.1)


@click.command(cls=DataCommand)
@click.argument("tasks", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All but those that run.")
@click.option("--queued", is_flag=True, help="All that wait.")
@click.option("--success", is_flag=True, help="All that succeeded; their experiments stay.")
@click.option("--failed", is_flag=True, help="All that failed.")
def remove(tasks: tuple[str, ...], every: bool, queued: bool, success: bool, failed: bool) -> None:
    """Take experiments out of the queue.

    \b
    Examples:
      madang queue remove amber-otter
      madang queue remove --failed --success
    """
    from madang.workspace.experiments import queue as work

    kinds = {work.QUEUED: queued, work.SUCCESS: success, work.FAILED: failed}
    states = {state for state, wanted in kinds.items() if wanted or every}
    if bool(states) == bool(tasks):
        raise InvalidInput("Name tasks, or use --all, --queued, --success or --failed.")
    with repository() as repo:
        found = work.Queue(repo)
        chosen = found.named(tasks) if tasks else [one for one in found.tasks() if one.state in states]
        found.remove(chosen)
    names = ", ".join(one.task.name for one in chosen)
    click.echo(f"Removed tasks in queue: {names}" if names else "No tasks to remove.")


@click.command(cls=DataCommand)
@click.argument("tasks", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="At once, without time to clear up.")
def kill(tasks: tuple[str, ...], force: bool) -> None:
    """End running experiments of the queue, all of them when none is named. They count as failed.

    \b
    Examples:
      madang queue kill amber-otter
      madang queue kill --force
    """
    from madang.workspace.experiments.queue import RUNNING, Queue

    with repository() as repo:
        found = Queue(repo)
        chosen = found.named(tasks) if tasks else [one for one in found.tasks() if one.state == RUNNING]
        found.kill(chosen, force=force)
    click.echo(f"Ended: {', '.join(one.task.name for one in chosen)}" if chosen else "No experiment is running.")
