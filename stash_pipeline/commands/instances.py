"""``stash-pipeline instances …``: the registry of Stash servers."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stash_pipeline.commands.output import console, print_json, table
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from stash_pipeline.instances import Instance
    from stash_pipeline.stash.connection import ConnectionReport

app = typer.Typer(no_args_is_help=True, help="The Stash servers that are mirrored.")

Name = Annotated[str, typer.Argument(help="Name of the instance: letters, digits, dashes.")]
KeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", metavar="VAR", help="Take the API key from this variable at run time.")
]
KeyStdin = Annotated[
    bool, typer.Option("--api-key-stdin", help="Read the API key from standard input; kept encrypted.")
]
CaFile = Annotated[
    str | None,
    typer.Option("--ca-file", metavar="PATH", help="PEM file of the private authority that signed its certificate."),
]
YesPublic = Annotated[
    bool, typer.Option("--yes-public", help="Ask a public address without a key, though that may lock Stash.")
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that the test waits for an answer.")]
Timezone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Of its schedules, like Europe/Paris; default: this machine's."),
]


class LaneName(str, Enum):
    """How a library is read where all of it is."""

    auto = "auto"
    graphql = "graphql"
    snapshot = "snapshot"


LaneOption = Annotated[
    LaneName | None,
    typer.Option(
        "--lane",
        help="How all of it is read: auto (a copy of its database where that can be had), snapshot (always such a "
        "copy), graphql (never; making a copy stops the server's writing for a moment).",
    ),
]
Priority = Annotated[int | None, typer.Option(help="Smaller wins where instances disagree.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _key_from_stdin() -> str:
    if sys.stdin.isatty():
        key = getpass.getpass("API key (not shown): ").strip()
    else:
        # what is no text becomes a character that no key has
        key = sys.stdin.buffer.readline().decode("utf-8", "replace").strip()
    if not key:
        raise UserError("--api-key-stdin was given, but standard input holds no key.")
    return key


def _key(api_key_env: str | None, api_key_stdin: bool, no_api_key: bool = False) -> str | None:
    """The key on standard input, if that is asked for; and for one way of giving keys only."""
    if (api_key_env is not None) + api_key_stdin + no_api_key > 1:
        names = "--api-key-env, --api-key-stdin" + (" and --no-api-key" if no_api_key else "")
        raise UserError(f"{names} exclude each other; give one of them.")
    return _key_from_stdin() if api_key_stdin else None


def follow_registry(settings: Settings) -> None:
    """Brings the partitions in step with the registry, at once."""
    from stash_pipeline.automation.launch import dagster_instance
    from stash_pipeline.instances import list_instances
    from stash_pipeline.partitions import keep_in_step
    from stash_pipeline.warehouse.connect import connect

    url = settings.database()
    assert url is not None
    with connect(url) as connection:
        names = [instance.name for instance in list_instances(connection)]
    with dagster_instance(settings.home) as dagster:
        keep_in_step(dagster, names)


@contextmanager
def _registry() -> Iterator[tuple[Settings, Any]]:
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        yield settings, connection


def _say(text: str) -> None:
    # as it is: a sentence may hold brackets, and is not to be broken into lines
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _warn(text: str) -> None:
    print(f"stash-pipeline: {text}", file=sys.stderr)


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="For instance http://localhost:9999")],
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    ca_file: CaFile = None,
    priority: Priority = 0,
    timezone: Timezone = None,
    lane: LaneOption = None,
    test: Annotated[bool, typer.Option("--test", help="Test the connection first; register only if it works.")] = False,
    yes_public: YesPublic = False,
    as_json: AsJson = False,
) -> None:
    """Register a Stash server. It need not be reachable: nothing is asked over the network without --test.

    The name of an instance that was removed with --keep-rows brings it back, with its rows.
    """
    from stash_pipeline.instances import add_instance, find_instance, refuse_same_address

    key = _key(api_key_env, api_key_stdin)
    with _registry() as (settings, connection):
        refuse_same_address(connection, url, besides=name)
        if test:
            report = _checked(url, key, api_key_env, ca_file, settings=settings, yes_public=yes_public)
            if not report.ok:
                if as_json:
                    print_json({"instance": name, **report.as_json()})
                    raise typer.Exit(1)
                raise UserError(f"{name} is not registered. {report.sentence}")
        before = find_instance(connection, name)
        instance = add_instance(
            connection,
            name,
            url,
            home=settings.home,
            api_key=key,
            api_key_env=api_key_env,
            ca_file=ca_file,
            priority=priority or 0,
            timezone=timezone,
            lane=lane.value if lane else "auto",
        )
        follow_registry(settings)
    if as_json:
        print_json({**_public(instance), "revived": before is not None})
        return
    if test:
        _say(report.sentence)
    done = "Brought back" if before else "Registered"
    _say(f"{done} {instance.name} at {instance.url}. Mirror it with: stash-pipeline sync {name}")


def _public(instance: "Instance") -> dict[str, Any]:
    key = "encrypted" if instance.api_key_encrypted else f"${instance.api_key_env}" if instance.api_key_env else None
    return {
        "name": instance.name,
        "uuid": instance.uuid,
        "url": instance.url,
        "api_key": key,
        "ca_file": instance.ca_file,
        "priority": instance.priority,
        "timezone": instance.timezone,
        "lane": instance.lane,
        "snapshot_trouble": instance.snapshot_trouble,
        "enabled": instance.enabled,
        "release": instance.release,
        "removed_at": instance.removed_at,
    }


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also removed ones whose rows were kept.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the registered servers."""
    from stash_pipeline.instances import list_instances

    with _registry() as (_, connection):
        found = [_public(instance) for instance in list_instances(connection, with_removed=every)]
    if as_json:
        print_json(found)
    elif found:
        columns = ["name", "url", "api_key", "priority", "timezone", "enabled", "release"]
        columns += ["lane"] if any(row["lane"] != "auto" for row in found) else []
        columns += ["removed_at"] if every else []
        table(None, columns, [[row[c] for c in columns] for row in found])
    else:
        console.print("No instance yet. Add one with: stash-pipeline instances add home http://localhost:9999")


