"""``repro``: which stages are stale, in which order, and what becomes of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import field, replace

from madang.domain.events import Pipeline
from madang.domain.values import mutable
from madang.errors import MadangError, Refused, StorageError
from madang.ports.executor import Executor, Result
from madang.workspace.data import progress
from madang.workspace.data.files.comparing import DELETED, NOT_IN_CACHE, StageState, states
from madang.workspace.data.records.outs import Chosen
from madang.workspace.data.records.stages import LookExternal, Stage, TrackedOut, is_local
from madang.workspace.data.records.trees import WorkTree
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources.external import ExternalDependencies
from madang.workspace.pipelines import asides, restoring, running, selecting, witness
from madang.workspace.pipelines.asides import Brought
from madang.workspace.pipelines.graph import Graph
from madang.workspace.pipelines.recording import LockWriter, inputs
from madang.workspace.pipelines.reporting import Report
from madang.workspace.pipelines.running import Execution
from madang.workspace.pipelines.selecting import Options
from madang.workspace.pipelines.shared_results import OpenRemote, SharedResults
from madang.workspace.pipelines.witness import Witness

UNCHANGED, RAN, RESTORED, PULLED, VERIFIED, FAILED, SKIPPED, WOULD_RUN = (
    "unchanged", "ran", "restored", "pulled", "verified", "failed", "skipped", "would run",
)  # fmt: skip
_LOCK_WAIT = 60.0  # seconds: a stage that has run is not given up because another command works for a moment
_INTERRUPTED = (130, 143)


@mutable
class StageResult:
    """What became of one stage."""

    stage: Stage
    status: str
    run: str = ""  # id of the run that its execution is
    code: int = 0  # exit code of its command
    error: MadangError | None = None
    brought: Brought | None = None  # outputs that are as before, since it failed
    kept: str = ""  # folder of what was replaced and saved nowhere
    git_files: list[str] = field(default_factory=list)  # changed files that belong into git, absolute


Say = Callable[[str], None]
Ask = Callable[[str], bool]
Tell = Callable[[str, Pipeline], None]


def reproduce(
    repository: Repository,
    targets: Sequence[str],
    options: Options,
    executor: Executor,
    say: Say,
    *,
    open_remote: OpenRemote | None = None,
    ask: Ask | None = None,
    tell: Tell | None = None,
    meter: progress.Meter = progress.silent,
) -> list[StageResult]:
    """Bring stages up to date. A stage that fails is in the results; so is why.

    ``open_remote`` is for `Options.pull` and for dependencies that lie elsewhere; ``ask`` is asked before each stage;
    ``tell`` gets the id of the last run with what is left to record at the end, if there was a run.

    Raises:
        NotFound: a target that is nothing. InvalidInput: a file that cannot be read, a circle, outputs that overlap.
        Conflict: another command holds the repository.
    """
    began, lines = time.time_ns(), list[str]()

    def heard(text: str) -> None:
        lines.append(text)
        say(text)

    work = _Repro(repository, options, executor, heard, meter)
    work.ask = ask
    if open_remote is not None:
        work.open_remote, work.external = open_remote, ExternalDependencies(repository, open_remote)
        if options.pull or (options.pull is None and not options.dry and repository.settings.default_remote()):
            work.shared = SharedResults(repository, open_remote, heard, meter)
    with hold(repository):
        for brought in asides.recover(repository):
            say(told(brought, "was killed"))
    order = work.plan(targets)
    try:
        work.run(order)
    finally:
        if tell is not None and work.report.last_run:
            tell(work.report.last_run, work.report.rest(work.known))
    if not targets and options == Options(group=options.group) and all(r.status == UNCHANGED for r in work.results):
        witness.remember(repository, work.tree, [work.graph.stages[index] for index in order], lines, began)
    return work.results


def is_interrupted(result: StageResult) -> bool:
    """Whether somebody ended a stage's command."""
    return result.code in _INTERRUPTED


def told(brought: Brought, what: str) -> str:
    """A sentence about outputs that were brought back."""
    names = ", ".join(os.path.relpath(path) for path in brought.paths)
    rest = f" What its command had made lies in {os.path.relpath(brought.kept)} (madang undo)." if brought.kept else ""
    return f"The stage {brought.stage} {what}; as before: {names}.{rest}"


