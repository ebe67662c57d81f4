"""Browser and servers are started once for a module; every test gets a page of its own.

The browser ends with its module: while it runs, its event loop is that of the thread, and the tests of servers that
xdist gives the same process next could begin none of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, StorageState
from tests.web import stores
from tests.web.browser import PATIENCE, Visit, launched, serving

from madang.testing.project import Project

MANY = 3_000
Visitor = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with launched() as found:
        yield found


def opened(browser: Browser, address: str) -> tuple[str, StorageState]:
    """The base address of a server that has read its store, and the cookie that the one-time address gave."""
    parts = urlsplit(address)
    base = f"{parts.scheme}://{parts.netloc}"
    context = browser.new_context()
    context.new_page().goto(address, timeout=PATIENCE)
    context.request.get(f"{base}/api/v1/projects", timeout=4 * PATIENCE)
    state = context.storage_state()
    context.close()
    return base, state


def visitor(browser: Browser, base: str, state: StorageState) -> Iterator[Visitor]:
    contexts = []

    def visit(**options: Any) -> Visit:
        settings = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", "storage_state": state, **options}
        context = browser.new_context(**settings)
        contexts.append(context)
        return Visit(context.new_page(), base)

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def few_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose runs were logged by the SDK: whole, failed, and with names that try to be markup."""
    folder = tmp_path_factory.mktemp("few")
    assert stores.train(folder, folder / "store", stores.TRAIN).wait(timeout=250) == 0
    stores.coloured_run(folder / "store")
    return folder / "store"


@pytest.fixture(scope="module")
def few_server(browser: Browser, few_store: Path) -> Iterator[tuple[str, StorageState]]:
    """`madang ui` over a few runs."""
    with serving(few_store) as address:
        yield opened(browser, address)


@pytest.fixture(scope="module")
def many_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, StorageState]]:
    """`madang ui` over thousands of runs."""
    store = tmp_path_factory.mktemp("many") / "store"
    stores.many_runs(store, MANY)
    with serving(store) as address:
        yield opened(browser, address)


@pytest.fixture(scope="module")
def data_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, StorageState]]:
    """`madang ui` over a repository with tracked data."""
    folder = tmp_path_factory.mktemp("data")
    project = Project(folder / "저장소", folder)
    stores.tracked_data(project)
    with serving(None, project.root) as address:
        yield opened(browser, address)


@pytest.fixture(scope="module")
def pipeline_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose pipeline was reproduced twice."""
    folder = tmp_path_factory.mktemp("pipelines")
    project = Project(folder / "pipes", folder)
    stores.reproduced(project)
    stores.staged(project.store)
    return project.root


@pytest.fixture(scope="module")
def pipeline_server(browser: Browser, pipeline_root: Path) -> Iterator[tuple[str, StorageState]]:
    """`madang ui` over reproductions."""
    with serving(None, pipeline_root) as address:
        yield opened(browser, address)


@pytest.fixture(scope="module")
def changed_project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, tuple[str, str]]:
    """A repository with two runs between which much has changed."""
    folder = tmp_path_factory.mktemp("changes")
    project = Project(folder / "changed", folder)
    return project, stores.changed(project)


@pytest.fixture(scope="module")
def changed_runs(changed_project: tuple[Project, tuple[str, str]]) -> tuple[str, str]:
    """The ids of the earlier and the later run."""
    return changed_project[1]


@pytest.fixture(scope="module")
def changed_server(
    browser: Browser, changed_project: tuple[Project, tuple[str, str]]
) -> Iterator[tuple[str, StorageState]]:
    """`madang ui` over them."""
    with serving(None, changed_project[0].root) as address:
        yield opened(browser, address)


@pytest.fixture
def changed(browser: Browser, changed_server: tuple[str, StorageState]) -> Iterator[Visitor]:
    """Opens pages over the two runs."""
    yield from visitor(browser, *changed_server)


@pytest.fixture
def pipelines(browser: Browser, pipeline_server: tuple[str, StorageState]) -> Iterator[Visitor]:
    """Opens pages over reproductions."""
    yield from visitor(browser, *pipeline_server)


@pytest.fixture
def data(browser: Browser, data_server: tuple[str, StorageState]) -> Iterator[Visitor]:
    """Opens pages over tracked data."""
    yield from visitor(browser, *data_server)


@pytest.fixture
def few(browser: Browser, few_server: tuple[str, StorageState]) -> Iterator[Visitor]:
    """Opens pages over a few runs."""
    yield from visitor(browser, *few_server)


@pytest.fixture
def many(browser: Browser, many_server: tuple[str, StorageState]) -> Iterator[Visitor]:
    """Opens pages over thousands of runs."""
    yield from visitor(browser, *many_server)
