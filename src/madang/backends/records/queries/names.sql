-- Names of parameters, tags and metrics, interned.

-- name: add_name
INSERT INTO names (digest, name) VALUES (:digest, :name) ON CONFLICT (digest) DO NOTHING;

-- name: last_name
SELECT COALESCE(MAX(number), 0) FROM names;

-- name: names_after
SELECT number, name FROM names WHERE number > :last;

-- name: name_by_digest
SELECT number FROM names WHERE digest = :digest;

-- name: all_digests
SELECT number, digest FROM names;

-- name: names_by_number
SELECT number, name FROM names WHERE number = ANY(:numbers);
