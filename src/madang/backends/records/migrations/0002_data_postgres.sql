-- Which version of which data a run read. The key is a tracked path or the name of an artifact.
CREATE TABLE data (
    name BIGINT NOT NULL, run BIGINT NOT NULL, value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (name, run)
);
