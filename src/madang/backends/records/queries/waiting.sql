-- Frames that wait to be taken into the records.

-- name: add_waiting sqlite
INSERT INTO waiting (run, segment, start, stop, data)
SELECT :run, :segment, :start, :stop, :data
WHERE (NOT :presumed OR NOT EXISTS (SELECT 1 FROM tokens WHERE kind = 'token'))
    AND coalesce((SELECT changed FROM runs WHERE id = :run), 0) = :changed
    AND coalesce((SELECT stop FROM waiting WHERE run = :run AND segment = :segment ORDER BY start DESC LIMIT 1),
        (SELECT s.read_to FROM segments s JOIN runs r ON r.number = s.run WHERE r.id = :run AND s.id = :segment), 0) = :start;

-- name: add_waiting postgres
INSERT INTO waiting (run, segment, start, stop, data)
SELECT :run::bytea, :segment::bytea, :start::bigint, :stop::bigint, :data::bytea
WHERE coalesce((SELECT changed FROM runs WHERE id = :run::bytea), 0) = :changed::bigint
    AND coalesce(
        (SELECT stop FROM waiting WHERE run = :run::bytea AND segment = :segment::bytea ORDER BY start DESC LIMIT 1),
        (SELECT s.read_to FROM segments s JOIN runs r ON r.number = s.run WHERE r.id = :run::bytea AND s.id = :segment::bytea),
        0) = :start::bigint;

-- name: waiting_of_segment
SELECT start, data FROM waiting WHERE run = :run AND segment = :segment ORDER BY start;

-- name: waiting_of_begun
SELECT start, data FROM waiting WHERE run = :run AND segment = :segment AND NOT EXISTS (SELECT 1 FROM runs WHERE id = :run)
ORDER BY start;

-- name: drop_waiting
DELETE FROM waiting WHERE run = :run AND segment = :segment;

-- name: runs_that_wait
SELECT DISTINCT run FROM waiting;

-- name: run_waits
SELECT start FROM waiting WHERE run = :run LIMIT 1;
