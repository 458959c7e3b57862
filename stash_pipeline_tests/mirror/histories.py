"""Histories of a server and its mirror: events, times and syncs, as a list that can be printed.

Here: the steps, and living through them. Not here: what can happen to a library (``library_events``).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import httpx

from stash_pipeline.instances import LaneName
from stash_pipeline.simulator.http import encode, http_date
from stash_pipeline.simulator.releases import parse_version
from stash_pipeline.simulator.server import SimulatedStash, find_zone
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import StashError
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.run import SyncResult, run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import drop_layer
from stash_pipeline_tests.mirror.consumer import Consumer, differences
from stash_pipeline_tests.mirror.library_events import NothingToDoError, furnish, happen
from stash_pipeline_tests.mirror.working import URL, Hook, Mirror, SimulatorTransport, generated, new_mirror

BEGINNING = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
"""After everything in the invented libraries."""


class Clock:
    """The server's clock, controlled by a history."""

    def __init__(self, moment: datetime = BEGINNING) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        """The current time of the clock."""
        return self.moment

    def forward(self, **parts: float) -> None:
        """Advances the clock; a negative time sets it back."""
        self.moment += timedelta(**parts)

    def set(self, text: str) -> None:
        """Sets the clock to a time with an offset."""
        self.moment = datetime.fromisoformat(text)


class Killed(BaseException):
    """The process was killed; no error handler catches it."""


_introspections: dict[tuple[str, str], bytes] = {}


