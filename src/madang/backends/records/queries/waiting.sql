-- Frames that wait to be taken into the records.

-- name: add_waiting sqlite
INSERT INTO waiting (segment, start, stop, data)
SELECT :segment, :start, :stop, :data
WHERE (SELECT changed FROM runs WHERE number = :run) = :changed
    AND coalesce((SELECT stop FROM waiting WHERE segment = :segment ORDER BY start DESC LIMIT 1),
        (SELECT read_to FROM segments WHERE number = :segment)) = :start;

-- name: add_waiting postgres
INSERT INTO waiting (segment, start, stop, data)
SELECT :segment::bigint, :start::bigint, :stop::bigint, :data::bytea
WHERE (SELECT changed FROM runs WHERE number = :run::bigint) = :changed::bigint
    AND coalesce((SELECT stop FROM waiting WHERE segment = :segment::bigint ORDER BY start DESC LIMIT 1),
        (SELECT read_to FROM segments WHERE number = :segment::bigint)) = :start::bigint;

-- name: waiting_of_segment
SELECT start, data FROM waiting WHERE segment = :segment ORDER BY start;

-- name: drop_waiting
DELETE FROM waiting WHERE segment = :segment;

-- name: runs_that_wait
SELECT DISTINCT r.id FROM waiting w JOIN segments s ON s.number = w.segment JOIN runs r ON r.number = s.run;

-- name: run_waits
SELECT w.start FROM runs r JOIN segments s ON s.run = r.number JOIN waiting w ON w.segment = s.number WHERE r.id = :id LIMIT 1;
