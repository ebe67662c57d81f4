"""How much may come: no file larger than the operator allows, and none that would fill the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from madang.errors import StorageError, TooLarge

_LEFT, _MOST_LEFT = 50, 256 << 20  # a fiftieth of the disk stays free, but never more bytes than this
_LOOK = 8 << 20  # bytes after which the disk is looked at again


class UploadLimits:
    """What files on their way into ``folder`` may take. ``largest`` is in bytes, of one file; 0: any that fits."""

    def __init__(self, folder: str, largest: int = 0) -> None:
        self._folder = folder
        self._largest = largest

    def admitted(self, pieces: Iterable[bytes], size: int | None, here: int = 0) -> Iterator[bytes]:
        """The pieces of a file as they come; ``size`` is what its sender announces, of which ``here`` bytes have come.

        Raises:
            TooLarge: it is, or becomes, larger than is allowed.
            StorageError: there is no room for it, or none is left.
        """
        self._need(size or here, (size or here) - here)
        return self._watched(pieces, here)

    def _watched(self, pieces: Iterable[bytes], here: int) -> Iterator[bytes]:
        seen = looked = here
        for piece in pieces:
            seen += len(piece)
            if seen - looked >= _LOOK or (self._largest and seen > self._largest):
                self._need(seen, len(piece))
                looked = seen
            yield piece

    def _need(self, size: int, coming: int) -> None:
        """Refuse a file that has ``size`` bytes so far, when ``coming`` more do not fit."""
        if self._largest and size > self._largest:
            raise TooLarge(f"This server takes files of up to {self._largest} bytes.", hint="Ask its admin for more.")
        try:
            os.makedirs(self._folder, exist_ok=True)
            disk = os.statvfs(self._folder)
        except OSError as error:
            raise StorageError(f"Cannot look at the disk of {self._folder}: {error.strerror}.") from error
        left = min(disk.f_blocks // _LEFT * disk.f_frsize, _MOST_LEFT)
        if disk.f_bavail * disk.f_frsize - coming < left:
            raise StorageError("The server's disk has no room for this file.", hint="Tell its admin.")
