"""`madang run`: any command, unchanged, as a run."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog="The exit code is the command's own; 128 + N when signal N has killed it.",
)
@click.option("-P", "--param", "params", multiple=True, metavar="KEY=VALUE", help="Record a parameter. Repeatable.")
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
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
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
    command: tuple[str, ...],
) -> int:
    """Run a command and record it: code, files read, environment, console, system, parameters, metrics.

    The command is not changed and need not know of madang. The first line on standard error is the run's id.
    Arguments such as `--C 1.0` or `C=1.0` become parameters; numbers in metrics.json become metrics. A script that
    uses the SDK logs into the same run.

    \b
    Examples:
      madang run -- python train.py --C 1.0
      madang run -P seed=0 --out model.skops -- python train.py
      madang run --metrics 'results/*.json' --model model.onnx:iris -- ./train.sh
    """
    import os

    from madang.cli import launching, output
    from madang.errors import NotFound, Refused, UsageError
    from madang.formats import store as layout
    from madang.workspace.arguments import command_parameters, given_parameters

    arguments = {} if no_arguments else command_parameters(command)
    pairs = [text.rpartition(":") for text in models]
    for path, colon, model in pairs:
        if not colon or not path or not model:
            raise UsageError(f"{path + colon + model!r} is not PATH:NAME.")
    job = launching.Job(
        command=list(command),
        folder=os.getcwd(),
        places=layout.find_store(),
        project=project,
        name=name,
        params={**arguments, **given_parameters(params)},
        tags={key: text for key, _, text in (tag.partition("=") for tag in tags)},
        metrics=metrics,
        outputs=outs,
        models=[(path, model) for path, _, model in pairs],
        group=group,
        notes=notes,
    )
    try:
        done = launching.launch(job, lambda text: output.note(f"madang: {text}"), launching.announce)
    except NotFound as error:
        output.error(error)
        return 127
    except Refused as error:
        output.error(error)
        return 126
    return done.ended.code
