"""The web page in the package, seen without a browser."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import fields

from madang.formats import native

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web" / "src"
ENTRY = re.compile(r'^  "?([\w.]+)"?: "((?:[^"\\]|\\.)*)",$', re.MULTILINE)


def test_the_built_page_belongs_to_its_sources() -> None:
    """The committed page was built from the present web/, is as it was built, and within its size."""
    result = subprocess.run([sys.executable, ROOT / "scripts" / "ui", "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_page_has_no_inline_script_and_no_address_elsewhere() -> None:
    """The page's HTML runs nothing that the content policy forbids and loads nothing from another server."""
    html = (ROOT / "src" / "madang" / "_ui" / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|https?://|style=", html)


def _catalogue(language: str) -> dict[str, str]:
    return dict(ENTRY.findall((WEB / "messages" / f"{language}.ts").read_text()))


def test_catalogues_have_the_same_keys_and_values() -> None:
    """Every text is there in each language, with the same values to fill in."""
    english, korean = _catalogue("en"), _catalogue("ko")
    assert len(english) > 200
    assert english.keys() == korean.keys()
    slots = re.compile(r"\{\w+\}")
    assert [key for key in english if set(slots.findall(english[key])) != set(slots.findall(korean[key]))] == []


def test_no_text_outside_the_catalogues() -> None:
    """No component has a sentence of its own."""
    found = [
        f"{path.name}: {text}"
        for path in sorted(WEB.rglob("*.tsx"))
        for text in re.findall(r">\s*([A-Z][a-z]+(?: [a-z]+)*[.!?]?)\s*</", path.read_text())
    ]
    assert found == []


def _interface(name: str) -> set[str]:
    text = (WEB / "api" / "types.ts").read_text()
    body = re.search(rf"export interface {name} \{{\n(.*?)\n\}}", text, re.DOTALL)
    assert body is not None
    return set(re.findall(r"^  (\w+)\??:", body[1], re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "struct"),
    [("Run", native.Run), ("MetricSummary", native.Metric), ("MetricDefinition", native.Definition)],
)
def test_types_of_the_page_are_those_of_the_server(name: str, struct: type) -> None:
    """Each field that the page reads is one that the server writes."""
    assert _interface(name) <= {field.name for field in fields(struct)}
