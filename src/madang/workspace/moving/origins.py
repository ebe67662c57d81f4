"""Whose files the source of a model version means: a run's or a logged model's, and which folder of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from madang.domain.foreign import LeftOut, Run, Version
from madang.formats.mlflow.words import METRIC_ORIGIN, run_id

_RUN = re.compile(r"(?:^|/)(?P<run>(?:models/m-)?[0-9a-f]{32})/artifacts(?:/(?P<path>.*))?\Z")
_MODEL = re.compile(r"/*(m-[0-9a-f]{32})/*\Z")


class Origins:
    """The runs and logged models that were met, by where their files are."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._places: dict[str, Run] = {}

    def add(self, run: Run, *more: str) -> None:
        """Know a run, also by ``more`` places at which its files may be."""
        plain = Run(run.id, run.experiment, job_type=run.job_type, location=run.location)
        self._runs[run.id] = plain
        for place in (run.location, *more):
            if place:
                self._places[_plain(place)] = plain

    def find(self, version: Version) -> tuple[Run, str] | None:
        """The run whose files a version's are, and their folder among them; None: none that was met."""
        for address in (version.source, version.location):
            found = self._find(address) if address else None
            if found is not None:
                return found
        run = self._runs.get(run_id(version.model)) if version.model else None
        return (run, "") if run is not None else None

    def _find(self, address: str) -> tuple[Run, str] | None:
        parts = urlsplit(address)
        path = unquote(parts.path)
        if parts.scheme == "runs":
            run, _, folder = path.lstrip("/").partition("/")
            return self._known(run_id(run), folder)
        if parts.scheme == "models":
            model = _MODEL.match(path)
            return self._known(run_id(model[1]), "") if model else None
        place = _plain(address)
        inside = ""
        while place and place != "/":
            if place in self._places:
                return self._places[place], inside
            place, _, name = place.rpartition("/")
            inside = f"{name}/{inside}" if inside else name
        found = _RUN.search(path.rstrip("/"))
        return self._known(run_id(found["run"].removeprefix("models/")), found["path"] or "") if found else None

    def _known(self, run: str, folder: str) -> tuple[Run, str] | None:
        found = self._runs.get(run)
        folder = folder.strip("/")
        return (found, folder) if found is not None and ".." not in folder.split("/") else None


def of_metrics(model: str, found: Iterable[tuple[str, str]], problems: list[LeftOut]) -> dict[str, str]:
    """The tags that say of which run and data set each metric of a logged model is; one has room for the last alone.

    ``found`` are keys, and run, name and digest of a data set with line breaks between.
    """
    known: dict[str, dict[str, None]] = {}
    for key, origin in found:
        known.setdefault(key, {})[origin] = None
    for key, origins in known.items():
        if len(origins) > 1:
            reason = f"it is of {len(origins)} runs or data sets; only the last is named here"
            problems.append(LeftOut("origins of metrics", f"{model}: {key}", reason))
    return {f"{METRIC_ORIGIN}{key}": list(origins)[-1] for key, origins in known.items()}


def model_in(source: str) -> str:
    """The id of the logged model that an address means; empty for another one."""
    found = _MODEL.match(source.removeprefix("models:"))
    return found[1] if found and source.startswith("models:") else ""


def _plain(address: str) -> str:
    """An address or path in one form."""
    parts = urlsplit(address)
    path = os.path.normpath(unquote(parts.path) if parts.scheme else address)
    return path if parts.scheme in ("", "file") else f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"
