"""The ASGI application: the gate around the edges, health, metrics and the page."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from madang.domain.access import Permission
from madang.edges.dvc.table import table as dvc_table
from madang.edges.mlflow.answers import failure as mlflow_failure
from madang.edges.mlflow.table import is_ours as is_mlflow
from madang.edges.native.live import Live
from madang.edges.native.services import NativeServices
from madang.edges.native.table import table
from madang.edges.wandb.dispatch import failure as wandb_failure
from madang.edges.wandb.table import is_ours as is_wandb
from madang.errors import MadangError, NotFound
from madang.http.answers import encoded, failed, not_allowed
from madang.http.calls import Call
from madang.http.dispatch import Dispatcher, guarded, raw_path
from madang.http.routes import SAFE, Route, RouteTable
from madang.http.threads import Readers
from madang.server.delivering import Delivering
from madang.server.edges import mlflow_edge, wandb_edge
from madang.server.housekeeping import Housekeeping
from madang.server.metrics import CONTENT_TYPE, Counted, Metrics
from madang.server.pages import Pages
from madang.server.promptly import Promptly
from madang.server.security import Gate, Policy
from madang.version import __version__
from madang.wiring import Engine


class Application:
    """One server over one store. ``tables`` are the route tables of everything it answers but the page."""

    def __init__(self, engine: Engine, policy: Policy, ui: str | None = None) -> None:
        readers = Readers(engine.records.briefly)
        self.live = Live(lambda runs: _look(engine, runs), readers)
        losers = None if engine.files is not None else lambda: engine.losers
        self.housekeeping = Housekeeping(
            engine.packing, losers, engine.streams, lambda: engine.drafts, engine.sweeping.agents
        )
        self.delivering = Delivering(engine.deliveries)
        self.metrics = Metrics()
        self.metrics.gauges["madang_live_streams"] = ("Open live streams.", lambda: self.live.streams)
        services = NativeServices(
            engine.tracking,
            engine.search,
            engine.artifacts,
            engine.registry,
            engine.reviews,
            engine.merging,
            engine.projects,
            engine.adopting,
            engine.promotion,
            engine.datasets,
            engine.pipelines,
            engine.code,
            engine.explaining,
            engine.lineage,
            engine.sweeping,
            engine.views,
            engine.reports,
            engine.report_links,
            engine.webhooks,
            engine.access,
            self.live,
            policy.cookie,
        )
        self._native = Dispatcher(table(), services, readers)
        self._dvc = Dispatcher(dvc_table(), engine.data, readers)
        self._mlflow = mlflow_edge(engine)
        self._wandb = wandb_edge(engine, engine.access.holder)
        self._own: Dispatcher[Application] = Dispatcher(RouteTable("", _own_routes(engine)), self)
        self._pages = Pages(engine.access, policy.cookie, ui)
        self.tables = (self._native.table, self._own.table, self._dvc.table, self._mlflow.table, self._wandb.table)
        self._gate = Gate(self._route, engine.access, policy, _refusal)
        self._counted: ASGIApp = Counted(self._gate, self.metrics)
        self.promptly = Promptly(self._gate, self._mlflow, self.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the start and stop of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            ends = message["type"] == "lifespan.shutdown"
            for keeper in (self.housekeeping, self.delivering):
                (keeper.stop if ends else keeper.start)()
            await send({"type": message["type"] + ".complete"})
            if ends:
                return

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = raw_path(scope)
        if _below(path, self._native.table.prefix):
            scope["madang.table"] = self._native.table
            await self._native(scope, receive, send)
        elif _below(path, self._dvc.table.prefix):
            await self._dvc(scope, receive, send)
        elif is_mlflow(path):
            await self._mlflow(scope, receive, send)
        elif is_wandb(path):
            await self._wandb(scope, receive, send)
        elif path in (b"/health", b"/metrics"):
            await self._own(scope, receive, send)
        else:
            response = await guarded(lambda: self._page(Request(scope, receive)))
            await response(scope, receive, send)

    async def _page(self, request: Request) -> Response:
        request.scope["madang.route"] = "GET /"
        if request.method not in SAFE:
            return not_allowed(sorted(SAFE))
        if raw_path(request.scope).startswith(b"/api/"):
            raise NotFound("There is no such version of the API.", hint="This release speaks /api/v1.")
        return await self._pages.answer(request)


def _refusal(scope: Scope, error: MadangError) -> Response:
    path = raw_path(scope)
    if is_wandb(path):
        return wandb_failure(error)
    return mlflow_failure(error) if is_mlflow(path) else failed(error)


def _below(path: bytes, prefix: str) -> bool:
    start = prefix.encode()
    return path == start or path.startswith(start + b"/")


def _own_routes(engine: Engine) -> list[Route]:
    async def health(call: Call[Application]) -> Response:
        """Ready when the records answer."""
        await run_in_threadpool(engine.search.revision, ())
        return encoded({"status": "ok", "version": __version__}, call.binary)

    def metrics(call: Call[Application]) -> Response:
        return Response(call.services.metrics.text(), 200, {"cache-control": "no-store"}, CONTENT_TYPE)

    none, read = Permission.NONE, Permission.READ
    return [
        Route(method="GET", pattern="/health", handler=health, permission=none, summary="Whether the server is ready"),
        Route(method="GET", pattern="/metrics", handler=metrics, permission=read, summary="Counters for Prometheus"),
    ]


def _look(engine: Engine, runs: Any) -> int:
    engine.tracking.catch_up(runs)
    return engine.search.revision()
