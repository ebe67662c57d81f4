"""A server of MLflow's (1.x to 3.x, or whatever speaks its REST API), read through the calls of its client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from madang.domain.events import Dataset
from madang.domain.foreign import Experiment, LeftOut, Model, Point, Run, StoredFile, Version
from madang.domain.runs import LOGGED_MODEL, TRACE
from madang.errors import CorruptData, MadangError, NotFound, Unavailable
from madang.formats.mlflow.traces import IN_STORE, SPANS_PLACE
from madang.formats.mlflow.words import MODEL_STATUSES, NAME, NOTE, PARENT, STAGES, STATUSES, run_id
from madang.workspace.moving.mlflow_traces import spans_of_answer, trace_of_answer
from madang.workspace.moving.origins import Origins, model_in, of_metrics
from madang.workspace.moving.places import PIECE, Places
from madang.workspace.moving.rest import API, Rest, quoted

_THREADS = 8
_RUNS, _POINTS, _MODELS = 200, 25_000, 100  # of one answer
_TRACES, _SPANS_FILE = "api/3.0/mlflow/traces", "traces.json"
_PROXY = "api/2.0/mlflow-artifacts/artifacts"


class MlflowServer:
    """A server as a `domain.foreign.Source`."""

    def __init__(self, address: str, env: Mapping[str, str], places: Places) -> None:
        """``env`` holds MLflow's variables; ``places`` reads what the server does not give out.

        Raises:
            Unavailable, Unauthenticated: it does not answer (us).
        """
        self._rest = Rest(address, env)
        self.name = self._rest.address
        self.problems: list[LeftOut] = []
        self._places = places
        self._origins = Origins()
        self._listed: dict[str, list[StoredFile] | MadangError] = {}
        self._given: dict[str, str] = {}  # ids of logged models and runs as the server has them
        self._others: dict[str, int] = {}
        self._has_models = False  # whether it is new enough to know logged models

    def close(self) -> None:
        """See `Source.close`."""
        self._rest.close()
        self._places.close()

    def experiments(self) -> list[Experiment]:
        """See `Source.experiments`."""
        try:
            found = list(
                self._rest.pages("experiments", f"{API}/experiments/search", {"max_results": 1000, "view_type": "ALL"})
            )
        except NotFound:  # before 1.28
            found = list(self._rest.pages("experiments", f"{API}/experiments/list", {"view_type": "ALL"}, posted=False))
        return [
            Experiment(
                str(item["experiment_id"]), item["name"], _texts(item.get("tags")), _micros(item, "creation_time"),
                _micros(item, "last_update_time"), item.get("lifecycle_stage") == "deleted",
                item.get("artifact_location", ""),
            )
            for item in found
        ]  # fmt: skip

    def count(self, experiment: Experiment) -> int:
        """See `Source.count`: a server cannot be asked."""
        return 0

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """See `Source.runs`."""
        models = self._model_pages(experiment)
        try:
            first = next(models)
            self._has_models = True
        except NotFound:  # before 3.0
            first, models = [], iter(())
        with ThreadPoolExecutor(_THREADS) as pool:
            for bodies in self._run_pages(experiment):
                yield from pool.map(lambda body: self._run(body, experiment), bodies)
            for bodies in (first, *models):
                yield from pool.map(lambda body: self._logged_model(body, experiment), bodies)
            yield from self._traces(experiment)

    def _traces(self, experiment: Experiment) -> Iterator[Run]:
        """The traces of an experiment; of a server that knows only version 2 of their API they are counted."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment.id}}
        found = self._rest.pages("traces", f"{_TRACES}/search", {"locations": [place], "max_results": _RUNS})
        while True:
            try:
                info = next(found, None)
            except Unavailable:
                raise
            except MadangError:
                self._count_traces(experiment)
                return
            if info is None:
                return
            try:
                yield trace_of_answer(info, experiment)
            except CorruptData as error:
                self.problems.append(LeftOut("traces", str(info.get("trace_id")), error.message))

    def _spans(self, trace: Run) -> tuple[StoredFile, bytes] | None:
        """The spans that a server keeps beside a trace; None: they are a file of it."""
        if trace.tags.get(SPANS_PLACE) != IN_STORE:
            return None
        told = self._rest.get(f"{_TRACES}/get", trace_id=trace.name, allow_partial="true")
        return spans_of_answer(told.get("trace", {}).get("spans", ()))

    def _run_pages(self, experiment: Experiment) -> Iterator[list[Any]]:
        asked = {"experiment_ids": [experiment.id], "run_view_type": "ALL", "max_results": _RUNS}
        yield from _grouped(self._rest.pages("runs", f"{API}/runs/search", asked))

    def _model_pages(self, experiment: Experiment) -> Iterator[list[Any]]:
        asked = {"experiment_ids": [experiment.id], "max_results": _MODELS}
        yield from _grouped(self._rest.pages("models", f"{API}/logged-models/search", asked))

    def _run(self, body: dict[str, Any], experiment: Experiment) -> Run:
        info, data, inputs = body["info"], body.get("data", {}), body.get("inputs", {})
        given = info.get("run_id") or info["run_uuid"]
        if self._has_models:  # lists leave out which models a run has read
            inputs = self._rest.get(f"{API}/runs/get", run_id=given).get("run", {}).get("inputs", {})
        tags = _texts(data.get("tags"))
        outputs = body.get("outputs", {}).get("model_outputs", ())
        made = Run(
            run_id(given),
            experiment.id,
            name=info.get("run_name") or tags.get(NAME, ""),
            status=STATUSES.get(str(info.get("status", "")), "running"),
            started_at=_micros(info, "start_time"),
            ended_at=_micros(info, "end_time"),
            user=info.get("user_id", ""),
            is_deleted=info.get("lifecycle_stage") == "deleted",
            parent=tags.get(PARENT, ""),
            notes=tags.get(NOTE, ""),
            params=_texts(data.get("params")),
            tags=tags,
            metrics={item["key"]: self._history(given, item["key"]) for item in data.get("metrics", ())},
            datasets=[_dataset(item) for item in inputs.get("dataset_inputs", ())],
            inputs=[item["model_id"] for item in inputs.get("model_inputs", ())],
            outputs={item["model_id"]: int(item.get("step") or 0) for item in outputs},
            location=info.get("artifact_uri", ""),
        )
        self._know(made, given)
        return made

    def _history(self, run: str, key: str) -> list[Point]:
        asked = {"run_id": run, "run_uuid": run, "metric_key": key, "max_results": _POINTS}
        pages = self._rest.pages("metrics", f"{API}/metrics/get-history", asked, posted=False)
        return [_point(item) for item in pages]

    def _logged_model(self, body: dict[str, Any], experiment: Experiment) -> Run:
        info, data = body["info"], body.get("data", {})
        given = info["model_id"]
        metrics: dict[str, list[Point]] = {}
        tags = _texts(info.get("tags"))
        told = []
        for item in data.get("metrics", ()):
            metrics.setdefault(item["key"], []).append(_point(item))
            origin = (item.get(name, "") for name in ("run_id", "dataset_name", "dataset_digest"))
            told.append((item["key"], "\n".join(origin)))
        tags |= of_metrics(given, told, self.problems)
        made = Run(
            run_id(given),
            experiment.id,
            name=info.get("name", ""),
            status=MODEL_STATUSES.get(str(info.get("status", "")), "running"),
            started_at=_micros(info, "creation_timestamp_ms"),
            parent=info.get("source_run_id", ""),
            job_type=LOGGED_MODEL,
            group=info.get("model_type", ""),
            params=_texts(data.get("params")),
            tags=tags,
            metrics=metrics,
            location=info.get("artifact_uri", ""),
        )
        self._know(made, given)
        return made

    def _know(self, run: Run, given: str) -> None:
        self._given[run.id] = given
        self._origins.add(run)
        try:
            self._listed[run.id] = list(self._list(run, ""))
        except MadangError as error:  # told when somebody asks for the files
            self._listed[run.id] = error

    def _list(self, run: Run, folder: str) -> Iterator[StoredFile]:
        given = self._given[run.id]
        if run.job_type:
            call = f"{API}/logged-models/{given}/artifacts/directories"
            body = self._rest.get(call, artifact_directory_path=folder or None)
        else:
            body = self._rest.get(f"{API}/artifacts/list", run_id=given, run_uuid=given, path=folder or None)
        for item in body.get("files", ()):
            if item.get("is_dir") and item["path"].startswith(f"{folder}/" if folder else ""):
                yield from self._list(run, item["path"])
            elif not item.get("is_dir"):
                yield StoredFile(item["path"], int(item.get("file_size") or 0))

    def files(self, run: Run) -> Sequence[StoredFile]:
        """See `Source.files`."""
        if run.job_type == TRACE:
            spans = self._spans(run)
            return [spans[0] if spans else StoredFile(_SPANS_FILE, -1)]
        found = self._listed.pop(run.id, None)
        if found is None or (isinstance(found, MadangError) and not isinstance(found, Unavailable)):
            return self._places.files(run, "", self.problems)
        if isinstance(found, MadangError):
            raise found
        return found

    @contextmanager
    def open(self, run: Run, path: str) -> Iterator[Iterator[bytes]]:
        """See `Source.open`."""
        if run.job_type == TRACE and path != _SPANS_FILE:
            spans = self._spans(run)
            yield iter([spans[1]] if spans else [])
            return
        given = self._given.get(run.id)
        parts = urlsplit(run.location)
        if given is None and (run.job_type != TRACE or parts.scheme != "mlflow-artifacts"):
            with self._places.open(run, "", path) as pieces:
                yield pieces
            return
        if parts.scheme == "mlflow-artifacts":
            address = f"{_PROXY}/{quoted(parts.path.strip('/') + '/' + path)}"
        elif run.job_type:
            query = urlencode({"artifact_file_path": path})
            address = f"ajax-{API}/logged-models/{given}/artifacts/files?{query}"
        else:
            address = f"get-artifact?{urlencode({'path': path, 'run_uuid': given, 'run_id': given})}"
        with self._rest.stream(address) as file:
            yield iter(lambda: file.read(PIECE), b"")

    def models(self) -> list[Model]:
        """See `Source.models`."""
        asked = {"max_results": _MODELS}
        return [
            self._model(body)
            for body in self._rest.pages("registered_models", f"{API}/registered-models/search", asked, posted=False)
        ]

    def _model(self, body: dict[str, Any]) -> Model:
        name = body["name"]
        quote = '"' if "'" in name else "'"
        asked = {"filter": f"name={quote}{name}{quote}", "max_results": _MODELS}
        found = self._rest.pages("model_versions", f"{API}/model-versions/search", asked, posted=False)
        versions = sorted((_version(item) for item in found), key=lambda item: item.number)
        aliases = {item["alias"]: int(item["version"]) for item in body.get("aliases", ())}
        return Model(
            name, body.get("description", ""), _texts(body.get("tags")), aliases, tuple(versions),
            _micros(body, "creation_timestamp"), _micros(body, "last_updated_timestamp"),
        )  # fmt: skip

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """See `Source.version_files`."""
        found = self._origins.find(version)
        if found is not None:
            return found
        query = {"name": model.name, "version": str(version.number)}
        try:
            place = self._rest.get(f"{API}/model-versions/get-download-uri", **query).get("artifact_uri", "")
        except NotFound:
            return None
        return self._origins.find(Version(version.number, source=place)) if place else None

    def _count_traces(self, experiment: Experiment) -> None:
        asked = {"experiment_ids": experiment.id, "max_results": 500}
        try:
            count = sum(1 for _ in self._rest.pages("traces", f"{API}/traces", asked, posted=False))
        except MadangError:  # most servers have none, and old ones no such call
            return
        self._others["traces"] = self._others.get("traces", 0) + count

    def others(self) -> dict[str, int]:
        """See `Source.others`: only what a client may ask for is known."""
        return {name: count for name, count in self._others.items() if count}


