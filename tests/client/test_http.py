"""The HTTP client: every answer is a value or a named error, and the token goes to the hub alone."""

from __future__ import annotations

import io
import os
from typing import IO

import pytest
from blake3 import blake3

from madang.client.credentials import hub_address, keep_token
from madang.client.http import HubClient
from madang.client.transport import proxy_for
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
from madang.testing.chaos_hub import FAULTS, ChaosHub

TOKEN = "mdg_test"


def answering(hub: ChaosHub, status: int, body: bytes = b"{}", **headers: str) -> HubClient:
    hub.answer = lambda method, path: (status, headers, body)
    return HubClient(hub.address, {}, token=TOKEN)


def error_body(code: str, message: str = "because", hint: str = "do this") -> bytes:
    return f'{{"error": {{"code": "{code}", "message": "{message}", "hint": "{hint}"}}}}'.encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid-input", InvalidInput),
        (401, "unauthenticated", Unauthenticated),
        (403, "access-denied", AccessDenied),
        (404, "not-found", NotFound),
        (409, "conflict", Conflict),
        (409, "diverged", Diverged),
        (413, "too-large", TooLarge),
        (422, "refused", Refused),
        (426, "incompatible", Incompatible),
        (500, "corrupt-data", Unavailable),
        (503, "storage", Unavailable),
        (418, "not-found", Unavailable),
        (400, "diverged", InvalidInput),
        (500, "unauthenticated", Unavailable),
    ],
)
def test_the_status_chooses_the_error(hub: ChaosHub, status: int, code: str, kind: type[MadangError]) -> None:
    """The hub's words are shown; its code never makes one kind of error into another."""
    client = answering(hub, status, error_body(code))
    with pytest.raises(MadangError, match="because") as told:
        client.request("GET", ("me",))
    assert type(told.value) is kind
    assert told.value.hint == "do this"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"error": "x"}',
        b'{"error": {"code": 5}}',
        b"\xff\xfe",
        b'{"error": {"message": null}}',
        b"[" * 9999,
    ],
)
def test_an_error_without_sense_is_still_an_error(hub: ChaosHub, body: bytes) -> None:
    """Whatever stands in the body of an error, the status counts."""
    with pytest.raises(NotFound, match="404"):
        answering(hub, 404, body).request("GET", ("me",))


@pytest.mark.parametrize("status", [418, 429, 500, 502, 503])
@pytest.mark.parametrize("body", [b"", b"<html>", error_body("storage", hint="")])
def test_every_failure_of_a_hub_has_a_next_step(hub: ChaosHub, status: int, body: bytes) -> None:
    """A hub or proxy that says nothing of use still leaves its user with something to do."""
    hub.answer = lambda method, path: (status, {}, body)
    with pytest.raises(Unavailable) as told:
        HubClient(hub.address, {}, attempts=1).request("GET", ("me",))
    assert told.value.hint


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xc1", b'{"name": 5}', b"{" * 100_000])
@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/x-msgpack"])
def test_nonsense_is_not_an_answer(hub: ChaosHub, body: bytes, kind: str) -> None:
    """A success that is not what a hub says names the address: a captive portal, another program's port."""
    client = answering(hub, 200, body, **{"content-type": kind})
    with pytest.raises(Unavailable, match=hub.address):
        client.get(("me",), dict[str, list[int]])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(hub: ChaosHub, status: int) -> None:
    """The token does not go where a redirect points; the error names the place."""
    with ChaosHub() as other:
        client = answering(hub, status, b"", location=other.address + "/api/v1/me")
        with pytest.raises(Unavailable, match=other.address):
            client.request("GET", ("me",))
        assert other.asked == []


def test_what_may_be_repeated_is(hub: ChaosHub) -> None:
    """A safe request survives four faults in a row; a POST is not sent twice."""
    hub.faults = ["503", "reset after", "cut body", "500 before"]
    client = answering(hub, 200, b'{"a": [1]}', **{"content-type": "application/json"})
    assert client.get(("x",), dict[str, list[int]]) == {"a": [1]}
    hub.faults = ["500 after"]
    hub.asked.clear()
    with pytest.raises(Unavailable):
        client.request("POST", ("x",), body=b"{}")
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault not in ("garbage", "empty", "no headers", "wrong offset")]
)
def test_every_fault_is_a_named_error(hub: ChaosHub, fault: str) -> None:
    """With no attempts left, each fault is `Unavailable`."""
    hub.faults = [fault]
    hub.answer = lambda method, path: (200, {}, b"{}")
    with pytest.raises(Unavailable):
        HubClient(hub.address, {}, attempts=1).request("PUT", ("x",), body=b"12345")


