"""Summaries of metrics: the rows that searches and lists read."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from madang.backends.records.database import Database, Row
from madang.backends.records.names import Names, given_name
from madang.backends.records.segments import NUMBER
from madang.domain.metrics import MetricSummary, definition_of
from madang.domain.runs import RunRecord, record
from madang.domain.series import SeriesKind, kind_of
from madang.formats.journal import from_json
from madang.formats.segment import to_json
from madang.ports.records import MetricKey, StoredRun

_GOALS = {"": 0, "min": 1, "max": 2}
_KINDS: tuple[SeriesKind, ...] = ("float", "int", "bool", "text", "media", "mixed")  # their places are stored
_INT = 1
_EXACT = 1 << 53
_LONGEST_WORDS = 1000


MADE = "made"  # of what a transaction has met: the run that it made last
_COUNTS = "counts"  # of runs with a metric, by project and name, that a transaction has changed
_FEW = 1000  # names of a run that are counted with those of others
_LOGGED = "logged"  # of what a transaction has met: the metrics of a run that have points


class SqlMetrics:
    """The part of `ports.records.RunRecords` that is about metrics."""

    def __init__(self, database: Database, names: Names) -> None:
        self._db = database
        self._names = names

    def metrics(
        self, numbers: Sequence[int], keys: Collection[str] | None, limit: int, start: int = 0
    ) -> dict[int, dict[str, MetricSummary]]:
        """See `RunRecords.metrics`."""
        found: dict[int, dict[str, MetricSummary]] = {number: {} for number in numbers}
        for runs, names in self._reads(numbers, keys, slice(start, start + limit)):
            for row in self._db.rows("get_named_metrics", names=names, runs=runs):
                found[row[0]][given_name(row[1])] = _summary(row)
        if len(numbers) == 1:
            self._db.scratch[_LOGGED, numbers[0]] = set(found[numbers[0]])
        return found

    def _reads(
        self, numbers: Sequence[int], keys: Collection[str] | None, part: slice
    ) -> Iterator[tuple[list[int], list[int]]]:
        """(runs, names) to read together: all at once where the runs have the same names, else run by run."""
        if keys is not None:
            yield list(numbers), sorted(self._names.numbers(list(keys)).values())
            return
        lists = {run: names[part] for run, names in self._listed(numbers).items()}
        union = set().union(*lists.values())
        if len(union) <= 2 * max(map(len, lists.values()), default=0):
            yield list(numbers), sorted(union)
        else:
            yield from (([run], names) for run, names in lists.items())

    def _listed(self, numbers: Sequence[int]) -> dict[int, list[int]]:
        """The names' numbers of each run's metrics."""
        rows = self._db.rows("metrics_of_runs", runs=list(numbers))
        return {int(run): msgspec.msgpack.decode(names, type=list[int]) for run, names in rows}

    def _list(self, run: int, names: list[int]) -> None:
        self._db.run("put_metrics_of_run", run=run, metrics=msgspec.msgpack.encode(names))

    def put_metrics(self, stored: StoredRun, summaries: Mapping[str, MetricSummary], *, replace: bool = False) -> None:
        """Store summaries of a run."""
        with self._db.transaction():
            names = self._names.numbers(summaries, create=True)
            known = self._db.scratch.get((_LOGGED, stored.number), set())
            if not replace and known.issuperset(summaries):  # nothing is new to the lists
                listed: list[int] = []
                counted = set(names.values())
            else:
                is_made_now = self._db.scratch.pop(MADE, 0) == stored.number and not stored.state.summary
                listed = [] if is_made_now else self._listed([stored.number])[stored.number]
                counted = self._counted(stored, listed)
            segments = self._segments(stored.number, {summary.last_at[2] for summary in summaries.values()})
            definitions = {key: item for key, (_, item) in stored.state.definitions.items()}
            new: dict[int, int] = {}  # kinds by name

            def rows() -> Iterator[dict[str, Any]]:
                for key, summary in summaries.items():
                    goal = _GOALS.get(definition_of(key, definitions).goal, 0) if definitions else 0
                    row = _row(stored.number, names[key], summary, segments, goal)
                    if row["name"] not in counted:
                        new[row["name"]] = row["kind"]
                    yield row

            self._db.many("put_metric", rows())
            if new:
                self._count(stored.state.project, new, 1)
                self._list(stored.number, [name for name in listed if name not in new] + sorted(new))
            if replace:
                self._drop(stored, counted - set(names.values()))

    def _count(self, project: str, kinds: Mapping[int, int], runs: int) -> None:
        """So many more runs of a project have metrics with these names: told once, as the transaction ends."""
        if len(kinds) > _FEW:
            self._tell_counts(((project, name), [kind, runs]) for name, kind in kinds.items())
            return
        counts: dict[tuple[str, int], list[int]] | None = self._db.scratch.get(_COUNTS)
        if counts is None:
            counts = self._db.scratch[_COUNTS] = {}
            self._db.before_commit(lambda: self._tell_counts(sorted(counts.items())))
        for name, kind in kinds.items():
            counts.setdefault((project, name), [kind, 0])[1] += runs

    def _tell_counts(self, counts: Iterable[tuple[tuple[str, int], list[int]]]) -> None:
        self._db.many(
            "count_project_metric",
            (
                {"project": project, "name": name, "kind": kind, "runs": runs}
                for (project, name), (kind, runs) in counts
                if runs
            ),
        )

    def _segments(self, run: int, wanted: Collection[str]) -> dict[str, int]:
        """Numbers of segments."""
        known = self._db.scratch
        found = {segment: known[NUMBER, run, segment] for segment in wanted if (NUMBER, run, segment) in known}
        if len(found) < len(wanted):
            found = {bytes(row[1]).hex(): int(row[2]) for row in self._db.rows("segments_of_run", run=run)}
        return found

    def _counted(self, stored: StoredRun, listed: list[int]) -> set[int]:
        """The listed names that have points: others were only set by hand, and the project does not count them."""
        if not listed or not stored.state.summary:
            return set(listed)
        rows = self._db.rows("logged_metrics", run=stored.number, names=listed)
        return {int(name) for (name,) in rows}

    def _drop(self, stored: StoredRun, gone: set[int]) -> None:
        self._db.scratch.pop((_LOGGED, stored.number), None)
        if gone:
            self._db.run("drop_metrics", run=stored.number, names=sorted(gone))
            self._list(
                stored.number, [name for name in self._listed([stored.number])[stored.number] if name not in gone]
            )
            self._count(stored.state.project, dict.fromkeys(gone, 0), -1)
            self.put_hands(stored, record(stored.state, stored.overrides))  # their values went with the rows

    def put_goals(self, stored: StoredRun) -> None:
        """After a definition: which extreme of each metric is the best one."""
        definitions = {key: item for key, (_, item) in stored.state.definitions.items()}
        names = self._names.names(self._listed([stored.number])[stored.number])
        self._db.many(
            "put_goal",
            [
                {"goal": _GOALS.get(definition_of(name, definitions).goal, 0), "name": number, "run": stored.number}
                for number, name in names.items()
            ],
        )

    def put_hands(self, stored: StoredRun, made: RunRecord) -> None:
        """After a summary value was set by hand: searches see it in place of the last logged one."""
        run = stored.number
        listed = self._listed([run])[run]
        if listed:
            self._db.run("drop_hands", run=run, names=listed)
        if made.summary:
            numbers = self._names.numbers(made.summary, create=True)
            rows: list[dict[str, Any]] = []
            for key, value in made.summary.items():
                number, words = _searchable(value)
                rows.append({"name": numbers[key], "run": run, "goal": 0, "hand": number, "words": words})
            self._db.many("put_hand", rows)
            self._list(run, listed + sorted(set(numbers.values()) - set(listed)))

    def metric_keys(self, project: str, runs: Sequence[int] | None, contains: str, limit: int) -> list[MetricKey]:
        """Metric names of a project or of some of its runs."""
        rows = self._db.rows("metric_keys_of_project", project=project)
        if runs is not None:
            counts = Counter(number for names in self._listed(runs).values() for number in names)
            rows = [(number, name, kind, counts[number]) for number, name, kind, _ in rows if counts[number]]
        rows = [(number, given_name(name), kind, count) for number, name, kind, count in rows]
        wanted = contains.casefold()
        found = (
            MetricKey(name, _KINDS[kind], int(count)) for _, name, kind, count in rows if wanted in name.casefold()
        )
        return list(islice(found, limit))


def _searchable(value: Any) -> tuple[float | None, str | None]:
    if type(value) is float:
        return (value, None) if value == value else (None, None)
    if isinstance(value, str):
        return None, value[:_LONGEST_WORDS].replace("\x00", "␀")
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return (float(value), None) if isinstance(value, bool) else (None, None)
    try:
        return float(value), None
    except OverflowError:
        return (float("inf") if value > 0 else float("-inf")), None


def _row(run: int, name: int, summary: MetricSummary, segments: Mapping[str, int], goal: int) -> dict[str, Any]:
    last, low, high = summary.last, summary.min, summary.max
    kind, words, exact = 0, None, None
    if not (type(last) is type(low) is type(high) is float and last == last):
        kind = _KINDS.index(kind_of(last))
        exact = None if _plain(kind, summary) else _pack([last, low, high])
        last, words = _searchable(last)
        low, high = _searchable(low)[0], _searchable(high)[0]
    return {
        "run": run,
        "name": name,
        "kind": kind,
        "goal": goal,
        "count": summary.count,
        "last": last,
        "words": words,
        "low": low,
        "high": high,
        "numbers": summary.numbers,
        "total": summary.total if summary.total == summary.total else None,
        "last_step": summary.last_at[0],
        "last_time": summary.last_at[1],
        "last_segment": segments.get(summary.last_at[2], 0),
        "last_sequence": summary.last_at[3],
        "low_step": summary.min_step,
        "high_step": summary.max_step,
        "rest": struct.pack(f"<{len(summary.rest)}d", *summary.rest) if summary.rest else None,
        "exact": exact,
    }


def _plain(kind: int, summary: MetricSummary) -> bool:
    """Whether the three number columns hold last, minimum and maximum of integers exactly."""
    values = (summary.last, summary.min, summary.max)
    return kind == _INT and all(type(value) is int and -_EXACT <= value <= _EXACT for value in values)


def _pack(values: list[Any]) -> bytes:
    return msgspec.msgpack.encode(to_json(values))


def _summary(row: Row) -> MetricSummary:
    kind, count, last, low, high, numbers, total, step, time, segment, sequence, low_step, high_step = row[2:15]
    exact, rest = row[15:]
    if exact is not None:
        last, low, high = from_json(msgspec.msgpack.decode(exact))
    elif kind == _INT:
        last, low, high = int(last), int(low), int(high)
    return MetricSummary(
        count,
        last,
        (step, time, bytes(segment).hex() if segment else "", sequence),
        low,
        low_step,
        high,
        high_step,
        numbers,
        float("nan") if total is None else total,
        struct.unpack(f"<{len(rest) // 8}d", rest) if rest else (),
    )
