"""Best model only: rules applied when runs end, over both databases and in a workspace."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.registry.conftest import ADMIN, KIM, LEE, NAME, P, pointer, version

from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun, Log
from madang.domain.projects import DEFAULT
from madang.domain.promotion import Rule, RuleSet
from madang.domain.reviews import Protection
from madang.domain.versions import Entry
from madang.errors import AccessDenied
from madang.wiring import Engine, open_store

BEST = Rule("val/f1")


def test_the_best_is_promoted(engine: Engine) -> None:
    """Better ones replace it; ties, NaN, no metric and runs that failed do not; each decision says why."""
    with pytest.raises(AccessDenied):
        engine.promotion.put_rules(KIM, P, [BEST])
    engine.promotion.put_rules(ADMIN, P, [BEST])
    places = []
    for score, status, key in [
        (0.5, "finished", "val/f1"), (0.7, "finished", "val/f1"), (0.7, "finished", "val/f1"),
        (float("nan"), "finished", "val/f1"), (0.9, "failed", "val/f1"), (0.9, "finished", "other"),
        (float("inf"), "killed", "val/f1"), (0.8, "finished", "val/f1"),
    ]:  # fmt: skip
        version(engine, score, status=status, key=key)
        places.append(pointer(engine))
    assert places == [1, 2, 2, 2, 2, 2, 2, 8]
    decisions = {one.number: (one.outcome, one.reason) for one in engine.promotion.decisions(KIM, P, NAME)}
    assert decisions[3] == ("lost", "val/f1 0.7 does not beat 0.7 of v2")
    assert decisions[4] == ("lost", "its run has no number for val/f1")
    assert decisions[5] == ("lost", "its run is failed")
    assert decisions[8] == ("promoted", "val/f1 0.8, better than 0.7 of v2")
    history = engine.registry.history(KIM, P, NAME)
    assert [(one.before, one.number, one.actor) for one in history] == [
        (2, 8, "rule"),
        (1, 2, "rule"),
        (None, 1, "rule"),
    ]


def test_a_run_is_judged_once(engine: Engine) -> None:
    """What people have decided afterwards stays, also when the run says again that it has ended."""
    engine.promotion.put_rules(ADMIN, P, [BEST])
    version(engine, 0.5)
    best = version(engine, 0.9)
    engine.reviews.rollback(KIM, P, NAME, "production", "bad in the shop")
    engine.tracking.version_made(best.run)
    engine.records.registry.await_decision(best.run)
    assert engine.promotion.settle() == []
    assert pointer(engine) == 1


def test_models_that_come_after_the_end_count(engine: Engine) -> None:
    """A version registered of a run that has ended is judged at once, for the models that the rule names."""
    engine.promotion.put_rules(ADMIN, P, [Rule("loss", "min", "best", NAME)])
    for name, loss in ((NAME, 0.5), ("other", 0.1), (NAME, 0.4)):
        run = engine.tracking.create(ADMIN, P, CreateRun())
        engine.tracking.log(ADMIN, run.id, Log({"loss": loss}))
        engine.tracking.log(ADMIN, run.id, Log(finish="finished"))
        blob = engine.artifacts.put_blob(ADMIN, P, [run.id.encode()])
        engine.artifacts.create(ADMIN, P, name, "model", [Entry("w", blob.digest, blob.size)], run=run.id)
    assert (pointer(engine, "best"), pointer(engine, "best", "other")) == (2, None)


def test_models_of_mlflow_clients_are_judged_by_the_rules_of_their_runs(engine: Engine) -> None:
    """MLflow's clients keep all models in one place, wherever the run is; a rule moves nothing in a third one."""
    engine.promotion.put_rules(ADMIN, P, [Rule("loss", "min", "best")])
    for place in (DEFAULT, "third"):
        row = engine.models.create(ADMIN, place, f"in {place}")
        for loss in (0.4, 0.5):
            run = engine.tracking.create(ADMIN, P, CreateRun())
            engine.tracking.log(ADMIN, run.id, Log({"loss": loss}))
            blob = engine.artifacts.put_blob(ADMIN, P, [run.id.encode()])
            engine.models.add(ADMIN, row, [Entry("w", blob.digest, blob.size)], origin=P, run=run.id)
            engine.tracking.log(ADMIN, run.id, Log(finish="finished"))
    assert engine.models.find(ADMIN, f"in {DEFAULT}", DEFAULT).aliases == {"best": 1}
    assert engine.models.find(ADMIN, "in third", "third").aliases == {}


