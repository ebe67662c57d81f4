-- Versions in the making, and the digests that clients claim for bytes of a project (docs/formats/store.md).

CREATE TABLE drafts (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    client TEXT NOT NULL,
    shared TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL DEFAULT 0,
    collection INTEGER,
    number INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX drafts_by_client ON drafts (client);
CREATE INDEX drafts_open ON drafts (project, shared) WHERE number IS NULL;
CREATE INDEX drafts_expiring ON drafts (expires_at) WHERE expires_at > 0;

CREATE TABLE draft_manifests (
    place INTEGER PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,
    draft INTEGER NOT NULL,
    kind TEXT NOT NULL,
    base TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX draft_manifests_by_draft ON draft_manifests (draft, place);

-- Versions that show an artifact which is at home elsewhere; source is its id on W&B's wire.
CREATE TABLE version_links (
    source TEXT NOT NULL, collection INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (collection, number)
) WITHOUT ROWID;
CREATE INDEX version_links_by_source ON version_links (source);

CREATE TABLE claimed_digests (
    project TEXT NOT NULL, digest TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (project, digest)
) WITHOUT ROWID;
CREATE INDEX claimed_digests_by_blob ON claimed_digests (project, blob);
