"""Projects as the store knows them beside their runs: a number, a title that may change, tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from madang.domain.values import value
from madang.domain.versions import check_name
from madang.errors import InvalidInput

DEFAULT = "Default"
"""The project with the number 0, which every store has."""


@value
class RegisteredProject:
    """A project with its number. Runs name it by ``name``, for good; people see ``title``. Times are µs UTC, 0: none.

    ``location`` is where clients of MLflow put files of its runs; empty: in this store.
    """

    number: int
    name: str
    title: str
    created_at: int
    updated_at: int
    deleted_at: int = 0
    location: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@value
class ProjectChange:
    """What to change of a project. Only what is not None changes."""

    title: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)  # to set
    tags_removed: tuple[str, ...] = ()
    deleted: bool | None = None


def name_for(title: str, number: int) -> str:
    """A project's name for a title that may hold signs which names may not."""
    try:
        return check_name(title, "project")
    except InvalidInput:
        plain = "".join(sign if sign.isalnum() or sign in "._- " else "-" for sign in title).strip("-. ")
        return check_name(f"{plain.encode()[:200].decode(errors='ignore') or 'project'} ({number})", "project")
