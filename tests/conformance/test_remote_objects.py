"""The object port's suite over other machines and clouds, each a server on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlencode

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.server import ThreadedMotoServer

from madang.backends.objects.cloud import CloudObjects
from madang.backends.objects.opening import open_objects
from madang.backends.objects.sftp import SftpObjects
from madang.backends.objects.sftp_session import Session
from madang.client import transport
from madang.client.web import WebObjects
from madang.errors import AccessDenied, ConfigError, NotFound, Refused, StorageError, Unauthenticated, Unavailable
from madang.ports.objects import UNKNOWN, Objects, ObjectStat
from madang.staging import STAGING
from madang.testing.cloud_servers import ACCOUNT, ACCOUNT_KEY, SshServer, azurite, google, ssh_server
from madang.testing.objects import ObjectsConformance, small_pages
from madang.testing.web_server import WebServer
from madang.workspace.data.sources.addresses import open_address


def nobody(prompt: str) -> str:
    """Nobody is asked for anything."""
    raise AssertionError(prompt)


def sftp_server() -> str:
    """OpenSSH's program that speaks SFTP on its standard streams."""
    return shutil.which("sftp-server") or "/usr/lib/openssh/sftp-server"


class TestSftp(ObjectsConformance):
    """A folder behind SFTP, without a network."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Objects]:
        """An empty store in a folder that does not exist yet."""
        made = SftpObjects(str(tmp_path / "저장소 folder" / "store"), lambda: Session([sftp_server()], "ssh://x"))
        yield made
        made.close()

    def test_nothing_but_objects_is_left(self, store: Objects, tmp_path: Path) -> None:
        """After puts, also of one that lost a race, the staging area is empty; what others left long ago goes."""
        root = tmp_path / "저장소 folder" / "store"
        area = root / STAGING
        area.mkdir(parents=True)
        (area / "sftp-old").write_bytes(b"half")
        (area / "sftp-new").write_bytes(b"half")
        os.utime(area / "sftp-old", (1, 1))
        store.put("a/b", b"x")
        assert not store.put("a/b", b"y", if_absent=True)
        assert sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()) == [
            f"{STAGING}/sftp-new",
            "a/b",
        ]

    def test_a_server_that_goes_away(self, tmp_path: Path) -> None:
        """Every request that waits or comes later is told so; nothing hangs."""
        sessions: list[Session] = []

        def connect() -> Session:
            sessions.append(Session([sftp_server()], "ssh://x"))
            return sessions[-1]

        store = SftpObjects(str(tmp_path / "s"), connect)
        store.put("k", b"x" * 100_000)
        opened = store.open("k")
        sessions[0]._process.kill()
        with pytest.raises(Unavailable, match="ssh://x"):
            opened.read()
        with pytest.raises(Unavailable):
            store.put("l", b"x")
        store.close()

    def test_what_is_no_server(self, tmp_path: Path) -> None:
        """A program that says something else, says nothing or is not there ends in one clear error."""
        for command in (["echo", "Welcome to this machine!"], ["true"]):
            store = SftpObjects(str(tmp_path), lambda command=command: Session(command, "ssh://x"))  # type: ignore[misc]
            with pytest.raises(Unavailable, match="ssh://x"):
                store.read("k")
        with pytest.raises(ConfigError, match="no-such-program"):
            Session(["no-such-program"], "ssh://x")

    def test_a_folder_in_the_way(self, tmp_path: Path) -> None:
        """What the server's system refuses is told with the path."""
        (tmp_path / "file").write_bytes(b"")
        store = SftpObjects(str(tmp_path / "file"), lambda: Session([sftp_server()], "ssh://x"))
        with pytest.raises((StorageError, NotFound, AccessDenied), match="file"):
            store.put("a/b", b"x")
        store.close()


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A real server with a key of its own."""
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        yield server


def test_ssh_by_the_program(ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, port and keyfile reach the ssh program; a wrong key and a closed port say why."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    options = {"port": str(ssh.port), "keyfile": ssh.keyfile, "allow_agent": "false"}
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -oUserKnownHostsFile="{ssh.known_hosts}" -F none "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=":")
    store = open_objects(f"ssh://127.0.0.1{tmp_path}/over%20ssh", options)
    store.put("a/b", b"x" * 3_000_000)
    assert store.read("a/b") == b"x" * 3_000_000
    assert (tmp_path / "over ssh" / "a" / "b").stat().st_size == 3_000_000
    store.close()
    (tmp_path / "other").write_text("not a key")
    (tmp_path / "other").chmod(0o600)
    refused = open_objects(f"ssh://127.0.0.1:{ssh.port}{tmp_path}/x", {"keyfile": str(tmp_path / "other")})
    with pytest.raises(Unavailable, match="denied"):
        refused.stat("k")
    closed = open_objects(f"ssh://nobody@127.0.0.1:9{tmp_path}", {"password": "secret"})
    with pytest.raises(Unavailable, match="refused"):
        closed.stat("k")
    for wrong in ("ssh://127.0.0.1", "ssh://-oProxyCommand=x/path", "ssh:///path", "ssh://h:port/x"):
        with pytest.raises(ConfigError):
            open_objects(wrong)


def test_passwords_of_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password or passphrase, given or typed, is what ssh is told when it asks; it is on no command line."""
    make = tmp_path / "bin" / "ssh"
    make.parent.mkdir()
    make.write_text(
        '#!/bin/sh\necho "$*" >> "$0.log"\n'
        '[ "$SSH_ASKPASS_REQUIRE" = force ] || { echo "no password" >&2; exit 255; }\n'
        '"$SSH_ASKPASS" "continue connecting (yes/no)?" && exit 255\n'
        '[ "$("$SSH_ASKPASS" "password:")" = "ge heim\'s" ] || { echo "Permission denied" >&2; exit 255; }\n'
        f"exec {sftp_server()}\n"
    )
    make.chmod(0o755)
    monkeypatch.setenv("PATH", str(make.parent), prepend=":")
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "ge heim's"

    url = f"ssh://me@host:22022{tmp_path}/store"
    for options in ({"password": "ge heim's"}, {"passphrase": "ge heim's", "keyfile": "k"}, {"ask_password": "true"}):
        store = open_objects(url, options, typed)
        store.put("k", b"x")
        assert store.read("k") == b"x"
        store.close()
    assert asked == ["Password for me@host"]
    log = Path(f"{make}.log").read_text()
    assert "heim" not in log
    assert "-p 22022 -l me -s -- host sftp" in log
    for wrong, said in (({"password": "other"}, "denied"), ({}, "no password")):
        with pytest.raises(Unavailable, match=said):
            open_objects(url, wrong, typed).stat("k")


