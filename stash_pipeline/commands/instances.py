"""``stash-pipeline instances …``: the registry of Stash servers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stash_pipeline.commands.access_options import (
    BasicAuthEnv,
    CaFile,
    ClientCert,
    ClientKey,
    Given,
    HeaderLines,
    KeyEnv,
    KeyStdin,
    given,
)
from stash_pipeline.commands.options import LARGEST_INTEGER, SMALLEST_INTEGER, finite, refuse_together, require
from stash_pipeline.commands.output import console, print_json, print_no_instance, table
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from stash_pipeline.instances import Instance
    from stash_pipeline.stash.access import Access
    from stash_pipeline.stash.connection_test import ConnectionReport

app = typer.Typer(no_args_is_help=True, help="Manage the Stash servers to sync.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the instance: letters, digits, dashes.")]
YesPublic = Annotated[
    bool, typer.Option("--yes-public", help="Send a request to a public address without a key, which may lock Stash.")
]
Timeout = Annotated[float, typer.Option(min=0.1, max=3600, callback=finite, help="Seconds to wait for a response.")]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone", metavar="ZONE", help="Time zone of its schedules, like Europe/Paris. Default: this machine's."
    ),
]


class LaneChoice(str, Enum):
    """How a complete library is read."""

    auto = "auto"
    graphql = "graphql"
    snapshot = "snapshot"


LaneOption = Annotated[
    LaneChoice | None,
    typer.Option(
        "--lane",
        help="How everything is read: auto (from a snapshot of the database if available), snapshot (always from a "
        "snapshot), graphql (never from a snapshot; creating one blocks writes on the server for a moment).",
    ),
]
UseStashBoxes = Annotated[
    bool | None,
    typer.Option(
        "--stash-boxes/--no-stash-boxes",
        help="Whether stash-boxes are asked about its objects, and their values are added to these in the catalog, and "
        "proposed for them. Default: yes.",
    ),
]
Priority = Annotated[
    int | None,
    typer.Option(min=SMALLEST_INTEGER, max=LARGEST_INTEGER, help="The smaller number wins a conflict. Default: 0."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def follow_registry(settings: Settings) -> None:
    """Makes the partitions match the registry now."""
    from stash_pipeline.instances import list_instances
    from stash_pipeline.partitions import sync_partitions
    from stash_pipeline.runtime.in_process import dagster_instance
    from stash_pipeline.warehouse.connect import connect

    url = settings.database()
    assert url is not None
    with connect(url) as connection:
        names = [instance.name for instance in list_instances(connection)]
    with dagster_instance(settings.home) as dagster:
        sync_partitions(dagster, names)


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


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="For example http://localhost:9999")],
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    ca_file: CaFile = None,
    header: HeaderLines = None,
    basic_auth_env: BasicAuthEnv = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    priority: Priority = None,
    timezone: Timezone = None,
    lane: LaneOption = None,
    test: Annotated[bool, typer.Option("--test", help="Test the connection first; register only on success.")] = False,
    yes_public: YesPublic = False,
    as_json: AsJson = False,
) -> None:
    """Register a Stash server. No request is sent without --test, so the server need not be reachable.

    The name of an instance that was removed with --keep-rows restores it with its rows.
    """
    from stash_pipeline.instances import add_instance, find_instance, refuse_same_address

    require("--yes-public", "--test", yes_public, test)
    options = given(api_key_env, api_key_stdin, ca_file, header, basic_auth_env, client_cert, client_key)
    with _registry() as (settings, connection):
        refuse_same_address(connection, url, besides=name)
        if test:
            report = _checked(url, options.access(), settings=settings, yes_public=yes_public)
            if not report.ok:
                if as_json:
                    print_json({"instance": name, **report.as_json()})
                    raise typer.Exit(1)
                raise UserError(f"{name} is not registered. {report.message}")
        before = find_instance(connection, name)
        instance = add_instance(
            connection,
            name,
            url,
            home=settings.home,
            **options.arguments(),
            priority=priority or 0,
            timezone=timezone,
            lane=lane.value if lane else "auto",
        )
        follow_registry(settings)
    if as_json:
        print_json({**_public(instance), "restored": before is not None})
        return
    if test:
        _say(report.message)
    done = "Restored" if before else "Registered"
    _say(f"{done} {instance.name} at {instance.url}. Sync it with: stash-pipeline sync {instance.name}")


def _public(instance: "Instance") -> dict[str, Any]:
    key = "encrypted" if instance.api_key_encrypted else f"${instance.api_key_env}" if instance.api_key_env else None
    return {
        "name": instance.name,
        "uuid": instance.uuid,
        "url": instance.url,
        "api_key": key,
        "headers": instance.header_names,
        "basic_auth": f"${instance.basic_auth_env}" if instance.basic_auth_env else None,
        "ca_file": instance.ca_file,
        "client_cert": instance.client_cert,
        "client_key": instance.client_key,
        "priority": instance.priority,
        "timezone": instance.timezone,
        "lane": instance.lane,
        "snapshot_error": instance.snapshot_error,
        "use_stash_boxes": instance.use_stash_boxes,
        "enabled": instance.enabled,
        "release": instance.release,
        "removed_at": instance.removed_at,
    }


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Include removed instances whose rows were kept.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the registered servers."""
    from stash_pipeline.instances import list_instances

    with _registry() as (_, connection):
        rows = [_public(instance) for instance in list_instances(connection, with_removed=every)]
    if as_json:
        print_json(rows)
    elif rows:
        columns = ["name", "url", "api_key", "priority", "timezone", "enabled", "release"]
        columns += ["lane"] if any(row["lane"] != "auto" for row in rows) else []
        columns += ["removed_at"] if every else []
        headings = {"api_key": "API key", "timezone": "time zone", "removed_at": "removed"}
        table(None, [headings.get(c, c) for c in columns], [[row[c] for c in columns] for row in rows])
    else:
        print_no_instance()


