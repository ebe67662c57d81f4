"""Search: reading runs, metrics, history and console. Every reader first takes in what segments hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from madang.domain.access import Permission, Principal
from madang.domain.ids import is_id
from madang.domain.lineage import DataUse
from madang.domain.pages import ChangedPage, ConsolePage, HistoryPage, NewPoints, RowPage, RunPage
from madang.domain.query import RunQuery
from madang.domain.runs import RunRecord, record
from madang.domain.series import ConsoleLine, Series, sample
from madang.domain.steps import Spread
from madang.errors import Conflict, InvalidInput, NotFound
from madang.ports.records import MetricKey, Project, Records, Selected, StoredRun
from madang.services.rows import KEYS_A_RUN, Encode, RunRows, shown
from madang.services.tracking import Tracking

if TYPE_CHECKING:
    from madang.services.history import ConsoleBySegment

ProjectRecord = Project
_MOST_RUNS = 50_000


class Search:
    """The reading side of runs. Thread-safe."""

    def __init__(self, records: Records, tracking: Tracking) -> None:
        self._records = records
        self._tracking = tracking
        self._rows = RunRows(records)

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
        found = self._select(who, query)
        runs = self._rows.runs([number for number, _, _ in found.runs], query.keys)
        return RunPage(runs, found.next, found.total)

    def rows(self, who: Principal, query: RunQuery, form: str, encode: Encode, most_keys: int = KEYS_A_RUN) -> RowPage:
        """As `runs`, each run encoded by ``encode``; ``form`` names what that makes. Whole rows are kept."""
        found = self._select(who, query)
        if query.keys is None:
            return RowPage(self._rows.encoded(found, form, encode, most_keys), found.next, found.total)
        runs = self._rows.runs([number for number, _, _ in found.runs], query.keys)
        return RowPage([encode(run) for run in runs], found.next, found.total)

    def _select(self, who: Principal, query: RunQuery) -> Selected:
        if not 0 < query.limit <= _MOST_RUNS:
            raise InvalidInput(f"The limit {query.limit} is not between 1 and {_MOST_RUNS}.")
        self._tracking.catch_up()
        return self._records.runs.select(replace(query, projects=self._readable(who, query.projects)))

    def run(
        self, who: Principal, text: str, *, metrics: int = 1 << 40, after: int = 0, exact: bool = False
    ) -> RunRecord:
        """One run by its id, the unique beginning of it, or its unique name, with all its metrics.

        With ``metrics`` at most so many of them, ``after`` those of the pages before. ``exact``: only by its id, which
        others may have given to a run as its name.

        Raises:
            NotFound: no run that the caller may read fits.
            Conflict: several fit.
        """
        begun = self._tracking.begun(text) if is_id(text) and not after else None
        if begun is not None and who.level(begun[0].state.project) >= Permission.READ and len(begun[1]) <= metrics:
            return shown(record(begun[0].state, begun[0].overrides, begun[1]), begun[0], None)
        stored = self._resolve(who, text, exact=exact)
        found = self._records.runs.metrics([stored.number], None, metrics, after)[stored.number]
        written = self._records.versions.of_runs([stored.state.run]).get(stored.state.run)
        return shown(record(stored.state, stored.overrides, found), stored, written)

    def data_uses(self, who: Principal, data: str) -> list[DataUse]:
        """The runs that read a tracked path or an artifact, with the version each read, oldest first."""
        self._tracking.catch_up()
        return self._records.runs.data_uses(data, self._readable(who, None))

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
            series = self._tracking.history.series(stored, keys, min_step, max_step)
            found[run] = {key: sample(_newer(item, since), samples) for key, item in series.items()}
        return found

    def thinned(self, who: Principal, run: RunRecord, spread: Spread) -> dict[str, Series]:
        """The points of some keys at steps that are spread over a run, a record with its metrics.

        Never is all of it in memory.

        Raises:
            NotFound: the run does not exist for the caller.
        """
        self._tracking.catch_up([run.id])
        return self._tracking.history.thinned(self._stored(who, run.id), run.metrics, spread)

    def history_page(
        self,
        who: Principal,
        runs: Sequence[str],
        cursor: str,
        most: int,
        *,
        samples: int | None = None,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> HistoryPage:
        """All series of some runs, ``most`` at a time: a run may have hundreds of thousands.

        Raises:
            NotFound: a run does not exist for the caller.
            InvalidInput: the cursor does not belong to these runs.
        """
        self._tracking.catch_up(runs)
        first, _, after = cursor.partition(":")
        order = list(dict.fromkeys(runs))
        if cursor and first not in order:
            raise InvalidInput("The cursor does not belong to these runs.", hint="Start again without a cursor.")
        stored = {run: self._stored(who, run) for run in order}
        found: dict[str, dict[str, Series]] = {}
        for run in order[order.index(first) if cursor else 0 :]:
            keys = self._keys(stored[run], after if run == first else None)
            part = keys[:most]
            series = self._tracking.history.series(stored[run], part, min_step, max_step) if part else {}
            found[run] = {key: sample(item, samples) for key, item in series.items()}
            most -= len(part)
            if len(part) < len(keys):
                return HistoryPage(found, f"{run}:{part[-1] if part else ''}")
        return HistoryPage(found)

    def _keys(self, stored: StoredRun, after: str | None) -> list[str]:
        found = self._records.runs.metric_keys(stored.state.project, [stored.number], "", 1 << 40)
        return sorted(item.name for item in found if after is None or item.name > after)

    def console(self, who: Principal, run: str, after: int = 0, limit: int = 1000, tail: bool = False) -> ConsolePage:
        """Console lines with a number over ``after``: the first ``limit`` of them, or with ``tail`` the last."""
        if limit < 1:
            raise InvalidInput(f"The limit {limit} is not a positive number.")
        stored = self._resolve(who, run)
        bases, last = self._bases(stored)
        width = limit
        while True:  # numbers may have gaps: look at a wider stretch until there are enough lines or no more
            low, high = (max(after, last - width), last) if tail else (after, min(last, after + width))
            lines = self._stretch(stored, bases, low, high)
            if len(lines) >= limit or (low <= after if tail else high >= last):
                break
            width *= 4
        return ConsolePage(lines[-limit:] if tail else lines[:limit], last, last)

    def _bases(self, stored: StoredRun) -> tuple[dict[str, int], int]:
        """What is added to the line numbers of each writer, in the order in which they began; and the last number."""
        lasts, bases, base = self._tracking.history.last_lines(stored), {}, 0
        segments = stored.state.segments
        for segment in sorted(segments, key=lambda item: (segments[item].began, item)):
            bases[segment] = base
            base += max(0, lasts.get(segment, 0))
        return bases, base

    def _stretch(self, stored: StoredRun, bases: dict[str, int], low: int, high: int) -> list[ConsoleLine]:
        bounds = {segment: (low - base + 1, high - base) for segment, base in bases.items()}
        found = self._tracking.history.console(stored, lines=bounds)
        return [line for line in _numbered(found, bases) if low < line.n <= high]

    def revision(self, projects: Collection[str] | None = None) -> int:
        """The store's newest revision (of these projects): it grows with each piece of a segment and each change."""
        return self._records.runs.revision(projects)

    def changed(self, who: Principal, since: int, project: str | None = None, limit: int = 1000) -> ChangedPage:
        """Runs touched after a revision, oldest first; go on from the revision of the answer until it has no runs."""
        if self._tracking.holds_bytes:
            self._tracking.catch_up()
        projects = self._readable(who, None if project is None else (project,))
        return ChangedPage(*self._records.runs.changed(since, projects, limit))

    def now(self, who: Principal, run: str) -> str:
        """The cursor from which `new_points` tells only what comes after this moment."""
        self._tracking.catch_up([run])
        return _write_cursor(self._tracking.history.reached(self._stored(who, run)))

    def new_points(self, who: Principal, run: str, cursor: str = "") -> NewPoints:
        """What a run has logged since ``cursor`` was given; all of it with an empty one.

        Raises:
            InvalidInput: the cursor is not one of this run.
        """
        self._tracking.catch_up([run])
        stored = self._stored(who, run)
        after = _read_cursor(cursor)
        news = self._tracking.history.news(stored, after)
        lines = _numbered(news.console, self._bases(stored)[0]) if news.console else []
        return NewPoints(_write_cursor(news.reached), news.series, lines)

    def _readable(self, who: Principal, projects: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if projects is None:
            if who.everywhere >= Permission.READ:
                return None
            return tuple(name for name, level in who.projects.items() if level >= Permission.READ)
        for name in projects:
            if who.level(name) < Permission.READ:
                raise NotFound(f"There is no project {name!r}.")
        return projects

    def _resolve(self, who: Principal, text: str, *, exact: bool = False) -> StoredRun:
        whole = len(text) == 32 and not set(text) - set("0123456789abcdef")
        self._tracking.catch_up([text] if whole else None)
        if exact:
            return self._stored(who, text)
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


def _numbered(found: ConsoleBySegment, bases: Mapping[str, int]) -> list[ConsoleLine]:
    """Lines with their numbers over the whole run."""
    lines = [
        ConsoleLine(bases[segment] + n, line.stream, stamp.time, line.text)
        for segment, numbered in found.items()
        if segment in bases
        for n, (stamp, line) in numbered.items()
    ]
    return sorted(lines, key=lambda line: line.n)


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
