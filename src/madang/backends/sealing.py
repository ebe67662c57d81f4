"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key that lies in a file of its own, not in the records."""

from __future__ import annotations

import os
import threading

from madang.durable import write_file
from madang.errors import ConfigError, StorageError

_BYTES = 32
_NONCE = 12
_FORM = b"\x01"  # how the rest is to be read


class SealedBox:
    """`ports.webhooks.Sealer`. The key is made when something is sealed first; only its owner may read the file."""

    def __init__(self, path: str, *, make: bool = True) -> None:
        """``make``: whether a key that is missing is made."""
        self._path = path
        self._make = make
        self._lock = threading.Lock()
        self._key = b""

    def check(self) -> None:
        """See that the key is there. Raises `ConfigError`."""
        self._known(make=False)

    def seal(self, secret: str) -> bytes:
        """The secret, unreadable without the key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - most hubs seal nothing

        nonce = os.urandom(_NONCE)
        return _FORM + nonce + AESGCM(self._known(make=self._make)).encrypt(nonce, secret.encode(), _FORM)

    def unseal(self, sealed: bytes) -> str:
        """The secret again."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return AESGCM(self._known(make=False)).decrypt(nonce, rest, sealed[:1]).decode()
        except (InvalidTag, ValueError) as error:
            raise ConfigError(
                f"A secret was sealed with another key than that in {self._path}.",
                hint="Give every hub over these records the same key: --key-file. Or set the secret again.",
            ) from error

    def _known(self, *, make: bool) -> bytes:
        with self._lock:
            if not self._key:
                self._key = self._read(make=make)
            return self._key

    def _read(self, *, make: bool) -> bytes:
        try:
            if make and not os.path.exists(self._path):
                self._write()
            with open(self._path, "rb") as file:
                text = file.read(200).strip()
            key = bytes.fromhex(text.decode("ascii"))
        except OSError as error:
            raise ConfigError(f"Cannot read the key {self._path}: {error.strerror}.") from error
        except ValueError:
            key = b""
        if len(key) != _BYTES:
            raise ConfigError(
                f"{self._path} holds no key.", hint=f"It is {2 * _BYTES} hex digits: openssl rand -hex 32"
            )
        return key

    def _write(self) -> None:
        """Make the key; of two processes that do so at once one is first, and its key is everybody's."""
        aside = f"{self._path}.{os.urandom(8).hex()}"
        try:
            write_file(aside, os.urandom(_BYTES).hex().encode() + b"\n", 0o600)
            try:
                os.link(aside, self._path)
            except FileExistsError:
                pass
            finally:
                os.unlink(aside)
        except OSError as error:
            raise StorageError(f"Cannot write the key {self._path}: {error.strerror}.") from error
