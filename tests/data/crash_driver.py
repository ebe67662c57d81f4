"""Runs one madang command many times, each time failing at another operation on the disk.

Usage: crash_driver.py TEMPLATE TARGET MODE FIRST STEP COMMAND...; for n = FIRST, FIRST+STEP, … the folder TEMPLATE is
copied to TARGET/n and the command runs in TARGET/n/repo until its n-th operation, where the process dies at once (MODE
``kill``; the start of a program counts, too) or the disk is full (``full``). It ends with the first run that needed
fewer operations. Prints n and the exit code of each run.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

OPERATIONS = ("open", "write", "rename", "link", "symlink", "mkdir", "fsync", "unlink", "rmdir", "ftruncate", "chmod")


def fail_at(number: int, mode: str) -> Callable[[], int]:
    """Arrange the failure; the result tells how many operations there were."""
    count = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                if mode == "kill":
                    os._exit(137)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*args, **kwargs)

        return call

    for name in OPERATIONS:
        setattr(os, name, wrapped(getattr(os, name)))
    if mode == "kill":
        subprocess.run = wrapped(subprocess.run)
    return lambda: count


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
            operations = fail_at(number, mode)
            code = run(command)
            done = operations()
            os._exit(99 if done < number else code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reached = code != 99
        sys.stdout.write(f"{number} {code}\n")
        number += int(step)


main()
