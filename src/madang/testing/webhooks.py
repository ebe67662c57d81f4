"""The conformance suite of webhooks and their outbox.

Subclass `WebhooksConformance` in a test module, with a fixture ``records`` that yields empty records of a hub.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from madang.domain.versions import CollectionChange, Entry, PointerChange, VersionChange, VersionRecord
from madang.domain.webhooks import DELIVERED, EVENTS, FAILED, PENDING, SLACK, Happening, Webhook
from madang.ports.records import Records

FAR = 1 << 60  # µs
P, M, AT = "사과 p", "모델 m", 1_000
FILES = [Entry("f", "blake3:" + "0" * 64, 1)]
MOVED = {"project": P, "name": M, "alias": "best", "from": None, "to": "1", "by": "ann", "why": "new"}


def webhook(number: int, *events: str, **more: Any) -> Webhook:
    """A webhook that hears of some events, or of all."""
    return Webhook(f"id-{number}", f"w{number}", "https://example.com/x", events or EVENTS, AT, AT, **more)


def told(records: Records, id: str = "id-1") -> list[tuple[str, dict[str, Any]]]:
    """What a webhook will be told, in order."""
    found = reversed(records.webhooks.deliveries(id, 100))
    return [(item.event, json.loads(item.body)["data"]) for item in found]


def version(**more: Any) -> VersionRecord:
    """A version of the model M."""
    return VersionRecord(P, M, "model", 0, "d", 0, 0, AT, actor="ann", **more)


def made(name: str, number: int) -> dict[str, Any]:
    """What is told of a version that is new."""
    source = f"models:/{name}/{number}"
    return {"name": name, "version": str(number), "source": source, "run_id": None, "tags": {}, "description": None}


class Heard:
    """A webhook of all events, and what it has been told so far."""

    def __init__(self, records: Records) -> None:
        records.webhooks.put(webhook(1))
        self._records = records
        self._seen = 0

    def of(self, action: Callable[[], object]) -> list[tuple[str, dict[str, Any]]]:
        """What it is told of an action, which is a transaction."""
        with self._records.transaction():
            action()
        found = told(self._records)[self._seen :]
        self._seen += len(found)
        return found

    def events_of(self, action: Callable[[], object]) -> list[str]:
        """The names only."""
        return [event for event, _ in self.of(action)]


class WebhooksConformance:
    """What every database does."""

    def test_webhooks_are_kept(self, records: Records) -> None:
        """They are listed newest first, changed, and forgotten with what waits for them."""
        kept = records.webhooks
        for number in (1, 2):
            kept.put(webhook(number, secret=b"\x00\xff", project="p" if number == 1 else ""))
        assert [one.id for one in kept.all()] == ["id-2", "id-1"]
        assert kept.get("id-1") == webhook(1, secret=b"\x00\xff", project="p")
        assert kept.get("none") is None
        with records.transaction():
            kept.announce(Happening("model_version.created", "p", AT, {"name": "x"}))
        kept.put(replace(webhook(1), is_active=False, updated_at=7))
        assert [one.id for one in kept.active()] == ["id-2"]
        (failed,) = kept.deliveries("id-1", 9)
        assert (failed.state, failed.ended_at) == (FAILED, 7)
        kept.drop("id-2")
        assert (kept.active(), kept.deliveries("id-2", 9), len(kept.all())) == ((), [], 1)

    def test_only_who_hears_of_it_is_told(self, records: Records) -> None:
        """By event and project; of runs only what came after; and in the form that was asked for."""
        kept, heard = records.webhooks, "run.failed"
        kept.put(webhook(1, heard))
        kept.put(webhook(2, heard, project="other"))
        kept.put(webhook(3, "run.finished"))
        kept.put(webhook(4, heard, format=SLACK))
        calls: list[int] = []
        kept.when_announced(lambda: calls.append(1))
        data = {"run": "r", "name": "<a>", "status": "failed", "project": "p"}
        with records.transaction():
            kept.announce(Happening(heard, "p", AT - 1, data))
            kept.announce(Happening(heard, "p", AT, data))
            assert not calls
        assert set(calls) == {1}
        kept.put(webhook(5))
        assert len(calls) > 1
        assert [len(kept.deliveries(f"id-{number}", 9)) for number in (1, 2, 3, 4)] == [1, 0, 0, 1]
        assert json.loads(kept.deliveries("id-4", 9)[0].body) == {"text": "Run &lt;a&gt; (p) failed"}

    def test_nothing_is_told_of_what_did_not_happen(self, records: Records) -> None:
        """A transaction that fails leaves no message, and wakes nobody."""
        kept = records.webhooks
        kept.put(webhook(1))
        kept.when_announced(lambda: pytest.fail("told"))

        def fail() -> None:
            with records.transaction():
                records.versions.make(P, M, "model", AT)
                kept.announce(Happening("model_version.created", P, AT, {}))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert kept.deliveries("id-1", 9) == []

    def test_a_delivery_is_one_owners_at_a_time(self, records: Records) -> None:
        """Until its time is over nobody else gets it, and a late word of a former owner is not heard."""
        kept = records.webhooks
        kept.put(webhook(1))
        with records.transaction():
            for name in "ab":
                kept.announce(Happening("model_version.created", P, AT, {"name": name}))
        now = kept.deliveries("id-1", 9)[0].at
        assert kept.due(now) == (["id-1"], kept.deliveries("id-1", 9)[1].at)
        first, second = (kept.claim("id-1", now, now + 40 + 10 * (owner == "y"), owner) for owner in ("x", "y"))
        assert first is not None
        assert second is not None
        assert (first.id != second.id, first.attempts, json.loads(first.body)["data"]) == (True, 1, {"name": "a"})
        kept.renew("x", now + 50)
        kept.renew("none", now)
        assert kept.claim("id-1", now + 49, now + 90, "z") is None
        assert kept.due(now) == ([], now + 50)
        again = kept.claim("id-1", now + 50, now + 90, "z")
        assert again is not None
        assert (again.id, again.attempts) == (first.id, 2)
        assert not kept.settle(replace(first, state=DELIVERED))
        assert kept.settle(replace(again, state=PENDING, next_at=now + 70, status=503, said="busy"))
        assert not kept.settle(replace(again, state=DELIVERED))
        assert kept.settle(replace(second, state=DELIVERED, status=200, ended_at=5))
        assert kept.due(now + 60) == ([], now + 70)
        states = [(item.state, item.status) for item in kept.deliveries("id-1", 9)]
        assert states == [(DELIVERED, 200), (PENDING, 503)]
        kept.prune("id-1", 0)
        assert [item.state for item in kept.deliveries("id-1", 9)] == [PENDING]

    def test_new_models_and_versions_are_told(self, records: Records) -> None:
        """Once each, as MLflow tells it, with what the same transaction says of them; content that is there is none."""
        heard, versions = Heard(records), records.versions

        def make() -> None:
            versions.make(P, M, "model", AT)
            versions.edit_collection(P, M, CollectionChange("d", {"a": "1"}))

        assert heard.of(make) == [
            ("registered_model.created", {"name": M, "tags": {"a": "1"}, "description": "d"}),
        ]
        assert heard.of(lambda: versions.add(version(aliases=("best",)), FILES)) == [
            ("model_version.created", made(M, 1)),
            ("model_version_alias.created", {"name": M, "alias": "best", "version": "1"}),
            ("model_version_alias.moved", {**MOVED, "why": "set with the version"}),
        ]
        assert heard.of(lambda: versions.add(version(), FILES)) == []
        assert heard.events_of(lambda: versions.add(version(), FILES, fresh=True)) == ["model_version.created"]
        assert heard.of(lambda: versions.add(replace(version(), type="dataset", name="data"), [])) == []
        assert heard.of(lambda: versions.rename(P, M, "other", AT)) == []

    def test_versions_of_other_stores_are_told(self, records: Records) -> None:
        """Once, however often they come; and nothing of a collection that goes."""
        heard, versions = Heard(records), records.versions
        assert heard.of(lambda: versions.insert(replace(version(), name="copy", number=7), [])) == [
            ("registered_model.created", {"name": "copy", "tags": {}, "description": ""}),
            ("model_version.created", made("copy", 7)),
        ]
        sent = replace(version(), name="sent", number=4)
        assert heard.events_of(lambda: versions.adopt(sent, [], [("origin", 1)])) == [
            "registered_model.created", "model_version.created",
        ]  # fmt: skip
        assert heard.of(lambda: versions.adopt(sent, [], [("origin", 1)])) == []
        assert heard.of(lambda: versions.drop(P, "copy", None, AT)) == []

    def test_changed_tags_are_told(self, records: Records) -> None:
        """Tags that are set, changed or taken away; not those that stay as they were."""
        versions = records.versions
        versions.add(version(), FILES)
        heard = Heard(records)
        place = {"name": M, "version": "1", "key": "k"}
        assert heard.of(lambda: versions.edit(P, M, 1, VersionChange(tags={"k": "v"}))) == [
            ("model_version_tag.set", {**place, "value": "v"})
        ]
        assert heard.of(lambda: versions.edit(P, M, 1, VersionChange(tags={"k": "v"}))) == []
        assert heard.of(lambda: versions.edit(P, M, 1, VersionChange(tags={}))) == [
            ("model_version_tag.deleted", place)
        ]

    def test_moved_pointers_are_told(self, records: Records) -> None:
        """Moves of aliases and stages: from where to where, by whom and why; also when their version goes."""
        versions = records.versions
        versions.add(version(aliases=("best",)), FILES)
        versions.add(version(), FILES, fresh=True)
        heard = Heard(records)
        move = PointerChange(P, M, "best", 2, None, "ann", AT, "new")
        assert heard.of(lambda: versions.point(move)) == [
            ("model_version_alias.created", {"name": M, "alias": "best", "version": "2"}),
            ("model_version_alias.moved", {**MOVED, "from": "1", "to": "2"}),
        ]
        stage = replace(move, alias="production")
        staged = {"project": P, "name": M, "from": "none", "to": "production", "by": "ann", "why": "new"}
        assert heard.of(lambda: versions.point(replace(stage, number=1))) == [
            ("model_version_stage.moved", {**staged, "version": "1"}),
        ]

        def join() -> None:  # the first stays there beside it
            versions.point(stage)
            versions.point(replace(stage, alias="production/1", number=1))

        assert heard.of(join) == [("model_version_stage.moved", {**staged, "version": "2"})]
        assert heard.events_of(lambda: versions.drop(P, M, 2, AT, "ann")) == [
            "model_version_alias.deleted", "model_version_alias.moved", "model_version_stage.moved",
        ]  # fmt: skip
