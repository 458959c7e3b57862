"""The command ``stash-pipeline``: assembly of the commands, and how errors reach a person."""

import signal
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stash_pipeline.commands import instances, lanes
from stash_pipeline.commands.ahead import collect_rarely
from stash_pipeline.errors import UserError
from stash_pipeline.logs import start_logging

# the simulator's own command reads its options; it is imported only when it is asked for
_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keeps Postgres an exact copy of any number of Stash servers, as a Dagster asset graph.",
)
app.add_typer(instances.app, name="instances")
app.add_typer(lanes.app, name="lanes")
database = typer.Typer(no_args_is_help=True, help="The warehouse's schema.")
app.add_typer(database, name="db")


class Mode(str, Enum):
    """How much of a server is read."""

    changes = "changes"
    reconcile = "reconcile"
    sweep = "sweep"


@app.command()
def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all enabled.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="Only this kind; may be given several times.")] = None,
    mode: Annotated[
        Mode,
        typer.Option(
            help="changes: what has a newer timestamp; reconcile: complete listings, and what they show to differ; "
            "sweep: everything. What was never read is read whole."
        ),
    ] = Mode.changes,
    identifier: Annotated[
        list[int] | None,
        typer.Option("--id", help="Read this object again, of the one --entity; may be given several times."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for another run of the same instance.")
    ] = 60.0,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Refuse at once when another run is going on.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would change.")] = False,
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Follow a server that has lost many objects, or is another one.")
    ] = False,
    lane: Annotated[
        instances.LaneName | None,
        typer.Option(help="How everything is read, where it is: by a copy of the database, or by answers."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and no progress.")] = False,
) -> None:
    """Mirror Stash servers now; needs no running UI."""
    from stash_pipeline.commands.sync import sync as run

    raise typer.Exit(
        run(
            names or [],
            entity or [],
            as_json,
            mode="objects" if identifier else mode.value,
            ids=identifier,
            wait_seconds=0.0 if no_wait else wait,
            accept_removals=accept_removals,
            dry_run=dry_run,
            lane=lane.value if lane else None,
        )
    )


@app.command()
def status(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no server; without what is pending there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how fresh and how large the mirror is, what has changed on the servers since, and what comes next."""
    from stash_pipeline.commands.status import status as run

    run(as_json, offline=offline)


@app.command()
def maintain(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Remove old runs, ticks and logs; the daily schedule does the same while the UI runs."""
    from stash_pipeline.commands.maintain import maintain as run

    run(as_json)


@app.command()
def query(
    entity: Annotated[str, typer.Argument(help="A kind, for instance scenes.")],
    release: Annotated[str | None, typer.Option(help="As this release of Stash would be asked: v0.27.")] = None,
) -> None:
    """Print the GraphQL document that reads a kind."""
    from stash_pipeline.commands.query import query as run

    run(entity, release)


@app.command()
def rebuild(
    layer: Annotated[str, typer.Argument(help="entities: they and their joins, from raw.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a layer anew from the one above it; asks no server."""
    from stash_pipeline.commands.rebuild import rebuild as run

    raise typer.Exit(run(layer, names or [], as_json))


@app.command()
def history(
    entity: Annotated[str, typer.Argument(help="A kind, for instance scenes.")],
    identifier: Annotated[int, typer.Argument(metavar="ID", help="The server's id of the object.")],
    instance: Annotated[str | None, typer.Argument(help="Of this instance; without it, of each that has it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what changed in an object, when, field by field."""
    from stash_pipeline.commands.history import history as run

    run(entity, identifier, instance, as_json)


@app.command()
def unstamped(
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all.")] = None,
    since: Annotated[float | None, typer.Option(min=0, metavar="DAYS", help="Found in so many last days.")] = None,
    run: Annotated[int | None, typer.Option(metavar="ID", help="Found by this run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")] = False,
) -> None:
    """List the objects that changed while their updated_at stayed as it was."""
    from stash_pipeline.commands.unstamped import unstamped as list_them

    list_them(names or [], since, run, as_json)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the UI on 127.0.0.1.")] = None,
) -> None:
    """Start everything: Postgres if none is configured, Dagster's UI and daemon. Ctrl-C stops all."""
    from stash_pipeline.serve import up as run
    from stash_pipeline.settings import get_settings

    run(get_settings(), port=port)


@app.command()
def demo(
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Open Dagster's UI at the end, until Ctrl-C.")] = True,
    port: Annotated[int | None, typer.Option(help="Port of the UI on 127.0.0.1.")] = None,
    scenes: Annotated[int, typer.Option(help="Scenes per simulated server.")] = 2000,
    home: Annotated[Path | None, typer.Option(help="Where the demo lives; default: a new temporary folder.")] = None,
) -> None:
    """Mirror two simulated Stash servers and look at the result in Dagster's UI."""
    from stash_pipeline.commands.demo import demo as run

    raise typer.Exit(run(ui=ui, port=port, scenes=scenes, home=home))


@database.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest schema; every other command does so by itself."""
    from stash_pipeline.commands.output import console
    from stash_pipeline.settings import get_settings
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()):
        console.print("The database has the newest schema.")


@app.command("simulate", add_help_option=False, context_settings=_PASSED_ON)
def _simulate(context: typer.Context) -> None:
    """Serve a simulated Stash server."""
    from stash_pipeline.simulator.command import simulate

    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(simulate)
    inner(args=context.args, prog_name="stash-pipeline simulate", standalone_mode=False)


def _of_the_database(error: BaseException | None) -> BaseException | None:
    """The driver's error behind an error, if the database has gone, or is full.

    By name: of the three libraries that have an error of this name only those in use are loaded.
    """
    while error is not None:
        if type(error).__module__.split(".")[0] in ("psycopg", "psycopg2") and any(
            base.__name__ == "OperationalError" for base in type(error).__mro__
        ):
            return error
        error = error.__cause__ or error.__context__
    return None


def main() -> None:
    """Runs the command; a person's mistakes become one sentence and exit code 1, Ctrl-C 130."""
    from stash_pipeline.stash.errors import StashError

    # what a service manager sends ends things as tidily as Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    collect_rarely()
    try:
        start_logging()
        code = app(standalone_mode=False)
    except (UserError, StashError) as error:
        print(f"stash-pipeline: {error}", file=sys.stderr)
        sys.exit(1)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        # click's own usage errors; their class is no part of typer's public names
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            sys.exit(error.exit_code)
        if not (trouble := _of_the_database(error)):
            raise
        from stash_pipeline.warehouse.connect import database_sentence

        print(f"stash-pipeline: {database_sentence(trouble)}", file=sys.stderr)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
