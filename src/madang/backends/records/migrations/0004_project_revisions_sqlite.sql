-- The newest revision of a project's versions and pointers. Runs have their own.
CREATE TABLE project_revisions (project TEXT PRIMARY KEY, changed INTEGER NOT NULL) WITHOUT ROWID;
