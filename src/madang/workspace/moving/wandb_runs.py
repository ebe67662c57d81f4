"""What W&B's client has logged, as a foreign run: of one transaction log, or of several when the run was resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain import events, redact
from madang.domain.files import Omitted
from madang.domain.foreign import Details, Point, Run
from madang.domain.run_names import new_name
from madang.domain.sweeping.sweeps import SWEEP_TAG
from madang.formats.wandb import config as configs
from madang.formats.wandb.ids import ID_TAG, run_id
from madang.formats.wandb.machine import environment_of, packages_of
from madang.formats.wandb.records import RunLog
from madang.formats.wandb.tags import CONFIG, HOST, NESTED, PROGRAM, nested_text
from madang.formats.wandb.terminal import console_lines
from madang.formats.wandb.values import SYSTEM, flatten, objects, row_of_line, sample_of_line, to_point, write_json

_LEVELS = {"INFO": "info", "WARN": "warn", "ERROR": "error"}
_UNTOLD = Omitted("what was not committed", "it is in the files of the run, where W&B has kept it")


def run_of(project: str, logs: Sequence[RunLog], requirements: str) -> Run:
    """The run that some logs, oldest first, tell of in a project. ``requirements`` is its list of packages."""
    last = logs[-1]
    identity = run_id(project, last.id)
    environment = _merged(logs, "environment")
    began = min((log.started_at for log in logs if log.started_at), default=0)
    ended = last.exit_code is not None
    metrics = _metrics(logs, began)
    summary = _merged(logs, "summary")
    return Run(
        identity,
        "",
        name=_newest(logs, "name") or new_name(identity),
        status="crashed" if not ended else "failed" if last.exit_code else "finished",
        started_at=began,
        ended_at=max(log.last_at for log in logs),
        user=_text(environment.get("username")),
        notes=_newest(logs, "notes"),
        job_type=_newest(logs, "job_type"),
        group=_newest(logs, "group"),
        params=flatten(_config(logs)),
        tags=_tags(logs, environment, _absent(summary, metrics)),
        metrics=metrics,
        details=_details(project, logs, environment, requirements, _by_hand(summary, metrics)),
    )


def _newest(logs: Sequence[RunLog], name: str) -> str:
    return next((text for log in reversed(logs) if (text := getattr(log, name))), "")


def _merged(logs: Sequence[RunLog], name: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for log in logs:
        made |= getattr(log, name)
    return made


def _config(logs: Sequence[RunLog]) -> dict[str, Any]:
    return {key: item for key, item in _merged(logs, "config").items() if key and key != configs.OWN}


def _own(logs: Sequence[RunLog], environment: Mapping[str, Any]) -> dict[str, Any]:
    """What the client says of itself in a config on the wire."""
    told = _merged(logs, "telemetry")
    made: dict[str, Any] = dict(_merged(logs, "config").get(configs.OWN) or {})
    made |= {key: told[key] for key in ("cli_version", "python_version") if key in told}
    numbered = (("4", "python_version"), ("5", "cli_version"), ("12", "cli_version"), ("13", "platform"))
    made["t"] = {number: told[key] for number, key in numbered if key in told}  # tells a client that the run has begun
    if found := [item for log in logs for item in log.definitions]:
        made["m"] = found
    if environment:
        rest = {key: item for key, item in environment.items() if key != "writer"}
        made["e"] = {_text(environment.get("writer")) or "import": rest}
    return made


def _tags(logs: Sequence[RunLog], environment: Mapping[str, Any], absent: Sequence[str]) -> dict[str, str]:
    """W&B's tags as labels, and what only W&B knows. ``absent``: metrics that the summary leaves out."""
    labels: list[str] = next((log.tags for log in reversed(logs) if log.tags), [])
    nested = {"config": objects(_config(logs)), "summary": objects(_merged(logs, "summary")), "absent": absent}
    made = {
        ID_TAG: logs[-1].id,
        CONFIG: write_json(_own(logs, environment)),
        NESTED: nested_text(nested) if any(nested.values()) else "",
        HOST: _newest(logs, "host"),
        PROGRAM: _text(environment.get("program")),
        SWEEP_TAG: _newest(logs, "sweep"),
    }
    return {
        **dict.fromkeys((label for label in labels if label), ""),
        **{key: text for key, text in made.items() if text},
    }


