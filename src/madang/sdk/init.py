"""`madang.init`: begin a run. Milliseconds: no program is waited for and next to nothing is imported."""

from __future__ import annotations

import atexit
import os
import sys
import time

from madang.domain import redact
from madang.domain.run_names import new_name
from madang.errors import Conflict, InvalidInput, NotFound
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import console, follow, hooks, opened, ranks
from madang.sdk.config import flatten
from madang.sdk.describe import check_text, tag_set
from madang.sdk.run import Run, active
from madang.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal

_MODES = ("online", "offline", "disabled")
_NOT_IN_NAMES = ":@\\"
_RESUME = ("never", "allow", "must")


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
        InvalidInput: an unknown mode or resume, an id that is not 32 lower-case hex digits, a text that is none.
        Conflict: the run exists and ``resume`` is ``never``.
        NotFound: the run does not exist and ``resume`` is ``must``.
        StorageError: the store cannot be written.
        Incompatible: the store was written by a newer release.
    """
    for what, text in (
        ("project", project), ("name", name), ("notes", notes), ("group", group), ("job_type", job_type),
        ("hub", hub), ("mode", mode), ("resume", resume), ("id", id),
    ):  # fmt: skip
        check_text(what, text)
    if isinstance(parent, str) and parent:
        ranks.check_id(parent)
    env = os.environ
    chosen = _among(mode or env.get("MADANG_MODE") or "online", _MODES, "mode")
    how = _among(resume or env.get("MADANG_RESUME") or "never", _RESUME, "resume")
    where = layout.find_store(env=env, given=os.fspath(dir) if dir is not None else "")
    place = ranks.place(env, ranks.check_id(id) if id else "")
    address = _address(hub if hub is not None else env.get("MADANG_HUB", "")) if chosen == "online" else ""
    project = project_name(project or env.get("MADANG_PROJECT", ""), where.root or layout.present_folder())
    parameters = flatten(config) if config is not None else {}
    labels = tag_set(tags) if tags else {}
    resumed = chosen != "disabled" and _take(where.store, place, how, address)
    is_trial = "MADANG_PARAMS" in env and place.run == env.get("MADANG_RUN_ID")
    if is_trial:
        parameters, labels = _of_trial(env, parameters, labels)
    if is_trial or place.is_launchers(env):
        project = env.get("MADANG_PROJECT") or project  # a run is in one project: that of `madang run`, or of the sweep
    header = _header(place, project, env, resumed=resumed)
    told = redact.text(name or ("" if place.parent else env.get("MADANG_NAME", "")))
    made = Run(header, told or new_name(place.run), where, chosen, address)
    if chosen == "disabled":
        made.config.restore(parameters)
        return made
    if resumed:
        from madang.sdk.resume import go_on

        go_on(made, keep_name=not told)
    if not place.rank:
        given = {
            "name": told if resumed else made.name, "group": redact.text(group or env.get("MADANG_GROUP", "")),
            "job_type": redact.text(job_type or ""), "notes": redact.text(notes),
            "parent": parent.id if isinstance(parent, Run) else parent or place.parent,
        }  # fmt: skip
        made.begin(codec.RESUMED if resumed else codec.STARTED, **_started(place, given, where.root))
    _describe(made, parameters, labels)
    _watch(made)
    return made


def _of_trial(
    env: Mapping[str, str], parameters: dict[str, Any], labels: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters and tags with those of the trial of a sweep that this run is."""
    from madang.sdk.trial import settings

    more, tags = settings(env)
    return {**parameters, **more}, {**labels, **tags}


def _describe(run: Run, parameters: dict[str, Any], labels: dict[str, str]) -> None:
    if parameters:
        run.config.put(parameters)
    if labels:
        run.set_tags(labels)


def _address(given: str) -> str:
    if given and not given.lower().startswith(("http://", "https://")):
        raise InvalidInput(f"{given[:200]!r} is not the address of a hub.", hint="Write it as https://hub.example.org.")
    return given


def _header(place: ranks.Place, project: str, env: Mapping[str, str], *, resumed: bool) -> dict[str, Any]:
    header: dict[str, Any] = {
        "run": place.run,
        "project": project,
        "writer": "rank" if place.rank else "resume" if resumed else "process",
        "host": os.uname().nodename,
        "user": user_name(env),
        "version": __version__,
    }
    if place.world > 1:
        header |= {"rank": place.rank, "world": place.world}
    return header


