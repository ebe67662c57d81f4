"""One SFTP session with a server: the program that connects, and requests from many threads at once."""

from __future__ import annotations

import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import IO, Any, NamedTuple

from madang.errors import AccessDenied, ConfigError, CorruptData, MadangError, NotFound, StorageError, Unavailable
from madang.formats import sftp
from madang.formats.sftp import Attributes, Fields

_SAFE_LENGTH = 32 << 10  # bytes of data in a packet that every server takes
_MAX_LENGTH = 255 << 10
_HINT = "Check the remote's url and that `ssh` reaches the host without a question, then repeat."


class Reply(NamedTuple):
    """An answer's kind and the rest of it."""

    kind: int
    fields: Fields


class Session:
    """Requests to one server. Safe for threads; a request that fails raises what the server said, as our errors."""

    def __init__(self, command: Sequence[str], name: str, env: Mapping[str, str] | None = None) -> None:
        """``command`` speaks SFTP on its standard input and output; ``name`` is the remote, for messages.

        Raises:
            Unavailable: no server answers. ConfigError: the program is not installed.
        """
        self.name = name
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the session
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=env, bufsize=0,
                start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            self._said.close()
            raise ConfigError(
                f"The program {command[0]!r} is not installed.", hint="Install OpenSSH's client."
            ) from None
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Reply]] = {}
        self._number = 0
        self._lost: MadangError | None = None
        try:
            self.extensions = self._greet()
        except BaseException:
            self.close()
            raise
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()
        self.length = self._limit()

    def _greet(self) -> frozenset[str]:
        try:
            self._send(sftp.hello())
            kind, fields = self._receive()
            version = fields.u32()
        except (OSError, EOFError, CorruptData):
            raise self._gone() from None
        if kind != sftp.VERSION_REPLY or version < sftp.VERSION:
            raise Unavailable(f"{self.name} does not speak SFTP.", hint=_HINT)
        found = set()
        while fields.left():
            found.add(fields.text())
            fields.string()
        return frozenset(found)

    def _limit(self) -> int:
        if sftp.LIMITS not in self.extensions:
            return _SAFE_LENGTH
        fields = self.ask(sftp.EXTENDED, sftp.text(sftp.LIMITS)).fields
        _, reads, writes, _ = (fields.u64() for _ in range(4))
        return max(_SAFE_LENGTH, min(reads or _SAFE_LENGTH, writes or _SAFE_LENGTH, _MAX_LENGTH))

    def start(self, kind: int, rest: bytes) -> Future[Reply]:
        """Send a request; the answer comes later."""
        future: Future[Reply] = Future()
        with self._lock:
            if self._lost is not None:
                raise self._lost
            self._number = number = (self._number + 1) & 0xFFFFFFFF
            self._waiting[number] = future
            try:
                self._send(sftp.packet(kind, number, rest))
            except OSError:
                self._waiting.pop(number, None)
                raise self._gone() from None
        return future

    def ask(self, kind: int, rest: bytes, path: str = "") -> Reply:
        """Send a request and wait for its answer; ``path`` is what it is about."""
        return self.check(self.start(kind, rest).result(), path)

    def check(self, reply: Reply, path: str = "") -> Reply:
        """The answer itself. Raises when it says that the request failed.

        Raises:
            EOFError: there is no more. NotFound, AccessDenied, StorageError: as the server says.
        """
        if reply.kind != sftp.STATUS:
            return reply
        code = reply.fields.u32()
        said = reply.fields.text().strip() if reply.fields.left() else ""
        if code == sftp.OK:
            return reply
        if code == sftp.END:
            raise EOFError
        where = f"{self.name}: {path}" if path else self.name
        if code == sftp.NO_SUCH_FILE:
            raise NotFound(f"{where} does not exist.")
        if code == sftp.PERMISSION_DENIED:
            raise AccessDenied(f"{where} may not be read or written.", hint="Check the rights of the remote's user.")
        raise StorageError(f"{where} is refused by the server: {said or code}.", hint="Check the disk of the server.")

    def handle(self, kind: int, rest: bytes, path: str) -> bytes:
        """Open a file or folder."""
        return self.ask(kind, rest, path).fields.string()

    def finish(self, handle: bytes) -> None:
        """Close a file or folder. Raises when the server could not write what it was given."""
        self.ask(sftp.CLOSE, sftp.string(handle))

    def stat(self, path: str) -> Attributes | None:
        """What lies at a path, links followed; None for nothing."""
        try:
            return self.ask(sftp.STAT, sftp.text(path), path).fields.attributes()
        except NotFound:
            return None

    def folder(self, path: str) -> Iterator[tuple[str, Attributes]]:
        """The names in a folder; none when it does not exist."""
        try:
            handle = self.handle(sftp.OPENDIR, sftp.text(path), path)
        except NotFound:
            return
        try:
            while True:
                fields = self.ask(sftp.READDIR, sftp.string(handle), path).fields
                for _ in range(fields.u32()):
                    name = fields.text()
                    fields.string()
                    found = fields.attributes()
                    if name not in (".", ".."):
                        yield name, found
        except EOFError:
            pass
        finally:
            self.finish(handle)

    def close(self) -> None:
        """End the connection."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        reader = getattr(self, "_reader", None)
        if reader is not None:
            reader.join(5)
        self._said.close()

    def _send(self, data: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        view = memoryview(data)
        while view:
            view = view[pipe.write(view) or 0 :]

    def _receive(self) -> tuple[int, Fields]:
        head = self._exactly(5)
        length, kind = struct.unpack(">IB", head)
        if not 1 <= length <= sftp.MAX_PACKET:
            raise CorruptData(f"{self.name} does not speak SFTP.", hint=_HINT)
        return kind, Fields(self._exactly(length - 1))

    def _exactly(self, count: int) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None
        parts = []
        while count:
            part = pipe.read(count)
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _read_all(self) -> None:
        """Give each answer to the request that waits for it, until the connection ends."""
        try:
            while True:
                kind, fields = self._receive()
                number = fields.u32()
                with self._lock:
                    future = self._waiting.pop(number, None)
                if future is not None:
                    future.set_result(Reply(kind, fields))
        except (OSError, EOFError, ValueError, CorruptData):
            with self._lock:
                self._lost = self._gone()
                left, self._waiting = self._waiting, {}
            for future in left.values():
                future.set_exception(self._lost)

    def _gone(self) -> Unavailable:
        """The connection has ended: what ``ssh`` said is why."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        said: Any = b""
        with suppress(ValueError, OSError):
            self._said.seek(0)
            said = self._said.read(1 << 16)
        lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        why = lines[-1] if lines else "the connection ended"
        return Unavailable(f"{self.name} does not answer: {why.rstrip('.')}.", hint=_HINT)
