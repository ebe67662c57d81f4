"""The files of the workspace: added, compared, committed, checked out, moved, removed, undone."""
