-- Projects with numbers and titles of their own (docs/formats/store.md). The title is NULL where nobody gave a number.

ALTER TABLE projects ADD COLUMN number BIGINT;
ALTER TABLE projects ADD COLUMN title TEXT COLLATE "C";
ALTER TABLE projects ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN location TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN tags BYTEA NOT NULL DEFAULT '\x80';
CREATE UNIQUE INDEX projects_by_number ON projects (number);
CREATE UNIQUE INDEX projects_by_title ON projects (title);
