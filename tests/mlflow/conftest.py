"""A hub over a socket, and the real client of MLflow talking to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_TRACKING_URI="")

import pytest
import urllib3
import uvicorn
from mlflow import MlflowClient

from madang.config import HubConfig
from madang.server.app import Application
from madang.server.run import Address, listen, policy_for, server_config, url_of
from madang.server.security import Policy
from madang.wiring import Engine, open_hub


@dataclass
class Hub:
    """A hub that answers at an address; ``engine`` is the same store from inside."""

    address: str
    engine: Engine
    policy: Policy

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and JSON of a bare request; ``path`` stands below the REST API unless it begins with a slash.

        ``body`` is sent as JSON, bytes as they are.
        """
        url = self.address + (path if path.startswith("/") else f"/api/2.0/mlflow/{path}")
        sent = {"body": body} if isinstance(body, bytes) else {"json": body}
        answer = urllib3.request(method, url, retries=False, **sent, **more)
        kind = answer.headers.get("content-type", "")
        return answer.status, answer.json() if kind.startswith("application/json") else answer.data


def serving(engine: Engine, *, guarded: bool = False) -> Iterator[Hub]:
    """A hub in a thread of this process; ``guarded``: it wants a token from whoever is on this machine, too."""
    bound = listen(Address())
    policy = policy_for(Address(), bound.getsockname()[1], engine, guarded=guarded)
    config = server_config(Application(engine, policy), stop_within=30)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Hub(url_of(bound), engine, policy)
    server.should_exit = True
    thread.join()
    bound.close()
    engine.close()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An open hub, shared by the tests of a module."""
    yield from serving(open_hub(HubConfig(store=str(tmp_path_factory.mktemp("hub")))))


@pytest.fixture
def client(hub: Hub) -> MlflowClient:
    """MLflow's own client."""
    return MlflowClient(hub.address)
