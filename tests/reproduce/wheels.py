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
    """A package whose only value is its version as a number, and a program that writes it into a file of metrics."""
    program = "import json\n\n\ndef main():\n    json.dump({'value': VALUE}, open('metrics.json', 'w'))\n"
    body = f"VALUE = {float(version)}\n{program}"
    return build_wheel(folder, name, version, {f"{name}.py": body}, f"{name} = {name}:main")


def make_environment(folder: Path, *wheels: Path | str) -> Path:
    """A virtual environment with packages and no pip; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    if wheels:
        install(python, *wheels)
    return python


def install(python: Path, *wheels: Path | str, links: Path | None = None, by_pip: bool = False) -> None:
    """Install wheels, or requirements from a folder of wheels, into an environment: by uv, which is quick."""
    uv = str(Path(sys.executable).parent / "uv")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--force-reinstall"]
    command = pip if by_pip else [uv, "pip", "install", "--python", str(python), "--reinstall", "--no-cache"]
    found = ["--find-links", str(links)] if links else []
    subprocess.run([*command, "-q", "--no-deps", "--no-index", *found, *map(str, wheels)], check=True)


BACKEND = """\
import base64, hashlib, os, zipfile
NAME, VERSION = {name!r}, {version!r}


def _wheel(folder, files):
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    files = {{**files, f"{{info}}/METADATA": f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n",
             f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}}
    rows = []
    name = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            rows.append(f"{{path}},sha256={{digest}},{{len(text.encode())}}")
        wheel.writestr(f"{{info}}/RECORD", "\\n".join([*rows, f"{{info}}/RECORD,,", ""]))
    return name


def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{NAME + ".py": open(NAME + ".py").read()}})


def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{f"__{{NAME}}.pth": os.getcwd() + "\\n"}})
"""


def source_tree(folder: Path, name: str, version: str) -> Path:
    """The source of a package that is built by itself, without other packages."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(f"VALUE = {float(version)}\n")
    (folder / "backend.py").write_text(BACKEND.format(name=name, version=version))
    system = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(
        f'[build-system]\n{system}[project]\nname = "{name}"\nversion = "{version}"\n'
    )
    return folder
