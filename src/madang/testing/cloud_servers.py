"""Servers that speak like a cloud or like another machine, on loopback: Azure's Blob Storage, Google's, and SSH."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madang.testing.hubs import free_port

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_TOOLS = Path(__file__).parents[3] / ".tools" / "node_modules" / ".bin"
_SIGNED = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
_PATIENCE = 200.0  # seconds until a server must answer, or have ended


@contextmanager
def azurite() -> Iterator[str]:
    """Microsoft's emulator of Azure Blob Storage, with its well-known account. Yields the account's address."""
    program = shutil.which("azurite-blob") or str(_TOOLS / "azurite-blob")
    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent",
               "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]  # fmt: skip
    address = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with _running(command, address):
        yield address


@contextmanager
def google() -> Iterator[str]:
    """What speaks like the XML interface of Google Cloud Storage, which is S3's with other names. Yields its address.

    It is moto's S3 behind a translation: ``x-goog-if-generation-match: 0`` asks for what ``If-None-Match: *`` asks for
    there, and no signature is looked at. No emulator at hand takes uploads of this interface.
    """
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - of the tests only
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415 - as above

    moto = DomainDispatcherApplication(create_backend_app)

    def translated(environ: dict[str, Any], start: Any) -> Any:
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", "") == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"
        environ["HTTP_AUTHORIZATION"] = _SIGNED
        return moto(environ, start)

    server = make_server("127.0.0.1", 0, translated, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class SshServer:
    """A server that lets the user of this process in, with one key."""

    port: int
    keyfile: str
    known_hosts: str


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """OpenSSH's server on loopback; its keys are made for it."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)], check=True)
    port = free_port()
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    server = "/usr/lib/openssh/sftp-server" if os.path.exists("/usr/lib/openssh/sftp-server") else "internal-sftp"
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nPasswordAuthentication no\nSubsystem sftp {server}\n"
        "LogLevel ERROR\n"
    )
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # the package's service would make it
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    with _running([program, "-D", "-e", "-f", str(folder / "config")], f"tcp://127.0.0.1:{port}"):
        yield SshServer(port, str(folder / "user"), str(folder / "known"))


@contextmanager
def _running(command: list[str], address: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        end = time.monotonic() + _PATIENCE
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise AssertionError(f"{command[0]} does not start: {process.stderr.read().decode()[-500:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE)
        process.stderr.close()


def _answers(address: str) -> bool:
    scheme, _, rest = address.partition("://")
    try:
        if scheme == "tcp":
            host, _, port = rest.partition(":")
            socket.create_connection((host, int(port)), 5).close()
        else:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - our own address
    except urllib.error.HTTPError as error:
        error.close()  # an answer all the same
    except OSError:
        return False
    return True
