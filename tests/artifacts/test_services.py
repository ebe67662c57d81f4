"""Blobs, versions and the registry as services: rules, permissions, and nothing lost between two writers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from madang.domain.access import ANONYMOUS, Permission, Principal, local
from madang.domain.commands import CreateRun
from madang.domain.versions import STAGES, Entry
from madang.errors import AccessDenied, Conflict, CorruptData, InvalidInput, NotFound, TooLarge, Unauthenticated
from madang.formats import segment as codec
from madang.services.artifacts import Artifacts
from madang.wiring import Engine, open_store
from madang.wiring_core import open_tracking

ME = local("me")
READER = Principal("reader", projects={"p": Permission.READ})
WRITER = Principal("writer", projects={"p": Permission.WRITE})
STRANGER = Principal("stranger", projects={"other": Permission.ADMIN})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store of its own."""
    made = open_store(store=str(tmp_path / "store"))
    yield made
    made.close()


def put(engine: Engine, body: bytes, project: str = "p", who: Principal = ME) -> Entry:
    kept = engine.artifacts.put_blob(who, project, [body])
    return Entry("file.bin", kept.digest, kept.size)


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "blake3"])
def test_claims_are_verified(engine: Engine, algorithm: str) -> None:
    """Bytes are kept under their BLAKE3 when they fit what the sender claims, else not at all."""
    body = b"x" * 3_000_000
    right = blake3(body).hexdigest() if algorithm == "blake3" else hashlib.new(algorithm, body).hexdigest()
    kept = engine.artifacts.put_blob(ME, "p", iter([body[:10], body[10:]]), f"{algorithm}:{right}", len(body))
    assert kept.digest == "blake3:" + blake3(body).hexdigest()
    file, size = engine.artifacts.open_blob(ME, "p", kept.digest)
    with file:
        assert (file.read(), size) == (body, len(body))
    other = b"other"
    with pytest.raises(CorruptData):
        engine.artifacts.put_blob(ME, "p", [other], f"{algorithm}:{right}")
    with pytest.raises(TooLarge):
        engine.artifacts.put_blob(ME, "p", [other], None, 3)
    with pytest.raises(InvalidInput):
        engine.artifacts.put_blob(ME, "p", [other], None, 30)
    assert not engine.artifacts.has_blob(ME, "p", "blake3:" + blake3(other).hexdigest())


def test_a_digest_opens_nothing(engine: Engine) -> None:
    """Whoever knows a digest of another project neither reads the bytes nor learns that they exist."""
    entry = put(engine, b"secret", "p")
    assert engine.artifacts.has_blob(ME, "p", entry.digest)
    assert not engine.artifacts.has_blob(ME, "other", entry.digest)
    with pytest.raises(NotFound):
        engine.artifacts.open_blob(STRANGER, "other", entry.digest)
    with pytest.raises(NotFound):
        engine.artifacts.create(STRANGER, "other", "stolen", "file", [entry])


def test_a_segment_opens_nothing_on_a_hub(engine: Engine) -> None:
    """A run on a hub that names a digest of another project does not make its bytes readable."""
    secret = put(engine, b"secret", "p")
    tracking = open_tracking(engine.records)  # of a hub: no segment files of its own
    hub = Artifacts(engine.records, engine.blobs, tracking, engine.store.store)
    run, segment = "a" * 32, "b" * 32
    path = f"{engine.store.store}/tmp/x.seg"
    writer = codec.SegmentWriter(path, segment, {"run": run, "project": "other", "writer": "process"})
    writer.append(codec.VERSION, {"name": "mine", "type": "file", "entries": [["f", secret.digest, secret.size]]})
    writer.append(codec.OUTPUTS, {"items": [{"path": "f", "digest": secret.digest, "size": secret.size}]})
    writer.close()
    tracking.append(STRANGER, "other", run, segment, 0, bytes(16).hex(), Path(path).read_bytes())
    assert hub.manifest(STRANGER, "other", "mine:v1")[0].digest == secret.digest
    assert not hub.has_blob(STRANGER, "other", secret.digest)
    with pytest.raises(NotFound):
        hub.open_blob(STRANGER, "other", secret.digest)
    hub.put_blob(STRANGER, "other", [b"secret"])  # who has the bytes may read them
    hub.open_blob(STRANGER, "other", secret.digest)[0].close()


