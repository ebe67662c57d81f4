"""Requests in MLflow's dialect: arguments in query or body, aliases of paths, MLflow's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from madang.domain.access import Principal
from madang.edges.mlflow import answers
from madang.edges.mlflow.arguments import from_body, from_query
from madang.edges.mlflow.services import MlflowCall, MlflowServices
from madang.errors import InvalidInput, MadangError
from madang.http.calls import Call, admit, content_type, whole
from madang.http.dispatch import Dispatcher, raw_path
from madang.http.routes import Route, RouteTable
from madang.http.threads import Readers
from madang.ports.records import WouldWait


def one_slash(path: bytes) -> bytes:
    """A path with one slash before it: an address that ends with a slash puts two there, and MLflow takes them."""
    return b"/" + path.lstrip(b"/") if path.startswith(b"//") else path


class MlflowDispatcher(Dispatcher[MlflowServices]):
    """The edge as an ASGI application.

    ``without_waiting`` is that of the records (`ports.records`), where requests may be answered by `at_once`.
    """

    def __init__(
        self,
        table: RouteTable,
        services: MlflowServices,
        readers: Readers | None = None,
        without_waiting: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        super().__init__(table, services, readers)
        self._without_waiting = without_waiting
        self.prompt = {
            (route.method.encode(), (table.prefix + route.pattern).encode()): route
            for route in table.routes
            if route.prompt and without_waiting is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        scope["raw_path"] = one_slash(raw_path(scope))
        await super().__call__(scope, receive, send)

    def at_once(
        self, scope: Scope, route: Route, body: bytes, admitted: Callable[[Scope], Principal]
    ) -> Response | None:
        """The answer of a prompt route, from the thread that calls; None where that would wait, or has to refuse.

        The request is to be answered in the usual way then. Whatever it had said is said once: clients repeat requests
        too. ``admitted`` finds who asks, by the connection to the records that the handler has: what it knows of them
        is newer than what another one does.
        """
        if self._without_waiting is None:
            return None
        try:
            with self._without_waiting():
                who = scope["madang.who"] = admitted(scope)
                admit(who, route.permission)
                call = self._call(Request(scope), route, {}, who, body)
                return self._answered(route.handler(call), call)
        except (WouldWait, MadangError, OSError):
            return None
        except Exception:  # noqa: BLE001 - a defect is met again in the usual way, whose outermost edge logs it
            return None

    async def guard(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """The answer of ``work``, or of the error it ended with."""
        return await answers.guarded(work)

    async def decoded(self, request: Request, route: Route, path: dict[str, str], who: Principal) -> MlflowCall:
        """The call that a handler gets; its body holds the arguments, wherever they came."""
        has_body = route.body is not None and route.method != "GET"
        return self._call(request, route, path, who, await whole(request, route.limit) if has_body else b"")

    def _call(self, request: Request, route: Route, path: dict[str, str], who: Principal, body: bytes) -> MlflowCall:
        call = Call(request, self.services, who, route, path, False)
        if route.body is None:
            return call
        if route.method == "GET":
            call.body = from_query(request.scope["query_string"], route.body)
            return call
        kind = content_type(request)
        if kind != answers.JSON and (body or route.method == "POST"):  # a form of another site cannot send this kind
            raise InvalidInput("Bad Request. Content-Type must be one of ['application/json'].")
        call.body = from_body(body, route.body)
        return call

    def encoded(self, value: Any, call: MlflowCall) -> Response:
        """What a handler gave, as JSON; nothing is an empty object."""
        return answers.answer({} if value is None else value)