@pytest.fixture(scope="module")
def azure() -> Iterator[str]:
    """Azure's emulator."""
    with azurite() as address:
        yield address


def signature(text: str) -> str:
    """As Azure signs, with the emulator's key."""
    digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def azure_container(address: str) -> str:
    """A new container."""
    name, date = f"c{uuid.uuid4().hex}", formatdate(usegmt=True)
    headers = f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
    signed = signature("PUT" + "\n" * 12 + f"{headers}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container")
    sent = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {ACCOUNT}:{signed}"}
    request = urllib.request.Request(f"{address}/{name}?restype=container", method="PUT", headers=sent)
    urllib.request.urlopen(request).close()
    return name


def connection_string(address: str, *credential: str) -> str:
    """As the portal shows it."""
    return ";".join((f"AccountName={ACCOUNT}", f"BlobEndpoint={address}", *credential))


class TestAzure(ObjectsConformance):
    """A container of Azure Blob Storage."""

    refused = ("a\\b",)

    @pytest.fixture
    def store(self, azure: str) -> Objects:
        """An empty prefix of a new container."""
        options = {"connection_string": connection_string(azure, f"AccountKey={ACCOUNT_KEY}")}
        return open_objects(f"azure://{azure_container(azure)}/pre fix", options)

    def test_an_import_records_the_tag_in_quotes(self, azure: str) -> None:
        """As dvc does it: entity tags of Azure keep the quotes that those of other stores lose."""
        options = {"connection_string": connection_string(azure, f"AccountKey={ACCOUNT_KEY}")}
        url = f"azure://{azure_container(azure)}/x"
        open_objects(url, options).put("k", b"tagged")
        with closing(open_address(f"{url}/k", lambda remote: open_objects(remote.url, options))) as address:
            tag = address.look().tag or ""
        assert tag[:1] == tag[-1:] == '"'
        assert len(tag) > 2

    def test_other_credentials(self, azure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A shared access signature, the variables and the file of Azure's tools open it too; a wrong key does not."""
        monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
        container = azure_container(azure)
        fields = {"sv": "2018-11-09", "ss": "b", "srt": "co", "sp": "rwdlac", "se": "2099-01-01T00:00:00Z"}
        order = "\n".join((ACCOUNT, fields["sp"], "b", "co", "", fields["se"], "", "", fields["sv"], ""))
        token = urlencode({**fields, "sig": signature(order)})
        whole = connection_string(azure, f"AccountKey={ACCOUNT_KEY}")
        signed = {"connection_string": connection_string(azure, f"SharedAccessSignature={token}")}
        open_objects(f"azure://{container}/x", signed).put("k", b"by signature")
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", whole)
        assert open_objects(f"azure://{container}/x", {}).read("k") == b"by signature"
        monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
        (tmp_path / "config").write_text(f"[storage]\nconnection_string = {whole}\n")
        assert open_objects(f"azure://{container}/x", {}).read("k") == b"by signature"
        wrong = {"connection_string": connection_string(azure, "AccountKey=" + base64.b64encode(b"wrong").decode())}
        with pytest.raises((AccessDenied, Unauthenticated), match="credentials"):
            open_objects(f"azure://{container}/x", wrong).read("k")
        (tmp_path / "config").unlink()
        with pytest.raises(ConfigError, match="account_name"):
            open_objects(f"azure://{container}/x", {})


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    """Google's emulator."""
    with google() as address, small_pages():
        yield address


class TestGoogle(ObjectsConformance):
    """A bucket of Google Cloud Storage."""

    @pytest.fixture
    def key_file(self, gcs: str, tmp_path: Path) -> Path:
        """A service account's file, which also says where."""
        path = tmp_path / "key of ours.json"
        key = {"gcs_base_url": gcs, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        path.write_text(json.dumps(key))
        return path

    @pytest.fixture
    def store(self, gcs: str, key_file: Path) -> Objects:
        """An empty prefix of a new bucket."""
        bucket = f"b{uuid.uuid4().hex}"
        urllib.request.urlopen(urllib.request.Request(f"{gcs}/{bucket}", method="PUT")).close()
        return open_objects(f"gs://{bucket}/pre fix", {"credentialpath": str(key_file)})

    def test_credentials(self, store: Objects, gcs: str, key_file: Path) -> None:
        """Reading needs none where the bucket is open; a file that cannot be read is told by its name."""
        store.put("k", b"x")
        assert isinstance(store, CloudObjects)
        options = {"endpointurl": gcs, "allow_anonymous_login": "true"}
        assert open_objects(store.name, options).read("k") == b"x"
        key_file.write_text("{")
        with pytest.raises(ConfigError, match="key of ours"):
            open_objects("gs://bucket/x", {"credentialpath": str(key_file)})


def certificate(folder: Path) -> tuple[str, str]:
    """Files of a certificate for 127.0.0.1 that vouches for itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return str(folder / "cert.pem"), str(folder / "key.pem")


class TestWeb(ObjectsConformance):
    """A plain HTTP server."""

    lists = exclusive = False

    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
        """A server that is asked again without rest."""
        monkeypatch.setattr(transport, "FIRST_PAUSE", 0.001)
        monkeypatch.setattr(transport, "MAX_PAUSE", 0.002)
        with WebServer() as made:
            yield made

    @pytest.fixture
    def store(self, server: WebServer) -> Iterator[Objects]:
        """A folder on it."""
        made = WebObjects(f"{server.address}/some/where/", {}, nobody)
        yield made
        made.close()

    def test_credentials_and_methods(self, server: WebServer) -> None:
        """Basic and custom headers, POST and PUT are sent as dvc sends them; a password may be typed."""
        cases = {
            "Basic dXNlcjpwYXNz": {"auth": "basic", "user": "user", "password": "pass"},
            "Basic dXNlcjp0eXBlZA==": {"auth": "basic", "user": "user", "ask_password": "true"},
            "Bearer t": {"auth": "custom", "custom_auth_header": "Authorization", "password": "Bearer t"},
        }
        for number, (header, options) in enumerate(cases.items()):
            server.needed = {"authorization": header}
            method = ("POST", "PUT", "PUT")[number]
            store = WebObjects(server.address, {**options, "method": method}, lambda prompt: "typed")
            store.put("k", b"x")
            assert server.asked[-1] == (method, "/k")
            assert store.read("k") == b"x"
            store.close()
        with pytest.raises(Unauthenticated, match="401"):
            WebObjects(server.address, {}, nobody).read("k")
        for wrong in ({"auth": "basic", "user": "u"}, {"auth": "custom", "password": "p"}, {"auth": "digest"}):
            with pytest.raises(ConfigError):
                WebObjects(server.address, wrong, nobody)
        with pytest.raises(ConfigError):
            WebObjects(server.address, {"method": "PATCH"}, nobody)

    def test_a_server_that_is_away_for_a_moment(self, server: WebServer, store: Objects) -> None:
        """Busy answers and cut connections are asked again, a download goes on where it broke off."""
        body = bytes(range(256)) * 4096
        server.faults += ["503", "reset", ""]
        store.put("k", body)
        server.faults += ["500", "", "cut", "cut", "reset"]
        assert store.stat("k") == ObjectStat("k", len(body))
        assert store.read("k") == body
        asked = [headers.get("range") for headers in server.headers if "range" in headers]
        assert asked[0] == f"bytes={len(body) // 2}-"
        server.ranges = False
        server.faults += ["cut"]
        assert store.read("k") == body
        server.faults += ["503"] * 50
        with pytest.raises(Unavailable, match="503"):
            store.read("k")

    def test_servers_that_can_less(self, server: WebServer, store: Objects) -> None:
        """Without HEAD, sizes, uploads or deletions: existence is still told, and what is refused says why."""
        store.put("k", b"12345")
        server.methods = ("GET",)
        assert store.stat("k") == ObjectStat("k", UNKNOWN)
        assert store.stat("none") is None
        with pytest.raises(Refused, match="POST"):
            store.put("k", b"x")
        with pytest.raises(Refused, match="deletes nothing"):
            store.delete("k")
        server.methods, server.tells_size = ("GET", "HEAD"), False
        assert store.stat("k") == ObjectStat("k", UNKNOWN)
        assert store.read("k") == b"12345"

    def test_what_may_not_be_read_is_not_there(self, server: WebServer, store: Objects) -> None:
        """A bucket behind a web server says 403 of what it lacks; an upload that is refused so is an error."""
        server.faults += ["403", "403", "403"]
        assert store.stat("k") is None
        with pytest.raises(NotFound, match="403"):
            store.read("k")
        with pytest.raises(AccessDenied, match="403"):
            store.put("k", b"x")

    def test_certificates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that nobody vouches for is refused, unless ssl_verify names it or is false."""
        monkeypatch.setattr("madang.client.web.ATTEMPTS", 1)
        files = certificate(tmp_path)
        with WebServer(tls=files) as server:
            with pytest.raises(Unavailable, match="certificate"):
                WebObjects(server.address, {}, nobody).stat("k")
            for believed in (files[0], "false"):
                store = WebObjects(server.address, {"ssl_verify": believed}, nobody)
                store.put("k", believed.encode())
                assert store.read("k") == believed.encode()
                store.close()

    def test_what_is_sent_on(self, server: WebServer, store: Objects) -> None:
        """Reading follows to another host, the credential does not go along."""
        with WebServer() as other:
            other.files["/some/where/k"] = b"there"
            server.redirect = other.address.replace("127.0.0.1", "localhost")
            secret = {"auth": "custom", "custom_auth_header": "X-Token", "password": "secret"}
            sender = WebObjects(f"{server.address}/some/where", secret, nobody)
            assert sender.read("k") == b"there"
            assert server.headers[-1]["x-token"] == "secret"
            assert "x-token" not in other.headers[-1]
            sender.close()


def test_options_of_s3(tmp_path: Path) -> None:
    """Encryption is asked for as configured; what cannot be kept stops a put and no read; certificates are believed."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=address, **keys)
        client.create_bucket(Bucket="bucket")
        options = {"endpointurl": address, "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}
        cases = {"AES256": {"sse": "AES256"}, "aws:kms": {"sse": "aws:kms", "sse_kms_key_id": "key"}}
        for wanted, more in cases.items():
            open_objects("s3://bucket/x", options | more).put("k", b"x")
            assert client.head_object(Bucket="bucket", Key="x/k")["ServerSideEncryption"] == wanted
        shared = open_objects("s3://bucket/x", options | {"acl": "public-read"})
        assert shared.read("k") == b"x"
        with pytest.raises(ConfigError, match="acl"):
            shared.put("k", b"y")
        with pytest.raises(ConfigError, match="exclude"):
            open_objects("s3://bucket/x", options | {"sse_kms_key_id": "key", "sse_customer_key": "a2V5"})
    finally:
        server.stop()
    files = certificate(tmp_path)
    with WebServer(tls=files) as secure:
        secure.files["/bucket/x/k"] = b"over TLS"
        for believed in (files[0], "false"):
            there = {**options, "endpointurl": secure.address, "ssl_verify": believed}
            assert open_objects("s3://bucket/x", there).read("k") == b"over TLS"
    with pytest.raises(ConfigError, match="ssl_verify"):
        open_objects("s3://bucket/x", options | {"ssl_verify": str(tmp_path / "none.pem")})
