-- Reports, workspaces and charts (docs/formats/store.md). A number is never given twice: addresses have it.

CREATE TABLE views (
    number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    updated_at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX views_by_project ON views (project, kind, updated_at);
