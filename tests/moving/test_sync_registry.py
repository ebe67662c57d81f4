"""Versions, models and pointers go to a hub and back, beside other workspaces that do the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from tests.mlflow.conftest import Hub
from tests.moving.workspaces import ADMIN, KIM, LEE, P, Workspace, at

from madang.client.http import Answer, HubClient
from madang.domain.access import Permission, Principal
from madang.domain.commands import CreateRun
from madang.domain.reviews import Protection
from madang.domain.versions import PointerChange, VersionChange
from madang.errors import AccessDenied, Conflict, InvalidInput
from madang.formats.mlflow.words import ALIASES
from madang.wiring import open_store


def test_all_of_it_arrives_once(kim: Workspace, shared: Hub) -> None:
    """Versions with their numbers, files, references and texts, pointers and history; a second time nothing."""
    name = "all"
    kim.logged(name, b"1")
    kim.registered(name, b"2")
    kim.logged(name, b"3")
    kim.registered("rows", b"4", "dataset")
    kim.engine.models.create(KIM, P, "empty", "no version yet", {"a": "b"})
    kim.engine.artifacts.edit(KIM, P, f"{name}:v2", tags={"checked": "yes"}, description="둘째")
    kim.point(name, "champion", 1)
    kim.point(name, "champion", 2, "better")
    kim.engine.registry.promote(KIM, P, f"{name}:v3", "production", "live")
    first = kim.sync()
    assert all(one.ok for one in first.values())
    assert (first[name].versions, first["rows"].versions) == (1, 1)
    there, here = shared.engine, kim.engine
    for number in (1, 2, 3):
        one, other = (engine.registry.resolve(P, f"{name}:v{number}") for engine in (here, there))
        assert (one.digest, one.created_at, one.run, one.description, one.metadata, one.tags) == (
            other.digest, other.created_at, other.run, other.description, other.metadata, other.tags,
        )  # fmt: skip
        assert here.artifacts.manifest(KIM, P, one.ref) == there.artifacts.manifest(ADMIN, P, other.ref)
    assert there.artifacts.has_blob(ADMIN, P, there.artifacts.manifest(ADMIN, P, f"{name}:v2")[1].digest)
    moves = [(one.alias, one.number, one.before, one.at, one.reason) for one in here.registry.history(KIM, P, name)]
    assert moves == [
        (one.alias, one.number, one.before, one.at, one.reason) for one in there.registry.history(ADMIN, P, name)
    ]
    assert (at(there, name, "champion"), at(there, name, "production")) == (2, 3)
    row = there.records.versions.collection(P, "empty")
    assert row is not None
    assert (row.description, row.tags) == ("no version yet", {"a": "b"})
    told = [(one.kind, one.subject, one.after, one.at) for one in here.reviews.history(KIM, P, name)]
    assert told == [(one.kind, one.subject, one.after, one.at) for one in there.reviews.history(ADMIN, P, name)]
    revision = there.records.runs.revision([P])
    again = kim.sync()
    assert all(one.ok and not one.versions and not one.findings for one in again.values())
    assert there.records.runs.revision([P]) == revision


def test_two_that_sync_at_once_get_numbers_of_their_own(kim: Workspace, lee: Workspace, shared: Hub) -> None:
    """Every version of both is there once, and each of them knows it by its number there."""
    for place in range(8):
        for one in (kim, lee):
            one.registered("race", f"{one.who.name} {place}".encode())
    with ThreadPoolExecutor(4) as pool:
        assert all(found["race"].ok for found in pool.map(Workspace.sync, (kim, lee, kim, lee)))
    versions = shared.engine.records.versions.versions(P, "race")
    assert len({one.digest for one in versions}) == len(versions) == 16
    for one in (kim, lee):
        for here, there in one.sync()["race"].numbers.items():
            ours, theirs = (engine.registry.resolve(P, f"race:v{number}") for engine, number in
                            ((one.engine, here), (shared.engine, there)))  # fmt: skip
            assert ours.digest == theirs.digest


def test_the_same_content_of_many_runs_is_one_version(kim: Workspace, shared: Hub) -> None:
    """In whichever order runs arrive, what was one version here is one there, under its number."""
    for data in (b"a", b"a", b"b", b"b", b"a", b"a"):
        kim.logged("again", data)
    for _ in range(2):
        assert kim.sync()["again"].ok
        here, there = (
            {one.number: (one.digest, sorted(engine.records.versions.origins(P)["again", one.number]))
             for one in engine.records.versions.versions(P, "again")}
            for engine in (kim.engine, shared.engine)
        )  # fmt: skip
        assert here == there
        assert list(here) in ([3, 2, 1], [4, 3, 2, 1])
        kim.logged("again", b"a")
        kim.logged("again", b"c")
        kim.registry().claim()  # and no more than that: the process is gone
        kim.logged("again", b"c")


def test_what_moved_at_both_ends_stays_and_is_told(kim: Workspace, lee: Workspace, shared: Hub) -> None:
    """The hub's move wins; when both have come to the same by ordinary commands, sync goes on from there."""
    name = "both"
    kim.logged(name, b"a")
    kim.point(name, "production", 1)
    kim.sync()
    lee.logged(name, b"b")
    lee.point(name, "production", 1)
    said = lee.sync()[name]
    assert said.numbers == {1: 2}
    assert [(one.subject, one.outcome, one.here, one.there) for one in said.findings] == [
        ("production", "conflict", 1, 2)
    ]
    assert at(shared.engine, name, "production") == 1
    lee.fetch()
    ours = next(one.number for one in lee.engine.records.versions.versions(P, name) if one.number != 1)
    assert lee.engine.artifacts.has_blob(LEE, P, lee.engine.artifacts.manifest(LEE, P, f"{name}:v{ours}")[0].digest)
    lee.point(name, "production", ours)
    assert lee.sync()[name].ok
    lee.point(name, "production", 1)
    assert [(one.outcome, one.there) for one in lee.sync()[name].findings] == [("taken", 2)]
    assert [(one.outcome, one.here) for one in kim.sync()[name].findings] == [("newer here", 2)]
    kim.fetch()
    got = kim.engine.registry.resolve(P, f"{name}@production")
    assert got.digest == shared.engine.registry.resolve(P, f"{name}@production").digest
    assert kim.engine.registry.history(KIM, P, name)[0].actor == "lee"


