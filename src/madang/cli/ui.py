"""`madang ui`: the web page over this workspace's runs."""

from __future__ import annotations

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port; a free one when left out.")
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Address to listen on; only one of this machine's own, such as ::1.",
)
@click.option("--store", default=None, metavar="DIR", help="The store to show instead of this folder's.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
def ui(port: int, host: str, store: str | None, no_browser: bool) -> None:
    """Show this workspace's runs, models and data in the browser.

    The address is printed first. It holds a token that opens the page once; after that a cookie does. From another
    machine, forward the port over SSH: the same address works there. Ctrl+C stops it.

    \b
    Examples:
      madang ui
      madang ui --port 8800 --no-browser
      ssh -L 8800:127.0.0.1:8800 gpu-box    # then open the printed address here
    """
    from madang.cli import output
    from madang.formats.store import check_there
    from madang.server.run import Address, serve
    from madang.wiring import open_store, reviewer

    if store:
        check_there(store)
    engine = open_store(store=store, make=False)

    def announce(url: str) -> None:
        address = f"{url}/?token={engine.access.issue_one_time(reviewer(engine.store.root))}"
        click.echo(address)
        output.note(f"Showing {engine.store.store}. Ctrl+C stops.")
        if not no_browser:
            _open(address)

    serve(engine, Address(host, port), announce, guarded=True)


def _open(address: str) -> None:
    """Open a browser where there is a screen; over SSH or in a container the printed address is all."""
    import os
    import sys
    import threading
    import webbrowser

    if not sys.stdout.isatty() or not (sys.platform == "darwin" or os.environ.get("DISPLAY")):
        return
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
