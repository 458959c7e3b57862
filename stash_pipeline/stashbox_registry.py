"""The registry of stash-box endpoints: which boxes may be asked, with which key, and how often.

Keys are kept as those of instances: encrypted (``secrets.py``) or as the name of an environment variable. They leave
this module only as the argument of a client.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from stash_pipeline import secrets
from stash_pipeline.errors import UserError
from stash_pipeline.instance_access import access_of, check_key_variable, checked, key_from_variable, limits_of
from stash_pipeline.settings import Settings
from stash_pipeline.stash.access import Access
from stash_pipeline.stash.stash_boxes import ConfiguredBox
from stash_pipeline.stashbox.client import StashBoxClient
from stash_pipeline.stashbox.endpoints import (
    Dialect,
    dialect_of,
    endpoint_key,
    endpoint_url,
    known_box,
    known_endpoint,
)
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.request_limiter import LONGEST_WAIT, RequestLimiter
from stash_pipeline.warehouse.stashbox.touched import publish_linked

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z")
LONGEST_NAME: Final = 64
DEFAULT_PER_MINUTE: Final = 120
LARGEST_PER_MINUTE: Final = 240
"""No box promises more, and ThePornDB refuses more."""
DEFAULT_PER_DAY: Final = 10_000
DEFAULT_FRESH_DAYS: Final = 90
"""After so many days without an answer about it, a record is stale."""
_KEYS: Final = "API keys of stash-boxes"

_COLUMNS: Final = (
    "id, name, url, dialect, api_key_encrypted, api_key_env, ca_file, requests_per_minute, requests_per_day, enabled, "
    "feed_catalog, fresh_days, list_missing, requests_day, requests_used, paused_until, version, last_error"
)


@dataclass(frozen=True)
class StashBoxEndpoint:
    """One registered box."""

    id: int
    name: str
    url: str
    dialect: Dialect
    api_key_encrypted: bytes | None
    api_key_env: str | None
    ca_file: str | None
    requests_per_minute: int
    requests_per_day: int | None
    enabled: bool
    feed_catalog: bool
    fresh_days: int
    list_missing: bool
    requests_day: date | None
    requests_used: int
    paused_until: datetime | None
    version: str | None
    last_error: str | None

    def __repr__(self) -> str:
        return f"StashBoxEndpoint({self.name!r}, {self.url!r})"

    @property
    def key(self) -> str:
        """Equal to ``endpoint_key`` of the spellings in ``stash_ids``."""
        return endpoint_key(self.url)

    def api_key(self, home: Path) -> str | None:
        """The API key.

        Raises:
            UserError: if the variable is not set, or the key file cannot be used.
        """
        if self.api_key_env:
            return key_from_variable(self.api_key_env, f"stash-box {self.name}")
        return secrets.decrypt(home, self.api_key_encrypted, _KEYS) if self.api_key_encrypted else None

    def access(self, home: Path) -> Access:
        """What is sent for access.

        Raises:
            UserError: if the key is not available, or cannot be sent.
        """
        return access_of(api_key=self.api_key(home), ca_file=self.ca_file)

    def client(
        self, settings: Settings, *, even_if_disabled: bool = False, longest_wait: float = LONGEST_WAIT
    ) -> StashBoxClient:
        """A client whose requests are limited together with those of all processes on the database.

        Args:
            even_if_disabled: for a test. longest_wait: seconds that a request waits for a pause of the box.

        Raises:
            UserError: if the key is not available.
        """
        database_url = settings.database()
        assert database_url is not None
        access = self.access(settings.home)
        limiter = RequestLimiter(database_url, self.id, even_if_disabled=even_if_disabled, longest_wait=longest_wait)
        return StashBoxClient(
            self.url,
            self.name,
            access,
            limiter,
            dialect=self.dialect,
            ids_per_request=settings.stashbox_ids_per_request,
            timeout=settings.request_timeout_seconds,
            connect_timeout=settings.connect_timeout_seconds,
            limits=limits_of(settings),
        )


def list_endpoints(connection: Connection, *, enabled_only: bool = False) -> list[StashBoxEndpoint]:
    """The registered boxes by name."""
    condition = "WHERE enabled" if enabled_only else ""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM ops.stashbox_endpoints {condition} ORDER BY lower(name)")
    return [StashBoxEndpoint(*row) for row in rows.fetchall()]


def find_endpoint(connection: Connection, url: str) -> StashBoxEndpoint | None:
    """The registered box at an endpoint, however it is spelled."""
    key = endpoint_key(url)
    return next((endpoint for endpoint in list_endpoints(connection) if endpoint.key == key), None)


def get_endpoint(connection: Connection, name: str) -> StashBoxEndpoint:
    """The registered box with a name, which is not case-sensitive.

    Raises:
        UserError: if there is none; the message suggests the nearest name and lists all of them.
    """
    endpoints = list_endpoints(connection)
    names = {endpoint.name.lower(): endpoint for endpoint in endpoints}
    if name.lower() in names:
        return names[name.lower()]
    nearest = difflib.get_close_matches(name.lower(), list(names), n=1)
    registered = ", ".join(endpoint.name for endpoint in endpoints) or "none yet"
    raise UserError(
        f"There is no stash-box {_shortened(name)!r} (registered: {registered}); "
        + (f"did you mean {names[nearest[0]].name}? If not, add it" if nearest else "add it")
        + " with `stash-pipeline boxes add`."
    )


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "…"


LARGEST_FRESH_DAYS: Final = 36_500


def _check_numbers(per_minute: int | None, per_day: int | None, fresh_days: int | None) -> None:
    if fresh_days is not None and not 1 <= fresh_days <= LARGEST_FRESH_DAYS:
        raise UserError(f"--fresh-days takes a number of days from 1 to {LARGEST_FRESH_DAYS:,}.")
    if per_minute is not None and not 1 <= per_minute <= LARGEST_PER_MINUTE:
        raise UserError(
            f"{per_minute} requests per minute are not allowed; give 1 to {LARGEST_PER_MINUTE}, which stash-boxes bear."
        )
    if per_day is not None and per_day < 1:
        raise UserError("Give at least 1 request per day, or `none` for no limit.")


def add_endpoint(
    connection: Connection,
    name: str,
    url: str | None = None,
    *,
    home: Path,
    api_key: str | None = None,
    api_key_env: str | None = None,
    dialect: Dialect | None = None,
    requests_per_minute: int = DEFAULT_PER_MINUTE,
    requests_per_day: int | None = DEFAULT_PER_DAY,
    feed_catalog: bool = True,
    fresh_days: int = DEFAULT_FRESH_DAYS,
    list_missing: bool = False,
    ca_file: str | None = None,
) -> StashBoxEndpoint:
    """Registers a box.

    Args:
        url: may be left out for a public box that is known by its name.
        ca_file: PEM file of the authority that signed its certificate.

    Raises:
        UserError: if the name or the address is taken or invalid, the key cannot be sent, or a rate is not allowed.
    """
    if not _NAME.match(name) or len(name) > LONGEST_NAME:
        raise UserError(
            f"The name {_shortened(name)!r} is invalid; use up to {LONGEST_NAME} letters, digits and dashes."
        )
    known = known_box(name)
    if url is None:
        if known is None:
            raise UserError(f"The stash-box {name} is not known; also give its URL, like https://stashdb.org/graphql.")
        name, url = known.name, known.url
    stored_url = endpoint_url(url)
    access = _checked(api_key, api_key_env, ca_file)
    _check_numbers(requests_per_minute, requests_per_day, fresh_days)
    with connection.transaction():
        _lock(connection)
        _refuse_taken(connection, name, stored_url)
        row = connection.execute(
            "INSERT INTO ops.stashbox_endpoints (name, url, dialect, api_key_encrypted, api_key_env, ca_file,\n"
            "    requests_per_minute, requests_per_day, feed_catalog, fresh_days, list_missing)\n"
            f"VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
            [
                name,
                stored_url,
                dialect or dialect_of(stored_url),
                secrets.encrypt(home, api_key) if api_key else None,
                api_key_env,
                access.ca_file,
                requests_per_minute,
                requests_per_day,
                feed_catalog,
                fresh_days,
                list_missing,
            ],
        ).fetchone()
        assert row is not None
        # what people decided about a box applies while it is registered
        publish_linked(connection, endpoint_id=row[0])
    return StashBoxEndpoint(*row)


def _checked(api_key: str | None, api_key_env: str | None, ca_file: str | None) -> Access:
    if api_key_env is not None:
        check_key_variable(api_key_env)
    # the address of a box is checked by other rules than that of a server
    _, access = checked(None, api_key, None, (), None, ca_file, None, None)
    return access


def _lock(connection: Connection) -> None:
    # names and addresses that differ only in case are the same
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline endpoints of stash-boxes'))")


def _refuse_taken(connection: Connection, name: str, url: str, besides: int | None = None) -> None:
    for other in list_endpoints(connection):
        if other.id == besides:
            continue
        if other.key == endpoint_key(url):
            raise UserError(f"That stash-box is already registered as {other.name}; edit or remove it.")
        if other.name.lower() == name.lower():
            raise UserError(f"A stash-box {other.name!r} already exists; choose another name, or edit that one.")


def edit_endpoint(
    connection: Connection,
    name: str,
    *,
    home: Path,
    url: str | None = None,
    api_key: str | None = None,
    api_key_env: str | None = None,
    dialect: Dialect | None = None,
    requests_per_minute: int | None = None,
    requests_per_day: int | None = None,
    unlimited_per_day: bool = False,
    enabled: bool | None = None,
    feed_catalog: bool | None = None,
    fresh_days: int | None = None,
    list_missing: bool | None = None,
    ca_file: str | None = None,
    no_ca_file: bool = False,
) -> StashBoxEndpoint:
    """Changes the given values and keeps the rest.

    The next run marks records as stale, or as fresh again, by another ``fresh_days``.

    Raises:
        UserError: as :func:`add_endpoint`.
    """
    access = _checked(api_key, api_key_env, ca_file)
    _check_numbers(requests_per_minute, requests_per_day, fresh_days)
    changes: dict[str, Any] = {}
    if url is not None:
        changes["url"] = endpoint_url(url)
        # what was said about another address
        changes.update(version=None, last_error=None, paused_until=None)
    if api_key is not None or api_key_env is not None:
        changes["api_key_encrypted"] = secrets.encrypt(home, api_key) if api_key else None
        changes["api_key_env"] = api_key_env
        changes["last_error"] = None
    if requests_per_day is not None or unlimited_per_day:
        changes["requests_per_day"] = requests_per_day
    if ca_file is not None or no_ca_file:
        changes["ca_file"] = access.ca_file
    settings = {
        "dialect": dialect,
        "requests_per_minute": requests_per_minute,
        "enabled": enabled,
        "feed_catalog": feed_catalog,
        "fresh_days": fresh_days,
        "list_missing": list_missing,
    }
    changes.update({column: value for column, value in settings.items() if value is not None})
    with connection.transaction():
        _lock(connection)
        endpoint = get_endpoint(connection, name)
        if url is not None:
            _refuse_taken(connection, endpoint.name, changes["url"], besides=endpoint.id)
        if changes:
            relinked = "url" in changes and endpoint_key(changes["url"]) != endpoint.key
            _lock_row(connection, endpoint.id)
            if relinked:
                publish_linked(connection, endpoint_id=endpoint.id)
            assignments = ", ".join(f"{column} = %s" for column in changes)
            connection.execute(
                f"UPDATE ops.stashbox_endpoints SET {assignments}, updated_at = now() WHERE id = %s",
                [*changes.values(), endpoint.id],
            )
            if relinked or any(changes.get(name, before) != before for name, before in _used(endpoint).items()):
                publish_linked(connection, endpoint_id=endpoint.id)
    return get_endpoint(connection, endpoint.name)


def _used(endpoint: StashBoxEndpoint) -> dict[str, Any]:
    """The columns on which layers depend."""
    return {"enabled": endpoint.enabled, "feed_catalog": endpoint.feed_catalog}


def _lock_row(connection: Connection, endpoint_id: int) -> None:
    """Locks a box before the log of objects, as a run does that stores its answers; see ``ops.object_log``."""
    connection.execute("SELECT FROM ops.stashbox_endpoints WHERE id = %s FOR UPDATE", [endpoint_id])


def remove_endpoint(connection: Connection, name: str) -> StashBoxEndpoint:
    """Removes a box and its key.

    Raises:
        UserError: if there is none of that name.
    """
    endpoint = get_endpoint(connection, name)
    with connection.transaction():
        _lock_row(connection, endpoint.id)
        publish_linked(connection, endpoint_id=endpoint.id)
        connection.execute("DELETE FROM ops.stashbox_endpoints WHERE id = %s", [endpoint.id])
    return endpoint


def record_state(connection: Connection, endpoint_id: int, *, version: str | None = None, error: str | None) -> None:
    """Records what a box said last: its version if it is known, and an error, or None after a success."""
    connection.execute(
        "UPDATE ops.stashbox_endpoints SET version = coalesce(%(v)s, version), last_error = %(e)s\n"
        "WHERE id = %(i)s AND (version, last_error) IS DISTINCT FROM (coalesce(%(v)s, version), %(e)s)",
        {"v": version, "e": error, "i": endpoint_id},
    )


@dataclass(frozen=True)
class Imported:
    """What became of one box of a server's configuration: ``added``, ``key updated``, ``unchanged`` or ``skipped``."""

    name: str
    url: str | None
    outcome: str
    reason: str | None = None


