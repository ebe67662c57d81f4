"""What moving needs of a store of ours."""

from __future__ import annotations

from typing import Protocol

from madang.formats.store import StorePaths
from madang.ports.records import Records
from madang.services.adopting import Adopting
from madang.services.artifacts import Artifacts
from madang.services.committing import Commits
from madang.services.digests import Digests
from madang.services.drafts import Drafts
from madang.services.merging.merging import Merging
from madang.services.model_registry.models import Models
from madang.services.model_registry.promotion import Promotion
from madang.services.model_registry.registry import Registry
from madang.services.projects import Projects
from madang.services.tracking import Tracking


class StoreServices(Protocol):
    """The services of a store, each made when it is first asked for (see `wiring.Engine`)."""

    store: StorePaths
    tracking: Tracking

    @property
    def records(self) -> Records: ...  # noqa: D102 - as `wiring.Engine`
    @property
    def artifacts(self) -> Artifacts: ...  # noqa: D102 - as above
    @property
    def projects(self) -> Projects: ...  # noqa: D102 - as above
    @property
    def models(self) -> Models: ...  # noqa: D102 - as above
    @property
    def registry(self) -> Registry: ...  # noqa: D102 - as above
    @property
    def promotion(self) -> Promotion: ...  # noqa: D102 - as above
    @property
    def merging(self) -> Merging: ...  # noqa: D102 - as above
    @property
    def adopting(self) -> Adopting: ...  # noqa: D102 - as above
    @property
    def drafts(self) -> Drafts: ...  # noqa: D102 - as above
    @property
    def commits(self) -> Commits: ...  # noqa: D102 - as above
    @property
    def digests(self) -> Digests: ...  # noqa: D102 - as above
