"""The hash of dvc 2 (``md5-dos2unix``): the MD5 of the bytes with the line ends of text folded.

The bytes are looked at in chunks of 1 MiB. A chunk is text when its first 512 bytes hold no NUL and at most 30 % of
them are neither printable ASCII nor LF, CR, tab, form feed or backspace; in a chunk of text each CR LF counts as LF.
"""

from __future__ import annotations

from madang.formats.dvc.digest import new_md5

CHUNK = 1 << 20
_LOOK = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


class Dos2UnixMD5:
    """Made like a hash of hashlib; bytes may come in pieces of any size."""

    def __init__(self) -> None:
        self._digest = new_md5()
        self._held = bytearray()

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._held += data
        while len(self._held) >= CHUNK:
            self._digest.update(folded(bytes(self._held[:CHUNK])))
            del self._held[:CHUNK]

    def hexdigest(self) -> str:
        """The hash of everything taken so far, as lower-case hex."""
        whole = self._digest.copy()
        if self._held:
            whole.update(folded(bytes(self._held)))
        return whole.hexdigest()


def folded(chunk: bytes) -> bytes:
    """One chunk as it is hashed."""
    return chunk.replace(b"\r\n", b"\n") if is_text(chunk[:_LOOK]) else chunk


def is_text(start: bytes) -> bool:
    """Whether bytes that begin so are taken for text; none at all are."""
    if b"\0" in start:
        return False
    return not start or len(start.translate(None, _TEXT)) / len(start) <= 0.3
