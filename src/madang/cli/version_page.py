"""Versions of artifacts on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import click

from madang.cli import output, records
from madang.domain.versions import Entry, PointerChange, VersionRecord

_MANY = 50


def print_versions(versions: Sequence[VersionRecord], changes: Sequence[PointerChange] = ()) -> None:
    """All versions of a name, newest first, then the moves of its pointers."""
    head = versions[0]
    click.echo(f"{head.name}  ({head.type} in {head.project})")
    rows = [
        [
            f"v{version.number}",
            ", ".join(version.aliases),
            str(version.files),
            records.size(version.size),
            version.run[:8],
            records.ago(version.created_at),
            output.printable(version.description[:60]),
        ]
        for version in versions
    ]
    headers = ["VERSION", "ALIASES", "FILES", "SIZE", "RUN", "AGE", "DESCRIPTION"]
    output.table(headers, rows, right=frozenset({2, 3}))
    if changes:
        click.echo("")
        print_changes(changes)


def print_version(version: VersionRecord, entries: Sequence[Entry], readers: Sequence[str] = ()) -> None:
    """One version with its files, and the runs that used it."""
    click.echo(f"{version.ref}  ({version.type} in {version.project})")
    facts = {
        "aliases": ", ".join(version.aliases),
        "digest": version.digest,
        "size": records.size(version.size),
        "run": version.run,
        "used by": ", ".join(run[:8] for run in readers),
        "made": f"{records.moment(version.created_at)} by {version.actor}".removesuffix(" by "),
        "description": version.description,
        "tags": ", ".join(sorted(key for key, text in version.tags.items() if not text)),
        **{f"tag {key}": text for key, text in sorted(version.tags.items()) if not key.startswith("wandb.")},
        **{f"metadata {key}": records.number(value) for key, value in sorted(version.metadata.items())},
    }
    for name, text in facts.items():
        if text:
            click.echo(f"  {name:<11} {output.printable(text)}")
    click.echo("")
    rows = [[entry.path, records.size(entry.size), entry.digest[:24], entry.uri] for entry in entries[:_MANY]]
    if any(entry.uri for entry in entries):
        output.table(["PATH", "SIZE", "DIGEST", "REFERS TO"], rows, right=frozenset({1}))
    else:
        output.table(["PATH", "SIZE", "DIGEST"], [row[:3] for row in rows], right=frozenset({1}))
    if len(entries) > _MANY:
        click.echo(f"… and {len(entries) - _MANY} more (--json lists all)")


def print_changes(changes: Sequence[PointerChange]) -> None:
    """The moves of pointers, newest first."""
    rows = [
        [
            records.moment(change.at),
            change.alias,
            f"v{change.before}" if change.before is not None else "–",
            f"v{change.number}" if change.number is not None else "–",
            change.actor,
            change.reason,
        ]
        for change in changes
    ]
    output.table(["WHEN", "ALIAS", "FROM", "TO", "BY", "REASON"], rows)


def change_line(change: PointerChange) -> str:
    """One move as a sentence."""
    before = f" (was v{change.before})" if change.before is not None else ""
    if change.number is None:
        return f"{change.name}@{change.alias} taken away{before}"
    return f"{change.name}@{change.alias} → v{change.number}{before}"
