"""What differs between two runs: their code, and what changed a metric."""

from __future__ import annotations

from typing import Any

import msgspec

from madang.domain.code_changes import CodeChanges
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.formats.wire import json_value
from madang.http.routes import READ, Param, Route
from madang.services.comparing.explaining import Differences, WhyView

_AGAINST = Param("against", help="The run to compare with.")


def code(call: NativeCall) -> Any:
    """GET /runs/{run}/code."""
    return call.services.code.compare(call.who, _against(call), call.path["run"])


def why(call: NativeCall) -> Any:
    """GET /runs/{run}/why."""
    metric = call.text("metric")
    if not metric:
        raise InvalidInput("Which metric? metric= is missing.")
    return _plain(call, call.services.explaining.explain(call.who, call.path["run"], metric, call.text("against")))


def differences(call: NativeCall) -> Any:
    """GET /runs/{run}/differences."""
    return _plain(call, call.services.explaining.differences(call.who, _against(call), call.path["run"]))


def _plain(call: NativeCall, found: Any) -> Any:
    return call.plain(msgspec.to_builtins(found)) if call.plain is json_value else found


def _against(call: NativeCall) -> str:
    against = call.text("against")
    if not against:
        raise InvalidInput("Compared with which run? against= is missing.")
    return against


def routes() -> list[Route]:
    """The routes of differences between two runs."""
    return [
        Route(
            "GET", "/runs/{run}/code", code, READ, "How its code differs from another run's",
            answer=CodeChanges, query=(_AGAINST,),
        ),
        Route(
            "GET", "/runs/{run}/differences", differences, READ, "What differs from another run",
            answer=Differences, query=(_AGAINST,),
        ),
        Route(
            "GET", "/runs/{run}/why", why, READ, "What changed a metric", answer=WhyView,
            query=(Param("metric"), _AGAINST),
        ),
    ]  # fmt: skip
