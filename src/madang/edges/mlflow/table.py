"""All routes of the edge. MLflow's page calls the same under /ajax-api as its client under /api."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from madang.domain.access import Permission
from madang.edges.mlflow import (
    artifacts,
    assessments,
    evaluation_datasets,
    experiments,
    features,
    history,
    logged_models,
    logging,
    model_versions,
    parts,
    registered_models,
    runs,
    scorers,
    trace_requests,
    trace_spans,
    traces,
    webhooks,
)
from madang.edges.mlflow.dispatch import one_slash
from madang.edges.mlflow.experiments import Tag
from madang.edges.mlflow.repetition import INSTEAD
from madang.http.routes import ADMIN, NONE, READ, WRITE, Route, RouteTable

PREFIXES = ("/api/2.0/", "/api/3.0/", "/ajax-api/2.0/", "/ajax-api/3.0/")
PLACES = ("/version", "/get-artifact", "/model-versions/get-artifact", "/v1/traces")
_BATCH, _INPUTS = 32 << 20, 64 << 20  # bytes

Handler = Callable[..., Any]
_PROMPT = (
    runs.create, runs.get, runs.update, logging.log_metric, logging.log_batch, logging.log_param, logging.set_tag,
)  # fmt: skip


def _calls() -> Iterator[tuple[str, str, Handler, Permission, Any, int]]:
    """(method, path below `mlflow/`, handler, permission, arguments, limit of the body)."""
    small = 4 << 20
    for method, path, handler, permission, body in (
        ("POST", "experiments/create", experiments.create, WRITE, experiments.CreateExperiment),
        ("GET", "experiments/get", experiments.get, READ, experiments.ExperimentId),
        ("GET", "experiments/get-by-name", experiments.get_by_name, READ, experiments.ExperimentName),
        ("GET", "experiments/search", experiments.search, READ, experiments.SearchExperiments),
        ("POST", "experiments/search", experiments.search, READ, experiments.SearchExperiments),
        ("POST", "experiments/update", experiments.update, WRITE, experiments.UpdateExperiment),
        ("POST", "experiments/delete", experiments.delete, WRITE, experiments.ExperimentId),
        ("POST", "experiments/restore", experiments.restore, WRITE, experiments.ExperimentId),
        ("POST", "experiments/set-experiment-tag", experiments.set_tag, WRITE, experiments.ExperimentTag),
        ("POST", "experiments/delete-experiment-tag", experiments.delete_tag, WRITE, experiments.ExperimentTag),
        ("POST", "experiments/search-datasets", experiments.search_datasets, READ, experiments.SearchDatasets),
        ("POST", "runs/create", runs.create, WRITE, runs.NewRun),
        ("GET", "runs/get", runs.get, READ, runs.RunId),
        ("POST", "runs/update", runs.update, WRITE, runs.UpdateRun),
        ("POST", "runs/delete", runs.delete, WRITE, runs.RunId),
        ("POST", "runs/restore", runs.restore, WRITE, runs.RunId),
        ("POST", "runs/search", runs.search, READ, runs.SearchRuns),
        ("POST", "runs/log-metric", logging.log_metric, WRITE, logging.LogMetric),
        ("POST", "runs/log-parameter", logging.log_param, WRITE, logging.LogParam),
        ("POST", "runs/set-tag", logging.set_tag, WRITE, logging.LogParam),
        ("POST", "runs/delete-tag", logging.delete_tag, WRITE, logging.LogParam),
        ("POST", "runs/outputs", logging.log_outputs, WRITE, logging.LogOutputs),
        ("POST", "runs/log-model", logging.log_model, WRITE, logging.LogModel),
        ("GET", "metrics/get-history", history.get_history, READ, history.MetricHistory),
        ("GET", "metrics/get-history-bulk", history.get_bulk, READ, history.BulkHistory),
        ("GET", "metrics/get-history-bulk-interval", history.get_interval, READ, history.IntervalHistory),
        ("POST", "logged-models", logged_models.create, WRITE, logged_models.NewModel),
        ("POST", "logged-models/search", logged_models.search, READ, logged_models.SearchModels),
        ("GET", "logged-models/{model_id}", logged_models.get, READ, logged_models.ModelQuestion),
        ("PATCH", "logged-models/{model_id}", logged_models.finalize, WRITE, logged_models.ModelStatus),
        ("DELETE", "logged-models/{model_id}", logged_models.delete, WRITE, None),
        ("PATCH", "logged-models/{model_id}/tags", logged_models.set_tags, WRITE, logged_models.ModelTags),
        ("DELETE", "logged-models/{model_id}/tags/{key...}", logged_models.delete_tag, WRITE, None),
        ("POST", "logged-models/{model_id}/params", logged_models.log_params, WRITE, logged_models.ModelTags),
        ("GET", "logged-models/{model_id}/artifacts/directories", logged_models.files, READ, logged_models.Folder),
        ("GET", "logged-models/{model_id}/artifacts/files", logged_models.file, READ, logged_models.File),
        ("GET", "artifacts/list", artifacts.list_of_run, READ, artifacts.RunListing),
        ("GET", "server-info", features.server_info, NONE, None),
        ("GET", "server-features", features.server_features, NONE, None),
    ):
        yield method, path, handler, permission, body, small
    yield "POST", "runs/log-batch", logging.log_batch, WRITE, logging.LogBatch, _BATCH
    yield "POST", "runs/log-inputs", logging.log_inputs, WRITE, logging.LogInputs, _INPUTS


def _traces() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow/`, handler, permission, arguments)."""
    yield "POST", "traces", traces.start, WRITE, trace_requests.NewTrace
    yield "GET", "traces", traces.search_old, READ, trace_requests.SearchTraces
    yield "POST", "traces/search", traces.search, READ, trace_requests.SearchTraces
    yield "GET", "traces/get", traces.get, READ, trace_requests.OneTrace
    yield "GET", "traces/batchGet", traces.get_many, READ, trace_requests.ManyTraces
    yield "POST", "traces/batchGetInfos", traces.get_infos, READ, trace_requests.ManyTraces
    yield "POST", "traces/delete-traces", traces.delete, WRITE, trace_requests.DeleteTraces
    yield "GET", "get-trace-artifact", traces.download, READ, trace_requests.TraceFile
    yield "POST", "traces/link-to-run", traces.link_to_run, WRITE, trace_requests.LinkToRun
    yield "POST", "traces/link-prompts", traces.link_prompts, WRITE, trace_requests.LinkPrompts
    yield "POST", "traces/calculate-filter-correlation", traces.correlate, READ, trace_requests.Correlation
    yield "GET", "traces/{id}", traces.get_info, READ, None
    yield "PATCH", "traces/{id}", traces.end, WRITE, trace_requests.EndTrace
    yield "GET", "traces/{id}/info", traces.get_old, READ, None
    yield "PATCH", "traces/{id}/tags", traces.set_tag, WRITE, Tag
    yield "DELETE", "traces/{id}/tags", traces.delete_tag, WRITE, Tag
    yield "POST", "traces/{id}/assessments", assessments.create, WRITE, assessments.NewAssessment
    one = "traces/{id}/assessments/{assessment}"
    yield "GET", one, assessments.get, READ, None
    yield "PATCH", one, assessments.update, WRITE, assessments.ChangedAssessment
    yield "DELETE", one, assessments.delete, WRITE, None


