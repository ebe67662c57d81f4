"""Releases as git keeps them: in annotated tags, which are remembered beside, so that a moved one is noticed."""

from __future__ import annotations

from madang.domain import releases
from madang.domain.releases import Release
from madang.errors import CorruptData
from madang.ports.git import Git


def find(git: Git, name: str) -> Release | None:
    """The release that a tag holds; None for a tag of something else.

    Raises:
        NotFound: there is no such tag. CorruptData: it is not what was made, or cannot be read.
    """
    if git.is_tag_moved(name):
        raise CorruptData(
            f"The tag {name!r} is not the release that was made here: somebody moved or deleted it.",
            hint=f"git update-ref refs/tags/{name} refs/madang/releases/{name}",
        )
    text = git.tag_message(name)
    return releases.read(text, name, git.resolve(f"refs/tags/{name}")) if releases.is_release(text) else None
