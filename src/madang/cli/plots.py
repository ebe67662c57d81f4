"""`madang plots`: plots of pipelines."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, repository
from madang.cli.main import LazyGroup
from madang.cli.side_by_side import TargetsCommand, encoded
from madang.errors import UsageError

if TYPE_CHECKING:
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.pipelines.plots import Failure, Plot

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "show": ("madang.cli.plots:show", "Draw the plots of the workspace."),
    "diff": ("madang.cli.plots:diff", "Draw the plots of several revisions over each other."),
    "modify": ("madang.cli.plots:modify", "Change how a plot of a stage is drawn."),
    "templates": ("madang.cli.plots:templates", "List the built-in templates, or print one."),
}
_PROPERTIES = ("template", "x", "y", "title", "x_label", "y_label")
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(cls=LazyGroup, table=COMMANDS)
def plots() -> None:
    """Draw plots of pipelines, and compare them.

    \b
    Examples:
      madang plots show
      madang plots diff v1 v2 --open
    """


class _DiffCommand(TargetsCommand):
    failure_code = 1


class _ShowCommand(DataCommand):
    failure_code = 1


class _ModifyCommand(TargetsCommand):
    spread = ("--unset",)


def _drawing_options(command: _Command) -> _Command:
    """How plots are drawn; what stands in dvc.yaml gives way."""
    for option in reversed(
        (
            click.option("-t", "--template", metavar="NAME", help="A built-in template, or a file of Vega-Lite."),
            click.option("-x", metavar="FIELD", help="The field along x."),
            click.option("-y", metavar="FIELD", help="The field along y."),
            click.option("--no-header", is_flag=True, help="CSV and TSV have no names in their first line."),
            click.option("--title", metavar="TEXT", help="The title."),
            click.option("--x-label", metavar="TEXT", help="What is written along x."),
            click.option("--y-label", metavar="TEXT", help="What is written along y."),
        )
    ):
        command = option(command)
    return command


def _page_options(command: _Command) -> _Command:
    """Where plots go, and in which form."""
    for option in reversed(
        (
            click.option("-o", "--out", metavar="FOLDER", help="Where the page is written [default: dvc_plots]."),
            click.option("--show-vega", is_flag=True, help="Print the Vega-Lite specification of one target instead."),
            click.option("--json", "as_json", is_flag=True, help="Print specifications as JSON, in dvc's form."),
            click.option("--split", is_flag=True, hidden=True),
            click.option("--open", "opens", is_flag=True, help="Open the page in the browser."),
            click.option("--html-template", metavar="FILE", help="A page of your own, with {plot_divs} in it."),
        )
    ):
        command = option(command)
    return command


@click.command(cls=_ShowCommand)
@click.argument("targets", nargs=-1)
@_drawing_options
@_page_options
def show(targets: tuple[str, ...], **options: Any) -> None:
    """Draw plots that stages and `plots` of dvc.yaml name, or the named files, on a page that needs no network.

    \b
    Examples:
      madang plots show
      madang plots show logs/loss.csv -x step -y loss --open
      madang plots show predictions.csv -t confusion -x actual -y predicted -o report
    """
    from madang.workspace.pipelines.plots import collect

    def read(repo: Repository) -> tuple[list[Plot], list[Failure]]:
        return collect(repo, targets=targets, properties=_properties(options))

    _answer(read, targets, options)


@click.command(cls=_DiffCommand)
@click.argument("revisions", nargs=-1)
@click.option("--targets", multiple=True, metavar="PATH...", help="Only these files or names of plots.")
@click.option("-e", "--experiment", is_flag=True, hidden=True)
@_drawing_options
@_page_options
def diff(revisions: tuple[str, ...], targets: tuple[str, ...], experiment: bool, **options: Any) -> None:
    """Draw the plots of several revisions over each other; of one, or none, beside those of the workspace.

    \b
    Examples:
      madang plots diff
      madang plots diff v1 v2 main --open
      madang plots diff HEAD~1 --targets logs/loss.csv --json
    """
    from madang.workspace.pipelines.plots import diff as collect

    def read(repo: Repository) -> tuple[list[Plot], list[Failure]]:
        return collect(repo, revisions, targets, _properties(options))

    _answer(read, targets, options)


def _properties(options: dict[str, Any]) -> dict[str, Any]:
    """Only what the user said."""
    found = {name: options[name] for name in _PROPERTIES if options[name] is not None}
    return {**found, "header": False} if options["no_header"] else found


def _answer(
    read: Callable[[Repository], tuple[list[Plot], list[Failure]]], targets: Sequence[str], options: dict[str, Any]
) -> None:
    from madang.workspace.pipelines.plots import template

    if options["show_vega"]:
        _check_one(targets, options["as_json"])
    with repository(must_be_made=False) as repo:
        if options["template"]:
            template(repo, options["template"])  # one that the user names has to be there
        found, failures = read(repo)
        for failure in failures:
            output.note(f"warning: {_where(failure)}{failure.error.message}")
        if options["show_vega"]:
            _print_vega(repo, found)
            return
        folder = options["out"] or repo.settings.sections.get("plots", {}).get("out_dir") or "dvc_plots"
        if options["as_json"]:
            output.data(_value(repo, found, failures, folder, split=options["split"]))
            return
        if not found:
            output.note("There are no plots, so no page is written.")
            return
        path = _write(repo, found, failures, folder, _own_template(repo, options["html_template"]))
        click.echo(_uri(path))
        if options["opens"] or repo.settings.is_true("plots", "auto_open"):
            click.launch(_uri(path))


def _check_one(targets: Sequence[str], as_json: bool) -> None:
    if len(targets) != 1 or as_json:
        failure = UsageError("--show-vega takes exactly one target, and no --json.", hint="Name one plot.")
        failure.exit_code = 1
        raise failure


def _where(failure: Failure) -> str:
    parts = filter(None, (failure.plot, failure.revision, failure.file if failure.file != failure.plot else ""))
    return f"{', '.join(parts)}: "


def _print_vega(repo: Repository, found: list[Plot]) -> None:
    from madang.workspace.pipelines.plots import specification

    for plot in found:
        if not plot.is_image:
            output.data(specification(repo, plot)[0])
            return


def _value(repo: Repository, found: list[Plot], failures: list[Failure], folder: str, *, split: bool) -> dict[str, Any]:
    from madang.workspace.pipelines.plots import specification
    from madang.workspace.pipelines.plots_writing import write_pictures

    data: dict[str, list[dict[str, Any]]] = {}
    for plot in found:
        if plot.is_image:
            places = write_pictures(plot, folder)
            data[plot.name] = [
                {"type": "image", "revisions": [one.revision], "url": place}
                for one, place in zip(plot.pictures, places, strict=True)
            ]
            continue
        data[plot.name] = []
        if plot.rows:
            content, beside = specification(repo, plot, split=split)
            definitions = {"anchor_definitions": beside} if split else {}
            data[plot.name].append({"type": "vega", "revisions": plot.revisions, "content": content, **definitions})
    errors = [_error(failure) for failure in failures]
    return {**({"errors": errors} if errors else {}), **({"data": data} if data else {})}


def _error(failure: Failure) -> dict[str, Any]:
    named = {"name": failure.plot} if failure.plot else {}
    source = {"source": failure.file} if failure.file else {}
    value = encoded(failure.error, failure.file)
    if failure.plot and not failure.file:
        value["type"] = "FieldNotFoundError"
    return {**named, "rev": failure.revision, **source, **value}


def _own_template(repo: Repository, given: str | None) -> str | None:
    name = given or repo.settings.sections.get("plots", {}).get("html_template")
    if not name:
        return None
    path = name if given else os.path.join(repo.dvc_dir, name)
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _write(repo: Repository, found: list[Plot], failures: list[Failure], folder: str, own_template: str | None) -> str:
    from madang.workspace.pipelines.plots_writing import write_page

    notes: dict[str, list[str]] = {}
    for failure in failures:
        where = f"{failure.revision}, {failure.file}" if failure.file != failure.plot else failure.revision
        notes.setdefault(failure.plot, []).append(f"{where}: {failure.error.message}")
    return write_page(repo, found, folder, notes, own_template)


def _uri(path: str) -> str:
    from urllib.request import pathname2url

    return f"file://{pathname2url(path)}"


@click.command(cls=_ModifyCommand)
@click.argument("target", type=click.Path())
@_drawing_options
@click.option("--unset", multiple=True, metavar="PROPERTY...", help="Take out these properties.")
def modify(target: str, unset: tuple[str, ...], **options: Any) -> None:
    """Write into dvc.yaml how a plot of a stage is drawn; an output that is no plot becomes one.

    \b
    Examples:
      madang plots modify logs/loss.csv -x step -y loss --title "Loss"
      madang plots modify confusion.csv --template confusion
      madang plots modify logs/loss.csv --unset x title
    """
    from madang.workspace.pipelines.plots_changing import modify as change

    with repository() as repo:
        change(repo, target, _properties(options), unset)


@click.command(cls=_ShowCommand)
@click.argument("template", required=False)
def templates(template: str | None) -> None:
    """List the built-in templates of plots, or print the Vega-Lite specification of one.

    \b
    Examples:
      madang plots templates
      madang plots templates confusion > .dvc/plots/mine.json
    """
    from madang.errors import InvalidInput
    from madang.formats.plots_templates import TEMPLATES

    if template is None:
        for name in TEMPLATES:
            click.echo(name)
        return
    if template not in TEMPLATES:
        raise InvalidInput(f"There is no template {template!r}.", hint=f"There are {', '.join(TEMPLATES)}.")
    output.data(TEMPLATES[template])
