"""Sizes of the files of a source, asked of whatever knows them without reading their bytes."""

from __future__ import annotations

import os
import posixpath

from madang.workspace.data.records.trees import GitTree
from madang.workspace.data.repo import git
from madang.workspace.data.sources.foreign import Node, Project, Source


class Sizes:
    """Looks sizes up; those of a commit are asked for once a folder."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._folders: dict[tuple[str, str], dict[str, int]] = {}

    def of(self, node: Node) -> int | None:
        """Bytes of a file, or of a tracked folder as recorded; None when nothing here tells."""
        if node.size is not None:
            return node.size
        project, inner = self._source.project_of(node.path)
        if node.out is not None:
            return None if node.md5 is None else self._of_object(project, node.md5)
        if node.is_dir:
            return None
        if isinstance(project.tree, GitTree):
            folder, _, name = inner.rpartition("/")
            return self._in_commit(project, project.tree, folder).get(name)
        try:
            return os.stat(os.path.join(project.repository.root, inner)).st_size
        except OSError:
            return None

    def _of_object(self, project: Project, md5: str) -> int | None:
        for folder in (project.local_cache, self._source.cache.folder):
            if folder is None:
                continue
            for place in (f"{folder}/files/md5/{md5[:2]}/{md5[2:]}", f"{folder}/{md5[:2]}/{md5[2:]}"):
                try:
                    return os.stat(place).st_size
                except OSError:
                    continue
        return None

    def _in_commit(self, project: Project, tree: GitTree, folder: str) -> dict[str, int]:
        key = (project.folder, folder)
        if key not in self._folders:
            where = posixpath.join(tree.folder, folder)
            self._folders[key] = git.sizes(tree.objects.root, tree.revision, where)
        return self._folders[key]
