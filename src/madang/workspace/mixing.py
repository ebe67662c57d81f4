"""Work trees that are mixed of two runs: some parts of one, the others of the other."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from madang.domain.causes import Part, is_seed, part_of_file
from madang.domain.command_lines import mixed
from madang.domain.events import Environment
from madang.domain.runs import RunRecord
from madang.domain.shares import Mix
from madang.errors import StorageError
from madang.services.comparing.settings_files import mixed as mixed_settings
from madang.services.comparing.upstream import Chain
from madang.workspace.data.objects.copying import copy

_HIDDEN = frozenset((".git",))
_PRIVATE = (".dvc/cache", ".dvc/tmp")
_PIECE = 1 << 20


class Mixture:
    """Two prepared work trees, what differs between them, and the steps that run in them."""

    def __init__(
        self, chain: Chain, roots: tuple[str, str], settled: Mapping[str, Part] | None = None, both: Sequence[str] = ()
    ) -> None:
        """``settled`` tells the part of files that their names do not tell; ``both`` hold seeds and other values."""
        self.roots = roots
        self._steps = [step.runs for step in chain.steps]
        self._both = set(both)
        runs = [run for step in chain.steps for run in step.runs]
        paths = [path for path in _differences(*roots) if not chain.is_made(path)]
        found = {path: part_of_file(path, runs) or "data" for path in paths}
        self.files: dict[str, Part] = found | {path: part for path, part in (settled or {}).items() if path in found}

    def has(self, part: Part) -> bool:
        """Whether a variant with this part of the later run is another one than the earlier run."""
        if part in self.files.values() or (part in ("params", "seed") and self._both & self.files.keys()):
            return True
        alone: Mix = frozenset((part,))
        return any(_told(_record(*step, alone, "")) != _told(_record(*step, frozenset(), "")) for step in self._steps)

    def make(self, mix: Mix, root: str) -> list[RunRecord]:
        """Write the work tree of a variant to ``root``; returns the records to run there: commands and variables.

        Raises:
            StorageError: the disk refused.
        """
        try:
            _copy_tree(self.roots[0], root)
            for path, part in self.files.items():
                if path in self._both and ("params" in mix) != ("seed" in mix):
                    self._mix_file(path, mix, root)
                elif part in mix:
                    _replace(os.path.join(self.roots[1], path), os.path.join(root, path))
        except OSError as error:
            raise StorageError(f"Cannot make the work tree {root}: {error.strerror} ({error.filename}).") from error
        return [_record(*step, mix, root) for step in self._steps]

    def _mix_file(self, path: str, mix: Mix, root: str) -> None:
        """Write a settings file that has the seeds of one run and the other values of the other."""
        bodies = []
        for top in self.roots:
            with open(os.path.join(top, path), "rb") as file:
                bodies.append(file.read())
        body = mixed_settings(path, bodies[0], bodies[1], mix)
        if body is not None:
            with open(os.path.join(root, path), "wb") as made:
                made.write(body)


def _record(before: RunRecord, after: RunRecord, mix: Mix, root: str) -> RunRecord:
    """The earlier run's record with the chosen parts of the later one, as if it had been made in ``root``."""
    chosen = after if "environment" in mix else before
    code = after if "code" in mix else before
    words = [[_placed(word, run.root, root) for word in run.command] for run in (before, after)]
    return replace(
        code,
        command=mixed(words[0], words[1], lambda name: ("seed" if is_seed(name) else "params") in mix),
        config=_mixed(before.config, after.config, mix),
        executable=chosen.executable,
        environment=_mixed_variables(before, after, mix),
        root=root,
        cwd=_placed(code.cwd, code.root, root),
    )


def _told(run: RunRecord) -> tuple[list[str], str, Environment | None]:
    return run.command, run.executable, run.environment


def _mixed(old: Mapping[str, object], new: Mapping[str, object], mix: Mix) -> dict[str, object]:
    made: dict[str, object] = {}
    for key in [*old, *(key for key in new if key not in old)]:
        side = new if ("seed" if is_seed(key) else "params") in mix else old
        if key in side:
            made[key] = side[key]
    return made


def _mixed_variables(before: RunRecord, after: RunRecord, mix: Mix) -> Environment | None:
    one, other = before.environment, after.environment
    if one is None or other is None:
        return one
    base = other if "environment" in mix else one
    seeds = other if "seed" in mix else one
    variables = {name: text for name, text in base.variables.items() if not is_seed(name)}
    variables |= {name: text for name, text in seeds.variables.items() if is_seed(name)}
    return replace(base, variables=variables)


def _placed(word: str, before: str, root: str) -> str:
    start = before.rstrip("/")
    if start and (word == start or word.startswith(start + "/")):
        return root + word[len(start) :]
    return word.replace(f"={start}/", f"={root}/") if start else word


def _walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name in _HIDDEN or path.startswith(_PRIVATE):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    yield path, entry.stat(follow_symlinks=False)


def _differences(old_root: str, new_root: str) -> dict[str, tuple[str, str]]:
    """Files that differ between two trees: (digest before, digest after); empty where a tree has none."""
    old, new = dict(_walk(old_root)), dict(_walk(new_root))
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(old.keys() | new.keys()):
        one = _digest(os.path.join(old_root, path)) if path in old else ""
        other = _digest(os.path.join(new_root, path)) if path in new else ""
        if one != other:
            found[path] = (one, other)
    return found


def _digest(path: str) -> str:
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return "link:" + os.readlink(path)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    return digest + ("*" if found.st_mode & 0o100 else "")


def _copy_tree(source: str, target: str) -> None:
    """A work tree of its own for one variant: what a variant writes must not reach another.

    Its link to git is the source's, so that the variant's code is captured as that commit and its changes.
    """
    os.makedirs(target)
    for path, _ in _walk(source):
        _replace(os.path.join(source, path), os.path.join(target, path))
    if os.path.isfile(os.path.join(source, ".git")):
        shutil.copyfile(os.path.join(source, ".git"), os.path.join(target, ".git"))


def _replace(source: str, target: str) -> None:
    if os.path.lexists(target):
        os.unlink(target)
    if not os.path.lexists(source):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    else:
        copy(source, target)
        shutil.copymode(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o200)
