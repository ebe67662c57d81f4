"""How answers leave the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from madang.server.protocol import JoiningTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Written(asyncio.Transport):
    """Keeps what is sent, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: object) -> None:
        """One call."""
        assert isinstance(data, bytes)
        self.sent.append(data)

    def close(self) -> None:
        """The end."""
        self.sent.append(b"closed")

    def is_closing(self) -> bool:
        """Whether the end was asked for."""
        return b"closed" in self.sent


def _sent(act: Callable[[JoiningTransport], None]) -> tuple[list[bytes], list[bytes]]:
    """What was sent at once, and what after the event loop had gone on."""

    async def work() -> tuple[list[bytes], list[bytes]]:
        real = Written()
        act(JoiningTransport(real, asyncio.get_running_loop()))
        at_once = list(real.sent)
        await asyncio.sleep(0)
        return at_once, real.sent

    return asyncio.run(work())


def _head_and(*pieces: bytes) -> Callable[[JoiningTransport], None]:
    def act(transport: JoiningTransport) -> None:
        for piece in (HEAD, *pieces):
            transport.write(piece)

    return act


def test_a_head_and_a_small_body_are_sent_together() -> None:
    """One call of the system sends a small answer, and later pieces follow in order."""
    assert _sent(_head_and(b"{}", b"more"))[1] == [HEAD + b"{}", b"more"]


def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    """Where no body follows at once, as in a live stream or an answer without one, the head leaves alone."""
    assert _sent(_head_and()) == ([], [HEAD])


def test_a_large_body_is_not_copied() -> None:
    """A large piece leaves as it is, behind the head."""
    large = bytes(1 << 20)
    at_once, later = _sent(_head_and(large))
    assert at_once == later == [HEAD, large]
    assert later[1] is large


def test_answers_to_requests_in_one_packet_stay_in_order() -> None:
    """A head that follows another one at once, as after an answer without a body, is behind it."""
    assert _sent(_head_and(HEAD, b"{}"))[1] == [HEAD + HEAD, b"{}"]


def test_closing_sends_the_head_first() -> None:
    """Nothing that was written is lost when the connection is closed, and all else is the transport's own."""

    def act(transport: JoiningTransport) -> None:
        transport.write(HEAD)
        transport.close()
        assert transport.is_closing()

    assert _sent(act)[1] == [HEAD, b"closed"]
