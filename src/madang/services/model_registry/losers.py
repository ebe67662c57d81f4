"""Models that lost and whose rule says that they need not be kept: their bytes go, their records say why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from madang.domain.access import Principal
from madang.domain.promotion import Decision
from madang.domain.query import RunQuery
from madang.domain.reviews import PENDING
from madang.domain.runs import record
from madang.domain.values import value
from madang.domain.versions import GONE, VersionChange, VersionRecord
from madang.ports.data_objects import DataObjects
from madang.ports.objects import Objects
from madang.ports.records import Records
from madang.services.arriving import blob_key
from madang.services.changes import note

_PAGE = 1000
_LATER = 86_400_000_000  # µs; until what somebody else needs is looked at again
_BY = Principal("rule")


@value
class Removal:
    """A version that lost. ``kept`` says why its bytes stay; empty: they go, or went."""

    version: str  # project/name:v3
    reason: str
    bytes: int
    kept: str = ""


class Losers:
    """Thread-safe. ``released`` names the versions (project, name, number) of releases, where they can be known."""

    def __init__(
        self,
        records: Records,
        blobs: Objects,
        data: DataObjects,
        released: Callable[[], set[tuple[str, str, int]]],
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._data = data
        self._released = released

    def remove(self, moment: int, *, dry: bool = False) -> list[Removal]:
        """Remove the bytes of versions that lost and have expired at a time (µs UTC); ``dry`` only tells.

        Bytes that another version, another run, a data remote, a pointer, its past, a request or a release needs stay.
        """
        expired = {(one.project, one.name, one.number): one for one in self._records.registry.expired(moment, _PAGE)}
        found = [(one, version) for one in expired.values() if (version := self._version(one)) is not None]
        released = self._released() if found else set()
        kept = {_label(version): self._kept(one, version, moment, released) for one, version in found}
        chosen = [version for _, version in found if not kept[_label(version)]]
        needed = self._needed_elsewhere(chosen) if chosen else set()  # reads all runs
        return [
            Removal(_label(version), one.reason, 0, kept[_label(version)])
            if kept[_label(version)]
            else self._remove(one, version, moment, released, needed, dry=dry)
            for one, version in found
        ]

    def _version(self, lost: Decision) -> VersionRecord | None:
        return self._records.versions.get(lost.project, lost.name, lost.number)

    def _remove(
        self,
        lost: Decision,
        version: VersionRecord,
        moment: int,
        released: set[tuple[str, str, int]],
        needed: set[str],
        *,
        dry: bool,
    ) -> Removal:
        entries = self._records.versions.entries(version.project, version.digest)
        sizes = {one.digest: one.size for one in entries if one.is_held and one.digest not in needed}
        made = Removal(_label(version), lost.reason, sum(sizes.values()))
        with self._records.transaction():
            kept = self._kept(lost, version, moment, released)
            if not kept and not sizes:
                kept = "all its bytes are those of something else"
                if not dry:
                    self._records.registry.decide(replace(lost, expires_at=moment + _LATER))
            if kept or dry:
                return replace(made, kept=kept)
            self._forget(lost, version, moment)
            for digest in sizes:  # inside the transaction: who brings the same bytes again waits for its end
                self._blobs.delete(blob_key(digest))
        return made

    def _forget(self, lost: Decision, version: VersionRecord, moment: int) -> None:
        place = (version.project, version.name)
        tags = {**version.tags, GONE: f"its bytes were removed: {lost.reason}"}
        self._records.versions.edit(*place, version.number, VersionChange(tags=tags))
        for one in self._records.registry.decisions(*place):
            if one.number == version.number:
                self._records.registry.decide(replace(one, gone_at=moment))
        note(self._records, _BY, place, "version", f"v{version.number}", "made", f"bytes removed: {lost.reason}")

    def _kept(self, lost: Decision, version: VersionRecord, moment: int, released: set[tuple[str, str, int]]) -> str:
        place, number = (version.project, version.name), version.number
        row = self._records.versions.collection(*place)
        if row is None or row.latest == number:
            return "it is the latest version"
        if number in row.aliases.values():
            return "a pointer is at it"
        if any(one.number == number for one in self._records.versions.pointer_history(*place)):
            return "a pointer was at it: a rollback may need it"
        if any((one.version, one.state) == (number, PENDING) for one in self._records.registry.requests(*place)):
            return "a request to promote it is pending"
        if (*place, number) in released:
            return "a release names it"
        for one in self._records.registry.decisions(*place):
            if one.number == number and not 0 < one.expires_at <= moment:
                return f"{one.outcome} for {one.alias}"
        if GONE in version.tags or lost.gone_at:
            return "its bytes are gone already"
        return ""

    def _needed_elsewhere(self, lost: list[VersionRecord]) -> set[str]:
        """Those of their digests that anything else names."""
        wanted = {
            one.digest for version in lost for one in self._records.versions.entries(version.project, version.digest)
        }
        own = {(version.project, version.name, version.number) for version in lost}
        runs = {version.run for version in lost} | {_logged(version) for version in lost}
        found = {digest for digest in self._of_versions(own) if digest in wanted}
        found |= {digest for digest in self._of_runs(runs) if digest in wanted}
        return found | {digest for digest in self._of_data() if digest in wanted}

    def _of_versions(self, own: set[tuple[str, str, int]]) -> Iterator[str]:
        for project in self._records.runs.projects():
            for line in self._records.versions.collections(project.name):
                for one in self._records.versions.versions(project.name, line.name):
                    if (one.project, one.name, one.number) not in own and GONE not in one.tags:
                        yield from (entry.digest for entry in self._records.versions.entries(one.project, one.digest))

    def _of_runs(self, own: set[str]) -> Iterator[str]:
        cursor = ""
        while True:
            page = self._records.runs.search(RunQuery(None, limit=_PAGE, cursor=cursor, deleted="all", keys=()))
            for light in page.runs:
                whole = self._records.runs.get(light.state.run) if light.state.run not in own else None
                if whole is not None:
                    run = record(whole.state, whole.overrides)
                    yield from (one.digest for one in run.files)
                    yield from (one.digest for one in run.outputs)
                    if run.code is not None:
                        yield from (one.digest for one in (run.code.diff, *run.code.untracked) if one is not None)
            cursor = page.next
            if not cursor:
                return

    def _of_data(self) -> Iterator[str]:
        for project in self._data.projects():
            after = ""
            while page := self._data.list(project, "", after, _PAGE):
                yield from (one.digest for one in page)
                after = page[-1].key


def _label(version: VersionRecord) -> str:
    return f"{version.project}/{version.ref}"


def _logged(version: VersionRecord) -> str:
    """The record of MLflow's logged model that a version was made of: its files are the model's own."""
    told = version.metadata.get("mlflow")
    found = told.get("model_id") if isinstance(told, dict) else None
    return found.removeprefix("m-") if isinstance(found, str) else ""
