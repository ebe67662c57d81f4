"""``diff``: tracked data of two commits, or of a commit and the workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from madang.domain.tables import TableChange
from madang.domain.values import mutable
from madang.errors import ConfigError, InvalidInput, NotFound
from madang.workspace.data import progress
from madang.workspace.data.changes import tables
from madang.workspace.data.changes.differing import Differences, Entry, Present, Snapshot, compare, lacking
from madang.workspace.data.files.inside import Elsewhere
from madang.workspace.data.files.legacy import LegacyPlace
from madang.workspace.data.records.outs import Target, resolve
from madang.workspace.data.records.trees import CommitTree, commit_of
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository

WORKSPACE = "workspace"
_COLUMNS = 5  # that a sentence names


@mutable
class Diff:
    """What differs, and what the older state records and the cache lacks."""

    repository: Repository
    differences: Differences = field(default_factory=Differences)
    missing: list[Entry] = field(default_factory=list)  # only when the newer state is the workspace
    is_present: bool = False  # whether the newer state is the workspace
    unknown: list[str] = field(default_factory=list)  # names that neither state tracks: nothing was compared


def diff(
    repository: Repository,
    old: str = "HEAD",
    new: str | None = None,
    names: Sequence[str] = (),
    *,
    elsewhere: Elsewhere | None = None,
    meter: progress.Meter = progress.silent,
) -> Diff:
    """Compare a commit with another one, or (without it) with the files of the workspace.

    ``elsewhere`` is asked for the listings of folders that the cache lacks.

    Raises:
        NotFound: an unknown revision. InvalidInput: there is no git.
    """
    found = Diff(repository)
    if repository.git_root is None:
        raise InvalidInput("Commits can be compared only in a git repository.", hint="madang status needs none.")
    if git.commit(repository.git_root, "HEAD") is None:
        return found  # nothing to compare with yet
    first = commit_of(repository, old)
    second = commit_of(repository, new) if new not in (None, WORKSPACE) else None
    if first == second:
        return found
    before, known = _targets(repository, names, first)
    after, known_after = _targets(repository, names, second)
    found.unknown = [name for name in names if name not in known and name not in known_after]
    if found.unknown:
        return found
    found.is_present = second is None
    was = Snapshot(repository, before, elsewhere)
    now = Present(repository, after, meter) if found.is_present else Snapshot(repository, after, elsewhere)
    found.differences = compare(was, now, granular=True)
    if new is None:
        found.missing = lacking(repository, was, granular=True)
    return found


def _targets(repository: Repository, names: Sequence[str], commit: str | None) -> tuple[list[Target], set[str]]:
    """The tracked data of a state that is meant, and the names that are known there."""
    tree = CommitTree(repository, commit) if commit is not None else None
    if not names:
        return resolve(repository, (), tree=tree), set()
    found: list[Target] = []
    known = set()
    for name in names:
        try:
            found += resolve(repository, [name], tree=tree)
        except NotFound:
            continue
        known.add(name)
    return found, known


def table_changes(found: Diff) -> Iterator[tuple[str, str]]:
    """Of each changed table, a sentence about its rows and columns, or why they are not compared."""
    for old, new in found.differences.modified:
        if old.is_dir or new.is_dir or not tables.is_table(new.path) or old.name is None or new.name is None:
            continue
        cache = (LegacyPlace(found.repository) if old.is_legacy else found.repository).cache
        present = os.path.join(found.repository.root, new.path) if found.is_present else cache.path(new.name)
        if cache.look([old.name]).missing or not os.path.exists(present):
            continue
        try:
            yield new.path, _sentence(tables.compare(cache.path(old.name), present, new.path))
        except (InvalidInput, ConfigError) as error:
            reason = error.message.removeprefix(f"{new.path} cannot be read as a table: ")
            yield new.path, f"not compared: {reason} {error.hint}".strip()


def _sentence(change: TableChange) -> str:
    parts = [f"rows {change.rows[0]:,} -> {change.rows[1]:,}"]
    counts = ((change.rows_added, "added"), (change.rows_removed, "removed"), (change.rows_changed, "changed"))
    parts.extend(f"{count:,} {what}" for count, what in counts if count)
    if change.cells_changed:
        parts[-1] += f" ({_columns(change.cells_changed)})"
    for columns, what in ((change.columns_added, "added"), (change.columns_removed, "removed")):
        if columns:
            parts.append(f"{'column' if len(columns) == 1 else 'columns'} {', '.join(columns)} {what}")
    if len(parts) == 1:
        parts.append("no value differs, only how they are ordered or written")
    return ", ".join(parts)


def _columns(cells: Mapping[str, int]) -> str:
    """In which columns values changed, most first."""
    shown = [f"{column} in {count:,}" for column, count in list(cells.items())[:_COLUMNS]]
    return ", ".join(shown + ["…"] * (len(cells) > _COLUMNS))
