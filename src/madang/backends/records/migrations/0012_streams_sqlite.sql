-- Clients that stream lines, and digests of the lines that are held (docs/formats/store.md).

CREATE TABLE streams (
    run INTEGER PRIMARY KEY, seen_at INTEGER NOT NULL, live INTEGER NOT NULL, shift INTEGER NOT NULL
);
CREATE INDEX streams_live ON streams (seen_at) WHERE live = 1;
CREATE TABLE stream_lines (
    run INTEGER NOT NULL, file TEXT NOT NULL, first INTEGER NOT NULL, digests BLOB NOT NULL,
    PRIMARY KEY (run, file, first)
) WITHOUT ROWID;
