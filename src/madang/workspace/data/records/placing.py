"""Where data may be put: inside the repository, never in what git, dvc or somebody else keeps there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from madang.errors import Conflict, InvalidInput, Refused
from madang.formats.dvc import dvcfile, listing
from madang.workspace.data.records.outs import PIPELINE, TrackedOut, outs_of, tracked
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository


def destination(typed: str | None, name: str) -> str:
    """Absolute path of what the user typed as a destination; in a folder (or without one) the data keeps its name.

    Raises:
        InvalidInput: the data has no name of its own.
    """
    if typed is None or os.path.isdir(typed):
        if name in ("", ".", ".."):
            raise InvalidInput(f"{typed or 'The source'} gives the data no name.", hint="Name the destination.")
        return os.path.abspath(os.path.join(typed or ".", name))
    return os.path.abspath(typed)


def check_place(
    repository: Repository, path: str, *, force: bool | None = None, replaces: Sequence[TrackedOut] = ()
) -> None:
    """Refuse a place (absolute) where new tracked data must not be put.

    ``replaces`` is what goes away: its own place and record are free. With ``force`` what lies there may be replaced;
    the caller keeps its bytes. None: the command has no such option.

    Raises:
        Refused: outside the repository, part of it, behind a link, inside or around tracked data, hidden from git.
        Conflict: something is there. InvalidInput: a name that is not UTF-8.
    """
    listing.check_text(path)
    root, above, name = repository.root.rstrip(os.sep), os.path.dirname(path), os.path.basename(path)
    if not path.startswith(root + os.sep) or (path + os.sep).startswith(repository.dvc_dir + os.sep):
        raise Refused(f"{path} is not a place for data of the repository {root}.", hint="Choose one inside it.")
    if ".git" in os.path.relpath(path, root).split(os.sep) or name.endswith(dvcfile.SUFFIX) or name == PIPELINE:
        raise Refused(f"{path} cannot be the name of data.", hint="Choose another name.")
    if not os.path.isdir(above):
        raise Refused(f"The folder {above} does not exist.", hint="Make it first.")
    if os.path.realpath(above) != os.path.normpath(os.path.join(os.path.realpath(root), os.path.relpath(above, root))):
        raise Refused(f"{path} lies behind a linked folder.", hint="Name its real place.")
    if os.path.lexists(path) and not force and not any(out.path == path for out in replaces):
        otherwise = "." if force is None else ", or replace it with --force."
        raise Conflict(f"{path} exists already.", hint=f"Choose another destination{otherwise}")
    _check_records(repository, path, bool(force), replaces)


def check_written(repository: Repository, path: str) -> None:
    """Refuse an absolute path that a record names and where nothing may be written: records may come from strangers.

    Raises:
        Refused: outside the repository, in a ``.git`` or ``.dvc`` folder, or led there by a link that git tracks.
    """
    root, above = repository.root.rstrip(os.sep), os.path.dirname(path)
    _check_below(path, root, path)
    real = os.path.join(os.path.realpath(above), os.path.basename(path))
    real_root = os.path.realpath(root)
    is_led = real != os.path.normpath(os.path.join(real_root, os.path.relpath(path, root)))
    if is_led and (real.startswith(real_root + os.sep) or not _is_own_link(repository, above)):
        _check_below(real, real_root, path)


def _check_below(place: str, root: str, path: str) -> None:
    if not place.startswith(root + os.sep):
        raise Refused(
            f"{path} is outside the repository {root}, so nothing is written there.", hint="Check its record."
        )
    if _is_private(place[len(root) + 1 :]):
        raise Refused(f"{path} is no place for data, so nothing is written there.", hint="Check its record.")


def _is_own_link(repository: Repository, folder: str) -> bool:
    """Whether the link above some data was made here: git does not know it, so it came with no commit."""
    while not os.path.islink(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return repository.git_root is not None and not git.holding(repository.git_root, [folder])


def check_names(folder: str, names: Iterable[str]) -> None:
    """Refuse the names of a listing that would put files where git looks for its own.

    Raises:
        Refused: one of them does.
    """
    every = list(names)
    together = "\0".join(every).lower()
    if ".git" not in together and ".dvc" not in together:
        return
    wrong = next(
        (name for name in every if (".git" in name.lower() or ".dvc" in name.lower()) and _is_private(name)), None
    )
    if wrong is not None:
        raise Refused(f"{folder} holds {wrong!r}, which is no name of data.", hint="Nothing of it was written.")


def _is_private(path: str) -> bool:
    return not {".git", ".dvc"}.isdisjoint(path.lower().split("/"))


def _check_records(repository: Repository, path: str, force: bool, replaces: Sequence[TrackedOut]) -> None:
    record = path + dvcfile.SUFFIX
    gone = {out.dvc_file for out in replaces}
    if os.path.lexists(record) and record not in gone:
        found = [out.path for out in outs_of(record)]
        if not force or found != [path]:
            is_bare = found == [path] and not os.path.lexists(path)  # perhaps of an import that was interrupted
            restored = f"madang pull {os.path.relpath(record)} brings the data that it records. " if is_bare else ""
            raise Conflict(f"{record} exists already.", hint=f"{restored}Choose another destination.")
    for out in tracked(repository):
        if out.path == path and (force or out in replaces) and out.dvc_file == record:
            continue
        if out in replaces:
            continue
        if (path + os.sep).startswith(out.path + os.sep) or out.path.startswith(path + os.sep):
            raise Refused(
                f"{path} overlaps {out.path}, which {out.dvc_file} tracks.", hint="Choose another destination."
            )
    if repository.git_root is not None:
        if git.ignored(repository.git_root, [record]):
            raise Refused(f"git ignores {record}, so the record would be lost.", hint="Change the rule in .gitignore.")
        if git.holding(repository.git_root, [path]):
            raise Refused(f"{path} is tracked by git.", hint="Choose another destination.")
