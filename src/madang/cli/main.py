"""The command tree. A command's module is imported only when that command runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from madang.cli import output
from madang.errors import InvalidInput, MadangError

# section → name → (module:attribute, one-line help). The help stands here so that `madang --help` imports no command.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Runs": {
        "run": ("madang.cli.run:run", "Run any command, unchanged, and record it."),
        "runs": ("madang.cli.runs:runs", "List, show and change runs."),
        "compare": ("madang.cli.compare:compare", "Set runs side by side."),
        "why": ("madang.cli.why:why", "Say what changed a metric."),
        "lineage": ("madang.cli.lineage:lineage", "Show what something was made of, and what it led to."),
        "reproduce": ("madang.cli.reproduce:reproduce", "Repeat a run in a clean checkout and compare."),
        "verify": ("madang.cli.verify:verify", "Check the signed verdict of a reproduction."),
        "keys": ("madang.cli.keys:keys", "Show the key that signs your verdicts; trust the keys of others."),
        "ui": ("madang.cli.ui:ui", "Show this workspace in the browser."),
    },
    "Models and other artifacts": {
        "models": ("madang.cli.models.group:models", "Register, list, promote and serve models."),
        "artifacts": ("madang.cli.artifacts:artifacts", "List and get versions of data, models and files."),
    },
    "Sweeps": {
        "sweep": ("madang.cli.sweep.group:sweep", "Search for the best hyperparameters."),
        "agent": ("madang.cli.sweep.running:agent", "Carry out trials of sweeps."),
    },
    "Data": {
        "init": ("madang.cli.init:init", "Make a data repository, as dvc init does."),
        "add": ("madang.cli.add:add", "Track files and folders."),
        "status": ("madang.cli.status:status", "Show which tracked data differs from its record."),
        "diff": ("madang.cli.diff:diff", "Compare the data of two commits, or of a commit and the workspace."),
        "commit": ("madang.cli.commit:commit", "Record changed data and outputs of stages."),
        "checkout": ("madang.cli.checkout:checkout", "Restore data from the cache."),
        "undo": ("madang.cli.undo:undo", "Bring back files that a forced command replaced."),
        "push": ("madang.cli.push:push", "Send data to a remote."),
        "pull": ("madang.cli.pull:pull", "Bring data from a remote into the cache and the workspace."),
        "fetch": ("madang.cli.fetch:fetch", "Bring data from a remote into the cache."),
        "remote": ("madang.cli.remote:remote", "Manage remotes."),
        "data": ("madang.cli.data:data", "Show what is known of tracked data."),
    },
    "Data from elsewhere": {
        "list": ("madang.cli.list_:list_", "List a repository's files and tracked data."),
        "get": ("madang.cli.get:get", "Copy something out of a repository."),
        "get-url": ("madang.cli.urls:get_url", "Copy something from an address."),
        "list-url": ("madang.cli.urls:list_url", "List what is at an address."),
        "import": ("madang.cli.import_:import_", "Track data of another repository, or bring runs of another tracker."),
        "import-url": ("madang.cli.import_:import_url", "Track data at an address."),
        "update": ("madang.cli.update:update", "Bring imports to the newest state of their sources."),
    },
    "Pipelines and experiments": {
        "repro": ("madang.cli.repro:repro", "Bring the stages of pipelines up to date."),
        "stage": ("madang.cli.stage:stage", "Write and list the stages of pipelines."),
        "dag": ("madang.cli.dag:dag", "Show the graph of stages."),
        "dataset": ("madang.cli.dataset:dataset", "Name data elsewhere that stages depend on."),
        "freeze": ("madang.cli.freeze:freeze", "Treat stages as up to date, whatever changes."),
        "unfreeze": ("madang.cli.freeze:unfreeze", "Let stages be reproduced again."),
        "params": ("madang.cli.params:params", "Compare parameters of pipelines."),
        "metrics": ("madang.cli.metrics:metrics", "Show and compare metrics of pipelines."),
        "plots": ("madang.cli.plots:plots", "Draw plots of pipelines, and compare them."),
        "exp": ("madang.cli.exp.group:exp", "Run, compare and share experiments."),
        "queue": ("madang.cli.exp.queue:queue", "Look after the queue of experiments."),
    },
    "Going back": {
        "rollback": ("madang.cli.rollback:rollback", "Go back to a run, release, tag or date: code, data and models."),
        "release": ("madang.cli.release:release", "Name the present code, data, models and environment for good."),
        "tag": ("madang.cli.tag:tag", "Tag the code of a run in git."),
    },
    "Upkeep of data": {
        "gc": ("madang.cli.gc:gc", "Remove what nothing needs."),
        "fsck": ("madang.cli.fsck:fsck", "Check that everything is there and is what it says."),
        "du": ("madang.cli.du:du", "Show how large the data of a repository is."),
        "cache": ("madang.cli.cache:cache", "Manage the cache of data."),
        "remove": ("madang.cli.remove:remove", "Stop tracking data, or take out a stage."),
        "move": ("madang.cli.move:move", "Rename tracked data."),
        "destroy": ("madang.cli.destroy:destroy", "Stop tracking everything; remove the cache."),
        "unprotect": ("madang.cli.unprotect:unprotect", "Make linked data writable."),
        "check-ignore": ("madang.cli.check_ignore:check_ignore", "Say which paths .dvcignore hides."),
        "config": ("madang.cli.config:config", "Read and change the configuration."),
        "root": ("madang.cli.root:root", "Print the path to the top of the repository."),
        "install": ("madang.cli.install:install", "Make Git's hooks for data."),
        "git-hook": ("madang.cli.git_hook:git_hook", "Do what Git's hooks ask for."),
    },
    "Teams and other trackers": {
        "hub": ("madang.cli.hub:hub", "Serve a team; manage its tokens."),
        "login": ("madang.cli.login:login", "Keep the token of a hub."),
        "sync": ("madang.cli.sync:sync", "Send runs to a hub, or compare them with it."),
        "webhooks": ("madang.cli.webhooks:webhooks", "Have a hub tell others what happens to models and runs."),
        "export": ("madang.cli.export:export", "Write runs, files and models for another tracker."),
    },
    "This program": {
        "version": ("madang.cli.version:version", "Print the version and the machine."),
        "doctor": ("madang.cli.version:doctor", "Say what works here and what does not."),
        "completion": ("madang.cli.completion:completion", "Print the completion script of a shell."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

_ANYWHERE = ("-q", "--quiet", "-v", "--verbose")
ALIASES = {"rm": "remove", "mv": "move", "ls": "list", "ls-url": "list-url", "ds": "dataset", "experiments": "exp"}
"""Other names of commands, as dvc has them."""

EXIT_CODES = """\
Exit codes: 0 success · 1 failure · 2 wrong usage · 130 interrupted.
Data commands exit as dvc does: 251 configuration, 252 interrupted, 253 outside a project, 254 usage, 255 other errors.
`madang reproduce`: 0 identical or within tolerance, 1 differs, 2 cannot.
"""


class LazyGroup(click.Group):
    """A group whose commands are named in a table and imported on use."""

    def __init__(self, table: dict[str, tuple[str, str]], **attrs: object) -> None:
        super().__init__(**attrs)  # type: ignore[arg-type]
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table: the order of a newcomer's day."""
        return list(self.table)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return the command, or None when there is no such name."""
        if name not in self.table:
            return None
        module, attribute = self.table[name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by its name; for an unknown one, say which is meant perhaps."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.table, 1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        _write(formatter, "Commands", self.table)


class _Root(LazyGroup):
    """`madang` itself: it knows other names of commands too, and lists them by section."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """See `LazyGroup.get_command`; what only dvc has says so when it is called."""
        found = super().get_command(ctx, ALIASES.get(name, name))
        if found is not None:
            return found
        from madang.cli import not_here

        return not_here.command(name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `LazyGroup.format_commands`."""
        for title, section in SECTIONS.items():
            _write(formatter, title, section)


