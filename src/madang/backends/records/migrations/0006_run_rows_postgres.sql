-- Runs as lists show them, encoded (docs/formats/store.md).

CREATE TABLE run_rows (
    run BIGINT NOT NULL REFERENCES runs (number), form TEXT COLLATE "C" NOT NULL,
    mark TEXT COLLATE "C" NOT NULL, data BYTEA NOT NULL,
    PRIMARY KEY (run, form)
);
