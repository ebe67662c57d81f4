-- Runs: the row that searches walk, the state beside it, and the indexes of parameters, tags and metrics.

-- name: tick
UPDATE clock SET revision = revision + 1 WHERE id = 1 RETURNING revision;

-- name: run_number
SELECT number FROM runs WHERE id = :id;

-- name: insert_run
INSERT INTO runs (id, project, name, status, created_at, ended_at, seen_at, user_name, host, run_group, job_type, parent,
    notes, commit_id, branch, verdict, deleted_at, archived, revision, changed)
VALUES (:id, :project, :name, :status, :created_at, :ended_at, :seen_at, :user_name, :host, :run_group, :job_type, :parent,
    :notes, :commit_id, :branch, :verdict, :deleted_at, :archived, :revision, :changed)
RETURNING number;

-- name: update_run
UPDATE runs SET project = :project, name = :name, status = :status, created_at = :created_at, ended_at = :ended_at,
    seen_at = :seen_at, user_name = :user_name, host = :host, run_group = :run_group, job_type = :job_type, parent = :parent,
    notes = :notes, commit_id = :commit_id, branch = :branch, verdict = :verdict, deleted_at = :deleted_at,
    archived = :archived, revision = :revision, changed = :changed
WHERE number = :number;

-- name: put_state
INSERT INTO run_states (run, light, heavy, environment, overrides, damage, metrics)
VALUES (:run, :light, :heavy, :environment, :overrides, :damage, :metrics)
ON CONFLICT (run) DO UPDATE SET light = excluded.light, heavy = excluded.heavy, environment = excluded.environment,
    overrides = excluded.overrides, damage = excluded.damage;

-- name: put_shared_part
INSERT INTO shared_parts (digest, data) VALUES (:digest, :data) ON CONFLICT (digest) DO NOTHING;

-- name: get_run
SELECT r.number, r.changed, s.light, s.overrides, s.damage, s.heavy, p.data
FROM runs r JOIN run_states s ON s.run = r.number LEFT JOIN shared_parts p ON p.digest = s.environment
WHERE r.id = :id;

-- name: fetch_run
SELECT r.number, r.changed, s.light, s.overrides, s.damage FROM runs r JOIN run_states s ON s.run = r.number
WHERE r.id = :id;

-- name: fetch_numbers
SELECT r.number, r.changed, s.light, s.overrides, s.damage FROM runs r JOIN run_states s ON s.run = r.number
WHERE r.number = ANY(:numbers);

-- name: count_runs
SELECT COUNT(*) FROM runs WHERE project = ANY(:projects) AND deleted_at = 0;

-- name: count_metrics
SELECT COUNT(*) FROM (SELECT 1 FROM metrics WHERE name = :name LIMIT :most) AS some;

-- name: count_params
SELECT COUNT(*) FROM (SELECT 1 FROM params WHERE name = :name LIMIT :most) AS some;

-- name: count_tags
SELECT COUNT(*) FROM (SELECT 1 FROM tags WHERE name = :name LIMIT :most) AS some;

-- name: find_by_id
SELECT id, project FROM runs WHERE id BETWEEN :low AND :high ORDER BY id LIMIT :limit;

-- name: find_by_name
SELECT id, project FROM runs WHERE name = :name ORDER BY created_at DESC, id LIMIT :limit;

-- name: find_by_tag
SELECT r.id, r.project FROM tags t JOIN runs r ON r.number = t.run
WHERE t.name = :tag AND t.value = :text AND r.deleted_at = 0 ORDER BY r.created_at DESC, r.id LIMIT :limit;

-- name: projects
SELECT r.project, COUNT(*), SUM(CASE WHEN r.status = 'running' THEN 1 ELSE 0 END), MAX(r.seen_at), MIN(r.created_at)
FROM runs r WHERE r.deleted_at = 0 AND r.job_type NOT IN ('logged-model', 'trace', 'evaluation-dataset') GROUP BY r.project;

-- name: projects_of_versions
SELECT c.project, MIN(c.created_at), MAX(v.created_at) FROM collections c JOIN versions v ON v.collection = c.number
WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.project = c.project AND r.deleted_at = 0) GROUP BY c.project;

-- name: described_projects
SELECT name, description, created_at, title FROM projects WHERE deleted_at = 0 AND (number IS NULL OR number > 0);

-- name: describe_project
INSERT INTO projects (name, description, created_at) VALUES (:name, :description, :at)
ON CONFLICT (name) DO UPDATE SET description = excluded.description;

-- name: revision
SELECT revision FROM clock WHERE id = 1;

-- name: revision_of_projects
SELECT COALESCE(MAX(changed), 0) FROM (
    SELECT MAX(changed) AS changed FROM runs WHERE project = ANY(:projects)
    UNION ALL SELECT MAX(changed) FROM project_revisions WHERE project = ANY(:projects)
) AS newest;

-- name: revision_of_versions
SELECT COALESCE(MAX(changed), 0) FROM project_revisions;

-- name: revision_of_versions_in_projects
SELECT COALESCE(MAX(changed), 0) FROM project_revisions WHERE project = ANY(:projects);

-- name: touch_project
INSERT INTO project_revisions (project, changed) VALUES (:project, :changed)
ON CONFLICT (project) DO UPDATE SET changed = excluded.changed;

-- name: changed
SELECT changed, id FROM runs WHERE changed > :since ORDER BY changed LIMIT :limit;

-- name: changed_in_projects
SELECT changed, id FROM runs WHERE changed > :since AND project = ANY(:projects) ORDER BY changed LIMIT :limit;

-- name: add_change
INSERT INTO changes (run, revision, at, actor, change)
SELECT number, :revision, :at, :actor, :change FROM runs WHERE id = :run
ON CONFLICT (run, revision) DO NOTHING;

-- name: put_param
INSERT INTO params (name, run, number, value) VALUES (:name, :run, :number, :value)
ON CONFLICT (name, run) DO UPDATE SET number = excluded.number, value = excluded.value;

-- name: drop_param
DELETE FROM params WHERE name = :name AND run = :run;

-- name: put_tag
INSERT INTO tags (name, run, value) VALUES (:name, :run, :value)
ON CONFLICT (name, run) DO UPDATE SET value = excluded.value;

-- name: drop_tag
DELETE FROM tags WHERE name = :name AND run = :run;

-- name: put_data
INSERT INTO data (name, run, value) VALUES (:name, :run, :value)
ON CONFLICT (name, run) DO UPDATE SET value = excluded.value;

-- name: data_uses
SELECT r.id, r.project, r.name, r.status, r.created_at, d.value FROM data d JOIN runs r ON r.number = d.run
WHERE d.name = :name ORDER BY r.created_at, r.id;

-- name: data_names
SELECT n.name, COUNT(*), MAX(r.created_at) FROM runs r JOIN data d ON d.run = r.number JOIN names n ON n.number = d.name
WHERE r.project = :project AND r.deleted_at = 0 AND (d.value LIKE 'md5:%' OR d.value LIKE '~md5:%') GROUP BY n.name;

-- name: count_data
SELECT COUNT(*) FROM (SELECT 1 FROM data WHERE name = :name LIMIT :most) AS some;

-- name: rows_of_runs
SELECT run, mark, data FROM run_rows WHERE run = ANY(:runs) AND form = :form;

-- name: keep_row
INSERT INTO run_rows (run, form, mark, data) VALUES (:run, :form, :mark, :data)
ON CONFLICT (run, form) DO UPDATE SET mark = excluded.mark, data = excluded.data;
