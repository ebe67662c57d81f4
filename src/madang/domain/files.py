"""Files and bytes as the events of a run name them."""

from __future__ import annotations

from madang.domain.values import value


@value
class BlobRef:
    """Bytes in the blob folder."""

    digest: str
    size: int


@value
class FileRef:
    """A path with its bytes' digest and size."""

    path: str
    digest: str
    size: int


@value
class Omitted:
    """A path that was left out, and why."""

    path: str
    reason: str


@value
class InputItem:
    """One opened path resolved against tracked data."""

    path: str
    digest: str
    recorded: str = ""
    size: int = 0
    tracked_by: str = ""
    out: str = ""  # the tracked path that this is, or lies in, relative to the work tree's root
    version: str = ""  # what is recorded for that: "md5:…" of a file, "md5:….dir" of a folder
