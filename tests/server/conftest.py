"""A hub in this process, and people of every level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.people import ADMIN, BASE

from madang.config import HubConfig
from madang.domain.access import Permission
from madang.server.app import Application
from madang.server.security import LOOPBACK, Policy
from madang.wiring import Engine, open_hub


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty hub."""
    made = open_hub(HubConfig(store=str(tmp_path / "hub")))
    yield made
    made.close()


@pytest.fixture
def application(engine: Engine) -> Application:
    """The server over it, as on loopback."""
    return Application(engine, Policy(LOOPBACK, open_locally=True))


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    """The machine's own user, while the hub has no token."""
    with TestClient(application, BASE, raise_server_exceptions=True, follow_redirects=False) as made:
        yield made


@pytest.fixture
def secrets(engine: Engine) -> dict[str, str]:
    """Tokens: an admin of all, and somebody of each level in the project `mine` or `theirs`."""
    people = {
        "admin": (Permission.ADMIN, None),
        "reader": (Permission.READ, ["mine"]),
        "writer": (Permission.WRITE, ["mine"]),
        "owner": (Permission.ADMIN, ["mine"]),
        "neighbour": (Permission.ADMIN, ["theirs"]),
    }
    return {name: engine.access.create_token(ADMIN, name, *what)[1] for name, what in people.items()}
