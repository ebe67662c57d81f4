"""Virtual environments made from locks, kept by the lock's digest: the second time it is there at once."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from urllib.parse import unquote

from madang.domain.environments import INSTRUMENT, Lock, Package, counts, differences
from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import ConfigError, MadangError, StorageError
from madang.workspace.environments import interpreters, taking
from madang.workspace.environments.installing import Installer
from madang.workspace.environments.interpreters import Interpreter

_DONE = "madang.json"  # written last: an environment without it is not whole
_FORMAT = 1


@mutable
class Built:
    """An environment as recorded, or what is missing for it."""

    python: str = ""
    digest: str = ""
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    fetched: int = 0  # packages that came from their origin, not from an environment of this machine


@mutable
class Plan:
    """Where each package comes from."""

    taken: dict[Package, Interpreter] = field(default_factory=dict)
    fetched: list[Package] = field(default_factory=list)
    named: list[Package] = field(default_factory=list)  # modules come from the work tree; only its name is needed
    missing: dict[Package, str] = field(default_factory=dict)


def kept_in(variables: Mapping[str, str]) -> str:
    """The folder in which environments are kept: `$XDG_CACHE_HOME/madang/environments`, else below `~/.cache`."""
    home = variables.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")
    return os.path.join(home, "madang", "environments")


class Environments:
    """The environments that were made on this machine for this user."""

    def __init__(self, folder: str, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say

    def provide(self, lock: Lock, known: Sequence[Interpreter], root: str, *, anew: bool = False) -> Built:
        """The environment of a lock: the one that is kept, else made now.

        ``known`` are environments from which packages may be taken that are there as recorded. With ``anew`` none is:
        each package comes from its origin, but those installed in place. ``root`` is the work tree of the run; what was
        installed in place from it is imported from the clean work tree.

        Raises:
            StorageError: the disk refused. ConfigError: there is no installer.
        """
        python = interpreters.find(lock, known)
        if python is None:
            return Built(missing=[_no_python(lock)])
        name = lock.digest.removeprefix("sha256:")[:32] + ("-anew" if anew else "")
        place = os.path.join(self._folder, f"{name}-{python.python}")
        try:
            with _held(place):
                return self._kept(place, lock) or self._made(place, lock, python, known, root, anew)
        except OSError as error:
            raise StorageError(f"Cannot make the environment {place}: {error.strerror} ({error.filename}).") from error

    def _kept(self, place: str, lock: Lock) -> Built | None:
        """The environment made earlier, if it still is what it was."""
        try:
            with open(os.path.join(place, _DONE), encoding="utf-8") as file:
                told = json.load(file)
            notes = [str(note) for note in told["notes"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return self._checked(place, lock, notes, int(told.get("fetched", 0)))

    def _made(
        self, place: str, lock: Lock, python: Interpreter, known: Sequence[Interpreter], root: str, anew: bool
    ) -> Built:
        shutil.rmtree(place, ignore_errors=True)
        plan = _planned(lock, python, known, root, anew)
        self._say(f"Making an environment of {len(lock.packages)} packages…")
        try:
            _make_empty(place, python.base)
            room = _room(place)
            self._take(plan, room, root)
            notes = self._fetch(plan, lock, room, python)
            built = None if plan.missing else self._checked(place, lock, notes, len(plan.fetched))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        if built is None:
            shutil.rmtree(place, ignore_errors=True)
            return Built(missing=_lacking(plan))
        body = {"format": _FORMAT, "lock": lock.digest, "notes": notes, "fetched": len(plan.fetched)}
        write_file(os.path.join(place, _DONE), json.dumps(body, ensure_ascii=False).encode())
        return built

    def _take(self, plan: Plan, room: taking.Room, root: str) -> None:
        for package, source in list(plan.taken.items()):
            try:
                in_place = not _is_own(package, root)
                taking.take(source.folders[package.name], source.prefix, room, in_place=in_place)
            except MadangError as error:
                del plan.taken[package]
                if package.kind == "editable":
                    plan.missing[package] = error.message
                else:
                    plan.fetched.append(package)
        for package in plan.named:
            taking.name_only(package, room)

    def _fetch(self, plan: Plan, lock: Lock, room: taking.Room, python: Interpreter) -> list[str]:
        if not plan.fetched:
            return []
        self._say(f"Fetching {len(plan.fetched)} packages…")
        scratch = os.path.join(room.root, ".madang")
        os.makedirs(scratch, exist_ok=True)
        done = Installer(room.python, python.base, scratch).install(plan.fetched, lock)
        shutil.rmtree(scratch, ignore_errors=True)
        plan.missing |= {package: _unavailable(package, reason, lock) for package, reason in done.missing.items()}
        return done.notes

    def _checked(self, place: str, lock: Lock, notes: list[str], fetched: int) -> Built | None:
        """What has become of it, looked at from outside; None when it is not as recorded."""
        found = interpreters.look(_python(place))
        if found is None:
            return None
        asked = {(one.name, one.version): one.origin for one in lock.packages}  # each was asked for at its origin
        rows = [(one.name, one.version, asked.get((one.name, one.version), one.origin)) for one in found.packages]
        unlike = differences(lock, found.python, rows)
        if any(counts(line) for line in unlike if not line.startswith("python: ")):
            return None
        return Built(_python(place), lock.digest, notes=list(notes), differences=unlike, fetched=fetched)


def _planned(lock: Lock, python: Interpreter, known: Sequence[Interpreter], root: str, anew: bool) -> Plan:
    plan = Plan()
    fitting = [one for one in known if one.python.rpartition(".")[0] == python.python.rpartition(".")[0]]
    for package in lock.packages:
        is_tied = package.kind == "editable" or package.name == INSTRUMENT  # to this machine
        source = next((one for one in fitting if _has(one, package)), None) if is_tied or not anew else None
        if source is not None:
            plan.taken[package] = source
        elif _is_own(package, root):
            plan.named.append(package)
        elif reason := _unreachable(package):
            plan.missing[package] = reason
        else:
            plan.fetched.append(package)
    return plan


def _has(source: Interpreter, package: Package) -> bool:
    if package.name not in source.folders:
        return False
    return package in source.packages or package.name == INSTRUMENT


def _is_own(package: Package, root: str) -> bool:
    """Whether a package is installed in place from the run's own work tree."""
    folder = unquote(package.address.removeprefix("file://"))
    return package.kind == "editable" and bool(root) and f"{folder}/".startswith(root.rstrip("/") + "/")