def _checked(
    url: str,
    api_key: str | None,
    api_key_env: str | None,
    ca_file: str | None,
    *,
    settings: Settings,
    timeout: float = 10.0,
    yes_public: bool = False,
) -> "ConnectionReport":
    from stash_pipeline.instances import key_from_variable
    from stash_pipeline.stash.connection import check_connection

    return check_connection(
        url,
        key_from_variable(api_key_env) if api_key_env else api_key,
        ca_file=ca_file,
        timeout=timeout,
        connect_timeout=min(settings.connect_timeout_seconds, timeout),
        ask_public=yes_public,
    )


@app.command()
def test(
    server: Annotated[str, typer.Argument(metavar="NAME|URL", help="A registered instance, or the URL of any server.")],
    api_key_env: KeyEnv = None,
    api_key_stdin: KeyStdin = False,
    ca_file: CaFile = None,
    timeout: Timeout = 10.0,
    yes_public: YesPublic = False,
    as_json: AsJson = False,
) -> None:
    """Test the connection to a server, and write nothing. Exit code 0 if it can be mirrored, 1 if not.

    For a registered instance, a key or CA file given here is tried in place of its own.
    """
    from stash_pipeline.instances import get_instance, same_address, same_library
    from stash_pipeline.stash.connection import ConnectionReport

    key = _key(api_key_env, api_key_stdin)
    with _registry() as (settings, connection):
        name, url = None, server
        try:
            if "://" not in server:
                instance = get_instance(connection, server)
                name, url = instance.name, instance.url
                ca_file = ca_file or instance.ca_file
                if key is None and api_key_env is None:
                    key = instance.api_key(settings.home)
        except UserError as error:
            if name is None:
                raise
            report = ConnectionReport("key_unreadable", str(error), url)
        else:
            report = _checked(url, key, api_key_env, ca_file, settings=settings, timeout=timeout, yes_public=yes_public)
        notes = []
        other = same_address(connection, url, besides=name) if report.outcome != "wrong_settings" else None
        if other:
            notes.append(f"That address is registered as instance {other.name}.")
        twins = same_library(connection, report.oldest, besides=name)
        for twin in twins:
            if other is None or twin != other.name:
                notes.append(f"It begins with the same objects as instance {twin}: the same server, or a copy of it.")
    if as_json:
        same = sorted({*twins, *([other.name] if other else [])})
        print_json({"instance": name, **report.as_json(), "same_as": same, "notes": notes})
    else:
        (_say if report.ok else _warn)(report.sentence)
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
    no_api_key: Annotated[bool, typer.Option("--no-api-key", help="Forget the key.")] = False,
    ca_file: CaFile = None,
    no_ca_file: Annotated[bool, typer.Option("--no-ca-file", help="Trust the usual authorities again.")] = False,
    priority: Priority = None,
    timezone: Timezone = None,
    no_timezone: Annotated[bool, typer.Option("--no-timezone", help="Take this machine's time zone again.")] = False,
    lane: LaneOption = None,
    as_json: AsJson = False,
) -> None:
    """Change a registered server; what is not given stays."""
    if ca_file and no_ca_file:
        raise UserError("--ca-file and --no-ca-file exclude each other; give one of them.")
    if timezone is not None and no_timezone:
        raise UserError("--timezone and --no-timezone exclude each other; give one of them.")
    key = _key(api_key_env, api_key_stdin, no_api_key)
    _edit(
        name,
        f"Changed {name}.",
        as_json,
        url=url,
        api_key=key,
        api_key_env=api_key_env,
        no_api_key=no_api_key,
        ca_file=ca_file,
        no_ca_file=no_ca_file,
        priority=priority,
        timezone=timezone,
        no_timezone=no_timezone,
        lane=lane.value if lane else None,
    )


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Include a server in `sync` without names."""
    _edit(name, f"Enabled {name}.", as_json, enabled=True)


@app.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Leave a server out of `sync` without names; its rows stay."""
    _edit(name, f"Disabled {name}.", as_json, enabled=False)


