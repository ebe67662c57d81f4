-- When collections and versions were changed or taken away (docs/formats/store.md). Numbers are never given again.

ALTER TABLE collections ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;
