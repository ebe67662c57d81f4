"""Which interpreter repeats a run: the present one if it is as recorded, else one that is made from the record."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from madang.domain.environments import Lock, counts, differences, lock_of
from madang.domain.events import Environment
from madang.domain.redact import MASK
from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.workspace import environment, gpu
from madang.workspace.environments import interpreters
from madang.workspace.environments.building import Environments
from madang.workspace.environments.interpreters import Interpreter

Mode: TypeAlias = Literal["auto", "rebuilt", "current"]


@mutable
class Chosen:
    """What the repetition runs in, how that differs from the record, and what is missing."""

    python: str = ""  # empty: the command brings its own
    is_rebuilt: bool = False
    differences: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    digest: str = ""  # of the recorded environment


def choose(run: RunRecord, env: Mapping[str, str], mode: Mode, environments: Environments) -> Chosen:
    """Find or make the environment of a run. ``env`` is the one in which its command would run.

    Raises:
        StorageError: the disk refused. ConfigError: there is nothing to install packages with.
    """
    recorded = run.environment
    if recorded is None:
        present = next(_present(run, env), None)
        text = "the environment of the run was not recorded"
        return Chosen(present.path if present else "", differences=[text])
    found = _chosen(run, lock_of(recorded), env, mode, environments)
    _check_machine(recorded, found, mode)
    _check_variables(recorded.variables, env, found, mode)
    return found


def _chosen(run: RunRecord, lock: Lock, env: Mapping[str, str], mode: Mode, environments: Environments) -> Chosen:
    if not lock.python:
        return Chosen(digest=lock.digest)  # no Python was found at the time: the command is another program
    known: list[Interpreter] = []
    nearest: list[str] = []
    for one in _present(run, env):
        known.append(one)
        unlike = differences(lock, one.python, [(it.name, it.version, it.origin) for it in one.packages])
        nearest = nearest or unlike
        if mode == "current" or (mode == "auto" and not any(map(counts, unlike))):
            return Chosen(one.path, differences=unlike, digest=lock.digest, notes=_elsewhere(run, one))
    if mode == "current":
        return Chosen(missing=["Python: there is none here"], digest=lock.digest)
    built = environments.provide(lock, known, run.root, anew=mode == "rebuilt")
    if built.missing:
        return Chosen(differences=nearest, missing=built.missing, digest=lock.digest)
    return Chosen(built.python, True, built.differences, [], built.notes, lock.digest)


def _present(run: RunRecord, env: Mapping[str, str]) -> Iterator[Interpreter]:
    """The environments of this machine that may be the run's: its own first."""
    variables = run.environment.variables if run.environment else {}
    named = [run.executable]
    if variables.get("VIRTUAL_ENV"):
        named.append(os.path.join(variables["VIRTUAL_ENV"], "bin", "python"))
    path = env.get("PATH", "")
    named += [shutil.which(name, path=path) or "" for name in ("python", "python3")]
    seen: set[tuple[str, str]] = set()
    for executable in named:
        place = (os.path.dirname(executable), os.path.realpath(executable))
        if not executable or place in seen or not os.access(executable, os.X_OK):
            continue
        seen.add(place)
        one = interpreters.look(executable, env)
        if one is not None:
            yield one


def _elsewhere(run: RunRecord, one: Interpreter) -> list[str]:
    if not run.executable or one.path == run.executable:
        return []
    return [f"{one.path} is used, as recorded but for its place; the run's own was {run.executable}"]


def _check_machine(recorded: Environment, found: Chosen, mode: Mode) -> None:
    """A run that had a GPU at hand is not repeated without one, unless the user takes the machine as it is."""
    cpu = environment.processor()
    if recorded.cpu and recorded.cpu != cpu:
        found.differences.append(f"cpu: {recorded.cpu} → {cpu}")
    hidden = recorded.variables.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    if not recorded.gpus or hidden:
        return
    present = gpu.describe().names
    if present == recorded.gpus:
        return
    lack = f"{', '.join(recorded.gpus)} → {', '.join(present) or 'none'}"
    if not present and mode != "current":
        found.missing.append(f"GPU: the run had {', '.join(recorded.gpus)}, and there is none here")
    else:
        found.differences.append(f"gpu: {lack}")


def _check_variables(recorded: Mapping[str, str], env: Mapping[str, str], found: Chosen, mode: Mode) -> None:
    """A secret that the run was given has to be given again; nobody recorded it."""
    for name, text in sorted(recorded.items()):
        if MASK in text and not env.get(name):
            lack = f"the variable {name}: its value was not recorded, as it is a secret, and it is not set here"
            (found.differences if mode == "current" else found.missing).append(lack)
