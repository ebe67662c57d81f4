-- Reports, workspaces and charts.

-- name: get_view
SELECT number, body FROM views WHERE number = :number;

-- name: view_named
SELECT number, body FROM views WHERE project = :project AND kind = :kind AND name = :name ORDER BY number LIMIT 1;

-- name: views_of_project
SELECT number, body FROM views WHERE project = :project AND kind = ANY(:kinds) ORDER BY updated_at DESC, number DESC;

-- name: insert_view
INSERT INTO views (project, kind, name, updated_at, body) VALUES (:project, :kind, :name, :updated_at, :body)
RETURNING number;

-- name: put_view
INSERT INTO views (number, project, kind, name, updated_at, body)
VALUES (:number, :project, :kind, :name, :updated_at, :body)
ON CONFLICT (number) DO UPDATE SET project = excluded.project, kind = excluded.kind, name = excluded.name,
    updated_at = excluded.updated_at, body = excluded.body;

-- name: drop_view
DELETE FROM views WHERE number = :number;
