"""``check-ignore``: which rule of a ``.dvcignore`` hides a path."""

from __future__ import annotations

import os

from madang.domain.values import value
from madang.formats.dvc import ignore_rules
from madang.formats.dvc.ignore import FILE_NAME
from madang.formats.dvc.ignore_rules import Rule
from madang.workspace.data.repo.repository import DVC_DIR, Repository


@value
class Answer:
    """What was found about one path."""

    path: str  # as typed
    ignored: bool
    rules: tuple[str, ...]  # "file:line:pattern" of the rule that decides; empty: none fits


def ask(repository: Repository, typed: str) -> Answer:
    """Whether data commands see a path. One outside the repository fits no rule.

    Raises:
        InvalidInput: a rule that cannot be read.
    """
    path = os.path.abspath(typed)
    if not path.startswith(repository.root.rstrip(os.sep) + os.sep):
        return Answer(typed, False, ())
    relative = repository.relative(path).replace(os.sep, "/")
    known = ignore_rules.rules(ignore_rules.DEFAULTS, "", "")
    folders = relative.split("/")[:-1]
    for depth in range(len(folders) + 1):
        folder = "/".join(folders[:depth])
        if folder and ignore_rules.deciding(known, folder, True)[0]:
            break  # the files of an ignored folder say nothing
        known += _rules_of(repository, folder)
    ignored, found = ignore_rules.deciding(known, relative, os.path.isdir(path))
    return Answer(typed, ignored, tuple(rule.source for rule in found))


def _rules_of(repository: Repository, folder: str) -> list[Rule]:
    name = f"{folder}/{FILE_NAME}" if folder else FILE_NAME
    found: list[Rule] = []
    try:
        with open(os.path.join(repository.root, name), encoding="utf-8", errors="surrogateescape") as file:
            found = ignore_rules.rules(file.read().split("\n"), name, folder)
    except (FileNotFoundError, NotADirectoryError):
        pass
    here = os.path.join(repository.root, folder)
    try:
        with os.scandir(here) as entries:
            nested = [entry.name for entry in entries if os.path.isdir(os.path.join(entry.path, DVC_DIR))]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        nested = []
    for one in sorted(nested):
        escaped = "".join(f"\\{sign}" if sign in "\\[]!*#?" else sign for sign in one)
        found += [
            Rule(f"in sub_repo:{one}", rule.pattern, True, True)
            for rule in ignore_rules.rules([f"/{escaped}/"], "", folder)
        ]
    return found
