"""Work trees that experiments have for themselves: made, furnished with data and settings, and removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from madang.durable import write_file
from madang.errors import NotFound
from madang.formats.dvc import config
from madang.formats.dvc.config_keys import PATH_KEYS
from madang.formats.store import find_repository
from madang.ports.git import Git
from madang.workspace import lfs_objects
from madang.workspace.data import progress
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs, running
from madang.workspace.experiments.starting import Start
from madang.workspace.pipelines.selecting import Options
from madang.workspace.worktrees import Worktrees


def area_of(repository: Repository) -> str:
    """Where experiments have their files: beside the repository's runs."""
    return os.path.join(find_repository(refs.root_of(repository))[1], "madang", "experiments")


def temporary(repository: Repository, git: Git) -> Worktrees:
    """The work trees of experiments that run at once."""
    return Worktrees(git, os.path.join(area_of(repository), "trees"))


def furnish(repository: Repository, start: Start, root: str, targets: Sequence[str], options: Options) -> Repository:
    """Bring a clean work tree at the baseline to what the experiment starts from, data included.

    Returns its data repository. What the cache lacks is left out.
    """
    commits.take(root, start.baseline, start.commit)
    _restore_lfs(repository, root)
    there = placed(repository, root)
    os.makedirs(there.dvc_dir, exist_ok=True)
    write_file(os.path.join(there.dvc_dir, "config.local"), _settings(repository).encode())
    with standing(os.path.join(root, start.below)):
        running.restore_data(there, targets, options, progress.silent)
    return there


def placed(repository: Repository, root: str) -> Repository:
    """The data repository in another work tree."""
    return Repository(repository.root_in(root))


def _restore_lfs(repository: Repository, root: str) -> None:
    """Git LFS files were checked out as pointers: put their bytes there, as far as the repository has them."""
    common = find_repository(refs.root_of(repository))[1]
    for path in commits.tracked(root) if os.path.isdir(os.path.join(common, "lfs")) else ():
        whole = os.path.join(root, path)
        if lfs_objects.pointer_of(whole):
            lfs_objects.restore(whole, common)


def _settings(repository: Repository) -> str:
    """The local settings of another work tree: those of the user's, with paths that hold from anywhere."""
    path = os.path.join(repository.dvc_dir, "config.local")
    text = _text(path)
    for section, values in repository.settings.sections.items():
        for key in PATH_KEYS.get(section.split(" ")[0], ()):
            if key in values and any(
                repository.settings.level_value(one, section, key) for one in ("project", "local")
            ):
                text = config.with_value(text, path, section, key, values[key])
    folder = os.path.abspath(repository.settings.cache_dir(repository.dvc_dir))
    return config.with_value(text, path, "cache", "dir", folder)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


@contextmanager
def standing(folder: str) -> Iterator[None]:
    """Have another present folder for a while; it is made where git has none."""
    before = os.getcwd()
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def copy_paths(repository: Repository, paths: Sequence[str], root: str) -> None:
    """Copy files and folders of the user's work tree that git does not know. Raises `NotFound`."""
    top = refs.root_of(repository)
    for path in paths:
        source = os.path.join(repository.root, path)
        target = os.path.join(root, os.path.relpath(source, top))
        if not os.path.exists(source):
            raise NotFound(f"{path} cannot be copied: it is not there.", hint="Paths are relative to the repository.")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copy2(source, target)
