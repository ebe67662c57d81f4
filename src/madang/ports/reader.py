"""What commands and the SDK read and change records through: this machine's store, or a hub over the network.

The caller's principal is bound when the reader is made. Errors of every method: `NotFound` (also for what the caller
may not see), `Unauthenticated`, `AccessDenied`, `InvalidInput`, `Conflict`, `StorageError`, and `Unavailable` when a
hub does not answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from madang.domain.files import BlobRef
from madang.domain.lineage import DataUse
from madang.domain.pages import ConsolePage, RunPage
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange, RunRecord
from madang.domain.series import Series
from madang.domain.versions import AliasMove, Entry, PointerChange, VersionRecord
from madang.ports.records import MetricKey, Project
from madang.ports.versions import CollectionRow

if TYPE_CHECKING:  # most commands need none of it
    from madang.domain.lineage_graph import Graph
    from madang.ports.reviews import ReviewApi


class Reader(Protocol):
    """Everything that is known, for one caller. Safe for threads. What another process has logged so far is seen."""

    @property
    def place(self) -> str:
        """Where the records are, for messages: a folder or an address."""
        ...

    def projects(self) -> list[Project]:
        """Projects that the caller may read, by newest activity."""
        ...

    def run(self, name: str) -> RunRecord:
        """One run with everything known of it, by id, unique beginning of an id, or name.

        Raises `Conflict` when several fit; the message lists them.
        """
        ...

    def runs(self, query: RunQuery) -> RunPage:
        """One page of a search; the runs come without their long lists (files, packages, opened paths)."""
        ...

    def data_uses(self, data: str) -> list[DataUse]:
        """The runs that read a tracked path or an artifact, with the version each read, oldest first."""
        ...

    def lineage(self, project: str, start: str, above: int, below: int) -> Graph:
        """What ``start`` (``run:ID``, ``data:PATH@DIGEST``, ``version:NAME:v3``) was made of and led to, so many steps.

        Raises `NotFound`, and `InvalidInput` when ``start`` names nothing.
        """
        ...

    def metric_keys(
        self, project: str, runs: Sequence[str] | None = None, contains: str = "", limit: int = 1000
    ) -> list[MetricKey]:
        """Metric names of a project, or of some of its runs."""
        ...

    def history(
        self,
        runs: Sequence[str],
        keys: Sequence[str] | None = None,
        *,
        samples: int | None = None,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> dict[str, dict[str, Series]]:
        """Series by run id and key; ``keys`` None: all; ``samples`` None: every point."""
        ...

    def console(self, run: str, after: int = 0, limit: int = 1000, tail: bool = False) -> ConsolePage:
        """Console lines with a number over ``after``; with ``tail`` the last ones instead of the first."""
        ...

    def change(self, run: str, change: RunChange, expected: int | None = None) -> RunRecord:
        """Change a record from outside; ``expected`` is the revision that the caller has seen."""
        ...

    def collections(self, project: str, type: str | None = None) -> list[CollectionRow]:
        """Named lines of versions."""
        ...

    def models(self, project: str | None = None) -> list[CollectionRow]:
        """Registered models of one project, or of all."""
        ...

    def versions(self, project: str, name: str) -> list[VersionRecord]:
        """All versions of a name, newest first."""
        ...

    def resolve(self, project: str, ref: str) -> VersionRecord:
        """The version that ``name``, ``name:v3``, ``name:alias`` or ``name@alias`` means."""
        ...

    def manifest(self, project: str, ref: str) -> list[Entry]:
        """Its files, sorted by path."""
        ...

    def open_blob(self, project: str, digest: str) -> BinaryIO:
        """Open stored bytes for reading; the caller closes it."""
        ...

    def put_file(self, project: str, path: str | os.PathLike[str]) -> BlobRef:
        """Store the bytes of a file."""
        ...

    def create(
        self, project: str, name: str, type: str, entries: Sequence[Entry], *, run: str = "", description: str = ""
    ) -> VersionRecord:
        """Make a version of stored bytes; the same content as the latest is the latest."""
        ...

    def point(
        self,
        project: str,
        name: str,
        alias: str,
        number: int | None,
        *,
        expected: Any = ...,
        reason: str = "",
    ) -> PointerChange:
        """Move an alias (None: take it away) if it points at ``expected`` now (left out: wherever it points)."""
        ...

    def point_all(self, moves: Sequence[AliasMove], reason: str = "") -> list[PointerChange]:
        """Make several moves, all or none."""
        ...

    def promote(self, project: str, ref: str, stage: str, reason: str = "") -> PointerChange:
        """Bring a version to a stage: `staging`, `production`, `archived`, or `none`."""
        ...

    def pointer_history(self, project: str, name: str) -> list[PointerChange]:
        """All moves of aliases and stages of a name, newest first."""
        ...

    @property
    def reviews(self) -> ReviewApi:
        """Approvals and history of models."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...
