"""A clean place in which a run can be repeated: the recorded code in a work tree of its own, its data, its Python."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote

from blake3 import blake3

from madang.domain.events import FileRef, InputItem
from madang.domain.redact import MASK
from madang.domain.runs import RunRecord
from madang.domain.versions import check_path
from madang.errors import CorruptData, InvalidInput, MadangError, Refused, StorageError
from madang.formats import store as layout
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.workspace import data_index, lfs_objects

_PIECE = 1 << 20
_LOCK, _KEPT_MARK = "/lock", "/kept"
MAX_NAMED = 50

# Variables of the record that change results and say nothing about the machine: they are set for the repetition.
_KEPT = frozenset((
    "CUBLAS_WORKSPACE_CONFIG", "LANG", "LC_ALL", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8",
    "TOKENIZERS_PARALLELISM", "TZ", "XLA_FLAGS",
))  # fmt: skip
_KEPT_PREFIXES = (
    "BLIS_", "CUDNN_", "GOTO_", "JAX_", "KMP_", "MKL_", "NUMBA_", "NUMEXPR_", "OMP_", "OPENBLAS_", "PYTORCH_", "TF_",
    "TORCH_", "TRANSFORMERS_", "VECLIB_",
)  # fmt: skip


@dataclass
class Place:
    """A work tree for one repetition. ``missing`` is what it lacks; nothing may run while something does."""

    folder: str  # of this repetition, in the store
    root: str  # of the work tree
    missing: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)  # files taken from the original's work tree as they are now


class Workspace:
    """The repository in which the run is repeated, and its data."""

    def __init__(self, git: Git, git_dir: str, store: str) -> None:
        self.git = git
        self.git_dir = git_dir  # shared by all work trees
        self.store = store

    def prepare(self, run: RunRecord, reader: Reader, *, with_local: bool) -> Place:
        """Make the work tree: commit, diff, untracked files, data. What is missing is listed, all of it.

        Raises:
            Refused: the diff or a file reaches outside the tree.
            Conflict: the diff does not fit its commit.
            CorruptData: stored bytes do not have their digest.
            StorageError: the disk refused.
        """
        code = run.code
        assert code is not None
        self._remove_abandoned()
        folder = os.path.join(self.store, "reproduce", os.urandom(8).hex())
        name = os.path.basename(self.git.root.rstrip("/"))
        place = Place(folder, os.path.join(folder, name if name and f"/{name}" not in (_LOCK, _KEPT_MARK) else "tree"))
        try:
            os.makedirs(folder)
            layout.hold(folder + _LOCK)
            tree = self.git.add_worktree(place.root, code.commit)
            if code.diff is not None:
                with reader.open_blob(run.project, code.diff.digest) as file:
                    tree.apply(_checked_bytes(file, code.diff.digest, "the diff"))
            for item in code.untracked:
                with reader.open_blob(run.project, item.digest) as file:
                    write_inside(place.root, item, file)
            if with_local:
                self._take_local(run, [item.path for item in code.withheld], place)
            self._data(run, place)
            self._reads(run, place, with_local=with_local)
            _make_working_folder(run, place.root)
        except OSError as error:
            self.remove(place)
            raise StorageError(f"Cannot prepare {folder}: {error.strerror} ({error.filename}).") from error
        except BaseException:
            self.remove(place)
            raise
        return place

    def remove(self, place: Place) -> None:
        """Take the work tree away."""
        with contextlib.suppress(MadangError):
            self.git.remove_worktree(place.root)
        layout.release(place.folder + _LOCK)
        shutil.rmtree(place.folder, ignore_errors=True)

    def keep(self, place: Place) -> None:
        """Leave the work tree to the user: it is not cleared away later either."""
        layout.release(place.folder + _LOCK)
        with open(place.folder + _KEPT_MARK, "w", encoding="ascii"):
            pass

    def _remove_abandoned(self) -> None:
        """Take away what a killed reproduction has left."""
        top = os.path.join(self.store, "reproduce")
        for name in os.listdir(top) if os.path.isdir(top) else []:
            folder = os.path.join(top, name)
            if not layout.is_held(folder + _LOCK) and not os.path.exists(folder + _KEPT_MARK):
                trees = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
                for root in trees or [os.path.join(folder, "tree")]:
                    self.remove(Place(folder, root))

    def missing_data(self, run: RunRecord) -> list[str]:
        """Tracked data that the run read and the cache lacks, as far as it can be told without a work tree."""
        repo = data_index.find_repo(self.git.root)
        if repo is None:
            return [f"{item.path} ({item.digest}): there is no data repository here" for item in run.inputs]
        try:
            wanted = {item.digest.removeprefix("md5:"): item for item in run.inputs if item.digest.startswith("md5:")}
            absent = repo.repository.cache.look(wanted).missing
            return [_absent(wanted[name]) for name in absent]
        finally:
            repo.close()

    def _data(self, run: RunRecord, place: Place) -> None:
        """Check the tracked data out, and put the bytes that the run really read in the place of what differs."""
        repo = data_index.find_repo(self.git.root)
        if repo is None:
            place.missing += self.missing_data(run)
            return
        try:
            read = {os.path.join(place.root, item.path): item for item in run.inputs}
            lacking = repo.missing_objects(place.root)
            needed = [one for one in lacking if one.path in read or _holds(one.path, read)]
            for one in needed[:MAX_NAMED]:
                place.missing.append(f"{os.path.relpath(one.path, place.root)} (md5:{one.name}): not in the data cache")
            if not lacking:
                repo.checkout_into(place.root)
            elif not needed:
                _check_out_some(repo, place.root, set(read))
            for path, item in read.items():
                self._as_read(repo, path, item, place)
        finally:
            repo.close()

    def _as_read(self, repo: data_index.Repo, path: str, item: InputItem, place: Place) -> None:
        check_path(item.path)
        if not item.digest:
            place.missing.append(f"{item.path}: it was changed before it could be told what the run had read")
            return
        wanted = item.digest.removeprefix("md5:")
        if os.path.isfile(path) and _md5(path) == wanted:
            return
        if repo.repository.cache.look([wanted]).missing:
            if not any(text.startswith(f"{item.path} ") for text in place.missing):
                place.missing.append(_absent(item))
            return
        _no_links_above(place.root, item.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        shutil.copyfile(repo.repository.cache.path(wanted), path)
        if _md5(path) != wanted:
            raise CorruptData(f"The cached bytes of {item.path} do not have the digest {item.digest}.")

    def _reads(self, run: RunRecord, place: Place, *, with_local: bool) -> None:
        """Files that the run opened and that are nowhere in the record: not in Git, not tracked, not captured."""
        made = {item.path for item in run.outputs}
        opened = {path: how for path, how in run.opened.items() if _is_inside(path)}
        lost = [
            path
            for path, how in opened.items()
            if how == "r" and path not in made and not os.path.exists(os.path.join(place.root, path))
        ]
        modules = {
            path
            for path in run.imports
            if _is_inside(path)
            and "w" not in opened.get(path, "")
            and not os.path.exists(os.path.join(place.root, path))
        }
        lost += sorted(modules - set(lost))
        for path in sorted(path for path, how in opened.items() if "r" in how):
            if _link_above(place.root, path):
                continue  # it may lead anywhere, and Git LFS writes none below it
            oid = lfs_objects.pointer_of(os.path.join(place.root, path))
            if oid and not lfs_objects.restore(os.path.join(place.root, path), self.git_dir):
                place.missing.append(f"{path} (sha256:{oid}): its Git LFS object is not here; run `git lfs fetch`")
        if with_local:
            self._take_local(run, lost, place)
            lost = [path for path in lost if path not in place.local]
        tracked = {item.path for item in run.inputs}
        place.missing += [
            f"{path}: the run {'imported' if path in modules else 'read'} it, "
            "and it is neither in Git nor tracked as data"
            for path in sorted(lost)[:MAX_NAMED]
            if path not in tracked
        ]
        for use in run.uses:
            target = os.path.join(place.root, use.path) if use.path else ""
            if use.digest.startswith("blake3:") and os.path.isfile(target) and _blake3(target) != use.digest:
                place.missing.append(f"{use.path} ({use.digest}): its present bytes are others")

    def _take_local(self, run: RunRecord, paths: Sequence[str], place: Place) -> None:
        """Copy files from the original's work tree as they are now: nobody knows whether they are what it read."""
        for path in paths:
            source = os.path.join(run.root, check_path(path))
            _no_links_above(place.root, path)
            target = os.path.join(place.root, path)
            if run.root and os.path.isdir(run.root) and not os.path.lexists(source) and os.path.isfile(target):
                os.unlink(target)  # the withheld diff may have deleted it
                place.local.append(path)
            if not run.root or not os.path.isfile(source) or os.path.islink(source):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target, follow_symlinks=False)
            place.local.append(path)


