"""What the W&B edge calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from madang.http.calls import Call
from madang.http.signing import Signer
from madang.services.artifacts import Artifacts
from madang.services.committing import Commits
from madang.services.digests import Digests
from madang.services.drafts import Drafts
from madang.services.launched import Launched
from madang.services.lineage import Lineage
from madang.services.model_registry.links import Links
from madang.services.model_registry.models import Models
from madang.services.model_registry.registry import Registry
from madang.services.parts import PartUploads
from madang.services.projects import Projects
from madang.services.report_links import ReportLinks
from madang.services.search import Search
from madang.services.streams import Streams
from madang.services.sweeping.sweeping import Sweeping
from madang.services.tracking import Tracking
from madang.services.views import Views


@dataclass(frozen=True)
class WandbServices:
    """The services. ``launched`` is the run around the command that calls; None on a hub."""

    tracking: Tracking
    search: Search
    artifacts: Artifacts
    registry: Registry
    projects: Projects
    models: Models
    streams: Streams
    signer: Signer
    views: Views
    sweeping: Sweeping
    drafts: Drafts
    commits: Commits
    digests: Digests
    links: Links
    parts: PartUploads
    lineage: Lineage
    report_links: ReportLinks
    launched: Launched | None = None


WandbCall: TypeAlias = Call[WandbServices]
