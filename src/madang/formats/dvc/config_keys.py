"""What may stand in a DVC config: the keys and values of each section and, for a remote, of each kind of address.

Source: the schema of dvc 3.67, docs/formats/dvc.md. dvc refuses a whole configuration for one unknown key or wrong
value, so madang must never write one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from madang.errors import ConfigError

Rule = Callable[[str], str]
"""What a value must be when it is something else; empty for one that is right."""

LINK_TYPES = ("reflink", "hardlink", "symlink", "copy")


def _text(value: str) -> str:
    return ""


def _boolean(value: str) -> str:
    return "" if value.lower() in ("true", "false") else "true or false"


def _whole(least: int | None = None, most: int | None = None) -> Rule:
    """A whole number, as Python reads it."""

    def rule(value: str) -> str:
        try:
            number = int(value)
        except ValueError:
            return "a number" if least is None else f"a number, {least} or more"
        if least is not None and number < least:
            return f"{least} or more"
        return f"at most {most}" if most is not None and number > most else ""

    return rule


def _number(value: str) -> str:
    try:
        float(value)
    except ValueError:
        return "a number"
    return ""


def _seconds(value: str) -> str:
    return _number(value) or ("" if float(value) >= 0 else "0 or more")


def _one_of(*words: str) -> Rule:
    return lambda value: "" if value.lower() in words else " or ".join(words)


def _links(value: str) -> str:
    return "" if all(name in LINK_TYPES for name in link_types(value)) else f"some of {', '.join(LINK_TYPES)}"


def _keys(rule: Rule, words: str) -> dict[str, Rule]:
    return dict.fromkeys(words.split(), rule)


_BASE = {
    "url": _text,
    **_keys(_whole(1), "checksum_jobs jobs"),
    **_keys(_boolean, "worktree no_traverse version_aware"),
}
_COMMON = {**_BASE, "verify": _boolean}
_LOCAL = {"type": _links, "shared": _one_of("group"), **_keys(_boolean, "protected slow_link_warning verify")}
_HTTP = {
    **_COMMON,
    "auth": _one_of("basic", "digest", "custom"),
    "ask_password": _boolean,
    **_keys(_seconds, "connect_timeout read_timeout"),
    **_keys(_text, "custom_auth_header user password ssl_verify method"),
}
_WEBDAV = {
    **_COMMON,
    "ask_password": _boolean,
    "timeout": _whole(),
    **_keys(_text, "user password token bearer_token_command custom_auth_header cert_path key_path ssl_verify"),
}
_BY_SCHEME: dict[str, dict[str, Rule]] = {
    "": {**_COMMON, **_LOCAL},
    "s3": {
        **_COMMON,
        **_keys(_boolean, "listobjects use_ssl allow_anonymous_login"),
        **_keys(_whole(), "read_timeout connect_timeout"),
        **_keys(_text, "region profile credentialpath configpath endpointurl access_key_id secret_access_key"),
        **_keys(_text, "session_token ssl_verify sse sse_kms_key_id sse_customer_algorithm sse_customer_key"),
        **_keys(_text, "acl grant_read grant_read_acp grant_write_acp grant_full_control"),
    },
    "gs": {
        **_COMMON,
        "allow_anonymous_login": _boolean,
        **_keys(_text, "projectname credentialpath endpointurl"),
    },
    "azure": {
        **_COMMON,
        **_keys(_text, "connection_string sas_token account_name account_key tenant_id client_id client_secret"),
        **_keys(_boolean, "allow_anonymous_login exclude_environment_credential exclude_managed_identity_credential"),
        **_keys(_boolean, "exclude_visual_studio_code_credential exclude_shared_token_cache_credential"),
        **_keys(_whole(), "timeout read_timeout connection_timeout"),
    },
    "ssh": {
        **_COMMON,
        "type": _links,
        **_keys(_whole(), "port timeout max_sessions"),
        **_keys(_boolean, "ask_password ask_passphrase gss_auth allow_agent"),
        **_keys(_text, "user password passphrase keyfile"),
    },
    "hdfs": {**_BASE, **_keys(_text, "user kerb_ticket")},
    "webhdfs": {
        **_COMMON,
        **_keys(_boolean, "kerberos use_https"),
        **_keys(_text, "kerberos_principal proxy_to ssl_verify token user password data_proxy_target"),
    },
    "oss": {**_COMMON, **_keys(_text, "oss_key_id oss_key_secret oss_endpoint")},
    "gdrive": {
        **_COMMON,
        **_keys(_text, "profile gdrive_client_id gdrive_client_secret gdrive_user_credentials_file"),
        **_keys(_text, "gdrive_service_account_user_email gdrive_service_account_json_file_path"),
        **_keys(_boolean, "gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse"),
    },
    **dict.fromkeys(("http", "https"), _HTTP),
    **dict.fromkeys(("webdav", "webdavs"), _WEBDAV),
}

_SECTIONS: dict[str, dict[str, Rule]] = {
    "core": {
        "checksum_jobs": _whole(1),
        **_keys(_boolean, "interactive analytics hardlink_lock no_scm autostage experiments check_update"),
        **_keys(_text, "remote site_cache_dir machine"),
    },
    "cache": {**_LOCAL, **_keys(_text, "local s3 gs hdfs webhdfs ssh azure dir")},
    "state": {"dir": _text, "row_limit": _whole(1), "row_cleanup_quota": _whole(0, 100)},
    "index": {"dir": _text},
    "plots": {"auto_open": _boolean, **_keys(_text, "html_template out_dir")},
    "exp": {"auto_push": _boolean, **_keys(_text, "code data models metrics params plots live git_remote")},
    "parsing": {"bool": _one_of("store_true", "boolean_optional"), "list": _one_of("nargs", "append")},
    "hydra": {"enabled": _boolean, **_keys(_text, "config_dir config_module config_name plugins_path")},
    "studio": {"offline": _boolean, **_keys(_text, "token url repo_url")},
}
_NAMED: dict[str, dict[str, Rule]] = {
    "db": _keys(_text, "url username password"),
    "machine": {
        "cloud": _one_of("aws", "azure"),
        "region": _one_of("us-west", "us-east", "eu-west", "eu-north"),
        "spot": _boolean,
        "spot_price": _number,
        "instance_hdd_size": _whole(),
        **_keys(_text, "image instance_type instance_gpu ssh_private startup_script setup_script"),
    },
}

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
    rules = _rules(section, values, where)
    for key, value in values.items():
        if rules is not None and key not in rules:
            raise ConfigError(
                f"{where}: {section} has the unknown key {key!r}.", hint="Correct the name, or remove the line."
            )
        told = rules[key](value) if rules is not None else _elsewhere(section, key, value)
        if told:
            raise ConfigError(f"{where}: {section} {key} must be {told}, not {value!r}.")
    if section == "hydra" and {"config_dir", "config_module"} <= values.keys():
        raise ConfigError(f"{where}: hydra takes config_dir or config_module, not both.")


def _rules(section: str, values: Mapping[str, str], where: str) -> dict[str, Rule] | None:
    match = _REMOTE.match(section)
    if not match:
        kind, _, name = section.partition(" ")
        if kind == "feature" or (kind in _NAMED and not name):
            return None  # nothing madang uses; dvc checks them itself
        known = _NAMED if name else _SECTIONS
        if kind not in known:
            raise ConfigError(f"{where} has the unknown section {section!r}.", hint="Correct or remove it.")
        return known[kind]
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


def _elsewhere(section: str, key: str, value: str) -> str:
    """What a key must be where the kind of the remote is not known: what every kind with this key refuses is wrong."""
    if section == "feature" and key == "machine":
        return _boolean(value)
    told = [rules[key](value) for rules in _BY_SCHEME.values() if key in rules] if _REMOTE.match(section) else []
    return told[0] if told and all(told) else ""


def link_types(value: str) -> list[str]:
    """The kinds of links in the order in which they are tried."""
    return [name.strip() for name in value.split(",") if name.strip()]
