"""Secrets are taken out by name and by shape; what only looks random stays."""

from __future__ import annotations

import random
import string
import subprocess
import sys
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.domain import redact, secret_shapes

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
ALNUM, HEX = UPPER + LOWER + DIGITS, "0123456789abcdef"
_random = random.Random(7)


def body(length: int, signs: str = ALNUM) -> str:
    """Random signs with a digit and a letter among them, the same in every run."""
    return "".join(_random.choices(signs, k=length - 2)) + "7" + next(sign for sign in signs if sign.isalpha())


# kind → (text with the secret, the secret). Prefixes are split so that scanners of repositories stay calm.
CORPUS: dict[str, tuple[str, str]] = {}


def secret(kind: str, value: str, text: str = "{}") -> None:
    CORPUS[kind] = (text.format(value), value)


secret("AWS access key", "AK" + "IA" + body(16, UPPER + "234567"))
secret("AWS temporary key", "AS" + "IA" + body(16, UPPER + "234567"), "using {} for S3")
secret("AWS secret key", body(40), "aws_secret_access_key = {}")
secret("AWS session token", body(200, ALNUM + "/+"), 'AWS_SESSION_TOKEN="{}"')
secret("Google API key", "AI" + "za" + body(35), "https://maps.example.org/?q={}")
secret("Google OAuth token", "ya" + "29." + body(60))
secret("Google client secret", "GOC" + "SPX-" + body(28))
secret(
    "Google service account",
    "-----BEGIN " + "PRIVATE KEY-----\\nMII" + body(60) + "\\n-----END PRIVATE KEY-----",
    '"private_key": "{}"',
)
secret(
    "Azure storage key", body(86) + "==", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};EndpointSuffix=y"
)
secret("Azure SAS", body(43) + "%3D", "https://x.blob.core.windows.net/c?sv=2024-01-01&sig={}")
secret("Azure client secret", body(3) + "8Q~" + body(34))
secret("GitHub token", "gh" + "p_" + body(36), "remote: {}")
secret("GitHub app token", "gh" + "s_" + body(36))
secret("GitHub fine-grained token", "github" + "_pat_" + body(22) + "_" + body(59))
secret("GitLab token", "gl" + "pat-" + body(20))
secret("Slack bot token", "xo" + "xb-" + body(12, DIGITS + "a") + "-" + body(24))
secret(
    "Slack webhook",
    "services/T" + body(9, UPPER) + "/B" + body(9, UPPER) + "/" + body(24),
    "https://hooks.slack.com/{}",
)
secret("Discord webhook", "123456789012345678/" + body(68), "https://discord.com/api/webhooks/{}")
secret("Hugging Face token", "hf" + "_" + body(34))
secret("OpenAI key", "sk" + "-proj-" + body(48))
secret("OpenAI old key", "sk" + "-" + body(48))
secret("Anthropic key", "sk" + "-ant-api03-" + body(93) + "AA")
secret("Weights & Biases key", body(40, HEX), "wandb login {}")
secret("Weights & Biases variable", body(40, HEX), "WANDB_API_KEY={}")
secret("Weights & Biases new key", "wandb" + "_v1_" + body(60))
secret("Stripe key", "sk" + "_live_" + body(24))
secret("JSON web token", "ey" + "J" + body(20) + ".ey" + "J" + body(60) + "." + body(43))
secret("RSA key", "-----BEGIN RSA " + "PRIVATE KEY-----\n" + body(64) + "\n-----END RSA PRIVATE KEY-----")
secret("OpenSSH key", "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + body(64) + "\n-----END OPENSSH PRIVATE KEY-----")
secret("basic auth in a URL", "user:" + body(12), "pip install https://{}@pypi.example.org/simple/x")
secret("database URL", "postgres:" + "s3cret", "postgresql://{}@db/main")
secret("bearer header", body(40), "curl -H 'Authorization: Bearer {}'")
secret("npm token", "npm" + "_" + body(36))
secret("PyPI token", "pypi" + "-AgEIcHlwaS5vcmc" + body(80))
secret("Docker token", "dckr" + "_pat_" + body(27))
secret("DigitalOcean token", "dop" + "_v1_" + body(64, HEX))
secret("Databricks token", "dapi" + body(32, HEX))
secret("Telegram bot token", "123456789:" + "AA" + body(33))
secret("SendGrid key", "SG" + "." + body(22) + "." + body(43))
secret("Vault token", "hvs" + "." + body(90))
secret("Groq key", "gsk" + "_" + body(52))
secret("NVIDIA key", "nvapi" + "-" + body(64))
secret("Naver Cloud key", "ncp" + "_iam_" + body(30))
secret("Naver client secret", body(10), "X-Naver-Client-Secret: {}")
secret("Kakao key", body(32, HEX), "Authorization: KakaoAK {}")
secret("Toss Payments key", "live" + "_sk_" + body(30))
secret("Korean public data key", body(80, ALNUM + "%"), "http://apis.data.go.kr/x?serviceKey={}&pageNo=1")
secret("Korean word for password", "rkskek12", "비밀번호: {}")
secret("password", "hunter2", "password=hunter2".replace("hunter2", "{}"))
secret("password in YAML", "Tr0ub4dor&3", "  db_password: {}")
secret("password in JSON", body(20), '{{"password": "{}"}}')
secret("API key in code", body(24), 'client = Client(api_key="{}")')
secret("madang token", "mdg" + "_" + body(40))

HARMLESS = [
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "run 0123456789abcdef0123456789abcdef finished",
    f"id={uuid.UUID(int=7)}",
    "blake3:" + body(64, HEX),
    "sha256: " + body(64, HEX),
    "md5: " + body(32, HEX),
    "max_tokens=4096 num_tokens: 123456 tokens/s: 98765.4321",
    "eos_token: </s> pad_token=<pad> bos_token_id=1",
    "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
    "token = get_token()",
    'password = os.environ["DB_PASSWORD"]',
    "password: str = field(default=None)",
    "def login(user, password): return check(user, password)",
    "api_key = config.api_key",
    "secret=args.secret,",
    "author: Kim Madang <kim@example.org>",
    "https://github.com/pandas-dev/pandas.git",
    "git@github.com:pandas-dev/pandas.git",
    "ssh://git@example.org/x.git",
    "key=value primary_key=id cache_key=abc123def456ghi789jkl",
    "epoch 3/10 loss=0.31415926 val/acc=0.9876 lr=1e-05",
    "s3://bucket/path/to/data-2024-01-01T00:00:00Z.parquet",
    "task-force-2024 disk-usage-report risk-assessment-2024-final-version",
    "passed 12 tests in 3.4s; passing=12",
    "AutoModelForSequenceClassification-finetuned-sst2-english",
    "monkey-patching keyboard-layout-1234567890",
    "basic block 1234567890123456",
    "비밀번호를 입력하세요",
]


@pytest.mark.parametrize("kind", CORPUS)
def test_every_shape_is_taken_out(kind: str) -> None:
    """No secret of the corpus survives, the rest of the text does, and doing it twice changes nothing."""
    text, value = CORPUS[kind]
    clean = redact.text(f"before {text} after")
    assert value not in clean
    assert redact.MASK in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert redact.text(clean) == clean


@pytest.mark.parametrize("kind", CORPUS)
def test_the_quick_look_misses_nothing(kind: str) -> None:
    """What the patterns find is suspected by the look that the training process can afford."""
    assert redact.suspect(CORPUS[kind][0])


def test_the_quick_look_knows_every_pattern() -> None:
    """Each text that a pattern looks for is, or holds, one of those that the quick look knows."""
    assert [sign for _, signs, _ in secret_shapes._PATTERNS for sign in signs if not redact.suspect(sign)] == []


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    """Hashes, ids, words of language models and program text are recorded as they are."""
    assert redact.text(text) == text
    assert redact.kinds(text) == []


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_cleaned(text: str) -> None:
    """Cleaning never fails, is done after one pass, and the quick look agrees with the patterns."""
    clean = secret_shapes.clean(text)
    assert redact.suspect(text) or clean == text
    assert secret_shapes.clean(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "password=" * 20_000,
        "eyJ" * 60_000,
        "://" + ":" * 100_000,
        "-----BEGIN " * 20_000,
        "sk-" * 60_000,
    ],
)
def test_no_text_is_slow(text: str) -> None:
    """Patterns are bounded: long senseless texts end within the test's limit."""
    redact.text(text)
    redact.kinds(text)