def _unreachable(package: Package) -> str:
    """Why a package cannot be fetched from where it came from, as far as that is seen without trying."""
    if package.kind == "conda":
        return "conda installed it, and it is not there as recorded any more"
    if package.kind == "system":
        return "the operating system installed it, and it is not there as recorded any more"
    scheme, _, path = unquote(package.address).partition("://")
    path = path.rpartition("@")[0] if package.kind == "vcs" else path.partition("#")[0]
    if scheme.endswith("file") and not os.path.exists(path):
        return f"it was installed from {path}, which is gone"
    return ""


def _unavailable(package: Package, reason: str, lock: Lock) -> str:
    where = package.address or ", ".join(lock.indexes) or "the package index"
    return f"not available from {where} ({reason})"


def _no_python(lock: Lock) -> str:
    minor = ".".join(lock.python.split(".")[:2])
    name = "Python" if lock.implementation == "cpython" else lock.implementation
    return f"{name} {lock.python}: it is not installed here; install it, for example with `uv python install {minor}`"


def _lacking(plan: Plan) -> list[str]:
    found = [f"package {package}: {reason}" for package, reason in plan.missing.items()]
    return sorted(found) or ["the environment: what was installed is not what is recorded"]


def _make_empty(place: str, base: str) -> None:
    """A virtual environment with nothing in it.

    Raises:
        ConfigError: the interpreter cannot make one.
    """
    os.makedirs(os.path.dirname(place), exist_ok=True)
    done = subprocess.run(
        [base, "-I", "-m", "venv", "--without-pip", place],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise ConfigError(f"{base} cannot make a virtual environment: {said[-1][:300]}")


def _room(place: str) -> taking.Room:
    """The room for packages in a new environment."""
    done = subprocess.run(
        [_python(place), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return taking.Room(place, done.stdout.rstrip("\n"), _python(place))


def _python(place: str) -> str:
    return os.path.join(place, "bin", "python")


@contextmanager
def _held(place: str) -> Iterator[None]:
    """Let one process at a time look for, or make, an environment."""
    os.makedirs(os.path.dirname(place), exist_ok=True)
    descriptor = os.open(place + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
