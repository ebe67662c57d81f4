-- Which version of which data a run read. The key is a tracked path or the name of an artifact.
CREATE TABLE data (
    name INTEGER NOT NULL, run INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (name, run)
) WITHOUT ROWID;
