-- Segments: how far they are read and sealed; what a hub keeps of them.

-- name: get_segment
SELECT run, id, number, read_to, sequence, chain, sealed_to, sealed_sequence, sealed_chain, unsealed, seen_size, ended, damage
FROM segments WHERE run = :run AND id = :id;

-- name: segments_of_run
SELECT run, id, number, read_to, sequence, chain, sealed_to, sealed_sequence, sealed_chain, unsealed, seen_size, ended, damage
FROM segments WHERE run = :run ORDER BY id;

-- name: known_segments
SELECT s.id, s.seen_size, s.ended, s.damage FROM segments s JOIN runs r ON r.number = s.run WHERE r.id = :id;

-- name: open_segments
SELECT r.id, s.run, s.id, s.number, s.read_to, s.sequence, s.chain, s.sealed_to, s.sealed_sequence, s.sealed_chain, s.unsealed,
    s.seen_size, s.ended, s.damage
FROM segments s JOIN runs r ON r.number = s.run WHERE s.ended = 0 ORDER BY s.number;

-- name: insert_segment
INSERT INTO segments (run, id, read_to, sequence, chain, sealed_to, sealed_sequence, sealed_chain, unsealed, seen_size, ended, damage)
VALUES (:run, :id, :offset, :sequence, :chain, :sealed_offset, :sealed_sequence, :sealed_chain, :rows, :size, :ended, :damage)
ON CONFLICT (run, id) DO NOTHING RETURNING number;

-- name: update_segment
UPDATE segments SET read_to = :offset, sequence = :sequence, chain = :chain, sealed_to = :sealed_offset,
    sealed_sequence = :sealed_sequence, sealed_chain = :sealed_chain, unsealed = :rows, seen_size = :size, ended = :ended, damage = :damage
WHERE number = :number AND read_to = :before;

-- name: keysets
SELECT sequence, id, names, types FROM keysets WHERE segment = :segment ORDER BY sequence;

-- name: add_keyset
INSERT INTO keysets (segment, sequence, id, names, types) VALUES (:segment, :sequence, :id, :names, :types)
ON CONFLICT (segment, sequence) DO NOTHING;

-- name: add_piece
INSERT INTO pieces (segment, start, stop, packed, data) VALUES (:segment, :start, :stop, :packed, :data)
ON CONFLICT (segment, start) DO UPDATE SET stop = excluded.stop, packed = excluded.packed, data = excluded.data;

-- name: pieces
SELECT start, packed, data FROM pieces WHERE segment = :segment AND stop > :start AND start < :stop ORDER BY start;

-- name: loose_pieces
SELECT p.segment, MIN(p.start) FROM pieces p JOIN segments s ON s.number = p.segment JOIN runs r ON r.number = s.run
WHERE p.packed = 0 AND r.status <> 'running' AND r.ended_at < :before GROUP BY p.segment ORDER BY p.segment LIMIT :limit;

-- name: drop_pieces
DELETE FROM pieces WHERE segment = :segment AND start >= :start AND stop <= :stop;

-- name: put_block
INSERT INTO chunks (run, kind, segment, first, block, data) VALUES (:run, :kind, :segment, :first, :block, :data)
ON CONFLICT (run, kind, segment, first, block) DO UPDATE SET data = excluded.data;

-- name: chunk_heads
SELECT run, segment, first, kind, data FROM chunks WHERE run = :run AND kind = :kind AND block = 0 ORDER BY segment, first;

-- name: chunk_blocks
SELECT block, data FROM chunks WHERE run = :run AND kind = :kind AND segment = :segment AND first = :first
    AND block = ANY(:blocks);
