"""From a request to its handler and back: match, admit, decode, call, encode, and no stack trace in any answer."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from madang.domain.access import ANONYMOUS, Principal
from madang.errors import MadangError
from madang.http import answers
from madang.http.calls import Call, admit, read_body, read_query, wants_binary
from madang.http.paths import split_path
from madang.http.routes import MethodNotAllowed, Route, RouteTable, pattern_parts
from madang.http.threads import WRITERS, Readers, Threads

S = TypeVar("S")


def raw_path(scope: Scope) -> bytes:
    """The path as it came over the wire, not yet decoded."""
    raw = scope.get("raw_path")
    return raw if isinstance(raw, bytes) else str(scope["path"]).encode()


class Dispatcher(Generic[S]):
    """One edge as an ASGI application: a route table and the services that its handlers call.

    The principal is taken from ``scope["madang.who"]``, which the server sets; without it the caller is a stranger. An
    edge that speaks another dialect of errors, arguments or values overrides `guard`, `decoded` or `encoded`, and
    `threads` where a route does not tell whether a call writes. ``readers`` run the handlers that read.
    """

    def __init__(self, table: RouteTable, services: S, readers: Readers | None = None) -> None:
        self.table = table
        self.services = services
        self.readers = readers or Readers()
        self._depth = len(pattern_parts(table.prefix))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        response = await self.guard(lambda: self._answer(Request(scope, receive)))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        scope = request.scope
        parts = split_path(raw_path(scope))[self._depth :]
        route, path = self.table.match(scope["method"], parts)
        scope["madang.route"] = f"{route.method} {self.table.prefix}{route.pattern}"
        who = scope.get("madang.who", ANONYMOUS)
        admit(who, route.permission)
        call = await self.decoded(request, route, path, who)
        if inspect.iscoroutinefunction(route.handler):
            return self._answered(await route.handler(call), call)
        return await self.threads(call).run(lambda: self._answered(route.handler(call), call))

    def threads(self, call: Call[S]) -> Threads | Readers:
        """Where the handler of a call runs."""
        return WRITERS if call.route.writes else self.readers

    def _answered(self, value: Any, call: Call[S]) -> Response:
        return value if isinstance(value, Response) else self.encoded(value, call)

    async def guard(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """The answer of ``work``, or of the error it ended with."""
        return await guarded(work)

    async def decoded(self, request: Request, route: Route, path: dict[str, str], who: Principal) -> Call[S]:
        """The call that a handler gets."""
        query = read_query(request.scope["query_string"], route)
        call = Call(request, self.services, who, route, path, wants_binary(request), None, query)
        if route.body is not None:
            call.body = await read_body(request, route)
        return call

    def encoded(self, value: Any, call: Call[S]) -> Response:
        """What a handler gave, as an answer."""
        return answers.encoded(value, call.binary, call.route.status)


async def guarded(work: Callable[[], Awaitable[Response]]) -> Response:
    """The answer of ``work``, or of the error it ended with."""
    try:
        return await work()
    except MethodNotAllowed as error:
        return answers.not_allowed(error.allowed)
    except MadangError as error:
        return answers.failed(error)
    except OSError as error:
        return answers.storage_failed(error)
    except Exception:  # noqa: BLE001 - the outermost edge: a defect must reach the log and not the caller
        answers.log.exception("a handler failed")
        return answers.unexpected()
