-- Protected pointers, requests, history and promotion of models (docs/formats/store.md).

CREATE TABLE pointer_protections (
    collection INTEGER NOT NULL, alias TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (collection, alias)
) WITHOUT ROWID;
CREATE TABLE pointer_requests (
    collection INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (collection, number)
) WITHOUT ROWID;
CREATE TABLE collection_changes (
    id INTEGER PRIMARY KEY, collection INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX collection_changes_by_collection ON collection_changes (collection, id);
CREATE TABLE promotion_rules (project TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE promotion_decisions (
    collection INTEGER NOT NULL, number INTEGER NOT NULL, run TEXT NOT NULL, alias TEXT NOT NULL, at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, gone_at INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (collection, number, run, alias)
) WITHOUT ROWID;
CREATE INDEX promotion_decisions_expiring ON promotion_decisions (expires_at) WHERE expires_at > 0 AND gone_at = 0;
CREATE TABLE runs_to_judge (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE);
