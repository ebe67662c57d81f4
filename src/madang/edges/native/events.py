"""GET /events: live updates as server-sent events, only what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from madang.domain.access import Permission
from madang.domain.pages import ChangedPage, NewPoints
from madang.edges.native.live import COMMENT, event
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput, MadangError
from madang.formats import native, wire

BATCH = 1000  # runs named in one event


async def events(call: NativeCall) -> Response:
    """Open a stream over projects (``project=``) or over one run (``run=``).

    What can be refused is refused before the stream begins: a stream that opened ends only with the connection, the
    server, or the caller's permission.
    """
    runs = call.many("run")
    if len(runs) > 1:
        raise InvalidInput("A stream follows one run.", hint="Open one stream for each run, or follow the project.")
    resumed = call.request.headers.get("last-event-id", "") or call.text("since")
    if runs:
        first = await run_in_threadpool(_open_run, call, runs[0], resumed)
        body = _run_stream(call, *first)
    else:
        since = await run_in_threadpool(_open_projects, call, resumed)
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
            page = await run_in_threadpool(_changed, call, since)
            if page.revision == since:
                return
            since = page.revision
            if page.runs:
                yield event("runs", str(since), {"revision": since, "runs": page.runs})
            if len(page.runs) < BATCH:
                return

    async for piece in _follow(call, "", deltas):
        yield piece


def _open_run(call: NativeCall, name: str, resumed: str) -> tuple[str, str, str]:
    search = call.services.search
    run = search.run(call.who, name)
    # Without a cursor the stream begins now: the page has read the history already.
    cursor = resumed or search.new_points(call.who, run.id, "").cursor
    return run.id, cursor, run.status


async def _run_stream(call: NativeCall, run: str, cursor: str, status: str) -> AsyncIterator[bytes]:
    yield event("hello", cursor, {"run": run, "status": status})

    async def deltas() -> AsyncIterator[bytes]:
        nonlocal cursor, status
        found, now = await run_in_threadpool(_news, call, run, cursor)
        if found.cursor == cursor and now == status:
            return
        cursor, status = found.cursor, now
        series = {key: native.series(item, wire.json_value) for key, item in found.series.items()}
        yield event("points", cursor, {"run": run, "status": status, "series": series, "console": found.console})

    async for piece in _follow(call, run, deltas):
        yield piece


def _news(call: NativeCall, run: str, cursor: str) -> tuple[NewPoints, str]:
    found = call.services.search.new_points(call.who, run, cursor)
    return found, call.services.search.run(call.who, run).status


async def _follow(call: NativeCall, run: str, deltas: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    async for moved in call.services.live.beats(run):
        try:
            if moved:
                async for piece in deltas():
                    yield piece
            else:
                await _still_welcome(call)
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
