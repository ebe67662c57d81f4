"""MLflow's REST API, asked as its own client asks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from madang.client.transport import BUFFER, LATER, Incoming, Transport, read, rest
from madang.client.web import Resumed
from madang.errors import AccessDenied, CorruptData, MadangError, NotFound, Unauthenticated, Unavailable
from madang.version import __version__

API = "api/2.0/mlflow"
_SECONDS = (10.0, 120.0)  # for a connection, for the next bytes
_ATTEMPTS = 4
_MOST = 1 << 30  # bytes of an answer in memory
_ADVICE = "Check the address, and that the server runs."


class Rest:
    """One server. Safe for threads. A request is repeated while the server is away, then raises `Unavailable`."""

    def __init__(self, address: str, env: Mapping[str, str]) -> None:
        """``env`` holds MLflow's variables: MLFLOW_TRACKING_USERNAME, …_PASSWORD, …_TOKEN, …_INSECURE_TLS."""
        parts = urlsplit(address)
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._headers = {"user-agent": f"madang/{__version__}", **_credentials(parts.username, parts.password, env)}
        is_unsafe = env.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
        verify = "false" if is_unsafe else env.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or "true"
        self._transport = Transport(self.address, verify, f"The server {self.address}", _ADVICE)

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()

    def get(self, call: str, /, **query: Any) -> dict[str, Any]:
        """GET a JSON object; a None in the query is left out."""
        return self._json("GET", f"{call}?{urlencode({key: item for key, item in query.items() if item is not None})}")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST a JSON object to a call that changes nothing."""
        return self._json("POST", path, msgspec.json.encode(body))

    def pages(self, name: str, call: str, query: Mapping[str, Any], *, posted: bool = True) -> Iterator[dict[str, Any]]:
        """The things called ``name`` of all pages of an answer."""
        token = ""
        while True:
            asked = {**query, **({"page_token": token} if token else {})}
            body = self.post(call, asked) if posted else self.get(call, **asked)
            yield from body.get(name, ())
            token = body.get("next_page_token", "")
            if not token:
                return

    def _json(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        url = f"{self.address}/{path}"
        data = _whole(self._answered(method, url, body, 0), url)
        if len(data) > _MOST:
            raise CorruptData(f"An answer of {self.address} is larger than {_MOST >> 30} GiB.")
        try:
            found = msgspec.json.decode(data)
        except msgspec.DecodeError:
            raise CorruptData(f"{self.address} does not answer as MLflow does.", hint="Check the address.") from None
        return found if isinstance(found, dict) else {}

    @contextmanager
    def stream(self, path: str) -> Iterator[BinaryIO]:
        """The bytes of an answer. A download that breaks off goes on where it was."""
        url = f"{self.address}/{path}"

        def opened(at: int) -> BinaryIO:
            answer = self._answered("GET", url, None, at)
            file = io.BufferedReader(Incoming(answer, url, _ADVICE), BUFFER)
            if at and answer.status != 206:
                file.read(at)
            return file

        with io.BufferedReader(Resumed(opened, 0), BUFFER) as file:
            yield file

    def _answered(self, method: str, url: str, body: bytes | None, at: int) -> Any:
        headers = dict(self._headers)
        if body is not None:
            headers["content-type"] = "application/json"
        if at:
            headers["range"] = f"bytes={at}-"
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._transport.send(method, url, headers, body, _SECONDS, ["authorization"])
                if 200 <= answer.status < 300:
                    return answer
                data = answer.read(1 << 16)
                if answer.status not in LATER or attempt >= _ATTEMPTS:
                    raise _failure(answer.status, data, url)
            except Unavailable:
                if attempt >= _ATTEMPTS:
                    raise
            rest(attempt)


def quoted(path: str) -> str:
    """A path of files as part of an address."""
    return quote(path, safe="/")


def _whole(answer: Any, url: str) -> bytes:
    """The body of an answer, up to a bound."""
    parts, size = [], 0
    while size <= _MOST and (data := read(answer, BUFFER, url, _ADVICE)):
        parts.append(data)
        size += len(data)
    return b"".join(parts)


def _credentials(user: str | None, password: str | None, env: Mapping[str, str]) -> dict[str, str]:
    user = user or env.get("MLFLOW_TRACKING_USERNAME")
    password = password or env.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    token = env.get("MLFLOW_TRACKING_TOKEN")
    return {"authorization": f"Bearer {token}"} if token else {}


def _failure(status: int, data: bytes, url: str) -> MadangError:
    try:
        told = msgspec.json.decode(data)
        message = str(told["message"]) if isinstance(told, dict) and "message" in told else ""
    except msgspec.DecodeError:
        message = ""
    said = f"{url.partition('?')[0]} answers with status {status}{': ' + message[:300] if message else ''}."
    if status == 401:
        hint = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        return Unauthenticated(said, hint=hint)
    if status == 403:
        return AccessDenied(said)
    if status in LATER:
        return Unavailable(said, hint=_ADVICE)
    return NotFound(said)
