"""What a project's command runs in: the present environment, one made as the project says, or a container."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence

from madang.domain.values import value
from madang.errors import InvalidInput, NotFound
from madang.workspace.environments import requirements
from madang.workspace.environments.building import kept_in
from madang.workspace.projects import conda
from madang.workspace.projects.opening import Opened

_IN_CONTAINER = "/mlflow/projects/code"  # where MLflow has a project's folder in a container
_TOLD = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")


@value
class Place:
    """The command, and the environment variables that it is started with."""

    command: list[str]
    env: dict[str, str]


def prepared(
    opened: Opened,
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    local: bool,
    docker_args: Sequence[str],
    say: Callable[[str], None],
) -> Place:
    """Make the environment that a project wants; with ``local`` the present one is taken.

    Raises:
        NotFound: docker, or conda, is not installed.
        Unavailable: packages cannot be fetched.
        CorruptData: the description of the environment cannot be read.
        InvalidInput: there is no container that options would be for.
    """
    kind = "" if local else opened.project.environment
    if docker_args and kind != "docker":
        raise InvalidInput("Options for docker are given, and the project does not run in a container.")
    if kind == "docker":
        return Place(_container(opened, command, env, docker_args), dict(env))
    if not kind:
        return Place(list(command), dict(env))
    path = os.path.join(opened.folder, opened.project.file)
    if kind == "python":
        python = requirements.provide(requirements.read(path), kept_in(env), say)
    else:
        python = conda.provide(path, env, say)
    folder = os.path.dirname(python)
    return Place(
        list(command),
        {
            **{name: text for name, text in env.items() if name not in ("PYTHONHOME", "CONDA_PREFIX")},
            "PATH": folder + os.pathsep + env.get("PATH", ""),
            "VIRTUAL_ENV": os.path.dirname(folder),
        },
    )


def _container(opened: Opened, command: Sequence[str], env: Mapping[str, str], options: Sequence[str]) -> list[str]:
    """The call of docker. The project's folder is mounted, and the network is that of this machine: madang listens."""
    docker = shutil.which("docker", path=env.get("PATH"))
    if not docker:
        raise NotFound(
            f"The project runs in the image {opened.project.docker['image']!r}, and docker is not installed here.",
            hint="Install docker, or take the present environment with --env local.",
        )
    told = opened.project.docker
    words = [docker, "run", "--rm", "--network", "host"]
    words += ["-v", f"{opened.folder}:{_IN_CONTAINER}", "-w", _IN_CONTAINER]
    for volume in told.get("volumes") or []:
        words += ["-v", volume]
    for variable in (*_TOLD, *(told.get("environment") or [])):
        words += ["-e", variable if isinstance(variable, str) else f"{variable[0]}={variable[1]}"]
    for option in options:
        name, equals, text = option.partition("=")
        words += [f"--{name}", text] if equals else [f"--{name}"]
    return [*words, told["image"], *command]


def described(opened: Opened, *, local: bool) -> str:
    """What a project runs in, in one word, as MLflow calls it."""
    kind = "" if local else opened.project.environment
    return {"": "local", "python": "virtualenv", "conda": "conda", "docker": "docker"}[kind]
