"""Runs of mixed variants, for `madang why --rerun`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from madang import wiring
from madang.cli import launching
from madang.cli.repeating import job_again
from madang.domain.causes import Pair
from madang.domain.query import AllOf, Compare, Field, RunQuery
from madang.domain.runs import RunRecord
from madang.domain.shares import Measured, Mix
from madang.errors import MadangError, NotFound
from madang.formats import store as layout
from madang.ports.reader import Reader
from madang.services.comparing import why
from madang.services.comparing.why import VARIANT
from madang.workspace.mixing import Mixture
from madang.workspace.reproduction.command import command_of, environment_of
from madang.workspace.reproduction.stages import StageData

Say = Callable[[str], None]
_OF_CHANCE = 6  # runs of each variant, where repeated runs differ


class Bench:
    """Runs variants, each once unless repeated runs differ; those that ran before are found again."""

    def __init__(
        self, pair: Pair, mixture: Mixture, places: layout.StorePaths, folder: str, times: int, say: Say, *, quiet: bool
    ) -> None:
        self.values: dict[Mix, list[float]] = {}
        self.notes: list[str] = []
        self._pair, self._mixture, self._places = pair, mixture, places
        self._folder, self._say, self._quiet = folder, say, quiet
        self._repeats = times

    def measure(self, mix: Mix) -> Measured | None:
        """The metric of a variant; None when it does not run to its end or has no such metric."""
        if mix not in self.values:
            self.values[mix] = self._several(mix, 0)
            if len(self.values) == 2:
                self._settle()
        found = self.values[mix]
        return Measured(tuple(found)) if found else None

    def _several(self, mix: Mix, begin: int) -> list[float]:
        found = (self._one(mix, number) for number in range(begin, self._repeats))
        return [value for value in found if value is not None]

    def _settle(self) -> None:
        """Both ends have run: when each came out the same every time, so will what lies between them."""
        if all(is_steady(values) for values in self.values.values()):
            self._repeats = 1
            return
        self._repeats = max(self._repeats, _OF_CHANCE)
        for mix, values in self.values.items():
            if values:
                values += self._several(mix, len(values))

    def _one(self, mix: Mix, number: int) -> float | None:
        name = f"{self._pair.before.id[:12]}..{self._pair.after.id[:12]}:{','.join(sorted(mix))}#{number}"
        reader = wiring.local_reader(store=self._places.store)
        try:
            known = self._known(reader, name)
            if known is None:
                known = self._launched(mix, name, reader)
            if known is None or known.status != "finished":
                return None
            return why.number_of(known, self._pair.metric)
        except NotFound:
            return None
        finally:
            reader.close()

    def _known(self, reader: Reader, name: str) -> RunRecord | None:
        fits = (Compare(Field("tags", VARIANT), "=", name), Compare(Field("attributes", "status"), "=", "finished"))
        page = reader.runs(RunQuery(None, AllOf(fits), limit=1, keys=()))
        return reader.run(page.runs[0].id) if page.runs else None

    def _launched(self, mix: Mix, name: str, reader: Reader) -> RunRecord | None:
        """Run the steps of a variant one after the other, in a work tree of their own; the run of the last."""
        tree = os.path.basename(self._mixture.roots[0])
        root = os.path.join(self._folder, "variants", os.urandom(4).hex(), tree)
        done: RunRecord | None = None
        records = self._mixture.make(mix, root)
        for number, record in enumerate(records):
            is_last = number == len(records) - 1
            done = self._step(record, mix, root, name if is_last else f"{name}/{number}", reader)
            if done is None or (done.status != "finished" and not is_last):
                return None
        return done

    def _step(self, record: RunRecord, mix: Mix, root: str, name: str, reader: Reader) -> RunRecord | None:
        python = record.executable if os.access(record.executable, os.X_OK) else ""
        command, folder = command_of(record, root, python)
        stage = StageData(record, self._places.root, root)
        env = environment_of(record, os.environ, root, python) | stage.variables()
        stage.clear()
        stage.close()
        title = f"{', '.join(sorted(mix)) or 'nothing'} of {self._pair.after.name or self._pair.after.id[:8]}"
        self._say(f"Running with {title}: {shlex.join(record.command)}")
        places = layout.StorePaths(root, self._places.git_common_dir, self._places.store)
        job = replace(
            job_again(record, command, folder, env, places, quiet=self._quiet),
            project=self._pair.after.project,
            name=f"why: {title}",
            tags={VARIANT: name},
            job_type="variant",
        )
        try:
            done = launching.launch(job, self._say, lambda *_: None)
        except MadangError as error:
            self.notes.append(f"With {title} it cannot be started: {error.message}")
            return None
        if done.ended.code:
            self.notes.append(f"With {title} it fails (exit code {done.ended.code}, run {done.run[:8]}).")
        return reader.run(done.run)


def is_steady(values: Sequence[float]) -> bool:
    """Whether repeated runs came out the same."""
    return not values or Measured(tuple(values)).is_steady
