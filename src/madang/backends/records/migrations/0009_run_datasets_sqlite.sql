-- Data sets that runs say they read (docs/formats/store.md).

CREATE TABLE run_datasets (
    run INTEGER NOT NULL REFERENCES runs (number), name TEXT NOT NULL, digest TEXT NOT NULL, context TEXT NOT NULL,
    PRIMARY KEY (run, name, digest)
) WITHOUT ROWID;
