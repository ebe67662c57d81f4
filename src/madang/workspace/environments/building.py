"""Virtual environments made from locks, kept by the lock's digest: the second time it is there at once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field

from madang.domain.environments import Lock, Package, counts, differences
from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import ConfigError, MadangError, StorageError
from madang.workspace.environments import interpreters, taking
from madang.workspace.environments.installing import Installer
from madang.workspace.environments.interpreters import Interpreter
from madang.workspace.environments.planning import Plan, is_own, planned

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
        key = json.dumps([lock.digest, lock.indexes, python.python, anew])
        place = os.path.join(self._folder, hashlib.sha256(key.encode()).hexdigest()[:32])
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
        return self._checked(place, lock, notes)

    def _made(
        self, place: str, lock: Lock, python: Interpreter, known: Sequence[Interpreter], root: str, anew: bool
    ) -> Built:
        shutil.rmtree(place, ignore_errors=True)
        plan = planned(lock, python, known, root, anew)
        self._say(f"Making an environment of {len(lock.packages)} packages…")
        try:
            built = self._filled(place, lock, python, plan, root)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        if built.missing:
            shutil.rmtree(place, ignore_errors=True)
            return built
        body = {"format": _FORMAT, "lock": lock.digest, "notes": built.notes}
        write_file(os.path.join(place, _DONE), json.dumps(body, ensure_ascii=False).encode())
        return built

    def _filled(self, place: str, lock: Lock, python: Interpreter, plan: Plan, root: str) -> Built:
        """Make it and bring the packages in: first what may be missing, last what costs much."""
        _make_empty(place, python.base)
        new = _described(place)
        notes = self._fetch(plan, plan.fetched, lock, new, python)
        if not plan.missing:
            notes += self._fetch(plan, self._take(plan, new, root), lock, new, python)
        if plan.missing:
            return Built(missing=plan.lacking())
        whole = self._checked(place, lock, notes)
        return whole or Built(missing=["the environment: what was installed is not what is recorded"])

    def _take(self, plan: Plan, new: taking.NewEnvironment, root: str) -> list[Package]:
        """Take packages over; returns those that are not what was installed any more."""
        spoilt = []
        for package, source in plan.taken.items():
            try:
                in_place = not is_own(package, root)
                taking.take(source.folders[package.name], source.prefix, new, in_place=in_place)
            except MadangError as error:
                if package.kind == "editable":
                    plan.missing[package] = error.message
                else:
                    spoilt.append(package)
        for package in plan.named:
            taking.name_only(package, new)
        return spoilt

    def _fetch(
        self, plan: Plan, packages: Sequence[Package], lock: Lock, new: taking.NewEnvironment, python: Interpreter
    ) -> list[str]:
        """Install packages from where they came; returns what should be known of them."""
        if not packages:
            return []
        self._say(f"Fetching {len(packages)} packages…")
        scratch = os.path.join(new.root, ".madang")
        os.makedirs(scratch, exist_ok=True)
        done = Installer(new.python, python.base, scratch).install(packages, lock)
        shutil.rmtree(scratch, ignore_errors=True)
        for package, reason in done.missing.items():
            plan.missing[package] = f"not available from {package.address or 'its index'} ({reason})"
        return done.notes

    def _checked(self, place: str, lock: Lock, notes: list[str]) -> Built | None:
        """What has become of it, looked at from outside; None when it is not as recorded."""
        found = interpreters.look(_python(place))
        if found is None:
            return None
        asked = {(one.name, one.version): one.origin for one in lock.packages}  # each was asked for at its origin
        rows = [(one.name, one.version, asked.get((one.name, one.version), one.origin)) for one in found.packages]
        unlike = differences(lock, found.python, rows)
        if any(counts(line) for line in unlike if not line.startswith("python: ")):
            return None
        return Built(_python(place), lock.digest, notes=list(notes), differences=unlike)


def _no_python(lock: Lock) -> str:
    minor = ".".join(lock.python.split(".")[:2])
    name = "Python" if lock.implementation == "cpython" else lock.implementation
    return f"{name} {lock.python}: it is not installed here; install it, for example with `uv python install {minor}`"


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


def _described(place: str) -> taking.NewEnvironment:
    """Where packages lie in a new environment."""
    done = subprocess.run(
        [_python(place), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return taking.NewEnvironment(place, done.stdout.rstrip("\n"), _python(place))


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
