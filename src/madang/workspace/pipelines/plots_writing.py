"""Plots as files: a page that needs nothing from elsewhere, and the pictures that it shows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from madang.durable import write_file
from madang.errors import MadangError
from madang.formats import plots_page, plots_templates
from madang.formats.plots_page import Chart
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.plots import Picture, Plot, template

_LONGEST = 200  # bytes of a file name


def write_pictures(plot: Plot, folder: str) -> list[str]:
    """Write the pictures of a plot below a folder, which is made. Returns their absolute paths."""
    found = []
    for picture in plot.pictures:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(os.path.abspath(folder), _name(picture))
        write_file(path, picture.body)
        found.append(path)
    return found


def _name(picture: Picture) -> str:
    """As dvc names it; with a mark where that could be another picture's name, or is too long."""
    plain = f"{picture.revision}_{picture.file}"
    name = plain.replace(os.sep, "_").replace("/", "_")
    if len(os.fsencode(name)) <= _LONGEST and "_" not in picture.file:
        return name
    mark = blake2b(os.fsencode(plain), digest_size=4).hexdigest()
    stem, ending = os.path.splitext(name)
    if len(os.fsencode(name)) > _LONGEST:
        stem = os.fsencode(stem)[: _LONGEST - 20].decode("utf-8", "ignore")
    elif "/" not in picture.file and "/" not in picture.revision:
        return name
    return f"{stem}.{mark}{ending}"


def write_page(
    repository: Repository,
    plots: Sequence[Plot],
    folder: str,
    notes: Mapping[str, Sequence[str]] | None = None,
    own_page: str | None = None,
) -> str:
    """Write ``index.html`` and its pictures below a folder, which is made. Returns the page's absolute path.

    ``notes`` are sentences that stand below plots, by their names. ``own_page`` is the text of somebody's own page.

    Raises:
        InvalidInput: the page has no place for plots.
    """
    where = os.path.abspath(folder)
    charts = [
        _chart(repository, plot, write_pictures(plot, os.path.join(where, "static")), where, notes or {})
        for plot in sorted(plots, key=_order)
    ]
    text = plots_page.page(charts, own_page)
    os.makedirs(where, exist_ok=True)
    path = os.path.join(where, "index.html")
    write_file(path, text.encode("utf-8", "surrogateescape"))
    return path


def _order(plot: Plot) -> tuple[bool, str, int, str]:
    """Pictures last, and those that are numbered in the order of their numbers."""
    if not plot.is_image:
        return (False, "", 0, "")
    folder, name = os.path.split(plot.name)
    number = os.path.splitext(name)[0]
    return (True, folder, int(number) if number.isdecimal() else -1, name)


def _chart(
    repository: Repository, plot: Plot, pictures: Sequence[str], folder: str, notes: Mapping[str, Sequence[str]]
) -> Chart:
    said = list(notes.get(plot.name, ()))
    if plot.is_image:
        sources = [os.path.relpath(path, folder).replace(os.sep, "/") for path in pictures]
        images = list(zip((one.revision for one in plot.pictures), sources, strict=True))
        return Chart(plot.title, images=images, notes=said)
    spec: plots_templates.Spec = {}
    try:
        found = template(repository, plot.template)
        spec = {} if found is plots_templates.TEMPLATES.get(plot.template) else found
    except MadangError as error:
        said.append(error.message)
    return Chart(plot.title, plot.template, spec, plot.rows, plot.properties, plot.revisions, notes=said)
