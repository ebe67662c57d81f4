"""What records say of data at an address: entries of ``deps``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from madang.formats.dvc import dvcfile, source_versions
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data.sources.addresses import Address, Look


def dep_entry(
    written: str, address: Address, look: Look | None, content: Content | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The entry of ``deps`` for data at an address, in dvc's order of keys.

    Without ``look`` nothing is said of its state. ``content`` is what was found there when it was read.
    """
    if look is not None and look.versions is not None:
        return source_versions.entry(written, look.versions, options)
    entry: dict[str, Any] = {}
    if look is not None and look.tag is not None:
        entry = {tag_key(address, look): look.tag, "size": look.size}
        if look.is_dir:
            entry["nfiles"] = len(look.files)
    elif look is not None and content is not None:
        entry = {key: value for key, value in dvcfile.written(content).items() if key != "hash"}
        if look.is_exec:
            entry["isexec"] = True
    entry["hash"] = "md5"
    entry["path"] = written
    if options:
        entry["fs_config"] = dict(options)
    return entry


def tag_key(address: Address, look: Look) -> str:
    """Under which key a record holds the tag of what stands at an address."""
    return "md5" if look.is_dir else address.kind
