"""The registry of instances: the Stash servers to sync.

Its names are the keys of the Dagster partitions (see ``partitions.py``). API keys are encrypted (``secrets.py``) or
given as the name of an environment variable; they leave this module only as the argument of a client.
"""

import difflib
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg.types.json import Jsonb

from stash_pipeline import secrets
from stash_pipeline.errors import UserError
from stash_pipeline.instance_access import (
    access_of,
    checked,
    decrypted_headers,
    encrypted_headers,
    key_from_variable,
    limits_of,
    merged_headers,
)
from stash_pipeline.settings import Settings
from stash_pipeline.stash.access import Access, Headers
from stash_pipeline.stash.address import server_key
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import StashError
from stash_pipeline.warehouse.connect import Connection, share_partitions
from stash_pipeline.warehouse.stashbox.touched import publish_linked

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z")
LONGEST_NAME: Final = 64
_COLUMNS = (
    "id, uuid::text, name, url, api_key_encrypted, api_key_env, priority, enabled, release, revision, ca_file, "
    "removed_at, timezone, lane, snapshot_bytes, snapshot_seconds, snapshot_error, header_names, "
    "headers_encrypted, basic_auth_env, client_cert, client_key, use_stash_boxes"
)


LaneName = Literal["auto", "graphql", "snapshot"]


@dataclass(frozen=True)
class Instance:
    """One registered server. ``id`` is its key inside the database, ``uuid`` outside."""

    id: int
    uuid: str
    name: str
    url: str
    api_key_encrypted: bytes | None
    api_key_env: str | None
    priority: int
    enabled: bool
    release: str | None
    revision: int
    ca_file: str | None = None
    removed_at: datetime | None = None
    timezone: str | None = None
    """Of its schedules; None: the time zone of the machine."""
    lane: LaneName = "auto"
    """How a complete library is read."""
    snapshot_bytes: int | None = None
    snapshot_seconds: float | None = None
    snapshot_error: str | None = None
    """Of the last snapshot of its database: size, seconds that the server took to create it, and what went wrong."""
    header_names: list[str] = field(default_factory=list, hash=False)
    headers_encrypted: bytes | None = None
    basic_auth_env: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    """Access to a proxy in front of it."""
    use_stash_boxes: bool = True
    """Whether stash-boxes are asked about its objects, and their values added to these in the catalog, and proposed."""

    def __repr__(self) -> str:
        return f"Instance({self.name!r}, {self.url!r})"

    def api_key(self, home: Path) -> str | None:
        """The API key, or None for a server without credentials.

        Raises:
            UserError: if the variable is not set, or the key file cannot be used.
        """
        if self.api_key_env:
            return key_from_variable(self.api_key_env, f"instance {self.name}")
        if self.api_key_encrypted:
            return secrets.decrypt(home, self.api_key_encrypted)
        return None

    def headers(self, home: Path) -> Headers:
        """The headers for its proxy.

        Raises:
            UserError: if the key file cannot be used.
        """
        return decrypted_headers(home, self.headers_encrypted)

    def access(self, home: Path) -> Access:
        """The access to the server and to a proxy in front of it.

        Raises:
            UserError: if a variable is not set, or the key file cannot be used.
        """
        return access_of(
            api_key=self.api_key(home),
            headers=self.headers(home),
            basic_auth_env=self.basic_auth_env,
            ca_file=self.ca_file,
            client_cert=self.client_cert,
            client_key=self.client_key,
            whose=f"instance {self.name}",
        )

    def zone(self) -> ZoneInfo | None:
        """The time zone of its schedules, or None for the machine's.

        Raises:
            UserError: if this machine does not know the time zone.
        """
        return None if self.timezone is None else find_zone(self.timezone)

    def client(self, settings: Settings) -> StashClient:
        """A client for this server."""
        return StashClient(
            self.url,
            access=self.access(settings.home),
            timeout=settings.request_timeout_seconds,
            connect_timeout=settings.connect_timeout_seconds,
            connections=settings.requests_in_flight,
            limits=limits_of(settings),
        )


