"""Runs one madang command many times and stops it each time at another random moment.

Usage: kill_driver.py TEMPLATE TARGET SIGNAL COUNT SEED COMMAND...; for each of COUNT numbers the folder TEMPLATE is
copied to TARGET/number and the command runs in TARGET/number/repo until SIGNAL (``KILL`` or ``INT``) ends it, at a
moment between its beginning and a little after its usual end. Prints the number and exit code of each run (-9: killed).
With ``WORKERS`` in the environment even a few files are worked on by forked processes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time

from madang.workspace.data.objects import forks, parallel


def start(folder: str, command: list[str]) -> int:
    """Run the command in a child that has imported everything already. Returns its process id."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until the child can answer one
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        return pid
    code = 70
    try:
        from madang.cli.main import run

        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        os.chdir(os.path.join(folder, "repo"))
        code = run(command)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    except KeyboardInterrupt:  # it came before the command had begun, or after it had ended
        code = 130
    finally:
        os._exit(code)


def main() -> None:
    """See the module's text."""
    template, target, name, count, seed, *command = sys.argv[1:]
    if "WORKERS" in os.environ:
        parallel.MANY, forks.CHUNK = 1, 3
    os.makedirs(target)
    chance = random.Random(int(seed))
    quiet = os.open(os.path.join(target, "output"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    usual = 0.0
    for number in range(-2, int(count)):
        folder = os.path.join(target, str(number))
        shutil.copytree(template, folder, symlinks=True)
        if number == -2:  # once here, so that every child finds the modules loaded
            from madang.cli.main import run

            os.chdir(os.path.join(folder, "repo"))
            assert run(command) == 0
            os.chdir("/")
            continue
        began = time.monotonic()
        pid = start(folder, command)
        if number == -1:
            os.waitpid(pid, 0)
            usual = time.monotonic() - began
            continue
        time.sleep(chance.uniform(0, 1.1) * usual)
        os.kill(pid, signal.SIGKILL if name == "KILL" else signal.SIGINT)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answers.write(f"{number} {code}\n")
        answers.flush()


main()
