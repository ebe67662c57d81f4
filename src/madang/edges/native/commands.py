"""Making and logging to a run from outside any training process: for scripts, curl and other languages."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.domain.commands import CreateRun, Log
from madang.edges.native.services import NativeCall
from madang.formats import native
from madang.http.routes import WRITE, Route

_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class NewRun(Struct, forbid_unknown_fields=True):
    """A run to begin. Without an ``id`` it gets a new one; ``time`` is µs UTC, 0: now."""

    id: str = ""
    name: str = ""
    config: dict[str, Any] = {}
    tags: dict[str, str] = {}
    notes: str = ""
    group: str = ""
    job_type: str = ""
    parent: str = ""
    host: str = ""
    command: list[str] = []
    time: int = 0


class LogBody(Struct, forbid_unknown_fields=True):
    """What to add to a run. ``step`` null counts on; ``finish`` is the status that ends it."""

    metrics: dict[str, Any] = {}
    step: int | None = None
    time: int = 0
    config: dict[str, Any] = {}
    tags: dict[str, str] = {}
    summary: dict[str, Any] = {}
    console: list[str] = []
    finish: str = ""
    error: str = ""


def create(call: NativeCall) -> Any:
    """POST /projects/{project}/runs."""
    body: NewRun = call.body
    fields = {name: getattr(body, name) for name in NewRun.__struct_fields__}
    fields["config"] = flat(body.config, ".")
    made = call.services.tracking.create(call.who, call.path["project"], CreateRun(**fields))
    return native.whole_run(made, call.plain)


def log(call: NativeCall) -> Any:
    """POST /runs/{run}/log."""
    body: LogBody = call.body
    metrics = {key: _number(value) for key, value in flat(body.metrics, "/").items()}
    fields = {name: getattr(body, name) for name in LogBody.__struct_fields__}
    command = Log(**{**fields, "metrics": metrics, "config": flat(body.config, ".")})
    call.services.tracking.log(call.who, call.path["run"], command)
    return {}


def _number(value: Any) -> Any:
    """JSON has no NaN: its three names mean the numbers here."""
    return _NUMBERS.get(value, value) if isinstance(value, str) else value


def flat(values: dict[str, Any], sign: str, before: str = "") -> dict[str, Any]:
    """Nested objects as one, their keys joined by ``sign``; an empty object stays a value."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value and not _is_media(value):
            found.update(flat(value, sign, f"{before}{key}{sign}"))
        else:
            found[before + key] = value
    return found


def _is_media(value: dict[str, Any]) -> bool:
    return isinstance(value.get("media"), str)


def routes() -> list[Route]:
    """The routes of runs that are made from outside."""
    return [
        Route(
            "POST", "/projects/{project}/runs", create, WRITE, "Make a run from outside", body=NewRun,
            answer=native.Run, status=201,
        ),
        Route("POST", "/runs/{run}/log", log, WRITE, "Log to such a run", body=LogBody, answer={}),
    ]  # fmt: skip
