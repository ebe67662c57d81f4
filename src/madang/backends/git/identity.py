"""Who the user is, as git knows it."""

from __future__ import annotations

import subprocess


def user_name(root: str) -> str:
    """`user.name` of a work tree's repository, else of the user; empty without one, and without git."""
    try:
        done = subprocess.run(["git", "config", "user.name"], cwd=root or None, capture_output=True, check=False)
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
