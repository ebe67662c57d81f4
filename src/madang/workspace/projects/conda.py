"""Environments of a `conda.yaml`: made by whichever of conda's programs is here, once for each such file.

Source of the format: conda's documentation, "Managing environments" (https://docs.conda.io/projects/conda/).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from madang.errors import CorruptData, NotFound, Unavailable
from madang.workspace.environments import requirements
from madang.workspace.environments.building import kept_in

_PROGRAMS = ("mamba", "conda", "micromamba")
# Their options for "do not ask" differ from release to release; the variables do not.
_UNASKED = {"CONDA_ALWAYS_YES": "true", "MAMBA_ALWAYS_YES": "true", "PIP_NO_INPUT": "1"}


def provide(path: str, env: Mapping[str, str], say: Callable[[str], None]) -> str:
    """The interpreter of the environment of a file; one that asks conda for nothing but Python is made without conda.

    Raises:
        NotFound: conda is needed and not installed, or a file is not there.
        Unavailable: conda cannot make it.
        CorruptData: it is not such a file.
    """
    listed = _dependencies(path)
    packages = [line for one in listed if isinstance(one, dict) for line in one.get("pip") or []]
    pinned = requirements.named(path, packages)
    python = _python_alone([str(one) for one in listed if not isinstance(one, dict)])
    if python is not None:
        return requirements.provide(requirements.PythonEnv(python, pinned), kept_in(env), say)
    program = env.get("CONDA_EXE") or next(
        (at for one in _PROGRAMS if (at := shutil.which(one, path=env.get("PATH")))), ""
    )
    if not program:
        raise NotFound(
            f"{path} asks for packages of conda, and conda is not installed here.",
            hint="Install conda or mamba, or take the present environment with --env local.",
        )
    with open(path, "rb") as file:
        made_of = hashlib.sha256(file.read() + "\n".join(pinned).encode()).hexdigest()
    place = os.path.join(kept_in(env), "conda-" + made_of[:32])

    def make() -> None:
        say(f"Making the conda environment of {path}…")
        done = subprocess.run(
            [program, "env", "create", "--quiet", "-p", place, "-f", path],
            env={**env, **_UNASKED}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode or not os.path.exists(os.path.join(place, "bin", "python")):
            said = (done.stderr or done.stdout).strip()[-500:] or "it made none with a Python in it"
            raise Unavailable(f"{os.path.basename(program)} cannot make the environment of {path}: {said}")

    return requirements.once(place, made_of, make)


def _dependencies(path: str) -> list[Any]:
    body = requirements.read_yaml(path)
    listed = body.get("dependencies") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        raise CorruptData(f"{path} does not describe an environment of conda.")
    return listed


def _python_alone(packages: list[str]) -> str | None:
    """The version of Python where conda is asked for nothing else (and pip); None when it is, or for a range."""
    python = ""
    for one in packages:
        name, _, version = one.replace("==", "=").partition("=")
        if name.strip() == "python":
            python = version.strip()
        elif name.strip().partition("<")[0].partition(">")[0] != "pip":
            return None
    return None if any(sign in python for sign in "<>*") else python
