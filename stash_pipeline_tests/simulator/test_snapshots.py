"""Copies of a server's database: their content, in the tables of each release."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import NEWEST_COPY, Backups
from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.simulator.conftest import BACKUP, Make, Recording, address_of, data, get_from, only_error

OLDER = [
    ("v0.20", 45), ("v0.21", 46), ("v0.22", 48), ("v0.23", 52), ("v0.24", 54), ("v0.25", 55), ("v0.26", 58),
    ("v0.27.0", 67), ("v0.27.1", 68), ("v0.28", 72), ("v0.30", 75),
]  # fmt: skip


@pytest.fixture(scope="module")
def _odd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = Library.create()
    generate_library(library, scenes=60, seed=11, clips=False)
    urls = ["https://x.com/lamp", "https://one.example/a", "http://www.instagram.com/lamp", "https://two.example/b"]
    library.execute("DELETE FROM performer_urls WHERE performer_id = 1")
    library.execute_many("INSERT INTO performer_urls VALUES (1, ?, ?)", enumerate(urls))
    undated = "1970-01-01T00:00:00Z"
    for scene, dates in ((1, [undated]), (2, [undated, "2024-05-06T07:08:09Z"]), (3, [])):
        library.execute("DELETE FROM scenes_view_dates WHERE scene_id = ?", (scene,))
        library.execute_many("INSERT INTO scenes_view_dates VALUES (?, ?)", [(scene, date) for date in dates])
    library.execute("UPDATE scenes SET date = '2024-05-01', date_precision = 1 WHERE id = 1")
    library.execute("UPDATE groups SET name = 'Harbour' WHERE id IN (1, 2)")
    library.insert("saved_filters", {"name": "bare", "mode": "TAGS", "find_filter": "null", "object_filter": "null"})
    path = tmp_path_factory.mktemp("odd") / "library.sqlite"
    library.copy_into(path)
    return path


@pytest.fixture
def odd_library(_odd_file: Path) -> Library:
    """A generated library with values that older tables cannot store; servers of some releases modify it."""
    return Library.open(_odd_file)


def _copy(stash: SimulatedStash, folder: Path) -> Path:
    response = get_from(stash.app, address_of(stash))
    assert response.status_code == 200
    path = folder / "copy.sqlite"
    path.write_bytes(response.content)
    return path


def _rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def _tables(path: Path) -> dict[str, dict[str, str]]:
    """Columns with their declared types, by table."""
    names = _rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return {
        name: {column[1]: column[2].lower() for column in _rows(path, f'PRAGMA table_info("{name}")')}
        for (name,) in names
    }


# --- what is in them ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("release", "version"), OLDER)
def test_a_server_opened_from_a_copy_gives_the_same_responses(
    odd_library: Library, tmp_path: Path, release: str, version: int
) -> None:
    original = SimulatedStash(odd_library, release=release)
    path = _copy(original, tmp_path)
    assert _rows(path, "SELECT version, dirty FROM schema_migrations") == [(version, 0)]
    assert _rows(path, "PRAGMA foreign_key_check") == []
    assert _rows(path, "PRAGMA quick_check") == [("ok",)]
    again = SimulatedStash(Library.open(path), release=release)
    assert simulated_answers(again).objects == simulated_answers(original).objects


def test_a_copy_has_the_tables_of_a_real_server(recording: Recording, tmp_path: Path) -> None:
    path = _copy(recording.stash, tmp_path)
    assert _tables(path) == _tables(recording.database)
    again = SimulatedStash(Library.open(path), release=recording.release)
    assert simulated_answers(again).objects == simulated_answers(recording.stash).objects


def test_the_copy_of_the_newest_release_has_its_additions_and_an_unknown_version(make: Make, tmp_path: Path) -> None:
    stash = make(release="v0.31")
    path = _copy(stash, tmp_path)
    assert _rows(path, "SELECT version FROM schema_migrations") == [(NEWEST_COPY,)]
    for table in ("scene_custom_fields", "studios", "performers"):
        found = f"SELECT * FROM {table} ORDER BY rowid"
        assert _rows(path, found) == stash.library.tuples(found)


def test_tables_of_older_releases_contain_what_they_return(odd_library: Library, tmp_path: Path) -> None:
    path = _copy(SimulatedStash(odd_library, release="v0.20"), tmp_path)
    assert _rows(path, "SELECT url, twitter, instagram FROM performers WHERE id = 1") == [
        ("https://one.example/a", "lamp", "lamp")
    ]
    assert _rows(path, "SELECT play_count, last_played_at FROM scenes WHERE id <= 3") == [
        (1, None),
        (2, "2024-05-06T07:08:09Z"),
        (0, None),
    ]
    assert _rows(path, "SELECT filter FROM saved_filters WHERE name = 'bare'") == [('{"c":{}}',)]


@pytest.mark.parametrize("release", ["v0.20", "v0.30"])
def test_rows_are_found_by_owner_without_a_full_table_scan(odd_library: Library, tmp_path: Path, release: str) -> None:
    path = _copy(SimulatedStash(odd_library, release=release), tmp_path)
    joins = (
        ("scenes_tags", "scene_id"), ("scenes_tags", "tag_id"), ("performers_scenes", "scene_id"),
        ("scenes_files", "scene_id"), ("files_fingerprints", "file_id"), ("scene_stash_ids", "scene_id"),
        ("performer_stash_ids", "performer_id"), ("scene_markers", "scene_id"), ("images_files", "image_id"),
    )  # fmt: skip
    for table, owner in joins:
        ((*_, plan),) = _rows(path, f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {owner} = 1")
        assert plan.startswith("SEARCH"), (table, owner)


def test_a_copy_shows_the_state_at_the_time_of_the_request(stash: SimulatedStash, tmp_path: Path) -> None:
    address = address_of(stash)
    data(stash.execute('mutation{tagUpdate(input:{id:"1",name:"Later"}){id}}'))
    path = tmp_path / "copy.sqlite"
    path.write_bytes(get_from(stash.app, address).content)
    assert _rows(path, "SELECT count(*) FROM tags WHERE name = 'Later'") == [(0,)]


class _Watched(Library):
    """Signals when it is copied, and runs a query before the copy is complete."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.begun, self.log = threading.Event(), list[str]()

    def copy_into(self, path: Path, seconds: float = 0.0) -> None:
        with self.writer:
            self.begun.set()
            super().copy_into(path, seconds)
            reading = threading.Thread(target=self._read)
            reading.start()
            reading.join(60)
            self.log.append("copied")

    def _read(self) -> None:
        data(SimulatedStash(self).execute("{findTags{count}}"))
        self.log.append("read")


