"""Stores of people who share a hub: what they make, send and bring."""

from __future__ import annotations

from pathlib import Path

from tests.mlflow.conftest import Hub

from madang.client.http import HubClient
from madang.client.sync import sync
from madang.domain import events
from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun
from madang.domain.versions import Entry, VersionRecord
from madang.wiring import Engine, open_store
from madang.workspace.moving.registry_sync import Moved, RegistrySync

P = "와인"
KIM, LEE, ADMIN = local("kim"), local("lee"), local("admin")


class Workspace:
    """A store of one person and the way from it to a hub."""

    def __init__(self, folder: Path, hub: Hub, who: Principal, level: Permission = Permission.WRITE) -> None:
        secret = hub.engine.access.create_token(ADMIN, who.name, level, None)[1]
        self.client = HubClient(hub.address, token=secret)
        self.folder, self.who = folder, who
        self.engine = open_store(store=str(folder))

    def registry(self) -> RegistrySync:
        """What sends and brings."""
        return RegistrySync(self.client, self.engine, self.who)

    def sync(self) -> dict[str, Moved]:
        """Send everything."""
        registry = self.registry()
        registry.claim()
        assert not [one.error for one in sync(self.client, str(self.folder)) if one.error]
        return {one.name: one for one in registry.send()}

    def fetch(self) -> dict[str, Moved]:
        """Bring what the hub has."""
        return {one.name: one for one in self.registry().fetch()}

    def logged(self, name: str, data: bytes, *aliases: str) -> VersionRecord:
        """A version that an event of a run makes."""
        blob = self.engine.artifacts.put_blob(self.who, P, [data])
        made = events.VersionWritten(name, "model", [("w.bin", blob.digest, blob.size)], list(aliases))
        run = self.engine.tracking.create(self.who, P, CreateRun(facts=[made]))
        ref = self.engine.records.versions.of_runs([run.id])[run.id][0]
        return self.engine.registry.resolve(P, ref)

    def registered(self, name: str, data: bytes, type: str = "model") -> VersionRecord:
        """A version that somebody makes by hand."""
        blob = self.engine.artifacts.put_blob(self.who, P, [data])
        reference = Entry("far.csv", "etag:1", 9, "s3://bucket/far.csv")
        entries = [Entry("w.bin", blob.digest, blob.size), reference]
        if not self.engine.records.runs.projects():
            self.engine.tracking.create(self.who, P, CreateRun())
        return self.engine.artifacts.create(
            self.who, P, name, type, entries, description="처음", metadata={"nan": float("inf"), "big": 1 << 70}
        )

    def point(self, name: str, alias: str, number: int | None, reason: str = "") -> None:
        """Move a pointer."""
        self.engine.registry.point(self.who, P, name, alias, number, reason=reason)


def at(engine: Engine, name: str, alias: str) -> int | None:
    """Where a pointer is."""
    row = engine.records.versions.collection(P, name)
    return row.aliases.get(alias) if row else None
