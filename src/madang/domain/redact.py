"""Secrets taken out of what a run records: by their name and by their shape (docs/formats/redaction.md).

Best effort: a secret without a telling name and without a known shape is not found. The module is used inside the
training process, so it imports nothing when it is loaded; `re` and the patterns come in when `suspect` says so.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

MASK = "[redacted]"

# A name is split into words: DB_PASSWORD, dbPassword and db-password are the same two.
_WORDS = frozenset((
    "password", "passwd", "passphrase", "secret", "secrets", "credential", "credentials", "apikey", "authtoken",
    "accesstoken", "secretkey", "privatekey", "authorization", "cookie", "cookies", "sessionid",
    "비밀번호", "암호", "비번",
))  # fmt: skip
_LAST_WORDS = frozenset(("pwd", "token", "auth", "pat", "dsn"))
_BEFORE_KEY = frozenset((
    "api", "access", "private", "secret", "account", "auth", "service", "encryption", "signing", "master", "license",
    "app", "rest", "admin", "shared", "storage", "ssh", "client",
))  # fmt: skip
_BEFORE_PASS = frozenset(("db", "database", "user", "mysql", "pg", "smtp", "mail", "ftp", "redis", "sudo"))
# Words before `token` in the vocabulary of language models.
_VOCABULARY = frozenset((
    "pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "image", "video", "audio", "start", "end", "stop",
    "first", "last", "next", "prev", "previous", "per", "max", "min", "num", "new", "input", "output", "prompt", "text",
    "vocab", "mean", "decoder", "begin", "boi", "eoi", "sot", "eot", "out", "in", "class", "register",
))  # fmt: skip
_AFTER_SECRET = frozenset((
    "length", "len", "size", "count", "min", "max", "ttl", "expiry", "expires", "rotation", "policy", "type", "id",
    "index", "ratio",
))  # fmt: skip

# Lower-case texts of which at least one stands in everything that a pattern of `secret_shapes` can find.
NEEDLES = (
    "pass", "pwd", "secret", "credential", "token", "auth", "cookie", "key", "dsn", "webhook",
    "비밀번호", "암호", "비번",
    "sessionid", "_pat", "-pat", ".pat", "akia", "asia", "abia", "acca", "aiza", "ya29.", "gocspx-", "sig=", "q~",
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "xox",
    "xapp-", "hooks.slack.com", "hf_", "api_org_", "sk-", "wandb", "sk_", "rk_", "ck_", "whsec_", "eyj", "://",
    "bearer", "basic", "-----begin",
    "npm_", "pypi-", "dckr_", "doo_v1", "dop_v1", "dor_v1", "dapi", ":aa", "sg.", "shpat_", "shpca_",
    "shppa_", "shpss_", "r8_", "xai-", "pplx-", "lin_api_", "ntn_", "hvs.", "hvb.", "glsa_", "glc_", "nrak-", "sntrys_",
    "sntryu_", "pmak-", "hrku-", "fm2_", "sbp_", "pscale_", "ncp_iam_", "kakaoak", "mdg_", "up_", "atlasv1", "apa91b",
    "nvapi-", "tvly-", "lsv2_", "fw_", "rpa_", "sq0",
)  # fmt: skip

_compiled: Any = None


def suspect(text: str) -> bool:
    """Whether ``text`` may hold a secret: a quick look that never misses what `text` would find."""
    low = text.lower()
    return any(needle in low for needle in NEEDLES)


def words(name: str) -> list[str]:
    """The words of a name in lower case, split at signs and where capitals begin."""
    found: list[str] = []
    start, before = 0, ""
    for place, sign in enumerate(name):
        if not sign.isalnum():
            found.append(name[start:place])
            start = place + 1
        elif sign.isupper() and before.islower():
            found.append(name[start:place])
            start = place
        before = sign
    found.append(name[start:])
    return [word.lower() for word in found if word]


def secret_name(name: str) -> bool:
    """Whether what stands under this name (a variable, an option, a key of the config) is likely a secret."""
    parts = words(name)
    if not parts or parts[-1] in _AFTER_SECRET:
        return False
    if any(part in _WORDS for part in parts):
        return True
    for before, part in zip(parts, parts[1:], strict=False):  # noqa: RUF007 - no import of itertools for this
        if (part == "key" and before in _BEFORE_KEY) or (part == "pass" and before in _BEFORE_PASS):
            return True
    if parts[-2:] == ["webhook", "url"]:
        return True
    return parts[-1] in _LAST_WORDS and not any(part in _VOCABULARY for part in parts[:-1])


def text(value: str) -> str:
    """The text with every secret in it replaced by a mark."""
    return _shapes().clean(value) if suspect(value) else value


def kinds(value: str) -> list[str]:
    """What kinds of secrets stand in program text, such as a diff; empty when none was seen.

    Stricter than `text` about names: `token = get_token()` is no secret, `token = "f3a9…"` is.
    """
    return _shapes().kinds(value) if suspect(value) else []


def named(name: str, value: Any) -> Any:
    """A value as it may be recorded under a name; containers are searched, their own keys count too."""
    if secret_name(name):
        return masked(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(key) if isinstance(key, str) else key: named(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(name, item) for item in value]
    return value


def masked(value: Any) -> Any:
    """The value without its text and numbers; what cannot be a secret (None, a bool, nothing) stays."""
    if value is None or isinstance(value, bool) or (isinstance(value, str) and _placeholder(value)):
        return value
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return MASK


def _placeholder(value: str) -> bool:
    return value == "" or (value[0] == "<" and value[-1] == ">") or value == MASK


def mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Environment variables or a config as they may be recorded. Names joined by dots or nested make no difference."""
    return {text(name): named(name, value) for name, value in values.items()}


def names(given: Sequence[str]) -> list[str]:
    """Names as they may be recorded, one for each, and still different from one another."""
    if not suspect("\n".join(given)):
        return list(given)
    clean = list(map(text, given))
    taken = set(given)
    for place, name in enumerate(clean):
        if name != given[place]:
            number = 2
            while clean[place] in taken:
                clean[place] = f"{name} {number}"
                number += 1
            taken.add(clean[place])
    return clean


def command(arguments: Sequence[str]) -> list[str]:
    """A command line as it may be recorded: `--password X`, `--token=X`, `KEY=X` and every known shape."""
    clean: list[str] = []
    hide = False
    for argument in arguments:
        if hide and not argument.startswith("--"):
            clean.append(MASK)
            hide = False
            continue
        name, equals, value = argument.partition("=")
        plain = name.lstrip("-")
        looks_named = bool(plain) and plain.replace("-", "").replace("_", "").replace(".", "").isalnum()
        if equals and looks_named and secret_name(plain):
            clean.append(f"{name}={masked(value)}")
            hide = False
            continue
        hide = not equals and argument.startswith("-") and looks_named and secret_name(plain)
        clean.append(text(argument))
    return clean


def address(url: str) -> str:
    """A URL without user, password, query and fragment; `git@host:path` holds no secret and stays."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    rest = rest.partition("?")[0].partition("#")[0]
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path


def _shapes() -> Any:
    """The module of patterns, loaded and compiled on first use."""
    global _compiled
    if _compiled is None:
        from madang.domain import secret_shapes  # noqa: PLC0415 - needs `re`, which `madang.init()` may not load

        _compiled = secret_shapes
    return _compiled
