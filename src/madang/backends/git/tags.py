"""The tags of a repository with their texts."""

from __future__ import annotations

import subprocess

from madang.errors import StorageError

_FORMAT = "%(refname:short)%00%(contents)%00%01"


def tag_texts(root: str) -> list[tuple[str, str]]:
    """Names and texts of the annotated tags of the repository around a folder.

    Raises:
        StorageError: git cannot tell.
    """
    command = ["git", "for-each-ref", f"--format={_FORMAT}", "refs/tags"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StorageError(f"Cannot read the tags of {root}: {error}.") from error
    found = []
    for part in done.stdout.decode("utf-8", "replace").split("\0\1"):
        name, is_tag, text = part.strip("\n").partition("\0")
        if is_tag:
            found.append((name, text))
    return found
