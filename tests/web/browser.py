"""A real browser over a real server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

ROOT = Path(__file__).parents[2]
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # the cheapest first
PATIENCE = 120_000  # ms; the machine is busy with other tests
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
expect.set_options(timeout=PATIENCE)


def chromium() -> str:
    """The path of a Chromium of this machine; installed where it is missing."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        subprocess.run([str(ROOT / "scripts" / "install-test-tools")], check=True, timeout=280)
        found = next(filter(None, map(shutil.which, NAMES)))
    return found


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def serving(store: Path | None, cwd: Path | None = None) -> Iterator[str]:
    """`madang ui` over a store, or over that of a folder; gives the address that it prints, which opens it once."""
    command = [str(Path(sys.executable).with_name("madang")), "ui", "--no-browser"]
    if store is not None:
        command += ["--store", str(store)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, cwd=cwd
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(timeout=200)


@dataclass
class Visit:
    """One page with what went wrong on it: errors of scripts, refused by the content policy, requests elsewhere."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen from the start."""
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("request", self._asked)

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:
            self.errors.append(text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def open(self, path: str) -> Page:
        """Go to a path of the server."""
        self.page.goto(self.base + path)
        return self.page

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth"))
