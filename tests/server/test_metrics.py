"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

from madang.server.metrics import Metrics


def test_each_bucket_counts_the_requests_that_took_no_longer() -> None:
    """Buckets are cumulative: a request is in that of its own bound and in all above it."""
    metrics = Metrics()
    for seconds in (0.0, 0.005, 0.0051, 1.0, 11.0):
        metrics.count("GET /x", 200, seconds)
    found = {
        line.partition('le="')[2].partition('"')[0]: int(line.rpartition(" ")[2])
        for line in metrics.text().splitlines()
        if line.startswith("madang_request_seconds_bucket{")
    }
    expected = {"0.005": 2, "0.01": 3, "0.5": 3, "1": 4, "10": 4, "+Inf": 5}
    assert {bound: found[bound] for bound in expected} == expected
    assert list(found.values()) == sorted(found.values())
