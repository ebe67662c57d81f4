"""The poller behind live streams: one for all, asleep while nobody listens, not put out by a busy store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from types import SimpleNamespace
from typing import Any

import pytest
from tests.server import loops

from madang.edges.native import events, live
from madang.edges.native.live import Live
from madang.errors import StorageError, Unauthenticated, Unavailable


class Store:
    """Counts looks and what was asked of them."""

    def __init__(self) -> None:
        self.revision = 0
        self.looks: list[Any] = []
        self.fails = 0

    def look(self, runs: Collection[str] | None) -> int:
        """As `Live` wants it."""
        self.looks.append(None if runs is None else sorted(runs))
        if self.fails:
            self.fails -= 1
            raise StorageError("busy")
        return self.revision


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store, and a poller in a hurry."""
    monkeypatch.setattr(live, "INTERVAL", 0.01)
    monkeypatch.setattr(live, "KEEP_ALIVE", 0.05)
    return Store()


async def until(stream: AsyncIterator[bool], beat: bool) -> None:
    """Take beats until this one comes."""
    while await anext(stream) is not beat:
        pass


def test_nobody_listens_nobody_looks(store: Store) -> None:
    """The store is looked at while a stream is open, and at nothing else than what is watched."""

    async def play() -> None:
        hub = Live(store.look)
        await asyncio.sleep(0.05)
        assert store.looks == []
        first = hub.beats(["b", "a"])
        assert await anext(first)
        poller = hub._poller
        assert poller is not None
        await until(first, True)  # the first look finds a revision that nobody had told
        assert set(map(str, store.looks)) == {"['a', 'b']"}
        second = hub.beats()
        assert await anext(second)
        while store.looks[-1] is not None:
            await asyncio.sleep(0.01)
        assert hub.streams == 2
        await second.aclose()
        await first.aclose()
        assert hub.streams == 0
        while not poller.done():  # a look that has begun ends
            await asyncio.sleep(0.01)
        seen = len(store.looks)
        await asyncio.sleep(0.05)
        assert len(store.looks) == seen

    loops.run(play())


def test_a_move_reaches_all_streams_also_busy_ones(store: Store) -> None:
    """A move while a stream is still sending is told next; without moves there is a sign of life; errors pass."""

    async def play() -> None:
        hub = Live(store.look)
        streams = [hub.beats(), hub.beats(["a"])]
        for stream in streams:
            assert await anext(stream)
        await until(streams[0], True)  # the first look
        store.fails = 3
        store.revision = 1
        for stream in streams:
            await until(stream, True)
            await until(stream, False)
        hub.stop()
        for stream in streams:
            assert False not in [beat async for beat in stream]
        with pytest.raises(Unavailable):
            await anext(hub.beats())

    loops.run(play())


def test_a_move_when_the_time_is_up_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move in the moment in which a sign of life is due is told, not passed over."""

    async def play() -> None:
        monkeypatch.setattr(live, "INTERVAL", 1_000)
        hub = Live(store.look)
        stream = hub.beats(["a"])
        await anext(stream)
        await until(stream, True)  # the first look, and the only one
        monkeypatch.setattr(live, "KEEP_ALIVE", 0)
        asyncio.get_running_loop().call_soon(hub._wake)
        assert await anext(stream)
        await stream.aclose()

    loops.run(play())


def test_streams_are_limited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the limit a stream is refused with the next step."""
    monkeypatch.setattr(live, "MAX_STREAMS", 1)

    async def play() -> None:
        hub = Live(store.look)
        one = hub.beats()
        await anext(one)
        with pytest.raises(Unavailable):
            await anext(hub.beats())
        await one.aclose()
        await anext(hub.beats())
        hub.stop()

    loops.run(play())


def test_a_stream_ends_with_its_credential(store: Store) -> None:
    """When the token behind a stream is revoked, the stream says so and ends before anything more is told,
    also where the store never rests.
    """

    async def refused() -> None:
        raise Unauthenticated("The credential is no longer valid.")

    async def play() -> list[bytes]:
        hub = Live(store.look)
        call: Any = SimpleNamespace(
            services=SimpleNamespace(live=hub), request=SimpleNamespace(scope={"madang.again": refused})
        )

        async def nothing() -> Any:
            yield b"told to nobody"

        found = [piece async for piece in events._follow(call, [], nothing)]
        hub.stop()
        return found

    (last,) = loops.run(play())
    assert last.startswith(b"event: end\n")
    assert b'"code":"unauthenticated"' in last
