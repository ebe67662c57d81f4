-- Versions in the making, and claimed digests.

-- name: add_draft
INSERT INTO drafts (id, project, client, shared, at, body) VALUES (:id, :project, :client, :shared, :at, :body);

-- name: get_draft
SELECT d.body, d.number, c.project, c.name FROM drafts d LEFT JOIN collections c ON c.number = d.collection
WHERE d.id = :id;

-- name: draft_of_client
SELECT d.body, d.number, c.project, c.name FROM drafts d LEFT JOIN collections c ON c.number = d.collection
WHERE d.client = :client ORDER BY d.at DESC, d.id DESC LIMIT 1;

-- name: shared_draft
SELECT d.body, d.number, NULL, NULL FROM drafts d
WHERE d.project = :project AND d.shared = :shared AND d.number IS NULL ORDER BY d.at LIMIT 1;

-- name: put_draft_manifest
INSERT INTO draft_manifests (id, draft, kind, base, digest, body)
VALUES (:id, :draft, :kind, :base, :digest, :body)
ON CONFLICT (id) DO UPDATE SET base = excluded.base, digest = excluded.digest, body = excluded.body;

-- name: draft_manifest
SELECT id, draft, kind, base, digest, body FROM draft_manifests WHERE id = :id;

-- name: draft_manifests
SELECT id, draft, kind, base, digest, body FROM draft_manifests WHERE draft = :draft ORDER BY place;

-- name: finish_draft
UPDATE drafts SET collection = :collection, number = :number, expires_at = :expires_at WHERE id = :id;

-- name: expire_draft
UPDATE drafts SET expires_at = :expires_at WHERE id = :id;

-- name: drop_draft_manifests
DELETE FROM draft_manifests WHERE draft = :draft;

-- name: expired_drafts
SELECT d.body, d.number, c.project, c.name FROM drafts d JOIN collections c ON c.number = d.collection
AND c.deleted_at = 0 JOIN versions v ON v.collection = d.collection AND v.number = d.number AND v.deleted_at = 0
WHERE d.expires_at > 0 AND d.expires_at <= :now ORDER BY d.expires_at;

-- name: forget_draft_manifests
DELETE FROM draft_manifests WHERE draft IN (SELECT id FROM drafts WHERE number IS NULL AND at < :before);

-- name: forget_drafts
DELETE FROM drafts WHERE number IS NULL AND at < :before;

-- name: add_link
INSERT INTO version_links (source, collection, number) VALUES (:source, :collection, :number)
ON CONFLICT (collection, number) DO NOTHING;

-- name: links
SELECT c.project, c.name, l.number FROM version_links l JOIN collections c ON c.number = l.collection
AND c.deleted_at = 0 JOIN versions v ON v.collection = l.collection AND v.number = l.number AND v.deleted_at = 0
WHERE l.source = :source ORDER BY v.created_at, l.collection, l.number;

-- name: add_claim
INSERT INTO claimed_digests (project, digest, blob, size) VALUES (:project, :digest, :blob, :size)
ON CONFLICT (project, digest) DO NOTHING;

-- name: claims
SELECT digest, blob, size FROM claimed_digests WHERE project = :project AND digest = ANY(:digests);

-- name: claims_of
SELECT digest, blob, size FROM claimed_digests WHERE project = :project AND blob = ANY(:blobs);
