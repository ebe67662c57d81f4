"""Where a store lies and how it is laid out; the locks by which a writer shows that it lives.

It runs inside the training process before the first event is written: no program is started, and nothing but small
built-in modules is imported.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from _blake2 import blake2b
from _signal import SIGURG  # type: ignore[import-not-found]  # `signal` imports `enum`

from madang.errors import ConfigError, Incompatible, NotFound, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
PROJECT_FILE = "madang.yaml"  # at the top of a work tree: what its project declares (workspace.project_file)
_held: dict[str, int] = {}  # lock files held by this process: path → file descriptor


class StorePaths:
    """A store and the repository that it belongs to."""

    __slots__ = ("git_common_dir", "root", "store")

    def __init__(self, root: str, git_common_dir: str, store: str) -> None:
        self.root = root  # of the work tree; empty outside a repository
        self.git_common_dir = git_common_dir  # shared by all worktrees; empty outside a repository
        self.store = store

    def __repr__(self) -> str:
        return f"StorePaths(root={self.root!r}, git_common_dir={self.git_common_dir!r}, store={self.store!r})"


def find_store(start: str = "", env: Mapping[str, str] | None = None, given: str = "") -> StorePaths:
    """The store for a folder (the present one when empty): ``given``, else MADANG_DIR, else inside the Git
    repository around ``start``, else the user's data folder. Nothing is created.

    Raises:
        ConfigError: ``.git`` points to a folder that is not there.
    """
    known = os.environ if env is None else env
    root, common = find_repository(start or present_folder())
    named = given or known.get("MADANG_DIR", "")
    if named:
        return StorePaths(root, common, os.path.abspath(os.path.expanduser(named)))
    if common:
        return StorePaths(root, common, common + "/madang")
    data = known.get("XDG_DATA_HOME", "") or os.path.expanduser("~/.local/share")
    return StorePaths("", "", os.path.abspath(data) + "/madang")


def present_folder() -> str:
    """The present folder; the root of the file system when somebody has removed it."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def find_repository(start: str) -> tuple[str, str]:
    """The work tree's root and the common Git folder around a folder, or two empty texts.

    Raises:
        ConfigError: ``.git`` points to a folder that is not there.
    """
    folder = os.path.abspath(start)
    while True:
        dot = folder.rstrip("/") + "/.git"
        try:
            mode = os.stat(dot).st_mode
        except OSError:
            mode = 0
        if mode & 0o170000 == 0o040000:
            if os.path.exists(dot + "/HEAD"):
                return folder, dot
        elif mode:
            return folder, _linked_git_dir(folder, dot)
        above = os.path.dirname(folder)
        if above == folder:
            return "", ""
        folder = above


def _linked_git_dir(folder: str, dot: str) -> str:
    """The common folder behind a ``.git`` file: of a linked worktree or a submodule."""
    target = _first_line(dot)
    if not target.startswith("gitdir:"):
        raise ConfigError(f"{dot} is neither a Git folder nor a link to one.", hint="Run `git status` there.")
    own = os.path.normpath(os.path.join(folder, target[7:].strip()))
    common = os.path.normpath(os.path.join(own, _first_line(own + "/commondir") or "."))
    if not os.path.isdir(common):
        raise ConfigError(f"{dot} points to {common}, which is not there.", hint="Run `git worktree repair`.")
    return common


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\r\n")
    except OSError:
        return ""


def ensure(store: str) -> None:
    """Create the store where it is missing, and check that this release can write it.

    Raises:
        Incompatible: a newer release has written the store.
        StorageError: it cannot be created.
    """
    text = _first_line(store + "/format")
    if text:
        if text != f"madang store {FORMAT}":
            raise Incompatible(
                f"The store {store} has the format {text[:40]!r}; this release writes {FORMAT}.",
                hint="Upgrade madang with `pip install -U madang`.",
            )
        return
    try:
        for folder in ("segments", "blobs", "tmp"):
            os.makedirs(f"{store}/{folder}", exist_ok=True)
        aside = f"{store}/format.{os.urandom(4).hex()}"
        with open(aside, "w", encoding="utf-8") as file:
            file.write(f"madang store {FORMAT}\n")
        os.replace(aside, store + "/format")
    except OSError as error:
        raise refused(store, error) from error


def check_there(store: str) -> None:
    """See that a store is where somebody says, for who only reads it. Raises `NotFound`."""
    if not os.path.isfile(store + "/format"):
        raise NotFound(f"{store} is no store.", hint="Name the folder of a hub, or `.git/madang` of a repository.")


def refused(path: str, error: OSError) -> StorageError:
    """The error for a store that the operating system does not let us write."""
    return StorageError(
        f"Cannot write the store at {path}: {error.strerror or error}.",
        hint="Free space, fix the permissions, or name another folder (MADANG_DIR; --store of a hub).",
    )


