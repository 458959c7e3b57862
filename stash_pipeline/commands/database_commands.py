"""The commands ``stash-pipeline db …`` and ``stash-pipeline psql``: their names and options."""

from enum import Enum
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The database: its address, its schema, keeping it running.")


class Role(str, Enum):
    """As whom a program connects to the database."""

    reader = "reader"
    writer = "writer"


DatabaseRole = Annotated[Role, typer.Option(help="reader can only read; writer is the role of the pipeline.")]


@app.command("upgrade")
def upgrade() -> None:
    """Migrate the database to the newest schema. Every other command does so automatically."""
    from stash_pipeline.commands.output import console
    from stash_pipeline.runtime.in_process import dagster_instance
    from stash_pipeline.settings import get_settings
    from stash_pipeline.warehouse.access import ensure_access
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, dagster_instance(settings.home) as dagster:
        # creates Dagster's tables, too
        dagster.get_runs_count()
        with connect(settings.database() or "") as connection:
            ensure_access(connection)
        console.print("The database has the newest schema.")


@app.command("url")
def url(
    role: DatabaseRole = Role.reader,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Give the role a new password first. Private Postgres only.")
    ] = False,
) -> None:
    """Print the address of the database for other programs, with its password."""
    from stash_pipeline.commands.database import url as run

    run(role.value, new_password=new_password)


@app.command("start")
def start() -> None:
    """Start the private Postgres, and keep it running until `db stop`."""
    from stash_pipeline.commands.database import start as run

    run()


@app.command("stop")
def stop() -> None:
    """Stop keeping the private Postgres running."""
    from stash_pipeline.commands.database import stop as run

    run()


def psql(
    role: DatabaseRole = Role.reader,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGS", help="Arguments of psql.")] = None,
) -> None:
    """Open psql on the database; `SELECT * FROM scenes` works without a schema."""
    from stash_pipeline.commands.database import psql as run

    raise typer.Exit(run(role.value, arguments or []))
