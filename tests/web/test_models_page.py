"""The page of a protected model: requests with what the gates found, rollback, history, versions by metric."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect
from tests.mlflow.conftest import Hub, serving
from tests.registry.conftest import ADMIN, KIM, NAME, P, pointer, version
from tests.web.browser import Visit

from madang.config import HubConfig
from madang.domain.access import Permission
from madang.domain.commands import CreateRun
from madang.domain.reviews import Protection
from madang.wiring import Engine, open_hub

PAGE = f"/p/{quote(P)}/models/{quote(NAME)}"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A hub with three versions, production at the first two in turn, and a request for the third."""
    made = open_hub(HubConfig(store=str(tmp_path / "hub")))
    for score in (0.5, 0.7, 0.9):
        version(made, score)
    for number in (1, 2):
        made.registry.promote(KIM, P, f"{NAME}:v{number}", "production", f"reason {number}")
    made.reviews.protect(ADMIN, Protection(P, NAME, "production", ("lee",), gates=("val/f1 > current + 0.1",)))
    made.reviews.request(KIM, P, f"{NAME}:v3", "production", "더 좋다")
    return made


@pytest.fixture
def hub(engine: Engine) -> Iterator[Hub]:
    """It answers whoever has a token."""
    yield from serving(engine, guarded=True)


@pytest.fixture
def visit(hub: Hub, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """The page of the model as somebody with a token sees it."""
    contexts = []

    def opened(name: str, level: Permission = Permission.WRITE, **options: object) -> Visit:
        secret = hub.engine.access.create_token(ADMIN, name, level, [P])[1]
        settings = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options}
        context = browser.new_context(**settings)  # type: ignore[arg-type]
        session = hub.engine.access.open_session(secret)[1]
        context.add_cookies([{"name": hub.policy.cookie, "value": session, "url": hub.address}])
        contexts.append(context)
        made = Visit(context.new_page(), hub.address)
        made.open(PAGE)
        expect(made.page.get_by_role("heading", level=1)).to_have_text(NAME)
        return made

    yield opened
    for context in contexts:
        context.close()


def test_a_reviewer_approves_and_rolls_back(visit: Callable[..., Visit], engine: Engine) -> None:
    """The request shows reason and gates; approving moves production; rolling back says first where it goes."""
    found = visit("lee")
    page = found.page
    card = page.get_by_role("article", name=re.compile("request 1"))
    expect(card).to_contain_text("더 좋다")
    expect(card).to_contain_text("val/f1 > current + 0.1")
    expect(card).to_contain_text("pending")
    page.get_by_role("link", name="1 request waits for your word").click()
    page.get_by_role("link", name=re.compile(f"{NAME}.*더 좋다")).click()
    card.get_by_role("textbox").fill("looks right")
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("promoted")
    assert pointer(engine) == 3
    expect(page.get_by_role("link", name=re.compile("waits? for your word"))).to_have_count(0)
    expect(page.get_by_role("row", name=re.compile("request 1 of kim, approved by lee"))).to_be_visible()
    page.get_by_role("button", name="Roll back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("from v3 to v2")
    assert pointer(engine) == 3
    dialog.get_by_role("textbox").fill("worse in the shop")
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("row", name=re.compile("rollback from v3: worse in the shop"))).to_be_visible()
    assert pointer(engine) == 2
    assert found.errors == []


@pytest.mark.parametrize(("width", "scheme", "locale"), [(1440, "dark", "ko-KR"), (390, "light", "ko-KR")])
def test_others_only_see_it(visit: Callable[..., Visit], width: int, scheme: str, locale: str) -> None:
    """Who is no reviewer has no buttons to decide; the metrics of all versions and the whole history stand there."""
    window = {"width": width, "height": 844}
    found = visit("guest", Permission.READ, viewport=window, color_scheme=scheme, locale=locale)
    page = found.page
    card = page.get_by_role("article", name=re.compile("요청 1"))
    expect(card).to_contain_text("대기 중")
    expect(card.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("row", name=re.compile(r"val.f1 0.5 0.7 0.9"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"val.f1: v1 0.5, v2 0.7, v3 0.9"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("reason 2"))).to_be_visible()
    assert found.overflow() <= 0
    assert found.errors == []


def test_to_promote_is_to_ask(visit: Callable[..., Visit], engine: Engine) -> None:
    """Where a pointer is protected the button makes a request."""
    page = visit("park").page
    page.get_by_role("button", name=re.compile("^Promote")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("is protected")
    dialog.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_text("Request 1: Production to v3.")).to_be_visible()
    assert pointer(engine) == 2


FORMULAS = [
    "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "=HYPERLINK(0)", "a;=1+1", "b;;@SUM(1)", '";=1+1', "x;\u3000=1",
    "＝1+1", " =1",
]  # fmt: skip


def test_no_cell_of_an_export_is_a_formula(visit: Callable[..., Visit], engine: Engine) -> None:
    """Names of runs that begin like a formula do not in the CSV file, whichever sign a spreadsheet splits at."""
    for text in FORMULAS:
        engine.tracking.create(ADMIN, P, CreateRun(name=text.replace("@", "="), config={"p": text}))
    page = visit("reader", Permission.READ).page
    page.goto(page.url.rpartition("/models/")[0])
    page.get_by_role("button", name="More").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert "SUM" in text
    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            for cell in row:
                for part in (cell, cell.strip(" \u3000\"'")):
                    is_number = re.fullmatch(r"[+-]?[0-9.e+-]+", part)
                    assert is_number or part[:1] not in tuple("=+-@＝＋－＠") or cell.startswith("'"), (separator, cell)
