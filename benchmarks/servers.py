"""A server on loopback: start it, ask it, and read what its process tree costs from /proc."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Bench, Failed

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A running server process with its children."""

    pid: int
    port: int
    log: Path

    def tree(self) -> list[int]:
        """The process and all its descendants."""
        parents: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    parents.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
        found = [self.pid]
        for pid in found:
            found.extend(parents.get(pid, []))
        return found

    def cpu(self) -> float:
        """CPU seconds used so far: user + system of the tree, children that ended included."""
        total = 0.0
        for pid in self.tree():
            with contextlib.suppress(OSError):
                total += sum(map(int, _stat(pid)[11:15])) / _TICK
        return total

    def memory(self) -> tuple[int, int, int]:
        """(PSS, RSS, processes) of the tree in bytes: PSS counts a shared page once over its sharers."""
        pss = rss = count = 0
        for pid in self.tree():
            with contextlib.suppress(OSError):
                facts = dict(
                    line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
                )
                pss, rss, count = pss + _kib(facts["Pss"]), rss + _kib(facts["Rss"]), count + 1
        return pss, rss, count

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
        """One request on a connection of its own; the body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Failed(f"{method} {path[:200]} answered {answer.status}: {content[:500]!r}")
        return content

    def cost(
        self, requests: Sequence[tuple[str, str, Any]], least: float = 0.5, accept: str = "application/json"
    ) -> tuple[float, float]:
        """(server CPU seconds, wall seconds) of one round of requests, repeated until the CPU clock can tell."""
        began, wall, rounds = self.cpu(), 0.0, 0
        while rounds < 200 and (rounds == 0 or self.cpu() - began < least):
            start = time.perf_counter()
            for method, path, body in requests:
                self.ask(method, path, body, {"Accept": accept})
            wall += time.perf_counter() - start
            rounds += 1
        return (self.cpu() - began) / rounds, wall / rounds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    bench: Bench,
    argv: Sequence[str],
    port: int,
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    wait: float = 120,
    health: str = "/health",
) -> Iterator[Server]:
    """A server that is up (a GET of ``health`` answers 200) inside the block and gone after it."""
    log = cwd / f"server-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=bench.env(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Server(process.pid, port, log)
    try:
        deadline = time.monotonic() + wait
        while not _healthy(server, health):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{' '.join(argv)} did not come up:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield server
    finally:
        _stop(process)


def _healthy(server: Server, path: str) -> bool:
    try:
        server.ask("GET", path)
    except (OSError, http.client.HTTPException, Failed):
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server's own session, which is ours: it was started as a new one."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, wanted)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name, which may hold anything: [0] state, [1] parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024
