"""One experiment from its parameters to its commit, in the work tree that the present folder is in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

from madang.domain.events import Pipeline
from madang.domain.values import mutable, value
from madang.errors import MadangError
from madang.formats.dvc.overrides import Override
from madang.ports.executor import Executor, Result, Task
from madang.workspace.data import progress
from madang.workspace.data.files.checkout import Report, checkout
from madang.workspace.data.files.committing import commit
from madang.workspace.data.records.outs import Chosen, chosen, resolve
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import overriding, recording
from madang.workspace.experiments.composing import Compose
from madang.workspace.experiments.refs import Experiment
from madang.workspace.pipelines import repro
from madang.workspace.pipelines.repro import Ask, Say, StageResult
from madang.workspace.pipelines.selecting import Options
from madang.workspace.pipelines.shared_results import OpenRemote

TAG = "experiment"
"""The tag of the runs of an experiment's stages: its name."""


@value
class Request:
    """What an experiment is to be."""

    name: str
    baseline: str  # the commit that it varies
    targets: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    message: str = ""
    force: bool = False  # an experiment of this name is replaced


@value
class RunContext:
    """With what its stages are run, and who hears of it."""

    executor: Executor
    say: Say
    open_remote: OpenRemote
    ask: Ask | None = None
    tell: Callable[[str, Pipeline], None] | None = None
    meter: progress.Meter = progress.silent
    settle: Callable[[], None] = lambda: None  # waits until all is recorded that the work tree tells of the runs


@mutable
class Outcome:
    """What came of it. There is no experiment when a stage failed, or nothing was to be run."""

    results: list[StageResult]
    experiment: Experiment | None = None

    @property
    def failures(self) -> list[MadangError]:
        """Why stages failed."""
        failed = (result for result in self.results if result.status == repro.FAILED)
        return [result.error or MadangError("A stage failed.") for result in failed]


def run_here(
    repository: Repository,
    request: Request,
    overrides: Sequence[Override],
    context: RunContext,
    compose: Compose | None = None,
) -> Outcome:
    """Run an experiment in the work tree: its parameters are changed there, and its results stay there.

    Raises:
        InvalidInput, NotFound: a parameter or target that is not there. Refused: data is in the way.
    """
    overriding.write(overrides, compose)
    keep_data(repository, request.targets, request.options, context.meter)
    report = restore_data(repository, request.targets, request.options, context.meter)
    if report.kept:
        context.say("Outputs that were saved nowhere gave way to the recorded ones: madang undo brings them back.")
    return execute(repository, request, context)


def execute(repository: Repository, request: Request, context: RunContext) -> Outcome:
    """Bring the stages up to date in a work tree that is ready, and keep what came of it. Raises as `reproduce`."""
    executor = Marked(context.executor, request.name, request.baseline)
    options = replace(request.options, group=os.environ.get("MADANG_GROUP") or request.name)
    results = repro.reproduce(
        repository,
        request.targets,
        options,
        executor,
        context.say,
        open_remote=context.open_remote,
        ask=context.ask,
        tell=context.tell,
        meter=context.meter,
    )
    outcome = Outcome(results)
    if request.options.dry or (outcome.failures and request.options.on_error != "ignore"):
        return outcome
    outcome.experiment = recording.record(
        repository,
        request.baseline,
        request.name,
        [result.stage for result in results],
        message=request.message,
        extra=[path for result in results for path in result.git_files],
        force=request.force,
    )
    return outcome


def keep_data(repository: Repository, targets: Sequence[str], options: Options, meter: progress.Meter) -> list[str]:
    """Record data that changed since it was added: an experiment is made of what is there. Returns changed files."""
    found = [one for one in _chosen(repository, targets, options) if not one.stage.name and not one.stage.is_import]
    here = [one for one in found if all(os.path.exists(out.path) for out in one.stage.outs)]
    return commit(repository, here, force=True, relink=False, meter=meter).git_files if here else []


def restore_data(repository: Repository, targets: Sequence[str], options: Options, meter: progress.Meter) -> Report:
    """Bring data and outputs to what is recorded, as far as the cache has them. What is replaced `undo` brings back."""
    names = _names(repository, targets, options)
    wanted = resolve(repository, names, recursive=options.recursive, with_deps=bool(names))
    return checkout(repository, wanted, force=True, command="exp run", meter=meter)


def _chosen(repository: Repository, targets: Sequence[str], options: Options) -> list[Chosen]:
    names = _names(repository, targets, options)
    return chosen(repository, names, recursive=options.recursive, with_deps=bool(names))


def _names(repository: Repository, targets: Sequence[str], options: Options) -> list[str]:
    """Targets as they are looked up; patterns are taken as everything."""
    return [] if options.glob else list(targets)


class Marked:
    """An executor whose tasks know the experiment that they belong to."""

    def __init__(self, executor: Executor, name: str, baseline: str) -> None:
        self._executor = executor
        self._tags = {TAG: name}
        self._variables = {"DVC_EXP_NAME": name, "DVC_EXP_BASELINE_REV": baseline}

    @property
    def jobs(self) -> int:
        """See `Executor.jobs`."""
        return self._executor.jobs

    def submit(self, task: Task) -> None:
        """See `Executor.submit`."""
        variables: Mapping[str, str] = {**task.variables, **self._variables}
        self._executor.submit(replace(task, variables=variables, tags={**task.tags, **self._tags}))

    def wait(self) -> Result:
        """See `Executor.wait`."""
        return self._executor.wait()

    def close(self) -> None:
        """See `Executor.close`."""
        self._executor.close()
