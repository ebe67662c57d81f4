"""What a workload hands back: a table of absolute figures, and the checks of ratios against their bounds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """One figure held against its bound. ``at_most`` says which side is good."""

    what: str
    value: float
    bound: float
    at_most: bool = True
    unit: str = "×"

    @property
    def passed(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def line(self) -> str:
        sign = "≤" if self.at_most else "≥"
        mark = "pass" if self.passed else "FAIL"
        return f"  [{mark}] {self.what}: {number(self.value)}{self.unit} ({sign} {number(self.bound)}{self.unit})"


@dataclass
class Table:
    """The figures of one workload."""

    title: str
    head: str  # the columns, parted by |
    rows: list[list[str]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def row(self, *cells: object) -> None:
        self.rows.append([cell if isinstance(cell, str) else number(cell) for cell in cells])

    def text(self) -> str:
        lines = [[cell.strip() for cell in self.head.split("|")], *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        out = ["", f"## {self.title}", ""]
        for position, line in enumerate(lines):
            first, *rest = zip(line, widths, strict=True)
            out.append("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]).rstrip())
            if position == 0:
                out.append("  ".join("-" * width for width in widths))
        out.extend(["", *(check.line() for check in self.checks), *(f"  note: {note}" for note in self.notes)])
        return "\n".join(out)

    def markdown(self) -> str:
        head = [cell.strip() for cell in self.head.split("|")]
        rows = [row + [""] * (len(head) - len(row)) for row in self.rows]
        lines = [
            f"### {self.title}",
            "",
            _line(head),
            _line(["---", *["--:"] * (len(head) - 1)]),
            *map(_line, rows),
            "",
        ]
        lines.extend(f"- {check.line().strip()}" for check in self.checks)
        lines.extend(f"- {note}" for note in self.notes)
        return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: object) -> str:
    """A figure with three significant digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-" if value is None else str(value)
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def to_json(results: dict[str, list[Table]], machine: dict[str, Any]) -> str:
    """All tables, raw figures and verdicts as JSON."""
    made = {
        name: [asdict(table) | {"passed": [check.passed for check in table.checks]} for table in tables]
        for name, tables in results.items()
    }
    return json.dumps({"machine": machine, "workloads": made}, indent=1, ensure_ascii=False, default=str)
