"""Which paths may be tracked: in the repository, there, and neither its own, git's, nor another repository's."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence

from madang.errors import InvalidInput, NotFound, Refused
from madang.formats.dvc import dvcfile, listing
from madang.workspace.data.records.outs import owner_of, tracked
from madang.workspace.data.repo.repository import DVC_DIR, Repository
from madang.workspace.data.repo.scan import FILES_OF_GIT

_LONGEST = 255  # bytes of a name on the file systems that are in use


def addable(repository: Repository, paths: Sequence[str]) -> list[str]:
    """The paths that the user named, absolute and each once.

    Raises:
        NotFound: one does not exist. Refused: one must not be tracked, or lies in another. InvalidInput: its name.
    """
    wanted = list(dict.fromkeys(_checked(repository, path) for path in paths))
    _check_there(repository, wanted)
    _check_apart(wanted)
    return wanted


def _checked(repository: Repository, name: str) -> str:
    path = os.path.abspath(name)
    listing.check_text(path)
    root = repository.root
    if path == root or path == repository.dvc_dir or path.startswith(repository.dvc_dir + os.sep):
        raise Refused(f"{path} is the repository itself, or belongs to it.", hint="Name your own data.")
    if not path.startswith(root + os.sep):
        raise Refused(f"{path} is outside the repository {root}.", hint="Copy or move it into the repository first.")
    above = os.path.dirname(path)
    if os.path.realpath(above) != os.path.join(os.path.realpath(root), os.path.relpath(above, root)).removesuffix("/."):
        raise Refused(f"{path} lies behind a linked folder.", hint="Add it by its real place.")
    if os.path.islink(path) and os.path.isdir(path):
        raise Refused(f"{path} is a link to a folder.", hint="Add the folder itself, inside the repository.")
    if os.path.basename(path) in FILES_OF_GIT or ".git" in os.path.relpath(path, root).split(os.sep):
        raise Refused(f"{path} is no data: it belongs to git or goes into it.", hint="Name your own data.")
    if path.endswith(dvcfile.SUFFIX) and os.path.isfile(path):
        raise Refused(f"{path} describes tracked data; it goes into git.", hint=f"madang add {path[:-4]}")
    if len(os.fsencode(os.path.basename(path) + dvcfile.SUFFIX)) > _LONGEST:
        raise InvalidInput(
            f"The name {os.path.basename(path)!r} is too long: its record would need {len(dvcfile.SUFFIX)} bytes more.",
            hint="Rename it, or add its folder.",
        )
    inner = next((folder for folder in _steps(root, path) if os.path.isdir(os.path.join(folder, DVC_DIR))), None)
    if inner is not None:
        raise Refused(f"{inner} is a data repository of its own.", hint="Add its data from inside it.")
    return path


def _check_there(repository: Repository, paths: Sequence[str]) -> None:
    """Every path must exist, but for what was deleted inside a tracked folder: that is a change of the folder."""
    absent = [path for path in paths if not os.path.lexists(path)]
    everything = tracked(repository) if absent else []
    for path in absent:
        owner = owner_of(path, everything)
        if owner is None or owner.path == path or not os.path.isdir(owner.path):
            raise NotFound(f"{path} does not exist.", hint="Check the name; nothing was added.")
    for path in paths:
        if os.path.islink(path) and not os.path.exists(path):
            raise NotFound(f"{path} is a link to {os.readlink(path)}, which is not there.", hint="Nothing was added.")


def _steps(root: str, path: str) -> Iterator[str]:
    """The folders below the root on the way to a path, itself included."""
    while len(path) > len(root):
        yield path
        path = os.path.dirname(path)


def _check_apart(paths: Sequence[str]) -> None:
    ordered = sorted(path + os.sep for path in paths)
    for above, below in itertools.pairwise(ordered):
        if below.startswith(above):
            raise Refused(f"{below[:-1]} lies in {above[:-1]}: they cannot be tracked apart.", hint="Name one of them.")
