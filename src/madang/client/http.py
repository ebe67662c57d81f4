"""The one HTTP client of madang: to a hub, with retries where a repetition does no harm."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from blake3 import blake3

from madang.client.credentials import hub_address, token_for
from madang.client.transport import ATTEMPTS, BUFFER, LATER, Body, Incoming, Transport, read, rest
from madang.domain.values import value
from madang.errors import (
    AccessDenied,
    Conflict,
    CorruptData,
    Diverged,
    Incompatible,
    InvalidInput,
    MadangError,
    NotFound,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from madang.formats import wire
from madang.formats.learning import learnt
from madang.version import __version__

T = TypeVar("T")
API = "/api/v1"
ADVICE = "Check the address, and that the hub runs. What is recorded here stays here: `madang sync` sends it later."
CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0
MAX_ASKED_PAUSE = 30.0
MAX_ANSWER = 1 << 30  # bytes of an answer that is kept in memory
_REPEATABLE = frozenset(("GET", "HEAD", "PUT", "DELETE", "PATCH"))  # PATCH of a segment names its offset

# Which of our errors a status means. The hub's own words are shown, they never choose the class.
_BY_STATUS: dict[int, type[MadangError]] = {
    400: InvalidInput, 401: Unauthenticated, 403: AccessDenied, 404: NotFound, 409: Conflict, 413: TooLarge,
    422: Refused, 426: Incompatible,
}  # fmt: skip


@value
class Answer:
    """A hub's answer of a status below 300."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Account(msgspec.Struct):
    """Who a hub takes us for, and the levels they hold (`GET /me`)."""

    name: str
    level: str
    projects: dict[str, str]


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    hint: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


_SILENT = {401: "The hub {hub} wants a credential.", 403: "The hub {hub} does not allow it."}


