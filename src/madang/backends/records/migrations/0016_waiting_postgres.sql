-- Frames of a hub's own segments that are durable and wait to be taken into the records (docs/formats/store.md).

CREATE TABLE waiting (
    segment BIGINT NOT NULL, start BIGINT NOT NULL, stop BIGINT NOT NULL, data BYTEA NOT NULL,
    PRIMARY KEY (segment, start)
);
