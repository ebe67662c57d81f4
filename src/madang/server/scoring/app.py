"""MLflow's scoring protocol over HTTP: the front, which never loads a model."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from madang.domain.access import ANONYMOUS
from madang.errors import MadangError, NotFound, TooLarge, Unauthenticated, Unavailable
from madang.http.answers import STATUS, not_allowed
from madang.scoring.protocol import failure
from madang.server.metrics import CONTENT_TYPE, Counted, Metrics, escaped, head
from madang.server.scoring.serving import Serving
from madang.server.scoring.workers import check_size
from madang.server.security import Credentials, Gate, Policy
from madang.version import __version__

log = logging.getLogger("madang.serving")

_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    413: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}
_READ = ("/ping", "/health", "/version", "/metrics", "/status")
_OPEN = ("/ping", "/health")  # for the probes of an orchestrator, which know no token
_JSON = "application/json"


class ScoringApplication:
    """The gate, and behind it the routes. ``metrics`` counts what was answered."""

    def __init__(self, serving: Serving, access: Credentials, policy: Policy, *, is_open: bool = False) -> None:
        self.serving = serving
        self._is_open = is_open  # whoever reaches the server may use it
        self.metrics = Metrics()
        self.metrics.more.append(lambda: _lines(serving))
        self._app = Counted(Gate(self._route, access, policy, lambda scope, error: refusal(error)), self.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the stop of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.serving.stop()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except TimeoutError:
            text = "Request processing time exceeded limit"
            response = Response(failure("DEADLINE_EXCEEDED", text), 504, media_type=_JSON)
        except MadangError as error:
            response = refusal(error)
            if isinstance(error, Unavailable) and self.serving.pool is not None:
                response.headers["retry-after"] = str(self.serving.pool.retry_after())
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path not in (*_READ, "/invocations"):
            request.scope["madang.route"] = "other"
            raise NotFound(f"There is no {path[:80]!r} here.", hint="Score by POST /invocations.")
        request.scope["madang.route"] = path
        if not self._is_open and path not in _OPEN and request.scope["madang.who"] == ANONYMOUS:
            raise Unauthenticated("A token is needed.", hint="Send `Authorization: Bearer TOKEN`.")
        wanted = ("POST",) if path == "/invocations" else ("GET", "HEAD")
        if request.method not in wanted:
            return not_allowed(sorted(wanted))
        if path == "/invocations":
            return await self._score(request)
        return self._told(path)

    def _told(self, path: str) -> Response:
        if path == "/metrics":
            return Response(self.metrics.text(), 200, media_type=CONTENT_TYPE)
        if path == "/status":
            return Response(json.dumps(status(self.serving), ensure_ascii=False), 200, media_type=_JSON)
        if path == "/version":
            return Response(__version__, 200, media_type=_JSON)
        if self.serving.pool is None or not self.serving.pool.alive:
            raise Unavailable("No process is there to score.")
        return Response("\n", 200, media_type=_JSON)

    async def _score(self, request: Request) -> Response:
        limits = self.serving.limits
        told = request.headers.get("content-length", "")
        check_size(int(told) if told.isdigit() else 0, limits)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            check_size(len(body), limits)
        answer, target = await self.serving.ask(bytes(body), request.headers.get("content-type", ""))
        headers = {"x-madang-model": quote(target.ref, safe=":/"), "cache-control": "no-store"}
        return Response(answer.body, answer.status, headers, answer.type)


def refusal(error: MadangError) -> Response:
    """A refusal in MLflow's form."""
    code = STATUS.get(error.code, 500)
    text = failure(_CODES.get(code, "INTERNAL_ERROR"), str(error))
    headers = {"cache-control": "no-store"}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="madang"'
    if isinstance(error, Unavailable):
        headers["retry-after"] = "1"
    if isinstance(error, TooLarge):
        headers["connection"] = "close"  # the rest of the body is not read
    return Response(text, code, headers, _JSON)


def status(serving: Serving) -> dict[str, Any]:
    """What is served, for people and probes."""
    state, pool = serving.state, serving.pool
    served, wanted = state.served, state.wanted
    return {
        "served": served and {"ref": served.ref, "digest": served.digest, "since": round(state.since * 1e6)},
        "wanted": wanted and {"ref": wanted.ref, "digest": wanted.digest},
        "up_to_date": served == wanted and not state.lost,
        "failure": state.failure or state.lost,
        "swaps": state.swaps,
        "workers": pool.alive if pool else 0,
        "in_flight": pool.in_flight if pool else 0,
    }


def _lines(serving: Serving) -> Iterable[str]:
    state, pool = serving.state, serving.pool
    served = state.served
    if served is not None:
        name, _, number = served.ref.rpartition(":")
        labels = f'name="{escaped(name)}",version="{escaped(number)}",digest="{escaped(served.digest)}"'
        yield from head("madang_model_info", "gauge", "The version that answers.")
        yield f"madang_model_info{{{labels}}} 1"
    numbers = (
        ("madang_model_since_seconds", "gauge", "When this version began to answer, seconds since 1970.", state.since),
        ("madang_model_swaps_total", "counter", "Times that another version took over.", state.swaps),
        ("madang_model_failures_total", "counter", "Versions that could not take over.", state.failures),
        ("madang_model_up_to_date", "gauge", "1 when the wanted version answers.", int(status(serving)["up_to_date"])),
        ("madang_workers", "gauge", "Processes that can score.", pool.alive if pool else 0),
        (
            "madang_worker_restarts_total",
            "counter",
            "Processes started again.",
            pool.restarts if pool else 0,
        ),
        ("madang_requests_waiting", "gauge", "Requests that wait for a process.", pool.waiting if pool else 0),
    )
    for name, kind, text, number_ in numbers:
        yield from head(name, kind, text)
        yield f"{name} {number_:g}" if isinstance(number_, int) else f"{name} {number_:.3f}"