class HubClient:
    """Requests to one hub. Safe for threads.

    Every method raises `Unavailable` when the hub does not answer, answers nonsense or wants to be left alone,
    `Unauthenticated`, `AccessDenied`, `NotFound`, `InvalidInput`, `Conflict`, `Diverged`, `TooLarge`, `Refused` and
    `Incompatible` as the hub says.
    """

    def __init__(
        self,
        address: str,
        env: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        attempts: int = ATTEMPTS,
        root: str = API,
        advice: str = ADVICE,
        verify: str = "true",
    ) -> None:
        """``root`` is the path of all requests; ``advice`` the next step when the address does not answer rightly.

        ``verify`` says which certificates are believed: ``true``, ``false`` or the path of a file of authorities.
        """
        self.address = hub_address(address)
        self.root = root
        self._advice = advice
        known = os.environ if env is None else env
        self._token = token_for(self.address, known) if token is None else token
        if not (self._token.isascii() and self._token.isprintable()):
            raise Unauthenticated(
                f"The token for {self.address} has signs that no token has.",
                hint="Copy it again, as the hub printed it.",
            )
        self._attempts = attempts
        self._transport = Transport(self.address, verify, f"The hub {self.address}", advice)

    def request(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        size: int | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """One request to `<root>/<path…>`, repeated after a pause when that is safe and may help.

        ``path`` are the segments, unescaped; ``size`` is the length of a body that is opened; ``repeatable`` says
        whether a second request of the kind does no harm (default: by the method).
        """
        repeatable = method in _REPEATABLE if repeatable is None else repeatable
        url = self._url(path, query)
        sent = self._headers(headers, size)
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(method, url, sent, body)
            except Unavailable as error:
                asked = getattr(error, "asked_pause", 0.0)  # none: it would be the same again
                if not repeatable or attempt >= self._attempts or asked is None:
                    raise
                rest(attempt, asked)

    def get(self, path: Sequence[str], kind: type[T], query: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> T:
        """GET a record as MessagePack."""
        return self.decode(self.request("GET", path, query=query, headers={"accept": wire.MSGPACK}), kind)

    def account(self) -> Account:
        """Who is asking; the cheapest proof that a hub of madang answers at this address."""
        return self.get(("me",), Account)

    def send(
        self, method: str, path: Sequence[str], value: Any, kind: type[T], *, exact: bool = False, again: bool = False
    ) -> T:
        """Send a value and read the record that comes back.

        ``exact``: as MessagePack, which holds every number; ``again``: a second request of the kind does no harm.
        """
        headers = {"accept": wire.MSGPACK, "content-type": wire.MSGPACK if exact else wire.JSON}
        body = wire.encode(value, exact)
        return self.decode(self.request(method, path, headers=headers, body=body, repeatable=again or None), kind)

    def decode(self, answer: Answer, kind: type[T]) -> T:
        """The record in an answer."""
        try:
            return wire.decode(answer.body, kind, answer.headers.get("content-type", "").startswith(wire.MSGPACK))
        except InvalidInput as error:
            raise _nonsense(answer.url, error.message) from error

    def download(self, path: Sequence[str], digest: str = "", headers: Mapping[str, str] | None = None) -> BinaryIO:
        """Open the body of an answer for reading; the caller closes it.

        Reading raises `Unavailable` when the answer breaks off, and `CorruptData` at its end when the bytes are not
        those of ``digest`` (`blake3:…`).
        """
        url = self._url(path, ())
        answer = self._open("GET", url, self._headers(headers, None), None)
        self._refuse(url, answer)
        return io.BufferedReader(_Checked(answer, url, digest), BUFFER)

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        answer = self._open(method, url, headers, body)
        self._refuse(url, answer)
        data = self._read(url, answer)
        return Answer(answer.status, {key.lower(): value for key, value in answer.headers.items()}, data, url)

    def _open(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Any:
        return self._transport.send(method, url, headers, body, (CONNECT_SECONDS, READ_SECONDS))

    def _read(self, url: str, answer: Any) -> bytes:
        try:
            data = read(answer, MAX_ANSWER + 1, url)
        finally:
            answer.release_conn()
        if len(data) > MAX_ANSWER:
            raise _nonsense(url, f"more than {MAX_ANSWER} bytes")
        return data

    def _refuse(self, url: str, answer: Any) -> None:
        """Turn every status but success into an error."""
        status = answer.status
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            answer.drain_conn()
            answer.release_conn()
            where = answer.headers.get("location", "another address")
            message = f"{url} sends us on to {where[:200]}, and a token goes nowhere else."
            raise _unavailable(message, "Use the address that the hub itself answers at.", None)
        said = _told(self._read(url, answer)[: 1 << 16])
        silent = _SILENT.get(status, f"{url} answers with status {status}.")  # a HEAD has no body to say it
        message = f"The hub {self.address} says: {said.message}" if said.message else silent.format(hub=self.address)
        if status == 409 and said.code == Diverged.code:
            raise Diverged(message, hint=said.hint)
        kind = _BY_STATUS.get(status)
        if kind is not None:
            raise kind(message, hint=said.hint or ("Run `madang login`." if status == 401 else ""))
        asked = _seconds(answer.headers.get("retry-after", "")) if status in LATER else None
        hint = "Try again later; nothing is lost. Why it failed stands in the log of the hub."
        raise _unavailable(message, said.hint or (hint if status in LATER else self._advice), asked)

    def _headers(self, more: Mapping[str, str] | None, size: int | None) -> dict[str, str]:
        headers = {"user-agent": f"madang/{__version__}", "accept": wire.JSON, **(more or {})}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if size is not None:
            headers["content-length"] = str(size)
        return headers

    def _url(self, path: Sequence[str], query: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
        if any(part in ("", ".", "..") for part in path):
            raise InvalidInput(f"No name is empty, '.' or '..': {'/'.join(path)[:200]!r}.")
        pairs = list(query.items() if isinstance(query, Mapping) else query)
        asked = urlencode([(key, value) for key, value in pairs if value is not None], doseq=True)
        return (
            f"{self.address}{self.root}/{'/'.join(quote(part, safe='') for part in path)}{'?' if asked else ''}{asked}"
        )


class _Checked(Incoming):
    """The body of an answer that has to be that of a digest."""

    def __init__(self, answer: Any, url: str, digest: str) -> None:
        super().__init__(answer, url)
        self._digest = digest
        self._hasher = blake3()

    def take(self, data: bytes) -> None:
        """Raise `CorruptData` at the end when the bytes were others."""
        self._hasher.update(data)
        if not data and self._digest.startswith("blake3:") and self._digest[7:] != self._hasher.hexdigest():
            raise CorruptData(f"{self._url} sent other bytes than those of {self._digest}.", hint="Try again.")


def _told(data: bytes) -> _Error:
    try:
        return msgspec.json.decode(data, type=learnt(_ErrorBody)).error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
        return _Error()


def _unavailable(message: str, hint: str, asked_pause: float | None) -> Unavailable:
    """The error, with the seconds to wait before a repetition; None when a repetition is of no use."""
    error = Unavailable(message, hint=hint)
    error.asked_pause = asked_pause  # type: ignore[attr-defined]
    return error


def _nonsense(url: str, why: str) -> Unavailable:
    return Unavailable(f"{url} does not answer as a hub of madang does: {why}", hint="Check the address.")


def _seconds(text: str) -> float:
    return min(float(text), MAX_ASKED_PAUSE) if text.isascii() and text.isdigit() else 0.0
