"""The rows of an evaluation data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from madang.domain.ids import new_id
from madang.edges.mlflow.shapes import USER


def inputs_of(row: dict[str, Any]) -> bytes:
    """What tells a row from others."""
    return msgspec.json.encode(row.get("inputs") or {}, order="deterministic")


def new_row(item: dict[str, Any], dataset_id: str, now: int) -> dict[str, Any]:
    """A row as it is kept; ``now`` is ms."""
    user, source = (item.get("tags") or {}).get(USER), item.get("source")
    kind = source.get("source_type") if isinstance(source, dict) else None
    made = {
        "dataset_record_id": f"dr-{new_id()}",
        "dataset_id": dataset_id,
        "inputs": item.get("inputs") or {},
        "outputs": item.get("outputs"),
        "expectations": item.get("expectations"),
        "tags": item.get("tags"),
        "source": source,
        "source_type": kind,
        "source_id": (source.get("source_data") or {}).get("trace_id") if isinstance(source, dict) else None,
        "created_time": now,
        "last_update_time": now,
        "created_by": user,
        "last_updated_by": user,
    }
    return {name: value for name, value in made.items() if value is not None}


def merge(known: dict[str, Any], item: dict[str, Any], now: int) -> None:
    """Change a row by what is said of the same inputs."""
    if "outputs" in item:
        known["outputs"] = item["outputs"]
    for part in ("expectations", "tags"):
        if item.get(part):
            known[part] = {**(known.get(part) or {}), **item[part]}
    known["last_update_time"] = now
    if USER in (item.get("tags") or {}):
        known["last_updated_by"] = item["tags"][USER]


_KINDS = {type(None): "null", bool: "boolean", int: "integer", float: "float", str: "string", list: "array",
          dict: "object"}  # fmt: skip


_EMPTY_SCHEMA = '{"inputs": {}, "outputs": {}, "expectations": {}, "version": "1.0"}'


def schema_of(known: str, rows: Sequence[dict[str, Any]]) -> str:
    """The kinds of the fields that were ever seen, as JSON; a field keeps its first kind."""
    if not rows and not known:
        return ""
    schema: dict[str, Any] = msgspec.json.decode(known or _EMPTY_SCHEMA)
    for row in rows:
        for part in ("inputs", "outputs", "expectations"):
            values = row.get(part)
            if isinstance(values, dict) and isinstance(schema[part], dict):
                for key, value in values.items():
                    schema[part].setdefault(key, _KINDS.get(type(value), "unknown"))
            elif values is not None and not schema[part]:
                schema[part] = _KINDS.get(type(values), "unknown")
    return msgspec.json.encode(schema).decode()
