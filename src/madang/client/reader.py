"""A hub as a `Reader`: the same methods as over this machine's own store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from blake3 import blake3

from madang.client.http import HubClient
from madang.domain.files import BlobRef
from madang.domain.lineage import DataUse
from madang.domain.lineage_graph import Graph
from madang.domain.pages import ConsolePage, RunPage
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange, RunRecord
from madang.domain.series import Series
from madang.domain.versions import AliasMove, Entry, PointerChange, VersionRecord, parse_ref
from madang.errors import StorageError
from madang.formats import native
from madang.formats.filter import print_filter, print_order
from madang.formats.learning import learnt
from madang.ports.records import MetricKey, Project
from madang.ports.versions import CollectionRow

if TYPE_CHECKING:
    from madang.ports.reviews import ReviewApi

_CHUNK = 1 << 20


class HubReader:
    """See `madang.ports.reader.Reader`. Records come as MessagePack, so every number is exact."""

    def __init__(self, client: HubClient) -> None:
        self._client = client

    @property
    def place(self) -> str:
        """The address of the hub."""
        return self._client.address

    def projects(self) -> list[Project]:
        """See `Reader.projects`."""
        return self._client.get(("projects",), dict[str, list[Project]])["projects"]

    def run(self, name: str) -> RunRecord:
        """See `Reader.run`."""
        run = self._client.get(("runs", name), native.Run)
        while run.more_metrics:
            rest = self._client.get(("runs", run.id, "metrics"), native.MetricTable, {"cursor": run.more_metrics})
            run.metrics.update(rest.metrics)
            run.more_metrics = rest.next
        return native.read_run(run)

    def runs(self, query: RunQuery) -> RunPage:
        """See `Reader.runs`."""
        asked: list[tuple[str, Any]] = [
            ("filter", print_filter(query.where)),
            *(("order_by", print_order(order)) for order in query.order),
            ("limit", query.limit),
            ("cursor", query.cursor),
            ("deleted", query.deleted),
            ("text", query.text),
            *(("keys", key) for key in (query.keys if query.keys else ([] if query.keys is None else [""]))),
            *(("project", name) for name in query.projects or ()),
        ]
        page = self._client.get(
            ("runs",), native.Page, [(key, value) for key, value in asked if value != "" or key == "keys"]
        )
        return RunPage([native.read_run(run) for run in page.runs], page.next, page.total)

    def data_uses(self, data: str) -> list[DataUse]:
        """See `Reader.data_uses`."""
        return self._client.get(("data", "uses"), dict[str, list[DataUse]], {"of": data})["uses"]

    def lineage(self, project: str, start: str, above: int, below: int) -> Graph:
        """See `Reader.lineage`."""
        asked = {"of": start, "above": above, "below": below}
        return self._client.get(("projects", project, "lineage"), learnt(Graph), asked)

    def metric_keys(
        self, project: str, runs: Sequence[str] | None = None, contains: str = "", limit: int = 1000
    ) -> list[MetricKey]:
        """See `Reader.metric_keys`."""
        asked = [("contains", contains), ("limit", limit), *(("run", run) for run in runs or ())]
        return self._client.get(("projects", project, "metrics"), dict[str, list[MetricKey]], asked)["keys"]

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
        asked: dict[str, Any] = {
            "runs": list(runs), "keys": None if keys is None else list(keys), "samples": samples,
            "min_step": min_step, "max_step": max_step,
        }  # fmt: skip
        found: dict[str, dict[str, Series]] = {}
        while True:
            body = self._client.send("POST", ("history",), asked, native.HistoryBody)
            for run, table in body.runs.items():
                found.setdefault(run, {}).update({key: native.read_series(key, item) for key, item in table.items()})
            if not body.next:
                return found
            asked["cursor"] = body.next

    def console(self, run: str, after: int = 0, limit: int = 1000, tail: bool = False) -> ConsolePage:
        """See `Reader.console`."""
        asked = {"after": after, "limit": limit, "tail": "true" if tail else "false"}
        body = self._client.get(("runs", run, "console"), native.ConsoleBody, asked)
        return ConsolePage(body.lines, body.last, body.total)

    def change(self, run: str, change: RunChange, expected: int | None = None) -> RunRecord:
        """See `Reader.change`."""
        body = {
            "name": change.name, "notes": change.notes, "group": change.group, "tags": change.tags,
            "tags_removed": list(change.tags_removed), "archived": change.archived, "revision": expected,
        }  # fmt: skip
        wanted = {key: value for key, value in body.items() if value not in (None, [])}
        found: native.Run | None = None
        if set(wanted) - {"revision"} or change.deleted is None:
            found = self._client.send("PATCH", ("runs", run), wanted, native.Run)
        if change.deleted is not None:
            verb = "delete" if change.deleted else "restore"
            found = self._client.send("POST", ("runs", run, verb), {}, native.Run)
        assert found is not None
        return native.read_run(found)

    def collections(self, project: str, type: str | None = None) -> list[CollectionRow]:
        """See `Reader.collections`."""
        body = self._client.get(("projects", project, "artifacts"), dict[str, list[CollectionRow]], {"type": type})
        return body["collections"]

    def models(self, project: str | None = None) -> list[CollectionRow]:
        """See `Reader.models`."""
        return self._client.get(("models",), dict[str, list[CollectionRow]], {"project": project})["models"]

    def versions(self, project: str, name: str) -> list[VersionRecord]:
        """See `Reader.versions`."""
        body = self._client.get(("projects", project, "artifacts", name), native.VersionsBody)
        return [native.read_version(item) for item in body.versions]

    def resolve(self, project: str, ref: str) -> VersionRecord:
        """See `Reader.resolve`."""
        return native.read_version(self._version(project, ref))

    def manifest(self, project: str, ref: str) -> list[Entry]:
        """See `Reader.manifest`."""
        entries = self._version(project, ref).entries
        return entries if isinstance(entries, list) else []

    def _version(self, project: str, ref: str) -> native.Version:
        return self._client.get(("projects", project, "artifacts", *_named(ref)), native.Version)

    def open_blob(self, project: str, digest: str) -> BinaryIO:
        """See `Reader.open_blob`."""
        return self._client.download(("projects", project, "blobs", digest), digest)

    def put_file(self, project: str, path: str | os.PathLike[str]) -> BlobRef:
        """See `Reader.put_file`."""
        try:
            with open(path, "rb") as file:
                hasher = blake3()
                while data := file.read(_CHUNK):
                    hasher.update(data)
                size = file.tell()
        except OSError as error:
            raise StorageError(f"Cannot read {os.fspath(path)}: {error.strerror}.") from error
        digest = "blake3:" + hasher.hexdigest()

        def opened() -> IO[bytes]:
            return open(path, "rb")

        kind = {"content-type": "application/octet-stream"}
        self._client.request("PUT", ("projects", project, "blobs", digest), headers=kind, body=opened, size=size)
        return BlobRef(digest, size)

    def create(
        self, project: str, name: str, type: str, entries: Sequence[Entry], *, run: str = "", description: str = ""
    ) -> VersionRecord:
        """See `Reader.create`."""
        body = {"name": name, "type": type, "entries": list(entries), "run": run, "description": description}
        return native.read_version(self._client.send("POST", ("projects", project, "artifacts"), body, native.Version))

    def point(
        self, project: str, name: str, alias: str, number: int | None, *, expected: Any = ..., reason: str = ""
    ) -> PointerChange:
        """See `Reader.point`."""
        body: dict[str, Any] = {"reason": reason}
        if expected is not ...:
            body["expected"] = expected
        if number is not None:
            body["number"] = number
        where = ("projects", project, "artifacts", name, "aliases", alias)
        return self._client.send("DELETE" if number is None else "PUT", where, body, PointerChange)

    def point_all(self, moves: Sequence[AliasMove], reason: str = "") -> list[PointerChange]:
        """See `Reader.point_all`."""
        body = {"moves": list(moves), "reason": reason}
        return self._client.send("POST", ("pointers",), body, native.ChangesBody).changes

    def promote(self, project: str, ref: str, stage: str, reason: str = "") -> PointerChange:
        """See `Reader.promote`."""
        where = ("projects", project, "artifacts", *_named(ref), "promote")
        return self._client.send("POST", where, {"stage": stage, "reason": reason}, PointerChange)

    def pointer_history(self, project: str, name: str) -> list[PointerChange]:
        """See `Reader.pointer_history`."""
        return self._client.get(("projects", project, "artifacts", name, "history"), native.ChangesBody).changes

    @property
    def reviews(self) -> ReviewApi:
        """See `Reader.reviews`."""
        from madang.client.reviews import HubReviewApi  # noqa: PLC0415 - few commands need it

        return HubReviewApi(self._client)

    def close(self) -> None:
        """See `Reader.close`."""
        self._client.close()


def _named(ref: str) -> tuple[str, str]:
    """The parts of a reference as they stand in a path: name, and `v3` or an alias."""
    parsed = parse_ref(ref)
    return parsed.name, f"v{parsed.number}" if parsed.number is not None else parsed.alias
