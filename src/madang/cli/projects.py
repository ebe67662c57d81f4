"""`madang run PROJECT` at work: the entry point of an MLproject as a command to launch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from madang.cli import output
from madang.cli.launching import Job
from madang.domain.values import value
from madang.errors import NotFound, UsageError
from madang.formats import mlproject
from madang.formats.mlproject import EntryPoint
from madang.sdk.init import project_name
from madang.wiring_data import open_remote
from madang.workspace.arguments import parse_value
from madang.workspace.data.imports import getting
from madang.workspace.data.sources import addresses
from madang.workspace.projects import environments, opening


@value
class Asked:
    """What was typed."""

    uri: str
    entry_point: str
    version: str
    params: Sequence[str]  # name=value
    is_local: bool
    docker_args: Sequence[str]


@contextmanager
def job_of(asked: Asked, job: Job) -> Iterator[Job]:
    """The job that runs a project's entry point; what was fetched for it goes when the block ends.

    Raises:
        UsageError: a parameter is not NAME=VALUE.
        InvalidInput: a parameter is missing, or is not of its type.
        NotFound: there is no such project, entry point or file.
        Unavailable: the repository, a file or a package cannot be fetched.
    """
    given = _given(asked.params)
    with opening.opened(asked.uri, asked.version) as opened, _scratch() as scratch:
        if not opened.has_file and asked.entry_point == "main":
            raise NotFound(
                f"{opened.folder} has no file {mlproject.FILE}.",
                hint="Name a script of it with -e, or a command after `--`.",
            )
        entry = opened.project.entry_point(asked.entry_point)
        values = entry.values(given)
        command = mlproject.command_line(entry, _with_files(entry, values, opened.folder, scratch))
        place = environments.prepared(
            opened, command, job.env, local=asked.is_local, docker_args=asked.docker_args, say=output.note
        )
        told = {
            "mlflow.project.entryPoint": entry.name,
            "mlflow.project.env": environments.described(opened, local=asked.is_local),
            "mlflow.source.name": asked.uri if opened.is_copy else opened.folder,
            "mlflow.source.type": "PROJECT",
        }
        yield replace(
            job,
            command=place.command,
            env=place.env,
            folder=opened.folder,
            places=opened.places,
            project=job.project
            or job.env.get("MADANG_PROJECT", "")
            or project_name("", job.places.root or opened.folder),
            params={name: parse_value(text) for name, text in values.items()},
            tags={**told, **job.tags},
        )


def _given(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{pair!r} is not a parameter.", hint="Write -P name=value.")
        if name in found:
            raise UsageError(f"The parameter {name!r} is given twice.")
        found[name] = text
    return found


@contextmanager
def _scratch() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="madang-parameters-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_files(entry: EntryPoint, values: Mapping[str, str], folder: str, scratch: str) -> dict[str, str]:
    """The values as the command gets them: of a path where it lies, of one at an address where it was fetched to.

    A relative path is looked for from the present folder, then in the project.
    """
    found = dict(values)
    for place, (name, one) in enumerate(entry.parameters.items()):
        if one.type != "path":
            continue
        text = values[name].removeprefix("file://")
        lying = next((one for one in (text, os.path.join(folder, text)) if os.path.exists(one)), None)
        if lying is not None:
            whole = os.path.abspath(lying)
            is_inside = whole.startswith(folder.rstrip("/") + "/")  # then the command is the same in every copy of it
            found[name] = os.path.relpath(whole, folder) if is_inside else whole
        elif "://" in text:
            target = os.path.join(scratch, str(place), addresses.name_of(text))
            os.makedirs(os.path.dirname(target))
            output.note(f"Fetching {text}…")
            getting.get_url(text, target, open_remote)
            found[name] = target
        else:
            raise NotFound(f"The parameter {name} is a path, and there is nothing at {text!r}.")
    return found