def test_permissions(engine: Engine) -> None:
    """A reader reads, a writer writes, a stranger does not learn that the project is there."""
    entry = put(engine, b"1", who=WRITER)
    engine.artifacts.create(WRITER, "p", "m", "model", [entry])
    assert engine.artifacts.resolve(READER, "p", "m").number == 1
    for refused, who in ((AccessDenied, READER), (NotFound, STRANGER), (Unauthenticated, ANONYMOUS)):
        with pytest.raises(refused):
            engine.artifacts.put_blob(who, "p", [b"2"])
        with pytest.raises(refused):
            engine.artifacts.create(who, "p", "m", "model", [entry])
        with pytest.raises(refused):
            engine.artifacts.edit(who, "p", "m:v1", description="x")
        with pytest.raises(refused):
            engine.registry.promote(who, "p", "m:v1", "production")
        with pytest.raises(refused):
            engine.registry.point(who, "p", "m", "best", 1)
    for who in (STRANGER, ANONYMOUS):
        with pytest.raises((NotFound, Unauthenticated)):
            engine.artifacts.resolve(who, "p", "m")
        with pytest.raises((NotFound, Unauthenticated)):
            engine.registry.history(who, "p", "m")
        assert engine.registry.models(who) == []


def test_nobody_signs_for_a_run_of_another_project(engine: Engine) -> None:
    """A version names a run of its own project or none: else a writer here would appear on a run elsewhere."""
    theirs = engine.tracking.create(ME, "other", CreateRun(name="theirs"))
    mine = engine.tracking.create(WRITER, "p", CreateRun(name="mine"))
    entry = put(engine, b"1", who=WRITER)
    for run in (theirs.id, "0" * 32, "no id"):
        with pytest.raises(NotFound):
            engine.artifacts.create(WRITER, "p", "m", "model", [entry], run=run)
    assert engine.artifacts.create(WRITER, "p", "m", "model", [entry], run=mine.id).run == mine.id
    assert engine.search.run(ME, theirs.id).versions == []
    assert engine.search.run(ME, mine.id).versions == ["m:v1"]


def test_versions(engine: Engine) -> None:
    """Versions count from 1; the same files as the latest are the latest; another type or a bad entry is refused."""
    one, two = put(engine, b"1"), put(engine, b"2")
    first = engine.artifacts.create(ME, "p", "모델", "model", [one], description="첫째", metadata={"a": [1]})
    assert (first.ref, first.actor, first.metadata) == ("모델:v1", "me", {"a": [1]})
    assert engine.artifacts.create(ME, "p", "모델", "model", [one]).number == 1
    assert engine.artifacts.create(ME, "p", "모델", "model", [two]).number == 2
    assert engine.artifacts.create(ME, "p", "모델", "model", [one], aliases=["Best"]).number == 3
    assert engine.artifacts.resolve(ME, "p", "모델@best").number == 3
    assert engine.artifacts.manifest(ME, "p", "모델:v2") == [two]
    assert [version.number for version in engine.artifacts.versions(ME, "p", "모델")] == [3, 2, 1]
    edited = engine.artifacts.edit(ME, "p", "모델:v2", tags={"t": "x"})
    assert (edited.tags, edited.description) == ({"t": "x"}, "")
    bad: list[tuple[type[Exception], list[Entry]]] = [
        (InvalidInput, []),
        (InvalidInput, [one, one]),
        (InvalidInput, [Entry("../x", one.digest, 1)]),
        (InvalidInput, [Entry("x", one.digest, 2)]),
        (InvalidInput, [Entry("x", "nonsense", 1)]),
        (NotFound, [Entry("x", "blake3:" + "0" * 64, 1)]),
    ]
    for refused, entries in bad:
        with pytest.raises(refused):
            engine.artifacts.create(ME, "p", "모델", "model", entries)
    with pytest.raises(Conflict):
        engine.artifacts.create(ME, "p", "모델", "dataset", [one])
    for ref in ("모델:v4", "모델@nothing", "다른"):
        with pytest.raises(NotFound):
            engine.artifacts.resolve(ME, "p", ref)


def test_compare_and_swap(engine: Engine) -> None:
    """An alias moves only from where the caller has seen it; what is worked out cannot be moved."""
    for body in (b"1", b"2"):
        engine.artifacts.create(ME, "p", "m", "model", [put(engine, body)])
    assert engine.registry.point(ME, "p", "m", "best", 1, expected=None).before is None
    with pytest.raises(Conflict):
        engine.registry.point(ME, "p", "m", "best", 2, expected=None)
    assert engine.registry.point(ME, "p", "m", "best", 2, expected=1, reason="better").before == 1
    assert engine.registry.point(ME, "p", "m", "best", None, expected=2).number is None
    with pytest.raises(NotFound):
        engine.registry.point(ME, "p", "m", "best", 7)
    for name in ("latest", "v3"):
        with pytest.raises(InvalidInput):
            engine.registry.point(ME, "p", "m", name, 1)
    with pytest.raises(InvalidInput):
        engine.registry.promote(ME, "p", "m:v1", "everywhere")
    with pytest.raises(Conflict):
        engine.registry.promote(ME, "p", "m:v1", "none")


