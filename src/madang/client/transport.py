"""HTTP requests to one server, and what they share: connections, pauses between attempts, bodies read as they come."""

from __future__ import annotations

import io
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any
from urllib.parse import urlsplit

from madang.errors import Unavailable

Body = bytes | Callable[[], IO[bytes]]
"""What is sent: bytes, or a function that opens a file anew for every attempt."""

ATTEMPTS = 5
FIRST_PAUSE = 0.4  # seconds before the second attempt; doubled each time
MAX_PAUSE = 8.0  # seconds between two attempts, unless the server asks for more
BUFFER = 1 << 18  # bytes of an answer that are read at once
LATER = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses after which the same request may be answered."""
_POOL: dict[str, Any] = {"maxsize": 32, "blocksize": 1 << 18}  # connections kept, bytes sent at once
_REDIRECTS = 5


class Transport:
    """Connections to one server, opened when they are needed. Safe for threads."""

    def __init__(self, address: str, verify: str, called: str, advice: str) -> None:
        """``verify`` is ``true``, ``false`` or the path of a file of certificate authorities.

        ``called`` is how a message names the server, by default by the URL that was asked for; ``advice`` is the next
        step when it does not answer.
        """
        self._address = address
        self._verify = verify
        self._called = called
        self._advice = advice
        self._pool: Any = None
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None,
        seconds: tuple[float, float],
        own_headers: Sequence[str] | None = None,
    ) -> Any:
        """One request; the answer comes with its body unread.

        ``seconds`` are those for a connection and for the next bytes. A redirect is followed when ``own_headers`` are
        given: no other server is shown them.

        Raises:
            Unavailable: there is no answer.
        """
        import urllib3  # noqa: PLC0415 - the follower of a workspace without a hub does not pay for it

        follows: Any = own_headers is not None and urllib3.Retry(
            connect=0, read=0, status=0, other=0, redirect=_REDIRECTS, raise_on_redirect=False,
            remove_headers_on_redirect=[name.lower() for name in own_headers],
        )  # fmt: skip
        content: Any = body() if callable(body) else body
        try:
            return self._connections().urlopen(
                method,
                url,
                headers=dict(headers),
                body=content,
                retries=follows,
                redirect=bool(follows),
                preload_content=False,
                timeout=urllib3.Timeout(connect=seconds[0], read=seconds[1]),
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Unavailable(f"{self._called or url} does not answer: {reason(error)}.", hint=self._advice) from error
        finally:
            if callable(body):
                content.close()

    def close(self) -> None:
        """Give back the connections."""
        if self._pool is not None:
            self._pool.clear()

    def _connections(self) -> Any:
        with self._lock:
            if self._pool is None:
                self._pool = _pool(self._address, self._verify)
            return self._pool


class Incoming(io.RawIOBase):
    """The body of an answer. Reading raises `Unavailable` when it breaks off."""

    def __init__(self, answer: Any, url: str, advice: str = "") -> None:
        self._answer = answer
        self._url = url
        self._advice = advice

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes."""
        data = read(self._answer, len(buffer), self._url, self._advice)
        self.take(data)
        buffer[: len(data)] = data
        return len(data)

    def take(self, data: bytes) -> None:
        """See the next bytes before anyone else; none at the end."""

    def close(self) -> None:
        """Close the connection, unless all was read."""
        if not self.closed:
            self._answer.close()
        super().close()


def read(answer: Any, count: int, url: str, advice: str = "") -> bytes:
    """The next bytes of an answer, at most ``count``.

    Raises:
        Unavailable: it broke off.
    """
    import urllib3  # noqa: PLC0415 - see Transport.send

    try:
        data: bytes = answer.read(count)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"The answer of {url} broke off: {reason(error)}.", hint=advice) from error
    return data


def rest(attempt: int, asked: float = 0.0) -> None:
    """Sleep after an attempt, longer after each, but at least the seconds that the server asked for."""
    pause = min(MAX_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
    time.sleep(max(asked, pause * (0.5 + random.random() / 2)))  # noqa: S311 - spreads clients in time


def proxy_for(address: str) -> str:
    """The proxy that the environment names for an address; none for this machine itself."""
    import urllib.request  # noqa: PLC0415 - costs more than all else here, and is for the first request only

    parts = urlsplit(address)
    host = parts.hostname or ""
    if host in ("localhost", "127.0.0.1", "::1") or urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


def _pool(address: str, verify: str) -> Any:
    import urllib3  # noqa: PLC0415 - see Transport.send

    options = dict(_POOL)
    if verify.lower() == "false":
        options["cert_reqs"] = "CERT_NONE"
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    elif verify.lower() != "true":
        options["ca_certs"] = os.path.expanduser(verify)
    proxy = proxy_for(address)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def reason(error: BaseException) -> str:
    """The last part of what an error of the network says."""
    inner = getattr(error, "reason", None) or error
    text = str(inner)
    return (text.rpartition(": ")[2] or text or type(error).__name__).rstrip(".")