def find_zone(name: str) -> ZoneInfo:
    """The time zone with an IANA name.

    Raises:
        UserError: if it does not exist.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(f"There is no time zone {name!r}; give a name like Europe/Paris or UTC.") from None


def _instance(row: tuple[Any, ...]) -> Instance:
    return Instance(*row)


def list_instances(connection: Connection, *, enabled_only: bool = False, with_removed: bool = False) -> list[Instance]:
    """The instances in order of priority and name, optionally with removed ones whose rows were kept."""
    conditions = ["true" if with_removed else "removed_at IS NULL", "enabled" if enabled_only else "true"]
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ops.instances WHERE {' AND '.join(conditions)} ORDER BY priority, name"
    )
    return [_instance(row) for row in rows.fetchall()]


def find_instance(connection: Connection, name: str) -> Instance | None:
    """The instance with a name, removed or not; names are not case-sensitive, but an exact match wins.

    Raises:
        UserError: if several names differ only in case, which earlier versions allowed.
    """
    rows = connection.execute(f"SELECT {_COLUMNS} FROM ops.instances WHERE lower(name) = lower(%s)", [name]).fetchall()
    matches = [_instance(row) for row in rows]
    exact = [instance for instance in matches if instance.name == name]
    if len(matches) > 1 and not exact:
        names = " and ".join(sorted(instance.name for instance in matches))
        raise UserError(f"{name!r} matches {names}; give the exact name.")
    return next(iter(exact or matches), None)


def get_instance(connection: Connection, name: str, *, with_removed: bool = False) -> Instance:
    """The instance with a name, which is not case-sensitive.

    Raises:
        UserError: if it does not exist; the message suggests the nearest name and lists all of them.
    """
    instance = find_instance(connection, name)
    if instance is None:
        registered = [instance.name for instance in list_instances(connection)]
        nearest = difflib.get_close_matches(name.lower(), [other.lower() for other in registered], n=1)
        suggestion = next((other for other in registered if nearest and other.lower() == nearest[0]), None)
        raise UserError(
            f"There is no instance {name!r} (registered: {', '.join(registered) or 'none yet'}); "
            + (f"did you mean {suggestion}? If not, add it" if suggestion else "add it")
            + f" with `stash-pipeline instances add {name} URL`."
        )
    if instance.removed_at is not None and not with_removed:
        raise UserError(
            f"The instance {instance.name} was removed and its rows were kept; restore it with "
            f"`stash-pipeline instances add {instance.name} URL`."
        )
    return instance


def _same_name(name: str, other: str | None) -> bool:
    """Whether two names are the same instance; case does not matter."""
    return other is not None and name.lower() == other.lower()


def read_again(connection: Connection, instance: Instance, *, with_removed: bool = False) -> Instance:
    """Reads the instance again; call it after acquiring the instance's lock.

    Raises:
        UserError: if it was removed meanwhile, even if another instance now has its name.
    """
    row = connection.execute(f"SELECT {_COLUMNS} FROM ops.instances WHERE id = %s", [instance.id]).fetchone()
    current = None if row is None else _instance(row)
    if current is None or (current.removed_at is not None and not with_removed):
        raise UserError(f"The instance {instance.name} was removed meanwhile; nothing was written.")
    return current


def same_address(connection: Connection, url: str, *, besides: str | None = None) -> Instance | None:
    """Another instance registered with this address, however it is spelled."""
    key = server_key(url)
    for instance in list_instances(connection):
        if not _same_name(instance.name, besides) and server_key(instance.url) == key:
            return instance
    return None


def refuse_same_address(connection: Connection, url: str, *, besides: str | None = None) -> None:
    """Refuses an address that is already registered, because the server would be synced twice.

    Raises:
        UserError: if another instance has the address, or it is invalid.
    """
    try:
        other = same_address(connection, url, besides=besides)
    except StashError as error:
        raise UserError(str(error)) from None
    if other:
        raise UserError(f"That server is already registered as instance {other.name}; edit or remove that instance.")


def same_library(connection: Connection, oldest: dict[str, dict[int, str]], *, besides: str | None = None) -> list[str]:
    """Names of the instances whose first objects are this server's: the same server at another address, or a copy.

    Args:
        oldest: per entity, the creation times of the server's first objects, by id. At least three must match stored
            rows and none may differ, so an instance that was never synced does not match.
    """
    names = []
    for instance in list_instances(connection):
        if _same_name(instance.name, besides):
            continue
        agreeing = differing = 0
        for entity, created in oldest.items():
            rows = connection.execute(
                "SELECT t.created_at = o.created_at FROM unnest(%s::bigint[], %s::timestamptz[]) AS o(id, created_at)\n"
                f"JOIN stash.{entity} t ON t.id = o.id AND t.instance_id = %s",
                [list(created), list(created.values()), instance.id],
            ).fetchall()
            agreeing += sum(1 for (equal,) in rows if equal)
            differing += sum(1 for (equal,) in rows if not equal)
        if agreeing >= 3 and not differing:
            names.append(instance.name)
    return names


def add_instance(
    connection: Connection,
    name: str,
    url: str,
    *,
    home: Path,
    api_key: str | None = None,
    api_key_env: str | None = None,
    headers: Headers = (),
    basic_auth_env: str | None = None,
    ca_file: str | None = None,
    client_cert: str | None = None,
    client_key: str | None = None,
    priority: int = 0,
    timezone: str | None = None,
    lane: LaneName = "auto",
) -> Instance:
    """Registers a server, or restores a removed one with its kept rows.

    Raises:
        UserError: if the name is taken (in any case), too long, or has other characters than letters, digits and
            dashes; if the URL or the time zone is invalid.
    """
    if not _NAME.match(name):
        raise UserError(f"The instance name {_shortened(name)!r} is invalid; use letters, digits and dashes.")
    if len(name) > LONGEST_NAME:
        raise UserError(f"The instance name has {len(name)} characters; use at most {LONGEST_NAME}.")
    stored_url, access = checked(url, api_key, api_key_env, headers, basic_auth_env, ca_file, client_cert, client_key)
    if timezone is not None:
        find_zone(timezone)
    encrypted = secrets.encrypt(home, api_key) if api_key else None
    with connection.transaction():
        # no unique index: earlier versions allowed names that differ only in case
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline names of instances'))")
        existing = find_instance(connection, name)
        row = connection.execute(
            "INSERT INTO ops.instances AS i\n"
            "    (name, url, api_key_encrypted, api_key_env, ca_file, priority, timezone, lane, header_names,\n"
            "    headers_encrypted, basic_auth_env, client_cert, client_key)\n"
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)\n"
            "ON CONFLICT (name) DO UPDATE SET url = excluded.url, api_key_encrypted = excluded.api_key_encrypted,\n"
            "    api_key_env = excluded.api_key_env, ca_file = excluded.ca_file, priority = excluded.priority,\n"
            "    timezone = excluded.timezone, lane = excluded.lane, header_names = excluded.header_names,\n"
            "    headers_encrypted = excluded.headers_encrypted, basic_auth_env = excluded.basic_auth_env,\n"
            "    client_cert = excluded.client_cert, client_key = excluded.client_key, enabled = true,\n"
            "    removed_at = NULL, updated_at = now()\n"
            f"WHERE i.removed_at IS NOT NULL RETURNING {_COLUMNS}",
            [
                existing.name if existing else name,
                stored_url,
                encrypted,
                api_key_env,
                access.ca_file,
                priority,
                timezone,
                lane,
                [header for header, _ in headers],
                encrypted_headers(home, headers),
                basic_auth_env,
                access.client_cert,
                access.client_key,
            ],
        ).fetchone()
    if row is None:
        taken = existing.name if existing else name
        raise UserError(f"An instance {taken!r} already exists; choose another name, or edit that instance.")
    return _instance(row)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "…"


def edit_instance(
    connection: Connection,
    name: str,
    *,
    home: Path,
    url: str | None = None,
    api_key: str | None = None,
    api_key_env: str | None = None,
    no_api_key: bool = False,
    headers: Headers = (),
    no_headers: bool = False,
    basic_auth_env: str | None = None,
    no_basic_auth: bool = False,
    ca_file: str | None = None,
    no_ca_file: bool = False,
    client_cert: str | None = None,
    client_key: str | None = None,
    no_client_cert: bool = False,
    priority: int | None = None,
    enabled: bool | None = None,
    timezone: str | None = None,
    no_timezone: bool = False,
    lane: LaneName | None = None,
    use_stash_boxes: bool | None = None,
) -> Instance:
    """Changes the given values and keeps the rest.

    Args:
        headers: added to the existing ones, replacing those of the same name; with ``no_headers`` they replace all.
    """
    instance = get_instance(connection, name)
    stored_url, access = checked(url, api_key, api_key_env, headers, basic_auth_env, ca_file, client_cert, client_key)
    changes: dict[str, Any] = {}
    if stored_url is not None:
        changes["url"] = stored_url
    if api_key is not None or api_key_env is not None or no_api_key:
        changes["api_key_encrypted"] = secrets.encrypt(home, api_key) if api_key else None
        changes["api_key_env"] = api_key_env
    if ca_file is not None or no_ca_file:
        changes["ca_file"] = access.ca_file
    if headers or no_headers:
        merged = headers if no_headers else merged_headers(instance.headers(home), headers)
        changes["header_names"] = [header for header, _ in merged]
        changes["headers_encrypted"] = encrypted_headers(home, merged)
    if basic_auth_env is not None or no_basic_auth:
        changes["basic_auth_env"] = basic_auth_env
    if client_cert is not None or no_client_cert:
        changes["client_cert"], changes["client_key"] = access.client_cert, access.client_key
    if priority is not None:
        changes["priority"] = priority
    if enabled is not None:
        changes["enabled"] = enabled
    if timezone is not None or no_timezone:
        changes["timezone"] = None if timezone is None else find_zone(timezone).key
    if lane is not None:
        # forget the last snapshot, so that the next run tries again
        changes.update(lane=lane, snapshot_bytes=None, snapshot_seconds=None, snapshot_error=None)
    if use_stash_boxes is not None:
        changes["use_stash_boxes"] = use_stash_boxes
    if changes:
        assignments = ", ".join(f"{column} = %s" for column in changes)
        relinked = changes.get("use_stash_boxes", instance.use_stash_boxes) != instance.use_stash_boxes
        with connection.transaction():
            if relinked:
                # before the row of the instance, as runs do
                share_partitions(connection)
            connection.execute(
                f"UPDATE ops.instances SET {assignments}, updated_at = now() WHERE id = %s",
                [*changes.values(), instance.id],
            )
            if relinked:
                publish_linked(connection, instance_id=instance.id)
    return get_instance(connection, instance.name)


def instance_revision(connection: Connection, instance_id: int) -> int:
    """The newest revision of an instance's documents."""
    row = connection.execute("SELECT revision FROM ops.instances WHERE id = %s", [instance_id]).fetchone()
    return int(row[0]) if row else 0


