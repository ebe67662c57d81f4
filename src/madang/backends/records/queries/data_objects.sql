-- The objects of data remotes.

-- name: find_data_objects
SELECT key, digest, size, created_at, actor FROM data_objects WHERE project = :project AND key = ANY(:keys);

-- name: add_data_object
INSERT INTO data_objects (project, key, digest, size, created_at, actor)
VALUES (:project, :key, :digest, :size, :created_at, :actor) ON CONFLICT (project, key) DO NOTHING;

-- name: list_data_objects
SELECT key, digest, size, created_at, actor FROM data_objects
WHERE project = :project AND key > :after AND key >= :first AND key < :last ORDER BY key LIMIT :limit;

-- name: remove_data_objects
DELETE FROM data_objects WHERE project = :project AND key = ANY(:keys);

-- name: data_projects
SELECT DISTINCT project FROM data_objects ORDER BY project;
