"""Packages from where they came from: by uv where it is there (it is quicker), unless pip is told where to look."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import field
from glob import glob
from urllib.parse import quote

from madang.domain.environments import Lock, Package
from madang.domain.values import mutable
from madang.errors import ConfigError, Unavailable
from madang.workspace.environment import indexes, is_pip_set_up

_MANY = 50  # packages that are told as missing, one try each
_ARCHIVES = (".whl", ".tar.gz", ".zip")
# What would bring packages elsewhere, or other ones, than is asked for here.
_FOREIGN = (
    "PYTHONHOME", "PYTHONPATH", "PIP_CONSTRAINT", "PIP_PREFIX", "PIP_PYTHON", "PIP_REQUIREMENT",
    "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PIP_USER", "UV_CONSTRAINT", "UV_OVERRIDE",
    "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV",
)  # fmt: skip
_LONGEST = 300  # letters of what an installer says
_BLAME = re.compile(r"error|no matching|not find|not found|no version|unsatisf|fail|did not|×", re.IGNORECASE)
_OTHER_BYTES = re.compile(r"do not match the hashes|hash mismatch", re.IGNORECASE)
_YANKED = re.compile(r"yanked", re.IGNORECASE)


@mutable
class Installed:
    """What could not be had, each with the reason, and what should be known."""

    missing: dict[Package, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Installer:
    """Installs pinned packages into one environment, without their dependencies: the lock names all there were."""

    def __init__(self, python: str, base: str, scratch: str) -> None:
        """``base`` is the interpreter outside the environment; ``scratch`` a folder to work in.

        Raises:
            ConfigError: there is neither uv nor pip.
        """
        self._python = python
        self._root = os.path.dirname(os.path.dirname(python))
        self._scratch = scratch
        self._env = {name: text for name, text in os.environ.items() if name not in _FOREIGN}
        self._env |= {"GIT_TERMINAL_PROMPT": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        uv = "" if is_pip_set_up(os.environ, sys.prefix) else shutil.which("uv")
        best = ["--index-strategy", "unsafe-best-match"]  # as pip: an index with other versions hides none
        self._command = [uv, "pip", "install", "--python", python, *best] if uv else self._pip(base)

    def _pip(self, base: str) -> list[str]:
        """Our own pip for a Python like ours, else the one that came with the base interpreter."""
        own = [sys.executable, "-m", "pip", "--python", self._python, "install"]
        has_own = importlib.util.find_spec("pip") is not None
        if has_own and self._is_like_ours():
            return own
        bundled = sorted(glob(os.path.join(_library(base), "ensurepip", "_bundled", "pip-*.whl")))
        if bundled:
            folder = os.path.join(self._scratch, "pip")
            with zipfile.ZipFile(bundled[-1]) as wheel:
                wheel.extractall(folder)
            self._env["PYTHONPATH"] = folder
            return [self._python, "-m", "pip", "install"]
        if has_own:
            return own
        raise ConfigError("There is neither uv nor pip here to install packages with.", hint="Install uv.")

    def _is_like_ours(self) -> bool:
        """Whether the environment has the Python that we run in, so that our pip is ready for it."""
        return os.path.isdir(os.path.join(self._root, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}"))

    def install(self, packages: Sequence[Package], lock: Lock) -> Installed:
        """Install them all, or say which cannot be had. Nothing is installed then.

        Raises:
            Unavailable: the installer fails, and blames no package.
        """
        found = Installed()
        left = list(packages)
        while left and len(found.missing) < _MANY:
            done = self._run(left, lock)
            if done.returncode == 0:
                if not found.missing:
                    found.notes += [line.strip() for line in done.stderr.splitlines() if _YANKED.search(line)]
                break
            guilty = _blamed(left, done.stderr + done.stdout)
            if not guilty:
                raise Unavailable(f"The packages cannot be installed: {_last_line(done.stderr or done.stdout)}")
            for package, reason in guilty.items():
                found.missing[package] = reason
                left.remove(package)
        return found

    def _run(self, packages: Sequence[Package], lock: Lock) -> subprocess.CompletedProcess[str]:
        listed = os.path.join(self._scratch, "requirements.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.writelines(f"{one.requirement}\n" for one in packages)
        command = [*self._command, "--no-deps", *_sources(lock), "-r", listed]
        return subprocess.run(
            command,
            env=self._env,
            cwd=self._scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _library(base: str) -> str:
    try:
        done = subprocess.run(
            [base, "-I", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _sources(lock: Lock) -> list[str]:
    """Where the record fetched packages from, beside what the installer is set up with on this machine."""
    known = indexes(os.environ, sys.prefix)
    options: list[str] = []
    for one in lock.indexes:
        if one not in known:
            options += ["--find-links" if _is_flat(one) else "--extra-index-url", one]
    return options


def _is_flat(index: str) -> bool:
    """Whether an address is a folder or page of archives, and no index."""
    folder = index.removeprefix("file://")
    if os.path.isdir(folder):
        return any(name.endswith(_ARCHIVES) for name in os.listdir(folder))
    return index.endswith((".html", ".htm")) or "://" not in index


def _blamed(packages: Sequence[Package], said: str) -> dict[Package, str]:
    """The packages that an installer's last words blame, with what it said of each."""
    other = _OTHER_BYTES.search(said)
    lines = [line.strip() for line in said[other.start() :].splitlines()] if other else []
    lines = lines or [line.strip() for line in said.splitlines() if _BLAME.search(line)]
    found: dict[Package, str] = {}
    for package in packages:
        names = "|".join(re.escape(word) for word in _names(package))
        hits = [line for line in lines if re.search(rf"(?:{names})(?![\w.])", line, re.IGNORECASE)]
        if hits:
            found[package] = "its bytes are not those that were recorded" if other else hits[-1][:_LONGEST]
    return found


def _names(package: Package) -> set[str]:
    """What an installer may call a package."""
    if package.kind == "vcs":
        return {package.address, package.address.partition("+")[2].rpartition("@")[0]}
    if package.address:
        plain = package.address.partition("#")[0]
        return {package.address, plain, quote(plain, safe="/:%"), f"{package.name}@", f"{package.name} @"}
    pinned = f"{package.name}=={package.version}"
    return {pinned, pinned.replace("-", "_"), pinned.replace("-", ".")}


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it said nothing"])[-1][:_LONGEST]
