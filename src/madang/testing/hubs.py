"""For tests of hubs as processes: ports that stay theirs while they are down, and a clock that can be put on."""

from __future__ import annotations

import os
import random
import socket
import sys
from contextlib import suppress
from pathlib import Path

_PORTS = range(20_000, 32_000)  # below the ports of connections, and of whoever takes any
_SHARES = 16
_AHEAD = 100_000  # seconds
_PUT_ON = f"""
import sys, time
from os.path import exists
flag, seconds, exact = sys.argv.pop(1), time.time, time.time_ns
time.time = lambda: seconds() + {_AHEAD} * exists(flag)
time.time_ns = lambda: exact() + {_AHEAD} * 10**9 * exists(flag)
from madang.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def free_port() -> int:
    """A port that nobody listens on now, and that nobody is given unasked while a server that was killed is down.

    Each process of a test run that xdist shares out has ports of its own.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    share = len(_PORTS) // _SHARES
    first = _PORTS.start + int(worker) % _SHARES * share
    while True:
        port = random.randrange(first, first + share)  # noqa: S311 - no secret
        with socket.socket() as bound, suppress(OSError):
            bound.bind(("127.0.0.1", port))
            return port


def clock_put_on_by(flag: Path) -> tuple[str, ...]:
    """The `madang` command, for which it is a day later as soon as the file ``flag`` is there."""
    return sys.executable, "-c", _PUT_ON, str(flag)
