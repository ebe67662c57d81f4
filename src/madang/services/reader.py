"""The `Reader` over this machine's store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from madang.domain.access import Principal
from madang.domain.files import BlobRef
from madang.domain.lineage import DataUse
from madang.domain.pages import ConsolePage, RunPage
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange, RunRecord
from madang.domain.series import Series
from madang.domain.versions import AliasMove, Entry, PointerChange, VersionRecord
from madang.errors import NotFound
from madang.ports.records import MetricKey, Project
from madang.ports.versions import CollectionRow

if TYPE_CHECKING:  # the reader of runs does not load what reads versions
    from madang.domain.lineage_graph import Graph
    from madang.formats.store import StorePaths
    from madang.ports.reviews import ReviewApi
    from madang.services.artifacts import Artifacts
    from madang.services.lineage import Lineage
    from madang.services.model_registry.promotion import Promotion
    from madang.services.model_registry.registry import Registry
    from madang.services.model_registry.reviews import Reviews
    from madang.services.search import Search
    from madang.services.tracking import Tracking

_PIECE = 1 << 20


class Services(Protocol):
    """One store with its services; `close` gives back what they stand on."""

    @property
    def store(self) -> StorePaths:
        """Where the store lies."""
        ...

    @property
    def tracking(self) -> Tracking:
        """Writing runs."""
        ...

    @property
    def search(self) -> Search:
        """Reading runs."""
        ...

    @property
    def artifacts(self) -> Artifacts:
        """Blobs and versions."""
        ...

    @property
    def lineage(self) -> Lineage:
        """What made what."""
        ...

    @property
    def registry(self) -> Registry:
        """Aliases and stages."""
        ...

    @property
    def reviews(self) -> Reviews:
        """Approvals and history of models."""
        ...

    @property
    def promotion(self) -> Promotion:
        """Best model only."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...


class LocalReader:
    """See `madang.ports.reader.Reader`."""

    def __init__(self, who: Principal, services: Services, reviewer: Callable[[], Principal] | None = None) -> None:
        """``reviewer`` is who the caller is in the history of models, where changes are approved; else ``who``."""
        self.who = who
        self._services = services
        self._reviewer = reviewer

    @property
    def place(self) -> str:
        """See `Reader.place`."""
        return self._services.store.store

    def projects(self) -> list[Project]:
        """See `Reader.projects`."""
        return self._services.search.projects(self.who)

    def run(self, name: str) -> RunRecord:
        """See `Reader.run`."""
        return self._services.search.run(self.who, name)

    def runs(self, query: RunQuery) -> RunPage:
        """See `Reader.runs`."""
        return self._services.search.runs(self.who, query)

    def data_uses(self, data: str) -> list[DataUse]:
        """See `Reader.data_uses`."""
        return self._services.search.data_uses(self.who, data)

    def lineage(self, project: str, start: str, above: int, below: int) -> Graph:
        """See `Reader.lineage`."""
        return self._services.lineage.around(self.who, project, start, above, below)

    def metric_keys(
        self, project: str, runs: Sequence[str] | None = None, contains: str = "", limit: int = 1000
    ) -> list[MetricKey]:
        """See `Reader.metric_keys`."""
        return self._services.search.metric_keys(self.who, project, runs, contains, limit)

    def history(
        self,
        runs: Sequence[str],
        keys: Sequence[str] | None = None,
        *,
        samples: int | None = None,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> dict[str, dict[str, Series]]:
        """See `Reader.history`."""
        return self._services.search.history(
            self.who, runs, keys, samples=samples, min_step=min_step, max_step=max_step
        )

    def console(self, run: str, after: int = 0, limit: int = 1000, tail: bool = False) -> ConsolePage:
        """See `Reader.console`."""
        return self._services.search.console(self.who, run, after, limit, tail)

    def change(self, run: str, change: RunChange, expected: int | None = None) -> RunRecord:
        """See `Reader.change`."""
        return self._services.tracking.change(self.who, run, change, expected)

    def collections(self, project: str, type: str | None = None) -> list[CollectionRow]:
        """See `Reader.collections`."""
        return self._services.artifacts.collections(self.who, project, type)

    def models(self, project: str | None = None) -> list[CollectionRow]:
        """See `Reader.models`."""
        return self._services.registry.models(self.who, project)

    def versions(self, project: str, name: str) -> list[VersionRecord]:
        """See `Reader.versions`."""
        return self._services.artifacts.versions(self.who, project, name)

    def resolve(self, project: str, ref: str) -> VersionRecord:
        """See `Reader.resolve`."""
        return self._services.artifacts.resolve(self.who, project, ref)

    def manifest(self, project: str, ref: str) -> list[Entry]:
        """See `Reader.manifest`."""
        return self._services.artifacts.manifest(self.who, project, ref)

    def open_blob(self, project: str, digest: str) -> BinaryIO:
        """See `Reader.open_blob`."""
        return self._services.artifacts.open_blob(self.who, project, digest)[0]

    def put_file(self, project: str, path: str | os.PathLike[str]) -> BlobRef:
        """See `Reader.put_file`."""
        return self._services.artifacts.put_blob(self.who, project, _pieces(path))

    def create(
        self, project: str, name: str, type: str, entries: Sequence[Entry], *, run: str = "", description: str = ""
    ) -> VersionRecord:
        """See `Reader.create`."""
        return self._services.artifacts.create(
            self._in_history(), project, name, type, entries, run=run, description=description
        )

    def point(
        self, project: str, name: str, alias: str, number: int | None, *, expected: Any = ..., reason: str = ""
    ) -> PointerChange:
        """See `Reader.point`."""
        return self._services.registry.point(
            self._in_history(), project, name, alias, number, expected=expected, reason=reason
        )

    def point_all(self, moves: Sequence[AliasMove], reason: str = "") -> list[PointerChange]:
        """See `Reader.point_all`."""
        return self._services.registry.point_all(self._in_history(), moves, reason)

    def promote(self, project: str, ref: str, stage: str, reason: str = "") -> PointerChange:
        """See `Reader.promote`."""
        return self._services.registry.promote(self._in_history(), project, ref, stage, reason)

    def pointer_history(self, project: str, name: str) -> list[PointerChange]:
        """See `Reader.pointer_history`."""
        return self._services.registry.history(self.who, project, name)

    @property
    def reviews(self) -> ReviewApi:
        """See `Reader.reviews`."""
        from madang.services.model_registry.local_reviews import LocalReviewApi  # noqa: PLC0415 - few commands need it

        return LocalReviewApi(self._in_history(), self._services.reviews, self._services.promotion)

    def _in_history(self) -> Principal:
        return self._reviewer() if self._reviewer is not None else self.who

    def close(self) -> None:
        """See `Reader.close`."""
        self._services.close()


def _pieces(path: str | os.PathLike[str]) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"There is no file {os.fsdecode(path)!r}.") from error