def _metrics(logs: Sequence[RunLog], began: int) -> dict[str, list[Point]]:
    """Points by key: of history, and of the machine."""
    found: dict[str, list[Point]] = {}
    lines = _visible(logs)
    for number, line in enumerate(lines):
        values, step, time = row_of_line(line, number, began)
        for key, item in values.items():
            found.setdefault(key, []).append((step, time, item))
    for number, line in enumerate(line for log in logs for line in log.stats):
        values, time = sample_of_line(line, began)
        for key, item in values.items():
            found.setdefault(key, []).append((number, time, item))
    return found


def _visible(logs: Sequence[RunLog]) -> list[dict[str, Any]]:
    """The lines of history; a log that goes on from an earlier step hides what lay behind it."""
    lines: list[dict[str, Any]] = []
    for log in logs:
        if log.forked_from and log.forked_from[0] == log.id:
            lines = [line for line in lines if not _is_behind(line, log.forked_from[1])]
        lines += log.history
    return lines


def _is_behind(line: Mapping[str, Any], step: float) -> bool:
    found = line.get("_step")
    return isinstance(found, int | float) and found > step


def _absent(summary: Mapping[str, Any], metrics: Mapping[str, list[Point]]) -> list[str]:
    """The metrics that a summary leaves out."""
    told = {*flatten(summary), *objects(summary)}
    return sorted(key for key in metrics if key not in told and not key.startswith(SYSTEM))


def _by_hand(summary: Mapping[str, Any], metrics: Mapping[str, list[Point]]) -> dict[str, Any]:
    """The values of a summary that are not the last ones logged."""
    lasts = {key: max(points, key=lambda point: point[:2])[2] for key, points in metrics.items() if points}
    known = {key: _ordered(item) for key, item in lasts.items()}
    told = {
        key: to_point(item) if isinstance(item, dict) and item else item
        for key, item in flatten(summary).items()
        if key
    }
    return {key: item for key, item in told.items() if known.get(key) != _ordered(item)}


def _ordered(item: Any) -> str:
    """A value as JSON, whatever the order of its keys."""
    return json.dumps(item, sort_keys=True)


def _details(
    project: str, logs: Sequence[RunLog], environment: Mapping[str, Any], requirements: str, summary: dict[str, Any]
) -> Details:
    own = _own(logs, environment)
    fork = next((log.forked_from for log in logs if log.forked_from and log.forked_from[0] != log.id), None)
    program, arguments = _text(environment.get("program")), environment.get("args")
    texts = [item for item in arguments if isinstance(item, str)] if isinstance(arguments, list) else []
    return Details(
        host=_newest(logs, "host") or _text(environment.get("host")),
        command=[program, *texts] if program else [],
        exit_code=logs[-1].exit_code,
        summary=summary,
        definitions={item.key: item for item in configs.definitions(own)},
        console=console_lines(piece for log in logs for piece in log.output),
        alerts=[
            events.Alert(item.title, item.text, _LEVELS.get(item.level.upper(), "info"))
            for log in logs
            for item in log.alerts
        ],
        code=_code(logs, environment),
        environment=environment_of(environment, packages_of(requirements)),
        forked_from=events.ForkedFrom(run_id(project, fork[0]), int(fork[1])) if fork else None,
    )


def _code(logs: Sequence[RunLog], environment: Mapping[str, Any]) -> events.Code | None:
    remote = next((log.git[0] for log in reversed(logs) if log.git[0]), "")
    commit = next((log.git[1] for log in reversed(logs) if log.git[1]), "")
    if not commit:
        return None
    return events.Code(
        commit=commit,
        remote=redact.address(remote),
        skipped=[_UNTOLD],
        entry=_text(environment.get("codePath")),
    )


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
