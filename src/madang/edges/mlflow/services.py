"""What the MLflow edge calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from madang.edges.mlflow.tables import KeptTable
from madang.http.calls import Call
from madang.services.artifacts import Artifacts
from madang.services.launched import Launched
from madang.services.model_registry.models import Models
from madang.services.model_registry.registry import Registry
from madang.services.parts import PartUploads
from madang.services.projects import Projects
from madang.services.scorers import Scorers
from madang.services.search import Search
from madang.services.tracking import Tracking
from madang.services.webhooks import Webhooks


@dataclass(frozen=True)
class MlflowServices:
    """The services. ``launched`` is the run around the command that calls; None on a hub. Only a hub has webhooks.

    ``tables`` serve the pages of long series.
    """

    tracking: Tracking
    search: Search
    artifacts: Artifacts
    registry: Registry
    projects: Projects
    models: Models
    parts: PartUploads
    scorers: Scorers
    webhooks: Webhooks | None = None
    launched: Launched | None = None
    tables: KeptTable = field(default_factory=KeptTable)


MlflowCall: TypeAlias = Call[MlflowServices]
