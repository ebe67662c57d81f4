"""Protected pointers: requests, reviews, gates, rollback and history, over both databases."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tests.registry.conftest import ADMIN, KIM, LEE, NAME, PARK, P, member, pointer, version

from madang.domain import events
from madang.domain.access import Permission, Principal
from madang.domain.commands import CreateRun, Log
from madang.domain.promotion import Rule
from madang.domain.reproduce import Judgement, Verdict
from madang.domain.reviews import Protection
from madang.domain.versions import AliasMove, Entry
from madang.errors import AccessDenied, Conflict, InvalidInput, NotFound
from madang.services.evidence import Circumstances, attest
from madang.services.reader import LocalReader
from madang.services.reproduce import TAG, Leniency
from madang.wiring import Engine, open_store
from madang.workspace.keys import KeyRing, SigningKey, keyring


def protect(
    engine: Engine, *reviewers: str, gates: tuple[str, ...] = (), alias: str = "production", **more: Any
) -> None:
    """Protect a pointer of the model."""
    engine.reviews.protect(ADMIN, Protection(P, NAME, alias, tuple(reviewers), gates=gates, **more))


def test_nothing_moves_it_but_a_request(engine: Engine) -> None:
    """Whatever way there is to move, leave, remove or rename a protected pointer is refused and changes nothing."""
    for score in (0.1, 0.2, 0.3):
        version(engine, score)
    registry, models = engine.registry, engine.models
    registry.promote(KIM, P, f"{NAME}:v1", "production")
    protect(engine, "lee")
    row = models.find(ADMIN, NAME)
    before = engine.reviews.history(ADMIN, P, NAME)
    blob = engine.artifacts.put_blob(ADMIN, P, [b"new"])
    entries = [Entry("w.bin", blob.digest, blob.size)]
    for attempt in (
        lambda: registry.promote(ADMIN, P, f"{NAME}:v2", "production"),
        lambda: registry.promote(ADMIN, P, f"{NAME}:v1", "none"),
        lambda: registry.promote(ADMIN, P, f"{NAME}:v1", "staging"),
        lambda: registry.point(KIM, P, NAME, "Production", 2),
        lambda: registry.point(KIM, P, NAME, "production", None),
        lambda: registry.point(KIM, P, NAME, "production/2", 2),
        lambda: registry.point_all(KIM, [AliasMove(P, NAME, "x", 2, None), AliasMove(P, NAME, "production", 2, 1)]),
        lambda: models.move(KIM, row, 2, "production"),
        lambda: models.move(KIM, row, 2, "production", archive=True),
        lambda: models.move(KIM, row, 1, "archived"),
        lambda: models.move(KIM, row, 1, ""),
        lambda: models.point(KIM, row, "production", 2),
        lambda: models.delete(KIM, row, 1),
        lambda: models.delete(KIM, row),
        lambda: models.rename(KIM, row, "other"),
        lambda: engine.artifacts.create(KIM, P, NAME, "model", entries, aliases=["production"]),
        lambda: engine.reviews.rollback(KIM, P, NAME, "production"),
        lambda: engine.reviews.unprotect(KIM, P, NAME, "production"),
        lambda: engine.reviews.protect(KIM, Protection(P, NAME, "production", ("kim",))),
    ):
        with pytest.raises((AccessDenied, Conflict)):
            attempt()
        assert pointer(engine) == 1
    assert engine.reviews.history(ADMIN, P, NAME) == before
    assert len(models.versions(ADMIN, row)) == 3
    registry.point(KIM, P, NAME, "champion", 2)  # what is not protected moves as ever


def test_approvals(engine: Engine) -> None:
    """So many named reviewers must agree, each once, and not about their own wish; then it moves and says so."""
    version(engine, 0.1)
    version(engine, 0.2)
    protect(engine, "kim", "lee", "park", approvals=2)
    asked = engine.reviews.request(KIM, P, f"{NAME}:v2", "production", "더 좋다")
    assert engine.reviews.request(LEE, P, f"{NAME}:v2", "production").number == asked.number
    reviews = engine.reviews
    with pytest.raises(AccessDenied, match="somebody else"):
        reviews.review(KIM, P, NAME, 1, is_approval=True)
    with pytest.raises(AccessDenied, match="no reviewer"):
        reviews.review(ADMIN, P, NAME, 1, is_approval=True)
    for _ in range(2):
        assert reviews.review(LEE, P, NAME, 1, is_approval=True, comment="ok").state == "pending"
    assert pointer(engine) is None
    reader = Principal("park", projects={P: Permission.READ})
    with pytest.raises(AccessDenied):
        reviews.review(reader, P, NAME, 1, is_approval=True)
    assert reviews.review(PARK, P, NAME, 1, is_approval=True).state == "promoted"
    assert pointer(engine) == 2
    with pytest.raises(Conflict, match="promoted already"):
        reviews.review(LEE, P, NAME, 1, is_approval=False)
    move = engine.registry.history(KIM, P, NAME)[0]
    assert (move.before, move.number, move.actor) == (None, 2, "park")
    assert "request 1 of kim, approved by lee, park" in move.reason
    assert "더 좋다" in move.reason


def test_a_rejection_ends_it_and_who_asked_may_take_it_back(engine: Engine) -> None:
    """A reviewer turns a request down; its author takes it back; strangers do neither."""
    version(engine, 0.1)
    protect(engine, "lee")
    for number, (who, state) in enumerate([(LEE, "rejected"), (KIM, "withdrawn"), (ADMIN, "rejected")], 1):
        assert engine.reviews.request(KIM, P, f"{NAME}:v1", "production").number == number
        with pytest.raises(AccessDenied):
            engine.reviews.review(PARK, P, NAME, number, is_approval=False)
        assert engine.reviews.review(who, P, NAME, number, is_approval=False, comment="no").state == state
    assert pointer(engine) is None
    with pytest.raises(NotFound):
        engine.reviews.review(LEE, P, NAME, 9, is_approval=True)


def test_gates_are_looked_at_against_what_is_there_now(engine: Engine) -> None:
    """A request that was fine when made is held back when production has moved to something better meanwhile."""
    for score in (0.5, 0.7, 0.9):
        version(engine, score)
    protect(engine, "lee", gates=("val/f1 > current",))
    reviews = engine.reviews
    second = reviews.request(KIM, P, f"{NAME}:v2", "production")
    third = reviews.request(KIM, P, f"{NAME}:v3", "production")
    assert all(one.passed for one in (*second.findings, *third.findings))
    assert reviews.review(LEE, P, NAME, third.number, is_approval=True).state == "promoted"
    held = reviews.review(LEE, P, NAME, second.number, is_approval=True)
    assert (held.state, held.checked_against, [one.passed for one in held.findings]) == ("pending", 3, [False])
    assert pointer(engine) == 3
    better = version(engine, 0.95)
    fourth = reviews.request(KIM, P, better.ref, "production")
    assert reviews.review(LEE, P, NAME, fourth.number, is_approval=True).state == "promoted"
    assert pointer(engine) == 4


def test_gates_without_reviewers_decide_at_once(engine: Engine) -> None:
    """A direct move passes if the version fulfils the gates; NaN, a missing run and a worse metric do not."""
    good, worse, nan = version(engine, 0.9), version(engine, 0.8), version(engine, float("nan"))
    protect(engine, gates=("val/f1 >= current", "val/f1 >= 0.85"))
    blob = engine.artifacts.put_blob(ADMIN, P, [b"no run"])
    bare = engine.artifacts.create(ADMIN, P, NAME, "model", [Entry("w", blob.digest, blob.size)])
    for one in (worse, nan, bare):
        with pytest.raises(AccessDenied, match="does not fulfil `val/f1"):
            engine.registry.promote(KIM, P, one.ref, "production")
    assert pointer(engine) is None
    engine.registry.promote(KIM, P, good.ref, "production")
    assert pointer(engine) == good.number
    row = engine.models.find(ADMIN, NAME)
    for attempt in (  # else whatever comes next would have nothing to be compared with
        lambda: engine.registry.point(KIM, P, NAME, "production", None),
        lambda: engine.registry.promote(KIM, P, good.ref, "none"),
        lambda: engine.models.move(KIM, row, good.number, "archived"),
        lambda: engine.models.move(KIM, row, worse.number, "production", archive=True),
        lambda: engine.models.delete(KIM, row, good.number),
    ):
        with pytest.raises(AccessDenied):
            attempt()
        assert pointer(engine) == good.number
    with pytest.raises(InvalidInput, match="nobody's approval"):
        engine.reviews.request(KIM, P, worse.ref, "production")


def test_reproduction_is_asked_for(engine: Engine) -> None:
    """A version whose run was never reproduced does not pass such a gate."""
    made = version(engine, 0.9)
    protect(engine, gates=("reproduced within tolerance",))
    with pytest.raises(AccessDenied, match="never reproduced"):
        engine.registry.promote(KIM, P, made.ref, "production")


def repetition(engine: Engine, run: str, verdict: Verdict, key: SigningKey | None = None) -> None:
    """A repetition of a run that came to a verdict, signed if a key is given."""
    again = engine.tracking.create(ADMIN, P, CreateRun(tags={TAG: run}))
    engine.tracking.log(ADMIN, again.id, Log({"val/f1": 0.9}, finish="finished"))
    found = Judgement(verdict)
    signed = {}
    if key is not None:
        reader = LocalReader(ADMIN, engine)
        around = Circumstances("", False, [], [], Leniency(), "kim", "here", "0", 1)
        signed = attest((reader, reader.run(run)), (reader, reader.run(again.id)), found, around, key)
    facts = {name: getattr(found, name) for name in ("first_difference", "missing", "compared", "not_compared")}
    engine.tracking.state(ADMIN, again.id, [events.Verdict(run, verdict, **facts, attestation=signed)])


def test_signatures_of_reproductions(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsigned verdict is not enough where a signature is asked for; one by a trusted key, of unaltered runs, is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = version(engine, 0.9)
    protect(engine, gates=("reproduced identical signed",))
    stranger, own = KeyRing(str(tmp_path / "stranger")).own(), keyring(os.environ).own()
    cases: list[tuple[Verdict, SigningKey | None, str]] = [
        ("DIFFERS", own, "the verdict is DIFFERS"), ("WITHIN TOLERANCE", own, "the verdict is WITHIN"),
        ("IDENTICAL", None, "no repetition of this verdict is signed"), ("IDENTICAL", stranger, "trusted key"),
    ]  # fmt: skip
    for verdict, key, said in cases:
        repetition(engine, made.run, verdict, key)
        with pytest.raises(AccessDenied, match=said):
            engine.registry.promote(KIM, P, made.ref, "production")
    repetition(engine, made.run, "IDENTICAL", own)
    engine.registry.promote(KIM, P, made.ref, "production")
    assert pointer(engine) == made.number


def test_a_rule_waits_for_the_reproduction(engine: Engine) -> None:
    """A version that has to be reproduced is promoted once its run has been."""
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1", require=("reproduced identical",))])
    made = version(engine, 0.9)
    assert pointer(engine) is None
    repetition(engine, made.run, "IDENTICAL")
    assert pointer(engine) == made.number


def test_rollback_goes_further_and_further_back(engine: Engine) -> None:
    """Each rollback takes one move away; promotions after it count anew; deleted versions are passed over."""
    for score in range(5):
        version(engine, float(score))
    for number in (1, 2, 3, 4):
        engine.registry.point(KIM, P, NAME, "champion", number)
    reviews = engine.reviews
    assert reviews.rollback(KIM, P, NAME, "Champion", dry=True).number == 3
    assert pointer(engine, "champion") == 4
    change = reviews.rollback(KIM, P, NAME, "champion", "나쁨")
    assert (change.before, change.number, change.reason) == (4, 3, "rollback from v4: 나쁨")
    assert reviews.rollback(KIM, P, NAME, "champion").number == 2
    engine.registry.point(KIM, P, NAME, "champion", 5)
    assert reviews.rollback(KIM, P, NAME, "champion").number == 2
    engine.models.delete(KIM, engine.models.find(ADMIN, NAME), 1)
    with pytest.raises(Conflict, match="no other version"):
        reviews.rollback(KIM, P, NAME, "champion")


def test_reviewers_roll_a_protected_pointer_back(engine: Engine) -> None:
    """At once, to where it has been; others have to ask."""
    version(engine, 0.1)
    version(engine, 0.2)
    for number in (1, 2):
        engine.registry.promote(KIM, P, f"{NAME}:v{number}", "production")
    protect(engine, "lee", gates=("val/f1 > current",))
    with pytest.raises(AccessDenied, match="reviewers"):
        engine.reviews.rollback(KIM, P, NAME, "production")
    assert engine.reviews.rollback(LEE, P, NAME, "production").number == 1


def test_the_history_has_every_change(engine: Engine) -> None:
    """Who, from what, to what and why: of pointers, texts, tags, names, protections, requests and deletions."""
    version(engine, 0.1)
    models = engine.models
    row = models.find(ADMIN, NAME)
    models.edit(KIM, row, description="about", tags={"team": "a"})
    models.edit_version(LEE, models.version(KIM, row, 1), description="first", tags={"t": "1"})
    engine.registry.point(KIM, P, NAME, "best", 1, reason="why not")
    models.rename(PARK, row, "새 이름")
    row = models.find(ADMIN, "새 이름")
    version(engine, 0.2, name="새 이름")
    models.delete(KIM, row, 2)
    found = {
        (one.kind, one.subject, one.before, one.after, one.actor) for one in engine.reviews.history(KIM, P, row.name)
    }
    assert {
        ("description", NAME, "", "about", "kim"),
        ("tag", f"{NAME} team", "", "a", "kim"),
        ("description", "v1", "", "first", "lee"),
        ("tag", "v1 t", "", "1", "lee"),
        ("alias", "best", "", "v1", "kim"),
        ("name", "새 이름", NAME, "새 이름", "park"),
        ("version", "v1", "", "made", "admin"),
        ("version", "v2", "made", "deleted", "kim"),
    } <= found


def test_names_of_people_have_one_form(engine: Engine) -> None:
    """A name that was typed with separate letters is the same person: one voice, and none on their own wish."""
    nfc, nfd = unicodedata.normalize("NFC", "김민수"), unicodedata.normalize("NFD", "김민수")
    version(engine, 0.5)
    protect(engine, f" {nfd} ", "lee", approvals=2)
    engine.reviews.request(KIM, P, f"{NAME}:v1", "production")
    for name in (nfc, nfd):
        assert engine.reviews.review(member(name), P, NAME, 1, is_approval=True).state == "pending"
    assert engine.reviews.review(LEE, P, NAME, 1, is_approval=True).state == "promoted"
    version(engine, 0.6)
    engine.reviews.request(member(nfd), P, f"{NAME}:v2", "production")
    with pytest.raises(AccessDenied, match="somebody else"):
        engine.reviews.review(member(nfc), P, NAME, 2, is_approval=True)


def test_a_workspace_keeps_it_beside_its_index(tmp_path: Path) -> None:
    """Protections, requests, reviews and history are the same after the index was lost, also after a rename."""
    store = str(tmp_path / "store")
    engine = open_store(store=store)
    version(engine, 0.5, name="before")
    version(engine, 0.6, name="before")
    engine.models.rename(ADMIN, engine.models.find(ADMIN, "before"), NAME)
    for alias in ("gone", "production"):
        engine.reviews.protect(ADMIN, Protection(P, NAME, alias, ("lee", "park"), 2))
    engine.reviews.unprotect(ADMIN, P, NAME, "gone")
    engine.reviews.request(KIM, P, f"{NAME}:v1", "production")
    for who in (LEE, PARK):
        engine.reviews.review(who, P, NAME, 1, is_approval=True, comment="ok")
    engine.reviews.request(KIM, P, f"{NAME}:v2", "production")
    engine.reviews.review(LEE, P, NAME, 2, is_approval=True)

    def seen() -> tuple[Any, ...]:
        reviews = engine.reviews
        return (
            reviews.protections(ADMIN, P, NAME), reviews.requests(ADMIN, P, NAME), reviews.history(ADMIN, P, NAME),
            pointer(engine),
        )  # fmt: skip

    before = seen()
    engine.close()
    for index in Path(store).glob("records.db*"):
        index.unlink()
    engine = open_store(store=store)
    assert seen() == before
    assert engine.reviews.review(PARK, P, NAME, 2, is_approval=True).state == "promoted"
    engine.close()


@pytest.mark.parametrize(
    "wanted",
    [
        Protection(P, NAME, "production"),
        Protection(P, NAME, "latest", ("kim",)),
        Protection(P, NAME, "production", ("kim",), approvals=2),
        Protection(P, NAME, "production", gates=("rm -rf",)),
    ],
)
def test_protections_that_make_no_sense_are_refused(engine: Engine, wanted: Protection) -> None:
    """Nothing asked for, a pointer that cannot be moved, too many approvals, no gate."""
    version(engine, 0.1)
    with pytest.raises(InvalidInput):
        engine.reviews.protect(ADMIN, wanted)


def test_what_waits_for_whom(engine: Engine) -> None:
    """A request waits for the reviewers that may approve it and have not, in projects where they may write."""
    version(engine, 0.1)
    protect(engine, "lee", "kim", "far")
    asked = engine.reviews.request(KIM, P, f"{NAME}:v1", "production")
    assert engine.reviews.waiting(LEE) == [asked]
    for nobody in (KIM, PARK, member("far"), ADMIN, Principal("far", projects={P: Permission.READ})):
        assert bool(engine.reviews.waiting(nobody)) == (nobody == member("far"))
    engine.reviews.review(LEE, P, NAME, asked.number, is_approval=True)
    assert engine.reviews.waiting(LEE) == []
