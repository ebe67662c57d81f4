"""Names of artifacts on W&B's wire: an id of its own for what its clients made, project and name for other versions."""

from __future__ import annotations

from typing import NamedTuple

from madang.domain.versions import VersionRecord
from madang.errors import InvalidInput
from madang.formats.wandb.ids import node_id, read_node_id

KIND = "Artifact"
ID_TAG = "wandb.artifact"
"""The tag of a version that keeps the number of its id."""
CLIENT_TAG = "wandb.client"
"""The tag of a version with what its client calls it."""
LINK_TAG = "wandb.link"
"""The tag of a version that is a link: the id of the artifact that it shows."""
STEP_TAG = "wandb.step"
"""The tag of a version with the step of its run at which it was logged."""
LIFE_TAG = "wandb.ttl"
"""The tag of a version with the seconds that it is to live."""
OWN_TAGS = "wandb."
"""Begins the tags of ours that are no tags of W&B."""


class Named(NamedTuple):
    """A version by its place."""

    project: str
    name: str
    number: int


def draft_id(number: int) -> str:
    """The id of a draft."""
    return node_id(KIND, str(number))


def name_of(version: VersionRecord) -> str:
    """The id of a version."""
    own = version.tags.get(ID_TAG, "")
    if own.isascii() and own.isdigit():
        return draft_id(int(own))
    return node_id(KIND, version.project, version.name, str(version.number))


def read_artifact_id(text: str) -> int | Named:
    """What `draft_id` or `name_of` was made of. Raises `InvalidInput`."""
    parts = read_node_id(text, KIND)
    number = parts[-1]
    if number.isascii() and number.isdigit() and len(number) < 19 and len(parts) in (1, 3):
        return int(number) if len(parts) == 1 else Named(parts[0], parts[1], int(number))
    raise InvalidInput(f"{text[:80]!r} is not the id of an artifact.")
