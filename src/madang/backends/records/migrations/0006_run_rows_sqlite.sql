-- Runs as lists show them, encoded (docs/formats/store.md).

CREATE TABLE run_rows (
    run INTEGER NOT NULL REFERENCES runs (number), form TEXT NOT NULL, mark TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (run, form)
);
