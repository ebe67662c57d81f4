"""Search: reading runs, metrics, history and console. Every reader first takes in what segments hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from madang.domain.access import Permission, Principal
from madang.domain.metrics import MetricSummary
from madang.domain.pages import ChangedPage, ConsolePage, NewPoints, RunPage
from madang.domain.query import RunQuery
from madang.domain.runs import RunRecord, record
from madang.domain.series import ConsoleLine, Series, sample
from madang.errors import Conflict, InvalidInput, NotFound
from madang.ports.records import MetricKey, Project, Records, StoredRun
from madang.services.history import ConsoleBySegment
from madang.services.tracking import Tracking

ProjectRecord = Project
_KEYS_A_RUN = 200
_MOST_RUNS = 10_000


class Search:
    """The reading side of runs. Thread-safe."""

    def __init__(self, records: Records, tracking: Tracking) -> None:
        self._records = records
        self._tracking = tracking
        self._history = tracking.history

    def projects(self, who: Principal) -> list[ProjectRecord]:
        """The projects that the caller may read, by newest activity."""
        self._tracking.catch_up()
        return [item for item in self._records.runs.projects() if who.level(item.name) >= Permission.READ]

    def runs(self, who: Principal, query: RunQuery) -> RunPage:
        """Runs that fit a query, of the projects the caller may read; metrics are filled in for ``query.keys``.

        Raises:
            NotFound: a named project does not exist for the caller.
            InvalidInput: the cursor, the limit or a field makes no sense.
        """
        if not 0 < query.limit <= _MOST_RUNS:
            raise InvalidInput(f"The limit {query.limit} is not between 1 and {_MOST_RUNS}.")
        self._tracking.catch_up()
        query = replace(query, projects=self._readable(who, query.projects))
        found = self._records.runs.search(query)
        metrics = self._records.runs.metrics([item.number for item in found.runs], query.keys, _KEYS_A_RUN)
        written = self._records.versions.of_runs([item.state.run for item in found.runs])
        runs = [self._record(item, metrics[item.number], written) for item in found.runs]
        return RunPage(runs, found.next, found.total)

    def run(self, who: Principal, text: str) -> RunRecord:
        """One run by its id, the unique beginning of it, or its unique name, with all its metrics.

        Raises:
            NotFound: no run that the caller may read fits.
            Conflict: several fit.
        """
        stored = self._resolve(who, text)
        metrics = self._records.runs.metrics([stored.number], None, 1 << 40)[stored.number]
        return self._record(stored, metrics, self._records.versions.of_runs([stored.state.run]))

    def metric_keys(
        self, who: Principal, project: str, runs: Sequence[str] | None = None, contains: str = "", limit: int = 1000
    ) -> list[MetricKey]:
        """Metric names of a project, or of some of its runs."""
        self._tracking.catch_up()
        if who.level(project) < Permission.READ:
            raise NotFound(f"There is no project {project!r}.")
        numbers = None
        if runs is not None:
            found = self._records.runs.fetch(runs)
            numbers = [item.number for item in found if item.state.project == project]
        return self._records.runs.metric_keys(project, numbers, contains, limit)

    def history(
        self,
        who: Principal,
        runs: Sequence[str],
        keys: Sequence[str] | None,
        *,
        samples: int | None = None,
        min_step: int | None = None,
        max_step: int | None = None,
        since: int = 0,
    ) -> dict[str, dict[str, Series]]:
        """Series by run and key; ``since`` leaves out points logged at or before that time (µs UTC).

        Raises:
            NotFound: a run does not exist for the caller.
        """
        self._tracking.catch_up(runs)
        found: dict[str, dict[str, Series]] = {}
        for run in dict.fromkeys(runs):
            stored = self._stored(who, run)
            series = self._history.series(stored, keys, min_step, max_step)
            found[run] = {key: sample(_newer(item, since), samples) for key, item in series.items()}
        return found

    def console(self, who: Principal, run: str, after: int = 0, limit: int = 1000, tail: bool = False) -> ConsolePage:
        """Console lines with a number over ``after``: the first ``limit`` of them, or with ``tail`` the last."""
        stored = self._resolve(who, run)
        lines = self._lines(stored)
        chosen = [line for line in lines if line.n > after]
        chosen = chosen[-limit:] if tail else chosen[:limit]
        return ConsolePage(chosen, lines[-1].n if lines else 0, len(lines))

    def revision(self, projects: Collection[str] | None = None) -> int:
        """The store's newest revision (of these projects): it grows with each piece of a segment and each change."""
        return self._records.runs.revision(projects)

    def changed(self, who: Principal, since: int, project: str | None = None, limit: int = 1000) -> ChangedPage:
        """Runs touched after a revision, oldest first; go on from the revision of the answer until it has no runs."""
        projects = self._readable(who, None if project is None else (project,))
        return ChangedPage(*self._records.runs.changed(since, projects, limit))

    def new_points(self, who: Principal, run: str, cursor: str = "") -> NewPoints:
        """What a run has logged since ``cursor`` was given; all of it with an empty one.

        Raises:
            InvalidInput: the cursor is not one of this run.
        """
        self._tracking.catch_up([run])
        stored = self._stored(who, run)
        after = _read_cursor(cursor)
        news = self._history.news(stored, after)
        return NewPoints(_write_cursor(news.reached), news.series, self._numbered(stored, news.console))

    def _lines(self, stored: StoredRun) -> list[ConsoleLine]:
        return self._numbered(stored, self._history.console(stored))

    def _numbered(self, stored: StoredRun, found: ConsoleBySegment) -> list[ConsoleLine]:
        """Lines numbered over the whole run: writer after writer, in the order in which they began."""
        if not found:
            return []
        lines, base, state = [], 0, stored.state
        lasts = self._history.last_lines(stored) if len(state.segments) > 1 else {}
        for segment in sorted(state.segments, key=lambda item: (state.segments[item].began, item)):
            for n, (stamp, line) in sorted(found.get(segment, {}).items()):
                lines.append(ConsoleLine(base + n, line.stream, stamp.time, line.text))
            base += lasts.get(segment, 0)
        return lines

    def _readable(self, who: Principal, projects: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if projects is None:
            if who.everywhere >= Permission.READ:
                return None
            return tuple(name for name, level in who.projects.items() if level >= Permission.READ)
        for name in projects:
            if who.level(name) < Permission.READ:
                raise NotFound(f"There is no project {name!r}.")
        return projects

    def _resolve(self, who: Principal, text: str) -> StoredRun:
        whole = len(text) == 32 and not set(text) - set("0123456789abcdef")
        self._tracking.catch_up([text] if whole else None)
        found = [run for run, project in self._records.runs.find(text) if who.level(project) >= Permission.READ]
        if not found:
            raise NotFound(f"There is no run {text[:80]!r}.", hint="List runs with `madang runs`.")
        if len(found) > 1:
            raise Conflict(
                f"{text[:80]!r} may mean {len(found)} runs: {', '.join(run[:12] for run in found[:5])}.",
                hint="Use more of the id.",
            )
        return self._stored(who, found[0])

    def _stored(self, who: Principal, run: str) -> StoredRun:
        stored = self._records.runs.get(run)
        if stored is None or who.level(stored.state.project) < Permission.READ:
            raise NotFound(f"There is no run {run[:80]!r}.", hint="List runs with `madang runs`.")
        return stored

    def _record(
        self, stored: StoredRun, metrics: Mapping[str, MetricSummary], written: Mapping[str, list[str]]
    ) -> RunRecord:
        made = record(stored.state, stored.overrides, metrics)
        versions = written.get(made.id, [])
        if not versions and not stored.damage:
            return made
        damage = [f"{segment}: {reason}" for segment, reason in stored.damage.items()]
        return replace(made, versions=versions, damage=damage)


def _newer(series: Series, since: int) -> Series:
    if not since:
        return series
    kept = [index for index, time in enumerate(series.times) if time > since]
    return replace(
        series,
        steps=[series.steps[index] for index in kept],
        times=[series.times[index] for index in kept],
        values=[series.values[index] for index in kept],
        total=len(kept),
    )


def _write_cursor(reached: dict[str, int]) -> str:
    return ",".join(f"{segment}:{sequence}" for segment, sequence in sorted(reached.items()))


def _read_cursor(cursor: str) -> dict[str, int]:
    try:
        pairs = (part.split(":") for part in cursor.split(",") if part)
        return {segment: int(sequence) for segment, sequence in pairs}
    except ValueError:
        raise InvalidInput("The cursor does not belong to this run.", hint="Start again without a cursor.") from None
