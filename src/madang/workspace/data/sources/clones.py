"""Copies of other people's Git repositories, for reading their commits: never checked out, hooks and helpers off.

One copy an address lies below the user's cache folder and is brought up to date when it is asked for. A repository may
be a stranger's: only plain transports are spoken, no submodule, hook, filter or file-system monitor is run, and nothing
but objects and refs is taken over. A copy that nobody asked for in a month goes when another one is asked for.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from madang.durable import remove_tree
from madang.errors import NotFound, Refused, Unavailable
from madang.workspace.data.repo import git

_TRANSPORTS = ("file", "git", "http", "https", "ssh")
_SCHEMES = ("file", "git", "http", "https", "ssh", "git+ssh", "ssh+git")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)\Z", re.S)
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCP = re.compile(r"(?:[^/@:]+@)?[^/@:-][^/@:]*:(?!//)")
_SAFE = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.ext.allow=never", "submodule.recurse=false",
    "fetch.recurseSubmodules=false", "gc.auto=0", "maintenance.auto=false", "credential.interactive=auto",
)  # fmt: skip
_REFS = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/remotes/origin/HEAD")
KEPT_SECONDS = 30 * 86_400.0  # since a copy was asked for
_FULL = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")


def check_address(url: str) -> str:
    """Return the address of a Git repository when it is one that may be contacted.

    Raises:
        Refused: a transport that runs programs, or an address that could be taken for an option.
    """
    if not url or url.startswith("-") or any(sign in url for sign in "\0\n\r"):
        raise Refused(f"{url!r} is no address of a Git repository.", hint="Name a URL or a folder.")
    if _HELPER.match(url):
        raise Refused(f"{url!r} would run a program to be read.", hint="Use ssh, https, git or a folder.")
    match = _SCHEME.match(url)
    if match is None:
        return url
    if match[1].lower() not in _SCHEMES:
        raise Refused(f"Git repositories are not read by {match[1]}:// ({url}).", hint="Use ssh, https or a folder.")
    if match[2].rpartition("@")[2].startswith("-"):
        raise Refused(f"{url!r} could be taken for an option.", hint="Correct the address.")
    return url


def is_remote(url: str) -> bool:
    """Whether an address names another machine, or at least no path of this one."""
    return bool(_SCHEME.match(url)) or (not os.path.exists(url) and bool(_SCP.match(url)))


_fetched: set[str] | None = None


@contextmanager
def once() -> Iterator[None]:
    """Meanwhile each repository is fetched only once, however many imports come from it."""
    global _fetched
    outer = _fetched
    _fetched = set() if outer is None else outer
    try:
        yield
    finally:
        _fetched = outer


def resolved(url: str, revision: str | None) -> tuple[str, str]:
    """(folder of the copy, full name of the commit) for a revision, by default the newest of the main branch.

    Raises:
        NotFound: the repository has no such revision. Unavailable: it cannot be read. Refused: see `check_address`.
    """
    check_address(url)
    with _copy_of(url) as folder:
        if revision and _FULL.match(revision) and git.commit(folder, revision):
            return folder, revision
        if _fetched is None or url not in _fetched:
            _fetch(folder, url, *_REFS)
            if _fetched is not None:
                _fetched.add(url)
        found = _commit(folder, revision or "HEAD")
        if found is None and revision:
            for more in ([revision] if _FULL.match(revision) else []) + ["+refs/exps/*:refs/exps/*"]:
                if _fetch(folder, url, more, must=False):
                    found = _commit(folder, revision)
                if found is not None:
                    break
        if found is None:
            raise NotFound(f"{url} has no commit {revision!r}.", hint="Name a branch, a tag or a commit.")
        return folder, found


def _commit(folder: str, revision: str) -> str | None:
    if _FULL.match(revision):
        return git.commit(folder, revision)
    for name in (f"refs/tags/{revision}", f"refs/remotes/origin/{revision}", revision):
        found = git.commit(folder, name)
        if found is not None:
            return found
    names = git.refs(folder, f"refs/exps/*/*/{revision}") if re.fullmatch(r"[\w.-]+", revision) else []
    return git.commit(folder, names[0]) if len(names) == 1 else None


@contextmanager
def _copy_of(url: str) -> Iterator[str]:
    """The folder of the copy, made when it is not there; held while it is brought up to date."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = os.path.abspath(url) if not is_remote(url) else url
    area = os.path.join(home, "madang", "repositories")
    folder = os.path.join(area, blake2b(os.fsencode(name), digest_size=16).hexdigest())
    descriptor = _held(folder, fcntl.LOCK_EX)
    try:
        os.utime(descriptor)
        _expire(area)
        if not os.path.exists(os.path.join(folder, ".git", "HEAD")):
            _git(folder, "init", "--quiet", "--template=", ".")
        yield folder
    finally:
        os.close(descriptor)


def _held(folder: str, how: int) -> int:
    """The open lock of a copy; its folder is made when it is not there. Raises `BlockingIOError`."""
    path = os.path.join(folder, "lock")
    while True:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # it went just now
        try:
            fcntl.flock(descriptor, how)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # it went while we waited
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _expire(area: str) -> None:
    """Remove the copies that nobody asked for in a long time."""
    before = time.time() - KEPT_SECONDS
    for entry in list(os.scandir(area)):
        try:
            if os.stat(os.path.join(entry.path, "lock")).st_mtime >= before:
                continue
            descriptor = _held(entry.path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # it is in use, or no copy
        try:
            gone = f"{entry.path}.gone"
            os.rename(entry.path, gone)  # who waits for it begins anew
            with suppress(OSError):
                remove_tree(gone)
        finally:
            os.close(descriptor)


def _fetch(folder: str, url: str, *refs: str, must: bool = True) -> bool:
    source = url if is_remote(url) else os.path.abspath(url)
    options = ("--quiet", "--force", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
    done = _git(folder, "fetch", *options, "--end-of-options", source, *refs)
    if done.returncode == 0:
        return True
    lines = os.fsdecode(done.stderr).strip().splitlines() or ["git failed"]
    said = next((line for line in lines if line.startswith(("fatal: ", "remote: ", "ERROR: "))), lines[-1])
    if must:
        raise Unavailable(
            f"The Git repository {url} cannot be read: {said}",
            hint="Check the address and your access: git ls-remote with it must answer.",
        )
    return False


def _git(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in git.environment().items() if key != "GIT_INDEX_FILE"}
    wanted = environment.get("GIT_ALLOW_PROTOCOL", "").split(":")  # somebody may allow even less
    allowed = [name for name in _TRANSPORTS if wanted == [""] or name in wanted]
    environment["GIT_ALLOW_PROTOCOL"] = ":".join(allowed) or "none"
    if not sys.stdin.isatty():
        environment["GIT_TERMINAL_PROMPT"] = "0"
        environment.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    options = [word for setting in _SAFE for word in ("-c", setting)]
    return subprocess.run(
        ["git", "-C", folder, *options, *arguments], capture_output=True, check=False, env=environment,
        stdin=None if sys.stdin.isatty() else subprocess.DEVNULL,
    )  # fmt: skip
