"""`madang gc`: remove what nothing needs."""

from __future__ import annotations

from typing import Any

import click

from madang.cli import output
from madang.cli.data_command import DataCommand
from madang.errors import InvalidInput

_KEPT = ("workspace", "all_branches", "all_tags", "all_commits", "all_experiments", "rev", "date", "num")


@click.command(cls=DataCommand)
@click.argument("more_projects", nargs=-1, type=click.Path(), metavar="")
@click.option("-w", "--workspace", is_flag=True, help="Keep only what the workspace records.")
@click.option("-a", "--all-branches", is_flag=True, help="Keep what the tips of all branches record, too.")
@click.option("-T", "--all-tags", is_flag=True, help="Keep what all tags record, too.")
@click.option("-A", "--all-commits", is_flag=True, help="Keep what all commits record, too.")
@click.option("--all-experiments", is_flag=True, help="Keep what dvc's experiments record, too.")
@click.option("--rev", metavar="COMMIT", default="", help="Keep what a commit records, too.")
@click.option("-n", "--num", type=int, help="So many commits back from --rev or each branch.  [default: 1]")
@click.option("--date", metavar="YYYY-MM-DD", default="", help="Keep what commits since that day record, too.")
@click.option("-c", "--cloud", is_flag=True, help="Remove from the remote as well.")
@click.option("-r", "--remote", help="The remote of --cloud and --not-in-remote; otherwise the default one.")
@click.option("--not-in-remote", is_flag=True, help="Keep only what the remote does not hold.")
@click.option("-p", "--projects", multiple=True, type=click.Path(), help="Keep what other repositories record, too.")
@click.option("--ignore-runs", is_flag=True, help="Remove also what only recorded runs read or wrote.")
@click.option("--skip-failed", is_flag=True, help="Pass over commits whose records cannot be read.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Requests to a remote at once.")
@click.option("--runs", "of_runs", is_flag=True, help="Pack the segments of ended runs; drop those that the hub holds.")
@click.option("--models", "of_models", is_flag=True, help="Remove bytes of models that lost, where the rule says so.")
@click.option("--hub", "address", envvar="MADANG_HUB", metavar="URL", default="", help="The hub of --runs; MADANG_HUB.")
@click.option("--older-than", default="", metavar="TIME", help="With --runs: only those that ended so long ago: 30d.")
@click.option("--dry", is_flag=True, help="Only tell what would go.")
@click.option("-f", "--force", "-y", "--yes", "force", is_flag=True, help="Do not ask.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON; without --dry it needs --force.")
def gc(of_runs: bool, address: str, older_than: str, dry: bool, force: bool, as_json: bool, **options: Any) -> int:
    """Remove objects that nothing needs from the cache and, with --cloud, from a remote.

    The options say what is kept. Besides, whatever another work tree of the same Git repository, a stash, a link in the
    workspace or a recorded run needs is kept, and shown. Exact numbers are shown before anything goes.

    With --runs the segments of runs that have ended are packed instead. Then the hub is asked for the hash of each
    segment; where it has the very same bytes, they are removed here. The runs stay readable; `madang sync --fetch RUN`
    brings the segments back.

    \b
    Examples:
      madang gc -w --dry                    what would go if only the workspace counted
      madang gc -aT                         keep branches and tags
      madang gc -A --cloud -r backup
      madang gc -w -p ../other ../third     repositories that share the cache
      madang gc --runs --older-than 30d --yes
      madang gc --models --dry              what models that lost take (`madang models rules`)
    """
    chosen = [name for name in _KEPT if options[name]]
    if older_than and not of_runs:
        raise InvalidInput("--older-than is about runs alone.", hint="Give --runs too, or leave it out.")
    if options.pop("of_models"):
        if chosen or of_runs:
            raise InvalidInput("--models is about models alone.", hint="Collect the rest in a second command.")
        from madang.cli.gc_models import collect_models

        return collect_models(dry=dry, yes=force, as_json=as_json)
    if of_runs:
        if chosen:
            raise InvalidInput("--runs is about runs alone.", hint="Collect data in a second command.")
        from madang.cli.gc_runs import collect_runs

        return collect_runs(hub=address, dry=dry, older_than=older_than or "0s", yes=force, as_json=as_json)
    if not chosen:
        raise InvalidInput(
            "What is to be kept is not said.",
            hint="-w, -a, -T, -A, --all-experiments, --rev or --date; or --runs. Try --dry with it first.",
        )
    if options["more_projects"] and not options["projects"]:
        raise click.UsageError(f"Got unexpected extra argument ({options['more_projects'][0]})")
    from madang.cli.gc_data import collect_data

    return collect_data(options, dry=dry, force=force, as_json=as_json)
