"""Addresses and DVC's remote options to obstore's stores."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from madang.backends.objects.aws_options import aws_chain, aws_encryption
from madang.backends.objects.azure_options import azure_config
from madang.backends.objects.cloud import CloudObjects
from madang.errors import ConfigError

try:
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store
except ImportError as _error:
    raise ConfigError(
        "Cloud stores need the package obstore, which is not installed.", hint="pip install 'madang[cloud]'"
    ) from _error

_SILENT = 300  # seconds without a byte, also while a part goes up
_CONNECT = 60  # seconds until a connection stands
_RETRY = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}  # then the command may simply be repeated


def open_cloud(scheme: str, url: str, options: Mapping[str, str]) -> CloudObjects:
    """Open ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``azure://container/prefix``.

    Raises:
        ConfigError: no bucket in the address, a path that obstore cannot name, or an option that makes no sense.
    """
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket:
        raise ConfigError(f"The address {url} names no bucket.", hint=f"Write {scheme}://bucket/path.")
    try:
        store = {"s3": _s3, "gs": _gcs, "azure": _azure}[scheme](bucket, prefix.strip("/"), options)
    except (ValueError, BaseError) as error:  # what is between two slashes, a key, a time
        told = str(error).partition("\n")[0].rstrip(". ")
        raise ConfigError(
            f"{url} cannot be used: {told}.", hint="Check the address and the options of the remote."
        ) from error
    return CloudObjects(store, url, keeps_backslashes=scheme != "azure", no_puts=_unkept(options))


def _unkept(options: Mapping[str, str]) -> str:
    """Why nothing may be stored: who may read what is stored would not be as the options say."""
    named = sorted(key for key in options if key == "acl" or key.startswith("grant_"))
    return f"The option {named[0]} cannot be kept" if named else ""


def _is_true(text: str) -> bool:
    return text.strip().lower() == "true"


def _s3(bucket: str, prefix: str, options: Mapping[str, str]) -> Any:
    config = aws_encryption(options)
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
        config.setdefault("region", os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    if _is_true(options.get("allow_anonymous_login", "false")):
        config["skip_signature"] = True
    credentials = None if "access_key_id" in config or config.get("skip_signature") else aws_chain(options)
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(options, config.get("endpoint", "")),
        retry_config=_RETRY,  # type: ignore[arg-type]
        credential_provider=credentials,
    )


def _client(options: Mapping[str, str], endpoint: str) -> Any:
    """How requests are made: certificates, and times that bound silence, never the length of a transfer."""
    client: dict[str, Any] = {
        "timeout": "7d",
        "read_timeout": f"{options.get('read_timeout', _SILENT)}s",
        "connect_timeout": f"{options.get('connect_timeout') or options.get('connection_timeout') or _CONNECT}s",
        "allow_http": endpoint.startswith("http://"),
    }
    verify = options.get("ssl_verify", "true")
    if verify.lower() == "false":
        client["allow_invalid_certificates"] = True
    elif verify.lower() != "true":
        try:
            with open(os.path.expanduser(verify), "rb") as file:
                client["root_certificate"] = file.read()
        except OSError as error:
            raise ConfigError(f"ssl_verify: {verify} cannot be read: {error.strerror}.") from error
    return client


def _gcs(bucket: str, prefix: str, options: Mapping[str, str]) -> Any:
    config: dict[str, Any] = {}
    endpoint = options.get("endpointurl", "")
    if "credentialpath" in options:
        path = options["credentialpath"]
        key = _google_key(path)
        config["application_credentials" if key.get("type") == "authorized_user" else "service_account"] = path
        endpoint = endpoint or str(key.get("gcs_base_url", ""))
    if _is_true(options.get("allow_anonymous_login", "false")):
        config["skip_signature"] = True
    if "endpointurl" in options:
        config["base_url"] = endpoint
    return GCSStore(
        bucket,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(options, endpoint),
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
    return AzureStore(
        container,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(options, config.get("endpoint", "")),
        retry_config=_RETRY,  # type: ignore[arg-type]
    )
