"""The recorded command, its variables and its paths, as they are in the new work tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from urllib.parse import unquote

from madang.domain.redact import MASK
from madang.domain.runs import RunRecord
from madang.errors import Refused
from madang.workspace.capture import is_source

# Variables of the record that change results and say nothing about the machine: they are set for the repetition.
_KEPT = frozenset((
    "CUBLAS_WORKSPACE_CONFIG", "LANG", "LC_ALL", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8",
    "TOKENIZERS_PARALLELISM", "TZ", "XLA_FLAGS",
))  # fmt: skip
_LONGEST_LINE = 1000  # bytes of a `#!` line
_KEPT_PREFIXES = (
    "BLIS_", "CUDNN_", "GOTO_", "JAX_", "KMP_", "MKL_", "NUMBA_", "NUMEXPR_", "OMP_", "OPENBLAS_", "PYTORCH_", "TF_",
    "TORCH_", "TRANSFORMERS_", "VECLIB_",
)  # fmt: skip


def command_of(run: RunRecord, root: str, python: str = "") -> tuple[list[str], str]:
    """(command, folder): the recorded command in the new work tree, by ``python`` where it is a Python's.

    A program of the run's own environment, such as ``torchrun``, becomes the one of the environment of ``python``.
    """
    command = [_moved(word, run.root, root) for word in run.command]
    below = os.path.relpath(run.cwd, run.root) if run.cwd and run.root else "."
    folder = os.path.normpath(os.path.join(root, below)) if below != ".." and not below.startswith("../") else root
    if command and python:
        beside = os.path.join(os.path.dirname(python), os.path.basename(command[0]))
        if run.executable and _is_python(command[0]):
            command[0] = python
        elif os.path.dirname(os.path.join(run.cwd, run.command[0])) in _programs_of(run) and os.access(beside, os.X_OK):
            command[0] = beside
        elif run.executable and python != run.executable:
            command[:0] = _named_python(os.path.join(folder, command[0]), python)
    return command, folder


def _named_python(script: str, python: str) -> list[str]:
    """What has to stand before a script whose first line names a Python by its path, for it to run by another one."""
    try:
        with open(script, "rb") as file:
            line = os.fsdecode(file.readline(_LONGEST_LINE))
    except OSError:
        return []
    words = line[2:].split() if line.startswith("#!/") else []
    return [python, *words[1:]] if words and _is_python(words[0]) else []


def _programs_of(run: RunRecord) -> set[str]:
    """The folders of the programs of the run's own environment."""
    variables = run.environment.variables if run.environment is not None else {}
    active = variables.get("VIRTUAL_ENV", "")
    return {os.path.dirname(run.executable), os.path.join(active, "bin") if active else ""} - {""}


def outside_script(run: RunRecord) -> str:
    """The script that the command starts, where it lies outside of the work tree: nothing of it is on record."""
    if not run.root or not _is_interpreter(run.command[0]):
        return ""
    for place, word in enumerate(run.command[1:], 1):
        if word in ("-c", "-m") and run.command[place - 1] not in ("-W", "-X"):
            return ""
        if is_source(word) and not word.startswith("-"):
            whole = os.path.normpath(os.path.join(run.cwd or run.root, word))
            return "" if whole.startswith(run.root.rstrip("/") + "/") else whole
    return ""


def _is_interpreter(word: str) -> bool:
    return os.path.basename(word).startswith(
        ("python", "pypy", "bash", "sh", "zsh", "Rscript", "julia", "perl", "ruby")
    )


def _is_python(word: str) -> bool:
    return os.path.basename(word).startswith(("python", "pypy"))


def _moved(word: str, before: str, root: str) -> str:
    """An absolute path below the original work tree as the path in the new one."""
    if not before or before not in word:
        return word
    start = before.rstrip("/")
    if word == start or word.startswith(start + "/"):
        return root + word[len(start) :]
    return word.replace(f"={start}/", f"={root}/")


def inside(run: RunRecord, path: object, folder: str, root: str) -> str:
    """A path that the run's own record names, such as where it writes its metrics, as seen from ``folder``.

    Raises:
        Refused: it leads out of the work tree ``root``, to what is not the run's.
    """
    if not isinstance(path, str) or "\0" in path:
        raise Refused(f"The run names {path!r:.200} as a file that it writes.")
    whole = os.path.normpath(os.path.join(folder, _moved(path, run.root, root)))
    if not whole.startswith(root.rstrip("/") + "/"):
        raise Refused(f"The run says that it writes {path[:200]!r}, which is outside its work tree.")
    return os.path.relpath(whole, folder)


def import_roots(run: RunRecord, root: str) -> list[str]:
    """The folders of the new work tree from which the run's own modules are imported.

    Without them an editable install, or PYTHONPATH, would lead back to the original work tree as it is now.
    """
    found: dict[str, None] = {}
    for path in sorted(run.imports):
        folder = os.path.dirname(path)
        while folder and os.path.exists(os.path.join(root, folder, "__init__.py")):
            folder = os.path.dirname(folder)
        found[os.path.normpath(os.path.join(root, folder))] = None
    if _installed_from(run):  # a folder without __init__.py may be a namespace package: its parents come last
        for path in sorted(run.imports):
            folder = os.path.dirname(path)
            while folder:
                folder = os.path.dirname(folder)
                found.setdefault(os.path.normpath(os.path.join(root, folder)))
    return list(found)


def _installed_from(run: RunRecord) -> bool:
    """Whether something of the original work tree is installed editable (``editable file:///…``)."""
    origins = [origin for _, _, origin in run.environment.packages] if run.environment is not None else []
    folders = [unquote(origin.removeprefix("editable file://")) for origin in origins if origin.startswith("editable ")]
    return bool(run.root) and any(f"{folder}/".startswith(run.root.rstrip("/") + "/") for folder in folders)


def environment_of(run: RunRecord, present: Mapping[str, str], root: str, python: str = "") -> dict[str, str]:
    """The present environment with the recorded variables that change results.

    Modules come from the new work tree. ``python`` is the interpreter that was chosen: what the command starts by the
    name of ``python``, or of another program beside it, is then the right one too.
    """

    def counts(name: str) -> bool:
        return name in _KEPT or name.startswith(_KEPT_PREFIXES)

    recorded = run.environment.variables if run.environment is not None else None
    kept = {name: text for name, text in (recorded or {}).items() if counts(name) and MASK not in text}
    env = {name: text for name, text in present.items() if recorded is None or not counts(name)} | kept
    path = (present if recorded is None else recorded).get("PYTHONPATH", "")
    before = [_moved(entry, run.root, root) for entry in path.split(os.pathsep) if entry]
    folders = list(dict.fromkeys([*import_roots(run, root), *before]))
    env.pop("PYTHONPATH", None)
    if folders:
        env["PYTHONPATH"] = os.pathsep.join(folders)
    return _entered(env, python) if python else env


def _entered(env: dict[str, str], python: str) -> dict[str, str]:
    """The variables as after the activation of the environment of an interpreter."""
    programs = os.path.dirname(python)
    path = env.get("PATH", "")
    if shutil.which(os.path.basename(python), path=path) != python:
        path = os.pathsep.join([programs, *(entry for entry in path.split(os.pathsep) if entry != programs)])
    entered = {**env, "PATH": path}
    entered.pop("PYTHONHOME", None)
    entered.pop("VIRTUAL_ENV", None)
    top = os.path.dirname(programs)
    if os.path.isfile(os.path.join(top, "pyvenv.cfg")):
        entered["VIRTUAL_ENV"] = top
    return entered
