"""What the client asks before it works: which release answers, and what it can do."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from madang.edges.mlflow.answers import failed
from madang.edges.mlflow.services import MlflowCall
from madang.http.calls import FORWARDED

SPEAKS = "3.17.2"  # the release of MLflow whose API this is


def version(call: MlflowCall) -> Response:
    """GET /version."""
    return Response(SPEAKS, media_type="text/plain")


def server_info(call: MlflowCall) -> Any:
    """GET server-info. Parts are sent to an address of ours that a proxy may hide, so none are offered behind one."""
    parts = not any(name in call.request.headers for name in FORWARDED)
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": parts,
        "multipart_downloads_enabled": parts,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
    }


def not_offered(call: MlflowCall) -> Response:
    """A part of MLflow that this server does not have: figures over traces, and webhooks in a workspace."""
    return failed("NOT_IMPLEMENTED", "This server does not offer that part of MLflow's API.", 501)


def server_features(call: MlflowCall) -> Any:
    """GET server-features, as older releases ask."""
    return {"workspaces_enabled": False}
