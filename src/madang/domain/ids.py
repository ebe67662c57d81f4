"""Identifiers: run and segment ids, digests."""

from __future__ import annotations

import os
import re

from madang.errors import InvalidInput

WANDB_TAG = "wandb.id"
"""The tag of a run that says what a client of W&B calls it."""
_HEX = frozenset("0123456789abcdef")
_DIGEST = r"(md5:[0-9a-f]{32}(\.dir)?|blake3:[0-9a-f]{64}|sha256:[0-9a-f]{64})\Z"  # `re` keeps it compiled


def new_id() -> str:
    """A new random run or segment id: 32 lower-case hex digits (122 random bits and more)."""
    return os.urandom(16).hex()


def new_uuid() -> str:
    """A random UUID (RFC 9562, version 4), where another tool's clients expect one."""
    digits = bytearray(os.urandom(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def is_id(text: str) -> bool:
    """Whether a text is a run or segment id: 32 lower-case hex digits."""
    return len(text) == 32 and _HEX.issuperset(text)


def check_id(text: str, what: str = "run") -> str:
    """Return ``text`` when it is an id.

    Raises:
        InvalidInput: it is not 32 lower-case hex digits.
    """
    if not is_id(text):
        raise InvalidInput(f"{text[:80]!r} is not a {what} id.", hint="An id is 32 lower-case hex digits.")
    return text


def check_digest(text: str) -> str:
    """Return ``text`` when it is a digest in the form ``algorithm:hex``.

    Raises:
        InvalidInput: unknown algorithm, or not lower-case hex of its length.
    """
    if not re.match(_DIGEST, text):
        raise InvalidInput(f"{text[:100]!r} is not a digest.", hint="Write it as blake3:HEX, sha256:HEX or md5:HEX.")
    return text
