"""Addresses that speak for themselves: signed, with an end, for one method, one path and what they claim.

A client that sends no credential with an upload or download gets such an address. It says whose credential it was given
to (``token``; the name beside it, ``by``, is for people who read logs) and until when it holds (``until``); the
signature is over all of it. It opens what that credential opens when it is used: one that was revoked meanwhile, or has
lost a project, opens nothing. Where nobody needs a credential, on an open hub, it opens what its user may.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from madang.domain.access import ANONYMOUS, Principal
from madang.errors import AccessDenied, Unauthenticated
from madang.http.routes import Param

LIFE = 6 * 3600  # seconds that an address holds
LONG_LIFE = 86_400  # of what a client sends when its turn comes, and for which it asks only once
CLAIMS = tuple(Param(name) for name in ("by", "until", "run", "token", "signature"))
"""The parameters of signed routes."""
_SIGNATURE = "signature"

Holder = Callable[[str], Principal]
"""Whose a credential with an id is, and what it opens now; raises `Unauthenticated` where it is no longer valid."""


class Signer:
    """Makes signed addresses and checks them. ``secret`` is asked for when it is first needed, and kept."""

    def __init__(self, secret: Callable[[], bytes], holder: Holder, now: Callable[[], float] = time.time) -> None:
        self._ask = secret
        self._secret = b""
        self._holder = holder
        self._now = now

    @property
    def secret(self) -> bytes:
        """What nobody but this store knows."""
        self._secret = self._secret or self._ask()
        return self._secret

    def url(self, base: str, method: str, path: str, *, to: Principal, life: int = LIFE, **claims: str) -> str:
        """The address, below ``base``, at which ``method`` may be used on ``path`` (not yet escaped) for ``life`` s."""
        told = {"by": to.name, "token": to.token, "until": str(int(self._now()) + life), **claims}
        told[_SIGNATURE] = self._sign(method, path, told)
        return f"{base}{quote(path)}?{urlencode(told)}"

    def admit(self, request: Request, path: str) -> tuple[Principal, dict[str, str]]:
        """Let a request at a signed address pass; whom the address was given to, and what it claims.

        While a long body comes, the credential is looked at again and again. ``path`` is decoded.

        Raises:
            AccessDenied: it was not signed here for this, or its time is over. Clients ask for a new one then.
            Unauthenticated: the credential that it was given to is no longer valid.
        """
        claims = dict(request.query_params)
        self.check(request.method, path, claims)
        token = claims.get("token")
        if token is None:
            raise AccessDenied("An earlier release has signed this address.", hint="Ask for a new one.")
        if not token:
            return request.scope.get("madang.who", ANONYMOUS), claims
        who = self._holder(token)

        async def again() -> None:
            if await run_in_threadpool(self._holder, token) != who:
                raise Unauthenticated("The credential is no longer valid.", hint="Ask an admin for a new one.")

        request.scope["madang.again"] = again
        return who, claims

    def check(self, method: str, path: str, told: Mapping[str, str]) -> None:
        """Let what was signed here pass. Raises `AccessDenied` as `admit`."""
        given = told.get(_SIGNATURE, "")
        claims = {name: text for name, text in told.items() if name != _SIGNATURE}
        if not hmac.compare_digest(given.encode(), self._sign(method, path, claims).encode()):
            raise AccessDenied("This address was not signed by this server for this request.")
        until = claims.get("until", "")
        if not until.isdigit() or int(until) < self._now():
            raise AccessDenied("The time of this signed address is over.", hint="Ask for a new one.")

    def _sign(self, method: str, path: str, claims: Mapping[str, str]) -> str:
        lines = [method, path, *(f"{name}={claims[name]}" for name in sorted(claims))]
        text = "\n".join(f"{len(line)} {line}" for line in lines)
        return hmac.new(self.secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def base_url(request: Request) -> str:
    """How the caller addresses this server. The gate has checked the Host header.

    A proxy that ends TLS says so in X-Forwarded-Proto. To believe it harms nobody: only the asker gets the answer.
    """
    proto = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = proto if proto in ("http", "https") else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}"
