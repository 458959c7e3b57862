"""The commands of ``stash-pipeline``: their names and options. How errors reach a person is in ``__main__.py``."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stash_pipeline.commands import instances, lanes
from stash_pipeline.commands.options import LARGEST_ID, Port, finite, refuse_together

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


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stash-pipeline {version('stash-pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


database = typer.Typer(no_args_is_help=True, help="The warehouse's schema.")
app.add_typer(database, name="db")


class Mode(str, Enum):
    """How much of a server is read; without --id."""

    changes = "changes"
    reconcile = "reconcile"
    sweep = "sweep"


@app.command()
def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all enabled.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="Only this kind; may be given several times.")] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="changes (the default): what has a newer timestamp; reconcile: complete listings, and what they show "
            "to differ; sweep: everything. What was never read is read whole.",
        ),
    ] = None,
    identifier: Annotated[
        list[int] | None,
        typer.Option(
            "--id",
            min=1,
            max=LARGEST_ID,
            metavar="ID",
            help="Read this object again, of the one --entity; may be given several times.",
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            callback=finite,
            help="How long to wait for another run of the same instance; default: 60.",
        ),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Refuse at once when another run is going on.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would change.")] = False,
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Follow a server that has lost many objects, or is another one.")
    ] = False,
    lane: Annotated[
        instances.LaneChoice | None,
        typer.Option(help="How everything is read, where it is: by a copy of the database, or by answers."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and no progress.")] = False,
) -> None:
    """Mirror Stash servers now; needs no running UI."""
    from stash_pipeline.commands.sync import WAIT_SECONDS
    from stash_pipeline.commands.sync import sync as run

    waits = {"--wait": wait is not None, "--no-wait": no_wait}
    refuse_together(waits)
    for option, given in waits.items():
        refuse_together({"--dry-run": dry_run, option: given}, "a dry run waits for nobody")
    single = bool(identifier)
    refuse_together({"--id": single, "--mode": mode is not None}, "--id reads nothing but the objects it names")
    refuse_together({"--id": single, "--lane": lane is not None}, "single objects are read by answers")

    raise typer.Exit(
        run(
            names or [],
            entity or [],
            as_json,
            mode="objects" if identifier else (mode or Mode.changes).value,
            ids=identifier,
            wait_seconds=0.0 if no_wait else WAIT_SECONDS if wait is None else wait,
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
    layer: Annotated[str, typer.Argument(help="A layer: stash (or entities) is entities and joins, from raw.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a layer anew from what is above it; asks no server."""
    from stash_pipeline.commands.rebuild import rebuild as run

    raise typer.Exit(run(layer, names or [], as_json))


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all.")] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST_ID, metavar="N", help="Check N documents of each kind; default: all."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read damaged documents again, and rebuild tables that differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove that what is stored is what was read: hashes of documents, tables against a rebuild."""
    from stash_pipeline.commands.verify import verify as run

    raise typer.Exit(run(names or [], sample, repair, as_json))


@app.command()
def history(
    entity: Annotated[str, typer.Argument(help="A kind, for instance scenes.")],
    identifier: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The server's id of the object.")
    ],
    instance: Annotated[str | None, typer.Argument(help="Of this instance; without it, of each that has it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what changed in an object, when, field by field."""
    from stash_pipeline.commands.history import history as run

    run(entity, identifier, instance, as_json)


@app.command()
def silent_changes(
    names: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Default: all.")] = None,
    since: Annotated[
        float | None, typer.Option(min=0, max=100_000, metavar="DAYS", callback=finite, help="In so many last days.")
    ] = None,
    run: Annotated[int | None, typer.Option(min=1, max=LARGEST_ID, metavar="ID", help="Found by this run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")] = False,
) -> None:
    """List the objects that changed while their updated_at stayed as it was."""
    from stash_pipeline.commands.silent_changes import silent_changes as list_them

    list_them(names or [], since, run, as_json)


@app.command()
def up(
    port: Port = None,
) -> None:
    """Start everything: Postgres if none is configured, Dagster's UI and daemon. Ctrl-C stops all."""
    from stash_pipeline.runtime.supervisor import up as run
    from stash_pipeline.settings import get_settings

    run(get_settings(), port=port)


@app.command()
def demo(
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Open Dagster's UI at the end, until Ctrl-C.")] = True,
    port: Port = None,
    scenes: Annotated[int, typer.Option(min=1, help="Scenes per simulated server.")] = 2000,
    home: Annotated[Path | None, typer.Option(help="Where the demo lives; default: a new temporary folder.")] = None,
) -> None:
    """Mirror two simulated Stash servers and look at the result in Dagster's UI."""
    from stash_pipeline.commands.demo import demo as run

    refuse_together({"--no-ui": not ui, "--port": port is not None}, "without the UI there is no port")
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
    from stash_pipeline.commands.extras import require_demo

    require_demo("simulate")
    from stash_pipeline.simulator.command import simulate

    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(simulate)
    raise typer.Exit(inner(args=context.args, prog_name="stash-pipeline simulate", standalone_mode=False) or 0)