def test_a_rollback_on_the_hub_is_not_undone(kim: Workspace, shared: Hub) -> None:
    """A pointer that the hub moved back to where it was is not taken for one that never moved."""
    name = "back"
    kim.logged(name, b"a")
    kim.logged(name, b"b")
    kim.point(name, "best", 1)
    kim.point(name, "best", 2)
    kim.sync()
    shared.engine.registry.point(ADMIN, P, name, "best", 1, reason="worse")
    kim.point(name, "best", 1)
    kim.point(name, "best", 2)
    assert [one.outcome for one in kim.sync()[name].findings] == ["conflict"]
    assert at(shared.engine, name, "best") == 1


def test_texts_that_changed_at_both_ends_stay(kim: Workspace, shared: Hub) -> None:
    """One that changed here alone is taken, one that changed there alone stays, one of both is told."""
    kim.registered("texts", b"a", "dataset")
    kim.sync()
    for engine, word in ((kim.engine, "here"), (shared.engine, "there")):
        engine.artifacts.edit(ADMIN, P, "texts:v1", description=word, tags={word: "1"}, metadata={"x": word})
    said = {one.subject: one.outcome for one in kim.sync()["texts"].findings}
    assert said == {"description of v1": "conflict", "metadata of v1": "conflict", "tag of v1 there": "newer here"}
    there = shared.engine.registry.resolve(P, "texts:v1")
    assert (there.description, there.tags, there.metadata) == ("there", {"there": "1", "here": "1"}, {"x": "there"})


def test_guards_of_the_hub_hold(kim: Workspace, shared: Hub) -> None:
    """Where a stage is protected sync asks, once; after a rejection it does not ask again; a gate refuses."""
    name = "guarded"
    kim.logged(name, b"a")
    kim.sync()
    shared.engine.reviews.protect(ADMIN, Protection(P, name, "production", ("boss",), 1))
    shared.engine.reviews.protect(ADMIN, Protection(P, name, "champion", gates=("val/f1 >= 0.9",)))
    kim.point(name, "production", 1, "please")
    kim.point(name, "champion", 1)
    guards = {"protection of champion": "newer here", "protection of production": "newer here"}
    for _ in range(2):
        said = {one.subject: one.outcome for one in kim.sync()[name].findings}
        assert said == {"production": "requested", "champion": "refused", **guards}
    asked = shared.engine.reviews.requests(ADMIN, P, name)
    assert [(one.alias, one.version, one.state, one.actor) for one in asked] == [("production", 1, "pending", "kim")]
    assert "please" in asked[0].reason
    boss = Principal("boss", projects={P: Permission.WRITE})
    shared.engine.reviews.review(boss, P, name, 1, is_approval=False)
    assert {one.outcome for one in kim.sync()[name].findings} == {"rejected", "refused", "newer here"}
    assert len(shared.engine.reviews.requests(ADMIN, P, name)) == 1
    assert at(shared.engine, name, "production") is None
    again = shared.engine.reviews.request(KIM, P, f"{name}:v1", "production")
    shared.engine.reviews.review(boss, P, name, again.number, is_approval=True)
    assert {one.subject for one in kim.sync()[name].findings} == {"champion", *guards}


