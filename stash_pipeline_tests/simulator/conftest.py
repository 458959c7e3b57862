"""Fixtures: small libraries, a controllable clock, and the recordings of real servers."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.recordings import RELEASES, recorded_database, recorded_json

BACKUP = "mutation{backupDatabase(input:{download:true})}"


class Clock:
    """A clock that advances on request."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        """Advances the clock: advance(seconds=1)."""
        self.now += timedelta(**parts)


class Recording:
    """The recorded responses of a real server of one release."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.answers = recorded_json(release, "answers")
        self.http = recorded_json(release, "http")
        self.introspection = recorded_json(release, "introspection")
        self.database = recorded_database(release)
        self.stash = SimulatedStash(Library.open(self.database), release=release)


@pytest.fixture(scope="package", params=RELEASES)
def recording(request: pytest.FixtureRequest) -> Recording:
    """A recorded release, served by the simulator from the same database."""
    return Recording(request.param)


@pytest.fixture(scope="package")
def small_library() -> Library:
    """A generated library, which tests must not modify."""
    library = Library.create()
    generate_library(library, scenes=200, seed=7)
    return library


@pytest.fixture(scope="package")
def reader(small_library: Library) -> SimulatedStash:
    """A server that tests must not modify."""
    return SimulatedStash(small_library)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 6, 1, 10, 0, 0, 123456, tzinfo=timezone.utc))


Make = Callable[..., SimulatedStash]


@pytest.fixture
def make(clock: Clock) -> Make:
    """Creates servers with their own small library, which tests can modify."""

    def build(release: str = "v0.30.1", timezone: str = "Europe/Paris", scenes: int = 12) -> SimulatedStash:
        library = Library.create()
        generate_library(library, scenes=scenes, seed=3, timezone=timezone)
        return SimulatedStash(library, release=release, timezone=timezone, clock=clock)

    return build


@pytest.fixture
def stash(make: Make) -> SimulatedStash:
    """A server of the newest release, which tests can modify."""
    return make()


def data(answer: dict[str, Any]) -> Any:
    """The data of a response, which must have no errors."""
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def only_error(answer: dict[str, Any]) -> str:
    """The message of the single error of a response."""
    assert len(answer["errors"]) == 1, answer
    return str(answer["errors"][0]["message"])


def client_of(stash: SimulatedStash, **options: Any) -> Iterator[httpx.Client]:
    """An HTTP client for a served simulator."""
    with stash.running() as server, http_client(base_url=server.url, **options) as client:
        yield client


def address_of(stash: SimulatedStash) -> str:
    """The URL of a new copy of a server's database."""
    return str(data(stash.execute(BACKUP, base_url="http://stash"))["backupDatabase"])


def get_from(app: Any, address: str, **headers: str) -> httpx.Response:
    """The response of an application, without a socket."""

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://stash") as client:
            return await client.get(address, headers=headers)

    return asyncio.run(get())
