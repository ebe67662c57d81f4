"""The digest of a file without what changes each time it is written (docs/formats/volatile.md)."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import asdict, replace
from typing import Any, BinaryIO, Protocol

from blake3 import blake3

from madang.errors import CorruptData
from madang.formats import mlmodel

_PIECE = 1 << 20
MAX_UNPACKED = 64 << 30  # bytes that are unpacked of one file
MAX_MEMBERS = 1_000_000
MAX_SCHEMA = 64 << 20
_MLMODEL_EXTRA = frozenset({"model_id", "artifact_path", "prompts"})


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _TooLarge(Exception):
    """More is packed into a file than is looked at."""


def digest(file: BinaryIO, path: str) -> str:
    """A digest that is equal for two files which differ only in volatile fields. Other files: that of their bytes.

    The text before the colon names how the file was read, so that digests of two readings never meet.
    """
    with tempfile.TemporaryFile() as whole:
        shutil.copyfileobj(file, whole, _PIECE)
        whole.seek(0)
        head = whole.read(4)
        whole.seek(0)
        try:
            if os.path.basename(path) == mlmodel.FILE:
                return "mlmodel:" + _mlmodel(whole)
            if head == b"PK\x03\x04":
                return _zip(whole)
            if head[:2] == b"\x1f\x8b":
                with gzip.open(whole) as inner:
                    return "gzip:" + _hash(inner)
        except (CorruptData, zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error, _TooLarge, KeyError):
            pass  # not what it seems to be: its bytes count
        except (NotImplementedError, RuntimeError, RecursionError):
            pass  # an encrypted member, or a packing method that Python lacks
        whole.seek(0)
        return "blake3:" + _hash(whole)


def _hash(file: _Readable, limit: int = MAX_UNPACKED) -> str:
    found, count = blake3(), 0
    while piece := file.read(_PIECE):
        count += len(piece)
        if count > limit:
            raise _TooLarge
        found.update(piece)
    return found.hexdigest()


def _mlmodel(file: _Readable) -> str:
    text = file.read(mlmodel.MAX_BYTES + 1).decode()
    model = mlmodel.load(text)
    extra = {key: value for key, value in model.extra.items() if key not in _MLMODEL_EXTRA}
    plain = asdict(replace(model, uuid="", created="", run="", size=0, extra=extra))
    return blake3(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()


def _zip(file: BinaryIO) -> str:
    """Names and bytes of the members, in the order of the names: not their times, packing and order."""
    with zipfile.ZipFile(file) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        if len(members) > MAX_MEMBERS or sum(info.file_size for info in members) > MAX_UNPACKED:
            raise _TooLarge
        schema = _skops_schema(archive, members)
        names: dict[str, str] = {}
        lines: list[tuple[str, str]] = []
        if schema is not None:
            text = json.dumps(_renumbered(schema, {}, names), sort_keys=True)
            lines.append(("schema.json", blake3(text.encode()).hexdigest()))
        for info in members:
            if schema is None or info.filename != "schema.json":
                with archive.open(info) as member:
                    lines.append((names.get(info.filename, info.filename), _hash(member)))
    kind = "zip" if schema is None else "skops"
    return f"{kind}:" + blake3(repr(sorted(lines)).encode()).hexdigest()


def _skops_schema(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> dict[str, Any] | None:
    """The schema of a skops file (skops.io), None for any other archive."""
    info = next((one for one in members if one.filename == "schema.json"), None)
    if info is None or info.file_size > MAX_SCHEMA:
        return None
    value = json.loads(archive.read(info))
    return value if isinstance(value, dict) and "__loader__" in value else None


def _renumbered(node: Any, ids: dict[Any, int], names: dict[str, str]) -> Any:
    """The schema with objects numbered in the order in which they come: skops writes their addresses in memory.

    A plain value stands in its place, so its own number tells nothing. Files are named after their object.
    """
    if isinstance(node, list):
        return [_renumbered(item, ids, names) for item in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    own = node.get("__id__")
    if "__loader__" in node and isinstance(own, int) and node["__loader__"] != "JsonNode":
        made["__id__"] = ids.setdefault(own, len(ids))
    for key, item in node.items():
        if key == "__id__" and "__loader__" in node:
            continue
        if key == "file" and isinstance(item, str) and "__loader__" in node and isinstance(own, int):
            stem, ending = os.path.splitext(item)
            if stem == str(own):
                item = names.setdefault(item, f"{made.get('__id__', 0)}{ending}")
        made[key] = _renumbered(item, ids, names)
    return made