def test_program_text_with_a_literal_is_found() -> None:
    """In a diff, a literal under a secret's name counts, an expression or placeholder does not."""
    literal = "+API_KEY" + f' = "{body(24)}"'
    assert redact.kinds(literal) == ["value under a secret's name"]
    assert redact.kinds('+password = "changeme"\n+token = "<your token>"\n+secret = "${SECRET}"') == []
    assert "GitHub token" in redact.kinds("+# " + CORPUS["GitHub token"][0])


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD", "db_password", "dbPassword", "HF_TOKEN", "hub-token", "api_key", "apiKey", "AWS_SECRET_ACCESS_KEY",
        "client.secret", "Authorization", "cookie", "GITHUB_PAT", "pg_pass", "비밀번호", "slack_webhook_url",
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    """A name is understood in any of the usual spellings."""
    assert redact.secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens", "tokenizer", "eos_token", "pad_token_id", "num_tokens", "author", "key", "monkey", "primary_key",
        "password_length", "token_ratio", "forward_pass", "compass", "path", "pattern", "secretary", "",
    ],
)  # fmt: skip
def test_harmless_names(name: str) -> None:
    """Words that only contain a telling word are no secrets."""
    assert not redact.secret_name(name)


def test_config_is_cleaned_at_every_depth() -> None:
    """Values under a secret's name go, whatever they are; the structure and everything else stay."""
    config = {
        "lr": 0.1,
        "db": {"user": "kim", "password": "x", "ports": [1, 2]},
        "hub.token": "abc",
        "tokens": {"max_tokens": 5},
        "notes": "see https://kim:geheim@example.org/x",
        "use_auth": True,
        "secret": None,
        "keys": [{"api_key": 12345}],
    }
    assert redact.mapping(config) == {
        "lr": 0.1,
        "db": {"user": "kim", "password": redact.MASK, "ports": [1, 2]},
        "hub.token": redact.MASK,
        "tokens": {"max_tokens": 5},
        "notes": f"see https://{redact.MASK}@example.org/x",
        "use_auth": True,
        "secret": None,
        "keys": [{"api_key": redact.MASK}],
    }


