"""The Pythons of this machine: which there are, and what each has installed. None is ever downloaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from madang.domain.environments import Lock, Package
from madang.domain.values import value
from madang.workspace import probe

_SECONDS = 60.0
_PROGRAMS = {"cpython": "python", "pypy": "pypy"}


@value
class Interpreter:
    """One Python as it is now."""

    path: str
    python: str  # its version
    implementation: str
    prefix: str  # of its environment
    base: str  # the interpreter that its virtual environment was made from; itself outside one
    packages: tuple[Package, ...]
    folders: Mapping[str, str]  # the folder of metadata by name


def look(path: str, variables: Mapping[str, str] | None = None) -> Interpreter | None:
    """Ask an interpreter; None when it does not start. ``variables`` are the environment in which it would run."""
    env = dict(os.environ if variables is None else variables)
    try:
        done = subprocess.run(
            [path, "-B", probe.__file__, "--folders"],
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        told = json.loads(done.stdout)
        folders = [tuple(map(str, row)) for row in told["folders"]]
        return Interpreter(
            path=path,
            python=str(told["python"]),
            implementation=str(told["implementation"]),
            prefix=str(told["prefix"]),
            base=str(told["base"]),
            packages=tuple(Package(*map(str, row)) for row in told["packages"]),
            folders={row[0]: row[3] for row in folders},
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, subprocess.SubprocessError):
        return None


def find(lock: Lock, known: Sequence[Interpreter]) -> Interpreter | None:
    """A Python of the lock's version, else one with another patch level; None when there is neither.

    ``known`` are looked at first. Then ``pythonX.Y`` on PATH, pyenv's versions and those that uv has installed.
    """
    nearest: Interpreter | None = None
    for candidate in _candidates(lock, known):
        if candidate.implementation != lock.implementation or _minor(candidate.python) != _minor(lock.python):
            continue
        if candidate.python == lock.python:
            return candidate
        nearest = nearest or candidate
    return nearest


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _candidates(lock: Lock, known: Sequence[Interpreter]) -> Iterator[Interpreter]:
    yield from known
    seen = {os.path.realpath(one.base) for one in known}
    for path in _paths(lock):
        if os.path.realpath(path) not in seen and os.access(path, os.X_OK):
            seen.add(os.path.realpath(path))
            found = look(path, _bare())
            if found is not None:
                yield found


def _paths(lock: Lock) -> Iterator[str]:
    name = _PROGRAMS.get(lock.implementation, lock.implementation)
    for folder in os.get_exec_path():
        yield os.path.join(folder, f"{name}{_minor(lock.python)}")
    pyenv = os.path.join(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "versions")
    for version in _versions(pyenv, _minor(lock.python)):
        yield os.path.join(pyenv, version, "bin", "python")
    yield from _of_uv(lock)


def _versions(folder: str, minor: str) -> list[str]:
    try:
        return sorted((one for one in os.listdir(folder) if _minor(one) == minor), reverse=True)
    except OSError:
        return []


def _of_uv(lock: Lock) -> Iterator[str]:
    uv = shutil.which("uv")
    for version in (lock.python, _minor(lock.python)) if uv else ():
        assert uv is not None
        command = [uv, "python", "find", "--no-python-downloads", "--offline", "--no-project", version]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True, cwd="/")
        except (OSError, subprocess.SubprocessError):
            continue
        yield done.stdout.strip()


def _bare() -> dict[str, str]:
    """Our environment without what leads an interpreter to other people's modules."""
    return {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
