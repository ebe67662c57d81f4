"""What holds for all tests."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Never a timed test: the machine may be busy. What a property costs is measured in benchmarks/. The same examples each
# time: a run of the suite tells of the change, not of its luck. `--hypothesis-profile=search` looks for new ones.
_ALLOWED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("madang", deadline=None, suppress_health_check=_ALLOWED, derandomize=True)
settings.register_profile("search", deadline=None, suppress_health_check=_ALLOWED)
settings.load_profile("madang")

LONG = (
    "mlflow/test_launched", "reproduce/test_environments", "reproduce/test_why", "web/test_media_page",
    "reproduce/test_matrix", "data/test_repro", "data/test_crash", "data/test_kills", "wandb/test_living",
    "wandb/test_launched", "sweeps/test_commands", "cli/test_rollback", "web/test_runs_page", "wandb/test_sweeps",
    "projects/test_projects", "experiments/test_queue", "data/test_import_url", "moving/test_old_stores",
    "scoring/test_clients", "data/test_far_deps", "mlflow/test_autolog", "experiments/test_running",
    "experiments/test_crash", "experiments/test_beside_dvc", "web/test_pages", "web/test_client_media",
    "mlflow/test_hostile", "wandb/test_going_on", "wandb/test_older_release", "wandb/test_strangers",
    "wandb/test_artifact_links", "reproduce/test_auditor", "web/test_explaining_pages", "web/test_pipeline_page",
    "data/test_stages", "data/test_differences", "sdk/test_autolog", "house/test_sizes", "wandb/test_artifacts",
    "moving/test_wandb_import", "data/test_imports", "data/test_exit_codes", "engine/test_hostile",
    "conformance/test_records", "cli/test_records_story", "experiments/test_hydra", "pipelines/test_reporting",
)  # fmt: skip
"""Modules that take longest, longest first. Where several processes share the modules, these are begun first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often the tests that kill data commands do so: a few times in the suite, 100 times by hand."""
    parser.addoption("--kills", type=int, default=5, help="kills of each data command (tests/data/test_kills.py)")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first, then those with most tests: in the end no process waits for one that has much left."""
    counts = Counter(item.path for item in items)
    places = {name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> tuple[int, int]:
        name = f"{item.path.parent.name}/{item.path.stem}"
        return places.get(name, len(LONG)), -counts[item.path]

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _forget_experiment() -> Iterator[None]:
    """`mlflow.set_experiment` sets the environment too, from which programs of later tests would begin."""
    yield
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
