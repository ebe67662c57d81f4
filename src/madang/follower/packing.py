"""Packing the segments of the runs that ended, before the follower goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from madang.errors import MadangError

if TYPE_CHECKING:
    from madang.wiring import Engine


class Packer:
    """Packs one segment at a time, so that a run that begins meanwhile does not wait for us."""

    def __init__(self, store: str, say: Callable[[str], None]) -> None:
        self._store = store
        self._say = say
        self._runs: list[str] = []
        self._at_work: Iterator[str] = iter(())
        self._engine: Engine | None = None

    def want(self, run: str) -> None:
        """Pack a run that has ended, when there is time."""
        if run not in self._runs:
            self._runs.append(run)

    def step(self) -> bool:
        """Pack the next segment; False when there is none left."""
        try:
            while next(self._at_work, None) is None:
                if not self._runs:
                    return False
                self._at_work = self._opened().packing.pack(self._runs.pop())
        except (MadangError, OSError) as error:  # `madang gc --runs` packs what is left
            self._at_work = iter(())
            self._say(f"segments are not packed: {error}")
        return True

    def _opened(self) -> Engine:
        if self._engine is None:
            from madang.wiring import open_store  # noqa: PLC0415 - nothing before the end needs the records

            self._engine = open_store(store=self._store, make=False)
        return self._engine

    def close(self) -> None:
        """Give back the records."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
