"""One virtual environment for each peer, with its version pinned, and one with madang as a user gets it.

They lie in benchmarks/.venvs (ignored by Git) and are made again when a pin, or madang's source, changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = Path(__file__).resolve().parent / ".venvs"

PINS: dict[str, list[str]] = {
    "madang": [str(ROOT)],
    "expman": ["expman-rs==1.3.0"],
    "trackio": ["trackio==0.43.0"],
    "wandb": ["wandb==0.31.0"],
    "tensorboardx": ["tensorboardX==2.6.5", "tensorboard==2.21.0"],
    "mlflow": ["mlflow==3.17.2"],
    "dvc": ["dvc==3.67.1"],
}
_HOSTS = {"floor": "madang", "floor_msgpack": "madang", "madang_fill": "madang", "mlflow_fill": "mlflow"}


def python(peer: str) -> str:
    """The interpreter that has this peer installed; made first if need be."""
    name = _HOSTS.get(peer, peer)
    folder, stamp = VENVS / name, _stamp(name)
    mark = folder / "stamp"
    interpreter = folder / "bin" / "python"
    if not mark.exists() or mark.read_text() != stamp:
        print(f"installing {' '.join(PINS[name])} …", file=sys.stderr, flush=True)
        if name == "madang" or not interpreter.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS[name]]
        subprocess.run(pip, check=True)
        mark.write_text(stamp)
    return str(interpreter)


def program(peer: str, name: str) -> str:
    """A command that the peer's package installs."""
    return str(Path(python(peer)).parent / name)


def site_packages(peer: str) -> Path:
    (found,) = Path(python(peer)).parent.parent.glob("lib/python*/site-packages")
    return found


def versions() -> dict[str, str]:
    return {name: " ".join(pins) for name, pins in PINS.items() if name != "madang"}


def _stamp(name: str) -> str:
    if name != "madang":
        return " ".join([sys.version.split()[0], *PINS[name]])
    digest = hashlib.blake2b(sys.version.encode())
    for path in sorted([ROOT / "pyproject.toml", *(ROOT / "src").rglob("*")]):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()
