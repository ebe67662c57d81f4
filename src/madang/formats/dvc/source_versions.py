"""Versions of what stands in a cloud, as the record of an import names them (``version_aware``).

A file's dependency has ``etag``, ``size`` and ``version_id``, a folder's has them for each of its ``files``:

    deps:
    - path: s3://bucket/folder
      files:
      - relpath: sub/a
        etag: b026324c6904b2a9cb4b88d6d61c81d1
        size: 2
        version_id: 4a3a3250-903f-4646-946a-7ea858f9f606

An address may name one version itself: ``s3://bucket/key?versionId=…``, ``azure://…?versionid=…``, ``gs://…#123``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from madang.errors import InvalidInput


class Version(NamedTuple):
    """One file as it was at some time."""

    etag: str
    size: int  # bytes; -1: the record does not tell
    version: str  # by the store's own name of it


_QUERY = re.compile(r"((?:s3|azure|remote)://.*)\?versionid=([^&]+)\Z", re.IGNORECASE | re.DOTALL)
_GENERATION = re.compile(r"((?:gs|remote)://.*)#(\d+)\Z", re.DOTALL)


def split(url: str) -> tuple[str, str]:
    """An address without the version that it names, and that version; empty when it names none."""
    match = _QUERY.match(url) or _GENERATION.match(url)
    return (match[1], match[2]) if match else (url, "")


def pinned(url: str, version: str) -> str:
    """An address that names one version."""
    scheme = url.partition("://")[0]
    return (
        f"{url}#{version}" if scheme == "gs" else f"{url}?{'versionid' if scheme == 'azure' else 'versionId'}={version}"
    )


def is_wanted(options: Mapping[str, Any]) -> bool:
    """Whether the options of an address ask for versions."""
    return str(options.get("version_aware", "")).lower() == "true"


def is_recorded(dep: Mapping[str, Any] | None) -> bool:
    """Whether a dependency names versions of its source: then its bytes are brought from there, and pushed nowhere."""
    if dep is None or "repo" in dep:
        return False
    files = dep.get("files")
    return bool(dep.get("version_id")) or (isinstance(files, Sequence) and bool(files) and not isinstance(files, str))


def recorded(dep: Mapping[str, Any], where: str) -> dict[str, Version]:
    """The versions that a dependency names, by path below it ("" for a file).

    Raises:
        InvalidInput: an item without a path or a version.
    """
    if dep.get("version_id"):
        return {"": _version(dep)}
    found: dict[str, Version] = {}
    for item in dep.get("files") or ():
        if not isinstance(item, Mapping) or not isinstance(item.get("relpath"), str) or not item.get("version_id"):
            raise InvalidInput(f"{where}: an entry of files has no relpath or no version_id.")
        found[item["relpath"]] = _version(item)
    return found


def _version(item: Mapping[str, Any]) -> Version:
    size = item.get("size")
    return Version(str(item.get("etag") or ""), size if isinstance(size, int) else -1, str(item["version_id"]))


def entry(written: str, found: Mapping[str, Version], options: Mapping[str, Any]) -> dict[str, Any]:
    """The dependency with these versions, in dvc's order of keys."""
    end = {"hash": "md5", "path": written, **({"fs_config": dict(options)} if options else {})}
    if set(found) == {""}:
        return {**_item(found[""]), **end}
    return {**end, "files": [{"relpath": name, **_item(found[name])} for name in sorted(found)]}


def _item(one: Version) -> dict[str, Any]:
    return {"etag": one.etag, "size": one.size, "version_id": one.version}
