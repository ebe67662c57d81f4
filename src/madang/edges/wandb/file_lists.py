"""Files of runs: listed and taken away."""

from __future__ import annotations

import mimetypes
import re
from typing import Any
from urllib.parse import quote

from madang.domain import events
from madang.domain.runs import RunRecord
from madang.edges.wandb.fetching import files_of
from madang.edges.wandb.finding import name_of
from madang.edges.wandb.pages import page
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.runs import RunNode
from madang.edges.wandb.services import WandbCall
from madang.formats.regex import compiled
from madang.formats.wandb.ids import entity_and_project, node_id, read_node_id
from madang.formats.wandb.times import iso
from madang.http.signing import base_url


def _listed(node: RunNode, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Run.files: all, those named, or those that fit a pattern of SQL's LIKE."""
    found = files_of(node.run)
    names = [name for name in given.get("names") or () if name]
    if names:
        found = {name: found[name] for name in dict.fromkeys(names) if name in found}
    elif given.get("pattern"):
        pattern = compiled(_like(given["pattern"]))
        found = {name: item for name, item in found.items() if pattern.found(name)}
    return page([_file(node.run, call, found[name]) for name in found], given)


def _like(pattern: str) -> str:
    pieces = {"%": "(?:.|\\n)*", "_": "(?:.|\\n)"}
    return "^" + "".join(pieces.get(sign) or re.escape(sign) for sign in pattern) + "$"


def _file(run: RunRecord, call: WandbCall, item: events.File) -> dict[str, Any]:
    entity, project = entity_and_project(run.project)
    path = "/".join(quote(part, safe="") for part in (entity, project, name_of(run), *item.path.split("/")))
    url = f"{base_url(call.request)}/files/{path}"
    return {
        "id": node_id("File", run.id, item.path),
        "name": item.path,
        "displayName": item.path,
        "url": url,
        "directUrl": url,
        "sizeBytes": item.size,
        "storagePath": item.path,
        "mimetype": item.mime or mimetypes.guess_type(item.path)[0] or "application/octet-stream",
        "updatedAt": iso(run.seen_at or run.created_at),
    }


def delete(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.deleteFiles."""
    by_run: dict[str, list[events.File]] = {}
    for text in given["input"]["files"]:
        run, *path = read_node_id(text, "File")
        by_run.setdefault(run, []).append(events.File("".join(path), "", 0))
    for id_, gone in by_run.items():
        found = call.services.search.run(call.who, id_, metrics=0)
        known = files_of(found)
        call.services.tracking.state(call.who, found.id, [item for item in gone if item.path in known])
    return {"success": True}


RESOLVERS: dict[str, Resolver] = {
    "Run.files": _listed,
    "Run.fileCount": lambda node, _, __: len(files_of(node.run)),
    "Mutation.deleteFiles": delete,
}
