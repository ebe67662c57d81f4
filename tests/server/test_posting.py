"""Where messages of webhooks may go, and that a receiver can neither redirect, hold nor flood a hub."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from madang.backends import posting
from madang.backends.posting import Poster
from madang.backends.sealing import SealedBox
from madang.domain.destinations import is_public, networks
from madang.errors import ConfigError, InvalidInput, Refused, Unavailable

LOCAL = networks(["127.0.0.0/8", "::1"])
INSIDE = (
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fd00::1", "fec0::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy looks a name up as well."""
    monkeypatch.setattr(posting, "_RESOLVE_SECONDS", 200.0)
    monkeypatch.setattr(posting, "CONNECT_SECONDS", 200.0)


@contextmanager
def receiver(answer: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine with what it has heard; ``answer`` says something to each that comes."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                come, _ = listening.accept()
            except OSError:
                return
            with come:
                try:
                    heard.append(whole(come))
                    answer(come)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1], heard
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(200)


def whole(come: socket.socket) -> bytes:
    """One request with its body."""
    data = come.recv(1 << 16)
    head, found, body = data.partition(b"\r\n\r\n")
    size = re.search(rb"content-length: (\d+)", head.lower())
    while found and size is not None and len(body) < int(size[1]):
        body += come.recv(1 << 16)
    return head + found + body


def drip(come: socket.socket) -> None:
    """An answer without end, a letter at a time."""
    while True:
        come.sendall(b"H")
        time.sleep(0.01)


def fine(come: socket.socket) -> None:
    """A good answer."""
    come.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nretry-after: 7\r\n\r\nok")


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_of_the_inside_is_written_to(address: str) -> None:
    """Loopback, private, link-local, metadata, multicast and wrapped ones are refused, when it is made and later."""
    assert not is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(InvalidInput, match="non-public"):
        Poster().check(f"https://{host}/x")
    with pytest.raises(Refused, match="non-public"):
        Poster().post(f"https://{host}:8443/x", {}, b"")


@pytest.mark.parametrize("host", ["localhost", "127.1", "0177.0.0.1", "2130706433", "0x7f000001"])
def test_other_spellings_of_the_inside_are_refused(host: str) -> None:
    """Names and old ways to write an address count by what they mean."""
    with pytest.raises(InvalidInput):
        Poster().check(f"https://{host}/x")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("  ", "empty or just whitespace"),
        ("ftp://example.com/x", "Invalid webhook URL scheme: 'ftp'"),
        ("file:///etc/passwd", "Invalid webhook URL scheme: 'file'"),
        ("gopher://127.0.0.1/", "Invalid webhook URL scheme"),
        ("example.com/x", "Invalid webhook URL scheme: ''"),
        ("http://[invalid", "Invalid webhook URL"),
        ("https:///x", "must include a hostname"),
        ("https://a b/", "Invalid webhook URL"),
        ("https://a/\r\nX: y", "Invalid webhook URL"),
        ("https://a:99999/", "Invalid webhook URL"),
        ("https://" + "a" * 3000, "Invalid webhook URL"),
        ("http://8.8.8.8/x", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."),
    ],
)
def test_odd_addresses_are_refused(url: str, said: str) -> None:
    """In MLflow's words."""
    with pytest.raises(InvalidInput) as told:
        Poster().check(url)
    assert said in told.value.message


def test_public_addresses_are_wrapped_too() -> None:
    """What IPv6 wraps counts as what it is; a listed network opens nothing else."""
    assert all(
        is_public(ip_address(text)) for text in ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1")
    )
    with pytest.raises(InvalidInput):
        Poster(LOCAL).check("http://10.0.0.1/")
    with pytest.raises(ConfigError, match="no network"):
        networks(["10.0.0.1/8"])


