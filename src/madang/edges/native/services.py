"""What the native edge calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from madang.edges.native.live import Live
from madang.http.calls import Call
from madang.services.access import Access
from madang.services.adopting import Adopting
from madang.services.artifacts import Artifacts
from madang.services.comparing.code_changes import CodeComparison
from madang.services.comparing.explaining import Explaining
from madang.services.datasets import Datasets
from madang.services.lineage import Lineage
from madang.services.merging.merging import Merging
from madang.services.model_registry.promotion import Promotion
from madang.services.model_registry.registry import Registry
from madang.services.model_registry.reviews import Reviews
from madang.services.pipelines import Pipelines
from madang.services.projects import Projects
from madang.services.report_links import ReportLinks
from madang.services.reports import Reports
from madang.services.search import Search
from madang.services.sweeping.sweeping import Sweeping
from madang.services.tracking import Tracking
from madang.services.views import Views
from madang.services.webhooks import Webhooks


@dataclass(frozen=True)
class NativeServices:
    """The services, the shared poller of live streams, and the name of the session cookie. Only a hub has webhooks."""

    tracking: Tracking
    search: Search
    artifacts: Artifacts
    registry: Registry
    reviews: Reviews
    merging: Merging
    projects: Projects
    adopting: Adopting
    promotion: Promotion
    datasets: Datasets
    pipelines: Pipelines
    code: CodeComparison
    explaining: Explaining
    lineage: Lineage
    sweeping: Sweeping
    views: Views
    reports: Reports
    report_links: ReportLinks
    webhooks: Webhooks | None
    access: Access
    live: Live
    cookie: str


NativeCall: TypeAlias = Call[NativeServices]
