"""A recorded environment as a lock: the interpreter and the packages, each with its version and origin."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias
from urllib.parse import quote

from madang.domain.events import Environment
from madang.domain.values import value

INSTRUMENT = "madang"  # records a run and is no part of it: another version of it is told, and changes no result

_PLAIN = "%/:@+#=&?,;~!$'()*[]"  # signs of addresses that stand for themselves

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*\Z")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

Kind: TypeAlias = Literal["index", "conda", "system", "vcs", "archive", "folder", "editable", "unknown"]


@value
class Package:
    """One installed distribution. ``origin`` is written as in docs/formats/capture.md."""

    name: str
    version: str
    origin: str = "index"

    @property
    def kind(self) -> Kind:
        """How it was installed."""
        if self.origin in ("index", "conda", "system", "unknown"):
            return self.origin  # type: ignore[return-value]  # the four words of the literal type
        if self.origin.startswith("editable "):
            return "editable"
        if "+" in self.origin.partition("://")[0]:
            return "vcs"
        if self.origin.startswith("file://") and "#" not in self.origin:
            return "archive" if self.origin.endswith((".whl", ".zip", ".tar.gz")) else "folder"
        return "archive"

    @property
    def address(self) -> str:
        """Where a direct installation came from; empty for a package of an index."""
        return self.origin.removeprefix("editable ") if "://" in self.origin else ""

    @property
    def is_plain(self) -> bool:
        """Whether name, version and address are what packages have: a record may come from anybody.

        Others could pass for options of an installer, or lead out of the folder of packages.
        """
        is_named = _NAME.match(self.name) is not None and _VERSION.match(self.version) is not None
        return is_named and (not self.address or _ADDRESS.match(self.address) is not None)

    @property
    def requirement(self) -> str:
        """The package as pip and uv read it, pinned; only of one that `is_plain`."""
        if self.kind == "editable":
            return f"-e {quote(self.address, safe=_PLAIN)}"
        if self.kind == "vcs" and ":///" in self.origin:  # older pips want a host in a named requirement
            return f"{quote(self.origin, safe=_PLAIN)}#egg={self.name}"
        if self.kind in ("vcs", "archive", "folder"):
            return f"{self.name} @ {quote(self.origin, safe=_PLAIN)}"
        return f"{self.name}=={self.version}"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@value
class Lock:
    """All that an environment is built from. Equal locks have equal digests on every machine."""

    python: str
    implementation: str
    packages: tuple[Package, ...]
    indexes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of interpreter and packages; where they are fetched from does not count."""
        body = [self.python, self.implementation, [[one.name, one.version, one.origin] for one in self.packages]]
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def lock_of(recorded: Environment) -> Lock:
    """The lock of a recorded environment."""
    return Lock(
        recorded.python,
        recorded.implementation or "cpython",
        tuple(Package(*row) for row in sorted(map(tuple, recorded.packages))),
        tuple(recorded.indexes),
    )


def differences(lock: Lock, python: str, packages: Iterable[Sequence[str]]) -> list[str]:
    """How an environment differs from the lock, a line for the interpreter and for each package."""
    found = [f"python: {lock.python} → {python or 'absent'}"] if lock.python != python else []
    then = {one.name: one for one in lock.packages}
    now = {one.name: one for one in (Package(*row) for row in packages)}
    for name in sorted(then.keys() | now.keys()):
        one, other = then.get(name), now.get(name)
        if one != other:
            found.append(f"{name}: {_said(one, other)} → {_said(other, one)}")
    return found


def counts(difference: str) -> bool:
    """Whether a line of `differences` may change a result."""
    return not difference.startswith(f"{INSTRUMENT}: ")


def _said(package: Package | None, other: Package | None) -> str:
    """A version, with the origin where nothing else tells two packages apart."""
    if package is None:
        return "absent"
    is_told = other is None or other.version != package.version
    return package.version if is_told else f"{package.version} ({package.origin})"
