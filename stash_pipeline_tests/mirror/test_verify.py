"""Verification detects, names and repairs any change to a stored row."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import edit_instance, get_instance
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.integrity import check_documents, check_instance
from stash_pipeline.warehouse.entities.sql import TABLES
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline_tests.conftest import as_superuser, create_database, drop_database
from stash_pipeline_tests.mirror.events import statements
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror, generated, new_mirror, run_command

pytestmark = pytest.mark.faults


@pytest.fixture
def server(warehouse: str, home: Path) -> Mirror:
    """A mirror of everything except groups, so references to groups are dangling."""
    made = new_mirror(warehouse, home, generated(40, seed=5))
    made.refresh([kind for kind in BY_NAME if kind != "groups"])
    return made


def damage(server: Mirror, statement: str) -> None:
    """Changes stored rows behind the pipeline's back; ``{raw.scenes}`` stands for the instance's partition."""
    for kind in [f"raw.{name}" for name in BY_NAME] + [f"stash.{name}" for name in TABLES]:
        statement = statement.replace("{" + kind + "}", partition(kind, server.instance.id))
    with connect(as_superuser(server.database_url)) as connection:
        # as a damaged page or another session would: no foreign key is asked
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.replace("{instance}", str(server.instance.id))).rowcount > 0


def report(server: Mirror, sample: int | None = None) -> Any:
    with connect(server.database_url) as connection:
        return check_instance(connection, server.instance.id, sample)


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
def test_verify_accepts_an_untouched_mirror(warehouse: str, home: Path, release: str, lane: Any) -> None:
    server = new_mirror(warehouse, home, generated(60, seed=3), release)
    server.refresh(lane=lane)
    for event in ("a tag is destroyed", "performers are merged", "scenes change studios", "aliases change"):
        server.sql(*statements(event, 1))
    server.refresh(lane=lane)
    checked = report(server)
    assert checked.intact, checked.lines()
    assert checked.documents.documents == sum(len(server.live_ids(kind) | server.dead_ids(kind)) for kind in BY_NAME)


DOCUMENTS = {
    "a text": 'UPDATE {raw.scenes} SET document = document || \'{"title": "another"}\' WHERE id = 3',
    "mojibake": "UPDATE {raw.tags} SET document = document || jsonb_build_object('name', 'Ã¤') WHERE id = 3",
    "a number": "UPDATE {raw.files} SET document = document || '{\"size\": 1}' WHERE id = 3",
    "a field that is gone": "UPDATE {raw.scenes} SET document = document - 'created_at' WHERE id = 3",
    "an order": "UPDATE {raw.scenes} SET document = jsonb_set(document, '{tags}', '[3, 2, 1]') WHERE id = 3",
    "the hash": "UPDATE {raw.studios} SET hash = decode(md5('x'), 'hex') WHERE id = 3",
}


@pytest.mark.parametrize("statement", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_verify_detects_a_changed_document(server: Mirror, statement: str) -> None:
    damage(server, statement)
    checked = report(server)
    kind = statement.split("raw.")[1].split("}")[0]
    assert [(row.entity, row.id) for row in checked.documents.damaged] == [(kind, 3)]
    assert "document" in checked.documents.damaged[0].columns


def test_verify_detects_a_changed_timestamp_and_a_lost_row(server: Mirror) -> None:
    damage(server, "UPDATE {raw.scenes} SET server_updated_at = server_updated_at + interval '1 hour' WHERE id = 2")
    damage(server, "DELETE FROM {raw.tags} WHERE id = 1")
    lines = report(server).documents.lines()
    assert "raw.scenes 2: server_updated_at differs from what was stored" in lines
    tags = len(server.live_ids("tags"))
    assert f"raw.tags: {tags} live documents, {tags + 1} counted" in lines


TABLES_DAMAGED = {
    "a value": ("UPDATE {stash.scenes} SET title = 'another' WHERE id = 3", "scenes id 3: title differs"),
    "a reference": (
        "UPDATE {stash.scenes} SET studio_id = NULL\n"
        "WHERE id = (SELECT min(id) FROM {stash.scenes} WHERE studio_id > 0)",
        "studio_id differs",
    ),
    "a row that is gone": ("DELETE FROM {stash.performers} WHERE id = 2", "performers id 2: missing"),
    "a join that is gone": (
        "DELETE FROM {stash.scene_tags} WHERE (scene_id, tag_id) IN (SELECT scene_id, tag_id FROM {stash.scene_tags}\n"
        "    ORDER BY 1, 2 LIMIT 1)",
        "missing",
    ),
    "a join too many": (
        "INSERT INTO {stash.scene_tags} (instance_id, scene_id, tag_id) VALUES ({instance}, 1, 999999)",
        "scene_tags scene_id 1, tag_id 999999: left over",
    ),
    "the order of a list": ("UPDATE {stash.scene_urls} SET position = position + 1000", "position 1000: left over"),
    "a dangling reference": (
        "DELETE FROM ops.dangling_references WHERE instance_id = {instance}",
        "ops.dangling_references scene_groups.group_id of scenes",
    ),
    "a count": (
        "UPDATE ops.row_counts SET rows = rows + 1 WHERE instance_id = {instance} AND table_name = 'stash.scenes'",
        "scenes: 41 counted",
    ),
}


@pytest.mark.parametrize(("statement", "line"), TABLES_DAMAGED.values(), ids=TABLES_DAMAGED.keys())
def test_verify_detects_a_table_that_differs_from_its_rebuild(server: Mirror, statement: str, line: str) -> None:
    damage(server, statement)
    checked = report(server)
    assert checked.documents.intact
    assert any(line in found for found in checked.lines()), checked.lines()


def test_verify_compares_every_column_of_every_table(mirrored: MakeMirror) -> None:
    server = mirrored(60, seed=3)
    changed: dict[str, str] = {}
    with connect(as_superuser(server.database_url)) as connection:
        connection.execute("SET session_replication_role = replica")
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns\n"
            "WHERE table_schema = 'stash' AND is_nullable = 'YES' AND table_name = ANY(%s)",
            [list(TABLES)],
        )
        for name, column in rows.fetchall():
            # a row of its own for each column
            leaf = partition(f"stash.{name}", server.instance.id)
            row = connection.execute(
                f"UPDATE {leaf} AS t SET {column} = NULL WHERE ctid =\n"
                f"    (SELECT ctid FROM {leaf} WHERE {column} IS NOT NULL AND xmin::text::bigint <> ALL(%s) LIMIT 1)\n"
                f"RETURNING {TABLES[name].key[0]}, xmin::text::bigint",
                [list(changed.values())],
            ).fetchone()
            if row:
                changed[f"{name}.{column}"] = row[1]
        found = check_instance(connection, server.instance.id)
    assert len(changed) > 60
    differing = {
        f"{difference.table}.{column}"
        for difference in found.tables
        for example in difference.examples
        for column in example.rpartition(": ")[2].removesuffix("s").removesuffix(" differ").split(", ")
    }
    # a table names ten of its rows
    assert {name.split(".")[0] for name in changed} == {difference.table for difference in found.tables}
    assert sum(difference.different for difference in found.tables) == len(changed)
    assert differing <= set(changed)


def test_a_sample_checks_the_given_number_of_documents_per_entity(server: Mirror) -> None:
    with connect(server.database_url) as connection:
        checked = check_documents(connection, server.instance.id, 3)
    assert checked.intact and len(BY_NAME) < checked.documents <= 3 * len(BY_NAME)


def test_verify_reports_a_document_that_no_table_can_hold(server: Mirror) -> None:
    damage(server, 'UPDATE {raw.scenes} SET document = document || \'{"organized": "perhaps"}\' WHERE id = 3')
    checked = report(server)
    assert "raw.scenes 3: document differs from what was stored" in checked.lines()
    assert "cannot be built from the documents" in checked.not_compared


def test_verify_writes_nothing(server: Mirror) -> None:
    damage(server, "UPDATE {stash.scenes} SET title = 'another' WHERE id = 3")
    before = server.state()
    report(server)
    assert server.state() == before


# --- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def alone(postgres: str, _template: str) -> Iterator[str]:
    """A database with one instance, because the command checks all instances."""
    yield create_database(postgres, "verified", _template)
    drop_database(postgres, "verified")


@pytest.fixture
def running(alone: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A listening server, and its mirror, refreshed by the command."""
    made = new_mirror(alone, home, generated(30, seed=5))
    with made.stash.running() as address, connect(alone) as connection:
        edit_instance(connection, made.instance.name, home=home, url=address.url)
        made.instance = get_instance(connection, made.instance.name)
        assert run_command(made, monkeypatch, "sync") == 0
        yield made