def _grouped(bodies: Iterator[dict[str, Any]]) -> Iterator[list[Any]]:
    some: list[Any] = []
    for body in bodies:
        some.append(body)
        if len(some) >= _THREADS * 4:
            yield some
            some = []
    yield some


def _texts(items: Any) -> dict[str, str]:
    return {item["key"]: item.get("value", "") for item in items or () if isinstance(item, dict) and "key" in item}


def _micros(body: Mapping[str, Any], name: str) -> int:
    return int(body.get(name) or 0) * 1000


def _point(item: Mapping[str, Any]) -> Point:
    return int(item.get("step") or 0), int(item.get("timestamp") or 0) * 1000, float(item.get("value", "nan"))


def _dataset(item: Mapping[str, Any]) -> Dataset:
    told = item.get("dataset", {})
    texts = {name: told.get(name, "") for name in ("name", "digest", "source_type", "source", "schema", "profile")}
    return Dataset(**texts, tags=_texts(item.get("tags")))


def _version(body: Mapping[str, Any]) -> Version:
    source = body.get("source", "")
    return Version(
        int(body["version"]), source, "", body.get("run_id", ""), body.get("model_id", "") or model_in(source),
        body.get("run_link", ""), STAGES.get(body.get("current_stage", "").lower(), ""), body.get("status", "READY"),
        body.get("description", ""), body.get("user_id", ""), _texts(body.get("tags")),
        _micros(body, "creation_timestamp"), _micros(body, "last_updated_timestamp"),
    )  # fmt: skip
