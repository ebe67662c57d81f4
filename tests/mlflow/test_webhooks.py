"""Webhooks by MLflow's own client, and what its receivers hear, whoever moves something."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from tests.mlflow.conftest import Hub, serving
from tests.mlflow.receiver import Receiver, receiving

from madang.config import HubConfig
from madang.domain import events
from madang.domain.access import Permission, local
from madang.domain.commands import CreateRun
from madang.domain.promotion import Rule
from madang.domain.webhooks import EVENTS, MLFLOW_EVENTS
from madang.services import deliveries
from madang.testing.hubs import free_port
from madang.testing.project import PROGRAM
from madang.wiring import open_hub

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's own: stages are deprecated
ME, SECRET, URL = local("me"), "S3cret-of-mine", "https://example.com/x"
OWN = [event for event in EVENTS if event not in MLFLOW_EVENTS]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An open hub whose operator lets webhooks reach this machine."""
    config = HubConfig(store=str(tmp_path_factory.mktemp("hub")), allow_webhook=("127.0.0.0/8", "192.0.2.0/24"))
    yield from serving(open_hub(config))


@pytest.fixture(autouse=True)
def _nothing_left(hub: Hub) -> Iterator[None]:
    yield
    for one in hub.engine.records.webhooks.all():
        hub.engine.records.webhooks.drop(one.id)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on this machine."""
    with receiving() as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts."""
    monkeypatch.setattr(deliveries, "PAUSES", (0,) * 6)


def asked(*names: str) -> list[Any]:
    """Events for the client."""
    return [WebhookEvent(*name.split(".")) for name in names or MLFLOW_EVENTS]


def listen(hub: Hub, receiver: Receiver, *names: str, **more: Any) -> str:
    """Have a receiver told of some events, or of our own."""
    wanted = {"name": "own", "url": receiver.url(), "events": list(names) or OWN, **more}
    assert hub.engine.webhooks is not None
    return hub.engine.webhooks.create(ME, wanted).id


def kept(hub: Hub, webhook: str) -> list[tuple[str, int, int]]:
    """State, attempts and last status of all messages of a webhook, newest first."""
    assert hub.engine.webhooks is not None
    return [(one.state, one.attempts, one.status) for one in hub.engine.webhooks.deliveries(ME, webhook)]


