"""Who may do what: principals, roles per project, permissions."""

from __future__ import annotations

from collections.abc import Collection
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

    ``run`` limits a credential to one run: it writes this run, its children, their versions and blobs, and no alias;
    it reads what its level says, because a run may use any version. ``token`` is the id of the credential,
    where there is one.
    """

    name: str
    everywhere: Permission = Permission.NONE
    projects: dict[str, Permission] = field(default_factory=dict)
    run: str = ""
    token: str = ""

    def level(self, project: str) -> Permission:
        """The level in one project."""
        return max(self.everywhere, self.projects.get(project, Permission.NONE))


ANONYMOUS = Principal("anonymous")


def local(name: str) -> Principal:
    """The user of this machine, acting on their own store."""
    return Principal(name, everywhere=Permission.ADMIN)


def require(who: Principal, needed: Permission, project: str, runs: Collection[str] = ()) -> None:
    """Let the caller pass or refuse. A project that the caller may not read does not exist for them.

    ``runs`` are the run that would be changed and its parent: a credential for one run changes nothing else.

    Raises:
        Unauthenticated: nobody in particular asks for something that needs a credential.
        NotFound: the caller may not know of the project.
        AccessDenied: the caller may read but not do this, or has a credential for another run.
    """
    held = who.level(project)
    if held >= needed:
        if needed > Permission.READ and who.run and who.run not in runs:
            raise AccessDenied(
                f"This credential is for run {who.run} only.", hint="Use a token of your own: `madang login`."
            )
        return
    if who == ANONYMOUS:
        raise Unauthenticated("This needs a credential.", hint="Run `madang login` or pass a token.")
    if held < Permission.READ:
        raise NotFound(f"There is no project {project!r}.")
    raise AccessDenied(
        f"{who.name} may not {needed.name.lower()} in project {project!r}.", hint="Ask an admin of the project."
    )
