"""`madang models rules`: how the best model is promoted."""

from __future__ import annotations

import click

from madang.cli import output, records


@click.command()
@click.option("-p", "--project", default="", help="The project.  [default: that of this folder]")
@click.option(
    "-f", "--set", "file", type=click.Path(dir_okay=False), help="Keep the rules of this file in the store or hub."
)
@click.option("--clear", is_flag=True, help="Forget the rules that were kept with --set.")
@click.option("-n", "--name", default="", help="Show what was decided about the versions of this model.")
@output.json_option
def rules(project: str, file: str | None, clear: bool, name: str, as_json: bool) -> None:
    """Show the rules by which the best model of a project is promoted when a run ends, or what they have decided.

    A repository declares them in `madang.yaml` at its top. A hub cannot see that file: `--set madang.yaml` brings its
    rules there (MADANG_HUB), which needs the level admin.

    \b
      promote:
        metric: val/f1            of the run that wrote the version; NaN or none never wins, ties keep the present one
        mode: max                 or min
        alias: production
        model: wine-logreg        left out: every model that the run wrote
        require: ["val/loss <= 0.3", "reproduced within tolerance"]
        losers: keep              or drop, or `expire after 7d`: then `madang gc --models` removes their bytes

    \b
    Examples:
      madang models rules
      madang models rules --set madang.yaml --project wine
      madang models rules --name wine-logreg
    """
    from madang.errors import UsageError

    if file and clear:
        raise UsageError("--set and --clear contradict each other.")
    with records.opened_reader() as reader:
        where = project or records.current_project()
        if name:
            where = records.project_of(reader, name, project)
            decisions = reader.reviews.decisions(where, name)
            if as_json:
                output.data({"decisions": records.plain_json(decisions)})
                return
            rows = [
                [records.moment(one.at), f"v{one.number}", one.alias, one.outcome, one.reason, one.run[:8]]
                for one in decisions
            ]
            output.table(["WHEN", "VERSION", "POINTER", "OUTCOME", "WHY", "RUN"], rows)
            return
        if file or clear:
            from madang.workspace.project_file import read_rules

            reader.reviews.put_rules(where, read_rules(file) if file else ())
        found = reader.reviews.rules(where)
    if as_json:
        output.data({"project": where, "rules": records.plain_json(list(found))})
        return
    for rule in found:
        click.echo(f"{rule.model or 'every model'}: {output.printable(rule.summary)}")
    if not found:
        output.note(f"Project {where} has no rule. Declare one below `promote:` in madang.yaml.")
