-- Settings of the store, and credentials.

-- name: get_setting
SELECT value FROM settings WHERE key = :key;

-- name: set_setting
INSERT INTO settings (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: drop_setting
DELETE FROM settings WHERE key = :key;

-- name: add_token
INSERT INTO tokens (id, digest, name, everywhere, projects, run, kind, parent, created_at, created_by, expires_at, revoked_at)
VALUES (:id, :digest, :name, :everywhere, :projects, :run, :kind, :parent, :created_at, :created_by, :expires_at, :revoked_at)
ON CONFLICT DO NOTHING;

-- name: token_by_digest
SELECT id, name, digest, everywhere, projects, run, kind, parent, created_at, created_by, expires_at, revoked_at
FROM tokens WHERE digest = :digest;

-- name: token_by_id
SELECT id, name, digest, everywhere, projects, run, kind, parent, created_at, created_by, expires_at, revoked_at
FROM tokens WHERE id = :id;

-- name: tokens
SELECT id, name, digest, everywhere, projects, run, kind, parent, created_at, created_by, expires_at, revoked_at
FROM tokens ORDER BY created_at, id;

-- name: any_token
SELECT 1 FROM tokens WHERE kind = 'token' LIMIT 1;

-- name: grant_token
UPDATE tokens SET projects = :projects WHERE id = :id OR parent = :id;

-- name: revoke_token
UPDATE tokens SET revoked_at = :at WHERE (id = :id OR parent = :id) AND revoked_at = 0;
