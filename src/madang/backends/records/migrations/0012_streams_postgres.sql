-- Clients that stream lines, and digests of the lines that are held (docs/formats/store.md).

CREATE TABLE streams (
    run BIGINT PRIMARY KEY, seen_at BIGINT NOT NULL, live BIGINT NOT NULL, shift BIGINT NOT NULL
);
CREATE INDEX streams_live ON streams (seen_at) WHERE live = 1;
CREATE TABLE stream_lines (
    run BIGINT NOT NULL, file TEXT COLLATE "C" NOT NULL, first BIGINT NOT NULL, digests BYTEA NOT NULL,
    PRIMARY KEY (run, file, first)
);
