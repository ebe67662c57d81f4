"""Whether data commands may look at a tracked path: a rule of a ``.dvcignore`` that hides it is a mistake to be told.

Taken as it stands, a hidden folder would look empty, and be recorded so.
"""

from __future__ import annotations

import os

from madang.errors import InvalidInput
from madang.formats.dvc.ignore import Ignore
from madang.workspace.data.repo.ignoring import ask
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import with_rules_of


class Visibility:
    """Asks for many paths; each ``.dvcignore`` is read once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._root = repository.root.rstrip(os.sep) + os.sep
        self._rules: dict[str, Ignore | None] = {}  # in force in a folder; None: it is hidden

    def check(self, path: str) -> None:
        """Refuse an absolute path that is hidden; one outside the repository never is.

        Raises:
            InvalidInput: it is; the message names the rule.
        """
        if not path.startswith(self._root):
            return
        inside = path[len(self._root) :]
        rules = self._in(os.path.dirname(inside))
        if rules is None or (rules and rules.hides(inside, os.path.isdir(path))):
            answer = ask(self._repository, path)
            which = answer.rules[-1] if answer.rules else "a rule for a folder above it"
            raise InvalidInput(
                f"{path} is ignored by {which}, so it cannot be tracked.", hint="Change the rule, or stop tracking it."
            )

    def _in(self, folder: str) -> Ignore | None:
        """``folder`` is relative to the root."""
        if folder not in self._rules:
            above = self._in(os.path.dirname(folder)) if folder else Ignore()
            if above is None or (folder and above and above.hides(folder, True)):
                self._rules[folder] = None
            else:
                self._rules[folder] = with_rules_of(above, self._repository.root, folder)
        return self._rules[folder]
