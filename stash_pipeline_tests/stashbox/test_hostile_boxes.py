"""Whatever a box sends, a reading ends with a sentence, loses nothing and believes nothing; the next one is complete.

Each case takes over the answers to some queries of a whole reading in which everything is due: of a box that was read
before, and of one that never was.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.settings import Settings
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.stashbox.errors import StashBoxError
from stash_pipeline.stashbox.fingerprints import Fingerprint
from stash_pipeline.stashbox.shapes import KINDS
from stash_pipeline.stashbox_registry import StashBoxEndpoint, add_endpoint, get_endpoint
from stash_pipeline.sync.stashbox import BoxReport, BoxSchedule, read_box
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.request_limiter import RequestLimiter
from stash_pipeline_tests.matches.conftest import Matched
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.robustness.hostile.cases import _bomb
from stash_pipeline_tests.robustness.hostile.server import Exchange, HostileServer, Spoil
from stash_pipeline_tests.stashbox.working import ReadBox

pytestmark = pytest.mark.faults

KEY = "not-a-real-key"
KINDS_OF_RECORDS = ("scenes", "performers", "studios", "tags")
STATE = {
    "lookups": "SELECT fingerprints, scene_ids FROM stashbox.lookups",
    "prints": "SELECT scene_id, algorithm, hash, duration, submissions, reports FROM stashbox.scene_fingerprints",
    **{
        kind: f"SELECT id, status, successor_id, document::text, digest::text, misses FROM stashbox.{kind}"
        for kind in KINDS_OF_RECORDS
    },
}
"""All that is believed, without times."""

HASHES = 130
"""Sets of hashes: several requests."""


class HostileBox(HostileServer):
    """A simulated box behind a handler that a case can take over."""

    def __init__(self, box: SimulatedStashBox) -> None:
        super().__init__(box)  # type: ignore[arg-type]

    def date(self) -> str:
        """The value of the header Date."""
        return "Thu, 01 Jan 2026 00:00:00 GMT"


def operation(exchange: Exchange) -> str:
    """``Version``, ``Lookup``, ``Find`` or ``Merges``."""
    found = re.match(r"query (\w+)", exchange.query)
    return found[1] if found else ""


@dataclass
class Hostile:
    """A box that was read, and what is believed of it."""

    servers: Servers
    box: HostileBox
    endpoint: StashBoxEndpoint
    settings: Settings
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    honest: dict[str, list[Any]] = field(default_factory=dict)

    def read(self) -> BoxReport:
        """Reads everything, sixty days later."""
        self.now += timedelta(days=60)
        with connect(self.servers.database_url) as connection, self.endpoint.client(self.settings) as client:
            connection.execute("UPDATE ops.stashbox_endpoints SET paused_until = NULL, fresh_days = 10000")
            return read_box(
                connection, client, self.endpoint.id, "kitebox", requests_per_minute=120, schedule=BoxSchedule(),
                now=lambda: self.now,
            )  # fmt: skip

    def state(self) -> dict[str, list[Any]]:
        """All that is believed."""
        with connect(self.servers.database_url) as connection:
            return {name: sorted(connection.execute(query).fetchall(), key=str) for name, query in STATE.items()}

    def forget(self) -> None:
        """As if the box had never been read."""
        with connect(self.servers.database_url) as connection:
            for table in ("lookups", *KINDS_OF_RECORDS):
                connection.execute(f"DELETE FROM stashbox.{table}")

    @contextmanager
    def spoilt(self, spoil: Spoil) -> Iterator[None]:
        """The box is hostile meanwhile."""
        honest, self.box.spoil = self.box.spoil, spoil
        try:
            yield
        finally:
            self.box.spoil = honest


def _content(servers: Servers, box: Box, url: str) -> None:
    """Scenes of every second file, some merged and deleted records, and links to all kinds."""
    reading = ReadBox(servers, SimulatedStashBox(box), None, servers.home.settings)  # type: ignore[arg-type]
    studio, tag = box.add_studio("Studio"), box.add_tag("Tag")
    performers = [box.add_performer(f"Performer {number}", aliases=["Alias"]) for number in range(40)]
    with box.transaction():
        for number, node in enumerate(reading.files()):
            if number % 2:
                continue
            scene = reading.add_scene_of(node)
            box.edit_scene(scene, performers=performers[:2], tags=[tag], studio_id=studio)
    linked = {"performers": performers, "studios": [studio], "tags": [tag, box.add_tag("Other")]}
    box.merge("performer", performers[0], performers[1])
    box.destroy("performer", performers[2])
    with connect(servers.database_url) as connection:
        for kind, keys in linked.items():
            for key in keys:
                connection.execute(
                    f"INSERT INTO stash.{kind[:-1]}_stash_ids (instance_id, {kind[:-1]}_id, endpoint, stash_id)\n"
                    f"SELECT instance_id, id, %s, %s FROM stash.{kind} ORDER BY 1, 2 LIMIT 1",
                    [url, key],
                )


@pytest.fixture(scope="module")
def hostile(matched: Matched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """A hostile box that was read once, and honest then."""
    patch = pytest.MonkeyPatch()
    patch.setattr(RequestLimiter, "acquire", lambda self: self.reserve().at)
    patch.setattr(RequestLimiter, "sleep", lambda self, seconds: None)
    home: Path = tmp_path_factory.mktemp("home")
    content = Box.create()
    with matched(home, HASHES) as servers, HostileBox(SimulatedStashBox(content, api_key=KEY)).running() as box:
        assert isinstance(box, HostileBox)
        url = f"{box.url}/graphql"
        _content(servers, content, url)
        short = {"request_timeout_seconds": 0.5, "request_total_seconds": 1.0}
        settings = servers.home.settings.model_copy(update=short)
        with connect(servers.database_url) as connection:
            add_endpoint(connection, "kitebox", url, home=settings.home, api_key=KEY, requests_per_day=None)
            made = Hostile(servers, box, get_endpoint(connection, "kitebox"), settings)
        report = made.read()
        assert report.stopped is None and not report.failures
        made.honest = made.state()
        assert all(made.honest.values()) and len(made.honest["lookups"]) > 2 * 40
        assert {row[1] for row in made.honest["performers"]} == {"active", "merged", "deleted"}
        yield made
    patch.undo()


# --- the cases ----------------------------------------------------------------------------------------------

EVERY = ("Version", "Lookup", "Find")


def raw(content: bytes, status: int = 200, *, of: tuple[str, ...] = EVERY, **headers: str) -> Spoil:
    """Sends these bytes."""
    return lambda exchange: operation(exchange) in of and exchange.send(content, status, **headers)


def changed(change: Callable[[Any], Any], of: tuple[str, ...] = ("Lookup", "Find")) -> Spoil:
    """Sends the honest data, changed."""

    def spoil(exchange: Exchange) -> bool:
        if operation(exchange) not in of:
            return False
        body = exchange.honest()
        body["data"] = change(body["data"])
        return exchange.send(body)

    return spoil


def after(requests: int, spoil: Spoil) -> Spoil:
    """Is honest at first."""
    seen: list[str] = []

    def later(exchange: Exchange) -> bool:
        seen.append(exchange.query)
        return len(seen) > requests and spoil(exchange)

    return later


def broken_off(exchange: Exchange) -> bool:
    body = json.dumps(exchange.honest()).encode()
    exchange.begin(200, **{"Content-Type": "application/json", "Content-Length": str(len(body))})
    exchange.write(body[: len(body) // 2])
    return exchange.close()


def endless(chunk: bytes, pause: float) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        exchange.begin(200, **{"Content-Type": "application/json", "Connection": "close"})
        end = time.monotonic() + 30
        while time.monotonic() < end:
            exchange.write(chunk)
            time.sleep(pause)
        return exchange.close()

    return spoil


def silent(exchange: Exchange) -> bool:
    time.sleep(3)
    return exchange.close()


def every_document(change: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    """Changes every record in an answer."""

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [of(one) for one in value]
        if isinstance(value, dict) and "id" in value:
            return change(value)
        return value

    return lambda data: {name: of(value) for name, value in data.items()}


def set_field(name: str, value: Any) -> Callable[[Any], Any]:
    """Gives a field of every record, at any depth, another value."""

    def at_any_depth(document: Any) -> Any:
        if isinstance(document, list):
            return [at_any_depth(one) for one in document]
        if isinstance(document, dict):
            return {key: value if key == name else at_any_depth(member) for key, member in document.items()}
        return document

    return every_document(at_any_depth)


def lookup(change: Callable[[list[Any]], Any]) -> Spoil:
    """Changes the groups of a lookup."""
    return changed(lambda data: {name: change(groups) for name, groups in data.items()}, ("Lookup",))


HTML = "text/html"
PAGE = b"<!DOCTYPE html><html><title>Log in</title></html>"

REFUSED: dict[str, Spoil] = {
    "a page with 200": raw(PAGE, Content_Type=HTML),
    "a page with 502": raw(PAGE, 502, Content_Type=HTML),
    "a page with 401": raw(PAGE, 401, Content_Type=HTML),
    "a page with 403": raw(PAGE, 403, Content_Type=HTML),
    "an empty 401": raw(b"", 401),
    "404": raw(b"no", 404, Content_Type="text/plain"),
    "a redirect": raw(b"", 302, Location="https://elsewhere.invalid/?secret=x"),
    "nothing": raw(b""),
    "null": raw(b"null"),
    "no data": raw(b'{"data": null}'),
    "empty data": raw(b'{"data": {}}'),
    "a list": raw(b"[]"),
    "bytes": raw(bytes(range(256)) * 4),
    "broken gzip": raw(b"\x1f\x8b" + b"x" * 100, Content_Encoding="gzip"),
    "a gzip bomb": raw(_bomb(), Content_Encoding="gzip"),
    "an unknown encoding": raw(b"x" * 100, Content_Encoding="br"),
    "5,000 levels": raw(b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "a number of 4,000 digits": raw(b'{"data": {"version": ' + b"9" * 4000 + b"}}"),
    "an answer that breaks off": broken_off,
    "an answer that breaks off later": after(3, broken_off),
    "a closed connection": lambda exchange: exchange.close(),
    "silence": silent,
    "silence later": after(3, silent),
    "an answer that never ends": endless(b" " * 2**20, 0.0),
    "an answer that trickles": endless(b" ", 0.1),
    "429 for 10^9 seconds": raw(b"", 429, Retry_After="1000000000"),
    "429 for 10^40 seconds": raw(b"", 429, Retry_After="1" + "0" * 40),
    "429 for -5 seconds": raw(b"", 429, Retry_After="-5"),
    "429 until the year 9999": after(2, raw(b"", 429, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT")),
    "429 until no date": raw(b"", 429, Retry_After="Fri, 99 Foo 99999 99:99:99 GMT"),
    "too many attempts, with 200": raw(b'{"errors": [{"message": "Too Many Attempts."}], "data": null}'),
    "not authorized, beside data": changed(lambda data: None, EVERY),
    "errors without a path": raw(b'{"errors": [{"message": "boom"}], "data": {"version": null}}'),
    "errors that are a number": raw(b'{"errors": 7, "data": null}'),
    "an error of a megabyte": raw(json.dumps({"errors": [{"message": "x" * 2**20}], "data": None}).encode()),
    "every field unknown": raw(
        json.dumps(
            {"errors": [{"message": f'Cannot query field "{name}" on type "Scene".'} for name in KINDS], "data": None}
        ).encode(),
        422,
    ),
    "fewer groups than asked": lookup(lambda groups: groups[:-1]),
    "more groups than asked": lookup(lambda groups: [*groups, []]),
    "groups that are null": lookup(lambda groups: None),
    "groups that are a text": lookup(lambda groups: "x"),
    "each group is a number": lookup(lambda groups: [7 for _ in groups]),
    "each group is null": lookup(lambda groups: [None for _ in groups]),
    "scenes that are texts": lookup(lambda groups: [["x"] for _ in groups]),
    "scenes without an id": lookup(lambda groups: [[{"title": "x"}] for _ in groups]),
    "other records than asked for": changed(
        every_document(lambda record: {**record, "id": "abcdef00-0000-4000-8000-000000000000"}), ("Find",)
    ),
    "records without an id": changed(every_document(lambda record: {**record, "id": None}), ("Find",)),
    "records that are lists": changed(lambda data: {name: [value] for name, value in data.items()}, ("Find",)),
}
"""What is not believed, and what a sentence says."""

WRONG: dict[str, tuple[str, Any]] = {
    "titles are objects": ("title", {"x": 1}),
    "durations are 10^30": ("duration", 10**30),
    "nobody knows what is deleted": ("deleted", "no"),
    "hashes are lists": ("hash", [1]),
    "fingerprints are numbers": ("fingerprints", 7),
    "studios are texts": ("studio", "x"),
}
"""The other fields and types are those of ``test_shapes.py``."""

REFUSED |= {name: changed(set_field(*wrong)) for name, wrong in WRONG.items()}


@pytest.mark.parametrize("never_read", [False, True], ids=["read before", "never read"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_a_hostile_box_sends_is_not_believed(hostile: Hostile, name: str, never_read: bool) -> None:
    if never_read:
        hostile.forget()
    said: list[str] = []
    with hostile.spoilt(REFUSED[name]):
        try:
            report = hostile.read()
            said += [*report.failures.values(), *([report.stopped] if report.stopped else [])]
        except StashBoxError as error:
            said.append(str(error))
    assert said
    for sentence in said:
        # a list of failures can be long, a sentence cannot
        assert "kitebox" in sentence and "\n" not in sentence and len(sentence) < 700 and KEY not in sentence
    after_it = hostile.state()
    for table, rows in after_it.items():
        if never_read:
            assert {row[:-1] for row in rows} <= {row[:-1] for row in hostile.honest[table]}, table
        else:
            assert rows == hostile.honest[table], table
    report = hostile.read()
    assert report.stopped is None and not report.failures
    assert hostile.state() == hostile.honest


BELIEVED: dict[str, Spoil] = {
    "NUL and lone surrogates": lambda exchange: (
        operation(exchange) in ("Lookup", "Find")
        and exchange.send(
            re.sub(rb'"title": "Box', rb'"title": "\\u0000\\ud800Box', json.dumps(exchange.honest()).encode())
        )
    ),
    "bytes that are not UTF-8": lambda exchange: (
        operation(exchange) in ("Lookup", "Find")
        and exchange.send(re.sub(rb'"title": "Box', b'"title": "\xff\xfeBox', json.dumps(exchange.honest()).encode()))
    ),
    "every scene twice": lookup(lambda groups: [group + group for group in groups]),
    # each is asked for alone then
    "one alias of many": changed(lambda data: dict(list(data.items())[:1]), ("Find",)),
    "nulls among scenes": lookup(lambda groups: [[None, *group, None] for group in groups]),
    "members that nobody asked for": changed(
        every_document(lambda record: {**record, "payload": {"deep": [[[[1]]]]}, "__proto__": "x"})
    ),
    "upper case ids": changed(every_document(lambda record: {**record, "id": record["id"].upper()})),
    "texts of a megabyte": changed(every_document(lambda record: {**record, "details": "x" * 2**17})),
    "a release of a megabyte": raw(
        json.dumps({"data": {"version": {"version": "v" * 2**20}}}).encode(), of=("Version",)
    ),
    "a release that is a list": raw(b'{"data": {"version": [1]}}', of=("Version",)),
    "every record merged into itself": changed(
        every_document(lambda record: {**record, "deleted": True, "merged_into_id": record["id"]}), ("Find",)
    ),
    "every record merged into none that can be": changed(
        every_document(lambda record: {**record, "deleted": True, "merged_into_id": "'; DROP TABLE x"}), ("Find",)
    ),
    "ids that no box has": lookup(lambda groups: [[{"id": "é" * 5000, "title": "x"}] for _ in groups]),
}
"""What is stored as far as it can be, or left out: each reading ends well, and so does the next."""


@pytest.mark.parametrize("name", BELIEVED)
def test_what_can_be_stored_is_stored_and_mended(hostile: Hostile, name: str) -> None:
    with hostile.spoilt(BELIEVED[name]):
        report = hostile.read()
    assert report.stopped is None and not report.failures
    state = hostile.state()
    assert {row[0] for row in state["scenes"]} == {row[0] for row in hostile.honest["scenes"]}
    # nothing was lost: a deleted record keeps its last document
    assert all(row[3] for row in state["scenes"]) and len(state["prints"]) == len(hostile.honest["prints"])
    assert all(row[2] != row[0] for kind in KINDS_OF_RECORDS for row in state[kind])
    if name in ("every scene twice", "one alias of many", "nulls among scenes", "members that nobody asked for"):
        assert state == hostile.honest
    report = hostile.read()
    assert report.stopped is None and not report.failures
    assert hostile.state() == hostile.honest


def test_a_box_that_merges_every_record_into_another_one_is_left_after_a_while(hostile: Hostile) -> None:
    seen: list[str] = []

    def into_the_next(record: dict[str, Any]) -> dict[str, Any]:
        seen.append(record["id"])
        return {"id": record["id"], "deleted": True, "merged_into_id": f"{len(seen):08x}-aaaa-4000-8000-000000000000"}

    def spoil(exchange: Exchange) -> bool:
        if operation(exchange) != "Find" or "findPerformer" not in exchange.query:
            return False
        data = {alias: into_the_next({"id": wanted}) for alias, wanted in exchange.variables.items()}
        return exchange.send({"data": data})

    with hostile.spoilt(spoil):
        report = hostile.read()
    assert len(seen) <= 45 * 12
    assert report.tables["performers"].due > report.tables["performers"].asked
    hostile.forget()
    hostile.read()
    assert hostile.state() == hostile.honest


def test_a_hostile_box_learns_hashes_and_ids_alone(hostile: Hostile) -> None:
    sent: list[Any] = []

    def listen(exchange: Exchange) -> bool:
        sent.append(exchange.variables)
        return False

    with hostile.spoilt(listen):
        hostile.read()
    texts = set(re.findall(r'"([^"]*)"', json.dumps(sent)))
    named = {"fingerprints", "hash", "algorithm", "OSHASH", "PHASH", "input", "target_type", "target_id", "operation",
             "MERGE", "applied", "sort", "CLOSED_AT", "direction", "DESC", "page", "per_page", "SCENE", "PERFORMER",
             "STUDIO", "TAG", *(f"i{number}" for number in range(40))}  # fmt: skip
    assert sent and all(re.fullmatch(r"[0-9a-f]{1,16}|[0-9a-f-]{36}", text) for text in texts - named)
    assert isinstance(Fingerprint("OSHASH", 1).as_input(), dict)
