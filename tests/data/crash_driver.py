"""Runs one madang command many times, each time failing at another operation on the disk.

Usage: crash_driver.py TEMPLATE TARGET MODE FIRST STEP COMMAND...; for n = FIRST, FIRST+STEP, … the folder TEMPLATE is
copied to TARGET/n and the command runs in TARGET/n/repo until its n-th operation, where the process dies at once (MODE
``kill``; the start of a program counts, too), the disk is full just then (``full``) or from then on (``filled``), or
after which someone changes the first byte of the file REPO/large, or makes one (``user``). It ends with the first run
that needed fewer operations. Prints n and the exit code of each run.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

OPERATIONS = (
    *("open", "write", "rename", "link", "symlink", "mkdir", "fsync", "unlink", "rmdir", "ftruncate", "chmod"),
    "copy_file_range",
)
TAKING = ("write", "copy_file_range", "mkdir", "link", "symlink")  # operations that need room on the disk


def fail_at(number: int, mode: str, large: str) -> Callable[[], int]:
    """Arrange the failure; the result tells how many operations there were."""
    counter, done = count(1), 0

    def wrapped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            done = position = next(counter)
            if position == number and mode == "kill":
                os._exit(137)
            if position == number and mode == "user":
                try:
                    return original(*args, **kwargs)
                finally:
                    change(large)
            is_taking = name in TAKING or (name == "open" and args[1] & os.O_CREAT)
            if (position == number and mode == "full") or (position >= number and mode == "filled" and is_taking):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*args, **kwargs)

        return call

    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    if mode == "kill":
        subprocess.run = wrapped("run", subprocess.run)
    return lambda: done


def change(path: str) -> None:
    """What a user does to a file: its first byte becomes a capital X."""
    with open(path, "r+b" if os.path.exists(path) else "wb") as file:
        file.write(b"X")


def main() -> None:
    """See the module's text."""
    template, target, mode, first, step, *command = sys.argv[1:]
    os.environ["TMPDIR"] = os.path.join(target, "tmp")  # what the dead leave there goes with the test
    os.makedirs(os.environ["TMPDIR"])
    number = int(first)
    reached = True
    while reached:
        folder = os.path.join(target, str(number))
        shutil.copytree(template, folder, symlinks=True)
        pid = os.fork()
        if pid == 0:
            from madang.cli.main import run

            os.chdir(os.path.join(folder, "repo"))
            operations = fail_at(number, mode, os.path.join(folder, "repo", "large"))
            code = run(command)
            done = operations()
            os._exit(99 if done < number else code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reached = code != 99
        sys.stdout.write(f"{number} {code}\n")
        number += int(step)


main()
