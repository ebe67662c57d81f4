"""What experiments ask of git: trees of a work tree as it stands, commits that no branch moves to, refs.

The user's index and HEAD are never touched: trees are made in a copy of the index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from madang.errors import Conflict, NotFound, StorageError
from madang.workspace.data.repo import git

NOTHING = ""
"""The old value of a ref that must not be there yet."""

_HINT = "Mend that, then repeat: nothing was changed."


class Change(NamedTuple):
    """How a path differs between two trees."""

    path: str
    old: tuple[str, str] | None  # mode and object; None: it is not there
    new: tuple[str, str] | None


def snapshot(root: str, *, extra: Sequence[str] = (), forced: Sequence[str] = ()) -> str:
    """The tree of a work tree as it stands: what git tracks or was told of, and more files. Returns its name.

    ``extra`` are absolute paths that belong to it unless git ignores them, ``forced`` such as belong to it anyway;
    those that are not there, or lie elsewhere, are left out.

    Raises:
        StorageError: git refused, as in the middle of a merge.
    """
    with _own_index() as index:
        own = git.path_of(root, "index")
        if os.path.exists(own):
            shutil.copyfile(own, index)  # what git knows of unchanged files need not be found out again
        _answer(root, "add", "--update", "--", ".", index=index)
        ignored = git.ignored(root, list(extra))
        wanted = _inside(root, [*(path for path in extra if path not in ignored), *forced])
        if wanted:
            names = b"".join(os.fsencode(name) + b"\0" for name in wanted)
            _answer(root, "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", index=index, given=names)
        return _answer(root, "write-tree", index=index).decode().strip()


def tree_with(root: str, tree: str, replaced: Mapping[str, bytes]) -> str:
    """A tree (or a commit's) with other bytes for some paths, relative to the root. Returns its name."""
    with _own_index() as index:
        _answer(root, "read-tree", tree, index=index)
        for path, body in replaced.items():
            name = _answer(root, "hash-object", "-w", "--stdin", "--path", path, given=body).decode().strip()
            entry = f"{_mode(root, path, index)},{name},{path}"
            _answer(root, "update-index", "--add", "--cacheinfo", entry, index=index)
        return _answer(root, "write-tree", index=index).decode().strip()


@contextmanager
def _own_index() -> Iterator[str]:
    """A place for an index that is not the user's."""
    with tempfile.TemporaryDirectory(prefix="madang-experiment-") as folder:
        yield os.path.join(folder, "index")


def _inside(root: str, paths: Sequence[str]) -> list[str]:
    """Those of the absolute paths that are there, relative to the root."""
    top = root.rstrip("/") + "/"
    there = (path for path in dict.fromkeys(paths) if path.startswith(top) and os.path.lexists(path))
    return [path[len(top) :] for path in there]


def _mode(root: str, path: str, index: str) -> str:
    known = _answer(root, "ls-files", "-s", "-z", "--", path, index=index)
    return known.split(b" ", 1)[0].decode() if known else "100644"


def commit(root: str, tree: str, parents: Sequence[str], message: str) -> str:
    """Make a commit; returns its name. No ref moves.

    Raises:
        StorageError: git refused, as when it does not know who the user is.
    """
    above = [word for parent in parents for word in ("-p", parent)]
    return _answer(root, "commit-tree", tree, *above, "-F", "-", given=message.encode()).decode().strip()


def tree_of(root: str, revision: str) -> str:
    """The name of a commit's tree."""
    return _answer(root, "rev-parse", "--verify", f"{revision}^{{tree}}").decode().strip()


def changes(root: str, old: str, new: str) -> list[Change]:
    """How two trees (or commits) differ."""
    raw = _answer(root, "diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new)
    parts = raw.split(b"\0")
    return [_change(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)]


def _change(facts: bytes, path: bytes) -> Change:
    old_mode, new_mode, old, new, _ = facts.lstrip(b":").decode().split(" ")
    return Change(
        os.fsdecode(path),
        (old_mode, old) if old.strip("0") else None,
        (new_mode, new) if new.strip("0") else None,
    )


def checked_out(root: str, path: str, name: str) -> bytes:
    """The bytes that an object has in the work tree at a path, with line ends and filters as git is told to write."""
    return _answer(root, "cat-file", "--filters", f"--path={path}", name)


def blob(root: str, name: str) -> bytes:
    """The bytes of an object."""
    return _answer(root, "cat-file", "blob", name)


def file_of(root: str, commit: str, path: str) -> bytes | None:
    """The bytes of a file in a commit; None when it is not there."""
    done = git.run(root, "cat-file", "blob", f"{commit}:{path}")
    return done.stdout if done.returncode == 0 else None


def tracked(root: str) -> list[str]:
    """The files that git tracks."""
    return [os.fsdecode(name) for name in _answer(root, "ls-files", "-z").split(b"\0") if name]


def take(root: str, old: str, new: str) -> None:
    """Bring the index and files of a clean work tree from one tree to another. HEAD stays."""
    _answer(root, "update-index", "-q", "--refresh")  # else a file that was only touched or copied is in the way
    _answer(root, "read-tree", "-m", "-u", old, new)


def forget_worktrees(root: str) -> None:
    """Let git forget work trees whose folders are gone."""
    git.run(root, "worktree", "prune")


# -- refs -----------------------------------------------------------------------------------------------------------


class Ref(NamedTuple):
    """A ref, what it points to, and when that was committed."""

    name: str
    commit: str
    at: int  # seconds since 1970; 0 for what is no commit


def refs(root: str, below: str) -> list[Ref]:
    """The refs below a name."""
    form = "--format=%(refname)%00%(objectname)%00%(committerdate:unix)"
    lines = _lines(_answer(root, "for-each-ref", form, below))
    return [Ref(name, commit, int(at or 0)) for name, commit, at in (line.split("\0") for line in lines)]


def set_ref(root: str, name: str, commit: str, *, old: str | None = None, why: str = "") -> None:
    """Point a ref to a commit, if it still has its old value (`NOTHING`: there is none); without ``old`` anyway.

    Raises:
        Conflict: it has another value.
    """
    reason = ["-m", why] if why else []
    done = git.run(root, "update-ref", *reason, "--", name, commit, *([] if old is None else [old]))
    if done.returncode != 0:
        raise Conflict(f"{name} cannot be set: {_said(done)}", hint="Look at it: git for-each-ref refs/exps")


def remove_ref(root: str, name: str, old: str = "") -> None:
    """Remove a ref, if it still has its old value; one that is not there is no error."""
    done = git.run(root, "update-ref", "-d", name, *([old] if old else []))
    if done.returncode != 0 and any(ref.name == name for ref in refs(root, name)):
        raise Conflict(f"{name} cannot be removed: {_said(done)}", hint="Repeat the command.")


def is_ref(root: str, name: str) -> bool:
    """Whether git allows a ref of this name."""
    return git.run(root, "check-ref-format", name).returncode == 0


def lineage(root: str, commit: str, base: str) -> list[str]:
    """The commits from one back to (and without) another, along first parents, newest first."""
    return _answer(root, "rev-list", "--first-parent", commit, f"^{base}", "--").decode().split()


def reflog(root: str, name: str) -> list[tuple[str, int, str]]:
    """(commit, when it was made, message) of each entry of a ref's log, newest first; nothing without a log."""
    done = git.run(root, "log", "--walk-reflogs", "--format=%H%x00%ct%x00%gs", name, "--")
    rows = (line.split("\0") for line in done.stdout.decode("utf-8", "replace").splitlines())
    return [(commit, int(at), message) for commit, at, message in rows] if done.returncode == 0 else []


# -- remotes --------------------------------------------------------------------------------------------------------


def remote_refs(root: str, remote: str, below: str) -> list[Ref]:
    """The refs below a name in a remote of git, by its name or address.

    Raises:
        NotFound: it cannot be reached, in git's words.
    """
    done = git.run(root, "ls-remote", "--", remote, f"{below}/*")
    if done.returncode != 0:
        raise NotFound(f"The git remote {remote!r} cannot be read: {_said(done)}", hint="git remote -v lists them.")
    rows = (line.partition("\t") for line in _lines(done.stdout))
    return [Ref(name, commit, 0) for commit, _, name in rows if not name.endswith("^{}")]


def push(root: str, remote: str, specs: Sequence[str]) -> None:
    """Send refs (``+SOURCE:TARGET``, ``:TARGET`` removes one). Raises `Conflict` when the remote refuses."""
    done = git.run(root, "push", "--quiet", "--no-verify", "--porcelain", "--", remote, *specs)
    if done.returncode != 0:
        raise Conflict(f"The git remote {remote!r} refused: {_said(done)}", hint="Pull first, or use --force.")


def fetch(root: str, remote: str, specs: Sequence[str]) -> None:
    """Bring refs. Raises `Conflict` when git refuses."""
    done = git.run(root, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", remote, *specs)
    if done.returncode != 0:
        raise Conflict(f"Nothing came from the git remote {remote!r}: {_said(done)}", hint="--force replaces refs.")


# -- the program ----------------------------------------------------------------------------------------------------


def _answer(root: str, *arguments: str, index: str = "", given: bytes = b"") -> bytes:
    done = git.run(root, *arguments, index=index, given=given)
    if done.returncode != 0:
        raise StorageError(f"git {arguments[0]} failed in {root}: {_said(done)}", hint=_HINT)
    return done.stdout


def _lines(answer: bytes) -> list[str]:
    """The lines of an answer; names may hold what only Python takes for the end of one."""
    return [os.fsdecode(line) for line in answer.split(b"\n") if line]


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = os.fsdecode(done.stderr).strip().splitlines() or os.fsdecode(done.stdout).strip().splitlines()
    return " ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:3])
