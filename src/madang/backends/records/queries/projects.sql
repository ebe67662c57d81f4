-- Projects beside their runs.

-- name: registered_projects
SELECT number, name, title, created_at, updated_at, deleted_at, location, tags FROM projects
WHERE number IS NOT NULL ORDER BY number;

-- name: project_by_number
SELECT number, name, title, created_at, updated_at, deleted_at, location, tags FROM projects WHERE number = :number;

-- name: project_by_title
SELECT number, name, title, created_at, updated_at, deleted_at, location, tags FROM projects WHERE title = :title;

-- name: project_by_name
SELECT number, name, title, created_at, updated_at, deleted_at, location, tags FROM projects
WHERE name = :name AND number IS NOT NULL;

-- name: last_project
-- The numbers of projects that came from elsewhere may be beyond what JSON's readers take for whole.
SELECT COALESCE(MAX(number), 0) FROM projects WHERE number < 9007199254740991;

-- name: put_project
INSERT INTO projects (name, description, created_at, number, title, updated_at, deleted_at, location, tags)
VALUES (:name, '', :created_at, :number, :title, :updated_at, :deleted_at, :location, :tags)
ON CONFLICT (name) DO UPDATE SET number = excluded.number, title = excluded.title, created_at = excluded.created_at,
updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, location = excluded.location, tags = excluded.tags;

-- name: unregistered_projects
SELECT r.project, MIN(r.created_at) FROM runs r
WHERE NOT EXISTS (SELECT 1 FROM projects p WHERE p.name = r.project AND p.number IS NOT NULL)
GROUP BY r.project ORDER BY 2, 1;

-- name: drop_datasets
DELETE FROM run_datasets WHERE run = :run;

-- name: put_dataset
INSERT INTO run_datasets (run, name, digest, context) VALUES (:run, :name, :digest, :context)
ON CONFLICT (run, name, digest) DO UPDATE SET context = excluded.context;
