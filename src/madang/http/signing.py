"""Addresses that speak for themselves: signed, with an end, for one method, one path and what they claim.

A client that sends no credential with an upload or download gets such an address. It says in whose name it was given
(``by``), until when it holds (``until``), and may bind the size and digest of what is sent; the signature is over all
of it. Whoever has the address may do that one thing until then, as with the addresses that cloud stores sign.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from starlette.requests import Request

from madang.errors import AccessDenied
from madang.http.routes import Param

LIFE = 86_400  # seconds that an address holds
CLAIMS = tuple(Param(name) for name in ("by", "until", "run", "size", "digest", "part", "signature"))
"""The parameters of signed routes."""
_SIGNATURE = "signature"


class Signer:
    """Makes signed addresses and checks them. ``secret`` is asked for when it is first needed, and kept."""

    def __init__(self, secret: Callable[[], bytes], now: Callable[[], float] = time.time) -> None:
        self._ask = secret
        self._secret = b""
        self._now = now

    def url(self, base: str, method: str, path: str, *, by: str, life: int = LIFE, **claims: str | int) -> str:
        """The address, below ``base``, at which ``method`` may be used on ``path`` (not yet escaped) for ``life`` s."""
        told = {"by": by, "until": str(int(self._now()) + life), **{name: str(text) for name, text in claims.items()}}
        told[_SIGNATURE] = self._sign(method, path, told)
        return f"{base}{quote(path)}?{urlencode(told)}"

    def check(self, method: str, path: str, told: Mapping[str, str]) -> None:
        """Let a request at a signed address pass; ``path`` is decoded, ``told`` has the parameters of the query.

        Raises:
            AccessDenied: it was not signed here for this, or its time is over. Clients ask for a new one then.
        """
        given = told.get(_SIGNATURE, "")
        claims = {name: text for name, text in told.items() if name != _SIGNATURE}
        if not hmac.compare_digest(given.encode(), self._sign(method, path, claims).encode()):
            raise AccessDenied("This address was not signed by this server for this request.")
        until = claims.get("until", "")
        if not until.isdigit() or int(until) < self._now():
            raise AccessDenied("The time of this signed address is over.", hint="Ask for a new one.")

    def _sign(self, method: str, path: str, claims: Mapping[str, str]) -> str:
        self._secret = self._secret or self._ask()
        lines = [method, path, *(f"{name}={claims[name]}" for name in sorted(claims))]
        text = "\n".join(f"{len(line)} {line}" for line in lines)
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def told(request: Request) -> dict[str, str]:
    """What the query of a request says, each name once."""
    return dict(request.query_params)


def base_url(request: Request) -> str:
    """How the caller addresses this server. The gate has checked the Host header.

    A proxy that ends TLS says so in X-Forwarded-Proto. To believe it harms nobody: only the asker gets the answer.
    """
    proto = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = proto if proto in ("http", "https") else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}"
