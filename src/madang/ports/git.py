"""What is asked of Git: the state of a work tree, and clean work trees beside it.

Paths are relative to the root of the work tree, with ``/``; bytes that are no UTF-8 come as surrogates
(`os.fsencode` gives them back). No method runs hooks, pagers, external diff programs or a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from madang.domain.values import value


@value
class Head:
    """Where the work tree stands."""

    commit: str = ""  # full hash; empty before the first commit
    branch: str = ""  # empty when detached


@value
class TreeStatus:
    """How the work tree differs from its commit."""

    head: Head
    changed: list[str] = field(default_factory=list)  # tracked paths that differ, staged or not; deleted ones too
    untracked: list[str] = field(default_factory=list)  # neither tracked nor ignored
    submodules: list[str] = field(default_factory=list)  # those among the changed

    @property
    def dirty(self) -> bool:
        """Whether a tracked path differs from the commit."""
        return bool(self.changed)


class Git(Protocol):
    """One work tree of a repository. Safe to use on a repository that somebody else made.

    Errors of every method: `NotAWorkspace` when there is no repository, `Refused` when Git does not trust its owner,
    `ConfigError` when the git program is missing, `NotFound` for an unknown revision, `StorageError` when git fails
    otherwise. Methods that only ask take no lock and may be repeated.
    """

    root: str

    def head(self) -> Head:
        """The commit and the branch."""
        ...

    def status(self) -> TreeStatus:
        """Compare the work tree with its commit."""
        ...

    def resolve(self, revision: str) -> str:
        """The full hash of the commit that a revision names. Raises `NotFound`."""
        ...

    def has_commit(self, commit: str) -> bool:
        """Whether the repository holds this commit."""
        ...

    def remote_url(self, branch: str = "") -> str:
        """The address that a branch (else `origin`) is fetched from, without credentials; empty when there is none."""
        ...

    def diff(self) -> bytes:
        """The tracked changes against the commit, staged or not, as a patch that `apply` takes: binary, full index."""
        ...

    def diff_stat(self) -> str:
        """A summary of `diff` for people: files with the number of their changed lines."""
        ...

    def tracked(self) -> list[str]:
        """All tracked files."""
        ...

    def read(self, commit: str, path: str) -> bytes:
        """The bytes of a file as it stands in a commit. Raises `NotFound`."""
        ...

    def files(self, commit: str, patch: bytes = b"") -> dict[str, str]:
        """The files of a commit with a patch applied: git's name of each one's bytes, by path.

        Raises:
            NotFound: no such commit. Conflict: the patch does not fit.
        """
        ...

    def blob(self, name: str) -> bytes:
        """The bytes that git knows by a name. Raises `NotFound`."""
        ...

    def add_worktree(self, path: str, commit: str) -> Git:
        """Make a work tree with the files of a commit at a new path: detached, no hooks, filters or submodules."""
        ...

    def record(self, base: str, patch: bytes, files: Mapping[str, bytes], message: str) -> str:
        """Make a commit on top of HEAD whose tree is that of ``base`` with a patch and more files; returns its name.

        No branch moves. Raises `NotFound`, `Conflict` and `Refused` as `files` and `apply`.
        """
        ...

    def changes(self, old: str, new: str) -> list[tuple[str, str]]:
        """(letter, path) of each file that differs between two commits: A, M, D or T."""
        ...

    def move(self, old: str, new: str) -> None:
        """Bring the work tree, the index and the branch from the commit ``old`` to ``new``, or change nothing.

        Raises:
            Conflict: HEAD is not at ``old``, or a file that would be replaced has changes.
        """
        ...

    def take_back(self, old: str, new: str) -> None:
        """Bring work tree, index and branch to ``old``, wherever a `move` from there to ``new`` was stopped.

        Raises:
            Conflict: HEAD is at neither of them, a file has other bytes than both, or git's index is locked.
        """
        ...

    def before(self, moment: int) -> str:
        """The newest commit of the branch's own line up to a moment (µs UTC). Raises `NotFound`."""
        ...

    def left_at(self, commit: str) -> int | None:
        """When the branch went on from a commit, µs UTC; None while it is the newest, or not on the branch's line."""
        ...

    def add_tag(self, name: str, commit: str, message: str, *, for_good: bool = False) -> None:
        """Make an annotated tag. One ``for_good`` is remembered here, so that it is noticed when it is moved.

        Raises:
            Conflict: there is one of that name, or was for good. InvalidInput: this can be no name of a tag.
        """
        ...

    def is_tag_moved(self, name: str) -> bool:
        """Whether a tag that was made here for good is another one now, or gone."""
        ...

    def tag_message(self, name: str) -> str:
        """The text of an annotated tag; empty for a light one. Raises `NotFound`."""
        ...

    def remove_worktree(self, path: str) -> None:
        """Remove such a work tree with all that is in it; one that is gone already is no error."""
        ...

    def apply(self, patch: bytes) -> None:
        """Apply a patch to the work tree and its index.

        Raises:
            Refused: it reaches outside the tree, into ``.git``, or makes a link out of the tree or a submodule.
            Conflict: it does not fit the files.
        """
        ...
