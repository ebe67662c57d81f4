-- The objects of data remotes: a key below a project's remote, and the blob that its bytes are.
CREATE TABLE data_objects (
    project TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
    created_at INTEGER NOT NULL, actor TEXT NOT NULL,
    PRIMARY KEY (project, key)
) WITHOUT ROWID;
