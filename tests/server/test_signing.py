"""Signed addresses."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from madang.errors import AccessDenied
from madang.http.signing import LIFE, Signer, base_url

NOW = 1_700_000_000.0
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?#"), max_size=40).map(
    lambda text: f"/{text}"
)


def parts(url: str) -> tuple[str, dict[str, str]]:
    """The decoded path and the claims of an address."""
    split = urlsplit(url)
    return unquote(split.path), dict(parse_qsl(split.query, keep_blank_values=True))


@given(PATHS, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.integers(0, 1 << 60))
def test_it_holds_for_what_was_signed(path: str, by: str, size: int) -> None:
    """Whatever the path and the name, the address passes as it was given, and no other method or path does."""
    signer = Signer(lambda: b"secret", lambda: NOW)
    found, claims = parts(signer.url("http://hub", "PUT", path, by=by, size=size))
    signer.check("PUT", found, claims)
    for method, other in (("GET", found), ("PUT", found + "x")):
        with pytest.raises(AccessDenied):
            signer.check(method, other, claims)


@pytest.mark.parametrize(
    "change", [{"size": "2"}, {"by": "you"}, {"until": "9999999999"}, {"more": "1"}, {"signature": ""}]
)
def test_no_claim_can_be_changed(change: dict[str, str]) -> None:
    """Each claim is part of what was signed, and none can be added or left out."""
    signer = Signer(lambda: b"secret", lambda: NOW)
    path, claims = parts(signer.url("http://hub", "PUT", "/a", by="me", size=1))
    with pytest.raises(AccessDenied):
        signer.check("PUT", path, {**claims, **change})
    for left_out in claims:
        with pytest.raises(AccessDenied):
            signer.check("PUT", path, {name: text for name, text in claims.items() if name != left_out})
    with pytest.raises(AccessDenied):
        Signer(lambda: b"another", lambda: NOW).check("PUT", path, claims)


def test_it_ends() -> None:
    """After its life an address is refused."""
    now = [NOW]
    signer = Signer(lambda: b"secret", lambda: now[0])
    path, claims = parts(signer.url("http://hub", "PUT", "/a", by="me"))
    now[0] += LIFE - 1
    signer.check("PUT", path, claims)
    now[0] += 2
    with pytest.raises(AccessDenied, match="over"):
        signer.check("PUT", path, claims)


@pytest.mark.parametrize(
    ("proto", "url"), [("https", "https://hub:1"), ("javascript", "http://hub:1"), ("", "http://hub:1")]
)
def test_behind_a_proxy(proto: str, url: str) -> None:
    """A proxy that ends TLS is believed that it does, and nothing else."""
    headers = [(b"host", b"hub:1"), (b"x-forwarded-proto", proto.encode()), (b"x-forwarded-host", b"evil")]
    request = Request({"type": "http", "scheme": "http", "headers": headers, "path": "/", "query_string": b""})
    assert base_url(request) == url
