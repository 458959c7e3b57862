"""``stash-pipeline boxes …``: the registry of stash-boxes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stash_pipeline.commands.access_options import CaFile, KeyEnv, KeyStdin, key_given
from stash_pipeline.commands.options import refuse_together
from stash_pipeline.commands.output import console, print_json, table
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from stash_pipeline.stashbox.connection_test import BoxReport
    from stash_pipeline.stashbox_registry import Imported, StashBoxEndpoint

app = typer.Typer(no_args_is_help=True, help="Manage the stash-boxes that may be asked. They are only read.")


class DialectChoice(str, Enum):
    """What software answers."""

    stash_box = "stash-box"
    theporndb = "theporndb"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the stash-box.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PerMinute = Annotated[
    int | None,
    typer.Option("--requests-per-minute", metavar="N", help="For all processes together; at most 240. Default: 120."),
]
PerDay = Annotated[
    str | None,
    typer.Option("--requests-per-day", metavar="N|none", help="For all processes together. Default: 10000."),
]
FeedCatalog = Annotated[
    bool | None,
    typer.Option("--feed-catalog/--no-feed-catalog", help="Whether its values may enter the catalog. Default: yes."),
]
FreshDays = Annotated[
    int | None,
    typer.Option(
        "--fresh-days",
        metavar="N",
        help="After so many days without an answer about it, a record no longer counts. Default: 90.",
    ),
]
ListMissing = Annotated[
    bool | None,
    typer.Option(
        "--list-missing/--no-list-missing",
        help="Whether the box is asked for the scenes of your favorites, by their ids, to find those that you lack. "
        "Default: no.",
    ),
]
DialectOption = Annotated[
    DialectChoice | None, typer.Option("--dialect", help="What software answers there, if the address does not tell.")
]


@contextmanager
def _registry() -> Iterator[tuple[Settings, Any]]:
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        yield settings, connection


def _say(text: str) -> None:
    # verbatim: a sentence can contain brackets, and must not be wrapped
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _warn(text: str) -> None:
    print(f"stash-pipeline: {text}", file=sys.stderr)


def _per_day(text: str | None) -> tuple[int | None, bool]:
    """The number, and whether there is to be none."""
    if text is None:
        return None, False
    if text.strip().lower() == "none":
        return None, True
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise UserError("--requests-per-day takes a number, or `none` for no limit.")
    return int(text), False


def _public(endpoint: "StashBoxEndpoint", connection: Any) -> dict[str, Any]:
    from stash_pipeline.warehouse.ops.request_limiter import budget_use

    variable = f"${endpoint.api_key_env}" if endpoint.api_key_env else None
    use = budget_use(connection, endpoint.id)
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "dialect": endpoint.dialect,
        "api_key": "encrypted" if endpoint.api_key_encrypted else variable,
        "ca_file": endpoint.ca_file,
        "requests_per_minute": endpoint.requests_per_minute,
        "requests_per_day": endpoint.requests_per_day,
        "requests_today": use.used,
        "requests_left_today": use.left,
        "paused_until": endpoint.paused_until,
        "enabled": endpoint.enabled,
        "feed_catalog": endpoint.feed_catalog,
        "fresh_days": endpoint.fresh_days,
        "list_missing": endpoint.list_missing,
        "version": endpoint.version,
        "last_error": endpoint.last_error,
    }


@app.command()
def add(
    name: Name,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="Its endpoint. Not needed for StashDB, FansDB, PMVStash, JAVStash and ThePornDB.",
        ),
    ] = None,
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    ca_file: CaFile = None,
    requests_per_minute: PerMinute = None,
    requests_per_day: PerDay = None,
    feed_catalog: FeedCatalog = None,
    fresh_days: FreshDays = None,
    list_missing: ListMissing = None,
    dialect: DialectOption = None,
    as_json: AsJson = False,
) -> None:
    """Register a stash-box. No request is sent; `boxes test` asks it."""
    from stash_pipeline.stashbox_registry import (
        DEFAULT_FRESH_DAYS,
        DEFAULT_PER_DAY,
        DEFAULT_PER_MINUTE,
        add_endpoint,
    )

    if api_key_env is None and not api_key_stdin:
        raise UserError("Give the API key with --api-key-stdin or --api-key-env: a stash-box refuses all without it.")
    key = key_given(api_key_env, api_key_stdin)
    per_day, unlimited = _per_day(requests_per_day)
    with _registry() as (settings, connection):
        endpoint = add_endpoint(
            connection,
            name,
            url,
            home=settings.home,
            api_key=key,
            api_key_env=api_key_env,
            dialect=dialect.value if dialect else None,
            requests_per_minute=DEFAULT_PER_MINUTE if requests_per_minute is None else requests_per_minute,
            requests_per_day=None if unlimited else DEFAULT_PER_DAY if per_day is None else per_day,
            feed_catalog=feed_catalog is not False,
            fresh_days=DEFAULT_FRESH_DAYS if fresh_days is None else fresh_days,
            list_missing=list_missing is True,
            ca_file=ca_file,
        )
        shown = _public(endpoint, connection)
    if as_json:
        print_json(shown)
    else:
        _say(f"Registered {endpoint.name} at {endpoint.url}. Test it with: stash-pipeline boxes test {endpoint.name}")


@app.command("import")
def import_(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="A registered Stash server.")],
    as_json: AsJson = False,
) -> None:
    """Register the stash-boxes of a Stash server's settings, with its keys.

    A registered one gets the key if that has changed, and keeps its own settings. Exit code 1 if one could not be
    registered.
    """
    from stash_pipeline.instances import get_instance
    from stash_pipeline.stash.stash_boxes import configured_boxes
    from stash_pipeline.stashbox_registry import import_boxes

    with _registry() as (settings, connection):
        server = get_instance(connection, instance)
        with server.client(settings) as client:
            boxes = configured_boxes(client)
        imported = import_boxes(connection, boxes, home=settings.home)
    if as_json:
        print_json([vars(box) for box in imported])
    elif not imported:
        _say(f"{server.name} has no stash-boxes in its settings.")
    else:
        for box in imported:
            (_warn if box.outcome == "skipped" else _say)(_imported(box))
    if any(box.outcome == "skipped" for box in imported):
        raise typer.Exit(1)


def _imported(box: "Imported") -> str:
    because = f" {box.reason}" if box.reason else ""
    if box.outcome == "skipped":
        return f"{box.name} is not registered.{because}"
    sentences = {"added": f"Registered {box.name} at {box.url}.", "key updated": f"Updated the key of {box.name}."}
    return sentences.get(box.outcome, f"{box.name} is registered, and its key has not changed.") + because


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the registered stash-boxes, and the requests that each has had today (UTC)."""
    from stash_pipeline.stashbox_registry import list_endpoints

    with _registry() as (_, connection):
        rows = [_public(endpoint, connection) for endpoint in list_endpoints(connection)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        _say(
            "No stash-box yet. Add one with: stash-pipeline boxes import INSTANCE, or boxes add StashDB --api-key-stdin"
        )
        return
    columns = ["name", "url", "api_key", "enabled", "feed_catalog", "list_missing", "version"]
    numbers = ["requests_per_minute", "requests_today", "requests_left_today"]
    shown = [
        "name", "url", "API key", "enabled", "feeds catalog", "lists missing", "version", "per minute", "today",
        "left today",
    ]  # fmt: skip
    table(None, shown, [[row[column] for column in columns + numbers] for row in rows], numbers=3)
    for row in rows:
        if row["last_error"]:
            _warn(f"{row['name']}: {row['last_error']}")


@app.command()
def test(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Default: all that are enabled.")] = None,
    as_json: AsJson = False,
) -> None:
    """Test stash-boxes with about ten requests each: key, role, release, what it lacks. Exit code 0 or 1."""
    from stash_pipeline.stashbox_registry import get_endpoint, list_endpoints

    with _registry() as (settings, connection):
        endpoints = [get_endpoint(connection, name)] if name else list_endpoints(connection, enabled_only=True)
        if not endpoints:
            raise UserError("There is no enabled stash-box; add one with `stash-pipeline boxes add`.")
        reports = [_tested(endpoint, settings, connection) for endpoint in endpoints]
    if as_json:
        print_json(reports[0].as_json() if name else [report.as_json() for report in reports])
    else:
        for report in reports:
            (_say if report.ok else _warn)(report.message)
            for note in report.notes:
                _warn(note)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _tested(endpoint: "StashBoxEndpoint", settings: Settings, connection: Any) -> "BoxReport":
    from stash_pipeline.stashbox.connection_test import BoxReport, check_box
    from stash_pipeline.stashbox_registry import record_state

    try:
        with endpoint.client(settings, even_if_disabled=True) as client:
            report = check_box(client)
    except UserError as error:
        # the key cannot be read
        report = BoxReport(endpoint.name, endpoint.url, False, str(error))
    record_state(connection, endpoint.id, version=report.version, error=None if report.ok else report.message)
    return report


@app.command()
def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all that are enabled.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Ask about everything again, however recent the answers are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask stash-boxes what is due, and match the answers. Only hashes and ids leave this machine.

    A run that is interrupted continues where it stopped. What is more than the budget of the day is asked later.
    """
    from stash_pipeline.commands.boxes_sync import sync_boxes

    raise typer.Exit(sync_boxes(names or [], as_json, everything=everything))


@app.command()
def missing(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Default: all that are enabled.")] = None,
    csv_file: Annotated[
        str | None, typer.Option("--csv", metavar="PATH", help="Write them to a CSV file; - is standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what stash-boxes have of favorite performers and studios, and no server has. Sends no request.

    `boxes edit NAME --list-missing` lets the next readings ask for it.
    """
    from stash_pipeline.commands.boxes_missing import show_missing

    with _registry() as (_, connection):
        show_missing(connection, name, csv_file, as_json)


@app.command()
def edit(
    name: Name,
    url: Annotated[str | None, typer.Option(help="New URL.")] = None,
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    ca_file: CaFile = None,
    no_ca_file: Annotated[bool, typer.Option("--no-ca-file", help="Trust the system's authorities again.")] = False,
    requests_per_minute: PerMinute = None,
    requests_per_day: PerDay = None,
    feed_catalog: FeedCatalog = None,
    fresh_days: FreshDays = None,
    list_missing: ListMissing = None,
    dialect: DialectOption = None,
    as_json: AsJson = False,
) -> None:
    """Change a registered stash-box. Options that are not given keep their values."""
    refuse_together({"--ca-file": ca_file is not None, "--no-ca-file": no_ca_file})
    values = (
        url, api_key_env, ca_file, requests_per_minute, requests_per_day, feed_catalog, fresh_days, list_missing,
        dialect,
    )  # fmt: skip
    if not api_key_stdin and not no_ca_file and all(value is None for value in values):
        raise UserError("Give at least one option to change; `stash-pipeline boxes edit --help` lists them.")
    per_day, unlimited = _per_day(requests_per_day)
    _edit(
        name,
        "Changed",
        as_json,
        url=url,
        api_key=key_given(api_key_env, api_key_stdin),
        api_key_env=api_key_env,
        requests_per_minute=requests_per_minute,
        requests_per_day=per_day,
        unlimited_per_day=unlimited,
        feed_catalog=feed_catalog,
        fresh_days=fresh_days,
        list_missing=list_missing,
        ca_file=ca_file,
        no_ca_file=no_ca_file,
        dialect=dialect.value if dialect else None,
    )


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Enable a stash-box: it may be asked."""
    _edit(name, "Enabled", as_json, enabled=True)


@app.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Disable a stash-box: no request is sent to it, and running ones end. What it answered stays."""
    _edit(name, "Disabled", as_json, enabled=False)


def _edit(name: str, done: str, as_json: bool, **changes: Any) -> None:
    from stash_pipeline.stashbox_registry import edit_endpoint

    with _registry() as (settings, connection):
        endpoint = edit_endpoint(connection, name, home=settings.home, **changes)
        shown = _public(endpoint, connection)
    if as_json:
        print_json(shown)
    else:
        _say(f"{done} {endpoint.name}.")


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a stash-box and its key. To keep what it answered, disable it instead."""
    from stash_pipeline.stashbox_registry import get_endpoint, remove_endpoint

    with _registry() as (_, connection):
        name = get_endpoint(connection, name).name
        if not yes:
            if not sys.stdin.isatty():
                raise UserError(
                    f"Give --yes to remove {name}, or disable it with `stash-pipeline boxes disable {name}`."
                )
            typer.echo(f"Remove {name} and its key? [yes/NO] ", err=True, nl=False)
            if input().strip().lower() != "yes":
                raise UserError("Nothing was removed.")
        endpoint = remove_endpoint(connection, name)
    if as_json:
        print_json({"name": endpoint.name, "url": endpoint.url})
    else:
        _say(f"Removed {endpoint.name}.")
