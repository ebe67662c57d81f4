"""How the report of an import or export is shown: as a table with what is missing, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from madang.domain.fidelity import Report
    from madang.domain.foreign import LeftOut

_SHOWN = 20  # things left out that are told one by one
_HASH = 12  # hex digits of a hash in the table


def show(report: Report, as_json: bool) -> int:
    """Print a report; the exit code that it means: 1 when something is missing."""
    if as_json:
        output.data(body(report))
    else:
        _print(report)
    return 0 if report.ok else 1


def body(report: Report) -> dict[str, Any]:
    """A report as JSON has it."""
    kinds = [
        {
            "kind": kind,
            "source": report.there.counts.get(kind, 0),
            "target": report.here.counts.get(kind, 0),
            "source_hash": report.there.digest(kind),
            "target_hash": report.here.digest(kind),
            "same": report.is_same(kind),
        }
        for kind in report.kinds
    ]
    return {
        "source": report.source,
        "target": report.target,
        "dry": report.dry,
        "ok": report.ok,
        "same": report.same,
        "kinds": kinds,
        "new": report.new,
        "changed": [_item(item) for item in report.changed],
        "left_out": [_item(item) for item in report.left_out],
    }


def _item(item: LeftOut) -> dict[str, str]:
    return {"kind": item.kind, "name": item.name, "reason": item.reason}


def _print(report: Report) -> None:
    there, here = report.there, report.here
    if report.dry:
        rows = [[kind, f"{there.counts.get(kind, 0):,}"] for kind in report.kinds]
        output.table(["kind", "in the source"], rows, right=frozenset({1}))
    else:
        rows = [
            [
                kind,
                f"{there.counts.get(kind, 0):,}",
                f"{here.counts.get(kind, 0):,}",
                there.digest(kind)[:_HASH],
                here.digest(kind)[:_HASH],
                "same" if report.is_same(kind) else "DIFFERS",
            ]
            for kind in report.kinds
        ]
        output.table(["kind", "source", "target", "hash", "hash", ""], rows, right=frozenset({1, 2}))
    new = ", ".join(f"{count:,} {kind}" for kind, count in report.new.items())
    click.echo(f"{'Would be new' if report.dry else 'New'}: {new or 'nothing'}.")
    _list("Changed on the way", report.changed)
    _list("Not carried", report.left_out)


def _list(title: str, items: Sequence[LeftOut]) -> None:
    if not items:
        return
    output.note(f"{title}:")
    for item in items[:_SHOWN]:
        where = f"{item.kind} {output.printable(item.name)}" if item.name else item.kind
        output.note(f"  {where}: {output.printable(item.reason)}")
    if len(items) > _SHOWN:
        output.note(f"  … and {len(items) - _SHOWN} more; --json lists all")
