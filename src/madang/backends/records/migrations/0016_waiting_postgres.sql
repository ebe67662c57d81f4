-- Frames of a hub's own segments that are durable and wait to be taken into the records (docs/formats/store.md).

CREATE TABLE waiting (
    run BYTEA NOT NULL, segment BYTEA NOT NULL, start BIGINT NOT NULL, stop BIGINT NOT NULL, data BYTEA NOT NULL,
    PRIMARY KEY (run, segment, start)
);
