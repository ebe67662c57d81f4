"""A store with runs, and hubs to send them to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.client import transport
from madang.testing.chaos_hub import ChaosHub
from madang.testing.written_store import WrittenStore


@pytest.fixture
def store(tmp_path: Path) -> WrittenStore:
    """An empty store."""
    return WrittenStore(tmp_path / "store")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ChaosHub]:
    """A hub of our own, and a client that does not rest between attempts."""
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(transport, "MAX_PAUSE", 0.002)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MADANG_TOKEN", raising=False)
    with ChaosHub() as made:
        yield made
