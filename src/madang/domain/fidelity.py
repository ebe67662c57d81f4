"""Whether what was carried from one tracker to another is the same on both sides: counts, hashes, what is missing."""

from __future__ import annotations

import json
import struct
from _blake2 import blake2b
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from madang.domain.foreign import Experiment, LeftOut, Model, Point, Run
from madang.domain.values import mutable

_MODULUS = 1 << 256
_NOT_A_NUMBER = float("nan")
_POINT = struct.Struct(">qqd")


@mutable
class Tally:
    """Counts and hashes of contents by kind. A hash is a sum over the things, so their order does not matter."""

    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, count: int, *content: Any) -> None:
        """Take in ``count`` things of a kind with this content: bytes, or what JSON can hold."""
        if not count:
            return
        made = blake2b(digest_size=32)
        for item in content:
            data = item if isinstance(item, bytes) else _text(item)
            made.update(len(data).to_bytes(8, "big") + data)
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.sums[kind] = (self.sums.get(kind, 0) + int.from_bytes(made.digest(), "big")) % _MODULUS

    def merge(self, other: Tally) -> None:
        """Take in all that another one has."""
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.sums[kind] = (self.sums.get(kind, 0) + other.sums[kind]) % _MODULUS

    def digest(self, kind: str) -> str:
        """The hash over the contents of a kind; empty without any."""
        return f"{self.sums[kind]:064x}" if kind in self.sums else ""


@mutable
class Report:
    """What an import or export has done. ``there`` is the source, ``here`` what can be read of it in the target."""

    source: str
    target: str
    there: Tally = field(default_factory=Tally)
    here: Tally = field(default_factory=Tally)
    left_out: list[LeftOut] = field(default_factory=list)
    changed: list[LeftOut] = field(default_factory=list)  # carried, but under another number or name
    new: dict[str, int] = field(default_factory=dict)  # by kind, how many things this time has brought
    dry: bool = False

    @property
    def kinds(self) -> list[str]:
        """The kinds of things that there are, in the order in which they were met."""
        return list(dict.fromkeys([*self.there.counts, *self.here.counts]))

    @property
    def same(self) -> bool:
        """Whether all that was read of the source has the same content in the target."""
        return all(self.is_same(kind) for kind in self.kinds)

    def is_same(self, kind: str) -> bool:
        """Whether one kind of things is the same on both sides."""
        counts = self.there.counts.get(kind, 0), self.here.counts.get(kind, 0)
        return counts[0] == counts[1] and self.there.digest(kind) == self.here.digest(kind)

    @property
    def ok(self) -> bool:
        """Whether nothing of the source is missing."""
        return not self.left_out and (self.dry or self.same)

    def count_new(self, kind: str, count: int = 1) -> None:
        """Note things that were not in the target before."""
        if count:
            self.new[kind] = self.new.get(kind, 0) + count


def tally_experiment(experiment: Experiment) -> Tally:
    """What counts of an experiment. Its number may change on the way."""
    made = Tally()
    made.add("experiments", 1, experiment.name, experiment.is_deleted)
    for key, text in experiment.tags.items():
        made.add("experiment tags", 1, experiment.name, key, text)
    return made


def tally_run(run: Run, home: str) -> Tally:
    """What counts of a run, or of a logged model, in the experiment called ``home``."""
    made = Tally()
    what = run.kind
    made.add(
        what, 1, run.id, home, run.name, run.status, run.started_at, run.ended_at, run.user, run.is_deleted, run.parent,
        run.notes, run.job_type, run.group,
    )  # fmt: skip
    for kind, texts in (("params", run.params), ("tags", run.tags)):
        made.add(kind, len(texts), run.id, sorted(texts.items()))
    for key, points in run.metrics.items():
        packed = packed_points(points)
        made.add("metrics", 1, run.id, key)
        made.add("points", len(packed), run.id, key, b"".join(packed))
    _tally_details(made, run)
    for item in run.datasets:
        made.add(
            "datasets", 1, run.id, item.name, item.digest, item.source_type, item.source, item.schema, item.profile,
            sorted(item.tags.items()),
        )  # fmt: skip
    made.add("links to models", len(run.inputs) + len(run.outputs), run.id, sorted(run.inputs),
             sorted(run.outputs.items()))  # fmt: skip
    for file in run.files:
        made.add("files", 1, run.id, file.path, file.size, file.digest)
        made.add("bytes of files", max(file.size, 0), run.id, file.path, file.digest)
    return made


def _tally_details(made: Tally, run: Run) -> None:
    told = run.details
    if told.host or told.command or told.exit_code is not None or told.forked_from:
        origin = [told.forked_from.run, told.forked_from.step] if told.forked_from else []
        made.add("hosts and ends", 1, run.id, told.host, told.command, told.exit_code, origin)
    summary = sorted((key, _told(item)) for key, item in told.summary.items())
    made.add("summary values", len(told.summary), run.id, summary)
    for key, item in told.definitions.items():
        made.add("definitions of metrics", 1, run.id, key, item.goal, item.summary, item.step_metric)
    made.add("console lines", len(told.console), run.id, [[line.n, line.stream, line.text] for line in told.console])
    for alert in told.alerts:
        made.add("alerts", 1, run.id, alert.title, alert.text, alert.level)
    if told.code:
        made.add("commits", 1, run.id, told.code.commit, told.code.remote, told.code.entry)
    if told.environment:
        made.add("environments", 1, run.id, told.environment.python, sorted(map(list, told.environment.packages)))


def _told(item: Any) -> str:
    """A value as JSON writes it, whatever the order of its keys."""
    return json.dumps(item, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def tally_model(model: Model) -> Tally:
    """What counts of a registered model and its versions. Where files lie changes on the way."""
    made = Tally()
    made.add("models", 1, model.name, model.description, sorted(model.tags.items()), model.created_at)
    for alias, number in model.aliases.items():
        made.add("aliases", 1, model.name, alias, number)
    for item in model.versions:
        made.add(
            "versions", 1, model.name, item.number, item.run, item.model, item.run_link, item.description,
            sorted(item.tags.items()), item.created_at, item.updated_at,
        )  # fmt: skip
        if item.stage:
            made.add("stages", 1, model.name, item.number, item.stage)
    return made


def packed_points(points: Iterable[Point]) -> list[bytes]:
    """Points as bytes, each one once, in an order that depends on them alone."""
    pack = _POINT.pack
    try:
        return sorted({pack(step, time, item if item == item else _NOT_A_NUMBER) for step, time, item in points})
    except (struct.error, OverflowError):
        return sorted({_packed_point(*point) for point in points})


def _packed_point(step: int, time: int, item: Any) -> bytes:
    """A point of any value. A number that a float holds is written as one, so that 1 and 1.0 are the same."""
    if isinstance(item, int | float) and not isinstance(item, bool) and (item != item or float(item) == item):
        return _POINT.pack(step, time, item if item == item else _NOT_A_NUMBER)
    return _POINT.pack(step, time, 0.0) + _told(item).encode()


def differing(one: Tally, other: Tally) -> list[str]:
    """The kinds of which two tallies say something different."""
    kinds = dict.fromkeys([*one.counts, *other.counts])
    return [
        kind for kind in kinds
        if one.counts.get(kind) != other.counts.get(kind) or one.digest(kind) != other.digest(kind)
    ]  # fmt: skip


def _text(item: Any) -> bytes:
    return json.dumps(item, ensure_ascii=True, separators=(",", ":")).encode()
