"""Tiny packages, a folder as their index, and environments that have them. Nothing is asked of a network."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path


def build_wheel(folder: Path, name: str, version: str, files: dict[str, str], scripts: str = "") -> Path:
    """Write a wheel by hand (packaging.python.org, "Binary distribution format")."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
    rows = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in members.items()]
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in members.items():
            wheel.writestr(member, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def tiny(folder: Path, version: str, name: str = "tinypkg") -> Path:
    """A package whose only value is its version as a number, and a program that prints it."""
    body = f"VALUE = {float(version.split('+')[0])}\n\n\ndef main():\n    print(VALUE)\n"
    return build_wheel(folder, name, version, {f"{name}.py": body}, f"{name} = {name}:main")


def make_environment(folder: Path, *wheels: Path | str) -> Path:
    """A virtual environment with packages and no pip; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    if wheels:
        install(python, *wheels)
    return python


def install(python: Path, *wheels: Path | str, links: Path | None = None) -> None:
    """Install wheels, or requirements from a folder of wheels, into an environment."""
    found = ["--find-links", str(links)] if links else []
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index",
            "--force-reinstall", *found, *map(str, wheels),
        ],
        check=True,
    )  # fmt: skip
