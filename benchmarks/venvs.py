"""One virtual environment for each peer, with its version pinned, and one with madang as a user gets it.

They lie in benchmarks/.venvs (ignored by Git) and are made again when a pin, or madang's source, changes.
"""

from __future__ import annotations

import functools
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
    "aim": ["aim==3.29.1"],
    "mlflow": ["mlflow==3.17.2"],
    "dvc": ["dvc==3.67.1"],
    "s3": [f"{ROOT}[cloud]", "dvc[s3]==3.67.1", "moto[server]==5.2.5"],  # both tools and the server they talk to
}
_OURS = ("madang", "s3")
_HOSTS = {
    "floor": "madang",
    "floor_msgpack": "madang",
    "madang_fill": "madang",
    "mlflow_fill": "mlflow",
    "mlflow_calls": "mlflow",
    "wandb_calls": "wandb",
    "wandb_runs": "wandb",
}


def measure_instead(folder: str) -> None:
    """Take madang from another checkout: of another release, or of a commit while this one is being edited."""
    for name in _OURS:
        PINS[name][0] = PINS[name][0].replace(str(ROOT), str(Path(folder).resolve()))


def python(peer: str) -> str:
    """The interpreter that has this peer installed; made first if need be."""
    return _python(_HOSTS.get(peer, peer))


@functools.cache  # one version for the whole of a run, whatever is edited meanwhile
def _python(name: str) -> str:
    folder, stamp = VENVS / name, _stamp(name)
    mark, interpreter = folder / "stamp", folder / "bin" / "python"
    was = mark.read_text().split("\n") if mark.exists() else ["", ""]
    if was != stamp:
        print(f"installing {name}: {' '.join(PINS[name])} …", file=sys.stderr, flush=True)
        if not interpreter.exists() or was[0] != stamp[0]:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            _pip(interpreter, *PINS[name])
        else:  # only our own source has changed
            _pip(interpreter, "--no-deps", "--force-reinstall", PINS[name][0])
        mark.write_text("\n".join(stamp))
    return str(interpreter)


def _pip(interpreter: Path, *what: str) -> None:
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check"]
    subprocess.run([str(interpreter), "-m", "pip", "install", *quiet, *what], check=True)


def program(peer: str, name: str) -> str:
    """A command that the peer's package installs."""
    return str(Path(python(peer)).parent / name)


def site_packages(peer: str) -> Path:
    (found,) = Path(python(peer)).parent.parent.glob("lib/python*/site-packages")
    return found


def versions() -> dict[str, str]:
    return {name: " ".join(pins) for name, pins in PINS.items() if name not in _OURS}


def _stamp(name: str) -> list[str]:
    """What an environment was made of: [interpreter and requirements, our own source]."""
    if name not in _OURS:
        return [" ".join([sys.version.split()[0], *PINS[name]]), ""]
    root = Path(PINS["madang"][0])
    needs = hashlib.blake2b((root / "pyproject.toml").read_bytes()).hexdigest()
    source = hashlib.blake2b()
    for path in sorted((root / "src").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            source.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return [" ".join([sys.version.split()[0], needs, *PINS[name][1:]]), source.hexdigest()]
