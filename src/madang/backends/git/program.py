"""The `Git` port by the git program."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from madang.backends.git.calls import GitCalls
from madang.domain import redact
from madang.errors import Conflict, InvalidInput, NotFound, Refused, StorageError
from madang.ports.git import Head, TreeStatus

_DIFF = (
    "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--no-relative", "--submodule=short",
    "--ignore-submodules=dirty", "--src-prefix=a/", "--dst-prefix=b/", "--inter-hunk-context=0",
    "--diff-algorithm=myers",
)  # fmt: skip
_INDEX_WAIT = 3.0  # seconds
_EMPTY_TREE = {40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}
_EMPTY_TREE_SHA256 = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"

_FOR_GOOD = "refs/madang/releases/"  # what tags that never change were made as


class GitProgram(GitCalls):
    """The work tree around ``root``. See `Git`."""

    def head(self) -> Head:
        """See `Git.head`."""
        commit = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)).decode().strip()
        branch = self._run("symbolic-ref", "--quiet", "--short", "HEAD", ok=(0, 1))
        return Head(commit, os.fsdecode(branch).strip())

    def status(self) -> TreeStatus:
        """See `Git.status`."""
        out = self._run(
            "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--no-ahead-behind",
            "--ignore-submodules=dirty",
        )  # fmt: skip
        return _parse_status(out)

    def resolve(self, revision: str) -> str:
        """See `Git.resolve`."""
        out = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}", ok=(0, 1, 128))
        commit = out.decode("ascii", "replace").strip()
        if not commit:
            raise NotFound(f"The repository {self.root} has no commit {revision!r}.", hint="Fetch it, or name another.")
        return commit

    def has_commit(self, commit: str) -> bool:
        """See `Git.has_commit`."""
        try:
            return bool(self.resolve(commit))
        except NotFound:
            return False

    def remote_url(self, branch: str = "") -> str:
        """See `Git.remote_url`."""
        settings = self._settings(r"^(branch\..*\.remote|remote\..*\.url)$")
        remote = settings.get(f"branch.{branch}.remote", "origin")
        url = settings.get(f"remote.{remote}.url") or settings.get("remote.origin.url", "")
        return redact.address(url)

    def diff(self) -> bytes:
        """See `Git.diff`."""
        return self._run(*_DIFF, "-U3", "--binary", "--full-index", self._base(), "--")

    def diff_stat(self) -> str:
        """See `Git.diff_stat`."""
        return os.fsdecode(self._run(*_DIFF, "--stat=100", self._base(), "--"))

    def tracked(self) -> list[str]:
        """See `Git.tracked`."""
        return _names(self._run("ls-files", "-z"))

    def read(self, commit: str, path: str) -> bytes:
        """See `Git.read`."""
        try:
            return self._run("cat-file", "blob", f"{self.resolve(commit)}:{path}")
        except StorageError as error:
            raise NotFound(f"There is no file {path!r} in commit {commit}.") from error

    def files(self, commit: str, patch: bytes = b"") -> dict[str, str]:
        """See `Git.files`."""
        found = self.resolve(commit)
        with _folder(prefix="madang-files-") as folder:
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            self._run("read-tree", found, env=index)
            if patch.strip():
                self._patch(patch, ("--cached",), {**index, **self._filters_off()})
            listed = self._run("ls-files", "-s", "-z", env=index)
        rows = (entry.split(b"\t", 1) for entry in listed.split(b"\0") if entry)
        return {os.fsdecode(path): facts.split()[1].decode("ascii") for facts, path in rows}

    def blob(self, name: str) -> bytes:
        """See `Git.blob`."""
        try:
            return self._run("cat-file", "blob", name)
        except StorageError as error:
            raise NotFound(f"git has no file {name} in {self.root}.") from error

    def add_worktree(self, path: str, commit: str) -> GitProgram:
        """See `Git.add_worktree`."""
        found = self.resolve(commit)
        made = GitProgram(path, program=self._program)
        with self._worktrees():
            self._run("worktree", "add", "--no-checkout", "--detach", "--force", "--", path, found)
        made._run("reset", "--hard", "--quiet", env=self._filters_off())
        return made

    def record(self, base: str, patch: bytes, files: Mapping[str, bytes], message: str) -> str:
        """See `Git.record`."""
        found = self.resolve(base)
        off = self._filters_off()
        with _folder(prefix="madang-record-") as folder:
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            self._run("read-tree", found, env=index)
            if patch.strip():
                self._patch(patch, ("--cached",), {**index, **off})
                raw = self._run(
                    "diff-index", "--cached", "--raw", "--no-renames", "-z", "--no-abbrev", found, env=index
                )
                self._check_changes(raw)
            for path, body in files.items():
                name = self._run("hash-object", "-w", "--stdin", "--no-filters", given=body).decode().strip()
                mode = "100755" if body.startswith(b"#!") else "100644"
                self._run("update-index", "--add", "--cacheinfo", f"{mode},{name},{path}", env=index)
            tree = self._run("write-tree", env=index).decode().strip()
        return self._run("commit-tree", tree, "-p", self._base(), "-F", "-", given=message.encode()).decode().strip()

    def changes(self, old: str, new: str) -> list[tuple[str, str]]:
        """See `Git.changes`."""
        out = self._run("diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new)
        parts = [os.fsdecode(part) for part in out.split(b"\0") if part]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def move(self, old: str, new: str) -> None:
        """See `Git.move`."""
        if self.head().commit != old:
            raise Conflict(f"{self.root} is no longer at {old[:12]}.", hint="Repeat the command.")
        try:
            self._run("update-index", "-q", "--refresh")  # else a file that was only touched or copied is in the way
            self._run("read-tree", "-m", "-u", old, new)
        except StorageError as error:
            raise Conflict(
                f"Files of {self.root} are in the way: {error.message}", hint="Commit or move them."
            ) from error
        try:
            self._run("update-ref", "-m", "madang rollback", "HEAD", new, old)
        except StorageError:
            self._run("read-tree", "-m", "-u", new, old)
            raise

    def take_back(self, old: str, new: str) -> None:
        """See `Git.take_back`."""
        head = self.head().commit
        if head not in (old, new):
            raise Conflict(f"{self.root} is at {head[:12]}, neither at {old[:12]} nor at {new[:12]}.")
        self._await_index()
        self._settle_files(old, new)
        try:
            self._run("read-tree", "-m", "-u", new, old)
        except StorageError as error:
            raise Conflict(f"Files of {self.root} are in the way: {error.message}", hint="Move them.") from error
        if head == new:
            self._run("update-ref", "-m", "madang rollback taken back", "HEAD", old, new)

    def _await_index(self) -> None:
        """Stay while a git that outlived its caller is still writing the index."""
        path = os.path.join(self.root, os.fsdecode(self._run("rev-parse", "--git-path", "index.lock")).strip())
        end = time.monotonic() + _INDEX_WAIT
        while os.path.lexists(path):
            if time.monotonic() > end:
                raise Conflict(
                    f"{path} is in the way: a git command is at work, or was killed.",
                    hint="When no git is running, remove that file and repeat.",
                )
            time.sleep(0.05)

    def _settle_files(self, old: str, new: str) -> None:
        """Bring files that a killed `move` has written already back to what the index still says of them."""
        sides = self.files(old), self.files(new)
        changed = {path for path in sides[0].keys() | sides[1].keys() if sides[0].get(path) != sides[1].get(path)}
        self._run("update-index", "-q", "--refresh", ok=(0, 1))
        dirty = changed.intersection(_names(self._run("diff-files", "--name-only", "-z")))
        listed = {os.fsdecode(row.partition(b"\t")[2]) for row in self._run("ls-files", "-s", "-z").split(b"\0")}
        left = {path for path in changed - listed if os.path.lexists(os.path.join(self.root, path))}
        for path in sorted(dirty | left):
            if self._name_of(path) not in (sides[0].get(path), sides[1].get(path)):
                raise Conflict(
                    f"{path} of {self.root} is neither as in {old[:12]} nor as in {new[:12]}.",
                    hint=f"Move it away, then repeat; git show {old[:12]}:{path} is what it was.",
                )
        if dirty:
            self._run("checkout-index", "--force", "-z", "--stdin", given=b"\0".join(map(os.fsencode, sorted(dirty))))
        for path in left:
            os.unlink(os.path.join(self.root, path))

    def _name_of(self, path: str) -> str | None:
        """What git calls the bytes of a file of the work tree; None when there is none."""
        whole = os.path.join(self.root, path)
        if os.path.islink(whole):
            target = os.fsencode(os.readlink(whole))
            return self._run("hash-object", "--stdin", "--no-filters", given=target).decode().strip()
        return self._run("hash-object", "--", path).decode().strip() if os.path.isfile(whole) else None

    def before(self, moment: int) -> str:
        """See `Git.before`."""
        seconds = moment // 1_000_000
        out = self._run("rev-list", "--first-parent", "--max-count=1", f"--before={seconds}", "HEAD").decode().strip()
        if not out:
            raise NotFound(f"The branch has no commit of that time in {self.root}.")
        return out

    def left_at(self, commit: str) -> int | None:
        """See `Git.left_at`."""
        out = self._run("log", "--first-parent", "--format=%P %ct", f"{self.resolve(commit)}..HEAD").decode()
        for line in out.splitlines():
            *parents, seconds = line.split()
            if parents[:1] == [commit]:
                return int(seconds) * 1_000_000
        return None

    def add_tag(self, name: str, commit: str, message: str, *, for_good: bool = False) -> None:
        """See `Git.add_tag`."""
        if name.startswith("-") or not self._is_ref(name):
            raise InvalidInput(f"{name!r} cannot be the name of a tag.", hint="Such as v1.2.0.")
        if self._object_of(f"refs/tags/{name}"):
            raise Conflict(f"There is a tag {name!r} already.", hint="A release never changes: choose another name.")
        if self._object_of(_FOR_GOOD + name):
            raise Conflict(f"{name!r} was made for good, and its tag deleted.", hint="Choose another name.")
        self._run("tag", "--annotate", "--cleanup=verbatim", "-F", "-", "--", name, commit, given=message.encode())
        if for_good:
            self._run("update-ref", _FOR_GOOD + name, f"refs/tags/{name}")

    def is_tag_moved(self, name: str) -> bool:
        """See `Git.is_tag_moved`."""
        made = self._object_of(_FOR_GOOD + name)
        return bool(made) and made != self._object_of(f"refs/tags/{name}")

    def _object_of(self, ref: str) -> bytes:
        return self._run("for-each-ref", "--format=%(objectname)", ref).strip()

    def _is_ref(self, name: str) -> bool:
        try:
            self._run("check-ref-format", f"refs/tags/{name}")
        except StorageError:
            return False
        return True

    def tag_message(self, name: str) -> str:
        """See `Git.tag_message`."""
        kind = self._run("for-each-ref", "--format=%(objecttype)", f"refs/tags/{name}").decode().strip()
        if not kind:
            raise NotFound(f"There is no tag {name!r} in {self.root}.", hint="git tag lists them.")
        if kind != "tag":
            return ""
        return self._run("for-each-ref", "--format=%(contents)", f"refs/tags/{name}").decode("utf-8", "replace")

    def remove_worktree(self, path: str) -> None:
        """See `Git.remove_worktree`."""
        with self._worktrees():
            if os.path.exists(os.path.join(path, ".git")):
                self._run("worktree", "remove", "--force", "--force", "--", path)
            self._run("worktree", "prune")

    @contextmanager
    def _worktrees(self) -> Iterator[None]:
        """Be alone with git's list of work trees: one that is just being made is damage to another git."""
        common = os.fsdecode(self._run("rev-parse", "--path-format=absolute", "--git-common-dir")[:-1])
        descriptor = os.open(common, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def apply(self, patch: bytes) -> None:
        """See `Git.apply`."""
        if not patch.strip():
            return
        off = self._filters_off()
        with _folder(prefix="madang-apply-") as folder:
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            base = self._base()
            self._run("read-tree", base, env=index)
            self._patch(patch, ("--cached",), {**index, **off})
            raw = self._run("diff-index", "--cached", "--raw", "--no-renames", "-z", "--no-abbrev", base, env=index)
            self._check_changes(raw)
        self._patch(patch, ("--index",), off)

    def _patch(self, patch: bytes, how: Sequence[str], env: Mapping[str, str]) -> None:
        try:
            self._run("apply", *how, "--binary", "--whitespace=nowarn", "-p1", "-", given=patch, env=env)
        except StorageError as error:
            text = error.message
            if any(sign in text for sign in ("invalid path", "beyond a symbolic link", "outside", "is not relative")):
                raise Refused(f"The diff reaches outside the work tree {self.root}: {text}") from error
            raise Conflict(f"The diff does not apply to {self.root}: {text}") from error

    def _check_changes(self, raw: bytes) -> None:
        """Refuse links out of the tree, submodules and anything below a ``.git``."""
        parts = raw.split(b"\0")
        for info, name in zip(parts[::2], parts[1::2], strict=False):
            _, mode, _, digest, _ = info.decode("ascii").split(" ")
            path = os.fsdecode(name)
            if any(_git_folder(part) or part in ("..", "") for part in path.split("/")):
                raise Refused(f"The diff changes {path!r}, which is not a file of the work tree.")
            if mode == "160000":
                raise Refused(f"The diff makes a submodule at {path!r}.")
            if mode == "120000":
                target = os.fsdecode(self._run("cat-file", "blob", digest))
                inside = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if (
                    os.path.isabs(target)
                    or inside == ".."
                    or inside.startswith("../")
                    or _git_folder(inside.split("/")[0])
                ):
                    raise Refused(f"The diff makes a link {path!r} → {target!r}, which leads out of the work tree.")

    def _base(self) -> str:
        """The commit to compare with, or the empty tree before the first commit."""
        commit = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)).decode().strip()
        if commit:
            return commit
        sha256 = self._settings(r"^extensions\.objectformat$").get("extensions.objectformat", "") == "sha256"
        return _EMPTY_TREE_SHA256 if sha256 else _EMPTY_TREE[40]

    def _filters_off(self) -> dict[str, str]:
        """Environment that turns every configured filter program into a copy."""
        names = {key.rsplit(".", 1)[0] for key in self._settings(r"^filter\..*")}
        pairs = [
            (f"{name}.{option}", value)
            for name in sorted(names)
            for option, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        ]
        env = {"GIT_CONFIG_COUNT": str(len(pairs))}
        for number, (key, value) in enumerate(pairs):
            env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"] = key, value
        return env


