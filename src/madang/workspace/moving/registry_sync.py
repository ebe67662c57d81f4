"""Versions, models and their pointers, from this store to a hub and back. Interrupted or repeated: the same result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, replace

from madang.client.http import HubClient
from madang.client.reader import HubReader
from madang.client.states import HubStates
from madang.client.upload import put_blob
from madang.domain.access import Principal
from madang.domain.collection_states import CollectionState, DroppedCollection, Finding, Merged, Origin
from madang.domain.projects import DEFAULT
from madang.domain.values import mutable
from madang.domain.versions import Entry
from madang.errors import AccessDenied, MadangError, NotFound, Unauthenticated, Unavailable
from madang.formats import store as layout
from madang.services.merging.states import dropped_state, state_of
from madang.workspace.moving.registry_check import NameCheck, compared
from madang.workspace.moving.rule_sync import RuleSync
from madang.workspace.moving.services import StoreServices

THREADS = 4
_PIECE = 1 << 20


@mutable
class Moved:
    """What became of one name. ``numbers`` are those of its versions on the hub, by those they have here."""

    project: str
    name: str
    type: str = ""
    versions: int = 0  # that were sent, or came
    bytes: int = 0
    missing: list[str] = field(default_factory=list)  # digests of files that are nowhere to be had
    left: int = 0  # versions whose files stay on the hub, since no pointer is at them
    numbers: dict[int, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether both have the same now, or the hub is to decide."""
        return not self.error and all(one.outcome not in ("conflict", "refused", "renamed") for one in self.findings)


