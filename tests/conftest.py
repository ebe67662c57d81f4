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
    "reproduce/test_why", "mlflow/test_launched", "reproduce/test_environments", "web/test_media_page",
    "data/test_crash", "data/test_kills", "web/test_runs_page", "experiments/test_crash", "wandb/test_living",
    "sdk/test_autolog", "reproduce/test_matrix", "experiments/test_beside_dvc", "data/test_differences",
    "web/test_pages", "web/test_client_media", "moving/test_old_stores", "wandb/test_launched",
    "experiments/test_running", "experiments/test_queue", "projects/test_projects", "data/test_stages",
    "sweeps/test_commands", "web/test_pipeline_page", "web/test_explaining_pages", "cli/test_rollback",
    "reproduce/test_auditor", "data/test_exit_codes", "engine/test_hostile", "conformance/test_records",
    "cli/test_records_story", "experiments/test_hydra", "pipelines/test_reporting",
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
