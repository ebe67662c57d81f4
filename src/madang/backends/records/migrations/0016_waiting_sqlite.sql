-- Frames of a hub's own segments that are durable and wait to be taken into the records (docs/formats/store.md).

CREATE TABLE waiting (
    run BLOB NOT NULL, segment BLOB NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (run, segment, start)
) WITHOUT ROWID;
