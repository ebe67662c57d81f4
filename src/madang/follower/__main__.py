"""`python -m madang.follower --store S [--run R --segment X]`: the process beside the training.

It takes its lock before it loads anything else, so that one too many costs next to nothing.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from madang.formats import store as layout


def main(arguments: list[str]) -> int:
    """Follow the runs of a store until none lives."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    store = options.get("--store", "")
    if not store or set(options) - {"--store", "--run", "--segment"}:
        sys.stderr.write("usage: python -m madang.follower --store STORE [--run RUN --segment SEGMENT]\n")
        return 2
    _close_inherited()
    if not layout.hold(layout.follower_lock(store)):
        return 0  # another one is at work
    from madang.follower import process  # noqa: PLC0415 - one too many must not load all this

    process.settle()
    process.follow(store, options.get("--run", ""))
    return 0


def _close_inherited() -> None:
    """Let go of what the training had open: whoever reads the other end of a pipe waits for its last writer."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            with suppress(OSError):
                os.close(int(name))


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # nothing is left to do, and a stuck driver or server must not keep the process
