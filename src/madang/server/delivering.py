"""The outbox of a hub is looked after: at once when something happens, and now and then for what others have left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from madang.errors import MadangError
from madang.services.deliveries import WITH_WEBHOOKS, Deliveries

MOST = 16  # receivers that are written to at once
_PATIENCE = 5.0  # seconds for what is under way when the server stops
log = logging.getLogger("madang.server")


class Delivering:
    """A task of the server's event loop, and a thread for each receiver to whom there is something to say.

    These threads are its own: a receiver that is slow keeps no request waiting, and no other receiver.
    """

    def __init__(self, deliveries: Deliveries | None) -> None:
        self._deliveries = deliveries
        self._task: asyncio.Task[None] | None = None
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Begin; once."""
        if self._deliveries is not None and self._task is None:
            self._task = asyncio.create_task(self._work(self._deliveries))

    def stop(self) -> None:
        """End. What is under way is broken off and tried again by whoever comes next."""
        if self._deliveries is None or self._task is None:
            return
        self._task.cancel()
        with self._lock:
            self._stopped = True
            threads = list(self._threads.values())
        self._deliveries.close()
        for thread in threads:
            thread.join(_PATIENCE)

    async def _work(self, deliveries: Deliveries) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(woken.set)

        deliveries.when_announced(wake)
        while True:
            woken.clear()
            pause = WITH_WEBHOOKS
            with contextlib.suppress(MadangError, OSError):  # a database that is busy or gone: the next look may do it
                pause = await run_in_threadpool(self._look, deliveries, wake)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), pause)

    def _look(self, deliveries: Deliveries, wake: Callable[[], None]) -> float:
        due, pause = deliveries.look()
        with self._lock:
            busy = set(self._threads)
            fresh = [webhook for webhook in due if webhook not in busy][: 0 if self._stopped else MOST - len(busy)]
            for webhook in fresh:
                thread = threading.Thread(
                    target=self._serve, args=(deliveries, webhook, wake), daemon=True, name="madang-webhook"
                )
                self._threads[webhook] = thread
                thread.start()
        return WITH_WEBHOOKS if due else pause  # those that are busy wake us when they are done

    def _serve(self, deliveries: Deliveries, webhook: str, wake: Callable[[], None]) -> None:
        try:
            deliveries.work(webhook)
        except (MadangError, OSError) as error:  # a database that is busy or gone: it is claimed again later
            log.warning("messages of webhook %s wait: %s", webhook, error)
        finally:
            with self._lock:
                self._threads.pop(webhook, None)
            wake()
