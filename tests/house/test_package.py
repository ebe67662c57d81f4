"""What the package says of itself."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from madang import errors
from madang.version import __version__

ROOT = Path(__file__).parents[2]


def test_one_version() -> None:
    """The package and pyproject.toml name the same release."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def test_every_dependency_has_its_line() -> None:
    """Each dependency is explained in docs/dependencies.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    names = [item.split(">")[0].split("[")[0].split(";")[0].strip() for item in wanted]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_error_codes_are_stable() -> None:
    """Codes are unique and none that was published has gone."""
    published = {
        "error", "invalid-input", "usage", "not-found", "conflict", "diverged", "refused", "unauthenticated",
        "access-denied", "too-large", "config", "not-a-workspace", "incompatible", "corrupt-data", "storage",
        "unavailable",
    }  # fmt: skip
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.MadangError)]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))
    assert published <= set(codes)


def test_import_is_light() -> None:
    """`import madang` loads the standard library only, and little of it."""
    script = "import sys; before = set(sys.modules); import madang; print(*sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"madang"}
    assert not loaded & {"asyncio", "subprocess", "sqlite3", "json", "dataclasses", "typing"}