def quick_introspection(stash: SimulatedStash, hook: Hook | None = None) -> Hook:
    """A hook that answers introspection from memory: it never changes within a release, and is slow."""

    def answer(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        answered = hook(number, payload) if hook else None
        if answered is not None or "__schema" not in payload["query"]:
            return answered
        key = stash.release.name, payload["query"]
        if key not in _introspections:
            _introspections[key] = encode(stash.execute(payload["query"], payload.get("variables")))
        headers = {"Content-Type": "application/json", "Date": http_date(stash.clock())}
        return httpx.Response(200, content=_introspections[key], headers=headers)

    return answer


def furnished(
    warehouse: str, home: Path, release: str, *, scenes: int = 10, seed: int = 1, **settings: Any
) -> tuple[Mirror, Clock]:
    """A mirror without data of a small library with a little of everything, and its server's clock."""
    library = generated(scenes, seed, clips=parse_version(release) >= (0, 21, 0))
    server = new_mirror(warehouse, home, library, release, **settings)
    clock = Clock()
    server.stash.clock = clock
    server.hook = quick_introspection(server.stash)
    furnish(server.stash)
    clock.forward(minutes=10)
    return server, clock


def rebuilt(server: Mirror) -> dict[str, list[str]]:
    """The state after dropping and rebuilding everything below raw."""
    with connect(server.database_url) as connection:
        drop_layer(connection, server.instance.id)
    server.transform()
    return server.state()


def what_changed(read: SyncResult) -> dict[str, tuple[int, int, int]]:
    """Counts per changed entity: inserted, updated, removed."""
    return {
        name: (change.inserted, change.updated, change.removed)
        for name, change in read.changes.items()
        if change.changed
    }


# --- steps ----------------------------------------------------------------------------------------------


@dataclass
class Life:
    """A server, its clock and its mirror during a history; each request takes a number of seconds."""

    server: Mirror
    clock: Clock
    pace: float = 0.3

    def read(
        self,
        mode: Mode,
        *,
        kinds: Iterable[str] = (),
        objects: Mapping[str, Iterable[int]] | None = None,
        trouble: "Trouble | None" = None,
        lane: LaneName = "graphql",
    ) -> SyncResult:
        """One reading, request after request.

        Raises:
            Killed: by the trouble. StashError: what the trouble did to the server.
        """
        stash = self.server.stash

        def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
            self.clock.forward(seconds=self.pace)
            return trouble.at_request(number, self) if trouble else None

        writes = 0

        def check() -> None:
            nonlocal writes
            writes += 1
            if trouble:
                trouble.before_write(writes)

        client = StashClient(URL, transport=SimulatorTransport(stash, quick_introspection(stash, hook)))
        return run_sync(
            self.server.settings,
            self.server.database_url,
            self.server.instance,
            list(objects or kinds or BY_NAME),
            mode=mode,
            objects=objects,
            client=client,
            check=check,
            lane=lane,
        )


class Trouble:
    """A fault during a sync; by default none."""

    def at_request(self, number: int, life: Life) -> httpx.Response | None:
        """Called before a request; can answer in the server's place."""

    def before_write(self, number: int) -> None:
        """Called before something is written."""


@dataclass(frozen=True)
class Fails(Trouble):
    """The server answers 503 to a number of requests."""

    at: int
    times: int

    def at_request(self, number: int, life: Life) -> httpx.Response | None:
        return httpx.Response(503, text="busy") if 0 <= number - self.at < self.times else None


@dataclass(frozen=True)
class KilledAtRequest(Trouble):
    """The process is killed while it waits for a response."""

    at: int

    def at_request(self, number: int, life: Life) -> httpx.Response | None:
        if number == self.at:
            raise Killed
        return None


@dataclass(frozen=True)
class KilledAtWrite(Trouble):
    """The process is killed between two commits."""

    at: int

    def before_write(self, number: int) -> None:
        if number == self.at:
            raise Killed


@dataclass(frozen=True)
class Meanwhile(Trouble):
    """An event happens between two requests."""

    at: int
    event: str
    seed: int

    def at_request(self, number: int, life: Life) -> httpx.Response | None:
        if number == self.at:
            with suppress(NothingToDoError):
                happen(life.server.stash, self.event, self.seed)
        return None


class Step(Protocol):
    """A step of a history."""

    def live(self, life: Life) -> None:
        """Executes the step."""


@dataclass(frozen=True)
class Happens:
    """An event, if it is possible."""

    event: str
    seed: int

    def live(self, life: Life) -> None:
        """Executes the step."""
        with suppress(NothingToDoError):
            happen(life.server.stash, self.event, self.seed)


@dataclass(frozen=True)
class Passes:
    """Time passes; a negative time sets the clock back."""

    seconds: int

    def live(self, life: Life) -> None:
        """Executes the step."""
        life.clock.forward(seconds=self.seconds)


@dataclass(frozen=True)
class Zone:
    """The server restarts in another time zone."""

    name: str

    def live(self, life: Life) -> None:
        """Executes the step."""
        life.server.stash.zone = find_zone(self.name)


@dataclass(frozen=True)
class Upgraded:
    """The server is upgraded to a newer release, unless it already has it."""

    release: str

    def live(self, life: Life) -> None:
        """Executes the step."""
        before = life.server.stash
        if parse_version(before.release.name) < parse_version(self.release):
            life.server.stash = SimulatedStash(before.library, release=self.release, clock=life.clock)
            life.server.stash.zone = before.zone


@dataclass(frozen=True)
class Read:
    """A sync; usually followed by the transformation."""

    mode: Mode
    transformed: bool = True
    trouble: Trouble | None = None
    lane: LaneName = "graphql"

    def live(self, life: Life) -> None:
        """Executes the step."""
        expected: tuple[type[BaseException], ...] = (Killed,)
        if isinstance(self.trouble, Fails):
            expected = (Killed, StashError)
        with suppress(*expected):
            life.read(self.mode, trouble=self.trouble, lane=self.lane)
        if self.transformed:
            life.server.transform()


@dataclass(frozen=True)
class ReadKinds:
    """A sync of some entities."""

    mode: Mode
    kinds: tuple[str, ...]

    def live(self, life: Life) -> None:
        """Executes the step."""
        life.read(self.mode, kinds=self.kinds)


@dataclass(frozen=True)
class InOneSecond:
    """An event, a sync, and another event for the same object: one timestamp for two states."""

    event: str
    seed: int
    mode: Mode

    def live(self, life: Life) -> None:
        """Executes the step."""
        moment = life.clock.moment
        Happens(self.event, self.seed).live(life)
        Read(self.mode).live(life)
        life.clock.moment = moment
        Happens(self.event, self.seed).live(life)


@dataclass(frozen=True)
class ReadObjects:
    """A sync of some objects of one entity."""

    kind: str
    ids: tuple[int, ...]

    def live(self, life: Life) -> None:
        """Executes the step."""
        life.read("objects", objects={self.kind: self.ids})


@dataclass(frozen=True)
class Rebuilt:
    """Everything below raw is dropped and rebuilt."""

    def live(self, life: Life) -> None:
        """Executes the step."""
        with connect(life.server.database_url) as connection:
            drop_layer(connection, life.server.instance.id)
        life.server.transform()


History = Sequence[Step]


def live(life: Life, history: History) -> None:
    """Lives through a history, from the first reading on; at its end the mirror must be what the server is.

    Raises:
        AssertionError: if it is not.
    """
    consumer = Consumer(life.server.database_url)
    Read("sweep").live(life)
    for step in history:
        step.live(life)
        consumer.follow()
        assert not differences(consumer)
    life.read("reconcile")
    life.server.transform()
    assert not life.server.differences()
    consumer.follow()
    assert not differences(consumer)
    followed = life.server.state()
    assert rebuilt(life.server) == followed
    assert not what_changed(life.read("sweep"))
    assert not what_changed(life.read("sweep", lane="auto"))
    assert not what_changed(life.read("changes"))
