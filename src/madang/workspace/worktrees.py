"""Work trees of git beside the user's, each in a folder of its own that tells whether somebody is at work in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time

from madang.domain.values import value
from madang.errors import MadangError
from madang.formats import store as layout
from madang.ports.git import Git

_LOCK, _KEPT = "lock", "kept"
_YOUNG = 60.0  # seconds


@value
class Worktree:
    """A work tree, and the folder that was made for it."""

    folder: str
    root: str
    git: Git


class Worktrees:
    """The work trees of one kind."""

    def __init__(self, git: Git, area: str) -> None:
        """``area`` is the folder that their folders lie in."""
        self._git = git
        self._area = area

    def make(self, commit: str) -> Worktree:
        """A work tree with the files of a commit; it is ours until it is removed or kept, or this process ends.

        Raises:
            NotFound: no such commit. StorageError: git refused. OSError: the disk did.
        """
        self.clean()
        folder = os.path.join(self._area, os.urandom(8).hex())
        name = os.path.basename(self._git.root.rstrip("/"))
        root = os.path.join(folder, "tree" if name in ("", _LOCK, _KEPT) else name)
        os.makedirs(folder)
        layout.hold(os.path.join(folder, _LOCK))
        try:
            return Worktree(folder, root, self._git.add_worktree(root, commit))
        except BaseException:
            self._remove(folder, root)
            raise

    def remove(self, made: Worktree) -> None:
        """Take it away with all that is in it."""
        self._remove(made.folder, made.root)

    def _remove(self, folder: str, root: str) -> None:
        with contextlib.suppress(MadangError):
            self._git.remove_worktree(root)
        layout.release(os.path.join(folder, _LOCK))
        shutil.rmtree(folder, ignore_errors=True)

    def keep(self, made: Worktree) -> None:
        """Leave it: it is not cleared away later either."""
        with open(os.path.join(made.folder, _KEPT), "w", encoding="ascii"):
            pass
        layout.release(os.path.join(made.folder, _LOCK))

    def clean(self) -> None:
        """Take away what processes that were killed have left."""
        for name in os.listdir(self._area) if os.path.isdir(self._area) else []:
            folder = os.path.join(self._area, name)
            if os.path.exists(os.path.join(folder, _KEPT)) or _is_in_use(folder):
                continue
            trees = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
            for root in trees or [os.path.join(folder, "tree")]:
                self._remove(folder, root)


def _is_in_use(folder: str) -> bool:
    """Whether somebody is at work in a folder, or has made it just now and has no lock yet."""
    lock = os.path.join(folder, _LOCK)
    try:
        return layout.is_held(lock) if os.path.exists(lock) else os.stat(folder).st_mtime > time.time() - _YOUNG
    except FileNotFoundError:
        return True  # somebody else removes it
