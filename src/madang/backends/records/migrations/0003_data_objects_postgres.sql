-- The objects of data remotes: a key below a project's remote, and the blob that its bytes are.
CREATE TABLE data_objects (
    project TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, digest BYTEA NOT NULL, size BIGINT NOT NULL,
    created_at BIGINT NOT NULL, actor TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, key)
);
