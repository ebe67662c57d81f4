"""The schema with all resolvers, each of which lives in the module of its noun."""

from __future__ import annotations

from importlib.resources import files

from madang.edges.wandb import (
    artifact_changes,
    artifact_saving,
    artifacts,
    branching,
    collections,
    console,
    file_lists,
    history,
    projects,
    registries,
    runs,
    search,
    sweeps,
    uploading,
    upserting,
    viewer,
    views,
)
from madang.edges.wandb.executor import Executor

_NOUNS = (
    viewer,
    projects,
    runs,
    upserting,
    branching,
    uploading,
    search,
    history,
    console,
    file_lists,
    views,
    sweeps,
    artifacts,
    artifact_saving,
    artifact_changes,
    collections,
    registries,
)

_NO_AUTOMATIONS = (
    "This server makes no automations. Webhooks tell others of models and runs: `madang webhooks create`, see "
    "docs/webhooks.md."
)
_REFUSALS = dict.fromkeys(
    ("createFilterTrigger", "updateFilterTrigger", "deleteTrigger", "createGenericWebhookIntegration"), _NO_AUTOMATIONS
)


def executor() -> Executor:
    """All of the edge's GraphQL."""
    sdl = files("madang.edges.wandb").joinpath("schema.graphql").read_text("utf-8")
    resolvers = {name: resolver for noun in _NOUNS for name, resolver in noun.RESOLVERS.items()}
    kinds = {name: kind for noun in _NOUNS for name, kind in getattr(noun, "KINDS", {}).items()}
    return Executor(sdl, resolvers, kinds, _REFUSALS)
