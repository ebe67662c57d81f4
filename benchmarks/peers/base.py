"""What each tracker's adapter offers. One module a peer, each with a class `Tracker` and a function `read`."""

from __future__ import annotations

from typing import Protocol

Values = dict[str, float]
Points = dict[str, dict[int, float]]  # key → step → value


class TrackerLike(Protocol):
    """One run being logged. The constructor is given (store, name) and begins the run."""

    def log(self, values: Values, step: int) -> None: ...

    def close(self) -> None:
        """End the run; when it returns, all that was logged is readable by another process."""
