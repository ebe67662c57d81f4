"""``dvc.lock``: what each stage of a dvc.yaml read and wrote when it last ran.

Source of the format: docs/formats/dvc.md. `lock_editing` puts stages into its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import value
from madang.formats.dvc import listing, schema, yamltext
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.layout import check_name
from madang.formats.dvc.parameters import DEFAULT_FILE
from madang.formats.dvc.versions import CloudFile, cloud_files, listing_of

FILE_NAME = "dvc.lock"
SCHEMA = "2.0"


@value
class Recorded:
    """A dependency or output as it was after the run."""

    path: str  # as in dvc.yaml
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    hash_name: str | None = "md5"  # None: written by dvc 2
    checksum: str | None = None  # of what is not a local file: its etag, checksum or version
    files: tuple[CloudFile, ...] = ()  # in a version-aware remote, named one by one
    external: Mapping[str, Any] | None = None  # of what lies at an address, or is a data set: all that is said of it


@value
class LockEntry:
    """One stage."""

    cmd: str | list[Any] | None = None
    deps: Mapping[str, Recorded] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # file → key → value
    outs: Mapping[str, Recorded] = field(default_factory=dict)


class Lock:
    """One ``dvc.lock``."""

    def __init__(self, text: str, where: str, value: Any = None) -> None:
        """``value`` is what the text holds, when it is known. Raises `InvalidInput` when dvc would refuse it."""
        self._where = where
        found = (yamltext.load(text, where) if value is None else value) or {}
        if found:
            schema.check_lock(found, text, where)
        self.value: Mapping[str, Any] = found

    def __contains__(self, name: str) -> bool:
        return name in self.value.get("stages", {})

    def stage(self, name: str) -> LockEntry | None:
        """What is recorded of a stage; None when it never ran. Raises `InvalidInput` for a name that is no MD5."""
        entry = self.value.get("stages", {}).get(name)
        if not entry:
            return None
        return LockEntry(
            entry["cmd"],
            {item["path"]: self._recorded(item) for item in entry.get("deps", ())},
            entry.get("params", {}),
            {item["path"]: self._recorded(item) for item in entry.get("outs", ())},
        )

    def datasets(self) -> list[Mapping[str, Any]]:
        """The resolved datasets."""
        return list(self.value.get("datasets") or ())

    def _recorded(self, item: Mapping[str, Any]) -> Recorded:
        md5 = str(item["md5"]).lower() if item.get("md5") not in (None, "") else None
        if md5 is not None:
            check_name(md5, self._where)
        files = cloud_files(item, self._where)
        if files and files[0].path:
            whole = listing_of(files)
            md5 = listing.name_of_bytes(whole) if whole is not None else None
        other = next((item[key] for key in ("etag", "checksum", "version_id") if item.get(key)), None)
        return Recorded(
            path=item["path"],
            md5=md5,
            size=item.get("size"),
            nfiles=item.get("nfiles"),
            isexec=item.get("isexec", False),
            hash_name=item.get("hash"),
            checksum=None if other is None else str(other),
            files=files,
            external={key: value for key, value in item.items() if key != "path"} if "://" in item["path"] else None,
        )


def entry(
    cmd: str | list[Any],
    deps: Iterable[Mapping[str, Any]],
    params: Mapping[str, Mapping[str, Any]],
    outs: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """A stage as it is written: keys in dvc's order, paths sorted, what is empty left out.

    ``deps`` and ``outs`` are mappings as `item` makes them.
    """
    found: dict[str, Any] = {"cmd": cmd}
    if listed := sorted(deps, key=_path):
        found["deps"] = listed
    if params:
        names = sorted(params, key=lambda name: (name != DEFAULT_FILE, name))
        found["params"] = {name: {key: _plain(params[name][key]) for key in sorted(params[name])} for name in names}
    if listed := sorted(outs, key=_path):
        found["outs"] = listed
    return found


def item(path: str, content: Content) -> dict[str, Any]:
    """A dependency or output as it is written."""
    found: dict[str, Any] = {"path": path, "hash": "md5", "md5": content.md5}
    if content.size is not None:
        found["size"] = content.size
    if content.nfiles is not None:
        found["nfiles"] = content.nfiles
    if content.isexec:
        found["isexec"] = True
    return found


def mark_of(item: Mapping[str, Any]) -> Any:
    """What in an entry of something that lies elsewhere changes when its data does."""
    return item.get("dataset") or next((item[key] for key in ("md5", "etag", "checksum") if item.get(key)), None)


def _path(entry: Mapping[str, Any]) -> str:
    return str(entry["path"])


def _plain(value: Any) -> Any:
    """A value as it is written: a tuple becomes a list."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
