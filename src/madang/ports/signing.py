"""What is asked of keys: to sign, and to say whose signature something is."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """A private key."""

    key_id: str  # ``sha256:`` and the digest of the public key
    public_key: bytes  # raw, 32 bytes

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of a message."""
        ...


class Verifier(Protocol):
    """The public keys that somebody vouches for."""

    def name_of(self, public_key: bytes) -> str:
        """Whose key this is; empty for one that nobody has vouched for."""
        ...

    def fits(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        """Whether a message was signed by the key's owner."""
        ...
