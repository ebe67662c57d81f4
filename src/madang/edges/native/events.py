"""GET /events: live updates as server-sent events, only what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from madang.domain.access import Permission
from madang.domain.ids import is_id
from madang.domain.pages import ChangedPage, NewPoints
from madang.edges.native.live import COMMENT, event
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput, MadangError
from madang.formats import native, wire
from madang.http.routes import READ, Param, Route

BATCH = 1000  # runs named in one event
MAX_RUNS = 50  # followed by one stream


async def events(call: NativeCall) -> Response:
    """Open a stream over projects (``project=``) or over runs (``run=``).

    What can be refused is refused before the stream begins: a stream that opened ends only with the connection, the
    server, or the caller's permission.
    """
    runs = call.many("run")
    if len(runs) > MAX_RUNS:
        raise InvalidInput(f"A stream follows at most {MAX_RUNS} runs.", hint="Follow the project instead.")
    resumed = call.request.headers.get("last-event-id", "") or call.text("since")
    if runs:
        body = _run_stream(call, await call.services.live.readers.run(lambda: _open_runs(call, runs, resumed)))
    else:
        since = await call.services.live.readers.run(lambda: _open_projects(call, resumed))
        body = _project_stream(call, since)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(body, 200, headers, "text/event-stream")


def _open_projects(call: NativeCall, resumed: str) -> int:
    if resumed and not (resumed.isascii() and resumed.isdigit() and len(resumed) < 19):
        raise InvalidInput(f"since={resumed[:40]!r} is not a revision.")
    _changed(call, 1 << 62)  # asks the permission
    now = call.services.search.revision(_projects(call))
    return int(resumed) if resumed else now


def _projects(call: NativeCall) -> list[str] | None:
    """The projects that the stream follows; None: all, for those who may read all."""
    named = call.many("project")
    if named:
        return named
    return None if call.who.everywhere >= Permission.READ else list(call.who.projects)


def _changed(call: NativeCall, since: int) -> ChangedPage:
    """Runs touched after a revision in the followed projects, and the revision up to which that is all."""
    names: Sequence[str | None] = call.many("project") or [None]
    pages = [call.services.search.changed(call.who, since, name, BATCH) for name in names]
    cut = [page.revision for page in pages if len(page.runs) >= BATCH]
    reached = min(cut) if cut else max(page.revision for page in pages)
    return ChangedPage(reached, list(dict.fromkeys(run for page in pages for run in page.runs)))


async def _project_stream(call: NativeCall, since: int) -> AsyncIterator[bytes]:
    yield event("hello", str(since), {"revision": since})

    async def deltas() -> AsyncIterator[bytes]:
        nonlocal since
        while True:
            page = await call.services.live.readers.run(partial(_changed, call, since))
            if page.revision == since:
                return
            since = page.revision
            yield event("runs", str(since), {"revision": since, "runs": page.runs})
            if len(page.runs) < BATCH:
                return

    async for piece in _follow(call, [], deltas):
        yield piece


class _Place(NamedTuple):
    """How far a stream has told a run."""

    cursor: str
    status: str


def _open_runs(call: NativeCall, names: list[str], resumed: str) -> dict[str, _Place]:
    search = call.services.search
    told = _read_places(resumed)
    places = {}
    for name in names:
        run = search.run(call.who, name)
        # Without a place the stream begins now: the page has read the history already.
        cursor = told.get(run.id) or search.now(call.who, run.id)
        places[run.id] = _Place(cursor, "" if run.id in told else run.status)
    return places


def _read_places(text: str) -> dict[str, str]:
    """The `id` of an event: run=cursor, joined by semicolons."""
    pairs = [part.partition("=") for part in text.split(";") if part]
    if any(not sign or not is_id(run) for run, sign, _ in pairs):
        raise InvalidInput("The id of the last event does not belong to this stream.", hint="Begin without it.")
    return {run: cursor for run, _, cursor in pairs}


def _write_places(places: dict[str, _Place]) -> str:
    return ";".join(f"{run}={place.cursor}" for run, place in places.items())


async def _run_stream(call: NativeCall, places: dict[str, _Place]) -> AsyncIterator[bytes]:
    statuses = {run: place.status for run, place in places.items()}
    yield event("hello", _write_places(places), {"runs": statuses})

    async def deltas() -> AsyncIterator[bytes]:
        for run, place in list(places.items()):
            found, status = await call.services.live.readers.run(partial(_news, call, run, place.cursor))
            now = _Place(found.cursor, status)
            if now == place:
                continue
            places[run] = now
            series = {key: native.series(item, wire.json_value) for key, item in found.series.items()}
            body = {"run": run, "status": status, "series": series, "console": found.console}
            yield event("points", _write_places(places), body)

    async for piece in _follow(call, list(places), deltas):
        yield piece


def _news(call: NativeCall, run: str, cursor: str) -> tuple[NewPoints, str]:
    found = call.services.search.new_points(call.who, run, cursor)
    return found, call.services.search.run(call.who, run).status


async def _follow(
    call: NativeCall, runs: list[str], deltas: Callable[[], AsyncIterator[bytes]]
) -> AsyncIterator[bytes]:
    async for moved in call.services.live.beats(runs):
        try:
            await _still_welcome(call)  # also while the store moves all the time: nothing is told to those who may not
            if moved:
                async for piece in deltas():
                    yield piece
            else:
                yield COMMENT
        except MadangError as error:  # gone, or no longer permitted: say so and end; the browser asks again and is told
            body = {"code": error.code, "message": error.message, "hint": error.hint}
            yield event("end", "", body)
            return


async def _still_welcome(call: NativeCall) -> None:
    """A token that was revoked or has ended closes its streams too.

    Raises:
        Unauthenticated: the credential is no longer valid.
    """
    again: Callable[[], Awaitable[object]] | None = call.request.scope.get("madang.again")
    if again is not None:
        await again()


def routes() -> list[Route]:
    """The route of live streams."""
    return [
        Route(
            "GET", "/events", events, READ, "Live updates", answer="text/event-stream",
            query=(Param("project", repeated=True), Param("run", repeated=True), Param("since")),
        ),
    ]  # fmt: skip
