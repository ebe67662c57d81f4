"""Versions: immutable, named trees of blobs; the pointers at them; and how their names are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import value
from madang.errors import InvalidInput

STAGES = ("staging", "production", "archived")
GONE = "madang.gone"  # the tag of a version whose bytes were removed: why

_NUMBERED = re.compile(r"v(\d{1,18})\Z")
SOURCE = "madang.source"  # the tag of a version that shows one of another collection: PROJECT/NAME:vN

_ADDRESS = r"[A-Za-z][A-Za-z0-9+.-]*://"
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f:@\\]")


@value
class Entry:
    """One file of a version; with a ``uri`` a reference to bytes that lie there.

    A reference has in ``digest`` what its source said of the bytes (``md5:HEX`` or ``etag:TEXT``), or ``blake3:HEX``
    when this store has them too. ``about`` is what a client needs to find them again, as a JSON object.
    """

    path: str  # relative, "/" between parts
    digest: str  # blake3:HEX
    size: int
    uri: str = ""  # empty, or SCHEME://…
    about: str = ""

    @property
    def is_held(self) -> bool:
        """Whether the bytes are in a store of ours."""
        return self.digest.startswith("blake3:")

    def packed(self) -> list[str | int]:
        """As it rests: what only references have is left out of the others."""
        own: list[str | int] = [self.path, self.digest, self.size]
        return [*own, self.uri, self.about] if self.uri else own


@value
class VersionRecord:
    """One version as readers see it. ``number`` is shown as ``v3``."""

    project: str
    name: str
    type: str
    number: int
    digest: str  # of the manifest: the tree's identity
    size: int
    files: int
    created_at: int  # µs UTC
    run: str = ""  # that wrote it
    aliases: tuple[str, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    actor: str = ""
    updated_at: int = 0  # µs UTC; 0: as it was made

    @property
    def ref(self) -> str:
        """The exact name, e.g. ``iris-logreg:v2``."""
        return f"{self.name}:v{self.number}"


@value
class PointerChange:
    """One move of an alias or stage: the registry's history."""

    project: str
    name: str
    alias: str
    number: int | None  # None: the alias was taken away
    before: int | None
    actor: str
    at: int  # µs UTC
    reason: str = ""


@value
class VersionChange:
    """What is to be said of a version from now on; None leaves it as it is."""

    description: str | None = None
    metadata: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    at: int = 0  # µs UTC, shown as the time of the change; 0: it is shown as unchanged


@value
class CollectionChange:
    """As `VersionChange`, of a collection."""

    description: str | None = None
    tags: Mapping[str, str] | None = None
    at: int = 0


@value
class AliasMove:
    """A move that is wanted: an alias of a name to a version, or away (None), from where it points now."""

    project: str
    name: str
    alias: str
    number: int | None
    expected: int | None


@value
class Ref:
    """A parsed reference: a collection's name with a version number or an alias."""

    name: str
    number: int | None = None
    alias: str = "latest"


def parse_ref(text: str) -> Ref:
    """``name``, ``name:v3``, ``name:alias`` or ``name@alias``.

    Raises:
        InvalidInput: empty name or alias, or a forbidden sign.
    """
    for sign in "@:":
        name, found, rest = text.rpartition(sign)
        if found:
            numbered = _NUMBERED.match(rest) if sign == ":" else None
            if numbered:
                return Ref(check_name(name), int(numbered[1]), "")
            return Ref(check_name(name), None, check_name(rest, "alias").lower() if rest else check_name(rest, "alias"))
    return Ref(check_name(text))


def stage_in(aliases: Mapping[str, int], number: int) -> str:
    """The stage that a version is in, by the pointers of its model; empty without one.

    A stage is the alias of its name. Further versions of a stage hold aliases of the form ``production/3``.
    """
    for alias, target in aliases.items():
        if target == number and alias.partition("/")[0] in STAGES:
            return alias.partition("/")[0]
    return ""


def check_name(text: str, what: str = "name") -> str:
    """The one canonical form of a name: NFC, no blanks at the ends, no control sign, colon, at sign or backslash.

    Raises:
        InvalidInput: it is no text, empty, too long (over 255 bytes of UTF-8), or has a forbidden sign.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"A {what} is a text, not {text!r:.80}.")
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name.encode("utf-8", "replace")) > 255 or name in (".", ".."):
        raise InvalidInput(f"{text[:80]!r} cannot be the {what} of anything.", hint="Use 1 to 255 bytes of text.")
    if _FORBIDDEN.search(name) or ".." in name.split("/") or name.startswith("/"):
        raise InvalidInput(
            f"The {what} {text[:80]!r} has a sign that names may not have.",
            hint="Leave out colons, at signs, backslashes and control signs.",
        )
    return name


def check_reference(entry: Entry) -> Entry:
    """An entry that refers to bytes elsewhere.

    Raises:
        InvalidInput: no address, or texts and sizes that cannot be.
    """
    texts = (entry.digest, entry.uri, entry.about)
    kind = entry.digest.partition(":")[0]
    is_odd = kind not in ("md5", "etag", "blake3") or any("\x00" in text or len(text) > 8192 for text in texts)
    if not re.match(_ADDRESS, entry.uri) or is_odd or not 0 <= entry.size < 1 << 62:
        raise InvalidInput(f"{entry.path[:200]!r} is no reference: {entry.uri[:200]!r}.", hint="Write SCHEME://PLACE.")
    return entry


def check_path(text: str) -> str:
    """A path inside a version or run: relative, no ``..``, no empty part, no NUL, no backslash.

    Raises:
        InvalidInput: the path could lead out of its tree.
    """
    parts = text.split("/")
    if "\x00" in text or "\\" in text or any(part in ("", ".", "..") for part in parts) or len(text) > 4096:
        raise InvalidInput(f"{text[:80]!r} is not a path inside a tree.", hint="Use a relative path without '..'.")
    return text


def check_tree(paths: Iterable[str]) -> None:
    """That paths, each good by itself, can lie in one folder: none is the folder of another.

    Raises:
        InvalidInput: one is.
    """
    before = ""
    for path in sorted(path.replace("/", "\0") for path in paths):  # a folder's name comes right before what is in it
        if before and path.startswith(f"{before}\0"):
            file, inside = (name.replace("\0", "/")[:200] for name in (before, path))
            raise InvalidInput(
                f"{file!r} is a file, and the folder of {inside!r}.", hint="Give one of them another name."
            )
        before = path