def test_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once for a message: one that means something else the next time leads nowhere."""
    asked: list[str] = []
    answers = ["8.8.8.8", "127.0.0.1"]

    def looked_up(host: str, port: int, **more: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[min(len(asked), 2) - 1], port))]

    tried: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address)
        raise OSError("unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(Unavailable, match="unreachable"):
        Poster().post("https://rebinding.example/x", {}, b"")
    assert (asked, tried) == (["rebinding.example"], [("8.8.8.8", 443)])
    with pytest.raises(Refused, match=r"resolves to 127\.0\.0\.1"):
        Poster().post("https://rebinding.example/x", {}, b"")
    assert len(tried) == 1


def test_one_address_of_the_inside_spoils_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a public and a private address is refused as a whole."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **more: found)
    with pytest.raises(InvalidInput, match="non-public"):
        Poster().check("https://mixed.example/x")


def test_a_name_that_nobody_knows_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a webhook is made where it is encrypted; its messages wait."""

    def unknown(*given: object, **more: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    Poster().check("https://later.example/x")
    with pytest.raises(Unavailable, match="Cannot resolve"):
        Poster().post("https://later.example/x", {}, b"")
    with pytest.raises(InvalidInput, match="Cannot resolve"):
        Poster(LOCAL).check("http://later.example/x")


def test_a_message_arrives_as_it_is() -> None:
    """Path, query, login, headers and body are those that were given; the answer and its wish come back."""
    with receiver(fine) as (port, heard):
        got = Poster(LOCAL, seconds=250).post(f"http://a:b%20c@127.0.0.1:{port}/모델%20x?q=ü&r=1", {"X-A": "1"}, b"{}")
    assert (got.status, got.text, got.pause) == (200, "ok", 7.0)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /%EB%AA%A8%EB%8D%B8%20x?q=%C3%BC&r=1 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Basic YTpiIGM=" in head
    assert b"\r\nX-A: 1" in head
    assert body == b"{}"


def test_a_redirect_is_an_answer_like_others() -> None:
    """Nobody is asked at the other address."""

    def moved(come: socket.socket) -> None:
        come.sendall(f"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:{port}/b\r\ncontent-length: 0\r\n\r\n".encode())

    with receiver(moved) as (port, heard):
        assert Poster(LOCAL, seconds=250).post(f"http://127.0.0.1:{port}/a", {}, b"").status == 307
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (drip, "gave no answer"),
        (lambda come: come.sendall(b"nonsense\r\n\r\n"), "gave no answer"),
        (lambda come: come.sendall(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300), "gave no answer"),
        (lambda come: None, "gave no answer"),
    ],
)
def test_bad_answers_are_none(answer: Callable[[socket.socket], None], what: str) -> None:
    """One that never ends, is no HTTP, has hundreds of headers or does not come at all."""
    with receiver(answer) as (port, _), pytest.raises(Unavailable, match=what):
        Poster(LOCAL, seconds=0.3 if answer is drip else 250).post(f"http://127.0.0.1:{port}/", {}, b"")


def test_a_long_answer_is_cut() -> None:
    """Only its beginning is read."""

    def long(come: socket.socket) -> None:
        come.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * (1 << 20))

    with receiver(long) as (port, _):
        assert len(Poster(LOCAL, seconds=250).post(f"http://127.0.0.1:{port}/", {}, b"").text) == 64 << 10


def _certificate(folder: Path, name: str) -> tuple[str, ssl.SSLContext]:
    """A file with a certificate of a name, and a server's context that has it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return str(path), context


def test_the_receiver_proves_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connected to by address, it is still asked for the certificate of its name."""
    path, context = _certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", path)

    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                come, _ = listening.accept()
                try:
                    with context.wrap_socket(come, server_side=True) as wrapped:
                        heard.append(whole(wrapped))
                        fine(wrapped)
                except OSError:
                    come.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        poster = Poster(LOCAL, seconds=250)
        assert poster.post(f"https://localhost:{port}/", {}, b"x").status == 200
        with pytest.raises(Unavailable, match="certificate"):
            poster.post(f"https://127.0.0.1:{port}/", {}, b"x")
        thread.join(200)
    assert len(heard) == 1


def test_what_is_under_way_can_be_broken_off() -> None:
    """A server that stops does not wait for a receiver that is slow."""
    poster, come_in = Poster(LOCAL, seconds=250), threading.Event()

    def hold(come: socket.socket) -> None:
        come_in.set()
        come.recv(1)

    with receiver(hold) as (port, _):

        def stop() -> None:
            come_in.wait(200)
            poster.close()

        threading.Thread(target=stop, daemon=True).start()
        with pytest.raises(Unavailable):
            poster.post(f"http://127.0.0.1:{port}/", {}, b"")


def test_sealed_secrets_need_their_key(tmp_path: Path) -> None:
    """Equal secrets look different, the key is its owner's alone, and another key opens nothing."""
    box = SealedBox(str(tmp_path / "key"))
    one, two = box.seal("비밀"), box.seal("비밀")
    assert one != two
    assert "비밀".encode() not in one
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert SealedBox(str(tmp_path / "key")).unseal(one) == "비밀"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    other = SealedBox(str(tmp_path / "other"))
    other.seal("x")
    with pytest.raises(ConfigError, match="another key"):
        other.unseal(one)
    with pytest.raises(ConfigError, match="another key"):
        box.unseal(one[:-1] + bytes([one[-1] ^ 1]))
    with pytest.raises(ConfigError, match="Cannot read"):
        SealedBox(str(tmp_path / "none"), make=False).seal("x")
    (tmp_path / "bad").write_text("zz")
    with pytest.raises(ConfigError, match="no key"):
        SealedBox(str(tmp_path / "bad")).seal("x")
