"""Messages between a server and the process that scores: a JSON head and a body of bytes, each with its length.
A message is the length of the head (u32, little endian), that of the body (u64), the head, the body.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

from madang.errors import CorruptData

PREFIX = struct.Struct("<IQ")
MAX_HEAD = 16 << 20  # bytes: a description of a model may be long


def encode(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """The bytes of a message."""
    text = json.dumps(head, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    return PREFIX.pack(len(text), len(body)) + text + body


def lengths(prefix: bytes) -> tuple[int, int]:
    """The lengths of head and body that a prefix tells.

    Raises:
        CorruptData: no head is that long.
    """
    head, body = PREFIX.unpack(prefix)
    if head > MAX_HEAD:
        raise CorruptData("A message between the server and a scoring process cannot be read.")
    return head, body


def decode_head(text: bytes) -> dict[str, Any]:
    """The head of a message."""
    found = json.loads(text.decode("utf-8", "surrogatepass"))
    assert isinstance(found, dict)
    return found


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """The next message; None when the other side has left.

    Raises:
        OSError: the connection broke inside a message.
    """
    prefix = _exactly(connection, PREFIX.size, may_end=True)
    if not prefix:
        return None
    head, body = lengths(prefix)
    return decode_head(_exactly(connection, head)), _exactly(connection, body)


def _exactly(connection: socket.socket, size: int, *, may_end: bool = False) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = connection.recv(min(size - len(found), 1 << 20))
        if not piece:
            if may_end and not found:
                return b""
            raise ConnectionResetError("The server has left inside a message.")
        found += piece
    return bytes(found)