def _datasets() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow/`, handler, permission, arguments)."""
    sets = evaluation_datasets
    yield "POST", "datasets/create", sets.create, WRITE, sets.NewDataset
    yield "POST", "datasets/search", sets.search, READ, sets.SearchDatasets
    yield "GET", "datasets/search", sets.search, READ, sets.SearchDatasets
    yield "GET", "datasets/{id}", sets.get, READ, None
    yield "DELETE", "datasets/{id}", sets.delete, WRITE, None
    yield "PATCH", "datasets/{id}/tags", sets.set_tags, WRITE, sets.Texts
    yield "DELETE", "datasets/{id}/tags/{key...}", sets.delete_tag, WRITE, None
    yield "POST", "datasets/{id}/records", sets.upsert, WRITE, sets.Texts
    yield "GET", "datasets/{id}/records", sets.records, READ, sets.RowPage
    yield "DELETE", "datasets/{id}/records", sets.delete_records, WRITE, sets.RowIds
    yield "GET", "datasets/{id}/experiment-ids", sets.experiment_ids, READ, None
    yield "POST", "datasets/{id}/add-experiments", sets.add_experiments, WRITE, sets.Experiments
    yield "POST", "datasets/{id}/remove-experiments", sets.remove_experiments, WRITE, sets.Experiments


def _not_offered() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow/`, handler, permission, arguments)."""
    for method, path in (("POST", "traces/metrics"),):
        yield method, path, features.not_offered, READ, None


def _webhooks() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow/`, handler, permission, arguments)."""
    yield "POST", "webhooks", webhooks.create, ADMIN, webhooks.NewWebhook
    yield "GET", "webhooks", webhooks.listing, ADMIN, webhooks.WebhookPage
    yield "GET", "webhooks/{id}", webhooks.get, ADMIN, None
    yield "PATCH", "webhooks/{id}", webhooks.update, ADMIN, webhooks.ChangedWebhook
    yield "DELETE", "webhooks/{id}", webhooks.delete, ADMIN, None
    yield "POST", "webhooks/{id}/test", webhooks.test, ADMIN, webhooks.Trial


