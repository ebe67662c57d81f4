"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Never a timed test: the machine may be busy. What a property costs is measured in benchmarks/.
settings.register_profile(
    "madang", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("madang")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often the tests that kill data commands do so: a few times in the suite, 100 times by hand."""
    parser.addoption("--kills", type=int, default=8, help="kills of each data command (tests/data/test_kills.py)")


@pytest.fixture(autouse=True)
def _forget_experiment() -> Iterator[None]:
    """`mlflow.set_experiment` sets the environment too, from which programs of later tests would begin."""
    yield
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