def test_the_verify_command_names_differences_and_exits_with_1(
    running: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run_command(running, monkeypatch, "verify") == 0
    assert "are intact" in capsys.readouterr().out
    damage(running, DOCUMENTS["mojibake"])
    damage(running, TABLES_DAMAGED["a value"][0])
    assert run_command(running, monkeypatch, "verify", running.instance.name) == 1
    said = capsys.readouterr().out
    assert "raw.tags 3: document differs from what was stored" in said and "scenes id 3: title differs" in said
    assert f"stash-pipeline verify {running.instance.name} --repair" in said
    assert run_command(running, monkeypatch, "verify", "--json") == 1
    (outcome,) = json.loads(capsys.readouterr().out)
    assert outcome["intact"] is False and any("raw.tags 3" in line for line in outcome["differences"])


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
def test_repair_reads_objects_again_and_rebuilds_tables(
    running: Mirror, home: Path, lane: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(running.database_url) as connection:
        edit_instance(connection, running.instance.name, home=home, lane=lane)
    last = max(running.ids("tags"))
    running.sql(*statements("a tag is destroyed", 1))
    assert run_command(running, monkeypatch, "sync", "--mode", "sweep") == 0
    for statement in DOCUMENTS.values():
        damage(running, statement)
    damage(running, f"UPDATE {{raw.tags}} SET document = '{{\"id\": {last}}}' WHERE id = {last}")
    damage(running, "DELETE FROM {raw.performers} WHERE id = 4")
    for statement, _ in TABLES_DAMAGED.values():
        # there are none here
        if "dangling" not in statement:
            damage(running, statement)
    capsys.readouterr()
    assert run_command(running, monkeypatch, "verify", "--repair") == 0
    assert "All of them were repaired." in capsys.readouterr().out
    assert run_command(running, monkeypatch, "verify") == 0
    assert not running.differences()


def test_objects_that_cannot_be_read_again_stay_marked_for_the_next_refresh(
    running: Mirror, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(running.database_url) as connection:
        reachable = get_instance(connection, running.instance.name).url
        edit_instance(connection, running.instance.name, home=home, url="http://127.0.0.1:9")
    damage(running, DOCUMENTS["a text"])
    capsys.readouterr()
    assert run_command(running, monkeypatch, "verify", "--repair") == 1
    said = capsys.readouterr().out
    assert "refuses connections" in said and "the next successful sync reads the damaged documents again (1)" in said
    with connect(running.database_url) as connection:
        edit_instance(connection, running.instance.name, home=home, url=reachable)
    assert run_command(running, monkeypatch, "sync") == 0
    assert run_command(running, monkeypatch, "verify") == 0


def test_verify_detects_text_in_another_encoding(
    running: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(running.database_url) as connection:
        leaf = partition("raw.scenes", running.instance.id)
        connection.execute(
            f'UPDATE {leaf} SET document = convert_from(convert_to((document || \'{{"title": "漢字"}}\')::text,\n'
            "    'UTF8'), 'LATIN1')::jsonb WHERE id = 1"
        )
    assert run_command(running, monkeypatch, "verify") == 1
    assert "raw.scenes 1: document differs from what was stored" in capsys.readouterr().out
