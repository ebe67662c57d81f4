"""For tests: a real Git repository on which commands are typed as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madang.formats import store as layout
from madang.testing.patience import wait_for
from madang.testing.typed import PROGRAM, typed

__all__ = ["PROGRAM", "Project", "Said"]

_NOT_OURS = ("MADANG_", "GIT_", "XDG_")


def _text(printed: bytes) -> str:
    return printed.decode().replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class Project:
    """A repository in a folder, and commands typed in it. The follower that runs start is the real one."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_OURS)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.env |= {
            "PATH": path,
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.email", "someone@example.com")
        self.git("config", "user.name", "Someone")

    @property
    def store(self) -> Path:
        """The store in the Git folder."""
        return self.root / ".git" / "madang"

    def git(self, *arguments: str) -> str:
        """Run git; it must succeed."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, files: dict[str, str]) -> None:
        """Write files below the root."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def commit(self, files: dict[str, str] | None = None) -> str:
        """Write files and commit all that is not ignored; returns the commit."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "step", "--allow-empty")
        return self.git("rev-parse", "HEAD").strip()

    def madang(self, *arguments: str, ok: int | None = 0, given: str = "", cwd: str = "", **env: str) -> Said:
        """Type a command. ``ok`` is the exit code that must come, None for any; never a stack trace."""
        done = typed(arguments, str(self.root / cwd), {**self.env, **env}, given.encode())
        said = Said(done.returncode, *(_text(one) for one in (done.stdout, done.stderr)))
        assert "Traceback (most recent call last)" not in said.err, said.err
        assert ok is None or said.code == ok, f"exit {said.code}\n{said.out}\n{said.err}"
        return said

    def run(self, *arguments: str, ok: int | None = 0, **env: str) -> str:
        """`madang run`; returns the id from the first line on standard error."""
        return self.madang("run", *arguments, ok=ok, **env).err.splitlines()[0]

    def copied(self, home: Path) -> Project:
        """A copy of all in its home folder, to be changed at will, made once its follower rests."""
        own = Path(self.env["HOME"])

        def is_copied() -> bool:
            if layout.is_held(layout.follower_lock(str(self.store))):
                return False
            try:
                shutil.copytree(own, home, symlinks=True)
            except shutil.Error:  # the follower takes its log of the records away when it has let go of its lock
                shutil.rmtree(home)
                return False
            return True

        wait_for(is_copied)
        return Project(home / self.root.relative_to(own), home)

    @contextmanager
    def hub(self, store: Path, program: Sequence[str] = (PROGRAM,)) -> Iterator[str]:
        """A hub over ``store`` on a free port of this machine; its address. ``program`` is the `madang` command."""
        command = [*program, "hub", "--store", str(store), "--port", "0"]
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()
