"""When models are judged: runs that end are noted in the transaction in which they end, and judged right after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from madang.errors import MadangError
from madang.ports.records import Records, StoredRun

if TYPE_CHECKING:  # loaded when something is to be judged
    from madang.services.model_registry.promotion import Promotion


class Judge:
    """Thread-safe. ``wants`` says whether a run had rules at a time; ``say`` tells why they could not be applied."""

    def __init__(
        self,
        records: Records,
        promotion: Callable[[], Promotion],
        wants: Callable[[StoredRun, int], bool],
        say: Callable[[str], None],
    ) -> None:
        self._records = records
        self._promotion = promotion
        self._wants = wants
        self._say = say
        self._mine = threading.local()
        self._said = ""

    def note(self, stored: StoredRun, at: int, run: str = "") -> None:
        """Note, inside the transaction, that a run (or one that it repeats, ``run``) is to be judged.

        ``at`` is when what made it so has happened, µs UTC.
        """
        if self._wants(stored, at):
            self._records.registry.await_decision(run or stored.state.run)
            self._mine.waiting = True

    def settle(self, *, anyway: bool = False) -> None:
        """Judge what this thread has noted, after the transaction; ``anyway``: also what others have left."""
        waiting = anyway or getattr(self._mine, "waiting", False)
        if not waiting or getattr(self._mine, "working", False):
            return
        self._mine.waiting, self._mine.working = False, True
        try:
            self._promotion().settle()
        except MadangError as error:  # the rule can be mended: the runs go on waiting, and whoever reads is not stopped
            if self._said != str(error):
                self._said = str(error)
                self._say(f"no model was promoted: {error}")
        finally:
            self._mine.working = False
