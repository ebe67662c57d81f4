"""What webhooks are told of models: MLflow's payloads (`mlflow/webhooks/types.py` of 3.17), and our own of pointers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from madang.domain.reviews import base_of
from madang.domain.values import value
from madang.domain.versions import STAGES, PointerChange, VersionRecord, stage_in
from madang.domain.webhooks import ALIAS_MOVED, STAGE_MOVED
from madang.formats.mlflow.told import told, written
from madang.formats.mlflow.words import ALIASES, PROMPT, PROMPT_TEXT

Told: TypeAlias = tuple[str, dict[str, Any]]
"""An event and its data."""

REASON = "madang.reason"  # the tag of a version in which a client says why it is about to move a pointer
_NAMES = (("registered_model", "prompt"), ("model_version_alias", "prompt_alias"), ("model_version", "prompt_version"))
_PROMPTS = frozenset((PROMPT, "_mlflow_prompt_type"))


@value
class Model:
    """A model as far as events tell of it, after what has happened."""

    project: str
    name: str
    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]

    @property
    def is_prompt(self) -> bool:
        """Whether a client of MLflow keeps a prompt in it."""
        return self.tags.get(PROMPT, "").lower() == "true"

    def named(self, event: str) -> str:
        """The name of an event of models, or that of prompts: ``model_version_tag`` becomes ``prompt_version_tag``."""
        for part, of_prompts in _NAMES if self.is_prompt else ():
            event = event.replace(part, of_prompts)
        return event


def model_made(model: Model) -> Told:
    """A model, or prompt, is new."""
    hidden = {*_PROMPTS, ALIASES} if model.is_prompt else {ALIASES}
    tags = {key: text for key, text in model.tags.items() if key not in hidden}
    return model.named("registered_model.created"), {
        "name": model.name, "tags": tags, "description": model.description,
    }  # fmt: skip


def version_made(model: Model, version: VersionRecord) -> Told:
    """A version is new."""
    data: dict[str, Any] = {"name": model.name, "version": str(version.number)}
    tags = {key: text for key, text in version.tags.items() if key != REASON}
    if model.is_prompt:
        data["template"] = tags.pop(PROMPT_TEXT, None)
        tags = {key: text for key, text in tags.items() if key not in _PROMPTS}
    else:
        said = told(version.metadata)
        data["source"] = said.get("source") or f"models:/{model.name}/{version.number}"
        data["run_id"] = said.get("run_id", version.run) or None
    return model.named("model_version.created"), data | {"tags": tags, "description": version.description or None}


def tags_changed(
    model: Model, number: int | None, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Told]:
    """The tags of a version are others, or with None those of a prompt: of a model MLflow tells nothing."""
    if number is None and not model.is_prompt:
        return
    kind = "prompt_tag" if number is None else model.named("model_version_tag")
    place = {"name": model.name} | ({"version": str(number)} if number is not None else {})
    for key in sorted((before.keys() | after.keys()) - {ALIASES, REASON}):
        if key not in after:
            yield f"{kind}.deleted", {**place, "key": key}
        elif before.get(key) != after[key]:
            yield f"{kind}.set", {**place, "key": key, "value": after[key]}


def pointers_moved(model: Model, changes: Sequence[PointerChange]) -> Iterator[Told]:
    """Pointers of a model have moved, in one transaction."""
    as_written = written(model.tags)
    for change in changes:
        if base_of(change.alias) in STAGES and change.alias not in as_written:
            continue
        alias = as_written.get(change.alias, change.alias)
        data = {"name": model.name, "alias": alias}
        if change.number is None:
            yield model.named("model_version_alias.deleted"), data
        else:
            yield model.named("model_version_alias.created"), data | {"version": str(change.number)}
        if change.number != change.before and base_of(change.alias) not in STAGES:
            ends = {"from": _number(change.before), "to": _number(change.number)}
            yield ALIAS_MOVED, {"project": model.project, **data, **ends, "by": change.actor, "why": change.reason}
    yield from _stages(model, [change for change in changes if base_of(change.alias) in STAGES])


def _stages(model: Model, changes: Sequence[PointerChange]) -> Iterator[Told]:
    """One event for each version whose stage is another one: it takes several moves to put one into another's place."""
    before = dict(model.aliases)
    touched: dict[int, PointerChange] = {}
    for change in reversed(changes):
        for number in (change.number, change.before):
            if number is not None:
                touched.setdefault(number, change)
        if change.before is None:
            before.pop(change.alias, None)
        else:
            before[change.alias] = change.before
    for number, change in reversed(touched.items()):
        left, come = stage_in(before, number), stage_in(model.aliases, number)
        if left != come:
            ends = {"from": left or "none", "to": come or "none"}
            place = {"project": model.project, "name": model.name, "version": str(number)}
            yield STAGE_MOVED, {**place, **ends, "by": change.actor, "why": change.reason}


def _number(number: int | None) -> str | None:
    return None if number is None else str(number)