def _write(formatter: click.HelpFormatter, title: str, table: dict[str, tuple[str, str]]) -> None:
    with formatter.section(title):
        formatter.write_dl([(name, text) for name, (_, text) in table.items()])


def _enter(context: click.Context, option: click.Parameter, folder: str | None) -> None:
    if folder is None or context.resilient_parsing:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise click.BadParameter(f"{folder!r}: {error.strerror}") from error


def _wait(context: click.Context, option: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        os.environ["MADANG_WAIT_FOR_LOCK"] = "true"


@click.command(
    cls=_Root,
    table=COMMANDS,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "-V", "--version", package_name="madang", message="madang %(version)s")
@click.option(
    "--cd", metavar="FOLDER", expose_value=False, is_eager=True, callback=_enter, help="Run as if in this folder."
)
@click.option(
    "--wait-for-lock", is_flag=True, expose_value=False, callback=_wait, help="Wait while another command works here."
)
def cli() -> None:
    """Every version of a machine-learning project in one place: code, data, models, experiments, environment."""


def _reordered(argv: Sequence[str]) -> list[str]:
    """``madang -q status`` as ``madang status -q``: dvc takes these options before a command, too."""
    words = list(argv)
    count = next((place for place, word in enumerate(words) if word not in _ANYWHERE), 0)
    end = words.index("--") if "--" in words else len(words)
    return [*words[count:end], *words[:count], *words[end:]]


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; every expected failure is one message on standard error."""
    try:
        result = cli.main(args=_reordered(argv), prog_name="madang", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        output.note("interrupted")
        return 130
    except KeyboardInterrupt:
        output.note("interrupted")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, less) has left; keep Python from complaining again at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MadangError as error:
        output.error(error)
        return error.exit_code
    except OSError as error:
        output.os_error(error)
        return 1
    except RecursionError:
        what = "Something is nested too deeply: folders in folders, or values in a file."
        output.error(InvalidInput(what, hint="Make it flatter; --cd and the command's targets leave other data out."))
        return 1
    return result if isinstance(result, int) else 0
