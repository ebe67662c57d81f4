"""A project's data on a hub, as a store of objects (docs/formats/hub-data.md).

Existence is asked for thousands of objects in one request, and small objects travel in packs.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from madang.client import large
from madang.client.http import HubClient
from madang.client.web import Resumed, body_of
from madang.errors import NotFound, Unavailable
from madang.formats import hub_data, wire
from madang.ports.objects import Batch, ObjectStat, Source, checked_key

ROOT = "/dvc"
ADVICE = "Check the remote's url and that the hub runs, then repeat: nothing is half done."
PACK = 8 << 20  # bytes of objects gathered for one request
PACK_OBJECTS = 4000
_BUFFER = 1 << 18


def project_of(url: str) -> tuple[str, str] | None:
    """The hub's address and the project in ``http://HUB/dvc/PROJECT``; None for any other address."""
    try:
        parts = urlsplit(url)
    except ValueError:  # whoever opens it says what is wrong
        return None
    base, sign, name = parts.path.rstrip("/").rpartition(f"{ROOT}/")
    if not sign or not name or "/" in name or parts.query or parts.fragment or parts.scheme not in ("http", "https"):
        return None
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{base}", unquote(name)


class HubObjects:
    """An `Objects` store, and `ManyAtOnce`: the data of one project. Only keys of data objects are taken."""

    small = hub_data.SMALL

    def __init__(self, hub: HubClient, project: str) -> None:
        """``hub`` is a client whose root is `ROOT`."""
        self.project = project
        self._hub = hub

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`. A download that breaks off goes on where it was."""
        path, end = self._path(key), ""
        if start or length is not None:
            found = self.stat(key)
            if found is None:
                raise NotFound(f"{self._called} has no data object {key!r}.")
            last = found.size if length is None else min(start + length, found.size)
            if start >= last:
                return io.BytesIO()
            end = str(last - 1)

        def opened(at: int) -> BinaryIO:
            span = {"range": f"bytes={at}-{end}"} if at or end else {}
            return self._hub.download(path, headers={"accept": "*/*", **span})

        return io.BufferedReader(Resumed(opened, start), _BUFFER)

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        return self._hub.request("GET", self._path(key), headers={"accept": "*/*"}).body

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """See `Objects.put`. What is there already has the same bytes: the key is their digest."""
        path = self._path(key)
        if if_absent and self.stat(key) is not None:
            return False
        body, size = body_of(source)
        parts = key.split("/")
        if (
            isinstance(source, os.PathLike)
            and size >= large.LARGE
            and large.send(self._hub, self.project, parts, source, size)
        ):
            return True
        headers = {"content-type": "application/octet-stream"}
        self._hub.request("PUT", path, headers=headers, body=body, size=size)
        return True

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """See `Objects.batch`. Small objects go up together."""
        packs = _Packs(self)
        yield packs
        packs.flush()

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store small objects, all of them or none."""
        self._ask("put", hub_data.Pack(list(objects)), hub_data.Stored)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Objects.stat`."""
        try:
            answer = self._hub.request("HEAD", self._path(key))
        except NotFound:
            return None
        size = answer.headers.get("content-length", "")
        if not size.isdigit():
            raise Unavailable(f"{answer.url} does not tell the size of an object.", hint=ADVICE)
        return ObjectStat(key, int(size))

    def sizes(self, keys: Sequence[str]) -> dict[str, int]:
        """See `ManyAtOnce.sizes`."""
        found: dict[str, int] = {}
        for start in range(0, len(keys), hub_data.MAX_KEYS):
            part = list(keys[start : start + hub_data.MAX_KEYS])
            told = self._ask("sizes", hub_data.Keys(part), hub_data.Sizes).sizes
            if len(told) != len(part) or any(size is not None and size < 0 for size in told):
                raise Unavailable(f"{self._called} does not answer as a hub of madang does.", hint=ADVICE)
            found.update((key, size) for key, size in zip(part, told, strict=True) if size is not None)
        return found

    def read_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `ManyAtOnce.read_many`."""
        left = list(keys)
        while left:
            asked = set(left[: hub_data.MAX_KEYS])
            objects = self._ask("get", hub_data.Keys(left[: hub_data.MAX_KEYS]), hub_data.Pack).objects
            if any(key not in asked for key, _ in objects):
                raise Unavailable(f"{self._called} sends objects that nobody asked for.", hint=ADVICE)
            yield from objects
            left = left[left.index(objects[-1][0]) + 1 :] if objects else left[hub_data.MAX_KEYS :]

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See `Objects.list`."""
        start, after = f"{checked_key(prefix)}/" if prefix else "", ""
        while True:
            query = {"prefix": start, "after": after, "limit": hub_data.MAX_KEYS}
            page = self._hub.get((self.project, "objects"), hub_data.Listing, query)
            for found in page.objects:
                yield ObjectStat(found.key, found.size)
            if not page.after or page.after <= after:
                return
            after = page.after

    def delete(self, key: str) -> None:
        """See `Objects.delete`. Needs the level admin."""
        self._ask("delete", hub_data.Keys([checked_key(key)]), dict)

    def close(self) -> None:
        """See `Objects.close`."""
        self._hub.close()

    @property
    def _called(self) -> str:
        return f"The project {self.project!r} of the hub {self._hub.address}"

    def _path(self, key: str) -> tuple[str, ...]:
        return (self.project, *checked_key(key).split("/"))

    def _ask(self, what: str, value: Any, kind: type[Any]) -> Any:
        """POST to one of the routes for many objects; all of them may be repeated."""
        headers = {"accept": wire.MSGPACK, "content-type": wire.MSGPACK}
        path = (self.project, "objects", what)
        answer = self._hub.request("POST", path, headers=headers, body=wire.encode(value, True), repeatable=True)
        return self._hub.decode(answer, kind)


class _Packs:
    """Gathers small objects until a request is worth it. Thread-safe."""

    def __init__(self, store: HubObjects) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._held: list[tuple[str, bytes]] = []
        self._size = 0

    def put(self, key: str, source: Source) -> None:
        checked_key(key)
        if isinstance(source, os.PathLike):
            if os.stat(source).st_size > hub_data.SMALL:
                self._store.put(key, source)
                return
            with open(source, "rb") as file:
                body = file.read()
        else:
            body = source if isinstance(source, bytes) else source.read()
        if len(body) > hub_data.SMALL:
            self._store.put(key, body)
            return
        with self._lock:
            self._held.append((key, body))
            self._size += len(body)
            if self._size < PACK and len(self._held) < PACK_OBJECTS:
                return
            full, self._held, self._size = self._held, [], 0
        self._store.put_many(full)

    def flush(self) -> None:
        """Send what is left."""
        if self._held:
            self._store.put_many(self._held)
