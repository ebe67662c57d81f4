"""PNG of pixel arrays, without an image library. Source of the format: ISO/IEC 15948 (PNG), 8 bits a channel."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from madang.errors import InvalidInput

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → colour type


def encode(pixels: Any) -> tuple[bytes, int, int]:
    """A PNG of an array or tensor; returns (bytes, width, height).

    Shapes: height × width, height × width × channels, or channels × height × width, with 1 to 4 channels. Integers are
    0 to 255; floats are 0 to 1, or 0 to 255 when any is over 1; a bool is black or white.

    Raises:
        InvalidInput: another shape or type.
    """
    array = _as_array(pixels)
    height, width, channels = array.shape
    rows = array.tobytes()
    step = width * channels
    lines = b"".join(b"\0" + rows[start : start + step] for start in range(0, len(rows), step))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    body = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines, 6)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body, width, height


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _as_array(pixels: Any) -> Any:
    import numpy

    for name in ("detach", "cpu"):  # a tensor, perhaps on a device
        pixels = getattr(pixels, name, lambda same=pixels: same)()
    if str(getattr(pixels, "dtype", "")) == "torch.bfloat16":  # NumPy has no such numbers
        pixels = pixels.float()
    array = numpy.asarray(pixels)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3 and array.shape[2] not in _COLOURS and array.shape[0] in _COLOURS:
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in _COLOURS or 0 in array.shape:
        raise InvalidInput(
            f"An array of shape {numpy.shape(pixels)} is no image.",
            hint="Use height × width, with 1, 3 or 4 channels first or last.",
        )
    if array.dtype == bool:
        array = array * numpy.uint8(255)
    elif array.dtype.kind == "f":
        array = numpy.nan_to_num(array, nan=0.0, posinf=255.0, neginf=0.0)
        array = numpy.rint(array if array.max() > 1 else array * 255).clip(0, 255)
    elif array.dtype.kind in "iu":
        array = array.clip(0, 255)
    else:
        raise InvalidInput(f"An array of {array.dtype} is no image.", hint="Use integers, floats or booleans.")
    return numpy.ascontiguousarray(array, dtype=numpy.uint8)
