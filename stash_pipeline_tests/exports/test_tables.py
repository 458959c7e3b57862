"""Exports have the rows and types of the tables, of one state, and each file is whole or not there."""

import csv
import hashlib
import json
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.exports import folder as folders
from stash_pipeline.exports import tables
from stash_pipeline.exports.parquet import require_parquet
from stash_pipeline.exports.relations import NEVER, relations
from stash_pipeline.exports.selection import FORMATS, Format
from stash_pipeline.exports.tables import Export, export_tables
from stash_pipeline.warehouse.access import READER, WRITER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.mirror.working import looking_at, run_program

HOSTILE = [
    "two\nlines\r\nand a \"quote\", a comma", "\\N", "\\.", "", "\x01\x02\x7f", 
    "ünï – 日本 🎬", "{\"a\":1}", "=1+1", " ",
]  # fmt: skip


def export(servers: Servers, target: Path, *names: str, file_format: Format = "csv", **options: Any) -> Export:
    return export_tables(servers.database_url, names, file_format=file_format, folder=target, **options)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of an exported file."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_stored(servers: Servers, query: str) -> list[dict[str, Any]]:
    cursor = looking_at(servers.database_url).execute(query)
    columns = [column.name for column in cursor.description or []]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


@pytest.fixture
def hostile(servers: Servers) -> list[tuple[int, str]]:
    """Titles that every format has to escape, by the id of their scene on the first server."""
    instance = servers.servers[0].instance.id
    rows = servers.rows("SELECT id FROM stash.scenes WHERE instance_id = %s ORDER BY id", [instance])
    given = [(row[0], text) for row, text in zip(rows, HOSTILE, strict=False)]
    for identifier, text in given:
        servers.execute(
            "UPDATE stash.scenes SET details = %s WHERE instance_id = %s AND id = %s", [text, instance, identifier]
        )
    return given


def test_parquet_has_the_values_and_types_of_the_table(
    servers: Servers, hostile: list[tuple[int, str]], tmp_path: Path
) -> None:
    made = export(servers, tmp_path, "scenes", "scenes_full", "catalog.scenes", "file_fingerprints",
                  file_format="parquet")  # fmt: skip
    found = read(tmp_path / "stash.scenes.parquet")
    stored = as_stored(servers, "SELECT * FROM stash.scenes ORDER BY instance_id, id")
    for row in stored:
        row["custom_fields"] = None if row["custom_fields"] is None else row["custom_fields"]
    for row in found:
        row["custom_fields"] = None if row["custom_fields"] is None else json.loads(row["custom_fields"])
    assert found == stored
    assert {text for _, text in hostile} <= {row["details"] for row in found}
    schema = pq.read_schema(tmp_path / "stash.scenes.parquet")
    assert schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("date").type == pa.date32()
    assert schema.field("organized").type == pa.bool_()
    full = pq.read_schema(tmp_path / "stash.scenes_full.parquet")
    assert full.field("tags").type == pa.list_(pa.string())
    assert full.field("tag_ids").type == pa.list_(pa.int64())
    catalog = pq.read_table(tmp_path / "catalog.scenes.parquet")
    assert catalog.schema.field("id").type == pa.string()
    ids = servers.rows("SELECT id::text FROM catalog.scenes ORDER BY id")
    assert catalog["id"].to_pylist() == [row[0] for row in ids]
    assert [one.rows for one in made.tables] == [len(stored), len(stored), len(ids), made.tables[3].rows]
    assert isinstance(found[0]["created_at"], datetime) and isinstance(stored[0]["date"], (date, type(None)))


def test_csv_and_json_lines_have_the_values_of_the_table(
    servers: Servers, hostile: list[tuple[int, str]], tmp_path: Path
) -> None:
    for file_format in ("csv", "jsonl"):
        export(servers, tmp_path, "scenes_full", file_format=file_format)
    stored = as_stored(servers, "SELECT * FROM stash.scenes_full ORDER BY instance_id, id")
    lines, table = read(tmp_path / "stash.scenes_full.jsonl"), read(tmp_path / "stash.scenes_full.csv")
    assert len(lines) == len(table) == len(stored)
    for row, line, cells in zip(stored, lines, table, strict=True):
        assert list(line) == list(cells) == list(row)
        for name, value in row.items():
            if isinstance(value, datetime):
                assert datetime.fromisoformat(line[name]) == value
                assert cells[name] == value.isoformat(" ").replace("+00:00", "+00")
            elif isinstance(value, date):
                assert line[name] == cells[name] == value.isoformat()
            else:
                assert line[name] == value
                if isinstance(value, list):
                    assert json.loads(cells[name]) == value
                elif isinstance(value, bool):
                    assert cells[name] == str(value).lower()
                elif isinstance(value, str):
                    assert cells[name] == value
    text = (tmp_path / "stash.scenes_full.csv").read_text("utf-8")
    # null is nothing, the empty text is quoted
    assert ',"",' in text and ",," in text


