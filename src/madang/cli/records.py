"""What the commands that show records have in common: readers, columns, and how values look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord
    from madang.domain.versions import VersionRecord
    from madang.ports.reader import Reader

project_option = click.option("-p", "--project", default="", help="The project, where several have the name.")

_JUST_NOW = 60.0  # seconds since the end of a run for which its record may still grow
_CAPTURE_WAIT = 10.0  # seconds
STATUS_COLOURS = {"finished": "green", "running": "cyan", "failed": "red", "killed": "yellow", "crashed": "magenta"}


class DefaultGroup(click.Group):
    """A group in which one command may be left out: `madang runs` is `madang runs list`."""

    default = "list"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in where no command is named."""
        named = bool(args) and (not args[0].startswith("-") or args[0] in ("-h", "--help"))
        if not named and not ctx.resilient_parsing:  # a shell that completes asks for the commands
            args = [self.default, *args]
        return super().parse_args(ctx, args)


@contextmanager
def opened_reader() -> Iterator[Reader]:
    """The reading side, closed at the end."""
    from madang.wiring import reader

    made = reader()
    try:
        yield made
    finally:
        made.close()


def captured(reader: Reader, run: RunRecord) -> RunRecord:
    """A run with its code and environment, if it has just ended here and the follower is still about to record them."""
    import time

    from madang.formats import store as layout

    lock, end = layout.follower_lock(layout.find_store().store), time.monotonic() + _CAPTURE_WAIT
    is_new = time.time() - (run.ended_at or run.seen_at) / 1e6 < _JUST_NOW
    while is_new and (run.code is None or run.environment is None) and layout.is_held(lock) and time.monotonic() < end:
        time.sleep(0.05)
        run = reader.run(run.id)
    return run


def current_project() -> str:
    """The project of the present folder: MADANG_PROJECT, else the repository's or folder's name."""
    from madang.formats import store as layout
    from madang.sdk.init import project_name

    return project_name(os.environ.get("MADANG_PROJECT", ""), layout.find_store().root or os.getcwd())


def project_of(reader: Reader, name: str, given: str) -> str:
    """The project in which an artifact of this name is: the one given, the present one, or the only one that has it.

    Raises:
        NotFound: no project has it.
        Conflict: several have it.
    """
    from madang.errors import Conflict, NotFound

    if given:
        return given
    having = [
        project.name
        for project in reader.projects()
        if any(row.name == name for row in reader.collections(project.name))
    ]
    if not having:
        raise NotFound(f"Nothing is called {name!r} in {reader.place}.", hint="`madang artifacts` lists what there is.")
    if len(having) > 1 and current_project() not in having:
        raise Conflict(f"{name!r} is in the projects {', '.join(having)}.", hint="Choose one with --project.")
    return current_project() if current_project() in having else having[0]


def all_runs(reader: Reader, project: str) -> list[RunRecord]:
    """Every run of a project, without metrics and long lists."""
    from madang.domain.query import RunQuery

    found: list[RunRecord] = []
    cursor = ""
    while True:
        page = reader.runs(RunQuery((project,), limit=1000, cursor=cursor, deleted="all", keys=()))
        found += page.runs
        cursor = page.next
        if not cursor:
            return found


def run_json(run: RunRecord, *, whole: bool = False) -> Any:
    """A run as the native API writes it."""
    import json

    from madang.formats import native, wire

    body = native.whole_run(run, wire.json_value) if whole else native.light_run(run, wire.json_value)
    return json.loads(wire.encode(body))


def plain_json(value: Any) -> Any:
    """Dataclasses and structs as JSON values, numbers by the rules of the native API."""
    import json

    from madang.formats import wire

    return json.loads(wire.encode(value))


def version_json(version: VersionRecord) -> Any:
    """A version as the native API writes it."""
    from madang.formats import native, wire

    return plain_json(native.version(version, wire.json_value))


def status(text: str) -> str:
    """A run's status, coloured on a terminal."""
    return click.style(text, fg=STATUS_COLOURS.get(text)) if output.colours_wanted() else text


def number(value: Any) -> str:
    """A value for a cell: six significant digits of a float, texts as they are."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return f"({value.get('media', 'object')})"
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def ago(micros: int) -> str:
    """How long ago a time was, in one unit."""
    if not micros:
        return ""
    seconds = max(0.0, datetime.now(UTC).timestamp() - micros / 1e6)
    return span(seconds) + " ago"


def span(seconds: float) -> str:
    """A length of time in one or two units."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    whole = int(seconds)
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size}{unit}" + (f"{rest}{small}" if rest else "")
    return f"{whole}s"


def moment(micros: int) -> str:
    """A time in the zone of this machine; the plain number of one that no calendar has."""
    if not micros:
        return ""
    try:
        return datetime.fromtimestamp(micros / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    except (OverflowError, ValueError, OSError):  # a record may come from anybody
        return f"{micros} µs"


def size(count: int) -> str:
    """A number of bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""


def short_ids(ids: list[str]) -> dict[str, str]:
    """The shortest beginnings, of eight digits or more, by which runs are told apart."""
    for length in range(8, 33):
        if len({one[:length] for one in ids}) == len(set(ids)):
            return {one: one[:length] for one in ids}
    return {one: one for one in ids}