def test_a_body_is_opened_anew_for_every_attempt(hub: ChaosHub) -> None:
    """A file is sent whole again after a failure in its middle, and closed each time."""
    opened: list[IO[bytes]] = []

    def body() -> IO[bytes]:
        opened.append(io.BytesIO(b"x" * 1000))
        return opened[-1]

    hub.faults = ["half", "reset after"]
    digest = "blake3:" + blake3(b"x" * 1000).hexdigest()
    HubClient(hub.address, {}).request("PUT", ("projects", "가/나", "blobs", digest), body=body, size=1000)
    assert hub.blobs[digest] == b"x" * 1000
    assert len(opened) == 3
    assert all(file.closed for file in opened)


def test_a_download_is_verified(hub: ChaosHub) -> None:
    """Bytes that break off, or are others than those asked for, are an error at the reader and never taken."""
    data = b"weights" * 100_000
    digest = "blake3:" + blake3(data).hexdigest()
    client = HubClient(hub.address, {})
    hub.answer = lambda method, path: (200, {}, data)
    with client.download(("projects", "p", "blobs", digest), digest) as file:
        assert file.read(7) == b"weights"
        assert file.read() == data[7:]
        assert file.read() == b""
    with client.download(("x",), "blake3:" + "0" * 64) as file, pytest.raises(CorruptData):
        file.read()
    hub.faults = ["cut body"]
    with client.download(("x",), digest) as file, pytest.raises(Unavailable):
        file.read()
    hub.answer = lambda method, path: (404, {}, b"")
    with pytest.raises(NotFound):
        client.download(("x",))


def test_names_are_escaped(hub: ChaosHub) -> None:
    """A project's name with slashes, blanks, question marks and Korean letters is one part of the path."""
    answering(hub, 200).request(
        "GET", ("projects", "가/나 ?#%", "..."), query=[("a", "b c"), ("a", "&"), ("none", None)]
    )
    assert hub.asked == [("GET", "/api/v1/projects/%EA%B0%80%2F%EB%82%98%20%3F%23%25/...")]
    for name in ("", ".", ".."):
        with pytest.raises(InvalidInput):
            HubClient(hub.address, {}).request("DELETE", ("projects", name, "x"))


def test_the_token_comes_from_the_environment_then_the_file(
    hub: ChaosHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """MADANG_TOKEN wins over the one that was kept for this very hub; another hub's is never shown."""
    env = {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config"))}
    path = keep_token(hub.address, "kept", env)
    keep_token("https://other.example.org", "others", env)
    hub.answer = lambda method, path: (200, {}, b"{}")
    HubClient(hub.address + "/", env).request("GET", ("me",))
    HubClient(hub.address, {**env, "MADANG_TOKEN": "named"}).request("GET", ("me",))
    keep_token(hub.address, "", env)
    HubClient(hub.address, env).request("GET", ("me",))
    assert hub.tokens == ["Bearer kept", "Bearer named", ""]
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_spoilt_file_of_tokens_is_named(hub: ChaosHub, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that is no JSON, or of another shape, is a configuration error with its path."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "madang").mkdir()
    for text in ("{", "[]", '{"hubs": {"x": 5}}', "\x00"):
        (folder / "madang" / "credentials").write_text(text)
        with pytest.raises(MadangError, match="credentials") as told:
            HubClient(hub.address, {"XDG_CONFIG_HOME": str(folder)})
        assert told.value.code == "config"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://h:7300/", "http://h:7300"),
        ("HTTPS://Hub.Example.org:443/base/", "https://hub.example.org/base"),
        ("http://[::1]:80", "http://[::1]"),
        (" http://h ", "http://h"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    """Case, standard ports and slashes at the end make no difference."""
    assert hub_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "hub", "ftp://x", "http://", "http://u:p@h", "http://h?x=1", "http://h:x", "http://h:99999", "file:///etc"],
)
def test_a_wrong_address_is_refused(text: str) -> None:
    """What is no address of a hub is named, and a password in it is not repeated."""
    with pytest.raises(InvalidInput) as told:
        hub_address(text)
    assert "u:p" not in str(told.value)


def test_this_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is used for other machines, and not for those it shall not be used for."""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example.org")
    assert proxy_for("http://127.0.0.1:7300") == ""
    assert proxy_for("http://inside.example.org") == ""
    assert proxy_for("http://hub.example.org") == "http://proxy:3128"
