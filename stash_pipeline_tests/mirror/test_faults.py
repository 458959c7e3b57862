"""Whatever a server does wrong: the mirror equals it or says why not, tombstones nothing, and recovers."""

import random
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from stash_pipeline.commands.status import collect
from stash_pipeline.simulator.faults import KINDS, Faults
from stash_pipeline.simulator.http import Dropped, Frontdoor, encode
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import StashConnectionError, StashError
from stash_pipeline.stash.retries import Retries, RetryPolicy
from stash_pipeline.sync.run import SyncResult, run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.histories import furnished
from stash_pipeline_tests.mirror.library_events import mutate
from stash_pipeline_tests.mirror.working import (
    URL,
    MakeMirror,
    Mirror,
    SimulatorTransport,
    generated,
    new_mirror,
    row_versions,
)

pytestmark = pytest.mark.faults

PASSING = ("latency", "drop", "5xx", "truncated", "locked", "vanish")
REFUSED = ("401", "302", "422")
PAGED = [kind for kind, entity in BY_NAME.items() if not entity.whole]


class FrontdoorTransport(httpx.BaseTransport):
    """Answers as the server's HTTP side does, with its faults, in the same process."""

    def __init__(self, frontdoor: Frontdoor, then: tuple[int, Faults] | None = None) -> None:
        self.frontdoor = frontdoor
        self.then = then
        self.requests = 0
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests += 1
            if self.then and self.requests > self.then[0]:
                self.frontdoor.stash.faults = self.then[1]
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": "http",
            "server": (request.url.host, request.url.port),
        }
        answer = self.frontdoor.respond(Request(scope), request.read())
        if isinstance(answer, Dropped):
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=bytes(answer.body))


def read(
    server: Mirror, faults: Faults | None, *, then: tuple[int, Faults] | None = None, **settings: Any
) -> tuple[SyncResult, int]:
    """Reads through the HTTP side with these faults, or others after so many requests; also how many there were."""
    server.stash.faults = faults
    transport = FrontdoorTransport(server.stash.app.state.frontdoor, then)
    server.transport = transport  # type: ignore[assignment]
    client = StashClient(URL, transport=transport)
    wanted = server.settings.model_copy(update={"page_size": 9, "requests_in_flight": 3, **settings})
    try:
        return run_sync(wanted, server.database_url, server.instance, list(BY_NAME), client=client), transport.requests
    finally:
        server.stash.faults = None


def wrong_tombstones(server: Mirror) -> dict[str, set[int]]:
    """Objects with a tombstone that the server still has."""
    found = {}
    for kind in PAGED:
        there = {row[0] for row in server.stash.library.tuples(f'SELECT id FROM "{kind}"')}
        if server.dead_ids(kind) & there:
            found[kind] = server.dead_ids(kind) & there
    return found


def converges(server: Mirror) -> None:
    """A reading without faults brings everything in order."""
    read(server, None)
    server.transform()
    assert not server.differences()
    assert not wrong_tombstones(server)


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_transient_faults_only_cost_requests(warehouse: str, home: Path, kind: str, release: str) -> None:
    server = new_mirror(warehouse, home, generated(30, seed=2, clips=False), release)
    _, usual = read(server, None)
    faults = Faults.of(f"{kind}:every=4{',seconds=0.001' if kind == 'latency' else ''}")
    result, needed = read(server, faults)
    server.transform()
    assert faults.hits[kind] > 3
    # what vanished did so while it was read, and may be gone from some answers only
    assert kind == "vanish" or not server.differences()
    assert not any(change.failures for change in result.changes.values())
    assert needed <= 2.5 * usual
    assert not wrong_tombstones(server)
    converges(server)


@pytest.mark.parametrize("seed", range(4))
def test_mixed_faults_end_in_success_or_a_clear_error(warehouse: str, home: Path, seed: int) -> None:
    rng = random.Random(seed)
    server = new_mirror(warehouse, home, generated(30, seed=2), rng.choice(["v0.24", "v0.27", "v0.29", "v0.31"]))
    read(server, None)
    for number in range(3):
        kinds = rng.sample([kind for kind in KINDS if kind != "latency"], 4)
        texts = [f"{kind}:{rng.choice((0.02, 0.1, 0.3)) / (8 if kind in REFUSED else 1)}" for kind in kinds]
        try:
            result, _ = read(server, Faults.of(*texts, seed=10 * seed + number))
        except StashError as error:
            assert str(error).strip() and "\n" not in str(error).strip()
        else:
            server.transform()
            told = any(change.failures for change in result.changes.values())
            assert told or "vanish" in kinds or not server.differences()
        assert not wrong_tombstones(server), texts
    converges(server)


@pytest.mark.parametrize("kind", REFUSED)
def test_rejected_requests_are_not_retried(warehouse: str, home: Path, kind: str) -> None:
    server = new_mirror(warehouse, home, generated(12, seed=2))
    read(server, None)
    before = row_versions(warehouse, server.instance.id)
    with pytest.raises(StashError) as caught:
        read(server, Faults.of(f"{kind}:1"))
    assert server.transport is not None and server.transport.requests == 1
    if kind == "422":
        assert "systemStatus" in str(caught.value) and "Cannot query field" in str(caught.value)
    assert row_versions(warehouse, server.instance.id) == before
    converges(server)


