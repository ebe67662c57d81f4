"""The user's signing key, and the keys of others that the user trusts: PEM files below the configuration folder.

``signing.pem`` is an Ed25519 private key (PKCS #8, RFC 8410) that only its owner may read; it is made when something is
signed for the first time. ``trusted/NAME.pub`` are public keys (SubjectPublicKeyInfo).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from madang.durable import write_file
from madang.errors import ConfigError, Conflict, InvalidInput, StorageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_NAME = re.compile(r"[\w.@+-]{1,80}\Z")
_OWN = "you"


class SigningKey:
    """An Ed25519 private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """See `Signer.sign`."""
        return self._key.sign(message)


def key_id(public_key: bytes) -> str:
    """The name of a public key."""
    return "sha256:" + hashlib.sha256(public_key).hexdigest()


class KeyRing:
    """The keys of one user."""

    def __init__(self, folder: str, given: str = "") -> None:
        """``given`` is a file with the private key to use in the place of the user's own."""
        self._folder = folder
        self._path = given or os.path.join(folder, "signing.pem")
        self._is_given = bool(given)

    def own(self) -> SigningKey:
        """The key to sign with, made when there is none.

        Raises:
            ConfigError: the file holds no such key. StorageError: it cannot be made.
        """
        if not os.path.exists(self._path) and not self._is_given:
            self._make()
        return SigningKey(_private(self._path))

    def public_pem(self) -> str:
        """The user's public key, to be given to others. Raises as `own`."""
        return _pem(_public(self.own().public_key))

    def trusted(self) -> dict[bytes, str]:
        """The names of the public keys that are trusted, the user's own among them. Raises `ConfigError`."""
        found: dict[bytes, str] = {}
        folder = os.path.join(self._folder, "trusted")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".pub"):
                found[_read_public(os.path.join(folder, name))] = name.removesuffix(".pub")
        if os.path.exists(self._path):
            found[self.own().public_key] = _OWN
        return found

    def trust(self, name: str, text: str, where: str) -> str:
        """Vouch for a public key (PEM), which was read from ``where``, by a name; returns its id.

        Raises:
            InvalidInput: no name, or no key. Conflict: the name is another key's. StorageError: it cannot be written.
        """
        if not _NAME.match(name) or name == _OWN:
            raise InvalidInput(f"{name!r} cannot be the name of a key.", hint="Use letters, digits and . @ + - _")
        raw = _parse_public(text, where)
        path = os.path.join(self._folder, "trusted", f"{name}.pub")
        if os.path.exists(path) and _read_public(path) != raw:
            raise Conflict(f"{name!r} is the name of another key.", hint=f"Choose another name, or remove {path}.")
        self._write(path, _pem(_public(raw)).encode(), 0o644)
        return key_id(raw)

    def name_of(self, public_key: bytes) -> str:
        """See `Verifier.name_of`."""
        return self.trusted().get(public_key, "")

    def fits(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        """See `Verifier.fits`."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - see _private

        try:
            _public(public_key).verify(signature, message)
        except (InvalidSignature, InvalidInput):
            return False
        return True

    def _make(self) -> None:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see _private
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

        body = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._write(self._path, body, 0o600)

    def _write(self, path: str, body: bytes, mode: int) -> None:
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            write_file(path, body, mode)
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror}.") from error


def keyring(variables: Mapping[str, str]) -> KeyRing:
    """The user's keys: `$XDG_CONFIG_HOME/madang/keys`, else below `~/.config`; MADANG_SIGNING_KEY names another key."""
    base = variables.get("XDG_CONFIG_HOME", "") or os.path.expanduser("~/.config")
    return KeyRing(os.path.join(base, "madang", "keys"), variables.get("MADANG_SIGNING_KEY", ""))


def _private(path: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - 40 ms, paid by who signs or checks
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

    try:
        with open(path, "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
    except OSError as error:
        raise ConfigError(f"The signing key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} holds no private key that can be used: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"The key in {path} is no Ed25519 key.")
    return key


def _public(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - see _private

    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise InvalidInput("That is no Ed25519 public key.") from error


def _pem(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see _private

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _read_public(path: str) -> bytes:
    try:
        with open(path, encoding="utf-8") as file:
            return _parse_public(file.read(), path)
    except (OSError, UnicodeDecodeError, InvalidInput) as error:
        raise ConfigError(f"The public key {path} cannot be read: {error}.") from error


def _parse_public(text: str, what: str) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see _private
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

    try:
        key = serialization.load_pem_public_key(text.encode())
    except ValueError as error:
        raise InvalidInput(f"{what} is no public key in PEM.", hint="`madang keys show` prints one.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(f"{what} is no Ed25519 key.")
    return key.public_bytes_raw()
