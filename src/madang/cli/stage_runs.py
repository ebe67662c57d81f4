"""Each execution of a stage is a run: the task of an executor, carried out by `launching`."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from madang.cli import launching, output
from madang.domain.files import FileRef
from madang.domain.pipelines import OUTS_TAG, STAGE_TAG, outs_text
from madang.errors import MadangError
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.ports.executor import Made, Result, Task
from madang.sdk import follow
from madang.sdk.run import Run
from madang.workspace.data import progress
from madang.workspace.data.repo.locks import using
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines import recording, running

if TYPE_CHECKING:
    from typing import Any

    from madang.domain.events import Pipeline
    from madang.workspace.process import Ended

_SEVERAL = 'for one do printf "> %s\\n" "$one"; {shell} "$one" || exit; done'


def execute(task: Task, quiet: bool = False) -> Result:
    """Run a task's commands as one run, then take its outputs into the cache. ``quiet``: show nothing."""
    work = _Work(task)
    env = {**os.environ, **task.variables}
    job = launching.Job(
        command=_command(task),
        folder=task.folder,
        places=layout.find_store(),
        name=task.name,
        params=dict(task.params),
        tags={STAGE_TAG: task.name, **task.tags},
        metrics=task.metrics,
        group=task.group,
        job_type="stage",
        env=env,
        alone=task.alone,
        quiet=quiet,
        waits=False,
        facts=[(codec.PIPELINE, asdict(task.news))] if task.news is not None else (),
    )
    try:
        done = launching.launch(job, lambda text: output.note(f"madang: {text}"), work.began, work.before_end)
    except MadangError as error:
        return Result(task.name, 1, work.run, error=error.message, hint=error.hint)
    return Result(task.name, done.ended.code, work.run, work.made, work.error, work.hint)


def tell(run: str, news: Pipeline) -> None:
    """Add to a stage's run, which may be over, what a reproduction knew in the end; a hub is told, too."""
    places, hub = layout.find_store(), launching.hub_of(os.environ)
    writer = Run({"run": run, **launching.writer_of(places, os.environ), "writer": "signal"}, "", places, "online", hub)
    writer.append(codec.PIPELINE, asdict(news))
    if hub:
        follow.start(writer)
    writer.end("finished", wait=False)
    settle()


def settle() -> None:
    """Wait a while until code and environment of the runs are recorded: afterwards the user may change them."""
    from madang.sdk import finish

    finish.settle()


def _command(task: Task) -> list[str]:
    """One program for all commands. Each is a shell of its own, as in dvc, and the first that fails is the last."""
    shell = running.shell()
    if len(task.commands) == 1:
        return [*shell, task.commands[0]]
    script = _SEVERAL.format(shell=shlex.join(shell))
    return ["/bin/sh", "-c", script, "stage", *task.commands]


class _Work:
    """What is done around the command."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.run = ""
        self.made: dict[str, Made] = {}
        self.error = self.hint = ""

    def began(self, run: str, name: str) -> None:
        self.run = run

    def before_end(self, run: Run, ended: Ended) -> None:
        """Record what was read; when the command succeeded, keep what it made."""
        root = run.places.root or self.task.root
        run.append(codec.INPUTS, {"items": [self._input(root, index) for index in range(len(self.task.reads))]})
        if ended.code:
            return
        repository = Repository(self.task.root)
        try:
            with using(repository.cache.folder):
                self.made = recording.keep(repository, self.task.writes, commit=self.task.commit, meter=progress.silent)
        except MadangError as error:
            self.error, self.hint = error.message, error.hint
            run.alert("The stage's outputs were not kept", str(error), "error")
        finally:
            repository.close()
        outs = [FileRef(os.path.relpath(path, root), f"md5:{one.md5}", one.size) for path, one in self.made.items()]
        if outs:
            run.set_tags({OUTS_TAG: outs_text(outs)})

    def _input(self, root: str, index: int) -> dict[str, Any]:
        read = self.task.reads[index]
        if "://" in read.path:
            return {"path": read.path, "digest": read.digest, "size": read.size}
        return {
            "path": os.path.relpath(read.path, root),
            "digest": read.digest,
            "recorded": read.recorded,
            "size": read.size,
            "tracked_by": os.path.relpath(read.tracked_by, root) if read.tracked_by else "",
            "out": os.path.relpath(read.path, root) if read.tracked_by else "",
            "version": read.digest if read.tracked_by else "",
        }
