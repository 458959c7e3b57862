"""The context of a request, for its resolvers.

Contains the request's context and the clock as text. HTTP is in ``http``.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Protocol

from stash_pipeline.simulator.library import Library, Row
from stash_pipeline.simulator.releases import Release

Vanish = Callable[[str, Iterable[int]], None]
"""May destroy some of the rows (kind, ids) that a page refers to, before they are loaded."""


class BackupLinks(Protocol):
    """Creates snapshots of the library that clients can download."""

    def require_folder(self) -> None:
        """Fail if snapshots cannot be written."""

    def offer(self, ctx: "RequestContext") -> str:
        """Create a snapshot of the library, and return its URL."""


@dataclass
class RequestContext:
    """One GraphQL request: library, release, clock, download links, and a cache of rows."""

    library: Library
    release: Release
    zone: tzinfo
    clock: Callable[[], datetime]
    base_url: str
    downloads: BackupLinks
    api_key: str | None = None
    windows: bool = False
    database_path: str = ""
    row_cache: dict[tuple[str, int], Row] = field(default_factory=dict)
    vanish: Vanish | None = None

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what a mutation writes."""
        return self.library.transaction()

    @property
    def marshals_nulls(self) -> bool:
        """Whether nulls are found while the response is written."""
        return self.release.since(27)

    def now(self) -> datetime:
        """The current time, with a time zone."""
        moment = self.clock()
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    def local_now(self) -> str:
        """Now as the server stores it in most tables: whole seconds with the local offset."""
        return local_text(self.now(), self.zone)

    def utc_now(self) -> str:
        """Now as the server stores plays and o's: whole seconds in UTC."""
        return utc_text(self.now())

    def tomorrow(self) -> str:
        """This time tomorrow, the server's default for a missing upper bound."""
        return local_text(self.now() + timedelta(days=1), self.zone)

    def stash_id_now(self) -> str:
        """Now as the server stores it with stash ids: UTC with a fraction."""
        moment = self.now().astimezone(timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{moment.microsecond:06d}".rstrip("0").rstrip(".") + "Z"


def local_text(moment: datetime, zone: tzinfo) -> str:
    """RFC 3339 in whole seconds with the zone's offset; "Z" in UTC."""
    text = moment.astimezone(zone).replace(microsecond=0).isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def utc_text(moment: datetime) -> str:
    """RFC 3339 in whole seconds, in UTC with a Z."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


SelectedFields = frozenset[str]
"""Names of the fields that are selected below a field."""

Loader = Callable[[RequestContext, list[Row], dict[str, Any], SelectedFields], list[Any]]
"""Loads a field for many rows at once: (context, rows, arguments, selected fields) -> one value per row."""
