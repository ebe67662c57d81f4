"""Models that lost: their bytes go when the rule says so, never what anything still needs, and the record says why."""

from __future__ import annotations

import hashlib
import time

import pytest
from tests.registry.conftest import ADMIN, KIM, NAME, P, pointer, version

from madang.domain.promotion import Rule
from madang.domain.reviews import Protection
from madang.domain.versions import GONE, Entry, VersionRecord
from madang.errors import NotFound
from madang.services.checking import StoreCheck
from madang.wiring import Engine

DAY = 86_400_000_000


def is_there(engine: Engine, one: VersionRecord) -> bool:
    """Whether the bytes of a version can be read."""
    digest = engine.artifacts.manifest(ADMIN, P, one.ref)[0].digest
    try:
        engine.artifacts.open_blob(ADMIN, P, digest)[0].close()
    except NotFound:
        return False
    return True


def now() -> int:
    """µs UTC."""
    return time.time_ns() // 1000


def test_losers_go_and_nothing_else(engine: Engine) -> None:
    """Only what lost and nothing points at, pointed at, asks for, copies or stores elsewhere is removed."""
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1", losers="drop")])
    first, second = version(engine, 0.5), version(engine, 0.7)  # production was at the first one
    lost, pinned, wanted, copied = (version(engine, 0.1) for _ in range(4))
    stored, newest = version(engine, 0.2), version(engine, 0.1)
    engine.registry.point(KIM, P, NAME, "pinned", pinned.number)
    engine.reviews.protect(ADMIN, Protection(P, NAME, "shop", ("kim",)))
    engine.reviews.request(KIM, P, wanted.ref, "shop")
    engine.artifacts.create(ADMIN, P, "copy", "model", engine.artifacts.manifest(ADMIN, P, copied.ref))
    data = stored.run.encode()
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    engine.data.put(ADMIN, P, f"files/md5/{md5[:2]}/{md5[2:]}", [data])
    told = {one.version: one for one in engine.losers.remove(now(), dry=True)}
    assert is_there(engine, lost)
    found = {one.version: one for one in engine.losers.remove(now())}
    assert found == told
    assert {name for name, one in found.items() if not one.kept} == {f"{P}/{lost.ref}"}
    assert [is_there(engine, one) for one in (first, second, pinned, wanted, copied, stored, newest)] == [True] * 7
    assert not is_there(engine, lost)
    seen = engine.artifacts.resolve(ADMIN, P, lost.ref)
    assert "0.1 does not beat 0.7 of v2" in seen.tags[GONE]
    assert any(one.after.startswith("bytes removed") for one in engine.reviews.history(ADMIN, P, NAME))
    looked_at_later = {f"{P}/{copied.ref}", f"{P}/{stored.ref}"}
    assert {one.version for one in engine.losers.remove(now())} == {
        one.version for one in found.values() if one.kept and one.version not in looked_at_later
    }
    assert pointer(engine) == second.number
    faults = list(StoreCheck(engine.records, engine.blobs, None, engine.records.data_objects).check())
    assert faults == []


def test_they_may_be_kept_for_a_while(engine: Engine) -> None:
    """`expire after 7d` removes nothing before, and nothing at all is removed without such a rule."""
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1", losers="expire after 7d")])
    version(engine, 0.7)
    lost = version(engine, 0.1)
    version(engine, 0.2)
    assert engine.losers.remove(now() + 6 * DAY) == []
    engine.losers.remove(now() + 8 * DAY)
    assert not is_there(engine, lost)
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1")])
    kept = version(engine, 0.1)
    version(engine, 0.2)
    engine.losers.remove(now() + 900 * DAY)
    assert is_there(engine, kept)


def test_the_same_bytes_can_come_again(engine: Engine) -> None:
    """What was removed is stored anew when somebody sends it."""
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1", losers="drop")])
    version(engine, 0.7)
    lost = version(engine, 0.1)
    version(engine, 0.1)
    engine.losers.remove(now())
    assert not is_there(engine, lost)
    blob = engine.artifacts.put_blob(ADMIN, P, [lost.run.encode()])
    made = engine.artifacts.create(ADMIN, P, "again", "model", [Entry("w.bin", blob.digest, blob.size)])
    assert is_there(engine, made)


def test_what_was_removed_is_not_promoted(engine: Engine) -> None:
    """A pointer cannot be brought to a version whose bytes are gone."""
    engine.promotion.put_rules(ADMIN, P, [Rule("val/f1", losers="drop")])
    version(engine, 0.7)
    lost = version(engine, 0.1)
    version(engine, 0.1)
    engine.losers.remove(now())
    with pytest.raises(NotFound, match="bytes were removed"):
        engine.registry.point(KIM, P, NAME, "best", lost.number)
