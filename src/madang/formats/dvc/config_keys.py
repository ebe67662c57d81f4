"""What may stand in a DVC config: the keys of each section and, for a remote, of each kind of address.

Source: the schema of dvc 3.67, docs/formats/dvc.md. dvc refuses a whole configuration for one unknown key, so madang
must never write one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from madang.errors import ConfigError


def _words(*lines: str) -> set[str]:
    return {word for line in lines for word in line.split()}


_COMMON = {"url", "checksum_jobs", "jobs", "worktree", "no_traverse", "version_aware", "verify"}
_LOCAL = {"type", "protected", "shared", "slow_link_warning", "verify"}
_HTTP = _words("auth custom_auth_header user password ask_password ssl_verify method connect_timeout read_timeout")
_WEBDAV = _words(
    "user password ask_password token bearer_token_command custom_auth_header cert_path key_path timeout", " ssl_verify"
)
_BY_SCHEME: dict[str, set[str]] = {
    "": _COMMON | _LOCAL,
    "s3": _COMMON
    | _words(
        "region profile credentialpath configpath endpointurl access_key_id secret_access_key session_token",
        "listobjects use_ssl allow_anonymous_login ssl_verify sse sse_kms_key_id sse_customer_algorithm",
        "sse_customer_key acl grant_read grant_read_acp grant_write_acp grant_full_control cache_regions read_timeout",
        "connect_timeout",
    ),
    "gs": _COMMON | {"projectname", "credentialpath", "endpointurl", "allow_anonymous_login"},
    "azure": _COMMON
    | _words(
        "connection_string sas_token account_name account_key tenant_id client_id client_secret allow_anonymous_login",
        " exclude_environment_credential exclude_visual_studio_code_credential exclude_shared_token_cache_credential",
        " exclude_managed_identity_credential timeout read_timeout connection_timeout",
    ),
    "ssh": _COMMON
    | _words(
        "type port user password ask_password passphrase ask_passphrase keyfile timeout gss_auth allow_agent",
        " max_sessions",
    ),
    "hdfs": _COMMON | {"user", "kerb_ticket", "replication"},
    "webhdfs": _COMMON
    | _words("kerberos kerberos_principal proxy_to ssl_verify token use_https user password data_proxy_target"),
    "oss": _COMMON | {"oss_key_id", "oss_key_secret", "oss_endpoint"},
    "gdrive": _COMMON
    | _words(
        "profile gdrive_use_service_account gdrive_client_id gdrive_client_secret gdrive_user_credentials_file",
        " gdrive_service_account_user_email gdrive_service_account_json_file_path gdrive_trash_only",
        " gdrive_acknowledge_abuse",
    ),
}
for _name in ("http", "https"):
    _BY_SCHEME[_name] = _COMMON | _HTTP
for _name in ("webdav", "webdavs"):
    _BY_SCHEME[_name] = _COMMON | _WEBDAV

_SECTIONS: dict[str, set[str]] = {
    "core": _words(
        "remote checksum_jobs interactive analytics hardlink_lock no_scm autostage experiments check_update",
        " site_cache_dir machine",
    ),
    "cache": _LOCAL | _words("local s3 gs hdfs webhdfs ssh azure dir"),
    "state": {"dir", "row_limit", "row_cleanup_quota"},
    "index": {"dir"},
    "plots": {"html_template", "auto_open", "out_dir"},
    "exp": _words("code data models metrics params plots live auto_push git_remote"),
    "parsing": {"bool", "list"},
    "hydra": {"enabled", "config_dir", "config_module", "config_name", "plugins_path"},
    "studio": {"token", "url", "repo_url", "offline"},
}
_BOOLEANS = _words(
    "interactive analytics hardlink_lock no_scm autostage check_update slow_link_warning verify worktree no_traverse",
    " version_aware listobjects use_ssl allow_anonymous_login ask_password ask_passphrase gss_auth allow_agent",
    " protected",
)
_AT_LEAST_ONE = {"jobs", "checksum_jobs"}
_COUNTS = {"jobs", "checksum_jobs", "read_timeout", "connect_timeout", "port", "timeout", "max_sessions", "replication"}
LINK_TYPES = ("reflink", "hardlink", "symlink", "copy")

PATH_KEYS: dict[str, tuple[str, ...]] = {
    "cache": ("dir",),
    "remote": (
        "url",
        "gdrive_user_credentials_file",
        "gdrive_service_account_json_file_path",
        "credentialpath",
        "configpath",
        "keyfile",
        "cert_path",
        "key_path",
    ),
}

_REMOTE = re.compile(r'remote "(.*)"\Z', re.S)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def check_section(section: str, values: Mapping[str, str], where: str) -> None:
    """Refuse what dvc would refuse.

    Raises:
        ConfigError: an unknown section or key, a remote without or with an unknown kind of url, a wrong value.
    """
    allowed = _allowed(section, values, where)
    for key, value in values.items():
        if allowed is not None and key not in allowed:
            raise ConfigError(
                f"{where}: {section} has the unknown key {key!r}.", hint="Correct the name, or remove the line."
            )
        _check_value(section, key, value, where)


def _allowed(section: str, values: Mapping[str, str], where: str) -> set[str] | None:
    match = _REMOTE.match(section)
    if not match:
        if section.split(" ")[0] in ("machine", "db", "feature"):
            return None  # nothing madang uses; dvc checks them itself
        if section not in _SECTIONS:
            raise ConfigError(f"{where} has the unknown section {section!r}.", hint="Correct or remove it.")
        return _SECTIONS[section]
    if not values.get("url"):
        return None  # a level may hold only some keys of a remote that another level describes
    scheme = _URL.match(values["url"])
    name = scheme[1].lower() if scheme else ""
    if name == "file":
        name = ""
    if name == "remote":
        return None  # a path in another remote, of whatever kind that is
    if name not in _BY_SCHEME:
        raise ConfigError(f"{where}: the remote {match[1]!r} has an unknown kind of address, {name}://.")
    return _BY_SCHEME[name]


def _check_value(section: str, key: str, value: str, where: str) -> None:
    if key in _BOOLEANS and value.lower() not in ("true", "false"):
        raise ConfigError(f"{where}: {section} {key} must be true or false, not {value!r}.")
    if key in _COUNTS and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        raise ConfigError(f"{where}: {section} {key} must be a number, not {value!r}.")
    if (section, key) == ("cache", "shared") and value.lower() != "group":
        raise ConfigError(f"{where}: {section} {key} can only be group, not {value!r}.")
    if key in _AT_LEAST_ONE and (not value.isdecimal() or not int(value)):
        raise ConfigError(f"{where}: {section} {key} must be 1 or more, not {value!r}.")
    if key == "type" and section == "cache":
        wrong = [name for name in link_types(value) if name not in LINK_TYPES]
        if wrong:
            raise ConfigError(
                f"{where}: cache type {wrong[0]!r} is not a kind of link.",
                hint=f"Use some of: {', '.join(LINK_TYPES)}.",
            )


def link_types(value: str) -> list[str]:
    """The kinds of links in the order in which they are tried."""
    return [name.strip() for name in value.split(",") if name.strip()]
