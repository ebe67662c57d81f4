-- Webhooks and their outbox (docs/formats/store.md).

CREATE TABLE webhooks (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE webhook_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, webhook TEXT NOT NULL, event TEXT NOT NULL,
    at INTEGER NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL,
    status INTEGER NOT NULL, said TEXT NOT NULL, ended_at INTEGER NOT NULL, owner TEXT NOT NULL
);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (next_at, webhook) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, number);