@pytest.mark.parametrize("file_format", FORMATS)
def test_all_tables_of_an_export_are_of_one_state(
    servers: Servers, tmp_path: Path, file_format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [servers.rows(f"SELECT count(*) FROM stash.{name}")[0][0] for name in ("scene_tags", "scene_urls")]
    query = tables.require_valid
    changed: list[bool] = []

    def while_another_writes(*arguments: Any) -> None:
        query(*arguments)
        if not changed:
            # after the snapshot, before the first table is read
            changed.append(True)
            with psycopg.connect(servers.database_url, autocommit=True) as other:
                other.execute("INSERT INTO stash.scene_urls SELECT instance_id, scene_id, 'https://a.invalid', 99\n"
                              "FROM (SELECT DISTINCT instance_id, scene_id FROM stash.scene_urls) AS s")  # fmt: skip

    monkeypatch.setattr(tables, "require_valid", while_another_writes)
    try:
        made = export(servers, tmp_path, "scene_tags", "scene_urls", file_format=file_format)
    finally:
        servers.execute("DELETE FROM stash.scene_urls WHERE position = 99")
    assert changed
    assert [one.rows for one in made.tables] == before
    assert [len(read(tmp_path / one.file)) for one in made.tables] == before


def test_the_manifest_describes_the_files(servers: Servers, tmp_path: Path) -> None:
    export(servers, tmp_path, "tags", "studio_tree", where="id < 5", instances=[servers.servers[1].instance.name])
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert manifest["revision"] == servers.rows("SELECT revision FROM ops.object_log_head")[0][0]
    assert manifest["where"] == "id < 5"
    only = servers.servers[1].instance
    assert manifest["instances"] == [{"id": only.id, "name": only.name}]
    assert [one["table"] for one in manifest["tables"]] == ["stash.tags", "stash.studio_tree"]
    for one in manifest["tables"]:
        content = (tmp_path / one["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["bytes"], one["sha256"])
        rows = read(tmp_path / one["file"])
        assert len(rows) == one["rows"] > 0
        assert list(rows[0]) == [column["name"] for column in one["columns"]]
        assert {row["instance_id"] for row in rows} == {str(only.id)} and all(int(row["id"]) < 5 for row in rows)


def test_a_condition_may_name_other_tables_and_end_with_a_comment(servers: Servers, tmp_path: Path) -> None:
    made = export(servers, tmp_path, "scenes", where="studio_id IN (SELECT id FROM studios) -- those of a studio")
    (expected,) = servers.rows("SELECT count(*) FROM stash.scenes WHERE studio_id IN (SELECT id FROM stash.studios)")
    assert made.tables[0].rows == expected[0]


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("no_such_column = 1", 'column "no_such_column" does not exist'),
        ("id = 1) TO STDOUT; DROP TABLE stash.scene_urls; --", "syntax error"),
        ("true); DELETE FROM stash.scene_urls; --", "syntax error|cannot insert multiple commands"),
        ("id / (id - id) = 1", "division by zero"),
        ("set_config('transaction_read_only', 'off', true) IS NOT NULL", "read-write mode"),
        ("pg_advisory_lock(1) IS NULL AND id = 'x'", "invalid input syntax"),
    ],
)
def test_a_wrong_condition_is_reported_and_changes_nothing(
    servers: Servers, tmp_path: Path, where: str, says: str, file_format: Format
) -> None:
    before = servers.rows("SELECT count(*) FROM stash.scene_urls")
    with pytest.raises(UserError, match=says) as raised:
        export(servers, tmp_path, "scenes", where=where, file_format=file_format)
    assert "--where" in str(raised.value) and "\n" not in str(raised.value)
    assert servers.rows("SELECT count(*) FROM stash.scene_urls") == before
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")]


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_reads_as_the_role_that_can_only_read(servers: Servers, tmp_path: Path, file_format: Format) -> None:
    # a condition that leaves the role does so for its own table only
    where = f"current_user = '{READER}' AND set_config('role', 'none', true) IS NOT NULL"
    one = servers.servers[0].instance
    made = export(servers, tmp_path, "tags", "scenes", where=where, instances=[one.name], file_format=file_format)
    assert [each.rows for each in made.tables] == [
        servers.rows(f"SELECT count(*) FROM stash.{name} WHERE instance_id = %s", [one.id])[0][0]
        for name in ("tags", "scenes")
    ]
    for where in (
        "EXISTS (SELECT FROM ops.instances WHERE api_key_encrypted IS NOT NULL)",
        "EXISTS (SELECT FROM raw.scenes)",
        f"set_config('role', '{WRITER}', true) IS NOT NULL AND EXISTS (SELECT FROM raw.history)",
    ):
        with pytest.raises(UserError, match="--where does not fit stash.tags: permission denied for table"):
            export(servers, tmp_path, "tags", where=where, file_format=file_format)
    # the reader may not read documents, so these are read by the pipeline's role
    made = export(servers, tmp_path, "raw.scenes", where=f"current_user = '{WRITER}'", file_format=file_format)
    assert made.tables[0].rows == servers.rows("SELECT count(*) FROM raw.scenes")[0][0] > 0


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_that_takes_too_long_ends(servers: Servers, tmp_path: Path, file_format: Format) -> None:
    with pytest.raises(UserError, match=r"took longer than 0\.2 s .*STASH_PIPELINE_EXPORT_SECONDS"):
        export(servers, tmp_path, "scenes", where="pg_sleep(0.1) IS NOT NULL", timeout_seconds=0.2,
               file_format=file_format)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ops.instances", "not exported, because it is internal and holds keys"),
        ("ops.*", "not exported"),
        ("partitions.stash_scenes_1", "not exported"),
        ("scense", r"did you mean .*stash\.scenes"),
        ("nothing", r"docs/tables\.md lists them"),
        ("pg_catalog.pg_authid", "There is no table or view"),
        ("*.instances", "There is no table or view"),
    ],
)
def test_what_is_not_exported_is_refused(servers: Servers, tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        export(servers, tmp_path, "scenes", name)
    assert not list(tmp_path.iterdir())


def test_patterns_mean_all_that_match_and_nothing_with_keys(servers: Servers, tmp_path: Path) -> None:
    with connect(servers.database_url) as connection:
        available = relations(connection)
    assert not [name for name in available if name.partition(".")[0] in NEVER]
    made = export(servers, tmp_path, "catalog.scene_*", "*_counts", "catalog.scene_tags")
    found = [one.table for one in made.tables]
    assert found == [name for name in available if name.startswith("catalog.scene_")] + [
        name for name in available if name.startswith("stash.") and name.endswith("_counts")
    ]


def test_records_of_all_instances_are_not_of_one(servers: Servers, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"catalog\.tags has what all instances have"):
        export(servers, tmp_path, "catalog.tags", instances=[servers.servers[0].instance.name])


def test_every_table_and_view_can_be_exported(servers: Servers, tmp_path: Path) -> None:
    with connect(servers.database_url) as connection:
        names = list(relations(connection))
    made = export(servers, tmp_path, *names, file_format="parquet", where="true")
    assert [one.table for one in made.tables] == names
    assert all(len(pq.read_metadata(tmp_path / one.file).schema) for one in made.tables)
    assert sum(one.rows for one in made.tables) > 1000


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_full_disk_leaves_the_earlier_files(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: Format
) -> None:
    export(servers, tmp_path, "tags", "scenes", file_format=file_format)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self: folders.HashedFile, data: Any) -> int:
        if self.bytes > 100:
            raise OSError(28, "No space left on device")
        return write(self, data)

    write = folders.HashedFile.write
    monkeypatch.setattr(folders.HashedFile, "write", full)
    with pytest.raises(UserError, match="No space left on device.*are as before"):
        export(servers, tmp_path, "tags", "scenes", file_format=file_format)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_a_killed_export_left_is_removed(servers: Servers, tmp_path: Path) -> None:
    left = tmp_path / ".stash-pipeline-export-abc"
    left.mkdir()
    (left / "stash.tags.csv").write_text("half")
    export(servers, tmp_path, "tags")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".stash-pipeline-export.lock", "manifest.json", "stash.tags.csv",
    ]  # fmt: skip


def test_two_exports_do_not_write_to_one_folder(servers: Servers, tmp_path: Path) -> None:
    with folders.export_folder(tmp_path), pytest.raises(UserError, match="Another export is writing"):
        export(servers, tmp_path, "tags")


def test_a_folder_that_cannot_be_made_is_named(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to .*file"):
        export(servers, tmp_path / "file", "tags")


def test_parquet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("stash_pipeline.exports.parquet.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs pyarrow and adbc_driver_postgresql; install them with `pip install"):
        require_parquet()


def test_the_command_writes_the_files(
    servers: Servers, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["export", "--format", "jsonl", "tags", "scenes_full", "--out", str(out), "--json"]
    assert run_program(servers.database_url, home, monkeypatch, *command) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in printed["tables"]] == ["stash.tags.jsonl", "stash.scenes_full.jsonl"]
    assert all(len(read(out / one["file"])) == one["rows"] for one in printed["tables"])
    assert run_program(servers.database_url, home, monkeypatch, "export", "tags") == 0
    assert os.listdir(home / "exports")
