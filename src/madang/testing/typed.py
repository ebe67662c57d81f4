"""Commands and scripts of tests: each is a process of its own, forked from one that has loaded what it loads first.

A test runs many of them, and loading the modules is most of what one costs. What a command inherits, does and answers
is as of the program itself. The program is started where Python itself is told something (``PYTHONPATH``), and where
somebody looks at a process from outside: what a run's follower records is the environment that its process began with.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

PROGRAM = str(Path(sys.executable).parent / "madang")
_PYTHON = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "VIRTUAL_ENV")  # what matters before any line of ours runs
_OF_RUNS = ("agent", "exp run", "repro", "reproduce", "run", "sweep", "why")  # followers look at how a process began
_HARMLESS = ("PYTHONDONTWRITEBYTECODE",)
_LEFT_OUT = ("edges", "server", "scoring", "testing", "_inject", "sdk.autolog", "__main__")  # modules of no command
_SERVER = "from madang.testing.typed import serve; serve({}, {!r})"
_NUMBER = 8  # bytes
_PIECE = 1 << 16
_Key = tuple[int, str, str]  # the process that asks, what is loaded, what Python is told
_servers: dict[_Key, tuple[socket.socket, subprocess.Popen[bytes]]] = {}


def typed(
    arguments: Sequence[str], folder: str, env: Mapping[str, str], given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a `madang` command to its end, as `subprocess.run` would, with ``given`` as its standard input."""
    command = [PROGRAM, *arguments]
    words = {" ".join(arguments[:1]), " ".join(arguments[:2])}
    if words.intersection(_OF_RUNS) or _of_python(env) != _of_python(os.environ):
        return subprocess.run(command, cwd=folder, env=env, input=given, capture_output=True, check=False)
    code, out, err = _forked(_server("", os.environ), "", arguments, folder, env, given)
    return subprocess.CompletedProcess(command, code, out, err)


def scripted(
    script: str, arguments: Sequence[str], folder: str, env: Mapping[str, str], loads: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a script to its end; ``loads`` are modules, apart by commas, that are there before it begins."""
    code, out, err = _forked(_server(loads, env), script, arguments, folder, env, b"")
    return subprocess.CompletedProcess([sys.executable, script, *arguments], code, out, err)


def _forked(
    server: socket.socket, script: str, arguments: Sequence[str], folder: str, env: Mapping[str, str], given: bytes
) -> tuple[int, bytes, bytes]:
    """The exit code of a process that a server forks, and what it wrote to its two outputs."""
    pipes = os.pipe(), os.pipe()
    mine, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as typed_in, mine:
        typed_in.write(given)
        typed_in.seek(0)
        with theirs:
            passed = [theirs.fileno(), typed_in.fileno(), *(write for _, write in pipes)]
            socket.send_fds(server, [b"."], passed)
        for _, write in pipes:
            os.close(write)
        asked = json.dumps([script, list(arguments), folder, dict(env)]).encode()
        mine.sendall(len(asked).to_bytes(_NUMBER) + asked)
        out, err = _read_all([read for read, _ in pipes])
        return int.from_bytes(_whole(mine, _NUMBER), signed=True), out, err


def _of_python(env: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in env.items() if name.startswith(_PYTHON) and name not in _HARMLESS}


def _read_all(pipes: Sequence[int]) -> list[bytes]:
    """What comes out of pipes until nobody holds their other ends."""
    found = {pipe: bytearray() for pipe in pipes}
    left = set(pipes)
    while left:
        for pipe in select.select(left, [], [])[0]:
            piece = os.read(pipe, _PIECE)
            found[pipe] += piece
            if not piece:
                left.remove(pipe)
                os.close(pipe)
    return [bytes(found[pipe]) for pipe in pipes]


def _whole(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = source.recv(size - len(found))
        if not piece:
            raise EOFError("The process that runs commands has ended.")
        found += piece
    return found


def _server(loads: str, env: Mapping[str, str]) -> socket.socket:
    """Where this process asks for commands, or for scripts before which modules are loaded."""
    key = os.getpid(), loads, repr(sorted(_of_python(env).items()))
    if key not in _servers:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVER.format(theirs.fileno(), loads)],
                cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        _servers[key] = mine, process
        atexit.register(_end, key)
    return _servers[key][0]


def _end(key: _Key) -> None:
    if os.getpid() == key[0]:
        door, process = _servers.pop(key)
        door.close()
        process.wait()


def serve(descriptor: int, loads: str) -> None:
    """Fork a process for each command that is asked for, until nobody can ask any more."""
    _load(loads.split(",") if loads else _of_commands())
    door = socket.socket(fileno=descriptor)
    woken, waking = os.pipe()
    for end in (woken, waking):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    while True:
        ready = select.select([door.fileno(), woken], [], [])[0]
        if woken in ready:
            with suppress(BlockingIOError):
                os.read(woken, _PIECE)
            _tell_ends(running)
        if door.fileno() in ready:
            told, passed, _, _ = socket.recv_fds(door, 1, 4)
            if not told:
                return
            asker = socket.socket(fileno=passed[0])
            process = os.fork()
            if not process:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (door, *running.values()):
                    other.close()
                os.close(woken)
                os.close(waking)
                _become(asker, passed[1:])
            running[process] = asker
            for file in passed[1:]:
                os.close(file)


def _of_commands() -> list[str]:
    """All modules that commands load."""
    folder = str(Path(__file__).parents[1])
    found = [module.name for module in pkgutil.walk_packages([folder], "madang.")]
    return [name for name in found if not any(f".{part}." in f"{name}." for part in _LEFT_OUT)]


def _load(modules: Iterable[str]) -> None:
    """Load modules once for all."""
    for name in modules:
        with suppress(ImportError):  # of an extra
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _renew_folders() -> None:
    """Make temporary folders that modules made when they were loaded: a process before, at its end, took them away."""
    for finalizer in list(vars(weakref.finalize)["_registry"]):
        found = finalizer.peek()
        if found and isinstance(found[0], tempfile.TemporaryDirectory):
            os.makedirs(found[0].name, exist_ok=True)


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """Tell those who asked how their commands ended."""
    while running:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        with running.pop(process) as asker, suppress(OSError):
            asker.sendall(os.waitstatus_to_exitcode(status).to_bytes(_NUMBER, signed=True))


def _become(asker: socket.socket, files: Sequence[int]) -> NoReturn:
    """Be the command that is asked for."""
    script, arguments, folder, env = json.loads(_whole(asker, int.from_bytes(_whole(asker, _NUMBER))))
    asker.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    tempfile.tempdir = None
    sys.argv[:] = [script or PROGRAM, *arguments]
    sys.orig_argv[:] = [sys.executable, *sys.argv]
    code: object = 0
    try:
        sys.path[0] = os.path.dirname(script or PROGRAM)  # and not the folder it is typed in, as for `python -c`
        if script:
            _renew_folders()
            runpy.run_path(script, run_name="__main__")
        else:
            importlib.import_module("madang.cli.entry").main()
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # noqa: BLE001 - the outermost edge of a program
        sys.excepthook(*sys.exc_info())
        code = 1
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as at the end of any program, without taking it all apart
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)
