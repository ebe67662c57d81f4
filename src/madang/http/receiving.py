"""Bodies that a service reads in its own time, in a thread, while they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.requests import Request

from madang.http.calls import stream

T = TypeVar("T")
_PORTION = 1 << 20  # bytes
_UPLOADS = anyio.CapacityLimiter(32)  # slow senders hold threads of their own, not those that readers need


async def received(request: Request, limit: int, work: Callable[[Iterator[bytes], int | None], T]) -> T:
    """What ``work`` makes of the body's pieces and of the size that the sender announced (None: it did not).

    Raises:
        TooLarge: over ``limit`` bytes. Unavailable: the sender hung up. What ``work`` raises.
    """
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdigit() and len(declared) < 19 else None
    pieces = aiter(stream(request, limit))

    def arriving() -> Iterator[bytes]:
        while (piece := anyio.from_thread.run(_next, pieces)) is not None:
            yield piece

    return await anyio.to_thread.run_sync(lambda: work(arriving(), size), limiter=_UPLOADS)


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    """About a mebibyte: a change of threads for each packet of the network would cost more than the bytes."""
    held: list[bytes] = []
    size = 0
    while size < _PORTION and (piece := await anext(pieces, None)) is not None:
        held.append(piece)
        size += len(piece)
    return b"".join(held) if held else None
