"""One run on the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import click

from madang.cli import output, records
from madang.cli.run_table import not_whole, summary
from madang.domain.runs import RunRecord
from madang.ports.reader import Reader

_MANY = 30


def print_run(run: RunRecord, reader: Reader) -> None:
    """Print everything worth reading of a run, and how it was reproduced."""
    click.echo(f"{output.printable(run.name)}  {records.status(run.status)}")
    _facts(run)
    _table("Parameters", ["KEY", "VALUE"], [(key, records.number(run.config[key])) for key in sorted(run.config)])
    _metrics(run)
    _code(run)
    _data(run)
    _environment(run)
    _reproductions(run, reader)
    _outcome(run)


def _line(name: str, text: str) -> None:
    if text:
        click.echo(f"  {name:<12}{output.printable(text)}")


def _facts(run: RunRecord) -> None:
    _line("id", run.id)
    _line("project", run.project)
    _line("group", run.group)
    _line("started", f"{records.moment(run.created_at)} ({records.ago(run.created_at)})")
    _line("took", records.span(run.duration / 1e6))
    _line("by", f"{run.user} on {run.host}" if run.user or run.host else "")
    _line("command", shlex.join(run.command))
    _line("parent", run.parent)
    own = {key: text for key, text in run.tags.items() if not key.startswith("madang.")}
    _line("tags", ", ".join(f"{key}={text}" if text else key for key, text in sorted(own.items())))
    _line("notes", run.notes)
    if run.seeds:
        _line("seeds", ", ".join(f"{key} {value}" for key, value in sorted(run.seeds.items())))


def _table(head: str, headers: list[str], rows: Iterable[Iterable[str]], right: frozenset[int] = frozenset()) -> None:
    cells = [list(row) for row in rows]
    if not cells:
        return
    click.echo(f"\n{head}")
    output.table(headers, cells[:_MANY], right=right)
    if len(cells) > _MANY:
        click.echo(f"… and {len(cells) - _MANY} more (--json shows all)")


def _metrics(run: RunRecord) -> None:
    values = summary(run)
    rows = []
    for key in sorted(values):
        metric = run.metrics.get(key)
        spread = [records.number(metric.min), records.number(metric.max), str(metric.count)] if metric else ["", "", ""]
        rows.append([key, records.number(values[key]), *spread])
    _table("Metrics", ["KEY", "VALUE", "MIN", "MAX", "POINTS"], rows, frozenset({1, 2, 3, 4}))


def _code(run: RunRecord) -> None:
    code = run.code
    if code is None:
        return
    click.echo("\nCode")
    _line("commit", f"{code.commit}{' + changes' if code.dirty else ''}" if code.commit else "none")
    _line("branch", code.branch)
    _line("remote", code.remote)
    _line("entry", code.entry)
    for line in code.diff_stat.splitlines():
        _line("", line.strip())
    _line("untracked", ", ".join(item.path for item in code.untracked))
    for item in code.withheld:
        _line("withheld", f"{item.path}: {item.reason}")
    for item in code.skipped:
        _line("left out", f"{item.path}: {item.reason}")
    if run.captured and run.captured.changed:
        _line("changed", "after the start: " + ", ".join(run.captured.changed))


def _data(run: RunRecord) -> None:
    declared = {use.path for use in run.uses if use.path}
    rows = [
        [item.path, "declared" if item.path in declared else "opened", item.tracked_by, item.digest[:24]]
        for item in run.inputs
    ]
    known = {item.path for item in run.inputs}
    rows += [
        [use.version or use.path or use.ref, "declared", "", use.digest[:24]]
        for use in run.uses
        if use.path not in known
    ]
    tracked = {row[0] for row in rows}
    rows += [[path, "opened", "", ""] for path, how in sorted(run.opened.items()) if "r" in how and path not in tracked]
    _table("Inputs", ["PATH", "HOW", "TRACKED BY", "DIGEST"], rows)
    written = [[item.path, "output", records.size(item.size), item.digest[:24]] for item in run.outputs]
    written += [[ref, "version", "", ""] for ref in run.versions]
    written += [[item.path, item.mime or "file", records.size(item.size), item.digest[:24]] for item in run.files]
    _table("Outputs", ["PATH", "KIND", "SIZE", "DIGEST"], written)


def _environment(run: RunRecord) -> None:
    found = run.environment
    if found is None:
        return
    click.echo("\nEnvironment")
    _line("python", f"{found.implementation} {found.python}".strip())
    _line("os", found.os)
    _line("cpu", f"{found.cpu} ({found.cpus} usable)" if found.cpu else "")
    _line("memory", records.size(found.memory) if found.memory else "")
    _line("gpus", ", ".join(found.gpus))
    _line("cuda", found.cuda)
    _line("packages", f"{len(found.packages)} (--json lists them)" if found.packages else "")


def _reproductions(run: RunRecord, reader: Reader) -> None:
    from madang.services.reproduce import repetitions_of

    rows = [
        [
            one.id[:8],
            one.verdict.verdict,
            "yes" if one.verdict.attestation else "no",
            one.user,
            records.moment(one.created_at),
        ]
        for one in repetitions_of(reader, run)
        if one.verdict is not None
    ]
    _table("Reproduced", ["RUN", "VERDICT", "SIGNED", "BY", "AT"], rows)


def _outcome(run: RunRecord) -> None:
    if run.verdict is not None:
        click.echo("\nReproduction")
        _line("of", run.verdict.of)
        _line("verdict", run.verdict.verdict)
        is_signed = bool(run.verdict.attestation)
        _line("signed", f"yes; `madang verify {run.id[:8]}` checks it" if is_signed else "no")
        if run.verdict.first_difference:
            _line("first", ", ".join(f"{key} {value}" for key, value in run.verdict.first_difference.items()))
    for item in run.alerts:
        click.echo(
            f"\n{item.level}: {output.printable(item.title)}"
            + (f"\n  {output.printable(item.text[:500])}" if item.text else "")
        )
    if run.error is not None:
        click.echo(f"\n{run.error.type}: {output.printable(run.error.message)}")
        if run.error.traceback:
            for line in run.error.traceback.rstrip().splitlines():
                click.echo(output.printable(line))
    if run.signal:
        click.echo(f"\nkilled by signal {run.signal}")
    for text in not_whole(run):
        click.echo(f"\n{output.printable(text)}")
