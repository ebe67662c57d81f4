"""The house rules that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

import madang

PACKAGE = Path(madang.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def test_modules_are_small() -> None:
    """No module has more than 500 lines."""
    too_long = {str(path): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > 500}
    assert not too_long


def test_functions_are_small() -> None:
    """No function has more than 80 lines."""
    too_long = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
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
            for node in ast.walk(ast.parse(path.read_text())):
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
    """`except Exception` stands only where a lint exemption with its reason stands beside it."""
    found = []
    for path in MODULES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            bare = line.strip().startswith(("except Exception", "except BaseException", "except:"))
            if bare and "noqa: BLE001" not in line and "raise" not in line:
                found.append(f"{path}:{number}")
    assert not found