def write_inside(root: str, item: FileRef, file: BinaryIO) -> None:
    """Write an untracked file of the record into the work tree, checked against its digest.

    Raises:
        Refused: the path leads out of the tree or into ``.git``.
        CorruptData: the bytes are others.
    """
    try:
        check_path(item.path)
    except MadangError as error:
        raise Refused(f"The untracked file {item.path[:200]!r} would lie outside the work tree.") from error
    if any(part.lower().rstrip(". ") in (".git", "git~1") for part in item.path.split("/")):
        raise Refused(f"The untracked file {item.path[:200]!r} would lie in .git.")
    _no_links_above(root, item.path)
    target = os.path.join(root, item.path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(descriptor, "wb") as out:
        body = _checked_bytes(file, item.digest, item.path)
        out.write(body)
        if body.startswith(b"#!"):
            os.fchmod(descriptor, 0o755)  # the record has no modes, and a script may be started by its name


def _make_working_folder(run: RunRecord, root: str) -> None:
    """Git has no empty folders, and a run may have been started in one."""
    below = os.path.relpath(run.cwd, run.root) if run.cwd and run.root else "."
    if below != ".." and not below.startswith("../"):
        _no_links_above(root, f"{below}/.")
        os.makedirs(os.path.join(root, below), exist_ok=True)


def _is_inside(path: str) -> bool:
    """Whether a path of a record, which may be anybody's, stays inside the work tree."""
    try:
        check_path(path)
    except InvalidInput:
        return False
    return True


def _link_above(root: str, path: str) -> str:
    """The first link on the way from the work tree to a path; empty when there is none."""
    above = root
    for part in path.split("/")[:-1]:
        above = os.path.join(above, part)
        if os.path.islink(above):
            return above
    return ""


def _no_links_above(root: str, path: str) -> None:
    """Refuse a path below a link: it may lead anywhere."""
    link = _link_above(root, path)
    if link:
        raise Refused(f"{path[:200]!r} lies below the link {os.path.relpath(link, root)!r}.")


def _checked_bytes(file: BinaryIO, digest: str, what: str) -> bytes:
    body = file.read()
    if "blake3:" + blake3(body).hexdigest() != digest:
        raise CorruptData(f"The stored bytes of {what} do not have the digest {digest}.")
    return body


def _absent(item: InputItem) -> str:
    return f"{item.path} ({item.digest}): not in the data cache"


def _holds(path: str, read: Mapping[str, InputItem]) -> bool:
    """Whether something that the run read lies in a tracked folder whose list of files is missing."""
    return any(one.startswith(path + "/") for one in read)


def _check_out_some(repo: data_index.Repo, root: str, wanted: set[str]) -> None:
    """With other data missing, what the run read is put there file by file by the caller: make only the folders."""
    for path in wanted:
        os.makedirs(os.path.dirname(path), exist_ok=True)


def _md5(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _blake3(path: str) -> str:
    found = blake3()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return "blake3:" + found.hexdigest()


def command_of(run: RunRecord, root: str) -> tuple[list[str], str, str]:
    """(command, folder, note): the recorded command in the new work tree, by the same interpreter if it exists."""
    command = [_moved(word, run.root, root) for word in run.command]
    below = os.path.relpath(run.cwd, run.root) if run.cwd and run.root else "."
    folder = os.path.normpath(os.path.join(root, below)) if below != ".." and not below.startswith("../") else root
    note = ""
    if command and run.executable and _is_python(command[0]):
        if os.access(run.executable, os.X_OK):
            command[0] = run.executable
        else:
            note = f"the interpreter {run.executable} is gone; {command[0]} on PATH is used"
    return command, folder, note


def _is_python(word: str) -> bool:
    return os.path.basename(word).startswith(("python", "pypy"))


def _moved(word: str, before: str, root: str) -> str:
    """An absolute path below the original work tree as the path in the new one."""
    if not before or before not in word:
        return word
    start = before.rstrip("/")
    if word == start or word.startswith(start + "/"):
        return root + word[len(start) :]
    return word.replace(f"={start}/", f"={root}/")


def inside(run: RunRecord, path: object, folder: str, root: str) -> str:
    """A path that the run's own record names, such as where it writes its metrics, as seen from ``folder``.

    Raises:
        Refused: it leads out of the work tree ``root``, to what is not the run's.
    """
    if not isinstance(path, str) or "\0" in path:
        raise Refused(f"The run names {path!r:.200} as a file that it writes.")
    whole = os.path.normpath(os.path.join(folder, _moved(path, run.root, root)))
    if not whole.startswith(root.rstrip("/") + "/"):
        raise Refused(f"The run says that it writes {path[:200]!r}, which is outside its work tree.")
    return os.path.relpath(whole, folder)


def import_roots(run: RunRecord, root: str) -> list[str]:
    """The folders of the new work tree from which the run's own modules are imported.

    Without them an editable install, or PYTHONPATH, would lead back to the original work tree as it is now.
    """
    found: dict[str, None] = {}
    for path in sorted(run.imports):
        folder = os.path.dirname(path)
        while folder and os.path.exists(os.path.join(root, folder, "__init__.py")):
            folder = os.path.dirname(folder)
        found[os.path.normpath(os.path.join(root, folder))] = None
    if _installed_from(run):  # a folder without __init__.py may be a namespace package: its parents come last
        for path in sorted(run.imports):
            folder = os.path.dirname(path)
            while folder:
                folder = os.path.dirname(folder)
                found.setdefault(os.path.normpath(os.path.join(root, folder)))
    return list(found)


def _installed_from(run: RunRecord) -> bool:
    """Whether something of the original work tree is installed editable (``editable file:///…``)."""
    origins = [origin for _, _, origin in run.environment.packages] if run.environment is not None else []
    folders = [unquote(origin.removeprefix("editable file://")) for origin in origins if origin.startswith("editable ")]
    return bool(run.root) and any(f"{folder}/".startswith(run.root.rstrip("/") + "/") for folder in folders)


def environment_of(run: RunRecord, present: Mapping[str, str], root: str) -> dict[str, str]:
    """The present environment with the recorded variables that change results; modules come from the new work tree."""

    def counts(name: str) -> bool:
        return name in _KEPT or name.startswith(_KEPT_PREFIXES)

    recorded = run.environment.variables if run.environment is not None else {}
    kept = {name: text for name, text in recorded.items() if counts(name) and MASK not in text}
    env = {name: text for name, text in present.items() if run.environment is None or not counts(name)} | kept
    before = [_moved(entry, run.root, root) for entry in present.get("PYTHONPATH", "").split(os.pathsep) if entry]
    folders = list(dict.fromkeys([*import_roots(run, root), *before]))
    return {**env, "PYTHONPATH": os.pathsep.join(folders)} if folders else env
