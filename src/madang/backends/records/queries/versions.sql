-- Collections, versions, manifests, aliases.

-- name: get_collection
SELECT number, type, first, next, created_at, description, tags, updated_at FROM collections
WHERE project = :project AND name = :name AND deleted_at = 0;

-- name: collection_with
SELECT project, name FROM collections WHERE number = :number AND deleted_at = 0;

-- name: collections_of_project
SELECT c.number, c.type, c.first, c.next, c.created_at, c.description, c.tags, c.updated_at, c.name, COUNT(v.number),
MAX(v.created_at)
FROM collections c LEFT JOIN versions v ON v.collection = c.number AND v.deleted_at = 0
WHERE c.project = :project AND c.deleted_at = 0
GROUP BY c.number, c.type, c.first, c.next, c.created_at, c.description, c.tags, c.updated_at, c.name ORDER BY c.name;

-- name: collections_named
SELECT project FROM collections WHERE name = :name AND type = :type AND deleted_at = 0 ORDER BY created_at, project;

-- name: add_collection
INSERT INTO collections (project, name, type, first, next, created_at, description, tags)
VALUES (:project, :name, :type, :first, :first, :created_at, '', :tags) RETURNING number;

-- name: touch_collection
UPDATE collections SET updated_at = :at WHERE number = :number;

-- name: rename_collection
UPDATE collections SET name = :name, updated_at = :at WHERE number = :number;

-- name: retype_collection
UPDATE collections SET type = :type, updated_at = :at WHERE number = :number;

-- name: drop_collection
UPDATE collections SET name = :name, deleted_at = :at WHERE number = :number;

-- name: drop_version
UPDATE versions SET deleted_at = :at WHERE collection = :collection AND number = :number;

-- name: touch_version
UPDATE versions SET updated_at = :at WHERE collection = :collection AND number = :number;

-- name: advance_collection
UPDATE collections SET next = :next WHERE number = :number AND next < :next;

-- name: edit_collection
UPDATE collections SET description = :description, tags = :tags WHERE number = :number;

-- name: add_version
INSERT INTO versions (collection, number, digest, size, files, created_at, run, actor, description, metadata, tags)
VALUES (:collection, :number, :digest, :size, :files, :created_at, :run, :actor, :description, :metadata, :tags);

-- name: edit_version
UPDATE versions SET description = :description, metadata = :metadata, tags = :tags
WHERE collection = :collection AND number = :number;

-- name: get_version
SELECT number, digest, size, files, created_at, run, actor, description, metadata, tags, updated_at
FROM versions WHERE collection = :collection AND number = :number AND deleted_at = 0;

-- name: version_number
SELECT number FROM versions WHERE collection = :collection AND number = :number;

-- name: latest_version
SELECT MAX(number) FROM versions WHERE collection = :collection AND deleted_at = 0;

-- name: versions_of_collection
SELECT number, digest, size, files, created_at, run, actor, description, metadata, tags, updated_at
FROM versions WHERE collection = :collection AND deleted_at = 0 ORDER BY number DESC;

-- name: versions_of_runs
SELECT w.run, c.name, w.number FROM version_writers w JOIN collections c ON c.number = w.collection AND c.deleted_at = 0
JOIN versions v ON v.collection = w.collection AND v.number = w.number AND v.deleted_at = 0
WHERE w.run = ANY(:runs) ORDER BY c.name, w.number;

-- name: versions_written
SELECT c.project, c.name, w.number FROM version_writers w JOIN collections c ON c.number = w.collection
WHERE w.run = :run AND c.deleted_at = 0 ORDER BY c.project, c.name, w.number;

-- name: version_by_origin
SELECT c.project, c.name, o.number FROM version_origins o JOIN collections c ON c.number = o.collection
WHERE o.segment = :segment AND o.sequence = :sequence;

-- name: origins_of_project
SELECT c.name, o.number, o.segment, o.sequence FROM version_origins o JOIN collections c ON c.number = o.collection
WHERE c.project = :project AND c.deleted_at = 0 ORDER BY c.name, o.number, o.segment, o.sequence;

-- name: add_origin
INSERT INTO version_origins (segment, sequence, collection, number) VALUES (:segment, :sequence, :collection, :number);

-- name: add_writer
INSERT INTO version_writers (run, collection, number) VALUES (:run, :collection, :number)
ON CONFLICT (run, collection, number) DO NOTHING;

-- name: put_manifest
INSERT INTO manifests (project, digest, entries) VALUES (:project, :digest, :entries)
ON CONFLICT (project, digest) DO NOTHING;

-- name: get_manifest
SELECT entries FROM manifests WHERE project = :project AND digest = :digest;

-- name: hold_blob
INSERT INTO held_blobs (project, digest) VALUES (:project, :digest) ON CONFLICT (project, digest) DO NOTHING;

-- name: holds_blob
SELECT 1 FROM held_blobs WHERE project = :project AND digest = :digest;

-- name: aliases
SELECT alias, number FROM aliases WHERE collection = :collection ORDER BY alias;

-- name: aliases_of_project
SELECT a.collection, a.alias, a.number FROM aliases a JOIN collections c ON c.number = a.collection
WHERE c.project = :project ORDER BY a.alias;

-- name: get_alias
SELECT number FROM aliases WHERE collection = :collection AND alias = :alias;

-- name: put_alias
INSERT INTO aliases (collection, alias, number) VALUES (:collection, :alias, :number)
ON CONFLICT (collection, alias) DO UPDATE SET number = excluded.number;

-- name: drop_alias
DELETE FROM aliases WHERE collection = :collection AND alias = :alias;

-- name: add_pointer_change
INSERT INTO pointer_changes (collection, alias, number, before, actor, at, reason)
VALUES (:collection, :alias, :number, :before, :actor, :at, :reason);

-- name: pointer_changes
SELECT alias, number, before, actor, at, reason FROM pointer_changes WHERE collection = :collection ORDER BY id DESC;
