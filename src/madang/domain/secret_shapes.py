"""The shapes of secrets: what the keys of known services look like, and values that stand under a telling name.

Prefixes and lengths are those which the services document. Patterns are bounded, so that no text makes them slow.
"""

from __future__ import annotations

import math
import re
from functools import cache

from madang.domain.redact import MASK, secret_name

_B = r"(?<![A-Za-z0-9_])"  # begins a word

# (kind, lower-case texts of which one stands in every match, pattern); a group named `s` is the secret, else all that
# matched is. Looking for the texts is many times quicker than the pattern.
_SHAPES: tuple[tuple[str, str, str], ...] = (
    (
        "private key",
        "-----begin",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,20000}?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)",
    ),
    ("AWS access key", "akia asia abia acca", _B + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    ("Google API key", "aiza", _B + r"AIza[A-Za-z0-9_\-]{35}"),
    ("Google OAuth token", "ya29.", _B + r"ya29\.[A-Za-z0-9_\-.]{20,2000}"),
    ("Google client secret", "gocspx-", _B + r"GOCSPX-[A-Za-z0-9_\-]{20,60}"),
    ("Azure signature", "sig=", r"[?&;]sig=(?P<s>[A-Za-z0-9%+/=]{20,200})"),
    ("Azure client secret", "q~", r"(?<![A-Za-z0-9_~.\-])[A-Za-z0-9_~.\-]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}"),
    (
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        _B + r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
    ),
    ("GitLab token", "glpat- gldt- glrt- glptt- glcbt-", _B + r"gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_\-.]{20,300}"),
    (
        "Slack token",
        "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-",
        _B + r"(?:xox[abeoprs]-[A-Za-z0-9\-]{10,300}|xapp-\d-[A-Za-z0-9\-]{10,300})",
    ),
    (
        "Slack webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?P<s>(?:services|workflows|triggers)/[A-Za-z0-9/_\-]{20,200})",
    ),
    ("Discord webhook", "api/webhooks", r"discord(?:app)?\.com/api/webhooks/(?P<s>\d{5,25}/[A-Za-z0-9_\-]{30,120})"),
    ("Hugging Face token", "hf_ api_org_", _B + r"(?:hf_[A-Za-z0-9]{30,60}|api_org_[A-Za-z0-9]{30,60})"),
    ("API key (sk-)", "sk-", _B + r"sk-(?=[A-Za-z_\-]{0,400}\d)[A-Za-z0-9_\-]{20,400}"),  # OpenAI, Anthropic and others
    ("Weights & Biases key", "wandb", _B + r"wandb_v1_[A-Za-z0-9_\-]{20,200}"),
    ("Weights & Biases key", "wandb", r"(?i:wandb)[^\n]{0,40}?(?<![0-9a-f])(?P<s>[0-9a-f]{40})(?![0-9a-f])"),
    (
        "Stripe key",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        _B + r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{24,120})",
    ),
    (
        "Toss Payments key",
        "live_sk_ live_gsk_ live_ck_ live_gck_ test_sk_ test_gsk_ test_ck_ test_gck_",
        _B + r"(?:live|test)_(?:g?sk|g?ck)_[A-Za-z0-9]{20,80}",
    ),
    ("JSON web token", "eyj", _B + r"eyJ[A-Za-z0-9_\-]{8,4000}\.eyJ[A-Za-z0-9_\-]{8,8000}\.[A-Za-z0-9_\-]{8,2000}"),
    ("password in a URL", "://", r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://(?P<s>[^\s/@:\"'<>?#]{0,200}:[^\s/@\"'<>]{1,400})@"),
    ("token in a URL", "://", r"https?://(?P<s>[A-Za-z0-9_\-]{16,200})@"),
    (
        "Authorization header",
        "bearer basic token kakaoak",
        r"(?i:\b(?:bearer|basic|token|kakaoak)\s{1,3})(?P<s>(?=[^\s\d]{0,400}\d)[A-Za-z0-9_\-.~+/]{16,4000}={0,2})",
    ),
    ("npm token", "npm_", _B + r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("PyPI token", "pypi-", _B + r"pypi-[A-Za-z0-9_\-]{50,400}"),
    ("Docker token", "dckr_", _B + r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,100}"),
    ("DigitalOcean token", "doo_v1_ dop_v1_ dor_v1_", _B + r"do[opr]_v1_[a-f0-9]{64}"),
    ("Databricks token", "dapi", _B + r"dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])"),
    ("Telegram bot token", ":aa", r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_\-]{32,35}(?![A-Za-z0-9_\-])"),
    ("SendGrid key", "sg.", _B + r"SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}"),
    ("Mailgun key", "key-", _B + r"key-[0-9a-f]{32}(?![0-9a-f])"),
    ("Shopify token", "shpat_ shpca_ shppa_ shpss_", _B + r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    ("Square token", "sq0", _B + r"sq0[a-z]{3}-[A-Za-z0-9_\-]{22,60}"),
    ("Replicate token", "r8_", _B + r"r8_[A-Za-z0-9]{30,60}"),
    ("Groq key", "gsk_", _B + r"gsk_[A-Za-z0-9]{40,80}"),
    ("service key", "xai- pplx- nvapi- tvly-", _B + r"(?:xai|pplx|nvapi|tvly)-[A-Za-z0-9_\-]{24,200}"),
    ("Upstage key", "up_", _B + r"up_[A-Za-z0-9]{28,60}(?![A-Za-z0-9_])"),
    ("Fireworks key", "fw_", _B + r"fw_[A-Za-z0-9]{20,60}(?![A-Za-z0-9_])"),
    ("RunPod key", "rpa_", _B + r"rpa_[A-Za-z0-9]{30,80}"),
    ("LangSmith key", "lsv2_", _B + r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    ("Linear key", "lin_api_", _B + r"lin_api_[A-Za-z0-9]{32,60}"),
    ("Notion token", "ntn_ secret_", _B + r"(?:ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43})(?![A-Za-z0-9])"),
    ("Vault token", "hvs. hvb.", _B + r"hv[sb]\.[A-Za-z0-9_\-]{24,200}"),
    ("Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{60,80}"),
    ("Grafana token", "glsa_ glc_", _B + r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,400})"),
    ("New Relic key", "nrak-", _B + r"NRAK-[A-Z0-9]{27}"),
    ("Sentry token", "sntrys_ sntryu_", _B + r"(?:sntrys_[A-Za-z0-9+/=_\-]{40,400}|sntryu_[a-f0-9]{64})"),
    ("Postman key", "pmak-", _B + r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ("Heroku key", "hrku-", _B + r"HRKU-[A-Za-z0-9_\-]{36,80}"),
    ("Fly.io token", "fm2_", _B + r"fm2_[A-Za-z0-9+/=_\-]{40,2000}"),
    ("Supabase token", "sbp_", _B + r"sbp_[a-f0-9]{40}"),
    ("PlanetScale token", "pscale_", _B + r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.]{30,80}"),
    ("Naver Cloud key", "ncp_iam_", _B + r"ncp_iam_[A-Za-z0-9]{20,80}"),
    ("Firebase key", "apa91b", r"(?<![A-Za-z0-9_\-])[A-Za-z0-9_\-]{7,30}:APA91b[A-Za-z0-9_\-]{100,300}"),
    ("age key", "age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("madang token", "mdg_", _B + r"mdg_[A-Za-z0-9]{40}(?![A-Za-z0-9])"),
)  # fmt: skip

_PATTERNS = tuple((kind, tuple(signs.split(" ")), pattern) for kind, signs, pattern in _SHAPES)
_compiled = cache(re.compile)
_ASSIGNED = re.compile(
    r"(?<![\w.\-])(?P<name>[A-Za-z_가-힣][\w.\-가-힣]{0,80})[\"']?\s{0,3}(?P<sign>=>|:=|[:=])\s{0,3}"
    r"(?:\"(?P<double>[^\"\n]{4,600})\"|'(?P<single>[^'\n]{4,600})'|(?P<bare>[^\s\"',;&(){}\[\]<>]{4,600})(?!\())"
)
_PARAMETER = re.compile(r"[?&](?P<name>[A-Za-z_\-]{2,40})=(?P<bare>[^&\s\"'#]{8,600})")
_FAKE = re.compile(
    r"(?i)^(?:.*(?:example|changeme|placeholder|dummy|your[_\-]|redacted).*|x{4,}|\*+|\.+|\$[\w{(].*|<.*>|%\(.*|\{.*\}"
    r"|none|null|true|false|str|string|optional.*|os\.environ.*|https?://[^\s@]*|[/~].*)$"
)
_PLAIN = re.compile(r"[A-Za-z0-9+/=_%\-]+")
_PASSWORDS = ("password", "passwd", "passphrase", "pwd", "비밀번호", "암호", "비번")


def _likely(text: str) -> list[tuple[str, re.Pattern[str]]]:
    """The patterns that may match, each with its kind."""
    low = text.lower()
    return [(kind, _compiled(pattern)) for kind, signs, pattern in _PATTERNS if any(sign in low for sign in signs)]


def clean(text: str) -> str:
    """The text with every secret replaced by a mark."""
    for _, pattern in _likely(text):
        text = pattern.sub(_mask, text)
    text = _PARAMETER.sub(lambda match: _mask_named(match, strict=False), text)
    return _ASSIGNED.sub(lambda match: _mask_named(match, strict=False), text)


def kinds(text: str) -> list[str]:
    """The kinds of secrets in program text, each once."""
    found = [kind for kind, pattern in _likely(text) if any(not _fake(match) for match in pattern.finditer(text))]
    if any(_is_secret(match, strict=True) for match in _ASSIGNED.finditer(text)):
        found.append("value under a secret's name")
    return found


def _fake(match: re.Match[str]) -> bool:
    return bool(_FAKE.match(_secret_of(match))) or MASK in match.group()


def _secret_of(match: re.Match[str]) -> str:
    return match.groupdict().get("s") or match.group()


def _mask(match: re.Match[str]) -> str:
    inner = match.groupdict().get("s")
    return match.group().replace(inner, MASK) if inner else MASK


def _mask_named(match: re.Match[str], *, strict: bool) -> str:
    if not _is_secret(match, strict=strict):
        return match.group()
    start, _ = match.span()
    first, last = match.span(_value_group(match))
    whole = match.group()
    return whole[: first - start] + MASK + whole[last - start :]


def _value_group(match: re.Match[str]) -> str:
    return next(name for name in ("double", "single", "bare") if match.groupdict().get(name) is not None)


def _is_secret(match: re.Match[str], *, strict: bool) -> bool:
    name, group = match.group("name"), _value_group(match)
    value = match.group(group)
    if value.startswith(MASK) or not secret_name(name) or _FAKE.match(value):
        return False
    if not strict and any(word in name.lower() for word in _PASSWORDS):
        return True
    # In program text a bare word is an expression, unless it is a shell's assignment; a literal is a value.
    quoted = group != "bare" or (match.groupdict().get("sign") == "=" and name.isupper())
    plain = not strict and _PLAIN.fullmatch(value) is not None
    return " " not in value and _dense(value, 8 if quoted or plain else 20)


def _dense(value: str, least: int) -> bool:
    """Whether a value is long and mixed enough to be made by a machine or chosen as a password."""
    if len(value) < least or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    counts = [value.count(sign) / len(value) for sign in set(value)]
    return -sum(share * math.log2(share) for share in counts) >= 2.5
