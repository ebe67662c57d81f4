"""Why is a metric not what it was? What differs between two runs in six parts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, TypeAlias

from madang.domain.command_lines import options
from madang.domain.compare import data_read
from madang.domain.files import InputItem
from madang.domain.launched import is_metrics_file
from madang.domain.pipelines import stage_outs
from madang.domain.runs import RunRecord
from madang.domain.values import mutable, value

Part: TypeAlias = Literal["code", "data", "params", "environment", "seed", "hardware"]
PARTS: tuple[Part, ...] = ("code", "data", "params", "environment", "seed", "hardware")
UNKNOWN = "cannot be separated"
RTOL = 1e-9  # relative difference below which two values of a metric are the same

_SEED = re.compile(r"(?:^|[^a-z])(?:[a-z]+_)?(?:seed|random_state)\Z", re.IGNORECASE)
_SEED_VARIABLES = frozenset({"PYTHONHASHSEED", "PL_GLOBAL_SEED"})
_RECORDS = (".dvc", "dvc.lock", ".gitignore", ".dvcignore")  # say which data there is
_SETTINGS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf", ".properties")
_DATA = (
    ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".jsonl", ".ndjson", ".npy", ".npz", ".h5", ".hdf5", ".pkl",
    ".pickle", ".db", ".sqlite", ".gz", ".zip", ".png", ".jpg", ".jpeg", ".wav", ".mp3", ".dat", ".bin", ".xlsx", ".pt",
    ".safetensors",
)  # fmt: skip
_PROGRAMS = (
    ".py", ".pyx", ".pyi", ".ipynb", ".sh", ".bash", ".r", ".jl", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".rs",
    ".go", ".java", ".scala", ".js", ".ts", ".sql", ".lua", ".m", ".pl", ".rb",
)  # fmt: skip


@value
class Pair:
    """Two runs, and the metric in question."""

    metric: str
    before: RunRecord
    after: RunRecord


@value
class Change:
    """One thing that differs between two runs; None where a run has nothing."""

    what: str
    old: Any = None
    new: Any = None
    is_used: bool = True  # whether a run is known to have used it, or it cannot be told


@mutable
class Cause:
    """What is known of one part: what changed in it, and its share in the change of the metric, if it was measured."""

    part: Part
    changes: list[Change] = field(default_factory=list)
    share: float | None = None  # of the whole change; 1.0 is all of it
    spread: float | None = None  # of the share, from repeated runs

    @property
    def changed(self) -> bool:
        """Whether something that a run used differs."""
        return any(change.is_used for change in self.changes)


def is_program(path: str) -> bool:
    """Whether a file's name says that it is code."""
    return path.lower().endswith(_PROGRAMS)


def is_seed(name: str) -> bool:
    """Whether a parameter, option or variable of this name is a seed."""
    return name in _SEED_VARIABLES or _SEED.search(name.lstrip("-").replace("-", "_")) is not None


def causes(before: RunRecord, after: RunRecord, files: Mapping[str, tuple[str, str]]) -> dict[Part, Cause]:
    """What differs, by part. ``files`` are the files of the code that differ: (id before, id after), empty for none."""
    found = {part: Cause(part) for part in PARTS}
    for path, (old, new) in sorted(files.items()):
        part = part_of_file(path, (before, after))
        if part is not None:
            found[part].changes.append(Change(path, old or None, new or None, is_used(path, (before, after))))
    found["data"].changes += _rows(*(_data_of(run) for run in (before, after)))
    for change in _rows(*(_named_code(run) for run in (before, after))):
        if change.what not in files and change.old and change.new:
            found["code" if is_program(change.what) else "params"].changes.append(change)
    for change in _parameters(before, after):
        found["seed" if is_seed(change.what) else "params"].changes.append(change)
    found["seed"].changes += _rows(before.seeds, after.seeds)
    _environment(before, after, found)
    return found


def _parameters(before: RunRecord, after: RunRecord) -> list[Change]:
    """Recorded parameters that differ, and options of the command line that are none of them."""
    recorded = _rows(before.config, after.config)
    known = {change.what for change in recorded}
    given = _rows(*(options(command_of(run)) for run in (before, after)))
    return [*recorded, *(change for change in given if parameter_of(change.what) not in known)]


def parameter_of(option: str) -> str:
    """The name of the parameter that `madang run` records for an option."""
    return option.lstrip("-+").replace("-", "_")


