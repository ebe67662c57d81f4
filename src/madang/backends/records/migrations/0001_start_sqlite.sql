-- The tables are described in docs/formats/store.md.

CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
INSERT INTO clock (id, revision) VALUES (1, 0);

CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE projects (name TEXT PRIMARY KEY, description TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    host TEXT NOT NULL,
    run_group TEXT NOT NULL,
    job_type TEXT NOT NULL,
    parent TEXT NOT NULL,
    notes TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    branch TEXT NOT NULL,
    verdict TEXT NOT NULL,
    deleted_at INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    changed INTEGER NOT NULL
);
CREATE INDEX runs_by_project ON runs (project, deleted_at, created_at);
CREATE INDEX runs_by_change ON runs (changed);

-- Apart from the row, so that a search that walks the rows stays in few pages.
CREATE TABLE run_states (
    run INTEGER PRIMARY KEY REFERENCES runs (number),
    light BLOB NOT NULL,
    heavy BLOB NOT NULL,
    environment BLOB NOT NULL,
    overrides BLOB NOT NULL,
    damage BLOB NOT NULL,
    metrics BLOB NOT NULL -- numbers of the names of the run's metrics
);

-- What many runs share word for word (the environment), stored once.
CREATE TABLE shared_parts (digest BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE changes (
    run INTEGER NOT NULL REFERENCES runs (number),
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    change BLOB NOT NULL,
    PRIMARY KEY (run, revision)
) WITHOUT ROWID;

-- Names of parameters, tags and metrics. The digest bounds the index: a name may have thousands of characters.
CREATE TABLE names (number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL);

CREATE TABLE params (
    name INTEGER NOT NULL, run INTEGER NOT NULL, number REAL, value TEXT NOT NULL,
    PRIMARY KEY (name, run)
) WITHOUT ROWID;

CREATE TABLE tags (
    name INTEGER NOT NULL, run INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (name, run)
) WITHOUT ROWID;

-- Clustered by name: a search over one metric of all runs reads neighbouring rows.
CREATE TABLE metrics (
    name INTEGER NOT NULL,
    run INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    goal INTEGER NOT NULL,
    count INTEGER NOT NULL,
    hand REAL,
    last REAL,
    words TEXT,
    low REAL,
    high REAL,
    numbers INTEGER NOT NULL,
    total REAL,
    last_step INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    last_segment INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    low_step INTEGER NOT NULL,
    high_step INTEGER NOT NULL,
    exact BLOB,
    PRIMARY KEY (name, run)
) WITHOUT ROWID;

CREATE TABLE project_metrics (
    project TEXT NOT NULL, name INTEGER NOT NULL, kind INTEGER NOT NULL, runs INTEGER NOT NULL,
    PRIMARY KEY (project, name)
) WITHOUT ROWID;

CREATE TABLE segments (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (number),
    id BLOB NOT NULL,
    read_to INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    chain BLOB NOT NULL,
    sealed_to INTEGER NOT NULL,
    sealed_sequence INTEGER NOT NULL,
    sealed_chain BLOB NOT NULL,
    unsealed INTEGER NOT NULL,
    seen_size INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    damage TEXT NOT NULL,
    UNIQUE (run, id)
);
CREATE INDEX segments_open ON segments (run) WHERE ended = 0;

CREATE TABLE keysets (
    segment INTEGER NOT NULL, sequence INTEGER NOT NULL, id INTEGER NOT NULL, names BLOB NOT NULL, types TEXT NOT NULL,
    PRIMARY KEY (segment, sequence)
) WITHOUT ROWID;

CREATE TABLE pieces (
    segment INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, packed INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (segment, start)
);

CREATE TABLE chunks (
    run INTEGER NOT NULL, kind TEXT NOT NULL, segment INTEGER NOT NULL, first INTEGER NOT NULL, block INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, kind, segment, first, block)
);

CREATE TABLE collections (
    number INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    first INTEGER NOT NULL,
    next INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    description TEXT NOT NULL,
    tags BLOB NOT NULL,
    UNIQUE (project, name)
);

CREATE TABLE versions (
    collection INTEGER NOT NULL REFERENCES collections (number),
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    files INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    run TEXT NOT NULL,
    actor TEXT NOT NULL,
    description TEXT NOT NULL,
    metadata BLOB NOT NULL,
    tags BLOB NOT NULL,
    PRIMARY KEY (collection, number)
) WITHOUT ROWID;

-- Which event made which version: taking an event in again makes no second one.
CREATE TABLE version_origins (
    segment TEXT NOT NULL, sequence INTEGER NOT NULL, collection INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (segment, sequence)
) WITHOUT ROWID;

-- Which runs wrote a version: the same content from two runs is one version.
CREATE TABLE version_writers (
    run TEXT NOT NULL, collection INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (run, collection, number)
) WITHOUT ROWID;

CREATE TABLE manifests (
    project TEXT NOT NULL, digest TEXT NOT NULL, entries BLOB NOT NULL,
    PRIMARY KEY (project, digest)
);

-- Which blobs a project may read: those of its versions and of its runs' files.
CREATE TABLE held_blobs (project TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (project, digest)) WITHOUT ROWID;

CREATE TABLE aliases (
    collection INTEGER NOT NULL, alias TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (collection, alias)
) WITHOUT ROWID;

CREATE TABLE pointer_changes (
    id INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    alias TEXT NOT NULL,
    number INTEGER,
    before INTEGER,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX pointer_changes_by_collection ON pointer_changes (collection, id);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    everywhere INTEGER NOT NULL,
    projects BLOB NOT NULL,
    run TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL
);
CREATE INDEX tokens_by_parent ON tokens (parent);
