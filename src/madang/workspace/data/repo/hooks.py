"""``install``: Git hooks that keep data in step with commits, and the merge driver for ``.dvc`` files of folders.

A hook or driver of somebody else, dvc's too, is never replaced.
"""

from __future__ import annotations

import os
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import Conflict, InvalidInput, NotAWorkspace
from madang.formats.dvc import yamltext
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository

HOOKS = ("post-checkout", "pre-commit", "pre-push")
DRIVER = "madang git-hook merge-driver --ancestor %O --our %A --their %B"
_DRIVER_KEY = "merge.dvc.driver"
_PRE_COMMIT_FILE = ".pre-commit-config.yaml"


@mutable
class Installed:
    """What an install did."""

    written: list[str] = field(default_factory=list)  # absolute paths
    driver: str = ""  # the merge driver in force


def hook_text(name: str) -> str:
    """The script of one hook."""
    return f'#!/bin/sh\nexec madang git-hook {name} "$@"\n'


def install(repository: Repository, *, use_pre_commit_tool: bool = False) -> Installed:
    """Make the hooks, or the entries of the ``pre-commit`` tool, and the merge driver. Repeating it changes nothing.

    Raises:
        NotAWorkspace: there is no git. Conflict: a hook of somebody else; nothing was written then.
    """
    root = repository.git_root
    if root is None:
        raise NotAWorkspace(f"{repository.root} is not in a git repository.", hint="git init first.")
    done = Installed()
    if use_pre_commit_tool:
        _add_to_pre_commit(root, done)
    else:
        _make_hooks(root, done)
    done.driver = git.setting(root, _DRIVER_KEY) or ""
    if not done.driver:
        git.set_value(root, "merge.dvc.name", "DVC merge driver")
        git.set_value(root, _DRIVER_KEY, DRIVER)
        done.driver = DRIVER
    return done


def _make_hooks(root: str, done: Installed) -> None:
    folder = git.path_of(root, "hooks")
    wanted = {name: os.path.join(folder, name) for name in HOOKS}
    for name, path in wanted.items():
        if os.path.lexists(path) and _read(path) != hook_text(name):
            raise Conflict(
                f"There is another {name} hook: {path}.",
                hint=f'Add a line to it yourself: madang git-hook {name} "$@"',
            )
    os.makedirs(folder, exist_ok=True)
    for name, path in wanted.items():
        if not os.path.lexists(path):
            write_file(path, hook_text(name).encode(), mode=0o777)
            done.written.append(path)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _add_to_pre_commit(root: str, done: Installed) -> None:
    path = os.path.join(root, _PRE_COMMIT_FILE)
    text = _read(path)
    document: Any = yamltext.load_for_update(text, path) if text.strip() else {}
    if not isinstance(document, dict) or not isinstance(document.get("repos") or [], list):
        raise InvalidInput(f"{path} is no configuration of pre-commit.", hint="Correct it first.")
    if document.get("repos") is None:
        document["repos"] = []
    known = {hook.get("id") for repo in document["repos"] for hook in repo.get("hooks") or ()}
    hooks = [_pre_commit_hook(name) for name in HOOKS if f"madang-{name}" not in known]
    if not hooks:
        return
    document["repos"].append({"repo": "local", "hooks": hooks})
    write_file(path, yamltext.dump(document).encode())
    done.written.append(path)


def _pre_commit_hook(name: str) -> dict[str, Any]:
    return {
        "id": f"madang-{name}",
        "name": f"madang {name}",
        "entry": f"madang git-hook {name}",
        "language": "system",
        "always_run": True,
        "pass_filenames": False,
        "stages": [name],
    }