def test_command_lines_are_cleaned() -> None:
    """Options with a secret's name lose their value in both spellings, assignments too, the rest stays."""
    github = CORPUS["GitHub token"][1]
    command = [
        "python",
        "train.py",
        "--password",
        "x",
        "--api-key=y",
        "HF_TOKEN=z",
        "--lr",
        "0.1",
        "--token",
        "--fast",
        github,
    ]
    assert redact.command(command) == [
        "python", "train.py", "--password", redact.MASK, f"--api-key={redact.MASK}", f"HF_TOKEN={redact.MASK}", "--lr",
        "0.1", "--token", "--fast", redact.MASK,
    ]  # fmt: skip


def test_addresses_lose_their_credentials() -> None:
    """User, password, query and fragment of a URL go; an scp-like address has none."""
    assert redact.address("https://kim:x@example.org:8/a?token=1#b") == "https://example.org:8/a"
    assert redact.address("git@example.org:a/b.git") == "git@example.org:a/b.git"


def test_the_quick_look_loads_nothing() -> None:
    """The training process pays for patterns only when something is suspected."""
    script = (
        "import sys; from madang.domain import redact; redact.suspect('x'); redact.command(['a', '--b=c']);"
        "redact.secret_name('x'); print('re' in sys.modules, 'madang.domain.secret_shapes' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", script], capture_output=True, text=True, check=False, env={}
    )
    if done.returncode:  # an editable installation needs `site`
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"


def test_names_are_cleaned_and_stay_apart() -> None:
    """A key may be a secret itself, at any depth; two secret names do not become one."""
    github = CORPUS["GitHub token"][1]
    other = github[:-1] + ("a" if github[-1] != "a" else "b")
    assert redact.names(["loss", github, other, "[redacted]"]) == ["loss", "[redacted] 2", "[redacted] 3", "[redacted]"]
    assert redact.names(["key/1", "token"]) == ["key/1", "token"]
    assert redact.mapping({github: 1, "a": [{github: 2}]}) == {redact.MASK: 1, "a": [{redact.MASK: 2}]}
