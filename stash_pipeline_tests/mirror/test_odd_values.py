"""Unusual values of real libraries: nothing is lost, nothing fails."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.simulator.http import encode
from stash_pipeline.stash.errors import StashError
from stash_pipeline.sync.safeguards import SuspiciousServerError
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.mirror.working import URL, Mirror, generated, new_mirror

ODD_TEXTS = [
    "",
    " ",
    "\t\n\r",
    "\\",
    "\\N",
    "\\.",
    "\\x41",
    "\\u0041",
    "'",
    '"',
    "''",
    "$1",
    "%s",
    "{}",
    "NULL",
    "null",
    "\x7f",
    "\x01\x1f",
    "ünïcödé",
    "漢字",
    "😀👩‍👩‍👧‍👦",
    "\u202eright to left",
    "e\u0301",
    "\ufeff",
    "\ufffd",
    "\u2028\u2029",
    "a" * 10_000,
    "&lt;<>&",
    "İıẞß",
    "\U0010ffff",
]


@pytest.fixture
def server(warehouse: str, home: Path) -> Mirror:
    return new_mirror(warehouse, home, generated(40, seed=2))


def answering(server: Mirror, change: Any, query: str = "findScenes") -> None:
    """Passes the ``data`` of every response to the query through a function."""

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if query not in payload["query"] or "created_at" not in payload["query"]:
            return None
        answer = server.stash.engine.answer(server.stash.context(URL), payload["query"], payload["variables"], None)
        changed = change(answer.body["data"][query])
        content = changed if isinstance(changed, bytes) else encode(answer.body)
        return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

    server.hook = hook


def scene(server: Mirror, number: int = 1) -> dict[str, Any]:
    with connect(server.database_url) as connection:
        cursor = connection.execute(
            "SELECT to_jsonb(s) FROM stash.scenes s WHERE instance_id = %s AND id = %s",
            [server.instance.id, number],
        )
        row = cursor.fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def test_unusual_texts_are_mirrored_unchanged(server: Mirror) -> None:
    library = server.stash.library
    for number, text in enumerate(ODD_TEXTS, 1):
        library.execute("UPDATE scenes SET title = ?, details = ? WHERE id = ?", (text, f"x{text}x", number))
        library.execute(
            "UPDATE files SET basename = ? WHERE id = ?", (f"{number}{text[:200].replace('/', '')}", number)
        )
        library.execute("INSERT INTO performer_aliases VALUES (1, ?)", (f"{number}{text[:100]}",))
        library.execute("INSERT INTO scene_urls VALUES (?, 50, ?)", (number, text))
    library.execute("UPDATE tags SET name = ? WHERE id = 1", ("\\N\t\\.\n",))
    server.refresh()
    assert not server.differences()
    server.refresh()
    assert not server.differences()


def test_texts_that_differ_only_in_case_or_spaces_stay_distinct(server: Mirror) -> None:
    for alias in ("a", "A", " a", "a ", "á", "a\u0301"):
        server.stash.library.execute("INSERT INTO performer_aliases VALUES (2, ?)", (alias,))
    server.refresh()
    assert not server.differences()


def test_null_and_empty_stay_distinct(server: Mirror) -> None:
    server.sql("UPDATE tags SET description = NULL WHERE id = 1", "UPDATE tags SET description = '' WHERE id = 2")
    server.refresh()
    with connect(server.database_url) as connection:
        rows = connection.execute(
            "SELECT id, description FROM stash.tags WHERE instance_id = %s AND id IN (1, 2) ORDER BY id",
            [server.instance.id],
        ).fetchall()
    answers = {int(o["id"]): o["description"] for o in simulated_answers(server.stash).objects["tags"]}
    assert rows == [(1, answers[1]), (2, answers[2])]
    assert not server.differences()


UNFIT: list[tuple[str, Any]] = [
    ("rating100", 2**31),
    ("rating100", -(2**31) - 1),
    ("rating100", 1.5),
    ("rating100", "80"),
    ("rating100", 2**80),
    ("title", {"a": 1}),
    ("title", ["x"]),
    ("organized", "yes"),
    ("organized", 1),
    ("play_duration", "long"),
    ("created_at", "yesterday"),
    ("created_at", "2024-13-01T00:00:00Z"),
    ("created_at", "2023-02-30T00:00:00Z"),
    ("created_at", "2024-01-01T00:00:00+99:00"),
    ("created_at", "2024-01-01 00:00:00"),
    ("created_at", "２０２４-01-01T00:00:00Z"),
    ("created_at", "2024-01-01T00:00:00.Z"),
    ("created_at", 5),
    ("stash_ids", [{"endpoint": "e", "stash_id": "s", "updated_at": "2023-02-30T00:00:00Z"}]),
    ("play_history", ["2023-02-30T00:00:00Z"]),
    ("play_history", ["0000-01-01T00:00:00Z"]),
    ("paths", "none"),
    ("date", 2024),
    ("date", ["2024"]),
]


def test_a_value_that_its_column_cannot_hold_loses_only_itself(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(len(UNFIT) + 10, seed=2))
    server.refresh()
    before = server.state()
    spoiled = dict(enumerate(UNFIT, 2))

    def change(data: Any) -> None:
        for entry in data["scenes"]:
            if int(entry["id"]) in spoiled:
                field, value = spoiled[int(entry["id"])]
                entry[field] = value
                entry["details"] = "the rest is here"

    answering(server, change)
    server.refresh(["scenes"])
    for number, (field, value) in spoiled.items():
        assert scene(server, number)["details"] == "the rest is here", (field, value)
    untouched = [row for row in before["scenes"] if json.loads(row)["id"] not in spoiled]
    assert set(untouched) <= set(server.state()["scenes"])
    server.hook = None
    server.refresh(["scenes"])
    assert server.state() == before
    assert not server.differences()


ENDS_OF_TIME = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]


@pytest.mark.parametrize("value", ENDS_OF_TIME)
def test_times_outside_of_python_s_range_are_compared(server: Mirror, value: str) -> None:
    def change(data: Any) -> None:
        for entry in data["scenes"]:
            if entry.get("id") == "1":
                entry["created_at"] = value

    answering(server, change)
    server.refresh()
    server.hook = None
    with pytest.raises(SuspiciousServerError, match="scenes 1 was created at"):
        server.refresh()
    server.refresh(accept_removals=True)
    assert not server.differences()


@pytest.mark.parametrize("value", ENDS_OF_TIME)
def test_extreme_times_can_be_stored_and_shown(server: Mirror, value: str) -> None:
    from stash_pipeline.assets.metadata import preview
    from stash_pipeline.warehouse.tables import RAW, STASH

    def change(data: Any) -> None:
        for entry in data["scenes"]:
            entry["created_at"] = value

    answering(server, change)
    server.refresh(["scenes"])
    with connect(server.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM stash.scenes WHERE instance_id = %s AND created_at = %s::timestamptz",
            [server.instance.id, value],
        ).fetchone()
        assert row == (40,)
        for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
            connection.execute(f"SET TimeZone = '{zone}'")
            assert preview(connection, STASH["scenes"], server.instance.id).md_str
            assert preview(connection, RAW["scenes"], server.instance.id).md_str


def test_nul_and_lone_surrogates_are_replaced_and_nothing_else_is_lost(server: Mirror) -> None:
    def change(data: Any) -> bytes:
        for entry in data["scenes"]:
            if entry["id"] == "2":
                entry["title"] = "nul \x00 here"
                entry["urls"] = ["a\x00b"]
            if entry["id"] == "3":
                entry["code"] = "odd \ud800 one"
        return json.dumps({"data": {"findScenes": data}}).encode()

    answering(server, change)
    server.refresh(["scenes"])
    assert scene(server, 2)["title"] == "nul \ufffd here"
    assert scene(server, 3)["code"] == "odd \ufffd one"
    assert len(server.ids("scenes")) == 40


def test_invalid_utf_8_does_not_make_a_library_unreadable(server: Mirror) -> None:
    """Stash passes file names on unchanged, for instance Latin-1 from an old share."""

    def change(data: Any) -> bytes:
        for entry in data["files"]:
            if entry["id"] == "2":
                entry["basename"] = "caf@.mp4"
        return json.dumps({"data": {"findFiles": data}}).encode().replace(b"caf@.mp4", b"caf\xe9.mp4")

    answering(server, change, "findFiles")
    server.refresh()
    with connect(server.database_url) as connection:
        row = connection.execute(
            "SELECT basename FROM stash.files WHERE instance_id = %s AND id = 2", [server.instance.id]
        ).fetchone()
    assert row == ("caf\ufffd.mp4",)


@pytest.mark.parametrize("length", [600, 3000, 100_000])
def test_texts_of_any_length_do_not_fail_a_refresh(server: Mirror, length: int) -> None:
    long = "".join(chr(0x4E00 + n % 5000) for n in range(length))
    library = server.stash.library
    library.execute("UPDATE scenes SET title = ?, code = ?, director = ? WHERE id = 1", (long,) * 3)
    library.execute("UPDATE tags SET name = ?, sort_name = ? WHERE id = 1", (long, long))
    library.execute("UPDATE performers SET name = ?, country = ? WHERE id = 1", (long, long))
    library.execute("UPDATE files SET basename = ? WHERE id = 1", (long,))
    library.execute("UPDATE folders SET path = '/' || ? WHERE id = 1", (long,))
    library.execute("INSERT INTO scene_urls VALUES (1, 9, ?)", (long,))
    library.execute("UPDATE galleries SET title = ? WHERE id = 1", (long,))
    server.refresh()
    assert not server.differences()


@pytest.mark.parametrize("length", [600, 3000])
def test_an_overlong_join_key_loses_only_itself(server: Mirror, length: int) -> None:
    long = "".join(chr(0x4E00 + n % 5000) for n in range(length))
    library = server.stash.library
    library.execute("DELETE FROM performer_aliases WHERE performer_id = 1")
    library.execute("INSERT INTO performer_aliases VALUES (1, 'short')")
    library.execute("INSERT INTO performer_aliases VALUES (1, ?)", (long,))
    library.execute("INSERT INTO files_fingerprints VALUES (1, 'md5', ?)", (long,))
    server.refresh()
    with connect(server.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM stash.performer_aliases\n"
            "WHERE instance_id = %s AND performer_id = 1 AND alias = 'short'",
            [server.instance.id],
        ).fetchone()
        assert row == (1,)
        row = connection.execute(
            "SELECT count(*) FROM stash.file_fingerprints WHERE instance_id = %s AND file_id = 1 AND type = 'oshash'",
            [server.instance.id],
        ).fetchone()
        assert row == (1,)


def test_a_duplicate_stash_id_is_one_row_in_any_order(server: Mirror) -> None:
    rows = [
        (1, "https://box.example", "same", "2024-01-01T00:00:00Z"),
        (1, "https://box.example", "same", "2025-01-01T00:00:00Z"),
    ]
    server.sql("DELETE FROM performer_stash_ids WHERE performer_id = 1")
    server.stash.library.execute_many("INSERT INTO performer_stash_ids VALUES (?, ?, ?, ?)", rows)
    server.refresh()
    first = server.state()["performer_stash_ids"]
    server.sql("DELETE FROM performer_stash_ids WHERE performer_id = 1")
    server.stash.library.execute_many("INSERT INTO performer_stash_ids VALUES (?, ?, ?, ?)", rows[::-1])
    server.refresh()
    assert server.state()["performer_stash_ids"] == first


def test_an_object_without_a_usable_id_ends_the_sync_and_removes_nothing(server: Mirror) -> None:
    server.refresh()

    def change(data: Any) -> None:
        data["scenes"][0]["id"] = "²"

    answering(server, change)
    with pytest.raises(StashError):
        server.read(["scenes"])
    assert not server.dead_ids("scenes")


def test_a_server_under_a_base_path_gives_the_same_rows(warehouse: str, home: Path) -> None:
    """Behind a proxy with a base path, the URLs of Stash contain that path."""
    from stash_pipeline.stash.client import StashClient
    from stash_pipeline.sync.run import run_sync
    from stash_pipeline_tests.mirror.working import SimulatorTransport

    server = new_mirror(warehouse, home, generated(20, seed=2))
    server.refresh()
    plain = server.state()
    below = new_mirror(warehouse, home, server.stash.library)
    below.stash = server.stash
    transport = SimulatorTransport(server.stash)
    server.stash.external_host = f"{URL}/media/stash"
    client = StashClient(f"{URL}/media/stash", transport=transport)
    run_sync(below.settings, warehouse, below.instance, ["scenes", "performers", "tags"], client=client)
    below.transform()
    state = below.state()
    assert state["tags"] == plain["tags"]
    assert state["performers"] == plain["performers"]
    for row, other in zip(state["scenes"], plain["scenes"], strict=True):
        assert json.loads(row)["screenshot_path"] == json.loads(other)["screenshot_path"]


def test_no_api_key_is_stored_anywhere(warehouse: str, home: Path) -> None:
    from stash_pipeline.instances import get_instance
    from stash_pipeline.simulator.server import SimulatedStash
    from stash_pipeline.sync.run import run_sync
    from stash_pipeline_tests.mirror.working import register, settings_for

    key = "eyJhbGciOi-the-secret"
    stash = SimulatedStash(generated(20), api_key=key)
    with stash.running() as running:
        instance = register(warehouse, home, running.url, api_key=key)
        run_sync(
            settings_for(home, warehouse), warehouse, instance, ["scenes", "scene_markers", "images", "configuration"]
        )
    with connect(warehouse) as connection:
        assert get_instance(connection, instance.name).release
        for table in (
            "ops.instances",
            "ops.sync_runs",
            "raw.pages",
            "raw.scenes",
            "raw.scene_markers",
            "raw.configuration",
        ):
            row = connection.execute(
                f"SELECT count(*) FROM {table} t WHERE to_jsonb(t)::text LIKE '%%the-secret%%'"
            ).fetchone()
            assert row == (0,), table
