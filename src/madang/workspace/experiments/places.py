"""Experiments away from the user's work tree: what they start from as a commit, and a work tree made of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import NotFound
from madang.formats.dvc import config
from madang.formats.dvc.config_keys import PATH_KEYS
from madang.formats.dvc.overrides import Override
from madang.formats.store import find_repository
from madang.workspace import lfs_objects
from madang.workspace.data import progress
from madang.workspace.data.records.outs import chosen
from madang.workspace.data.records.trees import commit_of
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, overriding, recording, refs, running
from madang.workspace.pipelines.repro import Options


@value
class Start:
    """What an experiment begins with: the user's work tree with other parameters."""

    baseline: str
    commit: str  # on top of the baseline; no ref leads to it
    home: str  # root of the data repository in the user's work tree: its cache and settings are used
    below: str  # where the user stood, relative to the work tree's root


@value
class Ground:
    """What experiments begin with before their parameters are set."""

    baseline: str
    tree: str
    read: overriding.Read  # its parameter files


def work_tree(repository: Repository, targets: Sequence[str], options: Options, meter: progress.Meter) -> Ground:
    """The user's work tree as it stands. It is not changed.

    Changed data goes into the cache; its records are left as they were.

    Raises:
        NotFound: a target that is not there. StorageError: git refused.
    """
    with _records_unchanged(repository):
        running.keep_data(repository, targets, options, meter)
        found = chosen(repository, () if options.glob else targets, recursive=options.recursive, with_deps=True)
        belonging = recording.belonging(repository, [one.stage for one in found])
        tree = commits.snapshot(refs.root_of(repository), extra=belonging)
    return Ground(refs.head(repository), tree, overriding.in_work_tree)


def commit(repository: Repository, revision: str) -> Ground:
    """A commit as it is. Raises `NotFound` for an unknown revision."""
    found = commit_of(repository, revision)
    return Ground(found, found, overriding.in_commit(refs.root_of(repository), found))


def start(repository: Repository, ground: Ground, overrides: Sequence[Override]) -> Start:
    """The beginning of one experiment.

    Raises:
        InvalidInput, NotFound: a parameter that is not there. StorageError: git refused.
    """
    root = refs.root_of(repository)
    replaced = overriding.inside(overriding.files(overrides, ground.read), root)
    tree = commits.tree_with(root, ground.tree, replaced)
    made = commits.commit(root, tree, [ground.baseline], "madang: start of an experiment")
    return Start(ground.baseline, made, repository.root, os.path.relpath(os.getcwd(), root))


@contextmanager
def _records_unchanged(repository: Repository) -> Iterator[None]:
    """Bring back records of data that are changed meanwhile."""
    before = {one.stage.file: _read(one.stage.file) for one in chosen(repository, ()) if not one.stage.name}
    try:
        yield
    finally:
        for path, body in before.items():
            if _read(path) != body:
                write_file(path, body)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


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
    text = _read(path).decode() if os.path.exists(path) else ""
    for section, values in repository.settings.sections.items():
        for key in PATH_KEYS.get(section.split(" ")[0], ()):
            if key in values and any(
                repository.settings.level_value(one, section, key) for one in ("project", "local")
            ):
                text = config.with_value(text, path, section, key, values[key])
    folder = os.path.abspath(repository.settings.cache_dir(repository.dvc_dir))
    return config.with_value(text, path, "cache", "dir", folder)


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


def area_of(repository: Repository) -> str:
    """Where experiments have their files: beside the repository's runs."""
    return os.path.join(find_repository(refs.root_of(repository))[1], "madang", "experiments")