@pytest.mark.parametrize(("kind", "in_flight"), [("drop", 1), ("5xx", 1), ("truncated", 1), ("locked", 1), ("5xx", 2)])
def test_a_dead_server_gets_no_more_requests(
    warehouse: str, home: Path, kind: str, in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_mirror(warehouse, home, generated(30, seed=2))
    read(server, None)
    before = row_versions(warehouse, server.instance.id)
    attempts = RetryPolicy().attempts
    given_up: list[int] = []
    record_failure = Retries._record_failure

    def recording(self: Retries, error: StashError, *, last: bool) -> None:
        try:
            record_failure(self, error, last=last)
        except StashConnectionError:
            assert server.transport is not None
            given_up.append(server.transport.requests)
            raise

    monkeypatch.setattr(Retries, "_record_failure", recording)
    with pytest.raises(StashConnectionError, match=r"was left alone after \d+ failures in a row; the last: "):
        read(server, None, then=(8, Faults.of(f"{kind}:1")), requests_in_flight=in_flight)
    assert server.transport is not None
    if in_flight == 1:
        assert given_up == [8 + attempts]
        assert server.transport.requests == given_up[0]
    else:
        # each of both threads sends one request up to its last attempt; afterwards only what the other had begun
        assert given_up[0] <= 8 + 2 * attempts
        assert server.transport.requests <= given_up[0] + 1
    assert row_versions(warehouse, server.instance.id) == before
    converges(server)


# --- objects that cannot be read ------------------------------------------------------------------------


def poisoned(server: Mirror, kind: str, identifier: int, message: str = "Internal system error") -> None:
    """From now on no answer with this whole object comes."""
    transport = SimulatorTransport(server.stash)
    query = {"groups": "findGroups", "scene_markers": "findSceneMarkers"}.get(kind, f"find{kind.capitalize()}")

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        text = str(payload["query"])
        if f"{query}(" not in text or ("created_at" not in text):
            return None
        answer = transport.handle_request(httpx.Request("POST", URL, json=payload))
        if answer.json()["data"] is None:
            # folders without a time: it is asked again without that
            return answer
        entries = answer.json()["data"][query][kind]
        if not any(entry["id"] == str(identifier) for entry in entries):
            return answer
        error = {"message": message, "path": [query, kind, 0, "title"]}
        return httpx.Response(
            200, content=encode({"errors": [error], "data": None}), headers={"Content-Type": "application/json"}
        )

    server.hook = hook


VANISHED = "tag with id 5 not found"


@pytest.mark.parametrize(
    ("release", "kind", "message"),
    [
        *(("v0.30.1", kind, "Internal system error") for kind in PAGED),
        *(("v0.30.1", kind, VANISHED) for kind in ("scenes", "tags")),
        *(("v0.20.2", kind, "Internal system error") for kind in ("scenes", "tags")),
        ("v0.20.2", "performers", VANISHED),
    ],
)
def test_an_unreadable_object_is_reported_and_kept_and_all_others_are_read(
    warehouse: str, home: Path, release: str, kind: str, message: str
) -> None:
    server = new_mirror(warehouse, home, generated(30, seed=2, clips=False), release, page_size=12)
    table = server.stash.library.tuples(f'SELECT id FROM "{kind}" ORDER BY id')
    ids = [row[0] for row in table]
    lost = ids[len(ids) // 2]
    poisoned(server, kind, lost, message)
    first = server.read()
    assert server.live_ids(kind) == set(ids) - {lost}
    assert first.changes[kind].failed == 1
    assert first.changes[kind].complete
    assert message in first.changes[kind].failures[0]
    assert first.changes[kind].failures[0].startswith(f"{lost}: ")
    noted = server.scalar("SELECT entities -> %s FROM ops.sync_runs WHERE id = %s", [kind, first.run_id])
    assert noted["failed"] == 1
    assert noted["failures"] == first.changes[kind].failures
    with connect(warehouse) as connection:
        (shown,) = [row for row in collect(connection, server.settings) if row["name"] == server.instance.name]
    assert shown["failures"][kind] == first.changes[kind].failures
    # it was there before: it stays as it was, with what belongs to it
    server.hook = None
    server.refresh()
    assert not server.differences()
    before = row_versions(warehouse, server.instance.id)
    poisoned(server, kind, lost, message)
    again, _ = server.refresh()
    assert again.changes[kind].failed == 1
    assert not any(change.changed for change in again.changes.values())
    assert row_versions(warehouse, server.instance.id) == before
    # and what is really gone is still noticed beside it
    server.hook = None
    converges(server)


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_an_edited_unreadable_object_is_requested_until_it_can_be_read(
    warehouse: str, home: Path, release: str
) -> None:
    server, clock = furnished(warehouse, home, release)
    server.refresh()
    clock.forward(hours=1)
    mutate(server.stash, "sceneUpdate", input={"id": 3, "title": "edited"})
    poisoned(server, "scenes", 3)
    for _ in range(3):
        # longer apart than the overlap of two readings
        clock.forward(hours=5)
        read, _ = server.refresh(mode="changes")
        assert read.changes["scenes"].failed == 1
    server.hook = None
    server.refresh(mode="changes")
    assert not server.differences()


def test_files_embedded_in_unreadable_objects_are_not_tombstoned(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(30, seed=2, clips=False), "v0.24", page_size=12)
    server.refresh()
    poisoned(server, "scenes", 7)
    again = server.read()
    assert not again.changes["files"].complete
    assert "scenes 7" in again.changes["files"].failures[0]
    assert not any(change.changed for change in again.changes.values())
    assert not server.dead_ids("files") and not server.dead_ids("folders")


def test_an_entity_without_any_readable_object_fails(mirrored: MakeMirror) -> None:
    server = mirrored()

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if "findScenes(" not in str(payload["query"]) or "created_at" not in str(payload["query"]):
            return None
        error = {"message": "no such column: scenes.code", "path": ["findScenes"]}
        return httpx.Response(200, json={"errors": [error], "data": None})

    server.hook = hook
    with pytest.raises(StashError, match="Stash refused findScenes at findScenes: no such column"):
        server.read()
    assert server.transport is not None and server.transport.requests < 200
    server.hook = None
    converges(server)
