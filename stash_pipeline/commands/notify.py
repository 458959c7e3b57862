"""Carries out ``stash-pipeline notify``: sends a test, or what is due."""

from dataclasses import asdict
from typing import Annotated

import typer

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Send notifications by Apprise.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def test(as_json: AsJson = False) -> None:
    """Send a test to every address of STASH_PIPELINE_NOTIFY_URLS."""
    from stash_pipeline.notifications.notify import send_test

    send_test(get_settings())
    if as_json:
        print_json({"sent": True})
    else:
        console.print("The test was sent to every address.")


@app.command()
def now(as_json: AsJson = False) -> None:
    """Send what is due. A sensor does the same every minute while the daemon runs."""
    from stash_pipeline.notifications.notify import notify
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        done = notify(connection, settings)
    if as_json:
        print_json(asdict(done))
    else:
        console.print(done.sentence(), highlight=False, markup=False, soft_wrap=True)
