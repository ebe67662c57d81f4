"""Parameter files with other values: what `--set-param` asks for, in the work tree or beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from madang.durable import write_file
from madang.errors import InvalidInput, NotFound
from madang.formats.dvc.overrides import Override
from madang.formats.dvc.parameters import DEFAULT_FILE
from madang.formats.dvc.parameters_editing import edited
from madang.workspace.experiments import commits
from madang.workspace.experiments.composing import Compose

Read = Callable[[str], bytes]
"""The bytes of a parameter file, by its path from here. Raises `NotFound`, and `InvalidInput` for a folder."""


def in_work_tree(file: str) -> bytes:
    """See `Read`."""
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except FileNotFoundError:
        raise _not_there(file) from None
    except IsADirectoryError:
        raise InvalidInput(f"{file} is a folder, not a parameter file.") from None


def in_commit(root: str, commit: str) -> Read:
    """Files as they are in a commit of the repository at ``root``."""

    def read(file: str) -> bytes:
        body = commits.file_of(root, commit, os.path.relpath(os.path.abspath(file), root))
        if body is None:
            raise _not_there(file)
        return body

    return read


def _not_there(file: str) -> NotFound:
    return NotFound(f"There is no parameter file {file}.", hint="Name another: FILE:KEY=VALUE.")


def files(overrides: Sequence[Override], compose: Compose | None = None, read: Read = in_work_tree) -> dict[str, bytes]:
    """The files that overrides change, by absolute path, as they are to be. Nothing is written.

    With ``compose`` params.yaml is made by it, also without overrides.

    Raises:
        Incompatible: it cannot be composed here.
        NotFound: there is no such file. InvalidInput: it has no such parameter, or cannot be changed in this way.
    """
    by_file: dict[str, list[Override]] = {DEFAULT_FILE: []} if compose is not None else {}
    for one in overrides:
        by_file.setdefault(one.file, []).append(one)
    return {
        os.path.abspath(file): compose(found)
        if compose is not None and file == DEFAULT_FILE
        else edited(read(file), file, found)
        for file, found in by_file.items()
    }


def write(overrides: Sequence[Override], compose: Compose | None = None) -> list[str]:
    """Change the files in the work tree; returns their absolute paths. Raises as `files`; then nothing is changed."""
    made = files(overrides, compose)
    for path, body in made.items():
        write_file(path, body)
    return list(made)


def inside(made: Mapping[str, bytes], root: str) -> dict[str, bytes]:
    """Changed files by their path in the work tree of git. Raises `InvalidInput` for one outside of it."""
    found = {os.path.relpath(path, root): body for path, body in made.items()}
    for path in found:
        if path.startswith("../"):
            raise InvalidInput(f"The parameter file {path} is outside of {root}.")
    return found
