"""`madang sweep run`, `madang sweep create` and `madang agent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.sweep.options import PROJECT

if TYPE_CHECKING:
    from madang.domain.sweeping.views import SweepView
    from madang.ports.sweeps import SweepApi

_COUNT = click.option("--count", type=click.IntRange(1), help="End after so many trials.")


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@PROJECT
@click.option("-n", "--name", default="", help="A name for the sweep.")
@output.json_option
def create(config: str, project: str, name: str, as_json: bool) -> None:
    """Begin a sweep from a configuration file and print its id. Nothing runs before an agent asks.

    \b
    Examples:
      madang sweep create sweep.yaml
      madang agent $(madang sweep create sweep.yaml)
    """
    from contextlib import closing

    from madang import wiring

    with closing(wiring.sweep_api()) as api:
        made = _created(api, config, project, name)
    if as_json:
        output.data({"id": made.id, "project": made.project, "method": made.method, "expected": made.expected})
    else:
        output.note(f"Sweep {made.id} of project {made.project} in {api.place}. Carry it out: madang agent {made.id}")
        click.echo(made.id)


@click.command(epilog="The exit code is 1 when an agent gave up because its trials kept failing.")
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@click.option("-a", "--agents", type=click.IntRange(1, 256), default=1, help="Trials that run side by side.")
@_COUNT
@PROJECT
@click.option("-n", "--name", default="", help="A name for the sweep.")
def run(config: str, agents: int, count: int | None, project: str, name: str) -> int:
    """Begin a sweep from a configuration file and carry it out here, until it has ended.

    More agents may help on other machines: `madang agent ID`. Ctrl-C ends the agents; the sweep goes on when another
    one comes. With --count each agent ends after so many trials.

    \b
    Examples:
      madang sweep run sweep.yaml
      madang sweep run sweep.yaml --agents 4
      madang sweep run sweep.yaml --count 20
    """
    from contextlib import closing

    from madang import wiring
    from madang.cli.sweep import agents as carrying
    from madang.cli.sweep.listing import print_sweep

    with closing(wiring.sweep_api()) as api:
        made = _created(api, config, project, name)
        output.note(f"Sweep {made.id} of project {made.project} in {api.place}.")
        if agents == 1:
            is_well = carrying.serve(api, [made], count)
        else:
            is_well = carrying.serve_by_processes(made, agents, count)
        print_sweep(api.find(made.id, made.project), top=5)
    return 0 if is_well else 1


def _created(api: SweepApi, config: str, project: str, name: str) -> SweepView:
    import os

    from madang.errors import InvalidInput
    from madang.formats import store as layout
    from madang.formats import sweeps as texts
    from madang.sdk.init import project_name

    try:
        with open(config, encoding="utf-8") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{config} is not text in UTF-8.") from error
    body = texts.read(text, config)
    told = body.get("project")
    named = project or (told if isinstance(told, str) else "") or os.environ.get("MADANG_PROJECT", "")
    places = layout.find_store()
    return api.create(project_name(named, places.root or os.getcwd()), text, name)


@click.command()
@click.argument("sweeps", nargs=-1, metavar="[SWEEP]...")
@_COUNT
@PROJECT
def agent(sweeps: tuple[str, ...], count: int | None, project: str) -> int:
    """Carry out trials of sweeps, one at a time, until there are no more. Start as many as you like, anywhere.

    An agent without a SWEEP serves all that run (of --project). Of several the one with the highest `priority` that
    has a trial comes first. The command of the sweep runs in the present folder, as `madang run` runs it.

    \b
    Examples:
      madang agent k3v9x0qa
      madang agent k3v9x0qa --count 5
      MADANG_HUB=https://hub.example.org madang agent iris/k3v9x0qa
    """
    from contextlib import closing

    from madang import wiring
    from madang.cli.sweep import agents as carrying
    from madang.workspace.agent_loop import serving

    with closing(wiring.sweep_api()) as api:
        return 0 if carrying.serve(api, serving(api, sweeps, project), count) else 1
