-- Sweeps, their agents and trials (docs/formats/store.md).

CREATE TABLE sweeps (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, created_at INTEGER NOT NULL, revision INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX sweeps_by_project ON sweeps (project, created_at);
CREATE TABLE sweep_agents (
    id TEXT PRIMARY KEY, sweep TEXT NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX sweep_agents_by_sweep ON sweep_agents (sweep, created_at);
CREATE TABLE sweep_trials (
    sweep TEXT NOT NULL, number INTEGER NOT NULL, revision INTEGER NOT NULL, agent TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (sweep, number)
) WITHOUT ROWID;
CREATE INDEX sweep_trials_by_revision ON sweep_trials (sweep, revision);
CREATE INDEX sweep_trials_in_hand ON sweep_trials (agent) WHERE agent <> '';