def _edit(name: str, done: str, as_json: bool, *, url: str | None = None, **changes: Any) -> None:
    from stash_pipeline.instances import edit_instance, refuse_same_address

    with _registry() as (settings, connection):
        if url is not None:
            refuse_same_address(connection, url, besides=name)
        instance = edit_instance(connection, name, home=settings.home, url=url, **changes)
    if as_json:
        print_json(_public(instance))
    else:
        _say(done)


def _keep_or_remove(name: str) -> bool:
    """Asks whether the rows are kept."""
    if not sys.stdin.isatty():
        raise UserError("Say --keep-rows to keep the rows that came from it, or --yes to remove them.")
    typer.echo(f"The rows that came from {name}: keep them, remove them for good, or cancel?", err=True)
    answer = input("[keep/remove/CANCEL] ").strip().lower()
    if answer not in ("keep", "remove"):
        raise UserError("Nothing was removed.")
    return answer == "keep"


@app.command()
def remove(
    name: Name,
    keep_rows: Annotated[
        bool, typer.Option("--keep-rows", help="Keep its rows; `add` with the same name brings it back.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; its rows go, unless --keep-rows is given.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a server and its partition, with or without its rows. Its API key is forgotten."""
    from stash_pipeline.instances import get_instance, read_again
    from stash_pipeline.warehouse.connect import instance_lock
    from stash_pipeline.warehouse.removal import archive_instance, remove_instance

    with _registry() as (settings, connection):
        # the rows of one that was removed before can still be removed
        instance = get_instance(connection, name, with_removed=not keep_rows)
        keep = keep_rows or (not yes and _keep_or_remove(name))
        with instance_lock(settings.database() or "", instance.id, name):
            read_again(connection, instance, with_removed=not keep)
            (archive_instance if keep else remove_instance)(connection, instance.id)
        follow_registry(settings)
    if as_json:
        print_json({"name": name, "uuid": instance.uuid, "rows": "kept" if keep else "removed"})
    else:
        _say(f"Removed {name}; its rows are kept." if keep else f"Removed {name} and its rows.")
