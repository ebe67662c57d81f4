"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Never a timed test: the machine may be busy. What a property costs is measured in benchmarks/.
settings.register_profile(
    "madang", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("madang")