def run_dir(store: str, run: str) -> str:
    """The folder of a run's segments."""
    return f"{store}/segments/{run[:2]}/{run}"


def segment_path(store: str, run: str, segment: str) -> str:
    """The file of a segment while it is not sealed."""
    return f"{store}/segments/{run[:2]}/{run}/{segment}.seg"


def announce(store: str, run: str) -> None:
    """Call it after a new segment: readers look again at folders of runs whose parent has a new time of change."""
    try:  # noqa: SIM105 - contextlib is not to be imported here
        os.utime(f"{store}/segments/{run[:2]}")
    except OSError:
        pass  # readers look at everything now and then


def lock_path(store: str, run: str, segment: str) -> str:
    """The file on which the segment's writer holds a record lock while it lives."""
    return f"{store}/segments/{run[:2]}/{run}/{segment}.lock"


def blob_path(store: str, digest: str) -> str:
    """The file of a blob; ``digest`` is BLAKE3 in hex, with or without ``blake3:`` before it."""
    name = digest.removeprefix("blake3:")
    return f"{store}/blobs/{name[:2]}/{name[2:]}"


def follower_lock(store: str) -> str:
    """The file on which the follower that serves this process holds its lock.

    There is one for each host, PID namespace and cgroup: a follower must see the processes it follows, and must not
    die with the job of another one.
    """
    marks = [os.uname().nodename]
    try:
        marks.append(os.readlink("/proc/self/ns/pid"))
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            marks.append(file.read())
    except OSError:
        pass  # no such things here, as on macOS
    return f"{store}/follower-{blake2b(chr(0).join(marks).encode(), digest_size=6).hexdigest()}.lock"


BELL = SIGURG
"""Sent to the follower, it has it look at once. By default a process ignores it, so it does no harm to any other."""


def aside_path(store: str) -> str:
    """A new name for a file or folder on its way into the store."""
    return os.path.join(store, "tmp", os.urandom(16).hex())


def hold(path: str) -> bool:
    """Take the record lock on ``path`` for this process until `release` or its end; False when another holds it.

    A forked child does not inherit it.

    Raises:
        StorageError: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refused(path, error) from error
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (11, 13, 35):  # EAGAIN on Linux and macOS, EACCES: another process holds it
            return False
        raise refused(path, error) from error
    _held[path] = descriptor
    return True


def keeps(path: str) -> bool:
    """Whether the lock that this process holds is still the one at ``path``: a store may be removed and made anew."""
    try:
        return os.path.samestat(os.fstat(_held[path]), os.stat(path))
    except (KeyError, OSError):
        return False


def release(path: str, *, remove: bool = True) -> None:
    """Give the lock back, and remove its file unless told otherwise. Nothing happens when it is not held."""
    descriptor = _held.pop(path, -1)
    if descriptor < 0:
        return
    if remove:
        try:  # noqa: SIM105 - contextlib is not to be imported here
            os.unlink(path)
        except OSError:
            pass  # somebody cleaned up before: the lock is given back all the same
    os.close(descriptor)


def forget_held() -> None:
    """In a forked child: close the inherited descriptors; the locks stay with the parent."""
    while _held:
        _, descriptor = _held.popitem()
        os.close(descriptor)


def is_held(path: str) -> bool:
    """Whether a living process holds the lock on ``path``.

    Closing any descriptor of a file drops all record locks this process has on it, so a lock of our own is answered
    from memory and its file is not opened. The lock is only asked about, never taken, so that nobody who comes for it
    meanwhile is refused.
    """
    return holder(path) is not None


def holder(path: str) -> int | None:
    """The id of the process that holds the lock on ``path``; 0 when it cannot be told, None when nobody holds it.

    As `is_held`, which it answers.
    """
    if path in _held:
        return os.getpid()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return 0  # it is not ours to look at: nobody is called dead on a guess
    try:
        answer = _LOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, _LOCK.pack(*_ask())))
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return None if answer[_LOCK_TYPE] == fcntl.F_UNLCK else max(answer[_LOCK_PID], 0)


# `struct flock` (fcntl.h): type, whence, start, length, pid on Linux; start, length, pid, type, whence on macOS.
_LOCK = struct.Struct("qqihh" if sys.platform == "darwin" else "hhqqi4x")
_LOCK_TYPE, _LOCK_PID = (3, 2) if sys.platform == "darwin" else (0, 4)


def _ask() -> tuple[int, int, int, int, int]:
    kind = fcntl.F_WRLCK
    return (0, 0, 0, kind, 0) if sys.platform == "darwin" else (kind, 0, 0, 0, 0)