def test_a_protected_stage_does_not_move_beside_another_one(kim: Workspace, shared: Hub) -> None:
    """Moves of a protected stage count only where the pointer is said to have come by them, and its guard was asked."""
    name = "beside"
    for data in (b"a", b"b"):
        kim.logged(name, data)
    kim.point(name, "production", 1)
    kim.sync()
    shared.engine.reviews.protect(ADMIN, Protection(P, name, "production", ("boss",), 1))
    state = kim.engine.merging.state(KIM, P, name)
    last = state.moves[-1].at
    sent = [replace(state.moves[-1], alias=alias, number=2, at=last + place) for place, alias in
            enumerate(("production", "production/2", "staging"), 1)]  # fmt: skip
    shared.engine.merging.merge(
        KIM, replace(state, aliases={**state.aliases, "staging": 2}, moves=(*state.moves, *sent))
    )
    row = shared.engine.records.versions.collection(P, name)
    assert row is not None
    assert {alias: number for alias, number in row.aliases.items() if alias != "latest"} == {
        "production": 1, "staging": 2,
    }  # fmt: skip


def test_runs_that_come_late_move_nothing(kim: Workspace, lee: Workspace, shared: Hub) -> None:
    """An alias that a run brings along does not undo a move that was made after it."""
    name = "late"
    kim.logged(name, b"a", "best")
    lee.logged(name, b"b", "best")
    lee.sync()
    said = kim.sync()[name]
    assert [one.outcome for one in said.findings] == ["conflict"]
    assert shared.engine.registry.resolve(P, f"{name}@best").run != kim.engine.registry.resolve(P, f"{name}@best").run


def test_what_was_deleted_there_stays_deleted(kim: Workspace, shared: Hub) -> None:
    """Neither a version nor a pointer at it comes back, and a name that was changed is told."""
    kim.registered("gone", b"a")
    kim.logged("gone", b"b")
    kim.sync()
    row = shared.engine.models.find(ADMIN, "gone", P)
    shared.engine.models.delete(ADMIN, row, 1)
    kim.point("gone", "best", 1)
    assert [one.outcome for one in kim.sync()["gone"].findings] == ["dropped here", "refused"]
    assert [one.number for one in shared.engine.records.versions.versions(P, "gone")] == [2]
    shared.engine.models.rename(ADMIN, row, "renamed")
    assert [(one.outcome, one.detail) for one in kim.sync()["gone"].findings] == [("renamed", "renamed")]
    shared.engine.models.create(ADMIN, P, "gone")  # now another one has that name
    error = kim.sync()["gone"].error
    assert "is renamed:v1 of" in error
    assert "Rename one of them" in error


def test_a_name_of_another_type_is_refused(kim: Workspace, lee: Workspace) -> None:
    """Two workspaces mean different things by a name: the second one is told."""
    kim.registered("same", b"a", "dataset")
    lee.registered("same", b"b", "model")
    assert kim.sync()["same"].ok
    assert "type" in lee.sync()["same"].error


def test_only_who_may_write_may_send(kim: Workspace, shared: Hub) -> None:
    """A reader and the credential of one run change nothing; a claim of another project's run has no effect there."""
    kim.logged("mine", b"a")
    state = kim.engine.merging.state(KIM, P, "mine")
    merging = shared.engine.merging
    for who in (Principal("guest", Permission.READ), Principal("run", Permission.WRITE, run="0" * 32)):
        for ask in (merging.claim, merging.merge):
            with pytest.raises(AccessDenied):
                ask(who, state)
    kim.sync()
    one = replace(shared.engine.registry.resolve(P, "mine:v1"), project="다른", name="stolen")
    with pytest.raises(Conflict):
        shared.engine.records.versions.adopt(one, [], state.versions[0].origins)


