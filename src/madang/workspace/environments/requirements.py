"""Virtual environments from lists of requirements, as a model or a project brings them; kept by what they are made of.

Source of the format: MLflow's `python_env.yaml` (https://mlflow.org/docs/latest/ml/projects/): the version of Python,
the packages to build with, and the requirements, of which `-r FILE` names a file beside it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import ConfigError, CorruptData, NotFound, StorageError, Unavailable

_DONE = "madang.json"  # written last: an environment without it is not whole


@value
class PythonEnv:
    """What an environment is made of. An empty ``python`` is the one that runs madang."""

    python: str = ""
    requirements: tuple[str, ...] = ()


def read(path: str) -> PythonEnv:
    """Read a `python_env.yaml`, or a `requirements.txt`.

    Raises:
        NotFound: a file is not there.
        CorruptData: it is not such a file.
    """
    if path.endswith(".txt"):
        return PythonEnv("", tuple(_lines(path)))
    body = read_yaml(path)
    if not isinstance(body, dict):
        raise CorruptData(f"{path} does not describe an environment of Python.")
    listed = [line for key in ("build_dependencies", "dependencies") for line in body.get(key) or []]
    return PythonEnv(str(body.get("python") or ""), named(path, listed))


def read_yaml(path: str) -> Any:
    """What a file of YAML says. Raises `NotFound` and `CorruptData`."""
    try:
        with open(path, encoding="utf-8") as file:
            return YAML(typ="safe", pure=True).load(StringIO(file.read()))
    except OSError as error:
        raise NotFound(f"Cannot read {path}: {error.strerror}.") from error
    except (YAMLError, ValueError) as error:
        raise CorruptData(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error


def named(path: str, listed: Sequence[Any]) -> tuple[str, ...]:
    """The requirements of a list in a file, with those of the files that it names by `-r`. Raises as `read`."""
    found: list[str] = []
    for line in listed:
        if not isinstance(line, str):
            raise CorruptData(f"{path} has among the packages what is no requirement: {line!r}.")
        if line.startswith("-r "):
            found += _lines(os.path.join(os.path.dirname(path), line[3:].strip()))
        else:
            found.append(line)
    return tuple(dict.fromkeys(found))


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        raise NotFound(f"Cannot read {path}: {error.strerror}.") from error
    return [line for line in lines if line and not line.startswith("#")]


def provide(wanted: PythonEnv, folder: str, say: Callable[[str], None]) -> str:
    """The interpreter of such an environment below a folder: the one that is kept, else made now.

    Raises:
        ConfigError: neither uv nor the wanted version of Python is here.
        Unavailable: the packages cannot be fetched.
        StorageError: the disk refused.
    """
    version = wanted.python or ".".join(map(str, sys.version_info[:3]))
    key = json.dumps([version, wanted.requirements])
    place = os.path.join(folder, "requirements-" + hashlib.sha256(key.encode()).hexdigest()[:32])

    def make() -> None:
        say(f"Making an environment of Python {version} and {len(wanted.requirements)} requirements…")
        _make(place, version, wanted.requirements)

    return once(place, key, make)


def once(place: str, key: str, make: Callable[[], None]) -> str:
    """The interpreter of the environment at a place; it is made when it is not there, or was not made to its end.

    ``key`` says what it is made of. Of several processes one makes it, and the others wait.

    Raises:
        StorageError: the disk refused.
    """
    python = os.path.join(place, "bin", "python")
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place + ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(os.path.join(place, _DONE)) and os.access(python, os.X_OK):
                return python
            shutil.rmtree(place, ignore_errors=True)
            try:
                make()
                write_file(os.path.join(place, _DONE), key.encode())
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
    except OSError as error:
        raise StorageError(f"Cannot make the environment {place}: {error.strerror} ({error.filename}).") from error
    return python


def _make(place: str, version: str, requirements: Sequence[str]) -> None:
    uv = shutil.which("uv")
    python = os.path.join(place, "bin", "python")
    if uv:
        _run([uv, "venv", "--quiet", "--no-project", "--python", version, place], place)
        installer = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        if not version.startswith(".".join(map(str, sys.version_info[:2]))):
            raise ConfigError(f"Python {version} is wanted.", hint="Install uv, which brings other versions of Python.")
        _run([sys.executable, "-m", "venv", place], place)
        installer = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if requirements:
        listed = os.path.join(place, "requirements.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in requirements)
        _run([*installer, "-r", listed], place)


def _run(command: Sequence[str], place: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise Unavailable(f"Cannot make the environment {place}: {' '.join(said[-3:])[:500]}")
