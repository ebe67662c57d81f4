"""Who may do what: principals, roles per project, permissions."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum

from madang.domain.values import value
from madang.errors import AccessDenied, NotFound, Unauthenticated


class Permission(IntEnum):
    """What a caller may do in a project; each level includes the ones below. NONE needs no credential at all."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


@value
class Principal:
    """Somebody who calls: a name, and a level for all projects (``everywhere``) or for some (``projects``).

    ``run`` limits a credential to one run (the token that `madang run` mints).
    """

    name: str
    everywhere: Permission = Permission.NONE
    projects: dict[str, Permission] = field(default_factory=dict)
    run: str = ""

    def level(self, project: str) -> Permission:
        """The level in one project."""
        return max(self.everywhere, self.projects.get(project, Permission.NONE))


ANONYMOUS = Principal("anonymous")


def local(name: str) -> Principal:
    """The user of this machine, acting on their own store."""
    return Principal(name, everywhere=Permission.ADMIN)


def require(who: Principal, needed: Permission, project: str) -> None:
    """Let the caller pass or refuse. A project that the caller may not read does not exist for them.

    Raises:
        Unauthenticated: nobody in particular asks for something that needs a credential.
        NotFound: the caller may not know of the project.
        AccessDenied: the caller may read but not do this.
    """
    held = who.level(project)
    if held >= needed:
        return
    if who == ANONYMOUS:
        raise Unauthenticated("This needs a credential.", hint="Run `madang login` or pass a token.")
    if held < Permission.READ:
        raise NotFound(f"There is no project {project!r}.")
    raise AccessDenied(
        f"{who.name} may not {needed.name.lower()} in project {project!r}.", hint="Ask an admin of the project."
    )
