-- Sweeps, their agents and trials (docs/formats/store.md).

CREATE TABLE sweeps (
    id TEXT COLLATE "C" PRIMARY KEY, project TEXT COLLATE "C" NOT NULL, created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL, body BYTEA NOT NULL
);
CREATE INDEX sweeps_by_project ON sweeps (project, created_at);
CREATE TABLE sweep_agents (
    id TEXT COLLATE "C" PRIMARY KEY, sweep TEXT COLLATE "C" NOT NULL, created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL, body BYTEA NOT NULL
);
CREATE INDEX sweep_agents_by_sweep ON sweep_agents (sweep, created_at);
CREATE TABLE sweep_trials (
    sweep TEXT COLLATE "C" NOT NULL, number BIGINT NOT NULL, revision BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL, body BYTEA NOT NULL,
    PRIMARY KEY (sweep, number)
);
CREATE INDEX sweep_trials_by_revision ON sweep_trials (sweep, revision);
CREATE INDEX sweep_trials_in_hand ON sweep_trials (agent) WHERE agent <> '';