class RegistrySync:
    """Raises `Unavailable` and `Unauthenticated` as `HubClient`; what is refused otherwise stops one name only."""

    def __init__(self, hub: HubClient, own: StoreServices, who: Principal) -> None:
        self._hub = hub
        self._states = HubStates(hub)
        self._own = own
        self._rules = RuleSync(hub, own.promotion, own.records.settings, who)
        self._who = who
        self._origins: dict[str, Mapping[tuple[str, int], Sequence[Origin]]] = {}

    def names(self) -> list[tuple[str, str]]:
        """Project and name of all that there is here."""
        self._own.tracking.catch_up()
        versions = self._own.records.versions
        return [(project, row.name) for project in self._projects() for row in versions.collections(project)]

    def _projects(self) -> list[str]:
        return list(dict.fromkeys([*self._of_runs(), DEFAULT]))

    def _of_runs(self) -> list[str]:
        return [item.name for item in self._own.records.runs.projects()]

    def claim(self) -> None:
        """Before any run is sent: have the numbers kept that versions have here, where the hub has not given them."""
        for project, name in self.names():
            try:
                self._states.claim(self._state(project, name))
            except (Unavailable, Unauthenticated):
                raise
            except MadangError:
                continue  # `send` tells it, once the runs are there

    def send(self) -> Iterator[Moved]:
        """Send what the hub lacks of each name, and have it follow the pointers and texts that changed here."""
        self._origins.clear()
        for project, name in self.names():
            moved = Moved(project, name)
            try:
                self._send(self._state(project, name), moved)
            except (Unavailable, Unauthenticated):
                raise
            except NotFound:  # the runs have arrived, so the project is there: the hub is of an older release
                moved.findings = [Finding(name, "older")]
                yield moved
                return
            except MadangError as error:
                moved.error = str(error)
            yield moved
        yield from self._send_dropped()
        yield from self._rules_of(self._rules.send)

    def _rules_of(self, carried: Callable[[str], Finding | None]) -> Iterator[Moved]:
        for project in dict.fromkeys([*self._of_runs(), *(project for project, _ in self.names())]):
            moved = Moved(project, project, "project")
            try:
                found = carried(project)
            except (Unavailable, Unauthenticated):
                raise
            except NotFound:
                continue
            except MadangError as error:
                moved.error = str(error)
            else:
                moved.findings = [] if found is None else [found]
            if moved.findings or moved.error:
                yield moved

    def _send_dropped(self) -> Iterator[Moved]:
        """Tell the hub which names were taken away here; what became of those that are there."""
        for gone in self._dropped():
            moved = Moved(gone.project, gone.name, gone.type)
            try:
                merged = self._states.drop(dropped_state(self._own.records, gone))
            except (Unavailable, Unauthenticated):
                raise
            except MadangError as error:
                moved.error = str(error)
            else:
                if merged is not None:
                    self._note(merged, moved)
            if moved.findings or moved.error:
                yield moved

    def _dropped(self) -> list[DroppedCollection]:
        return [gone for project in self._projects() for gone in self._own.records.tombstones.collections(project)]

    def fetch(self) -> Iterator[Moved]:
        """Bring what the hub has of the names that are here; files only of versions that a pointer is at."""
        for project, name in self.names():
            moved = Moved(project, name)
            try:
                there = self._states.state(project, name)
                if there is not None:
                    self._fetch(there, moved)
                elif (gone := self._states.dropped(project, name)) is not None:
                    self._note(self._own.merging.drop(self._who, gone), moved)
            except (Unavailable, Unauthenticated):
                raise
            except MadangError as error:
                moved.error = str(error)
            yield moved
        yield from self._rules_of(self._rules.fetch)

    def check(self) -> Iterator[NameCheck]:
        """Compare each name with the hub; nothing is changed."""
        self._origins.clear()
        for project, name in self.names():
            yield compared(self._state(project, name), self._states.state(project, name))

    def elsewhere(self) -> list[str]:
        """The names of artifacts and models of the hub that are not here, as ``PROJECT/NAME``."""
        here, reader = set(self.names()), HubReader(self._hub)
        found: list[tuple[str, str]] = []
        for project in dict.fromkeys([*(item.name for item in reader.projects()), DEFAULT]):
            with suppress(NotFound, AccessDenied):
                found += [(project, row.name) for row in reader.collections(project)]
        return [f"{project}/{name}" for project, name in found if (project, name) not in here]

    # To the hub

    def _state(self, project: str, name: str) -> CollectionState:
        if project not in self._origins:
            self._origins[project] = self._own.records.versions.origins(project)
        return state_of(self._own.records, project, name, self._origins[project])

    def _send(self, state: CollectionState, moved: Moved) -> None:
        moved.type = state.type
        merged = self._states.merge(state)
        for number in merged.lacks:
            self._send_version(state, number, moved)
        if merged.lacks:
            merged = self._states.merge(state)
        if merged.lacks:
            moved.error = f"{self._hub.address} does not take {', '.join(f'v{number}' for number in merged.lacks)}"
        self._note(merged, moved)
        if any(one.outcome == "same" for one in merged.findings):
            there = self._states.state(state.project, state.name)
            if there is not None:
                self._own.merging.acknowledge(self._who, there)

    def _note(self, merged: Merged, moved: Moved) -> None:
        moved.numbers = merged.numbers
        moved.findings = [one for one in merged.findings if one.outcome != "same"]

    def _send_version(self, state: CollectionState, number: int, moved: Moved) -> None:
        one = next(item for item in state.versions if item.number == number)
        wanted = replace(state, versions=(one,), aliases={}, moves=(), notes=(), description="", tags={})
        entries = self._own.records.versions.entries(state.project, one.digest)
        taken = self._states.adopt(wanted, entries, is_partial=False)
        if taken.number is None:
            missing = self._send_blobs(state.project, taken.lacks, moved)
            moved.missing += missing
            self._states.adopt(wanted, entries, is_partial=bool(missing))
        moved.versions += 1

    def _send_blobs(self, project: str, digests: Sequence[str], moved: Moved) -> list[str]:
        """Send files; those that are not here."""
        with ThreadPoolExecutor(THREADS) as pool:
            sizes = list(pool.map(lambda digest: self._send_blob(project, digest), digests))
        moved.bytes += sum(size for size in sizes if size is not None)
        return [digest for digest, size in zip(digests, sizes, strict=True) if size is None]

    def _send_blob(self, project: str, digest: str) -> int | None:
        path = layout.blob_path(self._own.store.store, digest)
        try:
            size = os.stat(path).st_size
        except OSError:
            return None
        put_blob(self._hub, project, digest, path, size)
        return size

    # And back

    def _fetch(self, there: CollectionState, moved: Moved) -> None:
        moved.type = there.type
        merged = self._own.merging.merge(self._who, there, as_is=True)
        pointed = set(there.aliases.values())
        for number in merged.lacks:
            self._fetch_version(there, number, moved, with_files=number in pointed)
        if merged.lacks:
            merged = self._own.merging.merge(self._who, there, as_is=True)
        self._note(merged, moved)
        moved.numbers = {ours: theirs for theirs, ours in moved.numbers.items()}

    def _fetch_version(self, there: CollectionState, number: int, moved: Moved, *, with_files: bool) -> None:
        one = next(item for item in there.versions if item.number == number)
        entries = HubReader(self._hub).manifest(there.project, f"{there.name}:v{number}")
        if with_files:
            for entry in entries:
                self._fetch_blob(there.project, entry, moved)
        else:
            moved.left += 1
        wanted = replace(there, versions=(one,), aliases={}, moves=(), notes=())
        self._own.merging.adopt(self._who, wanted, entries, is_partial=True, as_is=True)
        moved.versions += 1

    def _fetch_blob(self, project: str, entry: Entry, moved: Moved) -> None:
        if not entry.is_held or self._own.artifacts.has_blob(self._who, project, entry.digest):
            return
        with self._hub.download(("projects", project, "blobs", entry.digest), entry.digest) as file:
            pieces = iter(lambda: file.read(_PIECE), b"")
            self._own.artifacts.put_blob(self._who, project, pieces, entry.digest, entry.size)
        moved.bytes += entry.size
