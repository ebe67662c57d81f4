"""`madang run`: any command, unchanged, or an MLproject, as a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from madang.cli import launching


class RunCommand(click.Command):
    """Tells a project from a command: after `--` there is always a command, else the first word says it.

    Options of ours may follow the name of a project; those after a command are its own.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; those of a project become the parameter `target`."""
        given = list(args)
        rest = super().parse_args(ctx, args)
        words = ctx.params["command"]
        at = len(given) - len(words)
        ctx.params["target"] = ""
        if words and not (at and given[at - 1] == "--") and _is_project(words[0]):
            ctx.params = {}
            rest = super().parse_args(ctx, [*given[:at], *words[1:], "--", words[0]])
            if len(ctx.params["command"]) > 1:
                raise click.UsageError(f"{ctx.params['command'][0]!r} is too much.", ctx)
            ctx.params["target"] = words[0]
        return rest


def _is_project(word: str) -> bool:
    """Whether a word names a project rather than a program: a folder, or an address of a repository."""
    import os

    if ":" not in word:
        return os.path.isdir(word) or os.path.isdir(word.partition("#")[0])
    from madang.workspace.data.sources.clones import is_remote

    return is_remote(word.partition("#")[0])


@click.command(
    cls=RunCommand,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog="The exit code is the command's own; 128 + N when signal N has killed it.",
)
@click.option("-P", "--param", "params", multiple=True, metavar="KEY=VALUE",
              help="Record a parameter; of a project: set it. Repeatable.")  # fmt: skip
@click.option(
    "-p",
    "--project",
    default="",
    help="The project; by default MADANG_PROJECT or the repository's name. It wins over the script's own.",
)
@click.option("-n", "--name", default="", help="A name for the run.")
@click.option("-g", "--group", default="", help="A group that the run belongs to.")
@click.option("-t", "--tag", "tags", multiple=True, metavar="TAG[=TEXT]", help="Tag the run. Repeatable.")
@click.option("--notes", default="", help="A note about the run.")
@click.option(
    "-m", "--metrics", multiple=True, metavar="FILE",
    help="A JSON file of numbers that the command writes; a pattern with * may be given. Default: metrics.json.",
)  # fmt: skip
@click.option(
    "-o", "--out", "outs", multiple=True, metavar="PATH", help="Keep a file or folder that the command writes."
)
@click.option("--model", "models", multiple=True, metavar="PATH:NAME", help="Keep a model under a name.")
@click.option("--no-arguments", is_flag=True, help="Do not record the command's own arguments as parameters.")
@click.option("-e", "--entry-point", default="", help="Of a project: what to run. Default: main.")
@click.option("-v", "--version", "revision", default="", metavar="REVISION",
              help="Of a project: the branch, tag or commit to run.")  # fmt: skip
@click.option("--env", "environment", type=click.Choice(["project", "local"]), default="project",
              help="Of a project: the environment that it describes (the default), or the present one.")  # fmt: skip
@click.option("-A", "--docker-args", multiple=True, metavar="NAME[=VALUE]",
              help="Of a project in a container: an option of docker run. Repeatable.")  # fmt: skip
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="PROJECT | -- COMMAND...")
def run(
    params: tuple[str, ...],
    project: str,
    name: str,
    group: str,
    tags: tuple[str, ...],
    notes: str,
    metrics: tuple[str, ...],
    outs: tuple[str, ...],
    models: tuple[str, ...],
    no_arguments: bool,
    entry_point: str,
    revision: str,
    environment: str,
    docker_args: tuple[str, ...],
    command: tuple[str, ...],
    target: str,
) -> int:
    """Run a command, or a project, and record it: code, files read, environment, console, system, parameters, metrics.

    The command is not changed and need not know of madang. The first line on standard error is the run's id.
    Arguments such as `--C 1.0` or `C=1.0` become parameters; numbers in metrics.json become metrics. A script that
    uses the SDK logs into the same run.

    PROJECT is a folder with an MLproject file, or the address of a repository (ADDRESS#FOLDER): the first word is one
    unless it follows `--`. Its entry point gets its parameters by -P, in the environment that it describes.

    \b
    Examples:
      madang run -- python train.py --C 1.0
      madang run -P seed=0 --out model.skops -- python train.py
      madang run --metrics 'results/*.json' --model model.onnx:iris -- ./train.sh
      madang run . -P lr=0.01
      madang run https://github.com/mlflow/mlflow-example -P alpha=0.4 --version master
    """
    import os

    from madang.cli import launching
    from madang.errors import UsageError
    from madang.formats import store as layout
    from madang.workspace.arguments import command_parameters, given_parameters

    arguments = {} if no_arguments or target else command_parameters(command)
    pairs = [text.rpartition(":") for text in models]
    for path, colon, model in pairs:
        if not colon or not path or not model:
            raise UsageError(f"{path + colon + model!r} is not PATH:NAME.")
    labels = {key: text for key, _, text in (tag.partition("=") for tag in tags)}
    if not all(key.strip() for key in labels):
        raise UsageError("A tag needs a name.", hint="Write -t baseline or -t team=vision.")
    if not target and (entry_point or revision or docker_args or environment != "project"):
        raise UsageError("-e, --version, --env and -A are options of a project.", hint="Name its folder, such as `.`.")
    job = launching.Job(
        command=list(command),
        folder=os.getcwd(),
        places=layout.find_store(),
        project=project,
        name=name,
        params={**arguments, **given_parameters(params)},
        tags=labels,
        metrics=metrics,
        outputs=outs,
        models=[(path, model) for path, _, model in pairs],
        group=group,
        notes=notes,
    )
    if not target:
        return _launched(job)
    from madang.cli import projects

    asked = projects.Asked(target, entry_point or "main", revision, params, environment == "local", docker_args)
    with projects.job_of(asked, job) as of_project:
        return _launched(of_project)


def _launched(job: launching.Job) -> int:
    """The exit code of a command that was run."""
    from madang.cli import launching, output
    from madang.errors import NotFound, Refused

    try:
        done = launching.launch(job, lambda text: output.note(f"madang: {text}"), launching.announce)
    except NotFound as error:
        output.error(error)
        return 127
    except Refused as error:
        output.error(error)
        return 126
    return done.ended.code
