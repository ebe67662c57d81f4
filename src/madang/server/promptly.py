"""Small requests that are answered where they are read: what a thread and a task cost is more than they are worth."""

from __future__ import annotations

from time import perf_counter

from starlette.types import Scope

from madang.edges.mlflow.dispatch import MlflowDispatcher
from madang.http.routes import Route
from madang.server.metrics import Metrics
from madang.server.security import Gate, with_policy

_LONG = 0.05  # seconds: a disk on which answers take longer keeps nobody else waiting
_REST = 10  # times as long as such an answer took, the next ones are left to threads
_OF = 8  # answers that are looked at together: a single long one tells of a busy processor, which threads do not help

Headers = list[tuple[bytes, bytes]]


class Promptly:
    """Answers requests of prompt routes in the event loop's own thread, past the same checks as all others.

    ``routes`` are those routes by method and path. Whatever is out of the ordinary (a refusal, a lock that somebody
    holds, a slow disk) is answered by the application as any other request.
    """

    def __init__(self, gate: Gate, edge: MlflowDispatcher, metrics: Metrics) -> None:
        self.routes = edge.prompt
        self._gate = gate
        self._edge = edge
        self._metrics = metrics
        self._not_before = 0.0
        self._usual = 0.0  # seconds that an answer takes, of late

    def answer(self, scope: Scope, route: Route, body: bytes) -> tuple[int, Headers, bytes] | None:
        """Status, headers and body of the answer, or None."""
        began = perf_counter()
        if began < self._not_before:
            return None
        response = self._edge.at_once(scope, route, body, self._gate.admitted)
        took = perf_counter() - began
        self._usual += (took - self._usual) / _OF
        if self._usual > _LONG:
            self._usual, self._not_before = _LONG, began + took + _REST * took
        if response is None:
            return None
        self._metrics.count(f"{route.method} {route.pattern}", response.status_code, took)
        return response.status_code, with_policy(response.raw_headers), bytes(response.body)
