"""What an experiment starts from, as a commit: the user's work tree, or another commit, with other parameters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from madang.domain.values import value
from madang.durable import write_file
from madang.formats.dvc.overrides import Override
from madang.workspace.data import progress
from madang.workspace.data.records.outs import chosen
from madang.workspace.data.records.trees import commit_of
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, composing, overriding, recording, refs, running
from madang.workspace.experiments.composing import Compose
from madang.workspace.pipelines.selecting import Options


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
    compose: Compose | None = None  # makes its params.yaml


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
    return Ground(refs.head(repository), tree, overriding.in_work_tree, composing.of_work_tree(repository))


def commit(repository: Repository, revision: str) -> Ground:
    """A commit as it is. Raises `NotFound` for an unknown revision."""
    found = commit_of(repository, revision)
    read = overriding.in_commit(refs.root_of(repository), found)
    return Ground(found, found, read, composing.of_commit(repository, found))


def start(repository: Repository, ground: Ground, overrides: Sequence[Override]) -> Start:
    """The beginning of one experiment.

    Raises:
        InvalidInput, NotFound: a parameter that is not there. Incompatible: params.yaml cannot be composed here.
        StorageError: git refused.
    """
    root = refs.root_of(repository)
    replaced = overriding.inside(overriding.files(overrides, ground.compose, ground.read), root)
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