def test_states_that_make_no_sense_are_refused(kim: Workspace, shared: Hub) -> None:
    """Times to come, numbers out of bounds, other files than the digest's, and pointers that nobody may move."""
    made = kim.registered("odd", b"a")
    state = kim.engine.merging.state(KIM, P, "odd")
    entries, merging = kim.engine.artifacts.manifest(KIM, P, made.ref), shared.engine.merging
    one = state.versions[0]
    late = replace(state, versions=(replace(one, created_at=1 << 61),))
    for ask in (
        lambda: merging.merge(KIM, late),
        lambda: merging.claim(KIM, replace(state, versions=(replace(one, number=1 << 40),))),
        lambda: merging.claim(KIM, replace(state, name="of no type", type="a:b")),
        lambda: merging.adopt(KIM, state, entries[:1]),
        lambda: merging.adopt(KIM, state, [replace(entries[0], path="../x"), *entries[1:]]),
    ):
        with pytest.raises(InvalidInput):
            ask()
    kim.sync()
    moves = tuple(PointerChange(P, "odd", alias, 1, None, "x", 1) for alias in ("latest", "v7", "a:b", "A"))
    merging.merge(KIM, replace(state, moves=moves, aliases={"latest": 1, "v7": 1, "a:b": 1, "A": 1}))
    row = shared.engine.records.versions.collection(P, "odd")
    assert row is not None
    assert row.aliases == {}


def test_what_only_a_store_itself_says_is_not_taken(kim: Workspace, shared: Hub) -> None:
    """A version does not come as one whose bytes are gone or lie in another project; metadata may be of any form."""
    made = kim.registered("told", b"a")
    kim.sync()
    state = kim.engine.merging.state(KIM, P, "told")
    entries, merging = kim.engine.artifacts.manifest(KIM, P, made.ref), shared.engine.merging
    tags = {"madang.gone": "x", "madang.source": "other/secret:v1", "mine": "1"}
    new = replace(state.versions[0], number=2, created_at=made.created_at + 1, origins=(), tags=tags)
    number = merging.adopt(KIM, replace(state, versions=(new,)), entries).number
    assert shared.engine.registry.resolve(P, f"told:v{number}").tags == {"mine": "1"}
    shared.engine.records.versions.edit(P, "told", 1, VersionChange(metadata={"mlflow": {"location": "here"}}))
    odd = replace(state.versions[0], metadata={"mlflow": "odd"})
    merging.merge(KIM, replace(state, versions=(odd,), tags={ALIASES: "[" * 100_000}))
    assert shared.engine.registry.resolve(P, "told:v1").metadata == {"mlflow": "odd"}


def test_the_index_may_be_lost(kim: Workspace, lee: Workspace) -> None:
    """What came from a hub is in the log: a store whose index is made anew has it all, with the files' names."""
    kim.registered("log", b"a")
    kim.point("log", "best", 1)
    kim.sync()
    lee.registered("log", b"b")
    lee.sync()
    lee.fetch()
    before = lee.engine.merging.state(LEE, P, "log")
    entries = lee.engine.artifacts.manifest(LEE, P, "log@best")
    lee.engine.close()
    for path in lee.folder.glob("records.db*"):
        path.unlink()
    lee.engine = open_store(store=str(lee.folder))
    assert lee.engine.merging.state(LEE, P, "log") == before
    assert lee.engine.artifacts.manifest(LEE, P, "log@best") == entries


class Cut(BaseException):
    """The process is gone."""


def test_it_may_be_killed_at_any_request(kim: Workspace, shared: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever request is the last one, sent or answered: the next sync has the same result, with nothing twice."""
    name, once, left = "killed", HubClient._once, [0]

    def dying(self: HubClient, *asked: Any) -> Answer:
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        answer = once(self, *asked)
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        return answer

    monkeypatch.setattr(HubClient, "_once", dying)
    kim.engine.tracking.create(KIM, P, CreateRun())
    for moment in range(1, 40):
        made = kim.registered(name, b"registered %d" % moment)
        kim.point(name, "best", made.number)
        kim.engine.artifacts.edit(KIM, P, made.ref, tags={"at": str(moment)})
        left[0] = moment
        try:
            kim.registry().claim()
            list(kim.registry().send())
        except Cut:
            left[0] = 0
            assert [one.ok for one in kim.registry().send()] == [True]
        else:
            break
    assert 8 < moment < 39
    here, there = (engine.merging.state(ADMIN, P, name) for engine in (kim.engine, shared.engine))
    assert here.aliases == there.aliases
    assert [(one.number, one.digest, one.run, one.tags) for one in here.versions] == [
        (one.number, one.digest, one.run, one.tags) for one in there.versions
    ]
    assert [(one.alias, one.number, one.at) for one in here.moves] == [
        (one.alias, one.number, one.at) for one in there.moves
    ]
