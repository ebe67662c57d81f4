-- What was taken away.

-- name: dropped_of_name
SELECT c.number, c.deleted_at, v.number, v.digest, v.created_at, v.deleted_at
FROM collections c JOIN versions v ON v.collection = c.number
WHERE c.project = :project
    AND ((c.deleted_at = 0 AND c.name = :name AND v.deleted_at != 0)
        OR (c.deleted_at != 0 AND substr(c.name, 1, length(:lead)) = :lead))
ORDER BY c.number, v.number;

-- name: origins_of_collection
SELECT number, segment, sequence FROM version_origins WHERE collection = :collection ORDER BY segment, sequence;

-- name: dropped_collections
SELECT name, type, created_at, deleted_at FROM collections WHERE project = :project AND deleted_at != 0
ORDER BY deleted_at, number;
