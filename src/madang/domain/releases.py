"""A release: one tuple of code, data, model and environment digests, kept as JSON in an annotated tag of git."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from typing import Any

from madang.domain.values import value
from madang.errors import CorruptData, NotFound

_HEAD = "madang release "


@value
class Model:
    """What an alias of a registered model pointed at."""

    project: str
    name: str
    alias: str
    number: int
    digest: str = ""  # of the version's manifest


@value
class Release:
    """What was released. ``data`` is the digest recorded of each tracked path, relative to the repository's root."""

    name: str
    commit: str
    data: dict[str, str] = field(default_factory=dict)
    models: tuple[Model, ...] = ()
    environment: str = ""  # digest of the Python, its packages and their versions
    packages: tuple[str, ...] = ()  # name==version
    run: str = ""  # that made the models, when one is known
    note: str = ""


def message(release: Release) -> str:
    """The text of the tag."""
    facts = {key: item for key, item in asdict(release).items() if key != "note" and item not in ("", (), [], {})}
    body = json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True)
    note = f"\n{release.note}\n" if release.note else ""
    return f"{_HEAD}{release.name}\n{note}\n{body}\n"


def is_release(text: str) -> bool:
    """Whether the text of a tag is that of a release."""
    return text.startswith(_HEAD)


def read(text: str, name: str, commit: str) -> Release:
    """The release that a tag's text holds; ``commit`` is what the tag points at.

    Raises:
        NotFound: the tag is of something else. CorruptData: its text was changed, or it was moved or renamed.
    """
    if not is_release(text):
        raise NotFound(f"The tag {name!r} is no release.", hint=f"madang release {name} makes one.")
    try:
        found: Any = json.loads(text[text.index("\n{") :])
        models = tuple(Model(**item) for item in found.pop("models", ()))
        data = _texts(found.pop("data", {}))
        release = Release(**{**found, "data": data, "models": models, "packages": tuple(found.get("packages", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptData(f"The release {name!r} cannot be read: {error}.", hint="Fetch the tag again.") from error
    if (release.name, release.commit) != (name, commit):
        raise CorruptData(
            f"The tag {name!r} at {commit[:12]} holds the release {release.name} of {release.commit[:12]}.",
            hint="Somebody moved or renamed it: fetch the tag again.",
        )
    return release


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(item) for key, item in found.items()}


def named_models(tags: Iterable[tuple[str, str]]) -> set[tuple[str, str, int]]:
    """Project, name and number of the models that releases name; ``tags`` are names and texts of tags.

    Raises:
        CorruptData: the text of a release was changed: what it needs cannot be told.
    """
    found: set[tuple[str, str, int]] = set()
    for name, text in tags:
        if text.startswith(_HEAD):
            try:
                body: Any = json.loads(text[text.index("\n{") :])
                models = [Model(**item) for item in body.get("models", ())]
            except (ValueError, TypeError, AttributeError) as error:
                raise CorruptData(
                    f"The release {name!r} cannot be read: {error}.", hint="Fetch the tag again."
                ) from error
            found |= {(one.project, one.name, one.number) for one in models}
    return found
