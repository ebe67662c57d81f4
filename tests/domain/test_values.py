"""Values: dataclasses that are completed when they are first used."""

from __future__ import annotations

from dataclasses import asdict, field, fields, replace
from threading import Barrier, Thread

import msgspec
import pytest

from madang.domain.values import mutable, value


@value
class Base:
    """A value."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)


@value
class Derived(Base):
    """A value with one more field."""

    more: int = 7


@mutable
class Counter:
    """What changes."""

    count: int = 0
    seen: list[int] = field(default_factory=list)


def test_values_are_dataclasses_to_everyone_else() -> None:
    """Fields, copies, decoding, equality and text are those of a dataclass, also of a class that extends another."""
    assert [item.name for item in fields(Derived)] == ["name", "tags", "more"]
    made = Derived("a", more=8)
    assert made == replace(Derived("a"), more=8) == msgspec.convert({"name": "a", "more": 8}, Derived)
    assert made != Base("a")
    assert asdict(made) == {"name": "a", "tags": {}, "more": 8}
    assert msgspec.json.encode(made) == b'{"name":"a","tags":{},"more":8}'
    assert repr(Base("a")) == "Base(name='a', tags={})"
    assert Base("a").tags is not Base("a").tags
    with pytest.raises(TypeError, match="name"):
        Base()  # type: ignore[call-arg]


def test_what_changes_has_no_hash() -> None:
    """Two of the same content are equal, and neither can be a key."""
    one = Counter()
    one.seen.append(1)
    assert one == Counter(0, [1])
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_first_used_by_many_threads_at_once() -> None:
    """A class that threads use for the first time together is whole for each of them."""
    for _ in range(50):

        @value
        class Fresh:
            """Used by nobody yet."""

            number: int
            items: list[int] = field(default_factory=list)

        made: list[Fresh] = []
        barrier = Barrier(4)

        def make(kind: type[Fresh] = Fresh, barrier: Barrier = barrier, made: list[Fresh] = made) -> None:
            barrier.wait()
            made.append(kind(1))

        threads = [Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [item.items for item in made] == [[], [], [], []]
