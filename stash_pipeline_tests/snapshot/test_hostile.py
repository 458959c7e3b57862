"""A file from the network can be anything: reading it gives documents or an error sentence."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from stash_pipeline.stash.snapshot.database import Snapshot, SnapshotError
from stash_pipeline_tests.snapshot.working import all_documents, change, library_file


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library_file(tmp_path_factory.mktemp("snapshot") / "good.sqlite")


@pytest.fixture
def file(good: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(good.read_bytes())
    return copy


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(SnapshotError) as caught:
        all_documents(path, **options)
    return str(caught.value)


def test_a_file_without_a_stash_database_is_rejected(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "page"
    path.write_text("<!DOCTYPE html><title>Login</title>")
    assert "not an SQLite database" in refused(path)
    path.write_bytes(b"")
    assert "not an SQLite database" in refused(path)
    assert "cannot be read" in refused(tmp_path / "nothing")
    assert "not a Stash database" in refused(change(file, "ALTER TABLE schema_migrations RENAME TO other"))


@pytest.mark.parametrize("kept", [100, 4096, 0.5, 0.99])
def test_a_truncated_copy_is_rejected(file: Path, kept: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    assert "truncated" in refused(file)


def test_an_incomplete_migration_and_an_unknown_version_are_rejected(file: Path) -> None:
    assert "is incomplete" in refused(change(file, "UPDATE schema_migrations SET dirty = 1"))
    change(file, "UPDATE schema_migrations SET dirty = 0, version = 99")
    assert "schema version 99; the snapshot lane supports 45 to 75" in refused(file)
    change(file, "INSERT INTO schema_migrations VALUES (75, 0)")
    assert "without a schema version" in refused(file)


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_gives_documents_or_an_error_sentence(file: Path, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(file.read_bytes())
    for _ in range(rng.choice([1, 10, 300])):
        # not the size that the header tells: that one is compared first
        position = rng.randrange(100, len(content))
        content[position] = rng.randrange(256)
    file.write_bytes(bytes(content))
    for check in (True, False):
        try:
            with Snapshot(file, check=check, seconds=20):
                all_documents(file, check=check, seconds=20)
        except SnapshotError as error:
            assert str(error)


def test_a_view_or_computed_column_instead_of_a_table_is_not_read(file: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT * FROM n JOIN old"
    change(file, "ALTER TABLE tags RENAME TO old", f"CREATE VIEW tags AS {endless}")
    assert "does not match its version" in refused(file)
    change(file, "DROP VIEW tags", "CREATE TABLE tags AS SELECT * FROM old")
    change(file, "ALTER TABLE tags ADD COLUMN more AS (hex(zeroblob(100000000)))")
    assert "does not match its version" in refused(file)


def test_reading_has_a_time_limit(tmp_path: Path) -> None:
    assert "took too long" in refused(library_file(tmp_path / "large.sqlite", 1500), seconds=0)


def test_a_missing_column_is_reported(file: Path) -> None:
    assert "does not match its version" in refused(change(file, "ALTER TABLE scenes DROP COLUMN code"))


def test_invalid_values_lose_neither_their_object_nor_others(file: Path) -> None:
    change(
        file,
        "UPDATE scenes SET title = CAST(x'ff41fe' AS TEXT) WHERE id = 1",
        "UPDATE scenes SET title = 'a' || char(0) || 'b' WHERE id = 2",
        "UPDATE scenes SET rating = 'many' WHERE id = 3",
        "UPDATE scenes SET title = x'4142' WHERE id = 4",
        "UPDATE scenes SET created_at = 'yesterday' WHERE id = 5",
        "UPDATE scenes SET created_at = 1700000000 WHERE id = 6",
        "UPDATE scenes SET created_at = '2024-02-30 10:00:00' WHERE id = 7",
        "UPDATE scenes SET created_at = '2024-02-29 10:00:00' WHERE id = 8",
        "UPDATE scenes SET date = '', date_precision = NULL WHERE id = 9",
        "UPDATE scenes SET resume_time = 1e300 WHERE id = 10",
        "UPDATE scenes SET date = 1990, date_precision = 2 WHERE id = 11",
    )
    found = {document.id: orjson.loads(document.json) for document in all_documents(file)["scenes"]}
    assert len(found) == 30
    assert found[1]["title"] == "\ufffdA\ufffd"
    assert found[2]["title"] == "a\ufffdb"
    assert "rating100" not in found[3] and "many" in found[3]["unreadable"]["rating100"]
    assert found[4]["title"] == "AB"
    assert "created_at" not in found[5]
    assert found[6]["created_at"] == "2023-11-14T22:13:20Z"
    assert "created_at" not in found[7]
    assert found[8]["created_at"] == "2024-02-29T10:00:00Z"
    assert found[9]["date"] == "0001-01-01"
    assert found[10]["resume_time"] == 1e300
    # numbers are seconds
    assert found[11]["date"] == "1970-01-01"


def test_an_image_in_the_database_is_read_by_its_checksum(file: Path) -> None:
    change(file, "INSERT INTO blobs (checksum, blob) VALUES ('abc', x'0102'), ('elsewhere', NULL)")
    with Snapshot(file) as snapshot:
        assert snapshot.blob("abc") == b"\x01\x02"
        assert snapshot.blob("elsewhere") is None and snapshot.blob("none") is None


def test_keys_sessions_and_accounts_are_not_read(file: Path) -> None:
    change(file, "CREATE TABLE users (name TEXT, secret TEXT)", "INSERT INTO users VALUES ('someone', 'not-a-secret')")
    assert all(b"not-a-secret" not in one.json for found in all_documents(file).values() for one in found)


@pytest.mark.parametrize("depth", [150, 300, 1_000, 100_000])
def test_json_that_is_nested_too_deeply_is_unreadable(file: Path, depth: int) -> None:
    nested = f"replace(hex(zeroblob({depth})), '00', '[') || replace(hex(zeroblob({depth})), '00', ']')"
    change(file, "UPDATE saved_filters SET object_filter = '{\"a\":' || " + nested + " || '}' WHERE id = 1")
    (document, *_) = all_documents(file)["saved_filters"]
    assert document.unreadable == (() if depth == 150 else ("object_filter",))


def test_an_overlong_text_is_unreadable_and_loses_only_itself(file: Path) -> None:
    change(file, "UPDATE scenes SET title = hex(zeroblob(600000)), details = 'here' WHERE id = 1")
    scene = all_documents(file)["scenes"][0]
    assert scene.unreadable == ("title",) and orjson.loads(scene.json)["details"] == "here" and len(scene.json) < 10_000


def test_an_invalid_reference_breaks_its_object(file: Path) -> None:
    change(file, "PRAGMA foreign_keys = OFF", "UPDATE scenes SET studio_id = 'abc' WHERE id = 1")
    assert all_documents(file)["scenes"][0].broken == "studio is no usable id."


def test_tables_without_unique_ids_are_rejected(file: Path) -> None:
    change(file, "CREATE TABLE other AS SELECT * FROM tags", "PRAGMA legacy_alter_table = ON")
    change(file, "PRAGMA foreign_keys = OFF", "DROP TABLE tags", "ALTER TABLE other RENAME TO tags")
    assert "the ids of tags" in refused(file)
