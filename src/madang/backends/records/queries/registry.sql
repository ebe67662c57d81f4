-- Protected pointers, requests, history and promotion of models.

-- name: protections
SELECT alias, body FROM pointer_protections WHERE collection = :collection ORDER BY alias;

-- name: put_protection
INSERT INTO pointer_protections (collection, alias, body) VALUES (:collection, :alias, :body)
ON CONFLICT (collection, alias) DO UPDATE SET body = excluded.body;

-- name: drop_protection
DELETE FROM pointer_protections WHERE collection = :collection AND alias = :alias;

-- name: requests
SELECT number, body FROM pointer_requests WHERE collection = :collection ORDER BY number DESC;

-- name: pending_requests
SELECT collections.project, collections.name, pointer_requests.body FROM pointer_requests
JOIN collections ON collections.number = pointer_requests.collection
WHERE pointer_requests.pending = 1 AND collections.deleted_at = 0;

-- name: newest_request
SELECT MAX(number) FROM pointer_requests WHERE collection = :collection;

-- name: put_request
INSERT INTO pointer_requests (collection, number, pending, body) VALUES (:collection, :number, :pending, :body)
ON CONFLICT (collection, number) DO UPDATE SET pending = excluded.pending, body = excluded.body;

-- name: note_collection
INSERT INTO collection_changes (collection, at, body) VALUES (:collection, :at, :body);

-- name: collection_changes
SELECT body FROM collection_changes WHERE collection = :collection ORDER BY id DESC;

-- name: rules
SELECT body, in_default FROM promotion_rules WHERE project = :project;

-- name: put_rules
INSERT INTO promotion_rules (project, body, in_default) VALUES (:project, :body, :in_default)
ON CONFLICT (project) DO UPDATE SET body = excluded.body, in_default = excluded.in_default;

-- name: await_decision
INSERT INTO runs_to_judge (run) VALUES (:run) ON CONFLICT (run) DO NOTHING;

-- name: awaiting
SELECT run FROM runs_to_judge ORDER BY id LIMIT :limit;

-- name: judged
DELETE FROM runs_to_judge WHERE run = :run;

-- name: put_decision
INSERT INTO promotion_decisions (collection, number, run, alias, at, expires_at, gone_at, body)
VALUES (:collection, :number, :run, :alias, :at, :expires_at, :gone_at, :body)
ON CONFLICT (collection, number, run, alias)
DO UPDATE SET at = excluded.at, expires_at = excluded.expires_at, gone_at = excluded.gone_at, body = excluded.body;

-- name: decisions
SELECT body FROM promotion_decisions WHERE collection = :collection ORDER BY at DESC, number DESC;

-- name: expired
SELECT c.project, c.name, d.body FROM promotion_decisions d JOIN collections c ON c.number = d.collection
WHERE d.expires_at > 0 AND d.expires_at <= :now AND d.gone_at = 0 ORDER BY d.expires_at LIMIT :limit;
