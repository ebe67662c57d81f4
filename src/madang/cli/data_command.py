"""What the data commands share: DVC's exit codes, the repository, options that all of them have."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, progress
from madang.errors import ConfigError, MadangError, NotAWorkspace, StorageError

if TYPE_CHECKING:
    from madang.workspace.data.files.inside import Elsewhere
    from madang.workspace.data.progress import Meter
    from madang.workspace.data.records.outs import Target
    from madang.workspace.data.records.stages import Dependency, LookExternal, TrackedOut
    from madang.workspace.data.remotes.listings import RemoteListings
    from madang.workspace.data.repo.repository import Repository

CONFIGURATION, INTERRUPTED, NO_PROJECT, USAGE, OTHER = 251, 252, 253, 254, 255
_FILES = {
    "system": "the file of this machine",
    "global": "the file of this user",
    "project": ".dvc/config (default for changes)",
    "local": ".dvc/config.local, which git ignores",
}
LEVELS = tuple(_FILES)  # of the configuration, each an option
_PAIRS = ("--remote-config", "--fs-config")


def level_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose one of the four files of the configuration."""
    for name, file in _FILES.items():
        function = click.option(f"--{name}", "level", flag_value=name, help=f"Use {file}.")(function)
    return function


class DvcUsage(click.Command):
    """A command, or a group of them, whose wrong usage is 254, as dvc's."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Wrong usage that is seen while the arguments are read."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            error.exit_code = USAGE  # type: ignore[misc]
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Wrong usage that is seen while the command runs."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.exit_code = USAGE  # type: ignore[misc]
            raise


class DataGroup(DvcUsage, click.Group):
    """A group of data commands."""


class DataCommand(DvcUsage):
    """Exits as dvc: 251 configuration, 252 interrupted, 253 outside a project, 254 usage, else ``failure_code``."""

    failure_code = OTHER

    def __init__(self, *args: Any, **attrs: Any) -> None:
        """Every command of dvc takes -q and -v, so ours do not refuse them."""
        super().__init__(*args, **attrs)
        taken = {name for parameter in self.params for name in parameter.opts}
        for names in (("-q", "--quiet"), ("-v", "--verbose")):
            if taken.isdisjoint(names):
                self.params.append(click.Option(names, count=True, hidden=True, expose_value=False))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options of KEY=VALUE take several of them, as dvc's do; those that exclude each other are refused."""
        typed = args[: args.index("--")] if "--" in args else args
        levels = [f"--{level}" for level in LEVELS if f"--{level}" in typed]
        if len(levels) > 1:
            raise click.UsageError(f"{' and '.join(levels)} exclude each other.", ctx)
        return super().parse_args(ctx, _repeated(args))

    def invoke(self, ctx: click.Context) -> Any:
        """Give every expected failure its exit code."""
        try:
            return super().invoke(ctx)
        except MadangError as error:
            error.exit_code = self._code(error)
            raise
        except (KeyboardInterrupt, click.Abort):
            output.note("interrupted")
            raise click.exceptions.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]  # two of a rename
            where = " to ".join([f" {names[0]!r}", *map(repr, names[1:])]) if names else ""
            failure = StorageError(
                f"The system refused{where}: {error.strerror or error}.",
                hint="Check the disk and the permissions, then repeat: nothing is half done.",
            )
            failure.exit_code = self._code(failure)
            raise failure from error

    def _code(self, error: MadangError) -> int:
        from madang.formats.dvc.ignore import UnusableRules

        if isinstance(error, ConfigError):
            return CONFIGURATION
        if isinstance(error, NotAWorkspace):
            return NO_PROJECT
        return OTHER if isinstance(error, UnusableRules) else self.failure_code


def _repeated(args: list[str]) -> list[str]:
    """``--fs-config a=1 b=2`` as ``--fs-config a=1 --fs-config b=2``."""
    found: list[str] = []
    option = ""
    for position, word in enumerate(args):
        if word == "--":
            return found + args[position:]
        if word in _PAIRS:
            option = word
        elif option and "=" in word and not word.startswith("-"):
            found.extend((option, word))
        else:
            option = ""
            found.append(word)
    return found


