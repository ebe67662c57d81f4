"""Addresses and DVC's remote options to obstore's stores."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from madang.backends.objects.aws_options import aws_chain
from madang.backends.objects.azure_options import azure_config
from madang.backends.objects.cloud import CloudObjects
from madang.errors import ConfigError

try:
    from obstore.store import AzureStore, GCSStore, S3Store
except ImportError as _error:
    raise ConfigError(
        "Cloud stores need the package obstore, which is not installed.", hint="pip install 'madang[cloud]'"
    ) from _error

_RETRY = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}  # then the command may simply be repeated


def open_cloud(scheme: str, url: str, options: Mapping[str, str]) -> CloudObjects:
    """Open ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``azure://container/prefix``.

    Raises:
        ConfigError: no bucket in the address, or an option that makes no sense.
    """
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket:
        raise ConfigError(f"The address {url} names no bucket.", hint=f"Write {scheme}://bucket/path.")
    store = {"s3": _s3, "gs": _gcs, "azure": _azure}[scheme](bucket, prefix.strip("/"), options)
    return CloudObjects(store, url, keeps_backslashes=scheme != "azure")


def _is_true(text: str) -> bool:
    return text.strip().lower() == "true"


def _s3(bucket: str, prefix: str, options: Mapping[str, str]) -> Any:
    config: dict[str, Any] = {}
    client: dict[str, Any] = {"timeout": f"{options.get('read_timeout', '300')}s"}
    if "connect_timeout" in options:
        client["connect_timeout"] = f"{options['connect_timeout']}s"
    for ours, theirs in (
        ("access_key_id", "access_key_id"),
        ("secret_access_key", "secret_access_key"),
        ("session_token", "session_token"),
        ("region", "region"),
        ("endpointurl", "endpoint"),
    ):
        if ours in options:
            config[theirs] = options[ours]
    if endpoint := config.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL"):
        config["endpoint"] = endpoint
        if endpoint.startswith("http://"):
            client["allow_http"] = True
        config.setdefault("region", os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    if not _is_true(options.get("ssl_verify", "true")):
        client["allow_invalid_certificates"] = True
    if _is_true(options.get("allow_anonymous_login", "false")):
        config["skip_signature"] = True
    credentials = None if "access_key_id" in config or config.get("skip_signature") else aws_chain(options)
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config=_RETRY,  # type: ignore[arg-type]
        credential_provider=credentials,
    )


def _gcs(bucket: str, prefix: str, options: Mapping[str, str]) -> Any:
    config: dict[str, Any] = {}
    client: dict[str, Any] = {}
    if "credentialpath" in options:
        path = options["credentialpath"]
        key = _google_key(path)
        config["application_credentials" if key.get("type") == "authorized_user" else "service_account"] = path
        client["allow_http"] = str(key.get("gcs_base_url", "")).startswith("http://")
    if _is_true(options.get("allow_anonymous_login", "false")):
        config["skip_signature"] = True
    if "endpointurl" in options:
        config["base_url"] = options["endpointurl"]
        if options["endpointurl"].startswith("http://"):
            client["allow_http"] = True
    return GCSStore(
        bucket,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config=_RETRY,  # type: ignore[arg-type]
    )


def _google_key(path: str) -> dict[str, Any]:
    """A file of Google credentials: a service account's, or what `gcloud auth` wrote for a person."""
    try:
        with open(path, "rb") as file:
            key = json.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The credentials {path} cannot be read: {error}.", hint="Correct credentialpath.") from error
    return key if isinstance(key, dict) else {}


def _azure(container: str, prefix: str, options: Mapping[str, str]) -> Any:
    config = azure_config(options)
    client = {"allow_http": True} if str(config.get("endpoint", "")).startswith("http://") else {}
    for ours, theirs in (("connection_timeout", "connect_timeout"), ("read_timeout", "timeout")):
        if ours in options:
            client[theirs] = f"{options[ours]}s"  # type: ignore[assignment]
    return AzureStore(
        container,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config=_RETRY,  # type: ignore[arg-type]
    )
