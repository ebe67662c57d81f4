"""The edges for clients of other trackers, over the services of one store: on a hub, and for a launched command."""

from __future__ import annotations

from madang.edges.mlflow.dispatch import MlflowDispatcher
from madang.edges.mlflow.services import MlflowServices
from madang.edges.mlflow.table import table as mlflow_table
from madang.edges.wandb.dispatch import WandbDispatcher
from madang.edges.wandb.services import WandbServices
from madang.edges.wandb.table import table as wandb_table
from madang.http.signing import Holder, Signer
from madang.http.threads import Readers
from madang.services.launched import Launched
from madang.services.scorers import Scorers
from madang.services.secret import signing_secret
from madang.wiring import Engine


def mlflow_edge(engine: Engine, launched: Launched | None = None, *, repeats: bool = False) -> MlflowDispatcher:
    """What answers MLflow's client; ``repeats``: the command is a repetition, which does not change the registry."""
    services = MlflowServices(
        engine.tracking,
        engine.search,
        engine.artifacts,
        engine.registry,
        engine.projects,
        engine.models,
        engine.parts,
        Scorers(engine.records),
        engine.webhooks,
        launched,
    )
    # What comes to a hub waits beside its records. In a workspace it is taken in, which is not done at once.
    is_prompt = launched is None and engine.tracking.holds_bytes and engine.access.at_once
    without_waiting = engine.records.without_waiting if is_prompt else None
    return MlflowDispatcher(mlflow_table(repeats=repeats), services, Readers(engine.records.briefly), without_waiting)


def wandb_edge(engine: Engine, holder: Holder, launched: Launched | None = None) -> WandbDispatcher:
    """What answers W&B's client; ``holder`` knows whom signed addresses were given to."""
    services = WandbServices(
        engine.tracking,
        engine.search,
        engine.artifacts,
        engine.registry,
        engine.projects,
        engine.models,
        engine.streams,
        Signer(lambda: signing_secret(engine.records), holder),
        engine.views,
        engine.sweeping,
        engine.drafts,
        engine.commits,
        engine.digests,
        engine.links,
        engine.parts,
        engine.lineage,
        engine.report_links,
        launched,
    )
    return WandbDispatcher(wandb_table(), services, Readers(engine.records.briefly))