class TransferCommand(DataCommand):
    """The same for commands whose failures are 1, those without a remote included."""

    failure_code = 1

    def _code(self, error: MadangError) -> int:
        from madang.workspace.data.repo.settings import UnreadableConfig

        is_fatal = isinstance(error, UnreadableConfig | NotAWorkspace)
        return super()._code(error) if is_fatal else self.failure_code


class PlainCommand(DataCommand):
    """The same for commands whose other failures are 1."""

    failure_code = 1


@contextmanager
def repository(*, must_be_made: bool = True) -> Iterator[Repository]:
    """The data repository of the present folder, whose configuration can be read; see `open_repository`."""
    from madang.workspace.data.repo.repository import open_repository

    found = open_repository(".", must_be_made=must_be_made)
    assert found.settings is not None
    collects = gc.isenabled()
    gc.disable()  # a short life with millions of small values: to look for cycles among them costs more than they hold
    try:
        yield found
    finally:
        found.close()
        if collects:
            gc.enable()


@contextmanager
def remote_listings(repo: Repository) -> Iterator[Elsewhere]:
    """Where listings of folders are asked for that the cache lacks: the remotes. Nothing is loaded before."""
    made: list[RemoteListings] = []

    def ask(out: TrackedOut) -> dict[str, str] | None:
        if not made:
            from madang.wiring_data import open_remote
            from madang.workspace.data.remotes.listings import RemoteListings

            made.append(RemoteListings(repo, open_remote))
        return made[0](out)

    try:
        yield ask
    finally:
        for one in made:
            one.close()


def external_dependencies(repo: Repository) -> LookExternal:
    """Looks at dependencies of stages that lie elsewhere. Loads nothing before it is asked."""
    made: list[LookExternal] = []

    def look(dep: Dependency) -> Mapping[str, Any]:
        if not made:
            from madang.wiring_data import open_remote
            from madang.workspace.data.sources.external import ExternalDependencies

            made.append(ExternalDependencies(repo, open_remote))
        return made[0](dep)

    return look


def resolved(repo: Repository, targets: tuple[str, ...], recursive: bool, with_deps: bool = False) -> list[Target]:
    """The tracked data that the user named."""
    from madang.workspace.data.records.outs import resolve

    return resolve(repo, targets, recursive=recursive, with_deps=with_deps)


def meter(is_quiet: bool) -> Meter:
    """Where the work shows how far it is."""
    return progress.quiet if is_quiet else progress.progress


def tell_git(repo: Repository, changed: list[str], quiet: bool) -> None:
    """Stage files that a command wrote or removed (with core.autostage), or say how to."""
    import shlex

    from madang.workspace.data.repo import git

    if not changed or repo.git_root is None:
        return
    gone = [path for path in dict.fromkeys(changed) if not os.path.lexists(path)]
    unknown = set(gone) - git.holding(repo.git_root, gone)
    files = [path for path in dict.fromkeys(changed) if path not in unknown]
    if repo.settings.is_true("core", "autostage"):
        git.add(repo.git_root, files)
    elif not quiet:
        names = " ".join(shlex.quote(relative(path)) for path in files)
        output.note(f"To track the changes with git, run:\n\n    git add {names}\n")


def warn_beyond_ascii(*values: str | None) -> None:
    """Say what dvc makes of a configuration with such values: in every locale it fails to write, and leaves nothing."""
    if any(value is not None and not value.isascii() for value in values):
        output.note(
            "note: dvc reads this, but cannot write a configuration that is not all ASCII: when it next changes this "
            "file, it empties it. --global, or --local, keeps such a value out of the file that all share."
        )


def relative(path: str) -> str:
    """A path as seen from here; a folder keeps its last separator."""
    tail = os.sep if path.endswith(os.sep) else ""
    return os.path.relpath(path) + tail


def files(count: int) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} file" if count == 1 else f"{count} files"
