"""``move``: give tracked data another name or place, with its record."""

from __future__ import annotations

import os
from dataclasses import field

from madang.domain.values import mutable
from madang.durable import unlink, write_file
from madang.errors import NotFound, Refused
from madang.formats.dvc import dvcfile, imports
from madang.workspace.data.files import leftovers
from madang.workspace.data.records import placing
from madang.workspace.data.records.outs import TrackedOut, outs_of, read_file, resolve
from madang.workspace.data.repo import gitignores
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository


@mutable
class Moved:
    """What a move did; absolute paths."""

    source: str
    target: str
    dvc_file: str
    git_files: list[str] = field(default_factory=list)  # written or removed, of interest to git


def move(repository: Repository, source: str, target: str) -> Moved:
    """Move tracked data (a file or folder with a ``.dvc`` file); into ``target`` when that is a folder.

    The new record is written before the data is renamed and the old record goes last, so a process that is killed
    leaves both records and the data in one of the places, and the same command again does the rest.

    Raises:
        NotFound: ``source`` is not tracked, or ``target`` ends as a folder does and is none.
        Refused: ``source`` is inside a tracked folder or an output of a pipeline, or ``target`` is no place for it.
        Conflict: something is at ``target``.
    """
    out = _tracked(repository, os.path.abspath(source))
    if target.endswith(os.sep) and not os.path.isdir(target):
        raise NotFound(f"There is no folder {target}.", hint="Make it first, or leave out the last separator.")
    begun = _begun(out, os.path.abspath(target))
    path = begun or placing.destination(target, os.path.basename(out.path))
    with hold(repository, [out.path, path]):
        keeps_file = os.path.basename(out.dvc_file) != os.path.basename(out.path) + dvcfile.SUFFIX
        if begun is None:
            placing.check_place(repository, path)
        dvc_file = out.dvc_file if keeps_file else path + dvcfile.SUFFIX
        _check_alone(out, keeps_file)
        moved = Moved(out.path, path, dvc_file)
        text = _new_text(out, dvc_file, path)
        with_git = repository.git_root is not None
        if with_git and out.entry.cache:
            moved.git_files += gitignores.protect(repository, path)
        write_file(dvc_file, text.encode())
        if os.path.lexists(out.path):
            os.rename(out.path, path)
        if with_git and out.entry.cache:
            moved.git_files += gitignores.show(out.path)
        if dvc_file != out.dvc_file:
            unlink(out.dvc_file)
        moved.git_files += dict.fromkeys((dvc_file, out.dvc_file))
        leftovers.forget(repository, [out.path])
        leftovers.note(repository, [path])
    return moved


def _begun(out: TrackedOut, target: str) -> str | None:
    """Where the same move was going when it was killed: its record is there, and the data in one place only."""
    for path in (target, os.path.join(target, os.path.basename(out.path))):
        record = path + dvcfile.SUFFIX
        if record != out.dvc_file and os.path.isfile(record) and os.path.lexists(path) != os.path.lexists(out.path):
            with open(record, encoding="utf-8", errors="replace") as file:
                if file.read() == _new_text(out, record, path):
                    return path
    return None


def _tracked(repository: Repository, path: str) -> TrackedOut:
    target = resolve(repository, [path])[0]
    if target.inside or target.out.path != path:
        raise NotFound(f"{path} is not tracked on its own.", hint="madang list . -R --dvc-only shows what is tracked.")
    if not target.out.dvc_file.endswith(dvcfile.SUFFIX):
        raise Refused(f"{path} is an output of {target.out.dvc_file}.", hint="Change the stage there.")
    return target.out


def _check_alone(out: TrackedOut, keeps_file: bool) -> None:
    others = [other.path for other in outs_of(out.dvc_file) if other.path != out.path]
    if others and not keeps_file:
        raise Refused(f"{out.dvc_file} also tracks {others[0]}.", hint="Edit the file.")


def _new_text(out: TrackedOut, dvc_file: str, path: str) -> str:
    with open(out.dvc_file, encoding="utf-8") as file:
        text = file.read()
    parsed = read_file(out.dvc_file, text.encode())
    old_folder = os.path.normpath(os.path.join(os.path.dirname(out.dvc_file), parsed.wdir))
    stays = dvc_file == out.dvc_file
    folder = old_folder if stays else os.path.dirname(dvc_file)
    dep_path = None
    for dep in parsed.deps:
        source = dep.get("path")
        if isinstance(source, str) and "repo" not in dep and "://" not in source and not os.path.isabs(source):
            dep_path = os.path.relpath(os.path.join(old_folder, source), folder).replace(os.sep, "/")
    new_path = os.path.relpath(path, folder).replace(os.sep, "/")
    return imports.moved(text, out.dvc_file, out.entry.path, new_path, dep_path=dep_path, keep_wdir=stays)
