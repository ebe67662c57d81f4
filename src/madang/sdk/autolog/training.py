"""One training: the outermost call that fits a model, and the run it is recorded in."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from madang.sdk.current import current_run
from madang.sdk.init import init

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from madang.sdk.run import Run

_open: list[Training] = []  # of all threads: what a thread pool fits inside of a training is part of it
_own: list[Run] = []  # the run that the last training has begun for want of another
_told: set[str] = set()


class Training:
    """``with Training("sklearn") as run``: run is None when the call is only a part of another training.

    ``passes_on``: a wrapper around the framework's own training function, which does the recording.
    """

    def __init__(self, framework: str, *, passes_on: bool = False) -> None:
        self.framework = framework
        self.passes_on = passes_on
        self.run: Run | None = None
        self._handed: Run | None = None  # to the framework's own training function inside

    def __enter__(self) -> Run | None:
        outer = _open[-1] if _open else None
        if outer is None:
            with recording(None, "what is trained"):
                self.run = _run(self.framework)
            self._handed = self.run if self.passes_on else None
        elif outer.framework == self.framework:
            if self.passes_on:
                self._handed = outer._handed
            else:
                self.run = outer._handed
        _open.append(self)
        return self.run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _open.remove(self)
        if error is not None and self.run is not None and self.run in _own and not _open:
            from madang.sdk.failures import end_with

            _own.remove(self.run)
            end_with(self.run, error)


def is_training() -> bool:
    """Whether a training is going on in this process."""
    return bool(_open)


def _run(framework: str) -> Run:
    """The open run; else a new one, which ends with the next training that finds no other."""
    run = current_run()
    if run is not None and run in _own and run.id != os.environ.get("MADANG_RUN_ID"):
        _own.remove(run)
        run.finish()
        run = current_run()
    if run is None:
        run = init()
        _own.append(run)
    with recording(run, framework):
        run.set_tags({"autologging": framework})
    return run


class recording:
    """Keep an error of the recording away from the training: it becomes one line, once for each cause."""

    def __init__(self, run: Run | None, what: str) -> None:
        self._run = run
        self._what = what

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        tell(f"{self._what} is not recorded: {type(error).__name__}: {error!s:.500}")
        return True


def tell(text: str) -> None:
    """One line on standard error, once."""
    if text in _told or sys.stderr is None:
        return
    _told.add(text)
    sys.stderr.write(f"madang: autolog: {text}\n")


def estimator_tags(estimator: Any) -> dict[str, str]:
    """The tags that say what kind of estimator was trained."""
    kind = type(estimator)
    return {"estimator_name": kind.__name__, "estimator_class": f"{kind.__module__}.{kind.__name__}"}


def plain_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters under their own names, nothing taken apart: an estimator inside of another is its text."""
    return {str(key): value if _is_plain(value) else _text(value) for key, value in values.items()}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _text(value: Any) -> Any:
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "shape", None) == ():
        return item()
    if isinstance(value, (list, tuple)) and len(value) <= 100 and all(_is_plain(one) for one in value):
        return list(value)
    return str(value)[:6000]