def test_webhooks_are_kept(client: MlflowClient, hub: Hub) -> None:
    """Made, listed by pages, changed in part, turned off and deleted; the secret is neither told nor readable."""
    made = client.create_webhook("one", "https://example.com/1", asked(), "what for", SECRET)
    assert (made.name, made.events, made.status, made.secret) == ("one", asked(), WebhookStatus.ACTIVE, None)
    others = [client.create_webhook(f"n{at}", f"https://example.com/{at}", asked("prompt.created")) for at in range(4)]
    page = client.list_webhooks(max_results=2)
    rest = client.list_webhooks(max_results=5, page_token=page.token)
    assert [one.webhook_id for one in [*page, *rest]] == [one.webhook_id for one in [*others[::-1], made]]
    while time.time_ns() // 1_000_000 <= made.last_updated_timestamp:
        time.sleep(0.001)
    changed = client.update_webhook(made.webhook_id, name="two", status=WebhookStatus.DISABLED, description="")
    assert (changed.name, changed.url, changed.events, changed.status) == (
        "two", "https://example.com/1", asked(), WebhookStatus.DISABLED,
    )  # fmt: skip
    assert changed.last_updated_timestamp > made.last_updated_timestamp
    texts = str(hub.ask("GET", "webhooks")) + str(hub.ask("GET", f"webhooks/{made.webhook_id}"))
    assert SECRET not in texts + str(hub.ask("GET", "/api/v1/webhooks"))
    store = Path(hub.engine.store.store)
    assert not [path for path in store.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert (store / "secrets.key").stat().st_mode & 0o777 == 0o600
    client.delete_webhook(made.webhook_id)
    for call in (client.get_webhook, client.delete_webhook, client.test_webhook):
        with pytest.raises(MlflowException, match="not found") as told:
            call(made.webhook_id)
        assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": ""}, "'name'"),
        ({"name": "-a"}, "is invalid"),
        ({"events": None}, "'events'"),
        ({"events": []}, "non-empty list"),
        ({"events": [{"entity": "PROMPT", "action": "SET"}]}, "Valid actions are: ['created']"),
        ({"events": [{"entity": "RUN", "action": "FINISHED"}]}, "Invalid entity"),
        ({"url": "http://8.8.8.8/x"}, "scheme"),
        ({"url": "https://169.254.169.254/"}, "non-public"),
        ({"status": "x"}, "'status'"),
    ],
)
def test_what_makes_no_sense_is_refused(hub: Hub, body: dict[str, Any], said: str) -> None:
    """With MLflow's code and words, and nothing is kept."""
    good = {"name": "a", "url": URL, "events": [{"entity": "PROMPT", "action": "CREATED"}]}
    status, told = hub.ask("POST", "webhooks", {**good, **body})
    assert (status, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert said in told["message"]
    assert hub.ask("GET", "webhooks?max_results=1001")[0] == 400
    assert not hub.engine.records.webhooks.all()


def test_mlflows_events_arrive(client: MlflowClient, receiver: Receiver) -> None:
    """Each with MLflow's data, signed, and once."""
    client.create_webhook("all", receiver.url(), asked(), secret=SECRET)
    client.create_registered_model("W", {"t": "1"}, "about W")
    client.create_model_version("W", "s3://b/m", "1234567890abcdef", {"v": "2"}, description="first")
    client.set_model_version_tag("W", "1", "k", "v")
    client.delete_model_version_tag("W", "1", "k")
    client.set_registered_model_alias("W", "Champion", "1")
    client.delete_registered_model_alias("W", "Champion")
    client.set_registered_model_tag("W", "of", "models")  # of which MLflow tells nobody
    client.create_prompt("P", "about P", {"t": "1"})
    client.create_prompt_version("P", "Hello {{name}}!", "first", {"v": "2"})
    client.set_prompt_tag("P", "k", "v")
    client.delete_prompt_tag("P", "k")
    client.set_prompt_version_tag("P", "1", "k", "v")
    client.delete_prompt_version_tag("P", "1", "k")
    client.set_prompt_alias("P", "best", 1)
    client.delete_prompt_alias("P", "best")
    heard = receiver.take(14)
    version = {"name": "W", "version": "1"}
    prompt = {"name": "P", "version": "1"}
    assert [(one.event, one.data) for one in heard] == [
        ("registered_model.created", {"name": "W", "tags": {"t": "1"}, "description": "about W"}),
        (
            "model_version.created",
            {
                **version, "source": "s3://b/m", "run_id": "1234567890abcdef", "tags": {"v": "2"},
                "description": "first",
            },
        ),
        ("model_version_tag.set", {**version, "key": "k", "value": "v"}),
        ("model_version_tag.deleted", {**version, "key": "k"}),
        ("model_version_alias.created", {**version, "alias": "Champion"}),
        ("model_version_alias.deleted", {"name": "W", "alias": "Champion"}),
        ("prompt.created", {"name": "P", "tags": {"t": "1"}, "description": "about P"}),
        (
            "prompt_version.created",
            {**prompt, "template": "Hello {{name}}!", "tags": {"v": "2"}, "description": "first"},
        ),
        ("prompt_tag.set", {"name": "P", "key": "k", "value": "v"}),
        ("prompt_tag.deleted", {"name": "P", "key": "k"}),
        ("prompt_version_tag.set", {**prompt, "key": "k", "value": "v"}),
        ("prompt_version_tag.deleted", {**prompt, "key": "k"}),
        ("prompt_alias.created", {**prompt, "alias": "best"}),
        ("prompt_alias.deleted", {"name": "P", "alias": "best"}),
    ]  # fmt: skip
    assert all(one.fits(SECRET) for one in heard)
    assert len({one.headers["x-mlflow-delivery-id"] for one in heard}) == 14
    assert not receiver.heard


def test_a_receiver_can_be_tried(client: MlflowClient, receiver: Receiver) -> None:
    """With MLflow's examples, of any event; what it answers is told, and why it does not."""
    made = client.create_webhook("tried", receiver.url(), asked("model_version.created"), secret=SECRET)
    result = client.test_webhook(made.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, '{"taken": true}')
    receiver.statuses.append(404)
    result = client.test_webhook(made.webhook_id, WebhookEvent.from_str("prompt_version_tag.set"))
    assert (result.success, result.response_status, result.error_message) == (False, 404, None)
    first, second = receiver.take(2)
    assert (first.fits(SECRET), first.data["source"]) == (True, "models:/123")
    assert second.data == {"name": "example_prompt", "version": "1", "key": "example_key", "value": "example_value"}
    client.update_webhook(made.webhook_id, url="http://127.0.0.1:1/x")
    result = client.test_webhook(made.webhook_id)
    assert not result.success
    assert "cannot be reached" in str(result.error_message)


@pytest.mark.usefixtures("quick")
def test_it_is_tried_again_where_that_may_help(client: MlflowClient, receiver: Receiver, hub: Hub) -> None:
    """After 5xx and 429 with the same id; a refusal ends it, a redirect too; somebody may look at what became of it."""
    made = client.create_webhook("flaky", receiver.url(), asked("registered_model.created"))
    assert hub.engine.webhooks is not None
    for statuses in ([500, 503, 429, 200], [400], [302], [502] * 7):
        receiver.statuses = list(statuses)
        client.create_registered_model(f"flaky-{len(statuses)}-{statuses[0]}")
        heard = receiver.take(len(statuses))
        assert len({one.headers["x-mlflow-delivery-id"] for one in heard}) == 1
        assert "x-mlflow-signature" not in heard[0].headers
    client.create_registered_model("flaky-last")
    receiver.take(1)
    until = time.monotonic() + 200
    while any(state == "pending" for state, *_ in kept(hub, made.webhook_id)):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert kept(hub, made.webhook_id)[::-1] == [
        ("delivered", 4, 200), ("failed", 1, 400), ("failed", 1, 302), ("failed", 7, 502), ("delivered", 1, 200),
    ]  # fmt: skip
    assert not receiver.heard


def test_every_way_counts(client: MlflowClient, receiver: Receiver, hub: Hub) -> None:
    """Stages and aliases moved by other clients, by rollback and by a rule are told with from, to, who and why."""
    listen(hub, receiver, "model_version_stage.moved", "model_version_alias.moved")
    engine = hub.engine
    client.create_registered_model("Ways")
    for number in (1, 2, 3):
        client.create_model_version("Ways", f"s3://b/{number}")
    client.transition_model_version_stage("Ways", "1", "Production")
    engine.registry.promote(ME, "Default", "Ways:v2", "production", "better")
    engine.reviews.rollback(ME, "Default", "Ways", "production", "worse")
    engine.registry.point(ME, "Default", "Ways", "best", 3, reason="nice")
    client.transition_model_version_stage("Ways", "2", "Production", archive_existing_versions=True)
    told = [
        tuple(one.data.get(key) for key in ("version", "alias", "from", "to", "by", "why")) for one in receiver.take(8)
    ]
    assert told == [
        ("1", None, "none", "production", "local", ""),
        ("1", None, "production", "none", "me", "better"),
        ("2", None, "none", "production", "me", "better"),
        ("2", None, "production", "none", "me", "rollback from v2: worse"),
        ("1", None, "none", "production", "me", "rollback from v2: worse"),
        (None, "best", None, "3", "me", "nice"),
        ("2", None, "none", "production", "local", ""),
        ("1", None, "production", "archived", "local", ""),
    ]
    engine.promotion.put_rules(ME, "Default", [Rule("f1", alias="top")])
    run = client.create_run("0").info.run_id
    client.log_metric(run, "f1", 0.5)
    client.create_model_version("Ways", "s3://b/4", run)
    client.set_terminated(run)
    engine.tracking.catch_up()
    (moved,) = receiver.take(1)
    assert (moved.data["alias"], moved.data["to"], moved.data["by"]) == ("top", "4", "rule")
    assert "f1 0.5" in moved.data["why"]
    listen(hub, receiver, "model_version.created", url=receiver.url("/linked"))
    source = engine.registry.resolve("Default", "Ways:v1")
    engine.links.link(ME, source, "wandb-registry-model", "Shown", ["best"])  # as W&B's client does
    (linked,) = receiver.take(1, "/linked")
    assert (linked.data["name"], linked.data["version"]) == ("Shown", "0")


def test_runs_are_told_of(client: MlflowClient, receiver: Receiver, hub: Hub) -> None:
    """That they end, once and without anybody reading them, and their alerts; what ended before is not."""
    before = client.create_run("0").info.run_id
    client.set_terminated(before)
    listen(hub, receiver)
    run = client.create_run("0", run_name="good").info.run_id
    client.log_metric(run, "a", 1)
    client.set_terminated(run)
    client.set_terminated(run)
    bad = client.create_run("0").info.run_id
    client.set_terminated(bad, "FAILED", end_time=1)
    ended = {one.data["run"]: one for one in receiver.take(2)}
    assert ended.keys() == {run, bad}
    assert (ended[run].event, ended[run].data["name"], ended[run].data["project"]) == (
        "run.finished",
        "good",
        "Default",
    )
    assert (ended[bad].event, ended[bad].data["status"]) == ("run.failed", "failed")
    client.update_run(run, "RUNNING")
    hub.engine.tracking.state(ME, run, [events.Alert("NaN", "loss", "warn")])
    hub.engine.tracking.catch_up()
    (alert,) = receiver.take(1)
    assert (alert.event, alert.data["title"], alert.data["level"]) == ("run.alert", "NaN", "warn")
    client.set_terminated(run, "KILLED")
    (again,) = receiver.take(1)
    assert (again.event, again.data["status"]) == ("run.failed", "killed")
    assert not receiver.heard


def test_several_hubs_deliver_once(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    """Two servers over one store share the work; each message comes once."""
    config = HubConfig(store=hub.engine.store.store, allow_webhook=("127.0.0.0/8",))
    for other in serving(open_hub(config)):
        listen(hub, receiver, "registered_model.created")
        for client in (MlflowClient(hub.address), MlflowClient(other.address)) * 10:
            client.create_registered_model(f"M{os.urandom(4).hex()}")
        heard = receiver.take(20)
        assert len({one.headers["x-mlflow-delivery-id"] for one in heard}) == 20
    assert not receiver.heard


def test_a_hub_that_is_killed_delivers_later(tmp_path: Path) -> None:
    """What was answered is told after SIGKILL, by the next hub, once its receiver is there again."""
    env = {key: text for key, text in os.environ.items() if not key.startswith("MADANG_")}
    command = [PROGRAM, "hub", "--store", str(tmp_path / "hub"), "--port", "0", "--allow-webhook", "127.0.0.0/8"]
    port = free_port()
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        client = MlflowClient(process.stdout.readline().strip())
        hub = Hub(client.tracking_uri, None, None)  # type: ignore[arg-type]
        made = client.create_webhook("later", f"http://127.0.0.1:{port}/hook", asked("registered_model.created"))
        client.create_registered_model("survivor")
        while not hub.ask("GET", f"/api/v1/webhooks/{made.webhook_id}/deliveries")[1]["deliveries"][0]["said"]:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    with receiving(port) as there, subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        (heard,) = there.take(1)
        assert heard.data["name"] == "survivor"
        process.kill()


def test_what_a_hub_left_half_done_is_taken_over(hub: Hub, receiver: Receiver) -> None:
    """A message that its hub had in hand when it died belongs to the next one once its time is over."""
    made = listen(hub, receiver, "registered_model.created", url="http://127.0.0.1:1/x")
    engine = hub.engine
    assert engine.outgoing is not None
    kept = engine.records.webhooks
    engine.models.create(ME, "Default", "left")
    while (held := kept.claim(made, 1 << 60, 1, "dead")) is None:  # the hub itself is trying
        pass
    assert engine.webhooks is not None
    engine.webhooks.change(ME, made, {"url": receiver.url()})
    (heard,) = receiver.take(1)
    assert heard.headers["x-mlflow-delivery-id"] == held.id


def test_who_may(tmp_path: Path, receiver: Receiver) -> None:
    """Admins: of a project for its own things, of the hub for everything; nobody else sees or makes one."""
    config = HubConfig(store=str(tmp_path / "hub"), allow_webhook=("127.0.0.0/8",))
    for guarded in serving(open_hub(config)):
        access = guarded.engine.access
        people = {
            name: {"authorization": f"Bearer {access.create_token(ME, name, level, projects)[1]}"}
            for name, level, projects in (
                ("root", Permission.ADMIN, None),
                ("owner", Permission.ADMIN, ["mine"]),
                ("writer", Permission.WRITE, None),
            )
        }
        body = {"name": "a", "url": receiver.url(), "events": ["run.finished"]}
        place = "/api/v1/webhooks"
        asked_for = {
            name: [guarded.ask("POST", place, {**body, **more}, headers=head)[0] for more in ({}, {"project": "mine"})]
            for name, head in people.items()
        }
        assert asked_for == {"root": [201, 201], "owner": [403, 201], "writer": [403, 403]}
        listed = {name: guarded.ask("GET", place, headers=head) for name, head in people.items()}
        assert [len(listed[name][1]["webhooks"]) for name in ("root", "owner")] == [3, 2]
        assert listed["writer"][0] == 403
        whole = next(one["id"] for one in listed["root"][1]["webhooks"] if not one["project"])
        for method, path in (("GET", whole), ("PATCH", whole), ("POST", f"{whole}/test"), ("DELETE", whole)):
            given: dict[str, Any] | None = {} if method in ("PATCH", "POST") else None
            assert guarded.ask(method, f"{place}/{path}", given, headers=people["owner"])[0] == 404
        mlflow = {"name": "b", "url": URL, "events": [{"entity": "PROMPT", "action": "CREATED"}]}
        codes = [
            guarded.ask("POST", "webhooks", mlflow, headers=people[name])[0] for name in ("writer", "owner", "root")
        ]
        assert codes == [403, 403, 200]
        assert guarded.ask("GET", "webhooks", headers=people["root"])[1]["webhooks"][0]["name"] == "b"
        guarded.engine.tracking.create(ME, "theirs", CreateRun(id="1" * 32))
        guarded.engine.tracking.create(ME, "mine", CreateRun(id="2" * 32))
        for run in ("1" * 32, "2" * 32):
            guarded.engine.tracking.state(ME, run, [events.Finished("finished")])
        assert sorted(one.data["project"] for one in receiver.take(4)) == ["mine", "mine", "mine", "theirs"]


def test_commands(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    """Made, listed, tried, changed, looked at and removed by command; Slack gets a line of text."""
    env = {**os.environ, "MADANG_HUB": hub.address}

    def madang(*words: str, code: int = 0, given: str = "") -> str:
        made = subprocess.run([PROGRAM, "webhooks", *words], env=env, input=given, capture_output=True, text=True)
        assert made.returncode == code, made.stderr
        return made.stdout + made.stderr

    assert "No webhooks yet" in madang("list")
    madang("create", "slack", receiver.url("/s"), "--slack", "-e", "run.failed", "-e", "registered_model.created")
    madang("create", "ci", receiver.url(), "--secret-file", "-", given=SECRET + "\n")
    assert "run.failed" in madang("list")
    madang("test", "ci", "--event", "run.alert")
    (heard,) = receiver.take(1)
    assert (heard.fits(SECRET), heard.data["title"]) == (True, "An example alert")
    madang("change", "ci", "--status", "disabled")
    hub.engine.models.create(ME, "Default", "slacked")
    (line,) = receiver.take(1, "/s")
    assert line.body == b'{"text": "registered model created: slacked"}'
    assert "delivered" in madang("deliveries", "slack")
    receiver.statuses.append(500)
    assert "answers with 500" in madang("test", "ci", code=1)
    madang("remove", "ci")
    assert "no webhook 'ci'" in madang("test", "ci", code=1)