def part_of_file(path: str, runs: Sequence[RunRecord]) -> Part | None:
    """The part to which a file of the work tree belongs; None for the records of data, and for what a run has made."""
    name = path.rpartition("/")[2].lower()
    if name.endswith(_RECORDS) or path.startswith(".dvc/") or _is_made(path, runs):
        return None
    if any(_names_data(path, item) for run in runs for item in run.inputs):
        return "data"
    if name.endswith(_PROGRAMS):
        return "code"
    read = any("r" in run.opened.get(path, "") for run in runs)
    if name.endswith(_SETTINGS):
        return "params" if read or name.startswith("params.") else "code"
    return "data" if read or name.endswith(_DATA) else "code"


def _data_of(run: RunRecord) -> dict[str, Any]:
    """What a run read of data. A stage also names its programs and settings as dependencies: those are in git."""
    others = {item.path for item in run.inputs if not _is_data(item)}
    return {name: digest for name, digest in data_read(run).items() if name not in others}


def _named_code(run: RunRecord) -> dict[str, str]:
    """Programs and settings with their recorded digests: those that git does not know differ nowhere else."""
    return {item.path: item.digest for item in run.inputs if not _is_data(item)}


def left_behind(runs: Sequence[RunRecord]) -> set[str]:
    """Untracked files that lay beside the code of runs and are no part of it: an earlier run had written them."""
    paths = {item.path for run in runs if run.code for item in run.code.untracked}
    return {path for path in paths if _is_made(path, runs)}


def _is_made(path: str, runs: Sequence[RunRecord]) -> bool:
    """Whether a file is written by a run, and read by none: it follows from the run."""
    if any(path in run.imports or "r" in run.opened.get(path, "") for run in runs):
        return False
    return any(
        "w" in run.opened.get(path, "")
        or is_metrics_file(path, run)
        or any(out.path == path for out in (*stage_outs(run), *run.outputs))
        for run in runs
    )


def _names_data(path: str, item: InputItem) -> bool:
    return (path == item.path and _is_data(item)) or bool(item.out and path.startswith(item.out + "/"))


def _is_data(item: InputItem) -> bool:
    is_code = item.path.lower().endswith((*_PROGRAMS, *_SETTINGS)) and not item.path.lower().endswith(".json")
    return bool(item.tracked_by) or "://" in item.path or not is_code


def is_used(path: str, runs: Sequence[RunRecord]) -> bool:
    """Whether a run imported or opened a file, or was started with it; True where that was not recorded."""
    for run in runs:
        if not run.imports and not run.opened:
            return True
        entry = run.code.entry if run.code else ""
        if path in run.imports or path in run.opened or path == entry or any(path in word for word in run.command):
            return True
    return False


def _rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    return [
        Change(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if not same(before.get(key), after.get(key))
    ]


def command_of(run: RunRecord) -> list[str]:
    """The command line of a run, wherever its work tree and its Python lie."""
    command = [word.replace(run.root, ".") if run.root else word for word in run.command]
    return command[1:] if run.executable else command


def _environment(before: RunRecord, after: RunRecord, found: dict[Part, Cause]) -> None:
    one, other = before.environment, after.environment
    if one is None or other is None:
        return
    for name in ("python", "implementation", "os", "cuda"):
        found["environment"].changes += _rows({name: getattr(one, name)}, {name: getattr(other, name)})
    packages = [{f"package {name}": version for name, version, _ in item.packages} for item in (one, other)]
    found["environment"].changes += _rows(*packages)
    for change in _rows(one.variables, other.variables):
        found["seed" if is_seed(change.what) else "environment"].changes.append(change)
    for name in ("cpu", "gpus"):
        found["hardware"].changes += _rows({name: getattr(one, name)}, {name: getattr(other, name)})


def same(one: Any, other: Any) -> bool:
    """Whether two recorded values are the same: NaN equals NaN, 1 and 1.0 are two things."""
    return type(one) is type(other) and repr(one) == repr(other)


def close(one: float, other: float, spread: float = 0.0) -> bool:
    """Whether two values of a metric are the same, as far as repeated runs spread."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= max(RTOL * max(abs(one), abs(other)), spread)


def literals_explain(old: str, new: str, changes: Sequence[Change]) -> bool:
    """Whether two texts differ in nothing but the values of changed parameters: the code holds them as literals."""
    for change in changes:
        if change.old is None or change.new is None:
            continue
        for before, after in ((str(change.old), str(change.new)), (repr(change.old), repr(change.new))):
            pattern = rf"(?<![\w.]){re.escape(before)}(?![\w.])"
            mark = f"\0{change.what}\0"
            old, new = re.sub(pattern, mark, old), re.sub(rf"(?<![\w.]){re.escape(after)}(?![\w.])", mark, new)
    return old == new


def by_elimination(found: Mapping[Part, Cause]) -> Part | str:
    """The cause where nothing was run again: the only part that changed, if there is just one."""
    changed = [part for part in PARTS if found[part].changed]
    return changed[0] if len(changed) == 1 else UNKNOWN
