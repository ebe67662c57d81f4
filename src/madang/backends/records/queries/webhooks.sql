-- Webhooks and their outbox.

-- name: webhooks
SELECT body FROM webhooks ORDER BY number DESC;

-- name: get_webhook
SELECT body FROM webhooks WHERE id = :id;

-- name: put_webhook
INSERT INTO webhooks (id, body) VALUES (:id, :body) ON CONFLICT (id) DO UPDATE SET body = excluded.body;

-- name: drop_webhook
DELETE FROM webhooks WHERE id = :id;

-- name: drop_deliveries
DELETE FROM webhook_deliveries WHERE webhook = :webhook;

-- name: fail_deliveries
UPDATE webhook_deliveries SET state = 'failed', said = :said, ended_at = :now, owner = ''
WHERE webhook = :webhook AND state = 'pending';

-- name: add_delivery
INSERT INTO webhook_deliveries
(id, webhook, event, at, body, state, attempts, next_at, status, said, ended_at, owner)
VALUES (:id, :webhook, :event, :at, :body, 'pending', 0, :at, 0, '', 0, '');

-- name: due_webhooks
SELECT DISTINCT webhook FROM webhook_deliveries WHERE state = 'pending' AND next_at <= :now;

-- name: next_delivery
SELECT MIN(next_at) FROM webhook_deliveries WHERE state = 'pending';

-- name: due_delivery
SELECT id, webhook, event, at, body, state, attempts, next_at, status, said, ended_at, owner, number
FROM webhook_deliveries WHERE state = 'pending' AND next_at <= :now AND webhook = :webhook
ORDER BY next_at, number LIMIT 1;

-- name: claim_delivery
UPDATE webhook_deliveries SET next_at = :until, owner = :owner, attempts = attempts + 1 WHERE number = :number;

-- name: renew_deliveries
UPDATE webhook_deliveries SET next_at = :until WHERE owner = :owner AND state = 'pending';

-- name: settle_delivery
UPDATE webhook_deliveries SET state = :state, next_at = :next_at, status = :status, said = :said,
ended_at = :ended_at, owner = '' WHERE webhook = :webhook AND id = :id AND owner = :owner AND state = 'pending';

-- name: deliveries
SELECT id, webhook, event, at, body, state, attempts, next_at, status, said, ended_at, owner
FROM webhook_deliveries WHERE webhook = :webhook ORDER BY number DESC LIMIT :limit;

-- name: prune_deliveries
DELETE FROM webhook_deliveries WHERE webhook = :webhook AND state <> 'pending' AND number <= (
    SELECT number FROM webhook_deliveries WHERE webhook = :webhook ORDER BY number DESC LIMIT 1 OFFSET :keep);