def _checked(
    url: str, access: "Access", *, settings: Settings, timeout: float = 10.0, yes_public: bool = False
) -> "ConnectionReport":
    from stash_pipeline.stash.connection_test import check_connection

    return check_connection(
        url,
        access=access,
        timeout=timeout,
        connect_timeout=min(settings.connect_timeout_seconds, timeout),
        ask_public=yes_public,
    )


def _in_place_of(instance: "Instance", options: Given, settings: Settings) -> "Access":
    """The access to an instance, with the given options in place of its own."""
    from stash_pipeline.instance_access import access_of, merged_headers

    with_key = options.api_key is not None or options.api_key_env is not None
    with_cert = options.client_cert is not None
    return access_of(
        api_key=options.api_key if with_key else instance.api_key(settings.home),
        api_key_env=options.api_key_env,
        headers=merged_headers(instance.headers(settings.home), options.headers),
        basic_auth_env=options.basic_auth_env or instance.basic_auth_env,
        ca_file=options.ca_file or instance.ca_file,
        client_cert=options.client_cert if with_cert else instance.client_cert,
        client_key=options.client_key if with_cert or options.client_key else instance.client_key,
    )


@app.command()
def test(
    server: Annotated[str, typer.Argument(metavar="NAME|URL", help="A registered instance, or the URL of any server.")],
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    ca_file: CaFile = None,
    header: HeaderLines = None,
    basic_auth_env: BasicAuthEnv = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    timeout: Timeout = 10.0,
    yes_public: YesPublic = False,
    as_json: AsJson = False,
) -> None:
    """Test the connection to a server and write nothing. Exit code 0 if it can be synced, 1 if not.

    For a registered instance, options given here are used instead of the registered ones.
    """
    from stash_pipeline.instances import get_instance, same_address, same_library
    from stash_pipeline.stash.connection_test import ConnectionReport

    options = given(api_key_env, api_key_stdin, ca_file, header, basic_auth_env, client_cert, client_key)
    with _registry() as (settings, connection):
        name, url = None, server
        try:
            if "://" not in server:
                instance = get_instance(connection, server)
                name, url = instance.name, instance.url
                access = _in_place_of(instance, options, settings)
            else:
                access = options.access()
        except UserError as error:
            if name is None:
                raise
            report = ConnectionReport("key_unreadable", str(error), url)
        else:
            report = _checked(url, access, settings=settings, timeout=timeout, yes_public=yes_public)
        notes = []
        registered = same_address(connection, url, besides=name) if report.outcome != "wrong_settings" else None
        if registered:
            notes.append(f"That address is registered as instance {registered.name}.")
        twins = same_library(connection, report.oldest, besides=name)
        for twin in twins:
            if registered is None or twin != registered.name:
                notes.append(f"Its first objects are those of instance {twin}: the same server, or a copy of it.")
    if as_json:
        same_as = sorted({*twins, *([registered.name] if registered else [])})
        print_json({"instance": name, **report.as_json(), "same_as": same_as, "notes": notes})
    else:
        (_say if report.ok else _warn)(report.message)
        for note in notes:
            _warn(note)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def edit(
    name: Name,
    url: Annotated[str | None, typer.Option(help="New URL.")] = None,
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    no_api_key: Annotated[bool, typer.Option("--no-api-key", help="Remove the key.")] = False,
    header: HeaderLines = None,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Remove the headers, except those given.")] = False,
    basic_auth_env: BasicAuthEnv = None,
    no_basic_auth: Annotated[bool, typer.Option("--no-basic-auth", help="Remove the proxy login.")] = False,
    ca_file: CaFile = None,
    no_ca_file: Annotated[bool, typer.Option("--no-ca-file", help="Trust the system's authorities again.")] = False,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    no_client_cert: Annotated[bool, typer.Option("--no-client-cert", help="Remove the client certificate.")] = False,
    priority: Priority = None,
    timezone: Timezone = None,
    no_timezone: Annotated[bool, typer.Option("--no-timezone", help="Use this machine's time zone again.")] = False,
    lane: LaneOption = None,
    use_stash_boxes: UseStashBoxes = None,
    as_json: AsJson = False,
) -> None:
    """Change a registered server. Options that are not given keep their values."""
    for value, no, option in (
        (ca_file, no_ca_file, "ca-file"),
        (basic_auth_env, no_basic_auth, "basic-auth-env"),
        (client_cert, no_client_cert, "client-cert"),
        (timezone, no_timezone, "timezone"),
    ):
        refuse_together({f"--{option}": value is not None, f"--no-{option.removesuffix('-env')}": no})
    values = (
        url, api_key_env, header, basic_auth_env, ca_file, client_cert, client_key, priority, timezone, lane,
        use_stash_boxes,
    )  # fmt: skip
    removed = no_api_key or no_headers or no_basic_auth or no_ca_file or no_client_cert or no_timezone
    if not api_key_stdin and not removed and all(value is None for value in values):
        raise UserError("Give at least one option to change; `stash-pipeline instances edit --help` lists them.")
    options = given(
        api_key_env,
        api_key_stdin,
        ca_file,
        header,
        basic_auth_env,
        client_cert,
        client_key,
        no_api_key=no_api_key,
    )
    _edit(
        name,
        "Changed",
        as_json,
        url=url,
        **options.arguments(),
        no_api_key=no_api_key,
        no_headers=no_headers,
        no_basic_auth=no_basic_auth,
        no_ca_file=no_ca_file,
        no_client_cert=no_client_cert,
        priority=priority,
        timezone=timezone,
        no_timezone=no_timezone,
        lane=lane.value if lane else None,
        use_stash_boxes=use_stash_boxes,
    )


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Enable a server: `sync` without names, sensors and schedules include it."""
    _edit(name, "Enabled", as_json, enabled=True)


@app.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Disable a server: `sync` without names, sensors and schedules skip it. Its rows stay."""
    _edit(name, "Disabled", as_json, enabled=False)


