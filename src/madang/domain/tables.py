"""How two versions of a tabular file differ."""

from __future__ import annotations

from dataclasses import field

from madang.domain.values import value


@value
class CellChange:
    """A changed value: in the row with this key, in this column."""

    key: str
    column: str
    old: str
    new: str


@value
class TableChange:
    """How two versions of a table differ. ``key`` is the column by which rows were matched; empty: whole rows."""

    rows: tuple[int, int]  # before, after
    columns_added: list[str] = field(default_factory=list)
    columns_removed: list[str] = field(default_factory=list)
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    key: str = ""
    cells_changed: dict[str, int] = field(default_factory=dict)  # by column; of the first 100,000 changed rows
    examples: list[CellChange] = field(default_factory=list)  # the first few of them
