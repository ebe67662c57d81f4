"""Files that arrive in parts: several at a time, in any order, each again when its transfer was cut."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence

from madang.domain.access import Principal
from madang.domain.ids import is_id, new_id
from madang.domain.values import value
from madang.errors import Conflict, InvalidInput, NotFound, StorageError
from madang.services.upload_limits import UploadLimits

MOST_PARTS = 10_000
FORGOTTEN = 3 * 24 * 3600  # seconds after which parts that nobody asks for are dropped
_PREFIX = "parts-"
_CHUNK = 1 << 20
_ABOUT = "about"


@value
class Part:
    """A part that came: its place, counted from 1, and the digest that its sender was told."""

    number: int
    etag: str


class PartUploads:
    """Parts on their way in, each a file in a folder below ``scratch``. Thread-safe; a restart loses none.

    An upload belongs to the principal who began it and to one target; under another one there is none.
    """

    def __init__(self, scratch: str, limits: UploadLimits | None = None) -> None:
        self._scratch = scratch
        self._limits = limits or UploadLimits(scratch)

    def begin(self, who: Principal, target: str) -> str:
        """The id of a new upload for what ``target`` names."""
        self._forget()
        upload = new_id()
        folder = self._folder(upload)
        try:
            os.makedirs(folder, mode=0o700)
            with open(os.path.join(folder, _ABOUT), "w", encoding="utf-8") as file:
                file.write(f"{who.name}\n{target}")
        except OSError as error:
            raise StorageError(f"Cannot keep parts in {self._scratch}: {error.strerror}.") from error
        return upload

    def put(self, who: Principal, upload: str, number: int, pieces: Iterable[bytes], size: int | None = None) -> str:
        """Take one part, in place of one that came before under its number; its digest. ``size`` is what is announced.

        Raises:
            NotFound: no such upload of the caller's.
            InvalidInput: no such number.
            TooLarge, StorageError: there is no room for it.
        """
        from blake3 import blake3  # noqa: PLC0415 - only who sends parts pays for it

        folder = self._known(who, upload)
        if not 0 < number <= MOST_PARTS:
            raise InvalidInput(f"Part {number} is not between 1 and {MOST_PARTS}.")
        aside, digest = os.path.join(folder, f"{number}.{new_id()}"), blake3()
        try:
            with open(aside, "wb") as file:
                for piece in self._limits.admitted(pieces, size):
                    digest.update(piece)
                    file.write(piece)
            etag = digest.hexdigest(16)
            os.replace(aside, os.path.join(folder, f"{number}-{etag}"))
        except OSError as error:
            raise _refused(error) from error
        return etag

    def joined(self, who: Principal, upload: str, target: str, parts: Sequence[Part]) -> tuple[Iterator[bytes], int]:
        """The bytes of all parts in the order of their numbers, and how many they are. The parts stay until `drop`.

        Raises:
            NotFound: no such upload of the caller's for this target.
            InvalidInput: a part did not come, or is named twice.
        """
        folder = self._known(who, upload, target)
        numbers = [part.number for part in parts]
        if not parts or len(set(numbers)) < len(numbers):
            raise InvalidInput("Each part of an upload is to be named once.")
        paths, size = [], 0
        for part in sorted(parts, key=lambda part: part.number):
            path = os.path.join(folder, f"{part.number}-{part.etag}")
            try:
                size += os.stat(path).st_size
            except (FileNotFoundError, ValueError):
                raise InvalidInput(f"Part {part.number} with this digest did not come.") from None
            paths.append(path)
        return _read(paths), size

    def drop(self, who: Principal, upload: str, target: str) -> None:
        """Forget an upload with its parts. Raises `NotFound` as `joined`."""
        shutil.rmtree(self._known(who, upload, target), ignore_errors=True)

    def _folder(self, upload: str) -> str:
        return os.path.join(self._scratch, _PREFIX + upload)

    def _known(self, who: Principal, upload: str, target: str | None = None) -> str:
        folder = self._folder(upload)
        try:
            with open(os.path.join(folder, _ABOUT), encoding="utf-8") as file:
                owner, _, wanted = file.read().partition("\n")
        except FileNotFoundError:
            owner, wanted = "", ""
        if not is_id(upload) or not owner or owner != who.name or target not in (None, wanted):
            raise NotFound("There is no such upload.", hint="Begin it again.")
        return folder

    def _forget(self) -> None:
        try:
            found = [entry for entry in os.scandir(self._scratch) if entry.name.startswith(_PREFIX)]
        except FileNotFoundError:
            return
        for entry in found:
            if entry.stat(follow_symlinks=False).st_mtime < time.time() - FORGOTTEN:
                shutil.rmtree(entry.path, ignore_errors=True)


def _read(paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
        except FileNotFoundError:
            raise Conflict("The upload was completed or dropped meanwhile.") from None
        with file:
            while piece := file.read(_CHUNK):
                yield piece


def _refused(error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError):
        return NotFound("There is no such upload.", hint="It was completed or dropped meanwhile.")
    return StorageError(f"Cannot keep a part: {error.strerror}.")
