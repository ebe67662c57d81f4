-- Requests that nobody has decided can be found, and how far the rules of a project reach (docs/formats/store.md).

ALTER TABLE pointer_requests ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
-- The bodies are MessagePack: the key `state` with the text `pending`.
UPDATE pointer_requests SET pending = (CASE WHEN instr(body, X'A57374617465A770656E64696E67') > 0 THEN 1 ELSE 0 END);
CREATE INDEX pointer_requests_pending ON pointer_requests (collection) WHERE pending = 1;
ALTER TABLE promotion_rules ADD COLUMN in_default INTEGER NOT NULL DEFAULT 0;
