"""The commands of ``stash-pipeline``: their names and options. ``__main__.py`` reports errors."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stash_pipeline.commands import (
    boxes,
    database_commands,
    export,
    instances,
    lanes,
    matches,
    notify,
    plugin,
    search,
    serve,
    service,
    simulators,
)
from stash_pipeline.commands.options import LARGEST_ID, Port, finite, refuse_together
from stash_pipeline.commands.panels import Panels, assign_panels

app = typer.Typer(
    cls=Panels,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keeps Postgres an exact copy of any number of Stash servers, as a Dagster asset graph.",
)
app.add_typer(export.app, name="export")
app.add_typer(instances.app, name="instances")
app.add_typer(boxes.app, name="boxes")
app.add_typer(lanes.app, name="lanes")
app.add_typer(matches.app, name="matches")
app.add_typer(search.app, name="search")
app.add_typer(serve.app, name="serve")
app.add_typer(service.app, name="service")
app.add_typer(notify.app, name="notify")
app.add_typer(database_commands.app, name="db")
app.add_typer(plugin.app, name="plugin")


def _print_version(requested: bool) -> None:
    if requested:
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


class Mode(str, Enum):
    """How much of a server is read, without --id."""

    changes = "changes"
    reconcile = "reconcile"
    sweep = "sweep"


@app.command()
def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="INSTANCE", help="Default: all enabled.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="Read only this entity; repeatable.")] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="changes (default): objects with newer timestamps; reconcile: complete listings, then the objects "
            "that differ; sweep: everything. Entities that were never read are read in full.",
        ),
    ] = None,
    identifier: Annotated[
        list[int] | None,
        typer.Option(
            "--id",
            min=1,
            max=LARGEST_ID,
            metavar="ID",
            help="Read only this object, of the one --entity; repeatable.",
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            callback=finite,
            help="How long to wait for another run of the same instance. Default: 60.",
        ),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Fail at once if another run is in progress.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; print what would change.")] = False,
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Sync a server that lost many objects or was replaced.")
    ] = False,
    lane: Annotated[
        instances.LaneChoice | None,
        typer.Option(help="Where everything is read: from a snapshot of the database, or by GraphQL."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and no progress.")] = False,
) -> None:
    """Sync Stash servers now. The UI need not be running."""
    from stash_pipeline.commands.sync import WAIT_SECONDS
    from stash_pipeline.commands.sync import sync as run

    waits = {"--wait": wait is not None, "--no-wait": no_wait}
    refuse_together(waits)
    for option, is_set in waits.items():
        refuse_together({"--dry-run": dry_run, option: is_set}, "a dry run does not wait for other runs")
    single = bool(identifier)
    refuse_together({"--id": single, "--mode": mode is not None}, "--id reads only the given objects")
    refuse_together({"--id": single, "--lane": lane is not None}, "single objects are always read by GraphQL")

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
    offline: Annotated[
        bool, typer.Option("--offline", help="Send no request to a server; omit pending changes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how fresh and how large the tables are, what has changed on the servers since, and what runs next."""
    from stash_pipeline.commands.status import status as run

    run(as_json, offline=offline)


@app.command()
def maintain(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Remove old runs, ticks and logs. A daily schedule does the same while the daemon runs."""
    from stash_pipeline.commands.maintain import maintain as run

    run(as_json)


@app.command()
def backup(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: a new name in --out.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: the current folder.")] = None,
    without_runs: Annotated[
        bool, typer.Option("--without-runs", help="Leave out Dagster's runs, events and ticks.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a backup of the database. Syncs can go on meanwhile. The key file is not part of it."""
    from stash_pipeline.commands.backup import backup as run

    refuse_together({"FILE": file is not None, "--out": out is not None})
    run(file, out, runs=not without_runs, as_json=as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="That `backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace the data of the database.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Restore a backup into the database. If it fails, the database stays as it was."""
    from stash_pipeline.commands.backup import restore as run

    run(file, replace=replace, as_json=as_json)


@app.command()
def metrics(
    serve: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="Serve them at this address until Ctrl-C. Default host: 127.0.0.1."),
    ] = None,
) -> None:
    """Print the metrics for Prometheus, or serve them."""
    from stash_pipeline.commands.metrics import metrics as run

    run(serve)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this machine, the database and the servers, and say what to do. Exit code 1 if something is broken."""
    from stash_pipeline.commands.doctor import doctor as run

    raise typer.Exit(run(as_json))


@app.command()
def query(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="For example scenes.")],
    release: Annotated[str | None, typer.Option(help="A release of Stash, for example v0.27.")] = None,
) -> None:
    """Print the GraphQL query that reads an entity."""
    from stash_pipeline.commands.query import query as run

    run(entity, release)


@app.command()
def rebuild(
    layer: Annotated[
        str, typer.Argument(metavar="LAYER", help="For example stash (or entities): entities and joins, from raw.")
    ],
    names: Annotated[list[str] | None, typer.Argument(metavar="INSTANCE", help="Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rebuild a layer from the layers above it. Sends no request to a server."""
    from stash_pipeline.commands.rebuild import rebuild as run

    raise typer.Exit(run(layer, names or [], as_json))


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="INSTANCE", help="Default: all.")] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST_ID, metavar="N", help="Check N documents per entity. Default: all."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read damaged documents again, and rebuild tables that differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify that the stored data is what was read: hashes of documents, tables against a rebuild."""
    from stash_pipeline.commands.verify import verify as run

    raise typer.Exit(run(names or [], sample, repair, as_json))


@app.command()
def history(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="For example scenes.")],
    identifier: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The server's id of the object.")
    ],
    instance: Annotated[
        str | None, typer.Argument(metavar="INSTANCE", help="Default: every instance that has the object.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what changed in an object, and when, field by field."""
    from stash_pipeline.commands.history import history as run

    run(entity, identifier, instance, as_json)