def _folder(prefix: str) -> AbstractContextManager[str]:
    """A folder that goes again."""
    import tempfile  # noqa: PLC0415 - for work trees and patches alone

    return tempfile.TemporaryDirectory(prefix=prefix)


def _git_folder(name: str) -> bool:
    """Whether a file system might take this name for ``.git``: Windows' short name, ignored signs, other case."""
    plain = "".join(sign for sign in name if sign not in "\u200c\u200d\u200e\u200f\ufeff").rstrip(". ").lower()
    return plain in (".git", "git~1") or plain.startswith(".git:")


def _names(out: bytes) -> list[str]:
    return [os.fsdecode(name) for name in out.split(b"\0") if name]


def _parse_status(out: bytes) -> TreeStatus:
    """Read `git status --porcelain=v2 --branch -z` (git-status(1), "Porcelain Format Version 2")."""
    commit = branch = ""
    changed, untracked, submodules = [], [], []
    for entry in out.split(b"\0"):
        line = os.fsdecode(entry)
        if line.startswith("# branch.oid "):
            commit = line[13:].removeprefix("(initial)")
        elif line.startswith("# branch.head "):
            branch = line[14:] if line[14:] != "(detached)" else ""
        elif line.startswith("? "):
            untracked.append(line[2:])
        elif line[:2] in ("1 ", "u "):
            fields = line.split(" ", 8 if line[0] == "1" else 10)
            changed.append(fields[-1])
            if fields[2].startswith("S"):
                submodules.append(fields[-1])
    return TreeStatus(Head(commit, branch), changed, untracked, submodules)
