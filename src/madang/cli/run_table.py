"""Runs as rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from madang.cli import output, records
from madang.domain.compare import value_of
from madang.domain.held import is_held
from madang.domain.lineage import data_of
from madang.domain.metrics import definition_of
from madang.domain.query import Field
from madang.domain.runs import RunRecord


def parse_columns(text: str) -> list[Field]:
    """Columns as fields of the filter language, separated by commas."""
    if not text:
        return []
    from madang.formats.filter import parse_field

    return [parse_field(part) for part in _split(text) if part.strip()]


def _split(text: str) -> list[str]:
    """Split at commas outside of quotes."""
    parts, quote = [""], ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "`\"'":
            quote = sign
        if sign == "," and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def print_runs(runs: Sequence[RunRecord], columns: list[Field], ordered_by: list[Field], metrics: int) -> None:
    """Print runs; without ``columns`` their name, state, differing parameters and the most common metrics."""
    ids = records.short_ids([run.id for run in runs])
    projects = {run.project for run in runs}
    if columns:
        rows = [[ids[run.id], *(cell(run, field) for field in columns)] for run in runs]
        output.table(["ID", *(title(field) for field in columns)], rows)
        return
    params = _differing(runs, 4)
    shown = _metrics(runs, ordered_by, metrics)
    headers = ["ID", *(["PROJECT"] if len(projects) > 1 else []), "NAME", "STATUS", "AGE", "TOOK", *params, *shown]
    rows = []
    for run in runs:
        values = summary(run)
        rows.append(
            [
                ids[run.id],
                *([run.project] if len(projects) > 1 else []),
                run.name,
                f"{run.status}, not whole" if run.damage else run.status,
                records.ago(run.created_at),
                records.span(run.duration / 1e6),
                *(records.number(run.config.get(key)) for key in params),
                *(records.number(values.get(key)) for key in shown),
            ]
        )
    first = len(headers) - len(shown) - len(params)
    output.table(headers, rows, right=frozenset(range(first, len(headers))))
    for run in runs:
        for text in not_whole(run):
            output.note(f"run {ids[run.id]}: {text}")


def not_whole(run: RunRecord) -> list[str]:
    """What of a run cannot be read here, and what to do about it."""
    held = [text.partition(": ")[2] for text in run.damage if is_held(text)]
    found = [
        f"damaged: {text}. What could be read is shown; restore the file from a copy."
        for text in run.damage
        if not is_held(text)
    ]
    return found + [f"{held.count(text)} segments are not here: {text}" for text in dict.fromkeys(held)]


def summary(run: RunRecord) -> dict[str, object]:
    """One value a metric, without the system's samples."""
    keys = dict.fromkeys((*run.metrics, *run.summary))
    values = {key: value_of(run, key) for key in keys if not key.startswith("system/")}
    return {key: value for key, value in values.items() if value is not None}


def _differing(runs: Sequence[RunRecord], most: int) -> list[str]:
    """Parameters that are not the same in all runs, the most common first."""
    if len(runs) == 1:
        return list(runs[0].config)[:most]
    counts = Counter(key for run in runs for key in run.config)
    keys = [key for key, _ in counts.most_common() if len({repr(run.config.get(key)) for run in runs}) > 1]
    return keys[:most]


def _metrics(runs: Sequence[RunRecord], ordered_by: list[Field], most: int) -> list[str]:
    """Those to show; what clients keep for themselves (``_runtime``) only where it is asked for."""
    counts = Counter(key for run in runs for key in summary(run))
    first = [field.key for field in ordered_by if field.scope == "metrics" and field.key in counts]
    return list(dict.fromkeys([*first, *(key for key, _ in counts.most_common() if not key.startswith("_"))]))[:most]


def title(field: Field) -> str:
    """The head of a column."""
    return field.key if field.statistic == "last" else f"{field.statistic}({field.key})"


def cell(run: RunRecord, field: Field) -> str:
    """What a run has for a field."""
    if field.scope == "params":
        return records.number(run.config.get(field.key))
    if field.scope == "tags":
        return ("✓" if not run.tags[field.key] else run.tags[field.key]) if field.key in run.tags else ""
    if field.scope == "data":
        return data_of(run).get(field.key, "")
    if field.scope == "metrics":
        if field.statistic == "last" and field.key in run.summary:
            return records.number(run.summary[field.key])
        metric = run.metrics.get(field.key)
        if metric is None:
            return ""
        goal = definition_of(field.key, run.definitions).goal
        return records.number(metric.best(goal) if field.statistic == "best" else getattr(metric, field.statistic))
    return _attribute(run, field.key)


def _attribute(run: RunRecord, key: str) -> str:
    if key in ("created_at", "started_at", "ended_at"):
        return records.moment(run.ended_at if key == "ended_at" else run.created_at)
    if key == "duration":
        return records.span(run.duration / 1e6)
    if key in ("commit", "branch"):
        found = getattr(run.code, key) if run.code else ""
        return str(found)[:10] if key == "commit" else str(found)
    if key == "verdict":
        return run.verdict.verdict if run.verdict else ""
    return records.number(getattr(run, key))
