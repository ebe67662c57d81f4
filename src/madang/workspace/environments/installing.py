"""Packages from where they came from, by uv where it is there (it is quicker), else by pip."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import glob

from madang.domain.environments import Lock, Package
from madang.errors import ConfigError
from madang.workspace.environment import indexes

_MANY = 50  # packages that are told as missing, one try each
_ARCHIVES = (".whl", ".tar.gz", ".zip")
# What would bring packages elsewhere, or other ones, than is asked for here.
_FOREIGN = (
    "PYTHONHOME", "PYTHONPATH", "PIP_CONSTRAINT", "PIP_PREFIX", "PIP_PYTHON", "PIP_REQUIREMENT",
    "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PIP_USER", "UV_CONSTRAINT", "UV_OVERRIDE",
    "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV",
)  # fmt: skip
_YANKED = re.compile(r"yanked", re.IGNORECASE)


@dataclass
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
        self._scratch = scratch
        self._env = {name: text for name, text in os.environ.items() if name not in _FOREIGN}
        self._env |= {"GIT_TERMINAL_PROMPT": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        uv = shutil.which("uv")
        self._command = [uv, "pip", "install", "--python", python] if uv else self._pip(base)

    def _pip(self, base: str) -> list[str]:
        """The pip that came with the base interpreter, else our own."""
        bundled = sorted(glob(os.path.join(_library(base), "ensurepip", "_bundled", "pip-*.whl")))
        if bundled:
            folder = os.path.join(self._scratch, "pip")
            with zipfile.ZipFile(bundled[-1]) as wheel:
                wheel.extractall(folder)
            self._env["PYTHONPATH"] = folder
            return [self._python, "-m", "pip", "install"]
        if importlib.util.find_spec("pip") is not None:
            return [sys.executable, "-m", "pip", "--python", self._python, "install"]
        raise ConfigError("There is neither uv nor pip here to install packages with.", hint="Install uv.")

    def install(self, packages: Sequence[Package], lock: Lock) -> Installed:
        """Install them all, or say which cannot be had. Nothing is installed then."""
        found = Installed()
        left = list(packages)
        while left and len(found.missing) < _MANY:
            done = self._run(left, lock)
            if done.returncode == 0:
                if not found.missing:
                    found.notes += [line.strip() for line in done.stderr.splitlines() if _YANKED.search(line)]
                break
            guilty = _named(left, done.stderr + done.stdout)
            if not guilty:
                found.missing |= dict.fromkeys(left[:1], _last_line(done.stderr or done.stdout))
                break
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
    """Where the record fetched packages from, beside what this machine is set up with."""
    known = set(indexes(os.environ, sys.prefix))
    wanted = [*lock.indexes, *(known if shutil.which("uv") else ())]
    options: list[str] = []
    for one in dict.fromkeys(wanted):
        if one in known and not shutil.which("uv"):
            continue
        options += ["--find-links" if _is_flat(one) else "--extra-index-url", one]
    return options


def _is_flat(index: str) -> bool:
    """Whether an address is a folder or page of archives, and no index."""
    folder = index.removeprefix("file://")
    if "://" not in folder and os.path.isdir(folder):
        return not os.path.isdir(folder) or any(name.endswith(_ARCHIVES) for name in os.listdir(folder))
    return index.endswith((".html", ".htm")) or "://" not in index


def _named(packages: Sequence[Package], said: str) -> dict[Package, str]:
    """The packages that an installer's last words blame, with what it said of each."""
    blamed: dict[Package, str] = {}
    lines = [line for line in said.splitlines() if line.strip()]
    for package in packages:
        words = {package.requirement, f"{package.name}=={package.version}", package.address or package.requirement}
        names = {word.lower() for word in words} | {word.lower().replace("-", "_") for word in words}
        hits = [line for line in lines if _is_blame(line) and any(name in line.lower() for name in names)]
        if hits:
            blamed[package] = hits[-1].strip()[:300]
    return blamed


def _is_blame(line: str) -> bool:
    text = line.lower()
    return any(
        word in text for word in ("error", "no matching", "not find", "not found", "no version", "unsatisf", "failed")
    )


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["the installer said nothing"])[-1][:300]