@app.command()
def silent_changes(
    names: Annotated[list[str] | None, typer.Argument(metavar="INSTANCE", help="Default: all.")] = None,
    since: Annotated[
        float | None, typer.Option(min=0, max=100_000, metavar="DAYS", callback=finite, help="Of the last DAYS days.")
    ] = None,
    run: Annotated[int | None, typer.Option(min=1, max=LARGEST_ID, metavar="ID", help="Found by this run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")] = False,
) -> None:
    """List the objects that changed without a new updated_at."""
    from stash_pipeline.commands.silent_changes import silent_changes as list_changes

    list_changes(names or [], since, run, as_json)


class DuplicatesOf(str, Enum):
    """What can be there several times."""

    scenes = "scenes"
    files = "files"
    performers = "performers"
    studios = "studios"
    tags = "tags"


@app.command()
def duplicates(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="INSTANCE", help="Groups with a copy there, and what it frees. Default: all."),
    ] = None,
    entity: Annotated[DuplicatesOf, typer.Option(help="What is compared.")] = DuplicatesOf.scenes,
    within: Annotated[bool, typer.Option("--within", help="Only copies on the same server.")] = False,
    across: Annotated[bool, typer.Option("--across", help="Only groups with copies on several servers.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, max=LARGEST_ID, metavar="N", help="Groups to list. Default: 50 in a table, all in CSV and JSON."
        ),
    ] = None,
    csv_file: Annotated[
        str | None, typer.Option("--csv", metavar="FILE|-", help="Write CSV, one row per copy; - is standard output.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is there several times, which copy to keep, and what removing the others would free.

    Nothing is deleted, and nothing is written to a server.
    """
    from stash_pipeline.commands.duplicates import duplicates as run

    run(names or [], entity.value, within=within, across=across, limit=limit, csv_file=csv_file, as_json=as_json)


@instances.app.command()
def protect(
    name: instances.Name,
    path: Annotated[
        list[str] | None,
        typer.Option(help="A folder with all below it, or a file, as the server sees it; repeatable."),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="The name of a tag, in any case; repeatable.")] = None,
    nothing: Annotated[bool, typer.Option("--nothing", help="Protect nothing any more.")] = False,
    as_json: instances.AsJson = False,
) -> None:
    """Show or extend what `duplicates` always suggests to keep."""
    from stash_pipeline.commands.protect import protect as run

    run(name, path or [], tag or [], nothing, as_json)


@app.command()
def up(
    port: Port = None,
    host: Annotated[
        str, typer.Option(help="Address of the UI, which has no login; in a container 0.0.0.0.")
    ] = "127.0.0.1",
) -> None:
    """Start Postgres (if none is configured), Dagster's UI and daemon. Ctrl-C stops all of them."""
    from stash_pipeline.runtime.supervisor import up as run
    from stash_pipeline.settings import get_settings

    run(get_settings(), host=host, port=port)


@app.command()
def live() -> None:
    """Sync at once what the servers say that they changed. `up` runs this, too. Ctrl-C stops it."""
    from stash_pipeline.commands.live import live as run

    run()


@app.command()
def demo(
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Serve Dagster's UI at the end, until Ctrl-C.")] = True,
    port: Port = None,
    scenes: Annotated[
        int | None, typer.Option(min=1, help="Scenes per simulated server. Default: those of the last demo, or 2000.")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the demo's data. Default: ~/.stash-pipeline-demo (root: "
            "/var/lib/stash-pipeline-demo); with --no-ui, a temporary folder."
        ),
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="Let the simulated servers not change while the UI is open.")
    ] = False,
    new: Annotated[bool, typer.Option("--new", help="Remove what an earlier demo left in the folder first.")] = False,
    pace: Annotated[
        float | None,
        typer.Option(
            "--pace", metavar="SECONDS", min=0.1, help="How often each server changes, on average. Default: 40."
        ),
    ] = None,
) -> None:
    """Sync two simulated Stash servers and view the result in Dagster's UI, while they go on changing."""
    from stash_pipeline.commands.demo import PACE_SECONDS
    from stash_pipeline.commands.demo import demo as run

    refuse_together({"--no-ui": not ui, "--port": port is not None}, "the port is that of the UI")
    refuse_together({"--no-ui": not ui, "--still": still}, "without the UI, the servers never change")
    refuse_together({"--no-ui": not ui, "--pace": pace is not None}, "without the UI, the servers never change")
    refuse_together({"--still": still, "--pace": pace is not None}, "servers that do not change have no pace")
    raise typer.Exit(
        run(
            ui=ui,
            port=port,
            scenes=scenes,
            home=home,
            still=still,
            new=new,
            pace=PACE_SECONDS if pace is None else pace,
        )
    )


app.command(context_settings={"ignore_unknown_options": True})(database_commands.psql)
app.command("simulate", **simulators.PASSED_ON)(simulators.simulate)
app.command("simulate-box", **simulators.PASSED_ON)(simulators.simulate_box)
assign_panels(app)
