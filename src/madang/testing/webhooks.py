"""The conformance suite of webhooks and their outbox.

Subclass `WebhooksConformance` in a test module, with a fixture ``records`` that yields empty records of a hub.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from madang.domain.versions import Entry, PointerChange, VersionRecord
from madang.domain.webhooks import DELIVERED, EVENTS, FAILED, PENDING, SLACK, Happening, Webhook
from madang.ports.records import Records

FAR = 1 << 60  # µs
P, M, AT = "사과 p", "모델 m", 1_000


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

    def test_every_change_of_a_model_is_told(self, records: Records) -> None:
        """Models, versions, tags, aliases and stages, each as MLflow tells it; other things are not."""
        records.webhooks.put(webhook(1))
        versions = records.versions
        with records.transaction():
            versions.make(P, M, "model", AT)
            versions.edit_collection(P, M, description="d", tags={"a": "1"})
        assert told(records) == [
            ("registered_model.created", {"name": M, "tags": {"a": "1"}, "description": "d"}),
        ]
        seen = 1

        def fresh(action: Callable[[], object]) -> list[tuple[str, dict[str, Any]]]:
            nonlocal seen
            with records.transaction():
                action()
            found = told(records)[seen:]
            seen += len(found)
            return found

        made: dict[str, Any] = {
            "name": M,
            "version": "1",
            "source": f"models:/{M}/1",
            "run_id": None,
            "tags": {},
            "description": None,
        }
        moved = {"project": P, "name": M, "alias": "best", "from": None, "to": "1", "by": "ann", "why": "new"}
        first = fresh(lambda: versions.add(version(aliases=("best",)), [Entry("f", "blake3:" + "0" * 64, 1)]))
        assert first == [
            ("model_version.created", made),
            ("model_version_alias.created", {"name": M, "alias": "best", "version": "1"}),
            ("model_version_alias.moved", {**moved, "why": "set with the version"}),
        ]
        assert fresh(lambda: versions.add(version(), [])) == []  # the same content is the same version
        assert [event for event, _ in fresh(lambda: versions.add(version(), [], fresh=True))] == [
            "model_version.created"
        ]
        place = {"name": M, "version": "1", "key": "k"}
        assert fresh(lambda: versions.edit(P, M, 1, tags={"k": "v"})) == [
            ("model_version_tag.set", {**place, "value": "v"})
        ]
        assert fresh(lambda: versions.edit(P, M, 1, tags={"k": "v"})) == []
        assert fresh(lambda: versions.edit(P, M, 1, tags={})) == [("model_version_tag.deleted", place)]
        point = PointerChange(P, M, "best", 2, None, "ann", AT, "new")
        assert fresh(lambda: versions.point(point)) == [
            ("model_version_alias.created", {"name": M, "alias": "best", "version": "2"}),
            ("model_version_alias.moved", {**moved, "from": "1", "to": "2"}),
        ]
        staged = {"project": P, "name": M, "by": "ann", "why": "new"}
        stage = replace(point, alias="production")
        assert fresh(lambda: versions.point(replace(stage, number=1))) == [
            ("model_version_stage.moved", {**staged, "version": "1", "from": "none", "to": "production"}),
        ]

        def join() -> None:  # the first stays there beside it
            versions.point(stage)
            versions.point(replace(stage, alias="production/1", number=1))

        assert fresh(join) == [
            ("model_version_stage.moved", {**staged, "version": "2", "from": "none", "to": "production"}),
        ]
        assert [event for event, _ in fresh(lambda: versions.drop(P, M, 2, AT, "ann"))] == [
            "model_version_alias.deleted", "model_version_alias.moved", "model_version_stage.moved",
        ]  # fmt: skip
        assert fresh(lambda: versions.rename(P, M, "other", AT)) == []
        assert fresh(lambda: versions.add(replace(version(), type="dataset", name="data"), [])) == []
        assert fresh(lambda: versions.insert(replace(version(), name="copy", number=7), [])) == [
            ("registered_model.created", {"name": "copy", "tags": {}, "description": ""}),
            ("model_version.created", {**made, "name": "copy", "version": "7", "source": "models:/copy/7"}),
        ]
        sent = replace(version(), name="sent", number=4)
        assert [event for event, _ in fresh(lambda: versions.adopt(sent, [], [("origin", 1)]))] == [
            "registered_model.created", "model_version.created",
        ]  # fmt: skip
        assert fresh(lambda: versions.adopt(sent, [], [("origin", 1)])) == []
        assert fresh(lambda: versions.drop(P, "copy", None, AT)) == []
