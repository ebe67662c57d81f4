"""The source code behind a run: commit, changes and untracked source files, without secrets, as blobs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import field

from madang.domain import redact
from madang.domain.events import Code
from madang.domain.files import BlobRef, FileRef, Omitted
from madang.domain.values import mutable
from madang.errors import MadangError
from madang.ports.git import Git, Head, TreeStatus

MAX_FILE = 1 << 20  # bytes of one untracked source file
MAX_TOTAL = 16 << 20  # bytes of all of them
MAX_DIFF = 64 << 20
MAX_NAMED = 200  # omitted paths that are listed one by one
CLOCK_TICK = 10_000  # µs: the kernel tells a process's start only in steps of a hundredth of a second

_SOURCE_ENDINGS = frozenset((
    ".py", ".pyi", ".pyx", ".pxd", ".ipynb", ".sh", ".bash", ".zsh", ".yaml", ".yml", ".toml", ".json", ".cfg",
    ".jsonnet", ".ini", ".conf", ".txt", ".md", ".rst", ".sql", ".r", ".rmd",
    ".jl", ".scala", ".java", ".kt", ".go", ".rs", ".c",
    ".h", ".cc", ".cpp", ".hpp", ".cu", ".cuh", ".m", ".mm", ".swift", ".js", ".ts", ".tsx", ".jsx", ".css", ".html",
    ".proto", ".thrift", ".jinja", ".j2", ".gin", ".dvc", ".lock", ".tf", ".nix", ".lua", ".pl", ".rb", ".f90", ".xml",
    ".cmake", ".mk",
))  # fmt: skip
_SOURCE_NAMES = frozenset(("Makefile", "Dockerfile", "Snakefile", "Procfile", "Jenkinsfile", "justfile", "SConstruct"))

Put = Callable[[bytes], str]
"""Keeps bytes durably and returns their digest, `blake3:…`."""


@mutable
class CapturedCode:
    """The code, and what is needed to tell later whether it is what the process ran."""

    code: Code
    paths: list[str] = field(default_factory=list)  # tracked and captured untracked files, relative to the root


@mutable
class _Harvest:
    """Untracked files, sorted by what became of them."""

    files: list[FileRef] = field(default_factory=list)
    skipped: list[Omitted] = field(default_factory=list)
    withheld: list[Omitted] = field(default_factory=list)
    total: int = 0


def capture_code(
    git: Git | None, root: str, put: Put, *, entry: str = "", without: Collection[str] = ()
) -> CapturedCode:
    """Read the state of the code. ``git`` is None outside a repository; then only the entry script is kept.

    ``without`` are untracked files that are passed over. What cannot be read is named in `skipped`; nothing is raised
    but by ``put``.
    """
    if git is None:
        harvest = _harvest(root, [entry] if entry else [], put)
        code = Code(untracked=harvest.files, skipped=harvest.skipped, withheld=harvest.withheld, entry=entry)
        return CapturedCode(code, [item.path for item in harvest.files])
    try:
        status, tracked = git.status(), git.tracked()
    except MadangError as error:
        return CapturedCode(Code(skipped=[Omitted(".", str(error))], entry=entry))
    wanted = [path for path in status.untracked if path not in without]
    if entry and entry not in wanted and entry not in set(tracked):
        wanted.append(entry)  # the script itself, though it is ignored
    harvest = _harvest(root, wanted, put)
    diff, stat_text = _diff(git, status, put, harvest)
    harvest.skipped += [
        Omitted(path, "a submodule: the files in it are not captured") for path in status.submodules[:MAX_NAMED]
    ]
    code = Code(
        commit=status.head.commit,
        branch=status.head.branch,
        remote=_remote(git, status.head),
        dirty=status.dirty,
        diff=diff,
        diff_stat=stat_text,
        untracked=harvest.files,
        skipped=_shortened(harvest.skipped),
        withheld=harvest.withheld,
        entry=entry,
    )
    return CapturedCode(code, tracked + [item.path for item in harvest.files])


def _remote(git: Git, head: Head) -> str:
    try:
        return git.remote_url(head.branch)
    except MadangError:
        return ""


def _diff(git: Git, status: TreeStatus, put: Put, harvest: _Harvest) -> tuple[BlobRef | None, str]:
    """The diff as a blob, and its summary. A diff with a secret is left out whole, and its files are named."""
    if not status.dirty:
        return None, ""
    try:
        patch, summary = git.diff(), git.diff_stat()
    except MadangError as error:
        harvest.skipped.append(Omitted(".", f"the diff: {error}"))
        return None, ""
    if len(patch) > MAX_DIFF:
        harvest.skipped.append(Omitted(".", f"the diff: {len(patch)} bytes are over the limit of {MAX_DIFF}"))
        return None, summary
    hits = diff_hits(patch)
    if hits:
        named = dict(hits)
        harvest.withheld += [Omitted(path, "in the diff: " + ", ".join(found)) for path, found in hits]
        others = [path for path in status.changed if path not in named]
        harvest.withheld += [Omitted(path, "in the same diff as a secret") for path in others[:MAX_NAMED]]
        return None, summary
    return BlobRef(put(patch), len(patch)), summary


def diff_hits(patch: bytes) -> list[tuple[str, list[str]]]:
    """The files of a patch in which something looks like a secret, each with the kinds of secrets."""
    hits = []
    for part in ("\n" + os.fsdecode(patch)).split("\ndiff --git ")[1:]:
        text, _, _ = part.partition("\nGIT binary patch\n")  # what follows is compressed
        found = redact.kinds(text)
        if found:
            heading = part.partition("\n")[0]  # a/NAME b/NAME, or "a/NAME" "b/NAME" with escapes in it
            half = heading[: len(heading) // 2].strip('"')
            hits.append((half[2:], found))
    return hits


def _harvest(root: str, paths: Iterable[str], put: Put) -> _Harvest:
    harvest = _Harvest()
    for path in sorted(paths):
        reason = _take(root, path, put, harvest)
        if reason:
            harvest.skipped.append(Omitted(path, reason))
    return harvest


def _take(root: str, path: str, put: Put, harvest: _Harvest) -> str:
    """Keep one untracked file; return why not, if not."""
    if not is_source(path):
        return "not a source file"
    full = os.path.join(root, path)
    try:
        facts = os.lstat(full)
        if not stat.S_ISREG(facts.st_mode):
            return "not a plain file"
        if facts.st_size > MAX_FILE:
            return f"{facts.st_size} bytes are over the limit of {MAX_FILE}"
        if harvest.total + facts.st_size > MAX_TOTAL:
            return f"all untracked files together are over the limit of {MAX_TOTAL} bytes"
        with open(full, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    found = redact.kinds(data.decode("utf-8", "replace"))
    if found:
        harvest.withheld.append(Omitted(path, ", ".join(found)))
        return ""
    harvest.files.append(FileRef(path, put(data), len(data)))
    harvest.total += len(data)
    return ""


def is_source(path: str) -> bool:
    """Whether a file is program text or configuration by its name."""
    name = path.rpartition("/")[2]
    return os.path.splitext(name)[1].lower() in _SOURCE_ENDINGS or name in _SOURCE_NAMES


def _shortened(items: list[Omitted]) -> list[Omitted]:
    if len(items) <= MAX_NAMED:
        return items
    return [*items[:MAX_NAMED], Omitted("…", f"and {len(items) - MAX_NAMED} more")]


def changed_since(root: str, paths: Iterable[str], began: int, ended: int = 0) -> list[str]:
    """Those of the paths that were written or moved into place after ``began`` (µs since 1970 UTC), up to ``ended``.

    A clock tick of doubt is given to the file. A removed file cannot be seen by this.
    """
    limit = (began + CLOCK_TICK) * 1000
    changed = []
    for path in paths:
        try:
            facts = os.lstat(os.path.join(root, path))
        except OSError:
            continue
        written = max(facts.st_mtime_ns, facts.st_ctime_ns)
        if written > limit and (not ended or written <= ended * 1000):
            changed.append(path)
    return changed


def entry_script(command: Sequence[str], cwd: str, root: str) -> str:
    """The script that a command line starts, relative to the root; empty when it is not a file below the root."""
    rest = list(command)
    while rest:
        word = rest.pop(0)
        if word == "-m" and rest:
            module = rest[0].replace(".", "/")
            names = [module + ".py", module + "/__main__.py"]
        elif word.startswith("-") or not word:
            continue
        else:
            names = [word]
        for name in names:
            full = os.path.normpath(os.path.join(cwd, name))
            if full.startswith(root.rstrip("/") + "/") and os.path.isfile(full) and is_source(full):
                return os.path.relpath(full, root)
    return ""
