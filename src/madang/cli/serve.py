"""`madang models serve` and `madang models probe`: a model behind MLflow's scoring protocol."""

from __future__ import annotations

import click

from madang.cli import output, records


@click.command()
@click.argument("model")
@records.project_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, metavar="N", help="Port to listen on; 0 takes a free one.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="Another name that callers use. Repeatable.")
@click.option("--open", "is_open", is_flag=True, help="Whoever reaches the server may use it.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes that score.")
@click.option("--timeout", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Seconds for a request.")
@click.option("--queue", default=100, show_default=True, type=click.IntRange(0), help="Requests that may wait.")
@click.option("--max-body", default=64, show_default=True, type=click.IntRange(1), help="MiB that a request may have.")
@click.option("--poll", default=2.0, show_default=True, type=click.FloatRange(0), metavar="SECONDS",
              help="How often to look whether the name means another version; 0: never.")  # fmt: skip
@click.option("--stop-within", default=30, show_default=True, metavar="SECONDS",
              help="What running requests get when the server stops or a version leaves.")  # fmt: skip
@click.option("--env", "environment", default="local", show_default=True, type=click.Choice(["local", "uv"]),
              help="Score in this environment, or in one made of the model's requirements.")  # fmt: skip
@click.option("--allow-pickle", is_flag=True, help="Load a model that runs code of its author; only one you trust.")
@click.option("--no-record", is_flag=True, help="Write down nowhere which version was served when.")
def serve(
    model: str,
    project: str,
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    is_open: bool,
    workers: int,
    timeout: float,
    queue: int,
    max_body: int,
    poll: float,
    stop_within: int,
    environment: str,
    allow_pickle: bool,
    no_record: bool,
) -> None:
    """Score with a model over HTTP, by MLflow's protocol: POST /invocations; GET /ping, /version, /status, /metrics.

    MODEL is NAME@alias, NAME/Production, NAME:v3, NAME/3, models:/…, runs:/RUN/path, a version's digest or a folder.
    When the alias or stage moves, the new version takes over as soon as it is ready, and no request is lost; one that
    cannot be loaded leaves the old one in place. On an address that other machines reach, callers need the token in
    MADANG_SERVING_TOKEN, unless --open is given. What was served when is a run of the kind `serve`.

    \b
    Examples:
      madang models serve wine-logreg@production --port 5001
      madang models serve models:/wine-logreg/3 --workers 4
      curl http://127.0.0.1:5001/invocations -H 'content-type: application/json' -d '{"inputs": [[1.5, 2]]}'
    """
    import os
    import sys

    from madang.cli import output, records
    from madang.cli.serving import Loading, Record, source_of
    from madang.server.run import Address
    from madang.server.scoring.run import Settings
    from madang.server.scoring.run import serve as run
    from madang.server.scoring.workers import Limits

    def announce(url: str) -> None:
        click.echo(url)
        output.note(f"madang serves {model}. Ctrl+C stops.")

    with records.opened_reader() as reader:
        loading = Loading(allow_pickle=allow_pickle, rebuilt=environment == "uv")
        source, may_change = source_of(reader, model, project, loading)
        settings = Settings(
            Address(host, port, allow_host, stop_within),
            Limits(workers, queue, timeout, max_body << 20),
            every=poll if may_change else 0.0,
            token=os.environ.get("MADANG_SERVING_TOKEN", ""),
            is_open=is_open,
        )
        record = Record(model, source.project, ["madang", *sys.argv[1:]])
        status = "failed"
        try:
            run(source, settings, announce, (lambda state: None) if no_record else record.took_over)
            status = "finished"
        finally:
            record.end(status)


@click.command()
@click.argument("url")
@output.json_option
def probe(url: str, as_json: bool) -> int:
    """Ask a scoring server what it serves. The exit code is 0 only when the wanted version answers.

    MADANG_SERVING_TOKEN is shown to a server that asks for a token.

    \b
    Examples:
      madang models probe http://127.0.0.1:5001
      madang models probe http://127.0.0.1:5001 --json
    """
    import os

    import urllib3

    from madang.client.transport import reason
    from madang.errors import Unavailable, UsageError

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is not the address of a server.", hint="Write it as http://127.0.0.1:5000.")
    token = os.environ.get("MADANG_SERVING_TOKEN", "")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        answer = urllib3.request("GET", f"{url.rstrip('/')}/status", headers=headers, timeout=10.0, retries=False)
        told = answer.json() if answer.status == 200 else None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unavailable(
            f"{url} does not answer: {reason(error)}.",
            hint="Check the address, and that the server runs.",
        ) from error
    if not isinstance(told, dict):
        raise Unavailable(f"{url} answered with status {answer.status}.", hint="Is it a server of madang models serve?")
    if as_json:
        output.data(told)
    else:
        served, wanted = told.get("served") or {}, told.get("wanted") or {}
        click.echo(f"{served.get('ref', 'nothing')} is served by {told.get('workers', 0)} processes")
        if told.get("failure"):
            output.note(f"{wanted.get('ref', 'another version')} is wanted: {told['failure']}")
    return 0 if told.get("up_to_date") and told.get("workers") else 1
