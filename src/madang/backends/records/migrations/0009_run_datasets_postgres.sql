-- Data sets that runs say they read (docs/formats/store.md).

CREATE TABLE run_datasets (
    run BIGINT NOT NULL REFERENCES runs (number), name TEXT COLLATE "C" NOT NULL, digest TEXT COLLATE "C" NOT NULL,
    context TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, name, digest)
);
