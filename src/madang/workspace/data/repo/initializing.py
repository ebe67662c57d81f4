"""Make a data repository, as ``dvc init`` makes it."""

from __future__ import annotations

import os

from madang.durable import remove_tree, unlink, write_file
from madang.errors import Conflict, InvalidInput, NotAWorkspace, Refused
from madang.formats.dvc.ignore import FILE_NAME, NEW_FILE
from madang.formats.store import find_repository
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import DVC_DIR, Repository

_OWN_IGNORES = "/config.local\n/tmp\n/cache\n"


def initialize(root: str, *, no_scm: bool = False, subdir: bool = False, force: bool = False) -> Repository:
    """Make ``.dvc`` and ``.dvcignore`` in ``root`` and stage them in git.

    Raises:
        Conflict: there is one already, and not ``force``.
        NotAWorkspace: no git repository, and neither ``no_scm`` nor (inside one) ``subdir``.
        Refused: git ignores ``.dvc``. InvalidInput: options that exclude each other.
    """
    root = os.path.abspath(root)
    if no_scm and subdir:
        raise InvalidInput("--no-scm and --subdir exclude each other.")
    git_root = None if no_scm else _git_root(root, subdir)
    dvc_dir = os.path.join(root, DVC_DIR)
    if git_root is not None and git.ignored(git_root, [dvc_dir]):
        raise Refused(f"git ignores {dvc_dir}.", hint="Add the line !.dvc to .gitignore.")
    if os.path.isdir(dvc_dir):
        if not force:
            raise Conflict(f"{dvc_dir} exists already.", hint="Use --force to begin again; its cache stays.")
        _clear(dvc_dir)
    os.makedirs(os.path.join(dvc_dir, "tmp"), exist_ok=True)
    write_file(os.path.join(dvc_dir, "tmp", "btime"), b"")
    write_file(os.path.join(dvc_dir, "config"), b"[core]\n    no_scm = True\n" if no_scm else b"")
    made = [os.path.join(dvc_dir, "config")]
    ignore = os.path.join(root, FILE_NAME)
    if not os.path.exists(ignore):
        write_file(ignore, NEW_FILE.encode())
    made.append(ignore)
    if git_root is not None:
        write_file(os.path.join(dvc_dir, ".gitignore"), _OWN_IGNORES.encode())
        made.append(os.path.join(dvc_dir, ".gitignore"))
        git.add(git_root, made)
    return Repository(root)


def _clear(dvc_dir: str) -> None:
    """Remove settings and what can be made anew; objects, and files that `undoing` keeps, stay."""
    for folder, kept in ((dvc_dir, ("cache", "tmp")), (os.path.join(dvc_dir, "tmp"), ("madang", "lock"))):
        for entry in list(os.scandir(folder)) if os.path.isdir(folder) else ():
            if entry.name in kept:
                continue
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.path)
            else:
                unlink(entry.path)


def _git_root(root: str, subdir: bool) -> str:
    found = find_repository(root)[0]
    if not found or (found != root and not subdir):
        raise NotAWorkspace(
            f"{root} is not the top of a git repository.",
            hint="git init first; or --subdir inside one; or --no-scm to do without git.",
        )
    return found
