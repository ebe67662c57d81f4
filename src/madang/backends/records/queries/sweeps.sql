-- Sweeps, their agents and trials. A trial's agent is named while it runs; else it is empty.

-- name: get_sweep
SELECT body FROM sweeps WHERE id = :id;

-- name: sweeps_of_project
SELECT body FROM sweeps WHERE project = :project ORDER BY created_at DESC, id;

-- name: projects_with_sweeps
SELECT DISTINCT project FROM sweeps ORDER BY project;

-- name: put_sweep
INSERT INTO sweeps (id, project, created_at, revision, body) VALUES (:id, :project, :created_at, 0, :body)
ON CONFLICT (id) DO UPDATE SET project = excluded.project, created_at = excluded.created_at, body = excluded.body;

-- name: get_agent
SELECT body, seen_at FROM sweep_agents WHERE id = :id;

-- name: agents_of_sweep
SELECT body, seen_at FROM sweep_agents WHERE sweep = :sweep ORDER BY created_at, id;

-- name: put_agent
INSERT INTO sweep_agents (id, sweep, created_at, seen_at, body) VALUES (:id, :sweep, :created_at, :seen_at, :body)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, body = excluded.body;

-- name: hear_agent
UPDATE sweep_agents SET seen_at = :seen_at WHERE id = :id AND seen_at < :seen_at;

-- name: sweep_revision
SELECT revision FROM sweeps WHERE id = :sweep;

-- name: next_sweep_revision
UPDATE sweeps SET revision = revision + 1 WHERE id = :sweep;

-- name: trials_since
SELECT body FROM sweep_trials WHERE sweep = :sweep AND revision > :since ORDER BY number;

-- name: get_trial
SELECT body FROM sweep_trials WHERE sweep = :sweep AND number = :number;

-- name: sweeps_in_hand
SELECT DISTINCT sweep FROM sweep_trials WHERE agent <> '' ORDER BY sweep;

-- name: newest_trial
SELECT body FROM sweep_trials WHERE sweep = :sweep ORDER BY number DESC LIMIT 1;

-- name: trials_in_hand
SELECT body FROM sweep_trials WHERE agent = :agent AND agent <> '' ORDER BY sweep, number;

-- name: put_trial
INSERT INTO sweep_trials (sweep, number, revision, agent, body) VALUES (:sweep, :number, :revision, :agent, :body)
ON CONFLICT (sweep, number)
DO UPDATE SET revision = excluded.revision, agent = excluded.agent, body = excluded.body;
