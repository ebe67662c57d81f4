"""One repetition of a run in a clean work tree: its environment, its command, its verdict, signed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from madang import wiring
from madang.cli import launching, verdicts
from madang.domain.launched import METRICS_TAG, MODELS_TAG, tagged_list
from madang.domain.pipelines import OUTS_TAG, outs_text
from madang.domain.reproduce import Judgement, cannot
from madang.domain.runs import RunRecord
from madang.errors import MadangError, NotFound, Refused
from madang.formats import store as layout
from madang.ports.reader import Reader
from madang.sdk.run import Run
from madang.services import reproduce as service
from madang.services.reproduce import Leniency
from madang.workspace import volatile
from madang.workspace.environments.building import Environments, kept_in
from madang.workspace.environments.choosing import Chosen, Mode, choose
from madang.workspace.process import Ended, find_program
from madang.workspace.reproduction.command import command_of, environment_of, inside, outside_script
from madang.workspace.reproduction.place import Place
from madang.workspace.reproduction.stages import StageData

Say = Callable[[str], None]
_NOT_PASSED_ON = ("MADANG_RUN_ID", "MADANG_LAUNCHED")


@dataclass
class Options:
    """What the user chose."""

    with_local: bool = False
    keep: bool = False
    quiet: bool = False
    env: Mode = "auto"
    leniency: Leniency = field(default_factory=Leniency)


@dataclass
class Outcome:
    """The verdict and the run that it is written on: the repetition or, where nothing ran, the attempt."""

    judgement: Judgement
    run: str = ""
    chosen: Chosen = field(default_factory=Chosen)
    notes: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)  # files that were taken as they are now
    kept: str = ""  # the work tree, when it was kept
    is_repeated: bool = True


def environment_for(run: RunRecord, root: str, options: Options, say: Say) -> Chosen:
    """The environment in which a run is repeated; what cannot be had of it is listed as missing."""
    env = environment_of(run, os.environ, root)
    try:
        return choose(run, env, options.env, Environments(kept_in(os.environ), say))
    except MadangError as error:
        return Chosen(missing=[error.message])


class Repetition:
    """A run that is repeated in a prepared work tree."""

    def __init__(
        self, reader: Reader, run: RunRecord, place: Place, places: layout.StorePaths, options: Options, say: Say
    ) -> None:
        self._reader = reader
        self._run = run
        self._place = place
        self._places = places
        self._options = options
        self._say = say
        self._chosen = Chosen()
        self._stage = StageData(run, places.root, place.root)

    def outcome(self) -> Outcome:
        """Find what the work tree, the environment and the command lack; with nothing missing, repeat and judge.

        Raises:
            StorageError: the store cannot be written.
        """
        try:
            return self._outcome()
        finally:
            self._stage.close()

    def _outcome(self) -> Outcome:
        run, root = self._run, self._place.root
        chosen = self._chosen = environment_for(run, root, self._options, self._say)
        command, folder = command_of(run, root, chosen.python)
        env = environment_of(run, os.environ, root, chosen.python) | self._stage.variables()
        missing = [*self._place.missing, *chosen.missing]
        missing += _no_script(run)
        if not chosen.missing:
            missing += _no_program(command, folder, env)
        if missing:
            return self._told(cannot(missing))
        try:
            job = self._contained(self._job(command, folder, env))
        except Refused as error:
            return self._told(service.refusal(error))
        self._stage.clear()
        self._say(f"Running {shlex.join(run.command)}")
        verdicts: list[Judgement] = []

        def judge(repetition: Run, ended: Ended) -> None:
            """Compare while the repetition can still be written to, so that the verdict goes where the run goes."""
            verdicts.append(self._judged(repetition, ended))

        done = launching.launch(job, self._say, lambda *_: None, judge)
        return self._told(verdicts[0], done.run)

    def _told(self, judgement: Judgement, run: str = "") -> Outcome:
        return Outcome(judgement, run, self._chosen, self._chosen.notes, self._place.local)

    def _judged(self, repetition: Run, ended: Ended) -> Judgement:
        """The verdict, which is written to the repetition with its signature."""
        made = self._stage.made()
        if made:
            repetition.set_tags({OUTS_TAG: outs_text(made)})
        own = wiring.local_reader(store=self._places.store)
        try:
            again = replace(own.run(repetition.id), status=ended.status, exit_code=ended.exit_code, signal=ended.signal)
            found = self._compared(own, again)
            found.compared["environment differences"] = len(self._chosen.differences)
            around = verdicts.circumstances(self._chosen, self._place.local, self._options.leniency)
            verdicts.write(repetition, (self._reader, self._run), (own, again), found, around, self._say)
        finally:
            own.close()
        return found

    def _compared(self, own: Reader, again: RunRecord) -> Judgement:
        local, leniency = len(self._place.local), self._options.leniency
        try:
            return service.compare(
                self._reader, self._run, own, again, volatile.digest, local=local, data=self._stage, leniency=leniency
            )
        except MadangError as error:
            return service.refusal(error)

    def _contained(self, job: launching.Job) -> launching.Job:
        """The job, if what it is to read after the command lies in the work tree: its record may be anybody's.

        Raises:
            Refused: a path of the record leads elsewhere.
        """
        run, root = self._run, self._place.root
        return replace(
            job,
            metrics=[inside(run, path, job.folder, root) for path in job.metrics],
            models=[(inside(run, path, job.folder, root), name) for path, name in job.models],
        )

    def _job(self, command: list[str], folder: str, env: dict[str, str]) -> launching.Job:
        run, root = self._run, self._place.root
        places = layout.StorePaths(root, self._places.git_common_dir, self._places.store)
        return replace(
            job_again(run, command, folder, env | {"MADANG_REPRODUCES": run.id}, places, quiet=self._options.quiet),
            name=f"reproduce {run.name}",
            tags={service.TAG: run.id},
            outputs=[
                os.path.relpath(os.path.join(root, item.path), folder)
                for item in run.outputs
                if not service.is_outside(item.path)
            ],
            models=[(path, name) for path, name in tagged_list(run.tags.get(MODELS_TAG))],
            job_type=verdicts.JOB,
        )


def _no_script(run: RunRecord) -> list[str]:
    """A script outside of the work tree can be had only as long as it lies there unchanged."""
    path = outside_script(run)
    if not path:
        return []
    began = run.process_started or run.created_at
    if not os.path.isfile(path):
        return [f"the script {path}: it lay outside of the work tree, and is not there any more"]
    if os.stat(path).st_mtime_ns // 1000 > began:
        return [f"the script {path} as it was: it lies outside of the work tree, and was changed since"]
    return []


def _no_program(command: list[str], folder: str, env: dict[str, str]) -> list[str]:
    try:
        find_program(command[0], folder, env.get("PATH"))
    except (NotFound, Refused) as error:
        return [f"the command: {error.message}"]
    return []


def job_again(
    run: RunRecord, command: list[str], folder: str, env: Mapping[str, str], places: layout.StorePaths, *, quiet: bool
) -> launching.Job:
    """The job that runs a recorded command again, in the work tree that ``places`` names."""
    return launching.Job(
        command=command,
        folder=folder,
        places=places,
        project=run.project,
        params=dict(run.config),
        metrics=tagged_list(run.tags.get(METRICS_TAG)),
        env={name: text for name, text in env.items() if name not in _NOT_PASSED_ON},
        quiet=quiet,
        alone=True,
        collect=any(segment.writer == "launcher" for segment in run.segments),
        strict=False,
        versions=False,
    )