def _edit(name: str, done: str, as_json: bool, *, url: str | None = None, **changes: Any) -> None:
    from stash_pipeline.instances import edit_instance, refuse_same_address

    with _registry() as (settings, connection):
        if url is not None:
            refuse_same_address(connection, url, besides=name)
        instance = edit_instance(connection, name, home=settings.home, url=url, **changes)
    if as_json:
        print_json(_public(instance))
    else:
        _say(f"{done} {instance.name}.")


def _keep_or_remove(name: str) -> bool:
    """Asks whether to keep the rows."""
    if not sys.stdin.isatty():
        raise UserError("Give --keep-rows to keep the rows of the instance, or --yes to remove them.")
    typer.echo(f"Keep the rows of {name}, remove them permanently, or cancel?", err=True)
    answer = input("[keep/remove/CANCEL] ").strip().lower()
    if answer not in ("keep", "remove"):
        raise UserError("Nothing was removed.")
    return answer == "keep"


@app.command()
def remove(
    name: Name,
    keep_rows: Annotated[
        bool, typer.Option("--keep-rows", help="Keep its rows; `add` with the same name restores it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove its rows without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a server, its API key and its partition, with or without its rows."""
    from stash_pipeline.instances import get_instance, read_again
    from stash_pipeline.warehouse.connect import instance_lock
    from stash_pipeline.warehouse.ops.removal import archive_instance, remove_instance

    refuse_together({"--keep-rows": keep_rows, "--yes": yes}, "one keeps the rows, the other removes them")
    with _registry() as (settings, connection):
        # the rows of an instance that was removed before can still be removed
        instance = get_instance(connection, name, with_removed=not keep_rows)
        name = instance.name
        keep = keep_rows or (not yes and _keep_or_remove(name))
        with instance_lock(settings.database() or "", instance.id, name):
            read_again(connection, instance, with_removed=not keep)
            (archive_instance if keep else remove_instance)(connection, instance.id)
        follow_registry(settings)
    if as_json:
        print_json({"name": name, "uuid": instance.uuid, "rows": "kept" if keep else "removed"})
    else:
        _say(f"Removed {name}; its rows are kept." if keep else f"Removed {name} and its rows.")
