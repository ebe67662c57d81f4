-- Projects with numbers and titles of their own (docs/formats/store.md). The title is NULL where nobody gave a number.

ALTER TABLE projects ADD COLUMN number INTEGER;
ALTER TABLE projects ADD COLUMN title TEXT;
ALTER TABLE projects ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN location TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN tags BLOB NOT NULL DEFAULT X'80';
CREATE UNIQUE INDEX projects_by_number ON projects (number);
CREATE UNIQUE INDEX projects_by_title ON projects (title);
