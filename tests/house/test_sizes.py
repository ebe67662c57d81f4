"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import madang

PACKAGE = Path(madang.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
_parsed: dict[Path, list[ast.AST]] = {}


def nodes(path: Path) -> Iterator[ast.AST]:
    """What stands in a module and is asked about here; parsed once for all tests."""
    asked = (ast.Import, ast.ImportFrom, ast.Call, ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef)
    if path not in _parsed:
        _parsed[path] = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, asked)]
    yield from _parsed[path]


def test_modules_are_small() -> None:
    """No module has more than 500 lines."""
    too_long = {str(path): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > 500}
    assert not too_long


def test_functions_are_small() -> None:
    """No function has more than 80 lines."""
    too_long = []
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 80:
                    too_long.append(f"{path.name}:{node.lineno} {node.name} ({lines})")
    assert not too_long


def test_the_server_side_never_unpickles_or_evaluates() -> None:
    """No module of the server imports pickle, marshal, shelve or joblib, or calls eval or exec."""
    found = []
    for layer in ("server", "edges", "services", "backends", "formats", "domain", "ports"):
        for path in (PACKAGE / layer).rglob("*.py"):
            for node in nodes(path):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    names = [node.func.id]
                forbidden = {"pickle", "cloudpickle", "marshal", "shelve", "joblib", "dill", "eval", "exec"}
                if forbidden & {name.split(".")[0] for name in names}:
                    found.append(f"{path}:{getattr(node, 'lineno', 0)}")
    assert not found


def test_no_broad_except() -> None:
    """`except Exception` stands only where the error is raised again, or beside a lint exemption with its reason."""
    found = []
    for path in MODULES:
        lines = path.read_text().splitlines()
        for node in nodes(path):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            )
            raised = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if broad and not raised and "noqa: BLE001" not in lines[node.lineno - 1]:
                found.append(f"{path}:{node.lineno}")
    assert not found


def test_exemptions_have_reasons() -> None:
    """Whatever is exempt from a lint rule says why."""
    marks = re.compile(r"#\s*noqa(: [A-Z0-9, ]+)?$")
    found = []
    for path in MODULES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if marks.search(line):
                found.append(f"{path}:{number}")
    assert not found


def test_classes_are_learnt_before_msgspec_decodes_into_them() -> None:
    """No module hands msgspec a class of ours but by `learnt`: two threads that decode into a new one would crash."""
    found = []
    for path in MODULES:
        for node in nodes(path):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in ("decode", "convert") or not ast.unparse(node.func).startswith("msgspec."):
                continue
            kinds = [*node.args[1:], *(item.value for item in node.keywords if item.arg == "type")]
            safe = ("learnt(", "list[", "dict[", "tuple[")  # what is built in has no table to be learnt
            found += [f"{path}:{node.lineno}" for kind in kinds if not ast.unparse(kind).startswith(safe)]
    assert not found
