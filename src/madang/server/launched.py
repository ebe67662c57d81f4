"""What answers the MLflow and W&B calls of a command under `madang run`: begun at its first call, gone with the run.

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
from functools import cache
from typing import NoReturn

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from madang.client.http import HubClient
from madang.client.upload import RunUpload
from madang.domain import events
from madang.domain.access import Permission, Principal
from madang.domain.run_state import STATUSES
from madang.edges.mlflow.answers import failure as mlflow_failure
from madang.edges.wandb.dispatch import failure as wandb_failure
from madang.edges.wandb.table import is_ours as is_wandb
from madang.errors import MadangError, Unauthenticated
from madang.http.dispatch import raw_path
from madang.http.signing import Holder
from madang.server.edges import mlflow_edge, wandb_edge
from madang.server.run import SleepingServer, server_config
from madang.server.security import LOOPBACK, Gate, Policy
from madang.services.launched import Launched
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
            raise Unauthenticated(
                "This token is not that of the run.", hint="Leave MLFLOW_TRACKING_TOKEN and WANDB_API_KEY as they are."
            )
        return self.who

    def authenticate_session(self, secret: str) -> NoReturn:
        """There are no sessions here.

        Raises:
            Unauthenticated: always.
        """
        raise Unauthenticated("There are no sessions here.")

    def holder(self, token_id: str) -> Principal:
        """Who was given the token with this id.

        Raises:
            Unauthenticated: it is another one.
        """
        if token_id != self.who.token:
            raise Unauthenticated("This address is not of this run.")
        return self.who

    @property
    def at_once(self) -> bool:
        """Nothing is looked up."""
        return True

    def unclaimed(self) -> bool:
        """The credential is always asked for."""
        return False


class _Edges:
    """Both edges as one application; what nobody calls is not loaded."""

    def __init__(self, engine: Engine, launched: Launched, holder: Holder, *, repeats: bool) -> None:
        self._mlflow = cache(lambda: mlflow_edge(engine, launched, repeats=repeats))
        self._wandb = cache(lambda: wandb_edge(engine, holder, launched))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        edge = self._wandb() if is_wandb(raw_path(scope)) else self._mlflow()
        await edge(scope, receive, send)


def _refusal(scope: Scope, error: MadangError) -> Response:
    return wandb_failure(error) if is_wandb(raw_path(scope)) else mlflow_failure(error)


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
    credential = OneSecret(sys.stdin.readline().strip(), Principal(user, everywhere=Permission.WRITE, token=given.run))
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
    edges = _Edges(engine, launched, credential.holder, repeats=repeats)
    gate = Gate(edges, credential, Policy(LOOPBACK), _refusal)

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
    """Runs that the command has begun and not ended end as it did; they say it where the end did not come."""
    for run in (launched.run, *launched.made):
        engine.streams.note_lost(who, run)
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
        sys.stderr.write(f"madang: calls of a command: {error}\n")
        sys.exit(1)
