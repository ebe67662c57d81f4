"""Versions in the making, and claimed digests (`ports.drafts`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import msgspec

from madang.backends.records.collections import pack, unpack
from madang.backends.records.database import Database, Row
from madang.errors import NotFound
from madang.formats.learning import learnt
from madang.ports.drafts import Claim, Draft, DraftManifest

_PORTION = 2000  # digests in one statement


class SqlDrafts:
    """`ports.drafts.DraftRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, draft: Draft) -> None:
        """Keep a new draft."""
        self._db.run(
            "add_draft",
            id=draft.id,
            project=draft.project,
            client=draft.client,
            shared=_shared(draft.name, draft.shared),
            at=draft.created_at,
            body=pack(asdict(draft)),
        )

    def get(self, id: int) -> Draft | None:
        """A draft, under the name that its version has now."""
        return _draft(self._db.row("get_draft", id=id))

    def of_client(self, client: str) -> Draft | None:
        """The newest draft that a client calls so."""
        return _draft(self._db.row("draft_of_client", client=client)) if client else None

    def shared(self, project: str, name: str, shared: str) -> Draft | None:
        """The draft that several clients make together."""
        return _draft(self._db.row("shared_draft", project=project, shared=_shared(name, shared)))

    def put_manifest(self, manifest: DraftManifest) -> None:
        """Keep a list of files."""
        self._db.run("put_draft_manifest", **asdict(manifest))

    def manifest(self, id: int) -> DraftManifest | None:
        """One list of files."""
        row = self._db.row("draft_manifest", id=id)
        return _manifest(row) if row else None

    def manifests(self, draft: int) -> list[DraftManifest]:
        """The lists of a draft in the order in which they came."""
        return [_manifest(row) for row in self._db.rows("draft_manifests", draft=draft)]

    def finish(self, draft: int, number: int, expires_at: int = 0) -> None:
        """Note the version that a draft has become."""
        with self._db.transaction():
            known = self.get(draft)
            line = self._db.row("get_collection", project=known.project, name=known.name) if known else None
            if line is None:
                raise NotFound(f"There is no draft {draft} any more.")
            self._db.run("finish_draft", id=draft, collection=line[0], number=number, expires_at=expires_at)
            self._db.run("drop_draft_manifests", draft=draft)

    def expire(self, draft: int, expires_at: int) -> None:
        """Change when a version is not wanted any more."""
        self._db.run("expire_draft", id=draft, expires_at=expires_at)

    def expired(self, now: int) -> list[Draft]:
        """Drafts that became versions which are not wanted any more."""
        rows = self._db.rows("expired_drafts", now=now)
        return [found for row in rows if (found := _draft(row)) is not None]

    def forget(self, before: int) -> int:
        """Drop drafts that became nothing."""
        with self._db.transaction():
            self._db.run("forget_draft_manifests", before=before)
            return self._db.run("forget_drafts", before=before)

    def link(self, source: str, project: str, name: str, number: int) -> None:
        """Note that a version shows an artifact."""
        line = self._db.row("get_collection", project=project, name=name)
        if line is not None:
            self._db.run("add_link", source=source, collection=line[0], number=number)

    def links(self, source: str) -> list[tuple[str, str, int]]:
        """The versions that show an artifact."""
        return [(str(row[0]), str(row[1]), int(row[2])) for row in self._db.rows("links", source=source)]

    def claim(self, project: str, claims: Sequence[Claim]) -> list[Claim]:
        """Note digests, all or none."""
        with self._db.transaction():
            known = self.claims(project, [item.digest for item in claims])
            others = [
                known[item.digest] for item in claims if item.digest in known and known[item.digest].blob != item.blob
            ]
            if not others:
                new = {item.digest: {"project": project, **asdict(item)} for item in claims if item.digest not in known}
                self._db.many("add_claim", list(new.values()))
        return others

    def claims(self, project: str, digests: Iterable[str]) -> dict[str, Claim]:
        """What is known of some digests."""
        found = self._claims("claims", "digests", project, digests)
        return {item.digest: item for item in found}

    def claims_of(self, project: str, blobs: Iterable[str]) -> dict[str, Claim]:
        """What is known of some blobs."""
        return {item.blob: item for item in self._claims("claims_of", "blobs", project, blobs)}

    def _claims(self, statement: str, what: str, project: str, names: Iterable[str]) -> list[Claim]:
        wanted = sorted(set(names))
        found: list[Claim] = []
        for start in range(0, len(wanted), _PORTION):
            rows = self._db.rows(statement, project=project, **{what: wanted[start : start + _PORTION]})
            found += [Claim(*row) for row in rows]
        return found


def _shared(name: str, shared: str) -> str:
    return f"{name}\n{shared}" if shared else ""


def _draft(row: Row | None) -> Draft | None:
    if row is None:
        return None
    body, number, project, name = row
    kept = msgspec.convert(unpack(bytes(body)), learnt(Draft))
    if number is None:
        return kept
    return replace(kept, project=str(project), name=str(name), number=int(number))


def _manifest(row: Row) -> DraftManifest:
    id_, draft, kind, base, digest, body = row
    return DraftManifest(id_, draft, kind, base, digest, bytes(body))
