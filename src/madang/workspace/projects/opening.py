"""A project's folder: one of this machine, or a commit of a repository, checked out beside everything else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from madang.domain.values import value
from madang.errors import InvalidInput, NotFound, Unavailable
from madang.formats import mlproject
from madang.formats.store import StorePaths, find_store
from madang.workspace.data.sources import clones


@value
class Opened:
    """A project on this machine."""

    folder: str
    places: StorePaths  # whose code is recorded, and in which store
    project: mlproject.Project
    has_file: bool  # an MLproject file
    is_copy: bool  # a commit of a repository, checked out for this run


@contextmanager
def opened(uri: str, version: str) -> Iterator[Opened]:
    """The project at ``FOLDER`` or ``ADDRESS``, each with ``#subfolder``; a ``version`` is a branch, tag or commit.

    What is checked out goes when the block ends.

    Raises:
        NotFound: there is no such folder, repository or version.
        Unavailable: the repository cannot be read.
    """
    address, _, below = (uri, "", "") if os.path.isdir(uri) else uri.partition("#")
    if ".." in below.split("/") or below.startswith("/"):
        raise InvalidInput(f"{below!r} leads out of the project.")
    here = find_store()
    if not clones.is_remote(address) and not version:
        folder = os.path.abspath(os.path.join(address, below))
        around = find_store(folder)
        yield _read(folder, around if around.git_common_dir else StorePaths("", "", here.store))
        return
    source, commit = clones.resolved(address, version or None)
    root = tempfile.mkdtemp(prefix="madang-project-")
    try:
        _check_out(source, commit, address, root)
        yield _read(os.path.join(root, below), StorePaths(root, os.path.join(root, ".git"), here.store), is_copy=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _check_out(source: str, commit: str, address: str, root: str) -> None:
    origin = address if clones.is_remote(address) else os.path.abspath(address)
    for command in (
        ["clone", "--quiet", "--shared", "--no-checkout", "--template=", source, root],
        ["-C", root, "remote", "set-url", "origin", origin],
        ["-C", root, "checkout", "--quiet", "--detach", commit],
    ):
        done = subprocess.run(["git", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"Cannot check out {commit[:12]} of {address}: {done.stderr.strip()[-300:]}")


def _read(folder: str, places: StorePaths, *, is_copy: bool = False) -> Opened:
    if not os.path.isdir(folder):
        raise NotFound(f"There is no folder {folder!r}.")
    name = next((one for one in sorted(os.listdir(folder)) if one.lower() == mlproject.FILE.lower()), "")
    if not name:
        return Opened(folder, places, _default(folder, mlproject.Project()), False, is_copy)
    path = os.path.join(folder, name)
    try:
        with open(path, encoding="utf-8") as file:
            project = mlproject.load(file.read(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"Cannot read {path}.") from error
    if project.file and not os.path.isfile(os.path.join(folder, project.file)):
        raise NotFound(f"{path} names the environment {project.file!r}, which is not there.")
    return Opened(folder, places, project if project.environment else _default(folder, project), True, is_copy)


def _default(folder: str, project: mlproject.Project) -> mlproject.Project:
    """The environment that lies in the folder without being named."""
    if os.path.isfile(os.path.join(folder, "python_env.yaml")):
        return replace(project, environment="python", file="python_env.yaml")
    if os.path.isfile(os.path.join(folder, "conda.yaml")):
        return replace(project, environment="conda", file="conda.yaml")
    return project
