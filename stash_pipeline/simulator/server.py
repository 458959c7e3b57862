"""A simulated Stash server.

Contains the object that tests and the command use: in process, as an ASGI application, or over a socket. HTTP rules are
in ``http``, GraphQL in ``engine``, the library's content in ``generate`` and ``library``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.applications import Starlette

from stash_pipeline.simulator import releases
from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.downloads import Downloads
from stash_pipeline.simulator.engine import Engine
from stash_pipeline.simulator.faults import Faults
from stash_pipeline.simulator.http import build_app
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.plays import date_plays
from stash_pipeline.simulator.serving import serve, serving
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.simulator.subscriptions import Subscribers


def _real_clock() -> datetime:
    return datetime.now(timezone.utc)


def known_releases() -> list[str]:
    """The releases that can be simulated, oldest first."""
    return releases.known_releases()


def find_zone(name: str) -> ZoneInfo:
    """The time zone of this name; ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"Unknown time zone {name!r}; give a name such as Europe/Paris or UTC.") from None


@dataclass(frozen=True)
class RunningServer:
    """A server that listens on a port until its context ends."""

    url: str
    stash: "SimulatedStash"


class SimulatedStash:
    """A Stash server of a given release, with a library.

    The attributes can be changed while the server runs.

    Attributes:
        clock: gives the current time (with a time zone); tests can control it.
        latency: seconds to wait before every response.
        faults: faults of HTTP requests.
        backups: how snapshots of the database are created.
        windows: the server runs on Windows, and joins paths accordingly.
        external_host: the setting of that name.
        database_path: overrides the default path of the database.
        plugin: the plugin of this project is installed, which logs a hint after every mutation.
        subscribers: the open subscriptions.
    """

    def __init__(
        self,
        library: Library,
        *,
        release: str = "v0.30.1",
        timezone: str = "Europe/Paris",
        api_key: str | None = None,
        clock: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        faults: Faults | None = None,
        backups: Backups | None = None,
        windows: bool = False,
        external_host: str = "",
        plugin: bool = True,
    ) -> None:
        self.library = library
        self.release = releases.find_release(release)
        self.zone = find_zone(timezone)
        self.api_key = api_key
        self.clock: Callable[[], datetime] = clock or _real_clock
        self.latency = latency
        self.faults = faults
        self.backups = backups or Backups()
        self.windows = windows
        self.external_host = external_host
        self.database_path = ""
        self.plugin = plugin
        self.subscribers = Subscribers()
        self.downloads = Downloads(self)
        self.engine = Engine(self.release, without=() if self.backups.offered else ("backupDatabase",))
        self._app: Starlette | None = None
        if self.release.since(25):
            date_plays(library)

    def context(self, base_url: str = "http://localhost:9999", prefix: str = "") -> RequestContext:
        """The context of one request to this server.

        Args:
            base_url: the requested address; `external_host` overrides it. prefix: the path prefix that a proxy reports.
        """
        base_url = (self.external_host or base_url) + prefix
        return RequestContext(
            self.library,
            self.release,
            self.zone,
            self.clock,
            base_url,
            self.downloads,
            self.api_key,
            self.windows,
            self.database_path,
        )

    def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        base_url: str = "http://localhost:9999",
    ) -> dict[str, Any]:
        """Answer a GraphQL request in process, without HTTP and without a key."""
        return self.engine.answer(self.context(base_url), query, variables, operation_name).body

    @property
    def app(self) -> Starlette:
        """This server as an ASGI application."""
        if self._app is None:
            self._app = build_app(self)
        return self._app

    def serve(self, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], None] | None = None) -> None:
        """Serve until interrupted; `ready` is called with the URL once the port is bound."""
        serve(self.app, host, port, ready)

    @contextmanager
    def running(self, port: int = 0) -> Iterator[RunningServer]:
        """Serve in a thread, on a free port of this machine, while the context is active."""
        with serving(self.app, port) as url:
            yield RunningServer(url, self)
