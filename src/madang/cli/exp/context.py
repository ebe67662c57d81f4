"""With what the stages of experiments run here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from madang.cli.data_command import meter
from madang.cli.repro import local_executor, tell

if TYPE_CHECKING:
    from madang.domain.events import Pipeline
    from madang.workspace.experiments.running import RunContext

_CAPTURE = 120.0  # seconds at most until code and environment of all runs are recorded


@contextmanager
def run_context(*, quiet: bool, isolated: bool, ask: Callable[[str], bool] | None = None) -> Iterator[RunContext]:
    """This process, one stage after the other; ``isolated`` from the user's work tree, in one that is removed soon."""
    from madang.wiring_data import open_remote
    from madang.workspace.experiments.running import RunContext

    with local_executor(1, quiet=quiet) as executor:
        say = _silent if quiet else click.echo
        yield RunContext(
            executor, say, open_remote, ask, _tell_when_settled if isolated else tell, meter(quiet), _settle
        )


def _silent(text: str) -> None:
    return


def _settle() -> None:
    from madang.sdk import finish

    finish.settle(_CAPTURE)


def _tell_when_settled(run: str, news: Pipeline) -> None:
    """What is told at the end must not cut the wait for the runs short."""
    _settle()
    tell(run, news)
