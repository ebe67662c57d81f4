"""Reading runs back: this machine's store, or the hub that MADANG_HUB names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from madang import wiring
from madang.domain.ids import WANDB_TAG, is_id
from madang.domain.metrics import MetricSummary
from madang.domain.query import RunQuery
from madang.domain.runs import RunRecord
from madang.errors import InvalidInput, MadangError, NotFound, Unavailable
from madang.formats import filter as filters
from madang.sdk.summary import summarize

if TYPE_CHECKING:
    from madang.domain.series import Series
    from madang.ports.reader import Reader

_PAGE = 1000
_RUNS = 50  # whose histories are asked for at once


def open_reader(store: str | os.PathLike[str] | None = None, hub: str | None = None) -> Reader:
    """The reading side: a hub (the one in MADANG_HUB by default), else a store on this machine when that is empty."""
    return wiring.reader(os.fspath(store) if store else None, hub)


def places(hub: str | None = None) -> list[str]:
    """Where to look for one thing: the hub's address if there is one, then (empty) this machine's store."""
    address = os.environ.get("MADANG_HUB", "") if hub is None else hub
    return [address, ""] if address else [""]


class ReadRun:
    """A run as it was recorded so far, by whichever process. Every access to `history` reads anew."""

    def __init__(self, record: RunRecord, store: str | os.PathLike[str] | None = None, hub: str | None = None) -> None:
        self._place = (store, hub)
        self.record = record  # everything known, typed
        self.id = record.id
        self.name = record.name
        self.project = record.project
        self.status = record.status
        self.config = record.config
        self.tags = record.tags

    def __repr__(self) -> str:
        return f"<madang run {self.name!r} {self.id} ({self.status})>"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """One value a metric, as `define_metric` says (the last by default), and the values set by hand."""
        return summary_of(self.record)

    @property
    def metrics(self) -> dict[str, MetricSummary]:
        """Last, minimum, maximum, mean and their steps, for each metric, and for the system's (``system/…``)."""
        return dict(self.record.metrics)

    def history(
        self,
        keys: Sequence[str] | str | None = None,
        *,
        samples: int | None = None,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> Any:
        """Points of some metrics, or all: one row a step, columns ``step`` and the keys.

        A DataFrame where pandas is installed, else a mapping of column names to lists; where a key has no value at a
        step it is NaN or None. The last value of a step counts. ``samples`` thins each series, keeping its spikes.

        Raises:
            NotFound: the run is gone.
        """
        wanted = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
        reader = open_reader(*self._place)
        try:
            found = reader.history([self.id], wanted, samples=samples, min_step=min_step, max_step=max_step)
        finally:
            reader.close()
        return table(_columns(found.get(self.id, {}), wanted))

    def console(self, limit: int = 10_000) -> list[str]:
        """The last lines of console output."""
        reader = open_reader(*self._place)
        try:
            return [line.text for line in reader.console(self.id, limit=limit, tail=True).lines]
        finally:
            reader.close()


def get_run(name: str, *, dir: str | os.PathLike[str] | None = None) -> ReadRun:
    """A run by its id, a unique beginning of it, or its name; ``dir`` is the store's folder.

    Raises:
        NotFound: there is no such run.
        Conflict: several runs fit.
    """
    missing: MadangError | None = None
    for hub in places():
        try:
            with closing(open_reader(dir, hub)) as reader:
                return ReadRun(reader.run(name), dir, hub)
        except (NotFound, Unavailable) as error:
            missing = missing or error
    assert missing is not None
    raise missing


def runs(
    project: str | None = None,
    filter: str = "",
    order_by: str | Sequence[str] = (),
    limit: int = 1000,
    *,
    dir: str | os.PathLike[str] | None = None,
) -> Any:
    """Search for runs: ``runs(project="iris", filter="metrics.f1 > 0.9", order_by="metrics.f1 desc")``.

    A DataFrame where pandas is installed, else a list of mappings; columns ``id``, ``name``, ``status``, …, and
    ``params.K``, ``metrics.K``, ``tags.K``.

    Raises:
        InvalidInput: the filter or the order cannot be read, or the limit is below 0.
    """
    if limit < 0:
        raise InvalidInput(f"A limit of {limit} runs makes no sense.", hint="Use 0 or more.")
    where = filters.parse_filter(filter)
    order = tuple(filters.parse_order(text) for text in ([order_by] if isinstance(order_by, str) else order_by))
    projects = (project,) if project else None
    rows: list[dict[str, Any]] = []
    cursor = ""
    reader = open_reader(dir)
    try:
        while len(rows) < limit:
            page = reader.runs(RunQuery(projects, where, order, min(limit - len(rows), _PAGE), cursor))
            rows += [row_of(record) for record in page.runs]
            cursor = page.next
            if not cursor:
                break
    finally:
        reader.close()
    return table_of_rows(rows)


def history(
    runs: Any,
    keys: Sequence[str] | str | None = None,
    *,
    samples: int | None = None,
    min_step: int | None = None,
    max_step: int | None = None,
    dir: str | os.PathLike[str] | None = None,
) -> Any:
    """Points of some metrics, or all, of one or more runs: one row a run and step, columns ``run``, ``step``, the keys.

    ``runs`` is a run's id, the beginning of it or its name, a `ReadRun`, several of these, or what `madang.runs` gave.
    The rest is as with `ReadRun.history`.

    Raises:
        NotFound: one of the runs does not exist.
        Conflict: several runs fit a name.
    """
    wanted = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
    made: dict[str, list[Any]] = {"run": [], "step": []}
    with closing(open_reader(dir)) as reader:
        ids = [item if is_id(item) else reader.run(item).id for item in _named(runs)]
        for start in range(0, len(ids), _RUNS):
            part = ids[start : start + _RUNS]
            found = reader.history(part, wanted, samples=samples, min_step=min_step, max_step=max_step)
            for run in part:
                _append(made, run, _columns(found.get(run, {}), wanted))
    return table(made)


def _named(runs: Any) -> list[str]:
    """The names or ids of runs that a caller gave in one of the forms that `history` takes."""
    if isinstance(runs, str | ReadRun):
        runs = [runs]
    elif hasattr(runs, "columns"):  # a DataFrame of runs
        runs = list(runs["id"])
    given = [item["id"] if isinstance(item, Mapping) else getattr(item, "id", item) for item in runs]
    if not all(isinstance(item, str) for item in given):
        raise InvalidInput("Runs are told by ids or names, or as `madang.runs` gives them.")
    return list(dict.fromkeys(given))


def _columns(series: Mapping[str, Series], wanted: Sequence[str] | None) -> dict[str, list[Any]]:
    """Columns ``step`` and one for each key; without ``wanted`` those that clients keep for themselves are left out."""
    points = {key: dict(zip(one.steps, one.values, strict=True)) for key, one in series.items()}
    names = [key for key in points if not key.startswith("_")] if wanted is None else wanted
    steps = sorted(set().union(*(points.get(name, ()) for name in names)))
    return {"step": steps, **{name: [points.get(name, {}).get(step) for step in steps] for name in names}}


def _append(made: dict[str, list[Any]], run: str, columns: dict[str, list[Any]]) -> None:
    """Add the rows of one run; what it has not is None."""
    before, count = len(made["run"]), len(columns["step"])
    made["run"] += [run] * count
    for name in [*columns, *(key for key in made if key not in columns and key != "run")]:
        made.setdefault(name, [None] * before).extend(columns.get(name) or [None] * count)


def row_of(record: RunRecord) -> dict[str, Any]:
    """One run as a flat row. Times are µs since 1970 UTC, the duration is in seconds.

    What clients of W&B keep for themselves (metrics such as ``_runtime``, tags such as ``wandb.config``) is left out.
    """
    return {
        "id": record.id,
        "name": record.name,
        "project": record.project,
        "status": record.status,
        "created_at": record.created_at,
        "duration": record.duration / 1e6,
        "user": record.user,
        "group": record.group,
        "job_type": record.job_type,
        **{f"params.{key}": value for key, value in record.config.items()},
        **{f"metrics.{key}": value for key, value in summary_of(record).items() if not key.startswith("_")},
        **{
            f"tags.{key}": value
            for key, value in record.tags.items()
            if key == WANDB_TAG or not key.startswith("wandb.")
        },
    }


def summary_of(record: RunRecord) -> dict[str, Any]:
    """The summary of what the run itself has logged: the system's samples have no last value of interest."""
    logged = {key: metric for key, metric in record.metrics.items() if not key.startswith("system/")}
    return summarize(logged, record.definitions, record.summary)


def table_of_rows(rows: list[dict[str, Any]]) -> Any:
    """A DataFrame of rows where pandas is installed, else the rows."""
    try:
        import pandas
    except ImportError:
        return rows
    frame = pandas.DataFrame(rows)
    if "created_at" in frame:
        frame["created_at"] = pandas.to_datetime(frame["created_at"], unit="us", utc=True)
    return frame


def table(columns: Mapping[str, list[Any]]) -> Any:
    """A DataFrame of columns where pandas is installed, else the mapping."""
    try:
        import pandas
    except ImportError:
        return dict(columns)
    return pandas.DataFrame(columns)
