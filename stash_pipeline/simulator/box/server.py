"""A simulated stash-box.

Contains the object that tests and the command use: in process, as an ASGI application, or over a socket. HTTP rules are
in ``http``, GraphQL in ``engine``, the content in ``box`` and ``generate``.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import READER
from stash_pipeline.simulator.box.context import BoxContext
from stash_pipeline.simulator.box.engine import BoxEngine
from stash_pipeline.simulator.box.http import build_box_app
from stash_pipeline.simulator.box.releases import find_release
from stash_pipeline.simulator.box.request_log import RequestLog
from stash_pipeline.simulator.faults import Faults
from stash_pipeline.simulator.serving import serve, serving


@dataclass(frozen=True)
class RunningBox:
    """A box that listens on a port until its context ends; `url` is that of GraphQL."""

    url: str
    server: "SimulatedStashBox"


class SimulatedStashBox:
    """A stash-box of a given release, with its content.

    The attributes can be changed while the box runs.

    Attributes:
        api_key: the key that requests need; without it, requests are answered without one.
        phash_distance: the distance at which the box finds perceptual hashes; clients can neither choose nor read it.
        latency: seconds to wait before every response.
        faults: faults of HTTP requests, see ``faults``.
        requests_per_minute: more requests are answered with 429; None for any number.
        requests: the requests that the box has received.
    """

    def __init__(
        self,
        box: Box,
        *,
        release: str = "v0.10.2",
        api_key: str | None = None,
        phash_distance: int = 0,
        latency: float = 0.0,
        faults: Faults | None = None,
        requests_per_minute: int | None = None,
    ) -> None:
        self.box = box
        self.release = find_release(release)
        self.api_key = api_key
        self.phash_distance = phash_distance
        self.latency = latency
        self.faults = faults
        self.requests_per_minute = requests_per_minute
        self.requests = RequestLog()
        self.engine = BoxEngine(self.release)
        self._salts = itertools.count(1)
        self._app: Starlette | None = None

    def context(self, base_url: str = "http://localhost:9998", with_key: bool = True) -> BoxContext:
        """The context of one request to this box."""
        return BoxContext(
            self.box,
            self.release,
            base_url,
            READER if with_key else None,
            api_key=self.api_key,
            phash_distance=self.phash_distance,
            salt=next(self._salts),
        )

    def execute(
        self, query: str, variables: Mapping[str, Any] | None = None, *, with_key: bool = True
    ) -> dict[str, Any]:
        """Answer a GraphQL request in process, without HTTP; it is not logged."""
        return self.engine.answer(self.context(with_key=with_key), query, variables).body

    @property
    def app(self) -> Starlette:
        """This box as an ASGI application."""
        if self._app is None:
            self._app = build_box_app(self)
        return self._app

    def serve(self, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], None] | None = None) -> None:
        """Serve until interrupted; `ready` is called with the URL of GraphQL once the port is bound."""
        serve(self.app, host, port, (lambda url: ready(f"{url}/graphql")) if ready else None)

    @contextmanager
    def running(self, port: int = 0) -> Iterator[RunningBox]:
        """Serve in a thread, on a free port of this machine, while the context is active."""
        with serving(self.app, port) as url:
            yield RunningBox(f"{url}/graphql", self)
