"""What a run has logged, read back: whole, in pages of steps, or thinned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from madang.domain.runs import RunRecord
from madang.domain.series import Series
from madang.domain.steps import Spread
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import RunNode, completed
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput
from madang.formats.wandb import history as formats
from madang.formats.wandb.history import Row, Spec
from madang.formats.wandb.values import SYSTEM, read_json, write_json

_USUAL = 500  # rows, where the client does not say how many
_MOST = 1_000_000
_MOST_SPECS = 20
_AT_ONCE = 2_000_000  # points of one page
_WHOLE = 500_000  # points that are thinned in memory: half a kilobyte each
_INT64 = 1 << 63
_MOST_STEPS = 100_000  # of a page, where a run has more points than that


def _series(call: WandbCall, run: RunRecord, keys: list[str] | None, steps: tuple[int | None, int | None]) -> list[Row]:
    found = call.services.search.history(call.who, [run.id], keys, min_step=steps[0], max_step=steps[1])[run.id]
    return formats.rows({key: item for key, item in found.items() if not formats.is_system(key)})


def history(node: RunNode, call: WandbCall, given: dict[str, Any]) -> list[str]:
    """Run.history: rows as JSON, where ``maxStep`` is the first that is not wanted."""
    run = completed(node, call)
    low, high = given.get("minStep"), given.get("maxStep")
    most = _count(given.get("samples"))
    if low is None and high is None:
        found = _thinned(call, run, most)
    else:  # a page of a scan: nothing of it may be missing
        found = _series(call, run, _page_of(run, low, high), (low, None if high is None else high - 1))
    return [write_json(formats.line(row, run.created_at)) for row in found]


def _page_of(run: RunRecord, low: int | None, high: int | None) -> list[str]:
    """The keys of a run, of which a page of steps is to be read. Raises `InvalidInput` for too many steps at once."""
    keys = _logged(run)
    is_long = low is None or high is None or high - low > _MOST_STEPS
    if is_long and _count_of(run, keys) > _AT_ONCE:
        raise InvalidInput(
            f"The run {run.id} has more points than are read at once.",
            hint=f"Ask for pages of at most {_MOST_STEPS} steps (page_size).",
        )
    return keys


def _thinned(call: WandbCall, run: RunRecord, most: int) -> Sequence[Row]:
    """Rows spread evenly over a whole run."""
    keys = _logged(run)
    if _count_of(run, keys) <= _WHOLE:
        return formats.evenly(_series(call, run, keys, (None, None)), most)
    timed = (formats.RUNTIME,) if formats.RUNTIME in keys else ()  # of each row of W&B's client
    return formats.evenly(formats.rows(call.services.search.thinned(call.who, run, Spread(keys, most, timed))), most)


def _count_of(run: RunRecord, keys: Iterable[str]) -> int:
    """How many points some keys have."""
    return sum(run.metrics[key].count for key in keys if key in run.metrics)


def _logged(run: RunRecord) -> list[str]:
    return [key for key, item in run.metrics.items() if item.count and not formats.is_system(key)]


def _count(samples: int | None) -> int:
    return _USUAL if samples is None or samples < 1 else min(samples, _MOST)


def sampled(node: RunNode, call: WandbCall, given: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Run.sampledHistory: for each spec the rows that have all of its keys."""
    run = completed(node, call)
    specs = given["specs"]
    if len(specs) > _MOST_SPECS:
        raise InvalidInput(f"{len(specs)} specs at once are too many; {_MOST_SPECS} are taken.")
    return [_sampled(run, call, formats.read_spec(_spec(spec), _MOST)) for spec in specs]


def _spec(spec: Any) -> Any:
    return read_json(spec) if isinstance(spec, str) else spec


def _sampled(run: RunRecord, call: WandbCall, spec: Spec) -> list[dict[str, Any]]:
    keys = formats.logged(spec.keys)
    if formats.RUNTIME in spec.keys and formats.RUNTIME in run.metrics:
        keys.append(formats.RUNTIME)
    asked = keys or _logged(run)  # only of what every row has
    if not set(asked) <= run.metrics.keys():
        return []
    if _count_of(run, asked) <= _WHOLE:
        rows = _series(call, run, asked, (spec.min_step, spec.max_step))
    else:
        low, high = (
            (-_INT64 if spec.min_step is None else spec.min_step),
            (_INT64 if spec.max_step is None else spec.max_step),
        )
        spread = Spread(asked, spec.samples, keys, (low, high))
        rows = formats.rows(call.services.search.thinned(call.who, run, spread))
    found = [row for row in rows if row.values.keys() >= set(keys)]
    return [formats.part(row, spec.keys, run.created_at) for row in formats.evenly(found, spec.samples)]


def events(node: RunNode, call: WandbCall, given: dict[str, Any]) -> list[str]:
    """Run.events: what was measured of the machine."""
    run = completed(node, call)
    keys = [key for key, item in run.metrics.items() if item.count and key.startswith(SYSTEM)]
    found: dict[str, Series] = {}
    most = _count(given.get("samples"))
    if keys and _count_of(run, keys) <= _WHOLE:
        found = call.services.search.history(call.who, [run.id], keys)[run.id]
    elif keys:
        found = call.services.search.thinned(call.who, run, Spread(keys, most))
    lines = formats.samples(found, most, run.created_at)
    return [write_json(line) for line in lines]


def parquet(node: RunNode, call: WandbCall, _: dict[str, Any]) -> dict[str, Any]:
    """Run.parquetHistory: no files; all of it is asked for live, from the first step on."""
    has_rows = formats.last_step(completed(node, call).metrics) is not None
    return {"parquetUrls": [], "liveData": [{formats.STEP: 0}] if has_rows else []}


RESOLVERS: dict[str, Resolver] = {
    "Run.history": history,
    "Run.sampledHistory": sampled,
    "Run.events": events,
    "Run.parquetHistory": parquet,
    "Run.historyKeys": lambda node, call, _: formats.history_keys(completed(node, call).metrics),
}
