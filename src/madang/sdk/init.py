"""`madang.init`: begin a run. Milliseconds: no program is waited for and next to nothing is imported."""

from __future__ import annotations

import os
import sys

from madang.errors import Conflict, InvalidInput, NotFound
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import run as runs
from madang.sdk.hooks import install
from madang.sdk.run import Run
from madang.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal

_MODES = ("online", "offline", "disabled")
_RESUME = ("never", "allow", "must")
_HEX = frozenset("0123456789abcdef")


def init(
    project: str | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | object | None = None,
    *,
    tags: Mapping[str, Any] | Iterable[str] | None = None,
    notes: str = "",
    group: str = "",
    job_type: str = "",
    parent: Run | str | None = None,
    id: str | None = None,
    resume: Literal["never", "allow", "must"] | None = None,
    dir: str | os.PathLike[str] | None = None,
    hub: str | None = None,
    mode: Literal["online", "offline", "disabled"] | None = None,
) -> Run:
    """Begin a run, or go on with one; use it as a context manager or call ``finish()``.

    What is not given comes from MADANG_PROJECT, MADANG_NAME, MADANG_GROUP, MADANG_RUN_ID, MADANG_RESUME, MADANG_DIR,
    MADANG_HUB and MADANG_MODE. The project is else named after the repository or folder. ``dir`` is the store's
    folder. Processes with one MADANG_RUN_ID and different ranks (RANK or SLURM_PROCID) are one run.

    Raises:
        InvalidInput: an unknown mode or resume, or an id that is not 32 lower-case hex digits.
        Conflict: the run exists and ``resume`` is ``never``.
        NotFound: the run does not exist and ``resume`` is ``must``.
        StorageError: the store cannot be written.
        Incompatible: the store was written by a newer release.
    """
    env = os.environ
    chosen = _among(mode or env.get("MADANG_MODE") or "online", _MODES, "mode")
    how = _among(resume or env.get("MADANG_RESUME") or "never", _RESUME, "resume")
    where = layout.find_store(env=env, given=os.fspath(dir) if dir is not None else "")
    run_id = id or env.get("MADANG_RUN_ID") or ""
    rank, world = _rank(env)
    project = project or env.get("MADANG_PROJECT") or os.path.basename(where.root or os.getcwd()) or "default"
    new_id = _check_id(run_id) if run_id else os.urandom(16).hex()
    name = name or env.get("MADANG_NAME") or _new_name(new_id)
    header = {
        "run": new_id, "project": project, "writer": "process", "host": os.uname().nodename, "user": _user(env), "version": __version__,
    }  # fmt: skip
    if world > 1:
        header.update(rank=rank, world=world, writer="rank" if rank else "process")
    resumed = False
    if chosen != "disabled":
        layout.ensure(where.store)
        resumed = _claim(where.store, new_id, how, shared=world > 1)
        if resumed and not rank:
            header["writer"] = "resume"
    address = (hub if hub is not None else env.get("MADANG_HUB", "")) if chosen == "online" else ""
    made = Run(new_id, project, name, where, header, chosen, address)
    if chosen == "disabled":
        return made
    if not rank:
        made.append(
            codec.RESUMED if resumed else codec.STARTED,
            _started(made, name, notes, group or env.get("MADANG_GROUP", ""), job_type, parent),
        )
    if config is not None:
        made.config.update(config)
    if tags:
        made.set_tags(tags)
    runs.active.append(made)
    install(made)
    return made


def _claim(store: str, run: str, how: str, *, shared: bool) -> bool:
    """Make the run's folder ours; True when the run exists and is continued."""
    folder = layout.run_dir(store, run)
    try:
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(folder + "/claimed", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_WRONLY, 0o644))
    except FileExistsError:
        if how == "never" and not shared:
            raise Conflict(
                f"The run {run} exists already.", hint="Pass resume='allow' to continue it, or leave the id out."
            ) from None
        return how != "never"
    except OSError as error:
        raise layout.refused(folder, error) from error
    if how == "must":
        os.unlink(folder + "/claimed")
        raise NotFound(f"There is no run {run} in {store}.", hint="Pass resume='allow' to create it.")
    return False


def _started(run: Run, name: str, notes: str, group: str, job_type: str, parent: Run | str | None) -> dict[str, Any]:
    body = {
        "name": name,
        "group": group,
        "job_type": job_type,
        "parent": parent.id if isinstance(parent, Run) else parent or "",
        "notes": notes,
        "command": list(sys.orig_argv),
        "cwd": os.getcwd(),
        "root": run.places.root,
        "executable": sys.executable or "",
        "process_started": _process_started(),
    }
    seeds = sys.modules.get("madang.sdk.seeds")
    if seeds is not None:
        body["seeds"] = dict(seeds.used)
    return {key: value for key, value in body.items() if value}


def _process_started() -> int:
    """When this process began, µs since 1970 UTC; 0 when the system does not tell."""
    import time

    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        since = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0
    return int((time.time() - since) * 1_000_000)


def _among(text: str, known: tuple[str, ...], what: str) -> str:
    if text not in known:
        raise InvalidInput(f"{text!r} is not a {what}.", hint=f"Use one of: {', '.join(known)}.")
    return text


def _check_id(text: str) -> str:
    if len(text) != 32 or not _HEX.issuperset(text):
        raise InvalidInput(f"{text[:80]!r} is not a run id.", hint="An id is 32 lower-case hex digits.")
    return text


def _user(env: Mapping[str, str]) -> str:
    return env.get("USER") or env.get("LOGNAME") or str(os.getuid())


def _rank(env: Mapping[str, str]) -> tuple[int, int]:
    """(rank, number of ranks) as torchrun or SLURM tells; (0, 1) otherwise."""
    for rank, world in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if rank in env and world in env:
            try:
                return int(env[rank]), int(env[world])
            except ValueError:
                continue
    return 0, 1


_FIRST = ["amber", "brisk", "calm", "clear", "cosy", "deft", "early", "fair", "fleet", "gentle", "glad", "keen", "kind", "light", "lucid", "mellow", "neat", "noble", "plain", "quick", "quiet", "ripe", "sharp", "silver", "sound", "spry", "still", "sunny", "swift", "tidy", "warm", "wise"]
_SECOND = ["acorn", "birch", "brook", "cedar", "cliff", "comet", "crane", "dawn", "delta", "ember", "fern", "field", "finch", "forest", "grove", "harbor", "heron", "island", "lantern", "maple", "meadow", "moon", "orchard", "otter", "pebble", "pine", "reed", "river", "spring", "stone", "summit", "willow"]


def _new_name(run: str) -> str:
    number = int(run[:8], 16)
    return f"{_FIRST[number % 32]}-{_SECOND[number // 32 % 32]}-{number // 1024 % 900 + 100}"


def attach(
    run: str, project: str, name: str, root: str, store: str, mode: str, header: dict[str, Any], segment: str, step: int
) -> Run:
    """The same run in another process, for spawned workers: it adds to the run and does not end it."""
    made = Run(
        run,
        project,
        name,
        layout.StorePaths(root, "", store),
        {**header, "writer": "fork", "parent": segment},
        "disabled",
    )
    made.mode = mode
    made.forked = True
    made._step = step
    if mode != "disabled":
        made._set_unopened()
    return made
