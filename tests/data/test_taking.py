"""Objects on their way into the cache, and what is remembered of them meanwhile."""

from __future__ import annotations

import os
import time
from hashlib import md5
from pathlib import Path

import pytest

from madang.workspace.data.objects import state as state_module
from madang.workspace.data.objects import taking
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.reading import write_object
from madang.workspace.data.objects.state import FileKey, Rows, State, key_of


def made(path: Path, body: bytes) -> FileKey:
    """A new file, so long ago that it has settled."""
    path.write_bytes(body)
    time.sleep(state_module.SETTLED_NS / 1e9)
    return key_of(path.stat())


@pytest.mark.parametrize("ends_early", [False, True])
def test_objects_are_trusted_as_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_early: bool) -> None:
    """Each is trusted in the end, moved alone or with its folder, also when the command is stopped; none before its
    name is right.
    """
    monkeypatch.setattr(state_module, "_ROWS", 3)
    bodies = {md5(bytes([number])).hexdigest(): bytes([number]) for number in range(12)}
    cache = Cache(str(tmp_path / "cache"), State(str(tmp_path / "state")), str(tmp_path / "wrong"))
    alone = sorted(bodies)[:4]
    for name in alone:  # their folders are there: so these are moved one by one
        os.makedirs(os.path.dirname(cache.path(name)), exist_ok=True)

    def take() -> None:
        with cache.staging() as staging, taking.Intake(cache, staging) as intake:
            for name, body in bodies.items():
                aside = staging.path_for(cache.path(name))
                key = write_object(aside, body)
                assert key is not None
                time.sleep(state_module.SETTLED_NS / 1e9)
                intake.add(name, aside, key)
                assert not os.path.exists(cache.path(name))
            if ends_early:
                raise KeyboardInterrupt
            intake.trust_early()

    if ends_early:
        with pytest.raises(KeyboardInterrupt):
            take()
    else:
        take()
    found = cache.look(bodies)
    keys = [found.keys[name] for name in bodies]
    assert not found.missing
    assert State(str(tmp_path / "state")).files(keys) == {
        (key.dev, key.ino): name for name, key in zip(bodies, keys, strict=True)
    }


def test_rows_wait_until_a_change_would_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions are written while more comes; a file that changed just now is in none of them, and a later look at the
    clock takes it in.
    """
    monkeypatch.setattr(state_module, "_ROWS", 2)
    state = State(":memory:")
    rows = Rows(state)
    old = made(tmp_path / "old", b"1")
    now = time.time_ns() + 3_600_000_000_000
    late = FileKey(old.dev, old.ino + 1, 1, now, now)  # by a clock that is ahead
    rows.add(old, "1" * 32)
    rows.add(late, "2" * 32)
    assert state.files([old, late]) == {(old.dev, old.ino): "1" * 32}
    third = made(tmp_path / "third", b"3")
    rows.add(third, "3" * 32)
    rows.end()
    assert state.files([old, late, third]) == {(old.dev, old.ino): "1" * 32, (third.dev, third.ino): "3" * 32}
