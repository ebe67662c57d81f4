"""Counters of the server in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

import resource
import sys
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from madang.version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts requests by route and status, and how long they took. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.time()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, float] = {}
        self._buckets: Counter[tuple[str, int]] = Counter()  # by the first bound that holds, not by all that do
        self.in_flight = 0
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.more: list[Callable[[], Iterable[str]]] = []  # lines of metrics that are not about requests

    def count(self, route: str, status: int, seconds: float) -> None:
        """Take one finished request in."""
        with self._lock:
            self._requests[(route, status)] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + seconds
            self._buckets[(route, bisect_left(_BUCKETS, seconds))] += 1

    def text(self) -> str:
        """All of it, in the exposition format."""
        lines = [
            *head("madang_info", "gauge", "Release of the server."),
            f'madang_info{{version="{__version__}"}} 1',
            *head("process_start_time_seconds", "gauge", "Start of the process, seconds since 1970."),
            f"process_start_time_seconds {self._started:.3f}",
            *head("process_cpu_seconds_total", "counter", "CPU time used."),
            f"process_cpu_seconds_total {time.process_time():.3f}",
            *head("process_resident_memory_bytes", "gauge", "Memory in use."),
            f"process_resident_memory_bytes {resident_bytes()}",
            *head("madang_requests_in_flight", "gauge", "Requests being answered, streams too."),
            f"madang_requests_in_flight {self.in_flight}",
        ]
        for name, (text, read) in sorted(self.gauges.items()):
            lines += [*head(name, "gauge", text), f"{name} {read():g}"]
        for told in self.more:
            lines += told()
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
            buckets = dict(self._buckets)
        lines += head("madang_requests_total", "counter", "Requests answered, by route and status.")
        for (route, status), number in sorted(requests.items()):
            lines.append(f'madang_requests_total{{route="{escaped(route)}",status="{status}"}} {number}')
        lines += head("madang_request_seconds", "histogram", "Time to answer, by route.")
        for route in sorted(seconds):
            total = sum(number for (name, _), number in requests.items() if name == route)
            label = f'route="{escaped(route)}"'
            found = 0
            for place, bound in enumerate(_BUCKETS):
                found += buckets.get((route, place), 0)
                lines.append(f'madang_request_seconds_bucket{{{label},le="{bound:g}"}} {found}')
            lines.append(f'madang_request_seconds_bucket{{{label},le="+Inf"}} {total}')
            lines.append(f"madang_request_seconds_sum{{{label}}} {seconds[route]:.6f}")
            lines.append(f"madang_request_seconds_count{{{label}}} {total}")
        return "\n".join(lines) + "\n"


class Counted:
    """Wraps an application and counts what it answers; routes are named by their patterns, never by what was asked."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.in_flight -= 1
            route = scope.get("madang.route", "other")
            self._metrics.count(route, status, time.perf_counter() - began)


def resident_bytes() -> int:
    """Memory of this process: now where /proc says it, else its peak."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def head(name: str, kind: str, text: str) -> list[str]:
    """The lines before the values of a metric."""
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def escaped(text: str) -> str:
    """A text as the value of a label."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
