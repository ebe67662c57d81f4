"""Objects in S3 (and what speaks like it), Google Cloud Storage and Azure, through obstore.

obstore is imported here only, and this module only when a cloud store is opened (``pip install madang[cloud]``).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from madang.errors import AccessDenied, ConfigError, InvalidInput, MadangError, NotFound, Unauthenticated, Unavailable
from madang.ports.objects import Batch, ObjectStat, Source, checked_key

try:
    import obstore
    from obstore import exceptions as refusals
except ImportError as _error:
    raise ConfigError(
        "Cloud stores need the package obstore, which is not installed.", hint="pip install 'madang[cloud]'"
    ) from _error

_T = TypeVar("_T")
_SMALL = 8 << 20  # up to so many bytes an object is read in one request
_LIST_PAGE = 1000


class CloudObjects:
    """An `Objects` store in a bucket, below a prefix."""

    def __init__(self, store: Any, name: str, *, keeps_backslashes: bool = True, no_puts: str = "") -> None:
        """``store`` is an obstore store that starts at the prefix; ``name`` is its address, for messages.

        ``no_puts`` is why nothing may be stored, if so.
        """
        self._no_puts = no_puts
        self._store = store
        self.name = name
        self._keeps_backslashes = keeps_backslashes

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`."""
        options = _range(start, length)
        if options is None:
            self._answered(key, lambda: obstore.head(self._store, self._checked(key)))
            return io.BytesIO()
        try:
            result = self._answered(key, lambda: obstore.get(self._store, self._checked(key), options=options))
        except _RangePastEnd:
            return io.BytesIO()
        return self._opened(key, result)

    def _opened(self, key: str, result: Any) -> BinaryIO:
        if result.range[1] - result.range[0] <= _SMALL:
            return io.BytesIO(self._answered(key, lambda: bytes(result.bytes())))
        return io.BufferedReader(_Stream(self, key, iter(result.stream(min_chunk_size=1 << 20))), 1 << 20)

    def open_version(self, key: str, version: str) -> BinaryIO:
        """See `Versioned.open_version`."""
        options: Any = {"version": version}
        result = self._answered(key, lambda: obstore.get(self._store, self._checked(key), options=options))
        return self._opened(key, result)

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        return self._answered(key, lambda: bytes(obstore.get(self._store, self._checked(key)).bytes()))

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """See `Objects.put`. A large object goes up in parts and becomes visible with the last one."""
        self._checked(key)
        if self._no_puts:
            raise ConfigError(
                f"{self.name}: {self._no_puts}, so nothing is stored there.",
                hint="Use dvc push, or the bucket's policy.",
            )
        body = Path(source) if isinstance(source, os.PathLike) else source
        if not if_absent:
            self._answered(key, lambda: obstore.put(self._store, key, body))
            return True
        # A multi-part upload cannot be made conditional everywhere; what is conditional goes up in one request.
        whole = body if isinstance(body, bytes) else body.read_bytes() if isinstance(body, Path) else body.read()
        try:
            self._answered(key, lambda: obstore.put(self._store, key, whole, mode="create", use_multipart=False))
        except _Exists:
            return False
        return True

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """See `Objects.batch`. Each object is durable when the store has taken it."""
        yield _Puts(self)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Objects.stat`."""
        try:
            found = self._answered(key, lambda: obstore.head(self._store, self._checked(key)))
        except NotFound:
            return None
        return ObjectStat(key, found["size"])

    def tag(self, key: str) -> str | None:
        """See `Tagged.tag`: the entity tag, without its quotes."""
        try:
            found = self._answered(key, lambda: obstore.head(self._store, self._checked(key)))
        except NotFound:
            return None
        return _bare(found["e_tag"])

    def version(self, key: str, name: str = "") -> tuple[str, int, str] | None:
        """See `Versioned.version`."""
        options: Any = {"head": True, **({"version": name} if name else {})}
        try:
            found = self._answered(key, lambda: obstore.get(self._store, self._checked(key), options=options).meta)
        except NotFound:
            return None
        return _bare(found["e_tag"]) or "", found["size"], found.get("version") or ""

    def tags(self, prefix: str) -> dict[str, str]:
        """See `Tagged.tags`."""
        start = f"{self._checked(prefix)}/" if prefix else None
        pages = self._answered(prefix, lambda: obstore.list(self._store, prefix=start, chunk_size=_LIST_PAGE))
        found: dict[str, str] = {}
        while (page := self._answered(prefix, lambda: next(pages, None))) is not None:
            found.update({one["path"]: tag for one in page if (tag := _bare(one["e_tag"]))})
        return found

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See `Objects.list`."""
        start = f"{self._checked(prefix)}/" if prefix else None
        pages = self._answered(prefix, lambda: obstore.list(self._store, prefix=start, chunk_size=_LIST_PAGE))
        while (page := self._answered(prefix, lambda: next(pages, None))) is not None:
            for found in page:
                yield ObjectStat(found["path"], found["size"])

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        try:
            self._answered(key, lambda: obstore.delete(self._store, self._checked(key)))
        except NotFound:
            return

    def close(self) -> None:
        """See `Objects.close`. obstore closes its connections itself."""

    def _checked(self, key: str) -> str:
        if "\\" in key and not self._keeps_backslashes:
            raise InvalidInput(f"The object key {key[:80]!r} has a backslash, which {self.name} takes for a slash.")
        return checked_key(key)

    def _answered(self, key: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except FileNotFoundError as error:
            raise self._not_found(key, str(error)) from None
        except refusals.AlreadyExistsError as error:
            raise _Exists(key) from error
        except (refusals.PermissionDeniedError, refusals.UnauthenticatedError) as error:
            kind = Unauthenticated if isinstance(error, refusals.UnauthenticatedError) else AccessDenied
            raise kind(
                f"{self.name} refused the credentials ({_short(error)}).",
                hint="Check the access keys, the profile and the rights on the bucket.",
            ) from error
        except refusals.BaseError as error:
            if "InvalidRange" in str(error) or "416" in str(error):
                raise _RangePastEnd(key) from error
            if "token request" in str(error):
                raise Unauthenticated(
                    f"{self.name}: no credential is found here ({_short(error)}).",
                    hint="Set credentialpath, or log in with the cloud's own tool.",
                ) from error
            raise Unavailable(
                f"{self.name} did not answer as it should ({_short(error)}).",
                hint="Check the address and the network, then repeat: nothing is half done.",
            ) from error

    def _not_found(self, key: str, answer: str) -> MadangError:
        if "NoSuchVersion" in answer:
            return NotFound(f"There is no such version of {key!r} in {self.name}.")
        if "NoSuchBucket" in answer:
            return ConfigError(f"The bucket of {self.name} does not exist.", hint="Make it, or correct the url.")
        return NotFound(f"There is no object {key!r} in {self.name}.")


class _Exists(MadangError):
    """The conditional put found an object."""


class _RangePastEnd(MadangError):
    """A read that starts at or behind the end."""


class _Puts:
    def __init__(self, store: CloudObjects) -> None:
        self._store = store

    def put(self, key: str, source: Source) -> None:
        self._store.put(key, source)


class _Stream(io.RawIOBase):
    """The chunks of a download as a file."""

    def __init__(self, store: CloudObjects, key: str, chunks: Iterator[Any]) -> None:
        self._store = store
        self._key = key
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if not self._rest:
            chunk = self._store._answered(self._key, lambda: next(self._chunks, None))
            if chunk is None:
                return 0
            self._rest = memoryview(bytes(chunk))
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _range(start: int, length: int | None) -> Any:
    """The options of a read: {} for all of it, None when no byte is wanted."""
    if length is not None:
        return {"range": (start, start + length)} if length > 0 else None
    return {"range": {"offset": start}} if start else {}


def _short(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__


def _bare(tag: str | None) -> str | None:
    """An entity tag without its quotes."""
    return tag.strip('"') if tag else None
