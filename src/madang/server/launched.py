"""The program behind the MLflow calls of a command under `madang run`: begun at its first call, gone with the run.

`python -m madang.server.launched` gets a listening socket from the launcher. Its standard input holds one line, the
secret that the command shows, and in the end another one, the status of the run; when the launcher dies, it just ends.
A byte on standard output says that everything which was answered is in the store. Then it brings what the command has
begun beside the run to the run's hub.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from starlette.types import Receive, Scope, Send

from madang.client.http import HubClient
from madang.client.upload import RunUpload
from madang.domain import events
from madang.domain.access import Permission, Principal
from madang.domain.run_state import STATUSES
from madang.edges.mlflow.answers import failure
from madang.edges.mlflow.dispatch import MlflowDispatcher
from madang.edges.mlflow.launched import Launched
from madang.edges.mlflow.services import MlflowServices
from madang.edges.mlflow.table import table
from madang.errors import MadangError, Unauthenticated
from madang.server.run import SleepingServer, server_config
from madang.server.security import LOOPBACK, Gate, Policy
from madang.wiring import Engine, local_user, open_store

_STOP_WITHIN = 10  # seconds that running requests get


@dataclass(frozen=True)
class OneSecret:
    """The only credential: the command's own. It may what the user's programs may, but manage nothing."""

    secret: str
    who: Principal

    def authenticate(self, secret: str) -> Principal:
        """Who shows this token.

        Raises:
            Unauthenticated: it is another one.
        """
        if not hmac.compare_digest(secret.encode(), self.secret.encode()):
            raise Unauthenticated("This token is not that of the run.", hint="Leave MLFLOW_TRACKING_TOKEN as it is.")
        return self.who

    def authenticate_session(self, secret: str) -> NoReturn:
        """There are no sessions here.

        Raises:
            Unauthenticated: always.
        """
        raise Unauthenticated("There are no sessions here.")

    @property
    def at_once(self) -> bool:
        """Nothing is looked up."""
        return True

    def unclaimed(self) -> bool:
        """The credential is always asked for."""
        return False


def main(arguments: list[str]) -> int:
    """Serve until standard input ends."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the launcher keeps signals for its command
    parser = argparse.ArgumentParser(prog="python -m madang.server.launched")
    for name in ("--store", "--run", "--project"):
        parser.add_argument(name, required=True)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--hub", default="")
    parser.add_argument("--repeats", action="store_true")
    given = parser.parse_args(arguments)
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, given.socket)
    user = local_user().name
    credential = OneSecret(sys.stdin.readline().strip(), Principal(user, everywhere=Permission.WRITE))
    launched = Launched(given.run, given.project)
    engine = open_store(store=given.store)
    try:
        engine.tracking.catch_up([launched.run])
        status = _serve(engine, launched, credential, bound, repeats=given.repeats)
        _end_children(engine, launched, credential.who, status)
    finally:
        engine.close()
    with suppress(BrokenPipeError):  # the launcher was killed
        os.write(1, b".")
    if given.hub and launched.made:
        _upload(given.hub, given.store, launched.made)
    return 0


def _serve(engine: Engine, launched: Launched, credential: OneSecret, bound: socket.socket, *, repeats: bool) -> str:
    """Answer until standard input ends; the status that it told."""
    edge = MlflowDispatcher(
        table(repeats=repeats),
        MlflowServices(
            engine.tracking,
            engine.search,
            engine.artifacts,
            engine.registry,
            engine.projects,
            engine.models,
            engine.parts,
            launched,
        ),
    )
    gate = Gate(edge, credential, Policy(LOOPBACK), lambda scope, error: failure(error))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await gate(scope, receive, send)

    server = SleepingServer(server_config(application, stop_within=_STOP_WITHIN, lifespan="off"))
    told: list[str] = []

    def listen() -> None:
        told.append(sys.stdin.readline().strip())
        server.stop()

    threading.Thread(target=listen, daemon=True).start()
    asyncio.run(server.serve(sockets=[bound]))
    return told[0] if told and told[0] in STATUSES else "crashed"


def _end_children(engine: Engine, launched: Launched, who: Principal, status: str) -> None:
    """Runs that the command has begun and not ended end as it did."""
    for run in launched.made:
        if engine.search.run(who, run).status == "running":
            engine.tracking.state(who, run, [events.Status(status)])


def _upload(address: str, store: str, runs: list[str]) -> None:
    """Bring to the hub what no follower looks after: nobody else writes it."""
    client = HubClient(address, attempts=1)
    for run in runs:
        RunUpload(client, store, run).push()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MadangError as error:
        sys.stderr.write(f"madang: MLflow calls: {error}\n")
        sys.exit(1)
