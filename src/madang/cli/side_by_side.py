"""What `params diff`, `metrics` and `plots diff` share: their targets, and tables of values as dvc prints them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli import output
from madang.cli.data_command import DataCommand

if TYPE_CHECKING:
    from madang.errors import MadangError
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.pipelines.values import Change, Values

F = TypeVar("F", bound=Callable[..., Any])
_NOTHING = "-"
PRECISION = 5

unchanged_option = click.option("--all", "unchanged", is_flag=True, help="Also what did not change.")
precision_option = click.option(
    "--precision", type=int, metavar="N", help=f"Digits behind the point [default: {PRECISION}]."
)


def change_options(function: F) -> F:
    """The options that say how changes are printed."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form."),
        click.option("--md", "as_markdown", is_flag=True, help="Print a table in Markdown."),
        click.option("--no-path", is_flag=True, help="Leave out the paths."),
    )
    for option in reversed(options):
        function = option(function)
    return function


class TargetsCommand(DataCommand):
    """Takes every word after ``--targets`` up to the next option as one more target, as dvc does."""

    spread = ("--targets",)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        found: list[str] = []
        option = ""
        for word in args:
            if word in self.spread:
                option = word
            elif word.startswith("-") and word != "-":
                option = ""
                found.append(word)
            else:
                found.extend([option, word] if option else [word])
        return super().parse_args(ctx, found)


def from_here(repo: Repository, path: str) -> str:
    """A path relative to the repository's root as it is called from the present folder."""
    return os.path.relpath(os.path.join(repo.root, path))


def tell_errors(found: Mapping[str, Values]) -> None:
    """Say on standard error what could not be read, by revision."""
    for name, values in found.items():
        where = f" in {name}" if name else ""
        errors = [*values.errors.values(), *([values.error] if values.error is not None else [])]
        for error in errors:
            output.note(f"warning: not read{where}: {error.message}" + (f" {error.hint}" if error.hint else ""))


def encoded(error: MadangError, path: str = "") -> dict[str, str]:
    """An error in a ``--json`` answer, under the name that dvc has for it."""
    name = "FileNotFoundError"
    if error.code == "invalid-input":
        kind = os.path.splitext(path)[1].lower()
        known = {".json": "JSON", ".toml": "TOML", ".py": "Python"}
        name = f"{known.get(kind, 'YAML')}FileCorruptedError" if path else "YAMLValidationError"
    return {"type": name, "msg": error.message}


def cell(value: Any, precision: int | None) -> str:
    """A value in a table, floats rounded to so many digits behind the point."""
    return _NOTHING if value is None else str(_rounded(value, precision))


def _rounded(value: Any, precision: int | None) -> Any:
    if isinstance(value, float) and precision:
        return round(value, precision)
    if isinstance(value, Mapping):
        return {key: _rounded(item, precision) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item, precision) for item in value]
    return value


def print_changes(
    changes: Mapping[str, Mapping[str, Change]],
    title: str,
    revisions: tuple[str, str],
    *,
    as_markdown: bool,
    no_path: bool,
    with_difference: bool = False,
    precision: int | None = None,
) -> None:
    """A table of changes: path, key, both values and, of metrics, their difference."""
    headers = ["Path", title, *revisions, *(["Change"] if with_difference else [])]
    rows = [
        [
            path,
            key,
            *(cell(change.get(name), precision) for name in ("old", "new", *(["diff"] if with_difference else []))),
        ]
        for path, entries in changes.items()
        for key, change in entries.items()
    ]
    if no_path:
        headers, rows = headers[1:], [row[1:] for row in rows]
    output.dvc_table(headers, rows, as_markdown=as_markdown)
