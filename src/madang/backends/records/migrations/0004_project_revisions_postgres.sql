-- The newest revision of a project's versions and pointers. Runs have their own.
CREATE TABLE project_revisions (project TEXT COLLATE "C" PRIMARY KEY, changed BIGINT NOT NULL);