def import_boxes(connection: Connection, boxes: Sequence[ConfiguredBox], *, home: Path) -> list[Imported]:
    """Registers the boxes of a server's configuration. A registered one gets the key, and keeps its settings."""
    return [_import(connection, box, home) for box in boxes]


def _import(connection: Connection, box: ConfiguredBox, home: Path) -> Imported:
    shown = _shortened(box.name) or "without a name"
    try:
        url = endpoint_url(box.endpoint)
    except UserError as error:
        return Imported(shown, None, "skipped", str(error))
    existing = find_endpoint(connection, url)
    name = existing.name if existing else _free_name(connection, box, url)
    try:
        if not box.api_key:
            return Imported(name, url, "skipped", "Stash has no API key for it.")
        if existing is None:
            # Stash sends its own requests with the same key
            per_minute = min(box.requests_per_minute or DEFAULT_PER_MINUTE, DEFAULT_PER_MINUTE)
            add_endpoint(connection, name, url, home=home, api_key=box.api_key, requests_per_minute=per_minute)
            return Imported(name, url, "added")
        if existing.api_key_env:
            return Imported(name, url, "unchanged", f"Its key is in the variable {existing.api_key_env}.")
        if _same_key(existing, box.api_key, home):
            return Imported(name, url, "unchanged")
        edit_endpoint(connection, name, home=home, api_key=box.api_key)
        return Imported(name, url, "key updated")
    except UserError as error:
        return Imported(name, url, "skipped", str(error))


def _same_key(endpoint: StashBoxEndpoint, key: str, home: Path) -> bool:
    try:
        return endpoint.api_key(home) == key
    except UserError:
        # the key file was lost
        return False


def _free_name(connection: Connection, box: ConfiguredBox, url: str) -> str:
    """The name of the public box, or that in the configuration, or the host; with a number if it is taken."""
    public = known_endpoint(url)
    base = public.name if public else re.sub(r"[^A-Za-z0-9]+", "-", box.name).strip("-")
    base = (base or re.sub(r"[^A-Za-z0-9]+", "-", urlsplit(url).hostname or "box").strip("-"))[: LONGEST_NAME - 4]
    taken = {endpoint.name.lower() for endpoint in list_endpoints(connection)}
    name, number = base, 1
    while name.lower() in taken:
        number += 1
        name = f"{base}-{number}"
    return name
