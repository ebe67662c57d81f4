"""``remove``: stop tracking data, or take a stage out of a pipeline. The data stays unless it is asked to go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field

from madang.domain.values import mutable, value
from madang.durable import remove_tree, unlink, write_file
from madang.errors import InvalidInput, NotFound, Refused
from madang.formats.dvc import dvcfile, stage_removal
from madang.workspace.data.files import comparing, leftovers, undoing
from madang.workspace.data.files.unprotecting import unprotect
from madang.workspace.data.records.outs import PIPELINE, Target, TrackedOut, outs_of, tracked
from madang.workspace.data.repo import gitignores
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository

_LOCK = "dvc.lock"


@mutable
class Removed:
    """What a removal did; absolute paths."""

    files: list[str] = field(default_factory=list)  # .dvc files, dvc.yaml, dvc.lock that went or changed
    git_files: list[str] = field(default_factory=list)  # .gitignore files that changed
    data: list[str] = field(default_factory=list)  # data that was deleted
    kept: str | None = None  # folder that holds data that was saved nowhere


@value
class _Part:
    """One thing to remove: a ``.dvc`` file (no stage), or one stage of a pipeline."""

    file: str
    outs: tuple[str, ...]
    cached: tuple[str, ...]  # those that a .gitignore hides
    stage: str = ""


def remove(repository: Repository, targets: Sequence[str], *, outs: bool = False) -> Removed:
    """Remove ``.dvc`` files and stages (``name``, ``folder/dvc.yaml:name``, a whole ``dvc.yaml``).

    Everything is checked before anything changes. Data that stays becomes independent of the cache. With ``outs`` the
    data is deleted, but for bytes that no object holds: these are kept for `undoing`.

    Raises:
        NotFound: no such file or stage. Refused: a stage made by a template. InvalidInput: a file that is none.
    """
    parts = list(dict.fromkeys(part for target in targets for part in _parts(repository, target)))
    paths = [path for part in parts for path in part.outs]
    removed = Removed()
    with hold(repository, paths):
        present = [path for path in dict.fromkeys(paths) if os.path.lexists(path)]
        if outs:
            _delete(repository, present, parts, removed)
        else:
            for path in present:
                unprotect(repository, path)
        leftovers.forget(repository, paths)
        for part in parts:
            for path in part.cached:
                removed.git_files.extend(gitignores.show(path) if repository.git_root is not None else ())
            _drop(part, removed)
    return removed


def _parts(repository: Repository, target: str) -> list[_Part]:
    path = os.path.abspath(target)
    if target.endswith(dvcfile.SUFFIX):
        _check_inside(repository, path)
        found = outs_of(path)
        cached = tuple(out.path for out in found if out.entry.cache)
        return [_Part(path, tuple(out.path for out in found), cached)]
    file, colon, name = target.rpartition(":")
    if os.path.basename(target) == PIPELINE:
        file, colon, name = target, "", ""
    elif not colon:
        if os.path.isfile(target + dvcfile.SUFFIX):
            raise InvalidInput(f"{target!r} is not a .dvc file.", hint=f"madang remove {target}{dvcfile.SUFFIX}")
        file, name = PIPELINE, target
    file = os.path.abspath(file or PIPELINE)
    _check_inside(repository, file)
    return _stages(file, name)


def _check_inside(repository: Repository, path: str) -> None:
    if not path.startswith(repository.root.rstrip(os.sep) + os.sep):
        raise Refused(f"{path} is outside the repository {repository.root}.", hint="Run the command in its own one.")


def _stages(file: str, name: str) -> list[_Part]:
    try:
        with open(file, encoding="utf-8") as opened:
            found = stage_removal.stages(opened.read(), file)
    except FileNotFoundError:
        raise NotFound(f"{file} does not exist.", hint="Name a .dvc file or a stage.") from None
    chosen = [stage for stage in found.values() if not name or stage.name == name]
    base = name.partition("@")[0]
    if not chosen and base in found:
        chosen = [found[base]]
    if not chosen and name:
        raise NotFound(f"{file} has no stage {name!r}.", hint=f"Its stages: {', '.join(found) or 'none'}.")
    wrong = next((stage for stage in chosen if stage.is_template), None)
    if wrong is not None:
        raise Refused(f"The stage {wrong.name!r} in {file} is made by a template.", hint="Edit the file.")
    parts = []
    for stage in chosen:
        folder = os.path.join(os.path.dirname(file), stage.wdir)
        places = {os.path.normpath(os.path.join(folder, out.path)): out.cache for out in stage.outs}
        parts.append(_Part(file, tuple(places), tuple(path for path, cache in places.items() if cache), stage.name))
    return parts


def _delete(repository: Repository, present: Sequence[str], parts: Sequence[_Part], removed: Removed) -> None:
    outside = next((path for path in present if not path.startswith(repository.root + os.sep)), None)
    if outside is not None:
        raise Refused(f"{outside} is outside the repository, so it is not deleted.", hint="Remove it yourself.")
    known = {out.path: out for part in parts for out in _records(repository, part)}
    unsaved = [path for path in present if path not in known or not _is_saved(repository, known[path])]
    if unsaved:
        removed.kept = undoing.keep(repository, unsaved, "remove --outs")
    for path in present:
        removed.data.append(path)
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            unlink(path)


def delete_data(repository: Repository, out: TrackedOut, command: str, *, force: bool) -> str | None:
    """Delete what lies at a tracked path, if anything. Returns the folder that keeps bytes which no object holds.

    The caller holds the repository.

    Raises:
        Refused: there are such bytes, and not ``force``.
    """
    if not os.path.lexists(out.path):
        return None
    if not _is_saved(repository, out):
        if not force:
            raise Refused(
                f"{repository.relative(out.path)} has changes that are saved nowhere.",
                hint="Save them (madang add, under another name), or give --force; madang undo brings them back then.",
            )
        return undoing.keep(repository, [out.path], command)
    if os.path.isdir(out.path) and not os.path.islink(out.path):
        remove_tree(out.path)
    else:
        unlink(out.path)
    return None


def _records(repository: Repository, part: _Part) -> list[TrackedOut]:
    return tracked(repository, os.path.dirname(part.file)) if part.stage else outs_of(part.file)


def _is_saved(repository: Repository, out: TrackedOut) -> bool:
    """Whether every byte there is in a sound object of the cache."""
    if out.md5 is None or out.entry.hash_name is None or not out.entry.cache:
        return False
    if comparing.changes(repository, [Target(out)]):
        return False
    files = repository.cache.listing(out.md5).values() if out.is_dir else [out.md5]
    if out.is_dir and sum(len(names) for _, _, names in os.walk(out.path)) != len(files):
        return False  # it holds files that .dvcignore hides
    found = repository.cache.look(set(files))
    return not found.missing and not repository.cache.verify(found.keys, lambda _: None)


def _drop(part: _Part, removed: Removed) -> None:
    if not part.stage:
        unlink(part.file)
        removed.files.append(part.file)
        return
    for file in (os.path.join(os.path.dirname(part.file), _LOCK), part.file):
        try:
            with open(file, encoding="utf-8") as opened:
                text = opened.read()
        except FileNotFoundError:
            continue
        left = stage_removal.without(text, file, part.stage)
        if left == text:
            continue
        removed.files.append(file)
        if left is None:
            unlink(file)
        else:
            write_file(file, left.encode())