class _Repro:
    """One reproduction."""

    open_remote: OpenRemote | None = None
    shared: SharedResults | None = None
    external: LookExternal | None = None
    ask: Ask | None = None

    def __init__(
        self, repository: Repository, options: Options, executor: Executor, say: Say, meter: progress.Meter
    ) -> None:
        self.repository = repository
        self.options = options
        self.executor = executor
        self.say = say
        self.meter = meter
        self.results: list[StageResult] = []
        self.tree = Witness(WorkTree(repository), repository.root)
        self.lock = LockWriter()
        self.report = Report(repository.git_root or repository.root)
        self.graph = Graph(())
        self.known: dict[str, TrackedOut] = {}  # by path, with what they hold after their stage ran
        self._forced: set[int] = set()
        self._left_out: set[int] = set()
        self._waiting: list[int] = []
        self._under_way: dict[str, tuple[int, Execution]] = {}
        self._is_stopped = False

    def plan(self, targets: Sequence[str]) -> list[int]:
        """The stages that are looked at, in order."""
        self.graph, order = selecting.plan(self.repository, targets, self.options, self.tree)
        self.known = {out.path: out for stage in self.graph.stages for out in stage.outs}
        self._forced = set(order) if self.options.force else set()
        return order

    # -- the order of things --------------------------------------------------------------------------------------

    def run(self, order: Sequence[int]) -> None:
        """Look at each stage when those that it depends on are done."""
        self._waiting = list(order)
        self.report.plan(self.graph, order)
        try:
            while self._waiting or self._under_way:
                if not self._start() and self._under_way:
                    self._take(self.executor.wait())
        finally:
            if self._under_way:  # interrupted
                self.executor.close()
                for _, execution in self._under_way.values():
                    running.failed(self.repository, execution, wait=_LOCK_WAIT)

    def _start(self) -> bool:
        """Look at the next stage that can be looked at; False when there is none just now."""
        if self._is_stopped:
            self._waiting.clear()
        if len(self._under_way) >= self.executor.jobs:
            return False
        for index in self._waiting:
            if self._is_ready(index):
                self._waiting.remove(index)
                self._consider(index)
                return True
        return False

    def _is_ready(self, index: int) -> bool:
        if self.options.single_item:
            return not self._under_way
        open_ones = {*self._waiting, *(one for one, _ in self._under_way.values())}
        return open_ones.isdisjoint(self.graph.needs(index))

    def _consider(self, index: int) -> None:
        stage = self.graph.stages[index]
        if index in self._left_out:
            self.results.append(StageResult(stage, SKIPPED))
            self.report.found(stage, SKIPPED, None)
            return
        try:
            result = self._looked_at(index, stage)
        except MadangError as error:
            result = StageResult(stage, FAILED, error=error)
        except OSError as error:
            where = f" {os.fsdecode(error.filename)!r}" if error.filename else ""
            failure = StorageError(f"The system refused{where}: {error.strerror}.", hint="Check disk and permissions.")
            result = StageResult(stage, FAILED, error=failure)
        if result is not None:
            self._done(index, result)

    def _done(self, index: int, result: StageResult) -> None:
        self.results.append(result)
        if not result.run:
            self.report.found(result.stage, result.status, result.error)
        if result.status == FAILED:
            self._failed(index, result)
        elif self.options.force_downstream and (result.status != UNCHANGED or index in self._forced):
            self._forced.update(self.graph.downstream[index])

    def _failed(self, index: int, result: StageResult) -> None:
        if self.options.on_error == "fail" or is_interrupted(result):
            self._is_stopped = True
        elif self.options.on_error == "keep-going":
            dependents = self.graph.all_downstream([index]) - {index}
            self._left_out |= dependents
            names = ", ".join(self.graph.stages[one].address for one in sorted(dependents))
            if names:
                self.say(f"Left out, because {result.stage.address} failed: {names}.")

    # -- one stage ------------------------------------------------------------------------------------------------

    def _looked_at(self, index: int, stage: Stage) -> StageResult | None:
        """The result of a stage, or None when its command is under way now."""
        options, forced = self.options, index in self._forced
        if stage.frozen and not stage.is_import:
            self.say(f"{stage.address} is frozen. Its dependencies are not going to be reproduced.")
        state = StageState(stage) if forced else self._state(stage)
        if not forced:
            if not self._is_stale(state, missing_is_fine=options.allow_missing):
                self.say(f"{self._title(stage)} didn't change, skipping")
                return StageResult(stage, UNCHANGED)
            if self.shared is not None and self._only_lacks(state) and self.shared.bring_outputs(stage):
                return StageResult(stage, PULLED)
        if self.ask is not None and not self.ask(f"Going to reproduce {stage.address}. Are you sure?"):
            raise Refused("The reproduction was aborted by the user.", hint="What ran before is recorded.")
        if stage.cmd is None or stage.frozen:
            return self._verified(stage)
        return self._executed(stage, state, forced)

    def _only_lacks(self, state: StageState) -> bool:
        """Whether a stage lacks its outputs only, and they have to come from elsewhere (or are to, when so asked)."""
        if self._is_stale(state, missing_is_fine=True):
            return False
        return bool(self.options.pull) or state.stage.cmd is None or NOT_IN_CACHE in state.outs.values()

    def _title(self, stage: Stage) -> str:
        return f"Stage '{stage.address}'" if stage.name else f"'{stage.address}'"

    def _state(self, stage: Stage) -> StageState:
        found = states(self.repository, [Chosen(stage)], check_updates=False, external=self.external, meter=self.meter)
        return found[0] if found else StageState(stage)

    def _is_stale(self, state: StageState, *, missing_is_fine: bool) -> bool:
        """Whether a stage has to be reproduced. What is only absent may be fine."""
        stage = state.stage
        others = [what for what in state.other if not (stage.frozen and what == "always changed")]
        if others or state.skipped:
            return True
        for out in state.outs.values():
            if not (missing_is_fine and out in (NOT_IN_CACHE, DELETED)):
                return True
        written = {dep.path: dep for dep in stage.deps if is_local(dep.path)}
        gone = [path for path in written if not os.path.lexists(path)]
        absent = sum(value == DELETED for value in state.deps.values())
        if not missing_is_fine or absent != len(state.deps) or absent != len(gone):
            return bool(state.deps)
        return any(self._differs_above(path, written[path].recorded) for path in gone)

    def _differs_above(self, path: str, recorded: object) -> bool:
        """Whether whoever makes a path made something else than what the stage has read."""
        out = self.known.get(path)
        return out is not None and out.md5 != getattr(recorded, "md5", None)

    def _verified(self, stage: Stage) -> StageResult:
        """Record data that no command makes, or whose command is not to run."""
        if stage.is_import and not stage.frozen and self.open_remote is not None:
            self.say(f"Importing '{stage.address}' anew")
            if self.options.dry:
                return StageResult(stage, WOULD_RUN)
            restoring.import_anew(self.repository, stage, self.open_remote, self.meter)
            return StageResult(stage, PULLED, git_files=[stage.file])
        kind = "outputs in frozen stage" if stage.frozen else "data sources in"
        self.say(f"Verifying {kind} '{stage.address}'")
        if self.options.dry:
            return StageResult(stage, WOULD_RUN)
        files = restoring.verify(self.repository, stage, self.external, self.meter)
        return StageResult(stage, VERIFIED, git_files=files)

    def _executed(self, stage: Stage, state: StageState, forced: bool) -> StageResult | None:
        options = self.options
        if self.shared is not None and not options.dry and not forced:
            self.shared.bring_dependencies(stage, self.known)
        readable = not options.dry or self._is_readable(stage)
        read = inputs(self.repository, stage, self.external, self.meter) if readable else None
        if not forced and read is not None:
            found = restoring.find(self.repository, stage, state, read, run_cache=options.run_cache, shared=self.shared)
            if found is not None:
                self.say(f"Stage '{stage.address}' is cached - skipping run, checking out outputs")
                if options.dry:
                    return StageResult(stage, WOULD_RUN)
                done = restoring.restore(
                    self.repository, stage, read, found, self.lock, commit=options.commit, meter=self.meter
                )
                self._note(stage, {path: made.md5 for path, made in done.made.items()})
                return StageResult(stage, RESTORED, git_files=done.git_files, kept=done.kept)
        self.say(f"Running stage '{stage.address}':")
        for command in running.commands_of(stage.cmd or ""):
            self.say(f"> {command}")
        if options.dry or read is None:
            return StageResult(stage, WOULD_RUN)
        execution = running.begin(
            self.repository,
            stage,
            read,
            group=options.group,
            commit=options.commit,
            alone=self.executor.jobs > 1,
            known=self.known,
            unsaved=restoring.unsaved(self.repository, stage, self.meter),
        )
        execution.task = replace(execution.task, news=self.report.news(self.known))
        self._under_way[stage.address] = (self.graph.position(stage), execution)
        self.executor.submit(execution.task)
        return None

    def _is_readable(self, stage: Stage) -> bool:
        read = [*(dep.path for dep in stage.deps if is_local(dep.path)), *(one.path for one in stage.params)]
        return all(map(os.path.lexists, read))

    def _take(self, result: Result) -> None:
        """A command has ended: record it, or bring back what was before."""
        index, execution = self._under_way.pop(result.name)
        stage = execution.stage
        if not result.run:
            self.report.take_back(execution.task.news)
        self.report.last_run = result.run or self.report.last_run
        if result.code or result.error:
            done = running.failed(self.repository, execution, wait=_LOCK_WAIT)
            why = result.error or f"Its command ended with the exit code {result.code}."
            error = MadangError(f"The stage {stage.address} failed: {why}", hint=result.hint)
            self._done(index, StageResult(stage, FAILED, result.run, result.code, error, done.brought))
            return
        try:
            done = running.succeeded(
                self.repository, execution, result, self.lock, wait=_LOCK_WAIT, external=self.external, meter=self.meter
            )
        except MadangError as error:
            self._done(index, StageResult(stage, FAILED, result.run, error=error))
            return
        if done.wrote_lock:
            self.say(f"Updating lock file '{os.path.relpath(os.path.join(os.path.dirname(stage.file), 'dvc.lock'))}'")
        if done.changed:
            self.say(f"{', '.join(done.changed)} changed while {stage.address} ran: it will run again.")
        self._note(stage, {path: made.md5 for path, made in done.made.items()})
        self._done(index, StageResult(stage, RAN, result.run, kept=done.kept, git_files=done.git_files))

    def _note(self, stage: Stage, made: dict[str, str]) -> None:
        """Remember what outputs hold now."""
        for out in stage.outs:
            if out.path in made:
                self.known[out.path] = replace(out, entry=replace(out.entry, md5=made[out.path], hash_name="md5"))
