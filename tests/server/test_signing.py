"""Signed addresses."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from madang.domain.access import ANONYMOUS, Permission, Principal, local
from madang.errors import AccessDenied, Unauthenticated
from madang.http.signing import LIFE, Signer, base_url

NOW = 1_700_000_000.0
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?#"), max_size=40).map(
    lambda text: f"/{text}"
)


ME = Principal("me", Permission.WRITE, token="t1")


def signer_at(now: Callable[[], float] = lambda: NOW, secret: bytes = b"secret") -> Signer:
    """A signer who knows one token."""

    def holder(token: str) -> Principal:
        if token != ME.token:
            raise Unauthenticated("The credential is no longer valid.")
        return ME

    return Signer(lambda: secret, holder, now)


def parts(url: str) -> tuple[str, dict[str, str]]:
    """The decoded path and the claims of an address."""
    split = urlsplit(url)
    return unquote(split.path), dict(parse_qsl(split.query, keep_blank_values=True))


@given(PATHS, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.text("abc", max_size=3))
def test_it_holds_for_what_was_signed(path: str, by: str, run: str) -> None:
    """Whatever the path and the name, the address passes as it was given, and no other method or path does."""
    signer = signer_at()
    found, claims = parts(signer.url("http://hub", "PUT", path, to=Principal(by, token="t"), run=run))
    signer.check("PUT", found, claims)
    for method, other in (("GET", found), ("PUT", found + "x")):
        with pytest.raises(AccessDenied):
            signer.check(method, other, claims)


@pytest.mark.parametrize(
    "change", [{"run": "b"}, {"by": "you"}, {"token": ""}, {"until": "9999999999"}, {"more": "1"}, {"signature": ""}]
)
def test_no_claim_can_be_changed(change: dict[str, str]) -> None:
    """Each claim is part of what was signed, and none can be added or left out."""
    signer = signer_at()
    path, claims = parts(signer.url("http://hub", "PUT", "/a", to=ME, run="a"))
    with pytest.raises(AccessDenied):
        signer.check("PUT", path, {**claims, **change})
    for left_out in claims:
        with pytest.raises(AccessDenied):
            signer.check("PUT", path, {name: text for name, text in claims.items() if name != left_out})
    with pytest.raises(AccessDenied):
        signer_at(secret=b"another").check("PUT", path, claims)


def test_it_ends() -> None:
    """After its life an address is refused."""
    now = [NOW]
    signer = signer_at(lambda: now[0])
    path, claims = parts(signer.url("http://hub", "PUT", "/a", to=ME))
    now[0] += LIFE - 1
    signer.check("PUT", path, claims)
    now[0] += 2
    with pytest.raises(AccessDenied, match="over"):
        signer.check("PUT", path, claims)


def asked(url: str, who: Principal = ANONYMOUS) -> Request:
    """A request at an address, by somebody whom the gate knows."""
    split = urlsplit(url)
    return Request(
        {"type": "http", "method": "PUT", "path": split.path, "query_string": split.query.encode(), "madang.who": who}
    )


def test_it_opens_what_its_holder_may() -> None:
    """It speaks for the credential that it was given to, while that is valid; without one, for who asks."""
    signer = signer_at()
    assert signer.admit(asked(signer.url("http://hub", "PUT", "/a", to=ME)), "/a")[0] == ME
    with pytest.raises(Unauthenticated):
        signer.admit(asked(signer.url("http://hub", "PUT", "/a", to=Principal("me", token="revoked"))), "/a")
    open_one = signer.url("http://hub", "PUT", "/a", to=local("local"))
    assert signer.admit(asked(open_one), "/a")[0] == ANONYMOUS
    assert signer.admit(asked(open_one, local("local")), "/a")[0] == local("local")


def test_an_address_of_an_earlier_release_is_asked_for_anew() -> None:
    """What was signed without saying whose credential it is opens nothing, as if its time were over."""
    signer = signer_at()
    path, claims = parts(signer.url("http://hub", "PUT", "/a", to=ME))
    older = {name: text for name, text in claims.items() if name not in ("token", "signature")}
    older["signature"] = signer._sign("PUT", path, older)
    with pytest.raises(AccessDenied, match="earlier"):
        signer.admit(asked(f"http://hub{path}?{urlencode(older)}"), path)


@pytest.mark.parametrize(
    ("proto", "url"), [("https", "https://hub:1"), ("javascript", "http://hub:1"), ("", "http://hub:1")]
)
def test_behind_a_proxy(proto: str, url: str) -> None:
    """A proxy that ends TLS is believed that it does, and nothing else."""
    headers = [(b"host", b"hub:1"), (b"x-forwarded-proto", proto.encode()), (b"x-forwarded-host", b"evil")]
    request = Request({"type": "http", "scheme": "http", "headers": headers, "path": "/", "query_string": b""})
    assert base_url(request) == url