def test_two_writers(engine: Engine, tmp_path: Path) -> None:
    """Writers at once give every content one number, none twice, and each swap has one winner."""
    other = open_store(store=str(tmp_path / "store"))
    won: list[int] = []

    def write(which: Engine, bodies: range) -> None:
        for number in bodies:
            which.artifacts.create(ME, "p", "m", "model", [put(which, str(number).encode())])
        for number in bodies:
            try:
                which.registry.point(ME, "p", "m", f"slot{number % 10}", 1, expected=None)
                won.append(number % 10)
            except Conflict:
                pass

    threads = [threading.Thread(target=write, args=pair) for pair in ((engine, range(10)), (other, range(10, 20)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(version.number for version in engine.artifacts.versions(ME, "p", "m")) == list(range(1, 21))
    assert sorted(won) == list(range(10))


class Machine(RuleBasedStateMachine):
    """The registry beside a plain model: a dict of aliases and a list of moves."""

    engine: Engine

    @initialize(folder=st.just(None))
    def begin(self, folder: None) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory(prefix="madang-test-")
        self.engine = open_store(store=self.folder.name + "/store")
        self.versions = 0
        self.aliases: dict[str, int] = {}
        self.moves: list[tuple[str, int | None, int | None]] = []
        self.write()

    @rule()
    def write(self) -> None:
        self.versions += 1
        entry = put(self.engine, str(self.versions).encode())
        assert self.engine.artifacts.create(ME, "p", "m", "model", [entry]).number == self.versions

    def _set(self, alias: str, number: int | None) -> None:
        self.moves.insert(0, (alias, self.aliases.get(alias), number))
        if number is None:
            del self.aliases[alias]
        else:
            self.aliases[alias] = number

    @rule(stage=st.sampled_from(STAGES), number=st.integers(1, 4))
    def promote(self, stage: str, number: int) -> None:
        if number > self.versions:
            with pytest.raises(NotFound):
                self.engine.registry.promote(ME, "p", f"m:v{number}", stage)
            return
        self.engine.registry.promote(ME, "p", f"m:v{number}", stage)
        for other in STAGES:
            if other != stage and self.aliases.get(other) == number:
                self._set(other, None)
        self._set(stage, number)

    @rule(alias=st.sampled_from(["best", "mine"]), number=st.integers(1, 4))
    def point(self, alias: str, number: int) -> None:
        if number <= self.versions:
            self.engine.registry.point(ME, "p", "m", alias, number)
            self._set(alias, number)

    @rule(alias=st.sampled_from(["best", "production"]))
    def take_away(self, alias: str) -> None:
        if alias in self.aliases:
            self.engine.registry.point(ME, "p", "m", alias, None)
            self._set(alias, None)

    @invariant()
    def same(self) -> None:
        row = self.engine.registry.models(ME, "p")[0]
        assert {alias: number for alias, number in row.aliases.items() if alias != "latest"} == self.aliases
        assert self.engine.artifacts.resolve(ME, "p", "m").number == self.versions
        held = [self.aliases[stage] for stage in STAGES if stage in self.aliases]
        assert len(held) == len(set(held))  # a version is in one stage at most
        history = self.engine.registry.history(ME, "p", "m")
        assert [(move.alias, move.before, move.number) for move in history] == self.moves

    def teardown(self) -> None:
        self.engine.close()
        self.folder.cleanup()


Machine.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestRegistry = Machine.TestCase


def test_aliases_that_come_with_a_version(engine: Engine) -> None:
    """They are in the history like any move, and a version is still in one stage at most."""
    one, two = put(engine, b"1"), put(engine, b"2")
    engine.artifacts.create(ME, "p", "m", "model", [one], aliases=["Staging", "best"])
    engine.artifacts.create(ME, "p", "m", "model", [one], aliases=["production", "latest"])
    engine.artifacts.create(ME, "p", "m", "model", [two], aliases=["production", "best"])
    with pytest.raises(InvalidInput, match="at once"):
        engine.artifacts.create(ME, "p", "m", "model", [put(engine, b"3")], aliases=["staging", "production"])
    (row,) = engine.registry.models(ME)
    assert (row.latest, row.aliases) == (2, {"best": 2, "production": 2})
    moves = engine.registry.history(ME, "p", "m")
    assert [(move.alias, move.before, move.number, move.actor) for move in reversed(moves)] == [
        ("staging", None, 1, "me"), ("best", None, 1, "me"), ("production", None, 1, "me"),
        ("staging", 1, None, "me"), ("production", 1, 2, "me"), ("best", 1, 2, "me"),
    ]  # fmt: skip