def test_rules_reach_no_further_than_who_set_them(engine: Engine) -> None:
    """An admin of one project moves nothing in Default by a rule unless they may write there; nor do old rules."""
    row = engine.models.create(ADMIN, DEFAULT, "shared")
    boss = {P: Permission.ADMIN}
    reader = Principal("reader", projects={**boss, DEFAULT: Permission.READ})
    writer = Principal("writer", projects={**boss, DEFAULT: Permission.WRITE})

    def pointed(loss: float) -> dict[str, int]:
        run = engine.tracking.create(ADMIN, P, CreateRun())
        engine.tracking.log(ADMIN, run.id, Log({"loss": loss}))
        blob = engine.artifacts.put_blob(ADMIN, P, [run.id.encode()])
        engine.models.add(ADMIN, row, [Entry("w", blob.digest, blob.size)], origin=P, run=run.id)
        engine.tracking.log(ADMIN, run.id, Log(finish="finished"))
        return dict(engine.models.find(ADMIN, "shared", DEFAULT).aliases)

    rule = Rule("loss", "min", "best")
    engine.promotion.put_rules(reader, P, [rule])
    assert pointed(0.5) == {}
    with pytest.raises(AccessDenied):
        engine.registry.point(reader, DEFAULT, "shared", "best", 1)
    assert engine.promotion.decisions(ADMIN, DEFAULT, "shared") == []
    engine.promotion.put_rules(writer, P, [rule])
    assert engine.promotion.rules(reader, P) == (rule,)
    assert pointed(0.4) == {"best": 2}
    engine.promotion.put_rules(Principal("stranger", projects=boss), P, [rule])
    assert pointed(0.3) == {"best": 2}
    engine.promotion.put_rules(ADMIN, P, [rule])
    assert pointed(0.2) == {"best": 4}
    engine.records.registry.put_rules(P, RuleSet((rule,)))  # as those of earlier releases are read
    assert pointed(0.1) == {"best": 4}


def test_where_it_needs_approval_it_is_asked_for(engine: Engine) -> None:
    """The rule makes a request, which reviewers decide; gates of the rule come first."""
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1", require=("val/f1 >= 0.6",))])
    version(engine, 0.7)
    engine.reviews.protect(ADMIN, Protection(P, NAME, "production", ("lee",)))
    version(engine, 0.8)
    version(engine, 0.5)
    asked = engine.reviews.requests(KIM, P, NAME)
    assert [(one.version, one.state, one.actor) for one in asked] == [(2, "pending", "rule")]
    assert pointer(engine) == 1
    engine.reviews.review(LEE, P, NAME, 1, is_approval=True)
    assert pointer(engine) == 2


def test_runs_that_end_at_once(engine: Engine) -> None:
    """Whichever order they end in, the best one wins, and production only ever gets better."""
    engine.promotion.put_rules(ADMIN, P, [BEST])
    scores = [index * 7 % 12 / 12 for index in range(12)]
    made = [version(engine, score, status="") for score in scores]
    threads = [
        threading.Thread(target=engine.tracking.log, args=(ADMIN, one.run, Log(finish="finished"))) for one in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pointer(engine) == scores.index(max(scores)) + 1
    moves = [one.number for one in reversed(engine.registry.history(ADMIN, P, NAME)) if one.number]
    assert moves == sorted(moves, key=lambda number: scores[number - 1])


def test_a_crash_before_the_judgement(reopen: Callable[[], Engine]) -> None:
    """A run that had ended when the process died is judged by the next one."""
    engine = reopen()
    engine.promotion.put_rules(ADMIN, P, [BEST])
    judge = engine.tracking.judge
    assert judge is not None
    judge.settle = lambda **_: None  # type: ignore[method-assign]
    version(engine, 0.5)
    assert pointer(engine) is None
    engine.close()
    again = reopen()
    assert pointer(again) == 1
    again.close()


def test_a_workspace_declares_its_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`madang.yaml` counts for runs of its work tree; a broken one stops nobody, and they are judged later."""
    root = tmp_path / "저장소"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    monkeypatch.chdir(root)
    file = root / "madang.yaml"
    file.write_text("promote: {metric: val/f1, mode: max, alias: best}\n")
    engine = open_store(str(root))
    version(engine, 0.5)
    file.write_text("promote: {metric: val/f1, mode: sideways}\n")
    version(engine, 0.9)
    assert (pointer(engine, "best"), pointer(engine, "production")) == (1, None)
    assert "sideways" in capsys.readouterr().err
    engine.close()
    file.write_text("promote: {metric: val/f1, alias: best}\n")
    engine = open_store(str(root))
    assert pointer(engine, "best") == 2
    before = (engine.reviews.history(local("me"), P, NAME), engine.promotion.decisions(local("me"), P, NAME))
    engine.close()
    for index in (root / ".git" / "madang").glob("records.db*"):
        index.unlink()
    again = open_store(str(root))
    again.tracking.catch_up()
    assert (again.reviews.history(local("me"), P, NAME), again.promotion.decisions(local("me"), P, NAME)) == before
    assert pointer(again, "best") == 2
    again.close()
