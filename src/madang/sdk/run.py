"""The run as the writing process holds it."""

from __future__ import annotations

from madang.formats import segment as codec
from madang.sdk.core import Core
from madang.sdk.writer import Closed, RunWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Any, Literal, Self

    from madang.formats.store import StorePaths
    from madang.sdk.config import Config
    from madang.sdk.summary import Summary

active: list[Run] = []  # the runs that this process has open, oldest first


class Run(Core):
    """An open run. Get one from `madang.init`; every method may be called from any thread and from signal handlers.

    ``log`` and its kin return when the event is with the operating system: no later crash of the process takes it
    back. They raise StorageError when the disk refuses.
    """

    def __init__(
        self, header: dict[str, Any], name: str, places: StorePaths, mode: str, hub: str = "", *, attached: bool = False
    ) -> None:
        super().__init__(header, places, silent=mode == "disabled", attached=attached)
        self.project: str = header["project"]
        self.name = name
        self.mode = mode
        self.hub = hub
        self.rank: int = header.get("rank", 0)
        self.status = "running"
        self.signalled = 0  # a signal that asked the process to end
        self.failure: dict[str, str] | None = None  # an error that has not ended the process (yet)
        self.finishers: list[Callable[[], None]] = []  # those who have something left to write before the end
        self._config: Config | None = None
        self._summary: Summary | None = None

    def __repr__(self) -> str:
        return f"<madang run {self.name!r} {self.id} ({self.status})>"

    @property
    def url(self) -> str:
        """Where the run is on the hub's web page; empty without a hub."""
        return f"{self.hub.rstrip('/')}/runs/{self.id}" if self.hub else ""

    @property
    def config(self) -> Config:
        """The parameters: read and set by attribute or item; nested keys are joined with a dot."""
        if self._config is None:
            from madang.sdk.config import Config

            self._config = Config(self)
        return self._config

    @config.setter
    def config(self, values: Mapping[str, Any]) -> None:
        self.config.update(values)

    @property
    def summary(self) -> Summary:
        """One value a metric, as `define_metric` says (the last by default), and the values set by hand."""
        if self._summary is None:
            from madang.sdk.summary import Summary

            self._summary = Summary(self)
        return self._summary

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Set parameters; the same as ``run.config.update(params)``."""
        self.config.update(params)

    def define_metric(
        self,
        key: str,
        *,
        goal: Literal["", "min", "max"] = "",
        summary: Literal["", "last", "min", "max", "best", "mean", "none"] = "",
        step_metric: str = "",
        volatile: bool = False,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        """Say how a metric (or all that fit a pattern with ``*``) is summed up, drawn and compared.

        ``volatile`` metrics, such as times, are left out when a run is reproduced; ``rtol`` and ``atol`` are the
        bounds within which a reproduced value counts as the same.

        Raises:
            InvalidInput: an unknown goal or summary.
        """
        from madang.sdk.describe import definition

        self.append(
            codec.DEFINE_METRIC,
            definition(
                key, goal=goal, summary=summary, step_metric=step_metric, volatile=volatile, rtol=rtol, atol=atol
            ),
        )

    def set_tags(self, tags: Mapping[str, Any] | Iterable[str]) -> None:
        """Set tags: a mapping of names to texts, or bare labels."""
        from madang.sdk.describe import tag_set

        self.append(codec.TAGS, {"set": tag_set(tags)})

    def remove_tags(self, names: Iterable[str]) -> None:
        """Take tags away."""
        self.append(codec.REMOVED, {"what": "tags", "keys": list(names)})

    def describe(
        self,
        *,
        name: str | None = None,
        notes: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
    ) -> None:
        """Change the name, notes, group or job type."""
        given = {"name": name, "notes": notes, "group": group, "job_type": job_type}
        self.append(codec.DESCRIBED, {key: value for key, value in given.items() if value is not None})
        self.name = self.name if name is None else name

    def alert(self, title: str, text: str = "", level: Literal["info", "warn", "error"] = "info") -> None:
        """Record something that a person should look at."""
        self.append(codec.ALERT, {"title": title, "text": text, "level": level})

    def rewind(self, step: int) -> None:
        """Hide the points at this step and later: training goes back to a checkpoint. Nothing is erased."""
        self.append(codec.REWOUND, {"step": step})
        self.last_step = step - 1

    # -- the end ------------------------------------------------------------------------------------------------

    def finish(self, exit_code: int = 0) -> None:
        """End the run: ``finished``, or ``failed`` when the code is not 0. A second call does nothing."""
        self.end("failed" if exit_code else "finished", exit_code=exit_code)

    def end(
        self,
        status: str,
        *,
        exit_code: int | None = None,
        signal: int | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        """End the run with an outcome; in a child process only the child's part of it."""
        if self.status != "running":
            return
        from madang.sdk.finish import end

        end(self, {"status": status, "exit_code": exit_code, "signal": signal, "error": error})

    def close(self, status: str) -> dict[str, int]:
        """Close the segments after the last event, and return their sizes; what is logged later is refused."""
        sizes: dict[str, int] = {}
        with self._lock:
            self.status = status
            writers = [self._writer, *self._spare]
            self._spare.clear()
            self._writer = Closed(self.id)
            self._metrics = self._writer.metrics
            if self in active:
                active.remove(self)
            for writer in writers:
                if isinstance(writer, RunWriter):
                    sizes[writer.segment] = writer.offset
                    try:
                        writer.sync()
                    finally:
                        self._close(writer)
        return sizes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
            return
        from madang.sdk.failures import end_with

        end_with(self, error)

    def __reduce__(self) -> tuple[Any, ...]:
        from madang.sdk.init import attach

        places = (self.places.root, self.places.git_common_dir, self.places.store)
        return attach, (self._header, self.name, places, self.mode, self.hub, self.last_step, self.segment)