def project_name(given: str, folder: str) -> str:
    """The project's name, in NFC: as given, else after the folder.

    Raises:
        InvalidInput: the given name has a sign that names may not have.
    """
    name = given.strip() or os.path.basename(folder) or "default"
    if not name.isascii():
        from unicodedata import normalize

        name = normalize("NFC", name)
    if all(sign.isprintable() and sign not in _NOT_IN_NAMES for sign in name) and len(name.encode()) <= 255:
        return name
    if given:
        raise InvalidInput(
            f"{given[:80]!r} cannot be the name of a project.",
            hint="Use 1 to 255 bytes of text without colons, at signs, backslashes and control signs.",
        )
    return "".join(sign if sign.isprintable() and sign not in _NOT_IN_NAMES else "_" for sign in name)[:60]


def user_name(env: Mapping[str, str]) -> str:
    """Who runs this process."""
    known = env.get("USER") or env.get("LOGNAME")
    if known:
        return known
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container often runs under a number without a name
        return str(os.getuid())


def _watch(run: Run) -> None:
    active.append(run)
    hooks.install()
    injected: Any = sys.modules.get("madang.sdk.inject")
    if injected is not None:
        injected.hand_over()
    run.finishers.append(opened.watch(run, run.places.root, run.places.store))
    console.listen(run)
    if run.mode == "offline":
        _mark(run, "offline", "")
    elif run.hub:
        _mark(run, "hub", run.hub + "\n")
    follow.start(run)


def _mark(run: Run, name: str, text: str) -> None:
    """One of the small files that tell the follower about the run (docs/formats/store.md)."""
    with open(f"{layout.run_dir(run.places.store, run.id)}/{name}", "w", encoding="utf-8") as file:
        file.write(text)


def _take(store: str, place: ranks.Place, how: str, hub: str) -> bool:
    """Make the store and the run's folder in it ours; True when the run exists and is continued."""
    layout.ensure(store)
    resumed = _claim(store, place, how, hub)
    if resumed:
        from madang.sdk.segments import refuse_given_up

        refuse_given_up(store, place.run)
    return resumed


def _claim(store: str, place: ranks.Place, how: str, hub: str) -> bool:
    """Make the run's folder ours; True when the run exists and is continued."""
    folder = layout.run_dir(store, place.run)
    if how == "must" and not (hub or place.shared or place.launched or os.path.exists(folder + "/claimed")):
        raise NotFound(f"There is no run {place.run} in {store}.", hint="Pass resume='allow' to create it.")
    try:
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(folder + "/claimed", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_WRONLY, 0o644))
    except FileExistsError:
        if how != "never" or place.shared:
            return how != "never"
        if place.launched:  # a second process below `madang run`: a run of its own, below the first
            place.run, place.parent, place.launched = os.urandom(16).hex(), place.run, False
            return _claim(store, place, how, hub)
        raise Conflict(
            f"The run {place.run} exists already.", hint="Pass resume='allow' to continue it, or leave the id out."
        ) from None
    except OSError as error:
        raise layout.refused(folder, error) from error
    return how == "must" and not place.shared and not place.launched  # the run is on the hub, but not here


def _started(place: ranks.Place, given: dict[str, str], root: str) -> dict[str, Any]:
    body = {
        **given,
        "command": redact.command(sys.orig_argv),
        "cwd": layout.present_folder(),
        "root": root,
        "executable": sys.executable or "",
        "process_started": _process_started(),
        "launched": place.is_launchers(os.environ),
    }
    seeds = sys.modules.get("madang.sdk.seeds")
    if seeds is not None:
        body["seeds"] = dict(seeds.used)
    return {key: value for key, value in body.items() if value}


def _process_started() -> int:
    """When this process began, µs since 1970 UTC; 0 when the system does not tell."""
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


def attach(
    header: dict[str, Any], name: str, places: tuple[str, str, str], mode: str, hub: str, step: int, segment: str
) -> Run:
    """The same run in another process, for spawned workers: it adds to the run and does not end it."""
    made = Run(
        {**header, "writer": "fork", "parent": segment}, name, layout.StorePaths(*places), mode, hub, attached=True
    )
    made.last_step = step
    atexit.register(made.end, "finished")
    return made
