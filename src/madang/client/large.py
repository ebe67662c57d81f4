"""Sending a large object to a hub: an attempt that breaks off loses little, the next one goes on behind what came.

That holds for the next command, too: the hub keeps what came (docs/formats/hub-data.md).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import IO

from madang.client.http import HubClient
from madang.client.transport import ATTEMPTS, FIRST_PAUSE, MAX_PAUSE
from madang.errors import Conflict, InvalidInput, NotFound, Unavailable

LARGE = 64 << 20  # bytes of an object from which on this pays
BUSY_SECONDS = 75.0  # somewhat longer than a hub waits for a sender of whom nothing comes
_BYTES = "application/octet-stream"


def send(hub: HubClient, project: str, key: Sequence[str], path: os.PathLike[str], size: int) -> bool:
    """Send a file. False: this hub cannot go on with it, and it has to be sent whole.

    Raises:
        Unavailable: the hub went away, and nothing more came through in several attempts. What came stays there.
    """
    where = (project, "uploads", *key)
    best, left, pause, busy = -1, ATTEMPTS, FIRST_PAUSE, 0.0
    while True:
        left -= 1
        try:
            at = _arrived(hub, where, size)
            if busy and not at and _is_there(hub, (project, *key)):
                return True  # somebody else has sent it
            if at > best:
                best, left, pause = at, ATTEMPTS - 1, FIRST_PAUSE
            _send_rest(hub, where, path, at, size)
        except NotFound:
            return False  # an older hub
        except Conflict:  # somebody else sends it, or the hub has not seen yet that we were cut
            busy += pause
            if busy > BUSY_SECONDS:
                return False
        except InvalidInput:
            if best <= 0:
                raise
            return False  # what came before was damaged
        except Unavailable:
            if not left:
                raise
        else:
            return True
        time.sleep(pause)
        pause = min(MAX_PAUSE, 2 * pause)


def _send_rest(hub: HubClient, where: Sequence[str], path: os.PathLike[str], at: int, size: int) -> None:
    headers = {"upload-offset": str(at), "upload-length": str(size), "content-type": _BYTES}
    hub.request("PATCH", where, headers=headers, body=_opening(path, at), size=size - at, repeatable=False)


def _is_there(hub: HubClient, where: Sequence[str]) -> bool:
    try:
        hub.request("HEAD", where)
    except NotFound:
        return False
    return True


def _arrived(hub: HubClient, where: Sequence[str], size: int) -> int:
    told = hub.request("HEAD", where, headers={"upload-length": str(size)}).headers.get("upload-offset", "")
    if not (told.isascii() and told.isdigit() and len(told) < 19 and int(told) <= size):
        raise NotFound("The hub does not tell how much of an upload is there.")
    return int(told)


def _opening(path: os.PathLike[str], at: int) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        file = open(path, "rb")  # noqa: SIM115 - the request closes it
        file.seek(at)
        return file

    return opened
