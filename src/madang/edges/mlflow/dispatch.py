"""Requests in MLflow's dialect: arguments in query or body, aliases of paths, MLflow's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from madang.domain.access import Principal
from madang.edges.mlflow import answers
from madang.edges.mlflow.arguments import from_body, from_query
from madang.edges.mlflow.services import MlflowCall, MlflowServices
from madang.errors import InvalidInput
from madang.http.calls import Call, whole
from madang.http.dispatch import Dispatcher
from madang.http.routes import Route


class MlflowDispatcher(Dispatcher[MlflowServices]):
    """The edge as an ASGI application."""

    async def guard(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """The answer of ``work``, or of the error it ended with."""
        return await answers.guarded(work)

    async def decoded(self, request: Request, route: Route, path: dict[str, str], who: Principal) -> MlflowCall:
        """The call that a handler gets; its body holds the arguments, wherever they came."""
        call = Call(request, self.services, who, route, path, False)
        if route.body is None:
            return call
        if route.method == "GET":
            call.body = from_query(request.scope["query_string"], route.body)
            return call
        body = await whole(request, route.limit)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != answers.JSON and (body or route.method == "POST"):  # a form of another site cannot send this kind
            raise InvalidInput("Bad Request. Content-Type must be one of ['application/json'].")
        call.body = from_body(body, route.body)
        return call

    def encoded(self, value: Any, call: MlflowCall) -> Response:
        """What a handler gave, as JSON; nothing is an empty object."""
        return answers.answer({} if value is None else value)
