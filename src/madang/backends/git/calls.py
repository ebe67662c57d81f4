"""Calls of the git program that nothing in a repository, and nothing in our environment, can turn against the user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from madang.errors import ConfigError, MadangError, NotAWorkspace, Refused, StorageError

# A repository may come from a stranger: its own settings must not make us run a hook, a monitor or a transport.
# (Filters of the work tree stay on where we only look, as without them every LFS file would differ from its commit.)
_SAFE = (
    "--no-pager", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
    "-c", "submodule.recurse=false", "-c", "protocol.allow=never", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
)  # fmt: skip
_KEPT = frozenset((
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES", "GIT_EXEC_PATH",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
))  # fmt: skip
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}


class GitCalls:
    """Runs git in the work tree around ``root``."""

    def __init__(self, root: str, *, program: str = "git") -> None:
        self.root = root
        self._program = program

    def _settings(self, pattern: str) -> dict[str, str]:
        out = self._run("config", "-z", "--get-regexp", pattern, ok=(0, 1))
        entries = (os.fsdecode(entry).partition("\n") for entry in out.split(b"\0") if entry)
        return {key: value for key, _, value in entries}

    def _run(
        self,
        *arguments: str,
        ok: Sequence[int] = (0,),
        given: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _KEPT}
        try:
            done = subprocess.run(
                [self._program, *_SAFE, *arguments],
                cwd=self.root,
                env={**clean, **_QUIET, **(env or {})},
                input=b"" if given is None else given,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            if not os.path.isdir(self.root):
                raise NotAWorkspace(f"{self.root} is not a folder.") from error
            raise ConfigError("The git program was not found.", hint="Install Git, or put it on PATH.") from error
        except OSError as error:
            raise StorageError(f"git cannot be run in {self.root}: {error.strerror}.") from error
        if done.returncode not in ok:
            raise self._failure(arguments[0], done)
        return done.stdout

    def _failure(self, verb: str, done: subprocess.CompletedProcess[bytes]) -> MadangError:
        said = done.stderr.decode("utf-8", "replace").strip()
        if "dubious ownership" in said:
            return Refused(
                f"Git does not trust {self.root}: it belongs to another user.",
                hint=f"If you do: git config --global --add safe.directory {self.root}",
            )
        if "not a git repository" in said:
            return NotAWorkspace(f"{self.root} is not in a Git repository.", hint="Run `git init` there.")
        return StorageError(f"git {verb} failed in {self.root} (exit code {done.returncode}): {said[:2000]}")
