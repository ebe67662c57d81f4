"""What a reproduction looks at, so that `unchanged` can tell at once when there is nothing to do again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence

from madang.errors import MadangError
from madang.formats.store import find_repository
from madang.workspace.data.objects.state import settled
from madang.workspace.data.records.stages import Stage
from madang.workspace.data.records.trees import FileTree, TreeEntry
from madang.workspace.data.repo import settings
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree
from madang.workspace.pipelines.unchanged import NAME, VERSION, look_at


class Witness:
    """The work tree, and what was asked of it."""

    revision = ""

    def __init__(self, tree: FileTree, root: str) -> None:
        self._tree = tree
        self._root = root
        self.paths: set[str] = set()  # absolute

    def read(self, path: str) -> bytes | None:
        """See `FileTree.read`."""
        self.paths.add(os.path.join(self._root, path))
        return self._tree.read(path)

    def entries(self, folder: str) -> Sequence[TreeEntry]:
        """See `FileTree.entries`."""
        found = self._tree.entries(folder)
        where = os.path.join(self._root, folder)
        self.paths.add(where)
        self.paths.update(os.path.join(where, one.name) for one in found if one.name in (".gitignore", ".dvcignore"))
        return found

    def exists(self, path: str) -> bool:
        """See `FileTree.exists`."""
        return self._tree.exists(path)


def remember(
    repository: Repository, witness: Witness, stages: Iterable[Stage], lines: Sequence[str], began: int
) -> None:
    """Note that nothing was to do. ``lines`` were said; ``began`` is the time before the first look (ns since 1970)."""
    paths, trees = set(witness.paths), {}
    for stage in stages:
        if any("://" in dep.path for dep in stage.deps):
            return
        paths.update(one.path for one in stage.params)
        for path in (*(dep.path for dep in stage.deps), *(out.path for out in stage.outs)):
            if os.path.isdir(path):
                trees[path] = _print_of(repository.root, path, began)
            else:
                paths.add(path)
    paths.update(_settings(repository))
    paths.update(f"{repository.cache.objects}/{number:02x}" for number in range(256))
    looks = {path: look_at(path) for path in paths}
    if not all(trees.values()) or not all(_is_older(look, began) for look in looks.values()):
        return
    told = {
        "version": VERSION,
        "folder": os.getcwd(),
        "lines": list(lines),
        "looks": list(looks.items()),
        "trees": list(trees.items()),
    }
    path = os.path.join(repository.root, NAME)
    aside = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(aside, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(told, file, separators=(",", ":"))
        os.rename(aside, path)
    except OSError:
        return  # it only saves time


def _is_older(look: Sequence[int], than: int) -> bool:
    return not look or settled(look[3], look[4], than)


def print_of(root: str, path: str) -> str:
    """The look of the files in a folder; nothing when it cannot be told."""
    return _print_of(root, path, time.time_ns())


def _print_of(root: str, path: str, began: int) -> str:
    try:
        tree = scan_tree(root, path, rules_above(root, path))
    except (MadangError, OSError):
        return ""
    newest = max((0, *tree.numbers[3::5], *tree.numbers[4::5]))
    return tree.fingerprint().hex() if settled(newest, newest, began) else ""


def _settings(repository: Repository) -> Iterator[str]:
    """Files that decide what is ignored and where the cache is."""
    home = os.path.expanduser("~")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    yield from (os.path.join(home, ".gitconfig"), os.path.join(config, "git", "config"))
    yield os.path.join(config, "git", "ignore")
    yield from settings.files(repository.dvc_dir).values()
    if repository.git_root is not None:
        git_dir = find_repository(repository.git_root)[1]
        yield from (os.path.join(git_dir, "config"), os.path.join(git_dir, "info", "exclude"))