def test_mutations_wait_for_a_copy_and_queries_do_not() -> None:
    library = _Watched(Library.create().connection)
    generate_library(library, scenes=5, seed=1)
    stash = SimulatedStash(library, backups=Backups(seconds=0.2))
    copying = threading.Thread(target=stash.execute, args=(BACKUP,))
    copying.start()
    assert library.begun.wait(60)
    data(stash.execute('mutation{tagUpdate(input:{id:"1",name:"Later"}){id}}'))
    library.log.append("changed")
    copying.join(60)
    assert library.log == ["read", "copied", "changed"]


# --- odd ones -------------------------------------------------------------------------------------------


def test_a_copy_can_have_an_unfinished_migration_or_an_unknown_version(stash: SimulatedStash, tmp_path: Path) -> None:
    stash.backups = Backups(dirty=True, version=99)
    assert ".sqlite.99." in address_of(stash)
    path = _copy(stash, tmp_path)
    assert _rows(path, "SELECT version, dirty FROM schema_migrations") == [(99, 1)]


def test_a_copy_can_contain_unreferenced_images(stash: SimulatedStash, tmp_path: Path) -> None:
    before = stash.library.scalar("SELECT count(*) FROM blobs")
    stash.backups = Backups(blobs=12)
    path = _copy(stash, tmp_path)
    assert _rows(path, "SELECT count(*) FROM blobs") == [(before + 12,)]
    assert path.stat().st_size > 12 * 20_000
    again = SimulatedStash(Library.open(path))
    assert simulated_answers(again).objects == simulated_answers(stash).objects


def test_a_server_can_lack_the_backup_mutation(small_library: Library) -> None:
    without = SimulatedStash(small_library, backups=Backups(offered=False))
    names = '{__type(name:"Mutation"){fields{name}}}'
    offered = [data(one.execute(names))["__type"]["fields"] for one in (SimulatedStash(small_library), without)]
    assert [{"name": "backupDatabase"} in fields for fields in offered] == [True, False]
    answer = without.execute(BACKUP)
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("download", ["true", "false"])
def test_a_server_that_cannot_write_copies_returns_an_error(stash: SimulatedStash, download: str) -> None:
    stash.backups = Backups(forbidden=True)
    answer = stash.execute(f"mutation{{backupDatabase(input:{{download:{download}}})}}")
    assert answer["data"] == {"backupDatabase": None}
    message = only_error(answer)
    assert message.startswith("could not create backup directory") and message.endswith("permission denied")