def _scorers() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow/`, handler, permission, arguments)."""
    yield "POST", "scorers/register", scorers.register, WRITE, scorers.NewScorer
    yield "GET", "scorers/list", scorers.listing, READ, scorers.ScorerList
    yield "GET", "scorers/versions", scorers.versions, READ, scorers.ScorerName
    yield "GET", "scorers/get", scorers.get, READ, scorers.ScorerName
    yield "DELETE", "scorers/delete", scorers.delete, WRITE, scorers.ScorerName
    yield "GET", "scorers/online-configs", scorers.online_configs, READ, scorers.ScorerIds
    yield "PUT", "scorers/online-config", scorers.set_online_config, WRITE, scorers.ScorerName


def _registry() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow/`, handler, permission, arguments)."""
    models, versions = registered_models, model_versions
    yield "POST", "registered-models/create", models.create, WRITE, models.NewModel
    yield "GET", "registered-models/get", models.get, READ, models.ModelName
    yield "PATCH", "registered-models/update", models.update, WRITE, models.NewModel
    yield "POST", "registered-models/rename", models.rename, WRITE, models.Renamed
    yield "DELETE", "registered-models/delete", models.delete, WRITE, models.ModelName
    yield "GET", "registered-models/search", models.search, READ, models.SearchModels
    yield "GET", "registered-models/get-latest-versions", models.latest_versions, READ, models.ModelName
    yield "POST", "registered-models/get-latest-versions", models.latest_versions, READ, models.ModelName
    yield "POST", "registered-models/set-tag", models.set_tag, WRITE, models.ModelTag
    yield "DELETE", "registered-models/delete-tag", models.delete_tag, WRITE, models.ModelTag
    yield "POST", "registered-models/alias", models.set_alias, WRITE, models.ModelAlias
    yield "DELETE", "registered-models/alias", models.delete_alias, WRITE, models.ModelAlias
    yield "GET", "registered-models/alias", models.get_by_alias, READ, models.ModelAlias
    yield "POST", "model-versions/create", versions.create, WRITE, versions.NewVersion
    yield "GET", "model-versions/get", versions.get, READ, versions.Version
    yield "PATCH", "model-versions/update", versions.update, WRITE, versions.Version
    yield "DELETE", "model-versions/delete", versions.delete, WRITE, versions.Version
    yield "GET", "model-versions/search", versions.search, READ, models.SearchModels
    yield "POST", "model-versions/transition-stage", versions.transition, WRITE, versions.Transition
    yield "GET", "model-versions/get-download-uri", versions.download_uri, READ, versions.Version
    yield "POST", "model-versions/set-tag", versions.set_tag, WRITE, versions.VersionTag
    yield "DELETE", "model-versions/delete-tag", versions.delete_tag, WRITE, versions.VersionTag


def _proxy() -> Iterator[tuple[str, str, Handler, Permission, Any]]:
    """(method, path below `mlflow-artifacts/`, handler, permission, arguments)."""
    yield "GET", "artifacts", artifacts.listing, READ, artifacts.Listing
    yield "GET", "artifacts/{path...}", artifacts.get, READ, None
    yield "PUT", "artifacts/{path...}", artifacts.put, WRITE, None
    yield "DELETE", "artifacts/{path...}", artifacts.delete, WRITE, None
    yield "POST", "mpu/create/{path...}", parts.create, WRITE, parts.NewUpload
    yield "PUT", "mpu/part/{upload}/{number}", parts.put, WRITE, None
    yield "POST", "mpu/complete/{path...}", parts.complete, WRITE, parts.Upload
    yield "POST", "mpu/abort/{path...}", parts.abort, WRITE, parts.Upload
    yield "GET", "presigned/{path...}", parts.presigned, READ, None


def _routes(*, repeats: bool) -> Iterator[Route]:
    plain = (*_traces(), *_datasets(), *_webhooks(), *_scorers(), *_not_offered())
    for prefix in PREFIXES:
        for method, path, handler, permission, body, limit in _calls():
            yield _route(method, f"{prefix}mlflow/{path}", handler, permission, body, limit)
        for method, path, handler, permission, body in _registry():
            handler = INSTEAD.get(handler, handler) if repeats else handler
            yield _route(method, f"{prefix}mlflow/{path}", handler, permission, body)
        for method, path, handler, permission, body in plain:
            yield _route(method, f"{prefix}mlflow/{path}", handler, permission, body, _INPUTS)
        for method, path, handler, permission, body in _proxy():
            yield _route(method, f"{prefix}mlflow-artifacts/{path}", handler, permission, body)
        yield _route("POST", f"{prefix}mlflow/upload-artifact", artifacts.upload_to_run, WRITE, None)
    yield _route("POST", "/v1/traces", trace_spans.export, WRITE, None)
    yield _route("GET", "/version", features.version, READ, None)
    yield _route("GET", "/get-artifact", artifacts.get_of_run, READ, artifacts.RunFile)
    yield _route("GET", "/model-versions/get-artifact", model_versions.get_file, READ, model_versions.VersionFile)


def _route(
    method: str, pattern: str, handler: Handler, permission: Permission, body: Any, limit: int = 4 << 20
) -> Route:
    return Route(
        method=method,
        pattern=pattern,
        handler=handler,
        permission=permission,
        summary=(handler.__doc__ or "").partition("\n")[0],
        body=body,
        limit=limit,
        prompt=handler in _PROMPT,
    )


def table(*, repeats: bool = False) -> RouteTable:
    """All routes of the edge. ``repeats``: for the command of a repetition, which does not change the registry."""
    return RouteTable("", _routes(repeats=repeats))


def is_ours(path: bytes) -> bool:
    """Whether a request's path (undecoded) belongs to this edge."""
    text = one_slash(path).decode("ascii", "replace")
    return text.startswith(PREFIXES) or text in PLACES
