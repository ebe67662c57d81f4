"""Change pipelines: ``stage add``, ``freeze`` and ``unfreeze``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable, value
from madang.durable import write_file
from madang.errors import InvalidInput, Refused
from madang.formats.dvc import dvcfile, stage_editing, yamltext
from madang.formats.dvc.parameters import DEFAULT_FILE
from madang.workspace.data.files.committing import record_text
from madang.workspace.data.records.outs import PIPELINE, chosen, stages
from madang.workspace.data.records.stages import PipelineFile, Stage
from madang.workspace.data.records.trees import WorkTree
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines import recording
from madang.workspace.pipelines.graph import Graph

_REMOTE = "remote://"
_FORBIDDEN = frozenset(r"""!"#$%&'()*+,./:;<=>?@[\]^`{|}~""")


@value
class NewOut:
    """An output of a new stage."""

    path: str
    kind: str = "outs"  # or "metrics", "plots"
    cache: bool = True
    persist: bool = False


@value
class NewStage:
    """A stage to be written."""

    name: str
    cmd: str
    wdir: str = ""  # from the present folder
    deps: Sequence[str] = ()
    params: Sequence[str] = ()  # ``key,key`` or ``file:key,key``
    outs: Sequence[NewOut] = ()
    always_changed: bool = False
    desc: str = ""


@mutable
class Edited:
    """What changed."""

    file: str
    git_files: list[str] = field(default_factory=list)


def add_stage(repository: Repository, new: NewStage, *, force: bool) -> Edited:
    """Write a stage into the ``dvc.yaml`` of the present folder; git ignores its cached outputs from now on.

    Raises:
        InvalidInput: a name or path that cannot be, outputs that overlap with others', a circle.
        ConfigError: a dependency in a remote that does not exist.
        Refused: there is a stage of this name, and not ``force``.
    """
    if not new.name or not _FORBIDDEN.isdisjoint(new.name):
        raise InvalidInput(f"{new.name!r} cannot be the name of a stage.", hint="Letters, digits, - and _ can.")
    if not new.cmd.strip():
        raise InvalidInput("The stage has no command.", hint="madang stage add -n NAME … COMMAND")
    path = os.path.abspath(PIPELINE)
    done = Edited(path)
    with hold(repository):
        before = record_text(path)
        present = yamltext.load(before, PIPELINE) if before.strip() else {}
        if new.name in ((present or {}).get("stages") or {}) and not force:
            raise Refused(f"{PIPELINE} has a stage {new.name!r} already.", hint="--force replaces it.")
        text = stage_editing.with_stage(before, PIPELINE, new.name, as_value(new))
        stage = _checked(repository, path, text, new.name)
        write_file(path, text.encode())
        done.git_files = [path, *recording.hide(repository, stage)]
    return done


def as_value(new: NewStage) -> dict[str, Any]:
    """The stage as dvc writes it."""
    wdir = os.path.normpath(new.wdir) if new.wdir else ""
    found = {
        "desc": new.desc,
        "cmd": new.cmd,
        "wdir": "" if wdir == "." else wdir.replace(os.sep, "/"),
        "deps": sorted(new.deps),
        "params": _params(new.params),
        **{kind: _outs(new.outs, kind) for kind in ("outs", "metrics", "plots")},
        "always_changed": new.always_changed,
    }
    return {key: value for key, value in found.items() if value}


def _params(given: Sequence[str]) -> list[Any]:
    keys: dict[str, list[str]] = {}
    for one in given:
        file, colon, names = one.rpartition(":")
        found = keys.setdefault(file if colon else DEFAULT_FILE, [])
        found.extend(name for name in names.split(",") if name)
    plain: list[Any] = sorted(dict.fromkeys(keys.get(DEFAULT_FILE, ())))
    others = [
        {file: sorted(dict.fromkeys(names)) or None}
        for file, names in sorted(keys.items())
        if file != DEFAULT_FILE or not names
    ]
    return [*plain, *others]


def _outs(outs: Sequence[NewOut], kind: str) -> list[Any]:
    found: list[Any] = []
    for out in sorted((out for out in outs if out.kind == kind), key=lambda out: out.path):
        flags = {key: value for key, value in (("cache", False), ("persist", True)) if getattr(out, key) is value}
        found.append({out.path: flags} if flags else out.path)
    return found


def _checked(repository: Repository, path: str, text: str, name: str) -> Stage:
    """The stage as it would be read, and that it fits into the pipelines."""
    relative = repository.relative(path).replace(os.sep, "/")
    try:
        stage = PipelineFile(repository, WorkTree(repository), relative, text.encode()).stage(name)
    except InvalidInput as error:
        raise InvalidInput(f"The stage {name!r} cannot be: {error.message}", hint=error.hint) from None
    read = {dep.path for dep in stage.deps}
    for path in read:
        if path.endswith((dvcfile.SUFFIX, os.sep + PIPELINE)):  # with it dvc would not read the file at all
            raise InvalidInput(f"{os.path.relpath(path)} cannot be read by a stage: it is a record.",
                               hint="Name the data itself.")  # fmt: skip
        if path.startswith(_REMOTE):
            repository.settings.remote(path.removeprefix(_REMOTE).partition("/")[0])
    both = next((out.path for out in stage.outs if out.path in read), None)
    if both is not None:
        raise InvalidInput(f"{os.path.relpath(both)} is both read and written by {name!r}.", hint="Choose one.")
    others = [one for one in stages(repository) if (one.file, one.name) != (stage.file, stage.name)]
    Graph([*others, stage])
    return stage


def set_frozen(repository: Repository, targets: Sequence[str], *, frozen: bool) -> list[str]:
    """Freeze or unfreeze stages and ``.dvc`` files. Returns changed files.

    Raises:
        NotFound: a target that is nothing. Refused: a stage that a template makes.
    """
    changed: dict[str, None] = {}
    with hold(repository):
        for one in chosen(repository, targets):
            file = one.stage.file
            before = record_text(file)
            text = stage_editing.with_frozen(before, os.path.relpath(file), one.stage.name, frozen=frozen)
            if text != before:
                write_file(file, text.encode())
                changed[file] = None
    return list(changed)


def describe(stage: Stage, flags: Mapping[str, Any] | None = None) -> str:
    """One line about a stage, as dvc has it."""
    if stage.desc and (line := next((line for line in stage.desc.splitlines() if line), "")):
        return line.strip()
    read = [dep.written for dep in stage.deps] + [one.written for one in stage.params]
    if not stage.outs:
        return f"Depends on {', '.join(read)}" if read else "No outputs or dependencies"
    made = [out.entry.path for out in stage.outs if out.entry.kind == "out"]
    reports = [out.entry.path for out in stage.outs if out.entry.kind != "out"]
    parts = [f"Outputs {', '.join(made)}"] * bool(made) + [f"Reports {', '.join(reports)}"] * bool(reports)
    return "; ".join(parts)
