"""Files that a version-aware remote keeps under their own names: ``files:`` and ``cloud:`` of an entry.

An entry of a single file has ``cloud``; that of a folder has ``files`` in place of its MD5, one item a file:

    - relpath: sub/a
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
      cloud:
        storage:
          etag: b026324c6904b2a9cb4b88d6d61c81d1
          version_id: 4a3a3250-903f-4646-946a-7ea858f9f606
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import value
from madang.errors import CorruptData, InvalidInput
from madang.formats.dvc import listing
from madang.formats.dvc.layout import check_name


@value
class CloudFile:
    """One file of an entry."""

    path: str  # below the entry's own path; "" for the entry itself
    md5: str | None
    size: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)  # remote → version; "" where the remote has none


def cloud_files(entry: Mapping[str, Any], where: str) -> tuple[CloudFile, ...]:
    """The files of an entry of ``outs``; none when it belongs to no such remote.

    Raises:
        InvalidInput: an item that dvc would not have written.
    """
    if isinstance(entry.get("files"), Sequence):
        files = tuple(_file(item, where) for item in entry["files"])
        if all(file.md5 for file in files):
            _check(files, where)
        return files
    if isinstance(entry.get("cloud"), Mapping):
        return (CloudFile("", _md5(entry, where), entry.get("size"), _versions(entry, where)),)
    return ()


def listing_of(files: Sequence[CloudFile]) -> bytes | None:
    """The listing of a folder with these files; None when the MD5 of one is not known."""
    if any(file.md5 is None for file in files):
        return None
    return listing.encode({file.path: str(file.md5) for file in files})


def _file(item: Any, where: str) -> CloudFile:
    if not isinstance(item, Mapping) or not isinstance(item.get("relpath"), str) or not item["relpath"]:
        raise InvalidInput(f"{where}: an entry of files has no relpath.")
    return CloudFile(item["relpath"], _md5(item, where), item.get("size"), _versions(item, where))


def _md5(item: Mapping[str, Any], where: str) -> str | None:
    return check_name(str(item["md5"]).lower(), where) if item.get("md5") else None


def _versions(item: Mapping[str, Any], where: str) -> dict[str, str]:
    cloud = item.get("cloud") or {}
    if not isinstance(cloud, Mapping) or any(not isinstance(one, Mapping) for one in cloud.values()):
        raise InvalidInput(f"{where}: cloud must name remotes and what they know.")
    return {str(name).lower(): str(one.get("version_id") or "") for name, one in cloud.items()}


def _check(files: Sequence[CloudFile], where: str) -> None:
    """Refuse paths that lead out of the folder, or come twice."""
    if len({file.path for file in files}) != len(files):
        raise InvalidInput(f"{where}: a path in files comes twice.")
    body = listing_of(files) or b""
    try:
        listing.decode(body, where)
    except CorruptData as error:
        raise InvalidInput(f"{where}: {error.message}") from error
