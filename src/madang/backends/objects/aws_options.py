"""Who a remote on S3 is opened as when its options hold no keys: what AWS's own tools would use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from madang.errors import ConfigError, Unauthenticated

_RUNS = b"credential_process"


def aws_chain(options: Mapping[str, str]) -> Any:
    """A provider of credentials for obstore, through boto3: profiles, SSO, roles; None where obstore's own chain does.

    Raises:
        ConfigError: boto3 is not installed, or a file that the options name would run a program.
        Unauthenticated: a profile that is not there, or a session that has ended.
    """
    wanted = {"profile", "credentialpath", "configpath"} & options.keys()
    if os.environ.get("AWS_ACCESS_KEY_ID") and not wanted:
        return None
    if not wanted and not os.path.isdir(os.path.expanduser("~/.aws")) and not os.environ.get("AWS_PROFILE"):
        return None
    try:
        import boto3  # noqa: PLC0415 - only for profiles; heavy
        import botocore.session  # noqa: PLC0415 - as above
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - imports boto3
    except ImportError as error:
        raise ConfigError("AWS profiles need the package boto3.", hint="pip install 'madang[cloud]'") from error
    try:
        below = botocore.session.Session(profile=options.get("profile"))
        for ours, theirs in (("credentialpath", "credentials_file"), ("configpath", "config_file")):
            if ours in options:
                _check_runs_nothing(options[ours], ours)
                below.set_config_variable(theirs, options[ours])
        session = boto3.session.Session(botocore_session=below, region_name=options.get("region"))
        credentials = session.get_credentials()
        if credentials is None:
            return None
        credentials.get_frozen_credentials()  # a session of SSO that has ended is told now, and by AWS's own words
        return Boto3CredentialProvider(session)
    except BotoCoreError as error:
        profile = options.get("profile") or os.environ.get("AWS_PROFILE", "default")
        raise Unauthenticated(
            f"AWS gives no credentials for the profile {profile!r}: {str(error).rstrip('.')}.",
            hint=f"Correct the remote's profile, or run: aws sso login --profile {profile}",
        ) from error


def aws_encryption(options: Mapping[str, str]) -> dict[str, Any]:
    """How the server encrypts what is stored: ``sse``, ``sse_kms_key_id``, ``sse_customer_key``.

    Raises:
        ConfigError: options that contradict each other.
    """
    config: dict[str, Any] = {}
    key, kms = options.get("sse_customer_key"), options.get("sse_kms_key_id")
    if key and kms:
        raise ConfigError("sse_kms_key_id and sse_customer_key exclude each other.", hint="Remove one of them.")
    if key:
        if options.get("sse_customer_algorithm", "AES256") != "AES256":
            raise ConfigError("The sse_customer_algorithm is AES256.", hint="Remove the option.")
        return {"server_side_encryption": "sse-c", "sse_customer_key_base64": key}
    if options.get("sse") or kms:
        config["server_side_encryption"] = options.get("sse") or "aws:kms"
    if kms:
        config["sse_kms_key_id"] = kms
    return config


def _check_runs_nothing(path: str, option: str) -> None:
    """A repository's configuration may name such a file, and the file a program: that would run anything of anyone."""
    try:
        with open(path, "rb") as file:
            body = file.read(1 << 20)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", hint=f"Correct {option}.") from error
    if _RUNS in body.lower():
        raise ConfigError(
            f"{path} names a program that is to print credentials, and a remote's {option} may not.",
            hint="Put that profile into ~/.aws/config.",
        )
