"""The conformance suite of the object port: every store passes it, the one in memory included.

Subclass `ObjectsConformance` in a test module and give it a fixture ``store`` that yields an empty store.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from madang.errors import InvalidInput, NotFound, Refused
from madang.ports.objects import Objects, ObjectStat

LARGE = 11 << 20  # over one part of a multi-part upload and over what a store reads at once
ODD_KEYS = ["한글/데이터 세트.csv", "한/nfd", "a b/c+d%20e&f=g", "~/x", "~.dir", "a/" + "n" * 255, "#?*[x]'\"", "a\\b"]
PAGE = 50  # objects that `small_pages` has emulators of S3 answer with at once
BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a\nb",
    "a\0b",
    "n" * 256,
    "\udcff",
    "/".join("abcdefgh" * 64),
]


@contextmanager
def small_pages() -> Iterator[None]:
    """Have moto list few objects at once: a page as of the real services would have to be filled with a thousand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(PAGE))
        yield


class ObjectsConformance:
    """What every `Objects` store must do. A plain HTTP server cannot do two things of it: it says so here."""

    lists = True  # it can tell what it holds
    exclusive = True  # of many conditional writers one wins
    refused: Collection[str] = ()  # odd keys that it cannot keep as they are

    def held(self, store: Objects, keys: Collection[str]) -> set[str]:
        """What it holds; of a store that does not list, those of the keys that it has."""
        if self.lists:
            return {found.key for found in store.list()}
        return {key for key in keys if store.stat(key) is not None}

    def test_what_is_put_is_read(self, store: Objects, tmp_path: Path) -> None:
        """Bytes, an open file and a path all arrive whole, the empty object too."""
        path = tmp_path / "한글 file"
        path.write_bytes(b"from a path")
        file = io.BytesIO(b"--from a file")
        file.seek(2)
        assert store.put("a/bytes", b"from bytes")
        assert store.put("a/path", path)
        assert store.put("a/file", file)
        assert store.put("empty", b"")
        assert store.read("a/bytes") == b"from bytes"
        assert store.read("a/path") == b"from a path"
        assert store.read("a/file") == b"from a file"
        assert store.read("empty") == b""
        with store.open("empty") as opened:
            assert opened.read() == b""

    def test_a_large_object_streams(self, store: Objects, tmp_path: Path) -> None:
        """An object over one part goes up and comes down unchanged, read in small steps."""
        body = bytes(range(256)) * (LARGE // 256)
        path = tmp_path / "large"
        path.write_bytes(body)
        store.put("large", path)
        assert store.stat("large") == ObjectStat("large", LARGE)
        with store.open("large") as opened:
            parts = []
            while part := opened.read(1_000_003):
                parts.append(part)
        assert b"".join(parts) == body
        store.put("large", io.BytesIO(body[::-1]))
        assert store.read("large") == body[::-1]

    def test_ranges(self, store: Objects) -> None:
        """A read may start anywhere and stop anywhere; behind the end there is nothing."""
        store.put("k", b"0123456789")
        wanted = {
            (0, 4): b"0123",
            (3, 4): b"3456",
            (3, None): b"3456789",
            (8, 100): b"89",
            (0, 0): b"",
            (10, None): b"",
            (99, 3): b"",
        }
        for (start, length), body in wanted.items():
            with store.open("k", start=start, length=length) as opened:
                assert opened.read() == body, (start, length)

    def test_put_replaces_and_if_absent_does_not(self, store: Objects) -> None:
        """A plain put replaces; a conditional one leaves what is there and says so."""
        assert store.put("k", b"1", if_absent=True)
        assert not store.put("k", b"2", if_absent=True)
        assert store.read("k") == b"1"
        assert store.put("k", b"3")
        assert store.read("k") == b"3"

    def test_of_many_conditional_writers_one_wins(self, store: Objects) -> None:
        """When eight threads put one absent key, exactly one is told that its bytes were stored."""
        won: list[bytes] = []
        barrier = threading.Barrier(8)

        def write(body: bytes) -> None:
            barrier.wait()
            if store.put("race", body, if_absent=True):
                won.append(body)

        threads = [threading.Thread(target=write, args=(b"%d" % number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1 or not self.exclusive
        assert store.read("race") in won

    def test_what_is_absent(self, store: Objects) -> None:
        """Reading what is not there is `NotFound`, its stat None, its deletion no error."""
        with pytest.raises(NotFound, match="nothing/here"):
            store.read("nothing/here")
        with pytest.raises(NotFound):
            store.open("nothing/here")
        with pytest.raises(NotFound):
            store.open("nothing/here", start=3, length=0)
        assert store.stat("nothing/here") is None
        store.delete("nothing/here")
        store.put("k/below", b"x")
        assert store.stat("k") is None
        store.delete("k")
        assert store.read("k/below") == b"x"

    def test_deletion(self, store: Objects) -> None:
        """A deleted object is gone and may be put again."""
        store.put("k", b"1")
        store.delete("k")
        assert store.stat("k") is None
        assert store.put("k", b"2", if_absent=True)

    def test_listing(self, store: Objects) -> None:
        """A prefix takes whole segments, and every object below comes once with its size."""
        for key, body in {"a/b/1": b"1", "a/b/2": b"22", "a/bc": b"", "z": b"4444"}.items():
            store.put(key, body)
        if not self.lists:
            with pytest.raises(Refused):
                store.list()
            return
        assert sorted((found.key, found.size) for found in store.list()) == [
            ("a/b/1", 1),
            ("a/b/2", 2),
            ("a/bc", 0),
            ("z", 4),
        ]
        assert sorted(found.key for found in store.list("a/b")) == ["a/b/1", "a/b/2"]
        assert list(store.list("a/b/1/none")) == []

    def test_listing_is_not_cut(self, store: Objects) -> None:
        """More objects than one page of any store are all listed."""
        with store.batch() as batch:
            for number in range(3 * PAGE):
                batch.put(f"n/{number}", b"x")
        keys = {f"n/{number}" for number in range(3 * PAGE)}
        assert self.held(store, keys) == keys

    def test_a_batch_stores_all(self, store: Objects, tmp_path: Path) -> None:
        """Everything put into a batch, from many threads, is there when the batch ends."""
        path = tmp_path / "f"
        path.write_bytes(b"by path")
        with store.batch() as batch:

            def put_five(number: int) -> None:
                for index in range(5):
                    batch.put(f"t/{number}/{index}", path)

            threads = [threading.Thread(target=put_five, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        keys = {f"t/{number}/{index}" for number in range(4) for index in range(5)}
        assert self.held(store, keys) == keys
        assert store.read("t/3/4") == b"by path"

    def test_a_batch_that_fails_leaves_whole_objects_only(self, store: Objects) -> None:
        """After an error in the block, each object is whole or absent, and nothing else is listed."""
        fail_in_batch(store, "b/1", b"one")
        assert self.held(store, {"b/1"}) <= {"b/1"}
        assert store.stat("b/1") in (None, ObjectStat("b/1", 3))

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys(self, store: Objects, key: str) -> None:
        """Any text without control characters may be a key and comes back as it was given."""
        if key in self.refused:
            with pytest.raises(InvalidInput):
                store.put(key, b"x")
            return
        store.put(key, b"x")
        assert store.read(key) == b"x"
        assert store.stat(key) == ObjectStat(key, 1)
        assert self.held(store, {key}) == {key}
        store.delete(key)
        assert store.stat(key) is None

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_bad_keys_are_refused(self, store: Objects, key: str) -> None:
        """A key that could leave the store or that some store cannot hold is refused by every method."""
        with pytest.raises(InvalidInput):
            store.put(key, b"x")
        with pytest.raises(InvalidInput):
            store.read(key)
        with pytest.raises(InvalidInput):
            store.stat(key)
        with pytest.raises(InvalidInput):
            store.delete(key)


def fail_in_batch(store: Objects, key: str, body: bytes) -> None:
    """Put one object into a batch that then fails."""
    with suppress(ZeroDivisionError), store.batch() as batch:
        batch.put(key, body)
        raise ZeroDivisionError
