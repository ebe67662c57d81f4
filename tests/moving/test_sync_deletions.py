"""What one store has taken away, protected or ruled reaches the others, unless it was changed there meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.mlflow.conftest import Hub
from tests.moving.workspaces import ADMIN, KIM, LEE, P, Workspace, at

from madang.client.http import Answer, HubClient
from madang.domain.access import Permission
from madang.domain.commands import CreateRun
from madang.domain.promotion import Rule
from madang.domain.reviews import Protection
from madang.edges.native import models
from madang.formats.reviews import RulesBody
from madang.wiring import Engine, open_store

RULE = (Rule("f1"),)


@pytest.fixture
def boss(tmp_path: Path, shared: Hub) -> Iterator[Workspace]:
    """A workspace of an admin of the hub."""
    made = Workspace(tmp_path / "boss", shared, ADMIN, Permission.ADMIN)
    yield made
    made.engine.close()


def numbers(engine: Engine, name: str) -> list[int]:
    """The versions that are there."""
    return [one.number for one in engine.records.versions.versions(P, name)][::-1]


def delete(place: Workspace | Hub, name: str, number: int | None = None) -> None:
    """Take a version away, or all of a model."""
    place.engine.models.delete(ADMIN, place.engine.models.find(ADMIN, name, P), number)


def said(place: Workspace, name: str, *, back: bool = False) -> dict[str, str]:
    """What became of a name."""
    found = (place.fetch if back else place.sync)()
    return {one.subject: one.outcome for one in found[name].findings} if name in found else {}


def both(kim: Workspace, lee: Workspace, name: str) -> None:
    """Two versions that both workspaces and the hub have."""
    kim.registered(name, b"1")
    kim.logged(name, b"2", "best")
    kim.sync()
    lee.registered(name, b"3")
    lee.sync()
    for place in (lee, kim):
        place.fetch()


def test_a_deletion_reaches_the_others(kim: Workspace, lee: Workspace, shared: Hub) -> None:
    """A version goes on the hub and from there in the other workspace, with its pointers, and comes back nowhere."""
    both(kim, lee, "one")
    delete(kim, "one", 2)
    assert said(kim, "one", back=True) == {"v2": "dropped here"}
    assert said(kim, "one") == {"v2": "dropped"}
    assert numbers(shared.engine, "one") == [1, 3]
    (was,) = (one.number for one in lee.engine.records.versions.versions(P, "one") if one.run)
    assert said(lee, "one") == {f"v{was}": "dropped here"}
    assert said(lee, "one", back=True) == {f"v{was}": "dropped"}
    for place in (kim, lee):
        assert said(place, "one") == said(place, "one", back=True) == {}
        assert len(numbers(place.engine, "one")) == 2
        assert at(place.engine, "one", "best") is None


@pytest.mark.parametrize("changed", ["pointer", "text", "run", "request", "protected"])
def test_what_was_changed_meanwhile_stays(kim: Workspace, boss: Workspace, shared: Hub, changed: str) -> None:
    """A version to which something was done on the hub is not taken away there, and that is told each time."""
    name = f"changed {changed}"
    made = kim.logged(name, b"a")
    kim.sync()
    there = shared.engine
    match changed:
        case "pointer":
            there.registry.point(LEE, P, name, "best", 1)
        case "text":
            there.artifacts.edit(LEE, P, f"{name}:v1", tags={"checked": "yes"})
        case "run":
            assert boss.logged(name, b"a").digest == made.digest
            boss.sync()
        case "request":
            there.reviews.protect(ADMIN, Protection(P, name, "production", ("boss",), 1))
            there.reviews.request(LEE, P, f"{name}:v1", "production")
        case "protected":
            kim.point(name, "best", 1)
            kim.sync()
            there.reviews.protect(ADMIN, Protection(P, name, "best", gates=("val/f1 >= 0.9",)))
    delete(kim, name, 1)
    for _ in range(2):
        assert said(kim, name)["v1"] == ("refused" if changed == "protected" else "conflict")
    assert 1 in numbers(there, name)
    if changed == "pointer":
        there.registry.point(LEE, P, name, "best", None)
        assert said(kim, name) == {"v1": "dropped"}


def test_a_whole_model_goes_unless_there_is_more_of_it(kim: Workspace, lee: Workspace, shared: Hub) -> None:
    """One that was deleted goes on the hub and in the other workspace; one that others went on with stays."""
    for name in ("whole", "more"):
        kim.registered(name, b"a")
        kim.point(name, "best", 1)
        kim.sync()
        lee.registered(name, b"b")
        lee.registry().claim()
        lee.fetch()
    lee.sync()
    delete(kim, "more")
    delete(kim, "whole")
    delete(shared, "whole", 2)
    assert said(kim, "more") == {"v1": "dropped", "more": "conflict"}
    assert said(kim, "more") == {"more": "conflict"}
    assert numbers(shared.engine, "more") == [2]
    assert shared.engine.records.versions.collection(P, "whole") is None
    assert set(said(lee, "whole", back=True).values()) == {"dropped"}
    assert lee.engine.records.versions.collection(P, "whole") is None
    assert said(lee, "whole") == said(kim, "whole") == {}


def test_a_name_that_is_used_anew(kim: Workspace, lee: Workspace, shared: Hub) -> None:
    """The versions of a model that was deleted and made anew do not come back among those of the new one."""
    both(kim, lee, "anew")
    delete(kim, "anew")
    new = kim.registered("anew", b"9")
    kim.fetch()
    assert numbers(kim.engine, "anew") == [new.number]
    kim.sync()
    digests = {one.digest for one in shared.engine.records.versions.versions(P, "anew")}
    assert digests == {new.digest}
    lee.fetch()
    assert {one.digest for one in lee.engine.records.versions.versions(P, "anew")} == digests


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("make", [Workspace.logged, Workspace.registered])
def test_a_deletion_reaches_what_was_renamed(
    kim: Workspace, shared: Hub, make: Callable[[Workspace, str, bytes], object], *, is_known: bool
) -> None:
    """Versions that the hub has under the former name go, one by one or with the model, but not one in use there."""
    part, whole, used = (f"{name} {make.__name__} {is_known}" for name in ("일부", "whole", "used"))
    for name in (part, whole, used):
        make(kim, name, f"{name} 1".encode())
        if is_known:
            kim.sync()
    there = shared.engine
    if is_known:
        there.registry.point(LEE, P, used, "best", 1)
    for name in (part, whole, used):
        kim.engine.models.rename(ADMIN, kim.engine.models.find(ADMIN, name, P), f"{name} anew")
    delete(kim, f"{part} anew", 1)
    delete(kim, f"{whole} anew")
    delete(kim, f"{used} anew")
    found = kim.sync()
    assert numbers(there, part) == numbers(there, whole) == []
    assert numbers(there, used) == ([1] if is_known else [])
    if is_known:
        told = {one.subject: one.outcome for item in found.values() for one in item.findings if item.name != P}
        assert told == {f"{part}:v1": "dropped", f"{whole}:v1": "dropped", f"{used}:v1": "conflict"}
        assert numbers(kim.engine, f"{used} anew") == []


def test_the_index_forgets_no_deletion(kim: Workspace, shared: Hub) -> None:
    """A store whose index is made anew neither has the version again nor takes it back from the hub."""
    kim.registered("log", b"a")
    kim.logged("log", b"b")
    kim.sync()
    delete(kim, "log", 1)
    kim.engine.close()
    for path in kim.folder.glob("records.db*"):
        path.unlink()
    kim.engine = open_store(store=str(kim.folder))
    kim.fetch()
    assert numbers(kim.engine, "log") == [2]
    assert said(kim, "log") == {"v1": "dropped"}


def test_protections_are_carried_by_admins(kim: Workspace, boss: Workspace, shared: Hub) -> None:
    """One who is none is refused; a change at one end is followed, of changes at both ends neither."""
    name = "guard"
    kim.logged(name, b"a")
    kim.sync()
    there, subject = shared.engine, "protection of production"

    def gates(place: Engine) -> list[tuple[str, ...]]:
        return [one.gates for one in place.reviews.protections(ADMIN, P, name)]

    def protect(place: Engine, gate: str) -> None:
        place.reviews.protect(ADMIN, Protection(P, name, "production", gates=(gate,)))

    boss.engine.tracking.create(ADMIN, P, CreateRun())
    boss.logged(name, b"b")
    boss.sync()
    protect(kim.engine, "val/f1 >= 0.5")
    assert said(kim, name) == {subject: "refused"}
    protect(boss.engine, "val/f1 >= 0.6")
    assert said(boss, name) == {}
    assert gates(there) == [("val/f1 >= 0.6",)]
    assert said(kim, name) == {subject: "conflict"}
    kim.engine.reviews.unprotect(ADMIN, P, name, "production")
    protect(there, "val/f1 >= 0.7")
    assert said(boss, name) == {subject: "newer here"}
    assert said(boss, name, back=True) == {}
    assert gates(boss.engine) == gates(there) == [("val/f1 >= 0.7",)]
    assert at(there, name, "production") is None
    there.reviews.unprotect(ADMIN, P, name, "production")
    there.registry.point(ADMIN, P, name, "production", 1)
    protect(there, "val/f1 >= 0.7")
    assert said(boss, name, back=True) == {"production": "taken"}, "what the hub's own guard has let pass"
    boss.engine.reviews.unprotect(ADMIN, P, name, "production")
    assert said(boss, name) == {}
    assert gates(there) == []


def test_rules_are_carried_by_admins(kim: Workspace, boss: Workspace, shared: Hub) -> None:
    """What changed at one end is followed at the other, also where rules were removed; of both ends neither."""
    for place in (kim, boss):
        place.engine.tracking.create(ADMIN, P, CreateRun())
    there, rules = shared.engine.promotion, "rules of promotion"

    def set_to(place: Engine, *wanted: Rule) -> None:
        place.promotion.put_rules(ADMIN, P, wanted)

    set_to(kim.engine, *RULE)
    assert said(kim, P) == {rules: "refused"}
    set_to(boss.engine, *RULE)
    assert said(boss, P) == {}
    assert there.rules(ADMIN, P) == RULE
    assert said(kim, P) == {}
    set_to(shared.engine)
    assert said(boss, P) == {rules: "newer here"}
    assert said(boss, P, back=True) == {}
    assert boss.engine.promotion.rules(ADMIN, P) == ()
    set_to(kim.engine, Rule("loss", "min"))
    assert said(kim, P) == said(kim, P, back=True) == {rules: "conflict"}
    assert there.rules(ADMIN, P) == ()


def test_a_hub_of_an_older_release_keeps_its_rules(
    boss: Workspace, shared: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot say which of its rules somebody has set: none are sent, none are taken away here, and that is told."""
    there, here, own = shared.engine.promotion, boss.engine.promotion, "older"
    boss.engine.tracking.create(ADMIN, own, CreateRun())
    here.put_rules(ADMIN, own, RULE)
    there.put_rules(ADMIN, own, RULE)
    assert said(boss, own) == {}
    monkeypatch.setattr(models, "_rules_body", lambda _, found: RulesBody(list(found)))
    there.put_rules(ADMIN, own, ())
    assert said(boss, own, back=True) == {}
    assert here.rules(ADMIN, own) == RULE
    found = boss.sync()[own]
    assert found.ok
    assert {one.subject: one.outcome for one in found.findings} == {"rules of promotion": "older"}
    assert there.rules(ADMIN, own) == ()


class Cut(BaseException):
    """The process is gone."""


def test_it_may_be_killed_at_any_request(tmp_path: Path, shared: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever request is the last one: after the next sync both have the same versions."""
    once, left = HubClient._once, [0]

    def dying(self: HubClient, *asked: Any) -> Answer:
        answer = once(self, *asked)
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        return answer

    monkeypatch.setattr(HubClient, "_once", dying)
    for moment in range(1, 40):
        left[0], place = 0, Workspace(tmp_path / str(moment), shared, KIM)
        kept, gone = f"kept {moment}", f"gone {moment}"
        for name in (kept, kept, gone):
            place.registered(name, f"{name} {len(numbers(place.engine, name))}".encode())
        place.sync()
        delete(place, kept, 1)
        delete(place, gone)
        left[0] = moment
        ends = _ends(place.sync)
        left[0] = 0
        assert all(one.ok for one in place.sync().values())
        place.engine.close()
        assert numbers(shared.engine, kept) == [2]
        assert shared.engine.records.versions.collection(P, gone) is None
        if ends:
            break
    assert 4 < moment < 39


def _ends(work: Callable[[], object]) -> bool:
    try:
        work()
    except Cut:
        return False
    return True
