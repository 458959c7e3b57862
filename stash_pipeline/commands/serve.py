"""``stash-pipeline serve …``: Dagster's processes one by one, for containers and several hosts."""

from typing import Annotated

import typer

from stash_pipeline.commands.options import finite
from stash_pipeline.settings import get_settings

app = typer.Typer(
    no_args_is_help=True, help="Run one of Dagster's processes, for containers; `up` runs all of them together."
)

_LOCAL = "127.0.0.1"

Host = Annotated[str, typer.Option(help="Address to listen on. None of them has a login: leave it on a private one.")]
Code = Annotated[str, typer.Option(metavar="HOST:PORT", help="The code server.")]
Wait = Annotated[
    float,
    typer.Option(min=0, metavar="SECONDS", callback=finite, help="How long to wait for the database and its schema."),
]


@app.callback()
def serve() -> None:
    """Run one of Dagster's processes, for containers; `up` runs all of them together."""


@app.command()
def code(
    host: Host = _LOCAL,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 4000,
    wait: Wait = 120,
) -> None:
    """Migrate the database, then serve the definitions to the web server and the daemon. Executes the runs."""
    from stash_pipeline.runtime.separate_servers import serve_code

    serve_code(get_settings(), host, port, wait)


@app.command()
def web(
    code: Code,
    host: Host = _LOCAL,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: STASH_PIPELINE_UI_PORT.")] = None,
    wait: Wait = 120,
    read_only: Annotated[bool, typer.Option("--read-only", help="For viewers: nothing can be launched.")] = False,
    path_prefix: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where a proxy shows it, for example /dagster.")
    ] = None,
) -> None:
    """Serve Dagster's UI."""
    from stash_pipeline.runtime.separate_servers import serve_web

    settings = get_settings()
    port = settings.ui_port if port is None else port
    serve_web(settings, code, host, port, wait, read_only=read_only, path_prefix=path_prefix)


@app.command()
def daemon(code: Code, wait: Wait = 120) -> None:
    """Run sensors, schedules and the queue of runs. A database has one daemon; another one is refused."""
    from stash_pipeline.runtime.separate_servers import serve_daemon

    serve_daemon(get_settings(), code, wait)
