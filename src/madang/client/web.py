"""Objects on any HTTP server, as dvc's http remotes keep them: one file a URL, no listing.

An object is there when HEAD says so. Uploads go by POST or PUT. The options are named as in a DVC remote.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, BinaryIO
from urllib.parse import quote, urlsplit

from madang.client.transport import ATTEMPTS, BUFFER, LATER, Body, Incoming, Transport, rest
from madang.errors import (
    AccessDenied,
    ConfigError,
    MadangError,
    NotFound,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from madang.ports.objects import UNKNOWN, Batch, ObjectStat, Source, checked_key
from madang.version import __version__

SECONDS = 60.0  # for a connection, and for the next bytes, as dvc waits
_OF_QUERIES = "!$%&'()*+,/:;=?@[]~"  # stand for themselves there
_NO_SUCH_METHOD = frozenset((405, 501))
_ADVICE = "Check the remote's url and the network, then repeat: nothing is half done."
AskPassword = Callable[[str], str]


class WebObjects:
    """An `Objects` store below a URL, whose query (a signature, ``download=1``) goes with every request."""

    def __init__(self, url: str, options: Mapping[str, str], ask: AskPassword) -> None:
        """``ask`` is called with a prompt when the options want a password to be typed.

        Raises:
            ConfigError: options that contradict each other, or an address with a fragment.
        """
        try:
            parts = urlsplit(url)
            is_sound = bool(parts.hostname and parts.port != 0 and not parts.fragment)
        except ValueError:  # brackets without an end, a port that is no number
            is_sound = False
        if not is_sound:
            raise ConfigError(f"{url} is not the address of a folder.", hint="Write http://HOST/PATH.")
        self.name = url
        self._url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._query = f"?{quote(parts.query, safe=_OF_QUERIES)}" if parts.query else ""
        self._headers = credentials(url, options, ask)
        self._method = options.get("method", "POST").upper()
        if self._method not in ("POST", "PUT"):
            raise ConfigError(f"The method of {url} is {self._method}.", hint="Set it to PUT or POST.")
        self._connect = float(options.get("connect_timeout", SECONDS))
        self._wait = float(options.get("read_timeout", SECONDS))
        self._transport = Transport(self._url, options.get("ssl_verify", "true"), "", _ADVICE)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`. A download that breaks off goes on where it was."""
        url = self._url_of(key)
        opened = io.BufferedReader(Resumed(lambda at: self._stream(url, key, at), start), BUFFER)
        return opened if length is None else io.BytesIO(_exactly(opened, length))

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        with self.open(key) as opened:
            return opened.read()

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """See `Objects.put`. Of two who race with ``if_absent`` both may be told that theirs was stored."""
        url = self._url_of(key)
        if if_absent and self.stat(key) is not None:
            return False
        body, size = body_of(source)
        headers = {"content-type": "application/octet-stream", "content-length": str(size)}
        answer = self._repeated(self._method, url, headers, body)
        self._refuse(answer, url, f"It does not take uploads by {self._method}.")
        answer.drain_conn()
        return True

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """See `Objects.batch`. Each object is as durable as the server makes it."""
        yield _Puts(self)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Objects.stat`."""
        url = self._url_of(key)
        answer = self._repeated("HEAD", url, {"accept-encoding": "identity"}, None)
        answer.drain_conn()
        if answer.status in _NO_SUCH_METHOD:
            try:
                with self._stream(url, key, 0):
                    return ObjectStat(key, UNKNOWN)
            except NotFound:
                return None
        try:
            self._refuse(answer, url, "")
        except NotFound:
            return None
        size = answer.headers.get("content-length", "")
        return ObjectStat(key, int(size) if size.isdigit() else UNKNOWN)

    def tag(self, key: str) -> str | None:
        """See `Tagged.tag`: the entity tag as the server writes it, else the time and size that it tells."""
        answer = self._repeated("HEAD", self._url_of(key), {"accept-encoding": "identity"}, None)
        answer.drain_conn()
        if not 200 <= answer.status < 300:
            return None
        told = [answer.headers.get(name) for name in ("etag", "content-md5")]
        changed = answer.headers.get("last-modified")
        told.append(f"{changed} {answer.headers.get('content-length', '')}".strip() if changed else None)
        return next((one for one in told if one), None)

    def tags(self, prefix: str) -> dict[str, str]:
        """See `list`: raises `Refused`."""
        raise Refused(f"{self.name} cannot tell what lies there: HTTP has no listing.", hint="Ask for single objects.")

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """An HTTP server cannot be asked for this. Raises `Refused`."""
        raise Refused(f"{self.name} cannot tell what lies there: HTTP has no listing.", hint="Ask for single objects.")

    def delete(self, key: str) -> None:
        """See `Objects.delete`. Raises `Refused` when the server deletes nothing."""
        url = self._url_of(key)
        answer = self._repeated("DELETE", url, {}, None)
        try:
            self._refuse(answer, url, "It deletes nothing.")
        except NotFound:
            return
        answer.drain_conn()

    def close(self) -> None:
        """See `Objects.close`."""
        self._transport.close()

    def _stream(self, url: str, key: str, at: int) -> BinaryIO:
        headers = {"accept-encoding": "identity", **({"range": f"bytes={at}-"} if at else {})}
        answer = self._repeated("GET", url, headers, None)
        if answer.status == 416 and at:
            answer.drain_conn()
            return io.BytesIO()
        self._refuse(answer, url, "")
        opened = io.BufferedReader(Incoming(answer, url, _ADVICE), BUFFER)
        if at and answer.status != 206:  # the server sends all of it in any case
            _skip(opened, at)
        return opened

    def _repeated(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Any:
        """One request, repeated while the server is away: all of them may be."""
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._once(method, url, headers, body)
                if answer.status not in LATER or attempt >= ATTEMPTS:
                    return answer
                answer.drain_conn()
            except Unavailable:
                if attempt >= ATTEMPTS:
                    raise
            rest(attempt)

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Any:
        sent = {"user-agent": f"madang/{__version__}", **self._headers, **headers}
        own = list(self._headers) if method in ("GET", "HEAD") else None
        return self._transport.send(method, url, sent, body, (self._connect, self._wait), own)

    def _refuse(self, answer: Any, url: str, without_method: str) -> None:
        """Turn every status but success into an error."""
        status = answer.status
        if 200 <= status < 300:
            return
        answer.drain_conn()
        if status == 403 and not without_method:  # what stands before a bucket says so of what is not there
            raise NotFound(f"There is nothing at {url}, or it may not be read (403).")
        if status in _NO_SUCH_METHOD and without_method:
            raise Refused(f"{url} answers with status {status}. {without_method}", hint="Set method to PUT or POST.")
        raise _failure(status, url)

    def _url_of(self, key: str) -> str:
        return f"{self._url}/{quote(checked_key(key))}{self._query}"


def _failure(status: int, url: str) -> MadangError:
    said = f"{url} answers with status {status}."
    if status in (404, 410):
        return NotFound(f"There is nothing at {url}.")
    if status == 401:
        return Unauthenticated(said, hint="Set auth, user and password of the remote.")
    if status == 403:
        return AccessDenied(said, hint="Check the remote's user and its rights.")
    if status == 413:
        return TooLarge(said, hint="The server limits the size of uploads.")
    if 300 <= status < 400:
        return Unavailable(f"{said} It sends uploads elsewhere.", hint="Use the address that it answers at.")
    return Unavailable(said, hint=_ADVICE)


def credentials(url: str, options: Mapping[str, str], ask: AskPassword) -> dict[str, str]:
    """The headers that show who asks: ``auth``, ``user``, ``password``, ``ask_password``, ``custom_auth_header``.

    Raises:
        ConfigError: something that the kind of ``auth`` needs is missing.
    """
    import base64  # noqa: PLC0415 - only for remotes of this kind

    kind, user = options.get("auth", ""), options.get("user")
    parts = urlsplit(url)
    if not kind and parts.username:
        kind, user, password = "basic", parts.username, parts.password
    elif not kind:
        return {}
    else:
        password = options.get("password")
    if password is None and options.get("ask_password", "false").lower() == "true":
        password = ask(f"Password of {user or 'the remote'} for {parts.hostname}")
    if kind == "basic" and user is not None and password is not None:
        return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    header = options.get("custom_auth_header")
    if kind == "custom" and header and password is not None:
        return {header: password}
    needed = {"basic": "user and password", "custom": "custom_auth_header and password"}.get(kind)
    if needed is None:
        raise ConfigError(f"The auth of {url} is {kind!r}.", hint="Set it to basic or custom.")
    raise ConfigError(f"The auth {kind} of {url} needs {needed}.", hint="madang remote modify --local NAME password …")


class Resumed(io.RawIOBase):
    """Bytes that are asked for again, from where they broke off; ``opened(at)`` opens them at a position."""

    def __init__(self, opened: Callable[[int], BinaryIO], at: int, times: int = 5) -> None:
        self._opened = opened
        self._at = at
        self._left = times
        self._file = opened(at)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes. Raises `Unavailable` when they break off too often."""
        while True:
            try:
                data = self._file.read(len(buffer))
            except Unavailable:
                self._left -= 1
                if self._left < 0:
                    raise
                self._file.close()
                self._file = self._opened(self._at)
                continue
            buffer[: len(data)] = data
            self._at += len(data)
            return len(data)

    def close(self) -> None:
        """Close what is open."""
        if not self.closed:
            self._file.close()
        super().close()


class _Puts:
    def __init__(self, store: WebObjects) -> None:
        self._store = store

    def put(self, key: str, source: Source) -> None:
        self._store.put(key, source)


def body_of(source: Source) -> tuple[Body, int]:
    """What is sent, and its length."""
    if isinstance(source, bytes):
        return source, len(source)
    if isinstance(source, os.PathLike):
        path = source

        def opened() -> IO[bytes]:
            return open(path, "rb")

        return opened, os.stat(path).st_size
    file = source
    at = file.tell()
    size = file.seek(0, os.SEEK_END) - at

    def again() -> IO[bytes]:
        file.seek(at)
        return _Kept(file)

    return again, size


class _Kept(io.BufferedReader):
    """A file that stays open when an attempt ends."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)  # type: ignore[arg-type]

    def close(self) -> None:
        return


def _exactly(file: BinaryIO, length: int) -> bytes:
    with file:
        return file.read(length)


def _skip(file: BinaryIO, count: int) -> None:
    while count > 0 and (piece := file.read(min(count, BUFFER))):
        count -= len(piece)
