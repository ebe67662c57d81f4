"""POST /files/{entity}/{project}/{run}/file_stream: lines of history, system metrics, summary and console, and the end.

Clients give up for good at nearly every status but 200 and 5xx, so what may be better at the next try is a 503, a line
that is no JSON is passed over and told on the run, and a run that nobody has announced is begun here: none of its lines
may be lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from madang.domain import events
from madang.domain.columns import last_rows, spread
from madang.domain.commands import CreateRun, Fact, Points
from madang.domain.line_streams import EVENTS, HISTORY, LOG, Compared, Line, StreamRow, Unheld, log_of
from madang.domain.run_names import new_name
from madang.domain.runs import STOP_TAG, tags_of
from madang.edges.wandb import facts
from madang.edges.wandb.facts import Last
from madang.edges.wandb.finding import project_of, target_of
from madang.edges.wandb.services import WandbCall
from madang.errors import AccessDenied, Conflict, InvalidInput, NotFound, Unavailable
from madang.formats import wire
from madang.formats.wandb.config import is_shared_by
from madang.formats.wandb.console import read_console, writer_of
from madang.formats.wandb.ids import ID_TAG
from madang.formats.wandb.lines import LONGEST_KEY, columns_of_lines
from madang.formats.wandb.tags import MISSING, PREEMPTING, own_of
from madang.formats.wandb.values import read_object, row_of_line, sample_of_line
from madang.http.calls import whole
from madang.http.threads import WRITERS
from madang.ports.records import StoredRun
from madang.services.streams import Piece

LIMIT = 128 << 20  # bytes of a request; clients send up to 10 MiB
_FILES = {"wandb-history.jsonl": HISTORY, "wandb-events.jsonl": EVENTS, "output.log": LOG}
_SUMMARY = "wandb-summary.json"
_MOST_TOLD = 10  # lines that one alert names
log = logging.getLogger("madang.wandb")


class Chunk(msgspec.Struct):
    """Lines of a file."""

    offset: int = 0
    content: list[str] = []


class Post(msgspec.Struct):
    """The body."""

    files: dict[str, Chunk] | None = None
    uploaded: list[str] | None = None
    preempting: bool | None = None
    complete: bool | None = None
    exitcode: int | None = None


async def file_stream(call: WandbCall) -> Any:
    """POST /files/{entity}/{project}/{run}/file_stream."""
    body = await whole(call.request, LIMIT)
    return await WRITERS.run(lambda: _take(call, body))


def _take(call: WandbCall, body: bytes) -> dict[str, Any]:
    post = wire.decode(body, Post)
    try:
        return _taken(call, post)
    except Conflict as error:
        raise Unavailable(str(error)) from error
    except NotFound as error:
        raise AccessDenied(str(error)) from error


def _taken(call: WandbCall, post: Post) -> dict[str, Any]:
    project, name = project_of(call, call.path["entity"], call.path["project"]), call.path["run"]
    run, known = target_of(call, project, name)
    if known is None:
        _begin_unannounced(call, project, run, name)
    files = post.files or {}
    is_shared = known is not None and is_shared_by(own_of(known.tags))
    pieces = {
        _piece_of(_FILES[file], chunk, is_shared=is_shared): Piece(chunk.offset, chunk.content)
        for file, chunk in files.items()
        if file in _FILES and chunk.content
    }
    summary = files[_SUMMARY].content[-1:] if _SUMMARY in files else []

    def said(stored: StoredRun, row: StreamRow, compared: Mapping[str, Compared]) -> list[Fact]:
        return _Reading(call, stored, row).facts(compared, summary, post, is_new=known is None)

    heard = call.services.streams.take(call.who, run, pieces, said, ends=bool(post.complete))
    return {"exitcode": None, "limits": {}, "stopped": heard.stop}


def _piece_of(file: str, chunk: Chunk, *, is_shared: bool) -> str:
    """Each of several clients of a run numbers the lines of its own console."""
    writer = writer_of(chunk.content[0]) if is_shared and file == LOG else ""
    return log_of(writer) if writer else file


def _begin_unannounced(call: WandbCall, project: str, run: str, name: str) -> None:
    first: list[Fact] = [events.Described(name=new_name(run)), events.Tags({ID_TAG: name})]
    with suppress(Conflict):  # another request was faster
        call.services.tracking.create(call.who, project, CreateRun(id=run, facts=first))


class _Reading:
    """One request about a run as it is."""

    def __init__(self, call: WandbCall, stored: StoredRun, row: StreamRow) -> None:
        self._call = call
        self._stored = stored
        self._shift = row.shift
        self._now = time.time_ns() // 1000
        launched = call.services.launched
        self._is_launched = launched is not None and launched.run == stored.state.run
        self._unread: list[str] = []  # what of the lines cannot be kept

    def facts(self, found: Mapping[str, Compared], summary: Sequence[str], post: Post, *, is_new: bool) -> list[Fact]:
        """All that the request says."""
        rows = self._rows(found[HISTORY].fresh) if HISTORY in found else []
        made: list[Fact] = [*rows]
        if self._is_launched:  # what launched it reads its console and measures its machine, and others log into it too
            made = [*self._unsaid(rows)]
        else:
            made += self._samples(found[EVENTS].fresh) if EVENTS in found else []
            for file in found.keys() - {HISTORY, EVENTS}:
                made += self._console(found[file])
        for text in summary:
            with suppress(InvalidInput):  # the next request has all of it again
                made += facts.summed_up(self._stored.state, self._lasts(rows), text)
        made += self._missing(found, is_new=is_new) + self._unreadable()
        if post.preempting:
            made += facts.tagged(self._stored.state, PREEMPTING, "true")
        if post.complete:
            made.append(self._end(post.exitcode or 0))
        return made

    def _rows(self, lines: Sequence[Line]) -> Sequence[Fact]:
        found = columns_of_lines(lines.texts if isinstance(lines, Unheld) else [line.text for line in lines])
        if found is not None:
            return found
        made = []
        for line, told in self._objects(lines, HISTORY):
            values, step, at = row_of_line(told, line.number, self._now)
            if max(map(len, values), default=0) > LONGEST_KEY:
                self._unread.append(f"a value at step {step}: its key has more than {LONGEST_KEY} characters")
                values = {key: item for key, item in values.items() if len(key) <= LONGEST_KEY}
            if values:
                made.append(Points(values, step, at))
        return made

    def _unsaid(self, told: Sequence[Fact]) -> list[Points]:
        """The rows without the points that another client has logged: the same value of a key at a step."""
        rows = [row for row in spread(told) if isinstance(row, Points)]
        keys = {key for row in rows for key in row.values}
        if not keys:
            return []
        steps = [row.step for row in rows]
        found = self._call.services.search.history(
            self._call.who, [self._stored.state.run], sorted(keys), min_step=min(steps), max_step=max(steps)
        )[self._stored.state.run]
        known = {
            (key, step, _compared(item))
            for key, series in found.items()
            for step, item in zip(series.steps, series.values, strict=True)
        }
        made = []
        for row in rows:
            values = {key: item for key, item in row.values.items() if (key, row.step, _compared(item)) not in known}
            if values:
                made.append(Points(values, row.step, row.time))
        return made

    def _samples(self, lines: Sequence[Line]) -> list[Points]:
        made = []
        for line, told in self._objects(lines, EVENTS):
            values, at = sample_of_line(told, self._now)
            if values:
                made.append(Points(values, line.number, at))
        return made

    def _objects(self, lines: Sequence[Line], file: str) -> Iterator[tuple[Line, dict[str, Any]]]:
        """Lines that are JSON objects; others are told on the run."""
        for line in lines:
            try:
                yield line, read_object(line.text)
            except InvalidInput:
                self._unread.append(f"line {line.number} of {file}: it is no JSON object")

    def _console(self, found: Compared) -> list[events.Console]:
        made = []
        places = found.places or [self._shift + line.number + 1 for line in found.fresh]
        for line, place in zip(found.fresh, places, strict=True):
            text, stream = read_console(line.text)
            made.append(events.Console(place, text, stream))
        return made

    def _lasts(self, rows: Sequence[Fact]) -> dict[str, Last]:
        """The newest values when these rows have come."""
        lasts = facts.lasts_of(self._call.services.streams.metrics(self._stored))
        for row in last_rows(rows):
            place = (row.step, row.time or 0)
            for key, item in row.values.items():
                if key not in lasts or place >= lasts[key][:2]:
                    lasts[key] = Last(*place, item)
        return lasts

    def _missing(self, found: Mapping[str, Compared], *, is_new: bool) -> list[Fact]:
        """Lines that were not sent before those that are here; of a run of another client nothing is known."""
        gaps = {
            file: compared.missing
            for file, compared in found.items()
            if compared.missing and (is_new or compared.missing < compared.fresh[0].number)
        }
        if not gaps:
            return []
        text = ", ".join(f"{count} lines of {file}" for file, count in gaps.items())
        log.warning("run %s: %s never came", self._stored.state.run, text)
        told = facts.tag_of(self._stored.state, MISSING)
        return [
            events.Tags({MISSING: f"{told}; {text}" if told else text}),
            events.Alert("Lines are missing", f"The client has not sent {text}.", "warn"),
        ]

    def _unreadable(self) -> list[Fact]:
        """What the client has sent and nobody can read: it is not kept, and whoever looks at the run is told."""
        if not self._unread:
            return []
        some, more = self._unread[:_MOST_TOLD], len(self._unread) - _MOST_TOLD
        text = "; ".join(some) + (f"; and {more} more" if more > 0 else "")
        log.warning("run %s: %s", self._stored.state.run, text)
        return [events.Alert("Lines could not be read", f"Not kept of what the client has sent: {text}.", "warn")]

    def _end(self, code: int) -> Fact:
        was_asked = STOP_TAG in tags_of(self._stored.state, self._stored.overrides)
        status = "finished" if code == 0 else "killed" if was_asked else "failed"
        return events.Status(status, self._now, code)


def _compared(value: Any) -> str:
    """A value as it compares: clients write whole numbers with and without a point."""
    return repr(int(value) if isinstance(value, float) and value.is_integer() else value)
