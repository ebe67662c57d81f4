"""Verdicts on record: written to the repetition, or to a run of their own where nothing could be repeated."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from madang import wiring
from madang.cli import launching
from madang.domain.reproduce import Judgement
from madang.domain.runs import RunRecord
from madang.errors import MadangError
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.ports.reader import Reader
from madang.sdk import follow
from madang.sdk.init import user_name
from madang.sdk.run import Run
from madang.services import evidence
from madang.services import reproduce as service
from madang.services.reproduce import Leniency
from madang.version import __version__
from madang.workspace.environments.choosing import Chosen
from madang.workspace.keys import keyring

Say = Callable[[str], None]
JOB = "reproduction"  # the type of a repetition


def circumstances(chosen: Chosen, local: list[str], leniency: Leniency) -> evidence.Circumstances:
    """In what a repetition ran, or would have."""
    return evidence.Circumstances(
        environment=chosen.digest,
        is_rebuilt=chosen.is_rebuilt,
        differences=chosen.differences,
        local=local,
        leniency=leniency,
        user=user_name(dict(os.environ)),
        host=os.uname().nodename,
        version=__version__,
        time=time.time_ns() // 1000,
    )


def write(
    writer: Run,
    original: tuple[Reader, RunRecord],
    again: tuple[Reader, RunRecord],
    found: Judgement,
    around: evidence.Circumstances,
    say: Say,
) -> None:
    """Write a verdict with its signature to a repetition that is still open."""
    stated = {name: getattr(found, name) for name in evidence.STATED}
    signed = _signed(original, again, found, around, say)
    writer.append(codec.VERDICT, {"of": original[1].id, **stated, "attestation": signed})


def _signed(
    original: tuple[Reader, RunRecord],
    again: tuple[Reader, RunRecord],
    found: Judgement,
    around: evidence.Circumstances,
    say: Say,
) -> dict[str, Any]:
    """The signed statement of a verdict; empty when it cannot be signed, which is said."""
    try:
        return evidence.attest(original, again, found, around, keyring(os.environ).own())
    except MadangError as error:
        say(f"The verdict is not signed: {error}")
        return {}


def record_attempt(
    reader: Reader,
    run: RunRecord,
    places: layout.StorePaths,
    found: Judgement,
    around: evidence.Circumstances,
    say: Say,
) -> str:
    """Record that a run cannot be repeated, as a run in which nothing ran; returns its id.

    Raises:
        StorageError: the store cannot be written.
    """
    hub = launching.hub_of(os.environ)
    made = os.urandom(16).hex()
    os.makedirs(layout.run_dir(places.store, made), exist_ok=True)
    header = {"run": made, **launching.writer_of(places, os.environ, run.project), "writer": "launcher"}
    writer = Run(header, f"reproduce {run.name}", places, "online", hub)
    writer.append(codec.DESCRIBED, {"name": writer.name, "job_type": JOB})  # nothing was started
    writer.set_tags({service.TAG: run.id})
    own = wiring.local_reader(store=places.store)
    try:
        write(writer, (reader, run), (own, own.run(made)), found, around, say)
    finally:
        own.close()
    launching.mark_hub(writer)
    if hub:
        follow.start(writer)
    failure = {"type": found.verdict, "message": "; ".join(found.missing)[:1000]}
    writer.end("failed", error=failure, wait=bool(hub))
    return made
