"""What releases of the client have asked, recorded by scripts/record_wandb.py, is still answered in the same shape."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from tests.wandb.conftest import KEY, Hub

ID = re.compile(r"[A-Za-z0-9+/=_-]{8,}")
RECORDED = sorted((Path(__file__).parent / "operations").glob("*.jsonl"))


def unlike(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Where an answer has another shape: keys, numbers of items, or null where there was a value."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if (key in old) != (key in new):
                yield f"{path}.{key}"
            else:
                yield from unlike(old[key], new[key], f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and path.endswith("ields"):  # of a type: it may have more now
        yield from (f"{path}: no {item['name']}" for item in old if item not in new)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{path}[{len(old)}→{len(new)}]"
        for number, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from unlike(one, other, f"{path}[{number}]")
    elif (old is None) != (new is None):
        yield f"{path}: {old!r:.60} → {new!r:.60}"


def pairs(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """Texts that stand at one place in two answers."""
    if isinstance(old, str) and isinstance(new, str):
        yield old, new
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() & new.keys():
            yield from pairs(old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        for one, other in zip(old, new, strict=False):
            yield from pairs(one, other)


class Replay:
    """Sends what was recorded; what the hub made then (ids, signed addresses) is replaced by what it makes now."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.urls: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    def send(self, item: dict[str, Any]) -> list[str]:
        """One request; how the answer differs."""
        body = item["body"].get("text")
        sent = base64.b64decode(item["body"]["base64"]) if body is None else body.encode()
        if item["path"] == "/graphql":
            sent = self._renewed(body).encode()
        path = self.urls.get(item["path"], self._renewed(item["path"]))
        headers = {"host": f"127.0.0.1:{self.hub.port}", "content-type": "application/json"}
        if "signature=" not in path:
            headers |= urllib3.make_headers(basic_auth=f"api:{KEY}")
        answer = urllib3.request(
            item["method"], self.hub.address + path, body=sent, headers=headers, retries=False, timeout=200
        )
        if answer.status != item["status"]:
            return [f"{item['method']} {path}: {item['status']} → {answer.status} {answer.data[:200]!r}"]
        if "answer" not in item:
            return []
        old, new = json.loads(item["answer"]["text"]), answer.json()
        self._learn(old, new)
        asked = json.loads(item["body"]["text"])
        name = asked.get("operationName") or asked["query"].strip()[:60]
        return [f"{name}: {where}" for where in unlike(old, new)]

    def _learn(self, old: Any, new: Any) -> None:
        for one, other in pairs(old, new):
            if one.startswith("http") and other.startswith("http"):
                before, after = urlsplit(one), urlsplit(other)
                self.urls[f"{before.path}?{before.query}"] = f"{after.path}?{after.query}"
            elif one != other and ID.fullmatch(one):
                self.ids[one] = other

    def _renewed(self, text: str) -> str:
        for old, new in self.ids.items():
            text = text.replace(old, new)
        return text


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_recorded(own_hub: Hub, recorded: Path) -> None:
    """Nothing is refused that was answered, and no answer lacks what the client found in it."""
    replay = Replay(own_hub)
    differing = []
    for line in recorded.read_text("utf-8").splitlines():
        item = json.loads(line)
        if "agentHeartbeat" not in (item["body"].get("text") or ""):  # how often it is sent is a matter of time
            differing += replay.send(item)
    assert differing == []


def test_two_releases_are_recorded() -> None:
    """The present client, and one that is about a year older."""
    assert len(RECORDED) >= 2
