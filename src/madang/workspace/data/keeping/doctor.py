"""What `madang doctor` finds out: the machine, the repository, its cache and remotes, locks, and what is wrong."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import field

from madang.domain.values import mutable
from madang.errors import MadangError, StorageError
from madang.formats.dvc.config_keys import LINK_TYPES
from madang.formats.dvc.layout import key_of
from madang.ports.objects import Objects
from madang.staging import Staging
from madang.version import __version__
from madang.workspace.data.files import links
from madang.workspace.data.repo import git
from madang.workspace.data.repo.hooks import HOOKS
from madang.workspace.data.repo.repository import Repository, mount_of, on_network
from madang.workspace.data.repo.settings import RemoteConfig

OpenRemote = Callable[[RemoteConfig], Objects]


@mutable
class Findings:
    """Facts in the order in which they are shown, and what should be looked after."""

    facts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def machine() -> Findings:
    """What is so whichever repository is looked at."""
    found = Findings()
    found.facts["madang version"] = __version__
    found.facts["Platform"] = f"Python {platform.python_version()} on {platform.platform()}"
    found.facts["Git"] = _program("git", "--version")
    found.facts["SSH (sftp)"] = shutil.which("sftp") or "none: ssh remotes cannot be used"
    if found.facts["Git"] == "none":
        found.problems.append("git is not installed: revisions, hooks and imports need it.")
    return found


def _program(name: str, *arguments: str) -> str:
    path = shutil.which(name)
    if path is None:
        return "none"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def repository(repo: Repository, found: Findings) -> None:
    """What is so of one repository, without any remote."""
    facts = found.facts
    facts["Repository"] = f"{repo.root} ({_kind(repo)})"
    facts["Work tree is on"] = _place(repo.root)
    cache = repo.cache.folder
    facts["Cache"] = cache if os.path.isdir(cache) else f"{cache} (not made yet)"
    above = cache
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    facts["Cache is on"] = _place(above)
    facts["Free space"] = f"{shutil.disk_usage(above).free} bytes"
    if not os.access(above, os.W_OK):
        found.problems.append(f"{above} may not be written: nothing can be added or fetched.")
    usable = _usable_links(repo)
    facts["Kinds of links that work"] = ", ".join(usable)
    facts["Kinds of links configured"] = ", ".join(repo.settings.link_types())
    if not set(usable).intersection(repo.settings.link_types()):
        found.problems.append("No configured kind of link works here: madang config cache.type reflink,copy")
    facts["State"] = _state(repo)
    if on_network(repo.root):
        found.problems.append("The work tree is on a network file system: hashes are remembered on this machine only.")
    facts["Lock"] = _lock(repo)
    if repo.settings.is_true("core", "hardlink_lock"):
        found.problems.append("core.hardlink_lock is set, and madang does not take locks of that kind.")
    if repo.git_root is not None:
        hooks = git.path_of(repo.git_root, "hooks")
        made = [name for name in HOOKS if os.path.exists(os.path.join(hooks, name))]
        facts["Git hooks"] = ", ".join(made) or "none (madang install makes them)"


def _kind(repo: Repository) -> str:
    if repo.settings.is_true("core", "no_scm"):
        return "without git"
    if repo.git_root is None:
        return "no git around it"
    return "git" if repo.git_root == repo.root else f"in a folder of the git repository {repo.git_root}"


def _place(path: str) -> str:
    device, kind = mount_of(path)
    return f"{kind} on {device}" if kind else "unknown"


def _usable_links(repo: Repository) -> list[str]:
    """The kinds of links that can be made from the cache to the work tree, tried with a small file."""
    if not os.access(repo.tmp_dir if os.path.isdir(repo.tmp_dir) else repo.dvc_dir, os.W_OK):
        return []
    cache = repo.cache.folder if os.access(repo.cache.folder, os.W_OK) else repo.tmp_dir
    os.makedirs(repo.private_dir, exist_ok=True)
    usable = []
    with Staging(cache) as there, Staging(repo.private_dir) as here:
        source = there.new_path()
        with open(source, "wb") as file:
            file.write(b"1")
        for kind in LINK_TYPES:
            try:
                links.Linker([kind]).make(source, here.new_path())
            except (StorageError, OSError):
                continue
            usable.append(kind)
    return usable


def _state(repo: Repository) -> str:
    path = repo.state.path
    size = os.stat(path).st_size if os.path.exists(path) else 0
    return f"{path} ({size} bytes)" if size else f"{path} (not made yet)"


def _lock(repo: Repository) -> str:
    path = os.path.join(repo.tmp_dir, "lock")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return "free"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
        return f"held by process {owner}" if owner.isdigit() else "held"
    except OSError as error:
        return f"cannot be tried: {error.strerror}"
    else:
        return "free"
    finally:
        os.close(descriptor)


def remotes(repo: Repository, open_remote: OpenRemote, found: Findings) -> None:
    """Ask each configured remote for an object that need not be there."""
    chosen = repo.settings.default_remote()
    for config in repo.settings.remotes().values():
        mark = ", default" if config.name == chosen else ""
        try:
            store = open_remote(config)
            try:
                store.stat(key_of("0" * 32))
            finally:
                store.close()
            answer = "answers"
        except MadangError as error:
            answer = error.message
            found.problems.append(f"The remote {config.name!r}: {error}")
        found.facts[f"Remote {config.name}"] = f"{config.url} ({answer}{mark})"
    if chosen is not None and chosen not in repo.settings.remotes():
        found.problems.append(f"The default remote {chosen!r} does not exist: madang remote default NAME")
