-- Lines that clients stream.

-- name: get_stream
SELECT seen_at, live, shift FROM streams WHERE run = :run;

-- name: put_stream
INSERT INTO streams (run, seen_at, live, shift) VALUES (:run, :seen_at, :live, :shift)
ON CONFLICT (run) DO UPDATE SET seen_at = excluded.seen_at, live = excluded.live, shift = excluded.shift;

-- name: silent_streams
SELECT runs.id, streams.seen_at FROM streams JOIN runs ON runs.number = streams.run
WHERE streams.live = 1 AND streams.seen_at < :before ORDER BY streams.seen_at LIMIT 1000;

-- name: last_stream_lines
SELECT first, length(digests) FROM stream_lines WHERE run = :run AND file = :file ORDER BY first DESC LIMIT 1;

-- name: stream_files
SELECT DISTINCT file FROM stream_lines WHERE run = :run ORDER BY file;

-- name: stream_lines
SELECT first, digests FROM stream_lines WHERE run = :run AND file = :file AND first < :stop AND first >= COALESCE(
    (SELECT MAX(first) FROM stream_lines WHERE run = :run AND file = :file AND first <= :start), 0);

-- name: put_stream_lines
INSERT INTO stream_lines (run, file, first, digests) VALUES (:run, :file, :first, :digests)
ON CONFLICT (run, file, first) DO UPDATE SET digests = excluded.digests;

-- name: cut_stream_lines
DELETE FROM stream_lines WHERE run = :run AND file = :file AND first >= :start;