def record_probe(connection: Connection, instance_id: int, document: str, answer: dict[str, Any]) -> None:
    """Records the query that shows in one request whether anything changed, and its response before the sync."""
    connection.execute(
        "UPDATE ops.instances SET probe_query = %(d)s, probe_response = %(a)s\n"
        "WHERE id = %(i)s AND (probe_query, probe_response) IS DISTINCT FROM (%(d)s, %(a)s)",
        {"d": document, "a": Jsonb(answer), "i": instance_id},
    )


def stored_probes(connection: Connection) -> dict[int, tuple[str, dict[str, Any]]]:
    """The probe query and its response before the last successful sync, by the id of the instance."""
    rows = connection.execute("SELECT id, probe_query, probe_response FROM ops.instances WHERE probe_query IS NOT NULL")
    return {instance_id: (document, answer) for instance_id, document, answer in rows}


def record_snapshot(
    connection: Connection, instance_id: int, size: int | None, seconds: float | None, error: str | None = None
) -> None:
    """Records the cost of the last snapshot, or why there is none.

    Args:
        size: in bytes, None if it was not downloaded.
        seconds: that the server took to create it.
    """
    connection.execute(
        "UPDATE ops.instances SET snapshot_bytes = coalesce(%s, snapshot_bytes),\n"
        "    snapshot_seconds = coalesce(%s, snapshot_seconds), snapshot_error = %s WHERE id = %s",
        [size, seconds, error, instance_id],
    )


def record_server(connection: Connection, instance_id: int, release: str, database_schema: int | None) -> None:
    """Records the release and schema version that the server reports, if they changed."""
    connection.execute(
        "UPDATE ops.instances SET release = %(r)s, database_schema = %(s)s, updated_at = now()\n"
        "WHERE id = %(i)s AND (release, database_schema) IS DISTINCT FROM (%(r)s, %(s)s)",
        {"r": release, "s": database_schema, "i": instance_id},
    )
